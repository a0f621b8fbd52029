#include "client/daemon.h"

#include "client/print.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_LIMIT_MS = 10000, START_TRIES = 3 };

/* ---- start ---- */

char *daemon_program(const char *name)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        char *slash = strrchr(self, '/');
        if (slash != NULL) {
            *slash = '\0';
            char *beside = text_format("%s/%s", self, name);
            if (access(beside, X_OK) == 0)
                return beside;
            free(beside);
        }
    }
    return text_format("%s", name);
}

static _Noreturn void explain_exec(void)
{
    dprintf(
        STDERR_FILENO, "%s: cannot run snifferd: %s; install it beside %s or in PATH\n",
        program_invocation_short_name, strerror(errno), program_invocation_short_name);
    _exit(127);
}

/* In the child: what snifferd says goes to SAID, a file in memory. Unlike a pipe it cannot make
 * the caller wait for a daemon that keeps it open. */
static void become_snifferd(char *const *argv, int said)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    dup2(said, STDERR_FILENO);
    execvp(argv[0], argv);
    explain_exec();
}

static void pass_on(int said)
{
    char buffer[4096];
    ssize_t got;
    lseek(said, 0, SEEK_SET);
    while ((got = read(said, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, stderr);
}

static char **build_argv(char *program, const struct project *project,
                         char *const *options)
{
    size_t count = 0;
    while (options != NULL && options[count] != NULL)
        count++;
    char **argv = must(calloc(count + 4, sizeof *argv));
    static char directory[] = "-C";
    argv[0] = program;
    argv[1] = directory;
    argv[2] = project->root;
    for (size_t i = 0; i < count; i++)
        argv[3 + i] = options[i];
    return argv;
}

/* Runs it and returns its wait status, or -errno. */
static int run_snifferd(const struct project *project, char *const *options, int said)
{
    autofree char *program = daemon_program("snifferd");
    autofree char **argv = build_argv(program, project, options);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_snifferd(argv, said);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}

static bool answers(const struct project *project, struct trouble *trouble)
{
    struct link link;
    if (link_open(&link, project, trouble) != 0)
        return false;
    link_close(&link);
    return true;
}

static int explain_start(const struct project *project, int status, bool said_something,
                         struct trouble *trouble)
{
    if (status < 0)
        return trouble_set(trouble, CTL_NO_DAEMON, "cannot start snifferd: %s",
                           strerror(-status));
    if (WIFSIGNALED(status))
        return trouble_set(
            trouble, CTL_NO_DAEMON,
            "snifferd was killed by signal %d while it started; try snifferd -C "
            "%s --foreground",
            WTERMSIG(status), project->root);
    if (WEXITSTATUS(status) == 0)
        return trouble_set(
            trouble, CTL_NO_DAEMON,
            "snifferd started but does not answer; see the log in %s/.sniffer",
            project->root);
    trouble_set(trouble, CTL_NO_DAEMON,
                "snifferd could not start and said nothing (exit %d); try snifferd -C %s "
                "--foreground",
                WEXITSTATUS(status), project->root);
    if (said_something) /* it gave the reason itself, in one line */
        trouble->text[0] = '\0';
    if (WEXITSTATUS(status) == CTL_USAGE) /* an option that was handed on to it */
        trouble->code = CTL_USAGE;
    return trouble->code;
}

static bool is_first_time(const struct project *project)
{
    autofree char *state = text_format("%s/.sniffer", project->root);
    return access(state, F_OK) < 0 && errno == ENOENT;
}

/* From here on code runs that was only looked at before. */
static void tell_first_time(const struct project *project)
{
    struct print print;
    print_init(&print, stderr);
    fputs("sniffer: the first time in ", stderr);
    print_text(&print, COLOUR_PLAIN, project->root);
    fputs(": from now on its tests run whenever what they use changes; snifferctl stop "
          "ends that\n",
          stderr);
}

int daemon_start(const struct project *project, char *const *options,
                 struct trouble *trouble)
{
    bool first = is_first_time(project);
    int said = memfd_create("snifferd-stderr", MFD_CLOEXEC);
    if (said < 0)
        return trouble_set(trouble, CTL_NO_DAEMON, "cannot start snifferd: %s",
                           strerror(errno));
    int status = run_snifferd(project, options, said);
    int code = 0;
    /* Another caller may have been quicker: then ours failed, and all is well. */
    bool up = answers(project, trouble);
    if (!up && (status != 0 || trouble->absent))
        code = explain_start(project, status, lseek(said, 0, SEEK_END) > 0, trouble);
    else if (!up)
        code = trouble->code;
    if (!up || status == 0)
        pass_on(said);
    if (up && status == 0 && first)
        tell_first_time(project);
    close(said);
    return code;
}

/* What was said, without the end of its last line. */
static char *read_all(int said)
{
    off_t size = lseek(said, 0, SEEK_END);
    char *text = must(calloc(1, size > 0 ? (size_t)size + 1 : 1));
    ssize_t got = pread(said, text, size > 0 ? (size_t)size : 0, 0);
    text[got > 0 && text[got - 1] == '\n' ? got - 1 : got > 0 ? got : 0] = '\0';
    return text;
}

int daemon_carry(const struct project *project, bool import, const char *file,
                 char **ret_said, struct trouble *trouble)
{
    int said = memfd_create("snifferd-stderr", MFD_CLOEXEC);
    if (said < 0)
        return trouble_set(trouble, CTL_NO_DAEMON, "cannot start snifferd: %s",
                           strerror(errno));
    autofree char *option = text_format("--%s=%s", import ? "import" : "export", file);
    char *const options[] = {option, NULL};
    int status = run_snifferd(project, options, said);
    char *text = read_all(said);
    close(said);
    if (status == 0) {
        *ret_said = text;
        return 0;
    }
    const char *prefix = "snifferd: ";
    bool own = strncmp(text, prefix, strlen(prefix)) == 0;
    bool left = status > 0 && WIFEXITED(status);
    int code = left && WEXITSTATUS(status) == CTL_REFUSED ? CTL_REFUSED : CTL_NO_DAEMON;
    trouble_set(trouble, code, "%s",
                text[0] == '\0' ? "snifferd ended and said nothing"
                                : text + (own ? strlen(prefix) : 0));
    free(text);
    return code;
}

int daemon_open(struct link *ret, const struct project *project, char *const *options,
                bool *ret_started, struct trouble *trouble)
{
    bool started = false;
    int code = link_open(ret, project, trouble);
    /* A daemon that was just leaving can take a try or two. */
    for (int i = 0; code != 0 && trouble->absent && i < START_TRIES; i++) {
        code = daemon_start(project, options, trouble);
        if (code != 0)
            return code;
        started = true;
        code = link_open(ret, project, trouble);
    }
    if (code == 0)
        *ret_started = started;
    return code;
}

/* ---- describe ---- */

static json_t *read_description(int fd)
{
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        close(fd);
        return NULL;
    }
    json_t *json = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    fclose(file);
    return json;
}

int daemon_describe(const struct project *project, const char *file, json_t **ret,
                    struct trouble *trouble)
{
    autofree char *program = daemon_program("snifferd"), *name = text_format("%s", file);
    static char option[] = "--describe";
    autofree char **argv = build_argv(program, project, (char *[]){option, name, NULL});
    int fds[2];
    pid_t pid = -1;
    fflush(NULL);
    if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        return trouble_set(trouble, CTL_NO_DAEMON, "cannot run snifferd: %s",
                           strerror(errno));
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execvp(argv[0], argv);
        explain_exec();
    }
    close(fds[1]);
    json_t *json = read_description(fds[0]);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status == 0 && json != NULL) {
        *ret = json;
        return 0;
    }
    json_decref(json);
    trouble_set(trouble, CTL_NO_DAEMON, "snifferd --describe did not end well");
    if (WIFEXITED(status)) /* it gave the reason itself, in one line */
        trouble->text[0] = '\0';
    return trouble->code;
}

