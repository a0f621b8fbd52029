#include "daemon/notifier/notifier.h"

#include "daemon/base/xalloc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

enum {
    SAID_SIZE = 400, /* of what it says on stderr: the reason is in the first line */
    REAP_PAUSE_MS = 20,
    REAP_ROUNDS = 100,
    END_LIMIT_MS = 500, /* killed, it is gone at once, unless the kernel holds it */
};

struct told {
    enum judge_event event;
    struct judge_stats stats;
    int64_t before;
};

struct notifier {
    const char *root;
    struct poller *poller;
    struct notifier_sink sink;
    char **command;
    struct judge judge;
    struct told pending; /* event JUDGE_NOTHING: none */

    /* What runs; it leads a process group of its own, in our session: the workers' reaper lets
     * that alone. */
    pid_t pid;  /* 0: nothing runs */
    int exited; /* a pidfd */
    int errors; /* its stderr */
    char said[SAID_SIZE];
    size_t said_length;
    bool late;
    pid_t group;  /* that left children behind, or 0 */
    int rounds;   /* looked for them */
    int64_t wake; /* INT64_MAX: nothing to do; 0: at once */

    bool ran;
    char *trouble; /* of the last one; NULL: it went well */
};

static void list_free(char **list)
{
    for (char **item = list; item != NULL && *item != NULL; item++)
        free(*item);
    free(list);
}

struct notifier *notifier_new(const char *root, struct poller *poller,
                              const struct notifier_sink *sink)
{
    struct notifier *notifier = xcalloc(1, sizeof *notifier);
    notifier->root = root;
    notifier->poller = poller;
    notifier->sink = *sink;
    notifier->exited = notifier->errors = -1;
    notifier->wake = INT64_MAX;
    return notifier;
}

void notifier_command(struct notifier *notifier, char *const *command)
{
    size_t count = 0;
    while (command != NULL && command[count] != NULL)
        count++;
    list_free(notifier->command);
    notifier->command = count > 0 ? xcalloc(count + 1, sizeof *command) : NULL;
    for (size_t i = 0; i < count; i++)
        notifier->command[i] = xstrdup(command[i]);
    if (count == 0)
        notifier->pending.event = JUDGE_NOTHING;
    free(notifier->trouble);
    notifier->trouble = NULL;
    notifier->ran = false;
}

/* ---- its end ---- */

static void went(struct notifier *notifier, char *trouble)
{
    free(notifier->trouble);
    notifier->trouble = trouble;
    notifier->ran = true;
    if (trouble != NULL)
        notifier->sink.failed(notifier->sink.owner, trouble);
}

static void hear(struct notifier *notifier)
{
    char buffer[4096];
    /* Once a turn. What does not fit is read as well: nobody shall wait for us. */
    ssize_t got = read(notifier->errors, buffer, sizeof buffer);
    if (got == 0)
        poller_drop(notifier->poller, notifier->errors);
    if (got <= 0)
        return;
    size_t room = sizeof notifier->said - 1 - notifier->said_length;
    size_t taken = (size_t)got < room ? (size_t)got : room;
    memcpy(notifier->said + notifier->said_length, buffer, taken);
    notifier->said_length += taken;
}

static void on_said(void *owner, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    hear(owner);
}

/* The first line of what it said, after ": "; "" where it said nothing. */
static const char *reason(struct notifier *notifier, char ret[SAID_SIZE + 2])
{
    notifier->said[notifier->said_length] = '\0';
    const char *line = notifier->said + strspn(notifier->said, " \t\r\n");
    snprintf(ret, SAID_SIZE + 2, "%s%.*s", *line != '\0' ? ": " : "",
             (int)strcspn(line, "\r\n"), line);
    for (char *c = ret; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    return ret;
}

static char *explain(struct notifier *notifier, const siginfo_t *info)
{
    char text[SAID_SIZE + 2];
    const char *program =
        notifier->command != NULL ? notifier->command[0] : "the command";
    if (notifier->late)
        return xasprintf("%s was killed after %d seconds", program,
                         NOTIFIER_LIMIT_MS / 1000);
    if (info->si_code != CLD_EXITED)
        return xasprintf("%s was killed by signal %d%s", program, info->si_status,
                         reason(notifier, text));
    if (info->si_status != 0)
        return xasprintf("%s ended with exit code %d%s", program, info->si_status,
                         reason(notifier, text));
    return NULL;
}

static void forget(struct notifier *notifier)
{
    int *fds[] = {&notifier->exited, &notifier->errors};
    for (size_t i = 0; i < 2; i++) {
        if (*fds[i] < 0)
            continue;
        poller_drop(notifier->poller, *fds[i]);
        close(*fds[i]);
        *fds[i] = -1;
    }
    notifier->pid = 0;
}

static void on_exited(void *owner, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    struct notifier *notifier = owner;
    siginfo_t info = {0};
    /* Not reaped yet its number, and that of its group, is nobody else's. */
    if (waitid(P_PID, (id_t)notifier->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0)
        return;
    kill(-notifier->pid, SIGKILL);
    waitid(P_PID, (id_t)notifier->pid, &info, WEXITED | WNOHANG);
    hear(notifier);
    notifier->group = notifier->pid;
    notifier->rounds = 0;
    notifier->wake = 0;
    char *trouble = explain(notifier, &info);
    forget(notifier);
    went(notifier, trouble);
}

/* ---- its beginning ---- */

static char **environment(const struct notifier *notifier, const struct told *told)
{
    const struct judge_stats *stats = &told->stats;
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"SNIFFER_TESTS", stats->tests},
                   {"SNIFFER_FAILURES", stats->failures},
                   {"SNIFFER_ERRORS", stats->errors},
                   {"SNIFFER_FAILED", stats->failures + stats->errors},
                   {"SNIFFER_FAILED_BEFORE", told->before}};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **list = xcalloc(count + NUMBERS + 3, sizeof *list);
    size_t used = 0;
    list[used++] = xasprintf("SNIFFER_EVENT=%s", judge_names[told->event]);
    list[used++] = xasprintf("SNIFFER_ROOT=%s", notifier->root);
    for (size_t i = 0; i < NUMBERS; i++)
        list[used++] = xasprintf("%s=%lld", numbers[i].name, (long long)numbers[i].value);
    size_t ours = used;
    for (size_t i = 0; i < count; i++) {
        bool hidden = false;
        for (size_t j = 0; j < ours && !hidden; j++)
            hidden = strncmp(environ[i], list[j], strcspn(list[j], "=") + 1) == 0;
        if (!hidden)
            list[used++] = xstrdup(environ[i]);
    }
    return list;
}