/* ---- stop ---- */

int daemon_stop(struct link *link, struct trouble *trouble)
{
    pid_t pid = link->pid;
    /* Before the order: afterwards the number could be another process's. */
    int process = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (process < 0)
        return trouble_set(
            trouble, CTL_REFUSED,
            "cannot watch the daemon's process %d (%s); it was not stopped", (int)pid,
            strerror(pid > 0 ? errno : ESRCH));
    int64_t deadline = link_now() + STOP_LIMIT_MS;
    json_t *result = NULL;
    int code = link_call(link, METHOD_STOP, NULL, STOP_LIMIT_MS, &result, trouble);
    json_decref(result);
    if (code == CTL_NO_DAEMON || code == CTL_TIMED_OUT)
        code = 0; /* no answer: the process alone counts */
    bool gone = false;
    while (code == 0 && !gone) {
        int64_t rest = deadline - link_now();
        struct pollfd poller = {.fd = process, .events = POLLIN};
        int ready = poll(&poller, 1, rest > 0 ? (int)rest : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        gone = ready > 0;
        if (!gone)
            code = trouble_set(
                trouble, CTL_REFUSED,
                "the daemon (pid %d) is still there after 10 seconds; look at "
                "its log in %s/.sniffer, or kill it",
                (int)pid, link->project->root);
    }
    close(process);
    return code;
}