/* 0, or an errno: also of what went wrong in the child. */
static int spawn(const struct notifier *notifier, char *const *variables, int said,
                 pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, notifier->root);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawnp(ret, notifier->command[0], &actions, &attributes,
                             notifier->command, variables);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void start(struct notifier *notifier, int64_t now)
{
    struct told told = notifier->pending;
    notifier->pending.event = JUDGE_NOTHING;
    int said[2];
    if (pipe2(said, O_CLOEXEC) < 0) {
        went(notifier,
             xasprintf("%s cannot be run: %s", notifier->command[0], strerror(errno)));
        return;
    }
    char **variables = environment(notifier, &told);
    int error = spawn(notifier, variables, said[1], &notifier->pid);
    list_free(variables);
    close(said[1]);
    notifier->errors = said[0];
    fcntl(said[0], F_SETFL, O_RDONLY | O_NONBLOCK);
    if (error == 0) {
        notifier->exited = pidfd_open(notifier->pid, 0);
        error = notifier->exited < 0 ? errno : 0;
    } else {
        notifier->pid = 0;
    }
    if (error != 0) {
        if (notifier->pid > 0) {
            kill(-notifier->pid, SIGKILL);
            waitpid(notifier->pid, NULL, 0);
        }
        forget(notifier);
        went(notifier,
             xasprintf("%s cannot be run: %s", notifier->command[0], strerror(error)));
        return;
    }
    notifier->said_length = 0;
    notifier->late = false;
    notifier->wake = now + NOTIFIER_LIMIT_MS;
    poller_want(notifier->poller, notifier->exited, POLLER_READ, on_exited, notifier);
    poller_want(notifier->poller, notifier->errors, POLLER_READ, on_said, notifier);
}

void notifier_stats(struct notifier *notifier, const struct judge_stats *stats,
                    int64_t now)
{
    int64_t before = 0;
    enum judge_event event = judge_stats(&notifier->judge, stats, &before);
    if (event == JUDGE_NOTHING || notifier->command == NULL)
        return;
    notifier->pending = (struct told){.event = event, .stats = *stats, .before = before};
    if (notifier->pid == 0 && notifier->group == 0)
        start(notifier, now);
}

/* ---- time ---- */

int64_t notifier_deadline(const struct notifier *notifier)
{
    return notifier->wake;
}

/* What a command left behind was killed with it and becomes ours once its parents are gone. */
static bool collect(struct notifier *notifier)
{
    pid_t got = 0;
    while ((got = waitpid(-notifier->group, NULL, WNOHANG)) > 0)
        ;
    return got < 0 || ++notifier->rounds > REAP_ROUNDS;
}

void notifier_tick(struct notifier *notifier, int64_t now)
{
    if (now < notifier->wake)
        return;
    notifier->wake = INT64_MAX;
    if (notifier->pid != 0 && !notifier->late) {
        notifier->late = true;
        kill(-notifier->pid, SIGKILL);
    }
    if (notifier->group == 0)
        return;
    if (!collect(notifier)) {
        notifier->wake = now + REAP_PAUSE_MS;
        return;
    }
    notifier->group = 0;
    if (notifier->pending.event != JUDGE_NOTHING)
        start(notifier, now);
}

void notifier_free(struct notifier *notifier)
{
    if (notifier == NULL)
        return;
    if (notifier->pid != 0) {
        struct pollfd dying = {.fd = notifier->exited, .events = POLLIN};
        kill(-notifier->pid, SIGKILL);
        poll(&dying, 1, END_LIMIT_MS);
        waitpid(notifier->pid, NULL, WNOHANG);
        forget(notifier);
    }
    list_free(notifier->command);
    free(notifier->trouble);
    free(notifier);
}

const char *notifier_health(const struct notifier *notifier, bool *ret_ok)
{
    if (notifier->command == NULL)
        return NULL;
    *ret_ok = notifier->trouble == NULL;
    if (notifier->trouble != NULL)
        return notifier->trouble;
    return notifier->ran ? "the last one went well" : "there was nothing to tell yet";
}
