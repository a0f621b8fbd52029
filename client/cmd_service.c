/* service enable, disable, status: the project's systemd user units. */

#include "client/ctl.h"
#include "client/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_THERE = 127, NAME_LIMIT = 255 };

struct units {
    char *instance, *service, *socket;
};

static void units_init(struct units *ret, const char *root)
{
    ret->instance = unit_instance(root);
    ret->service = text_format("sniffer@%s.service", ret->instance);
    ret->socket = text_format("sniffer@%s.socket", ret->instance);
}

static void units_finish(struct units *units)
{
    free(units->instance);
    free(units->service);
    free(units->socket);
}

/* ---- systemctl ---- */

static void become_systemctl(const char *const *arguments, int said)
{
    const char *argv[12] = {"systemctl", "--user", "--no-pager"};
    size_t count = 3;
    for (; *arguments != NULL && count + 1 < sizeof argv / sizeof *argv; arguments++)
        argv[count++] = *arguments;
    setenv("LC_ALL", "C", 1);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    execvp(argv[0], (char *const *)(void *)argv);
    _exit(NOT_THERE);
}

/* Its exit code, and what it said on both streams, without the last newline; the caller's. */
static int systemctl(char **ret_said, const char *const *arguments)
{
    int said = memfd_create("systemctl", MFD_CLOEXEC);
    fflush(NULL);
    pid_t pid = said < 0 ? -1 : fork();
    if (pid == 0)
        become_systemctl(arguments, said);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    char text[4096] = "";
    if (said >= 0) {
        ssize_t length = pread(said, text, sizeof text - 1, 0);
        text[length > 0 ? length : 0] = '\0';
        close(said);
    }
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    *ret_said = must(strdup(text));
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : NOT_THERE;
}

#define SYSTEMCTL(ret_said, ...)                                                         \
    systemctl(ret_said, (const char *const[]){__VA_ARGS__, NULL})

/* "systemctl VERB failed: the first line of what it said". */
static int failed(struct ctl *ctl, const char *verb, char *said)
{
    said[strcspn(said, "\n")] = '\0';
    return trouble_set(&ctl->trouble, CTL_NO_DAEMON, "systemctl --user %s failed: %s",
                       verb, said[0] != '\0' ? said : "it said nothing");
}

/* The value of KEY in what "systemctl show" said; the caller's. */
static char *value_of(const char *shown, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = shown; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            const char *value = line + length + 1;
            return must(strndup(value, strcspn(value, "\n")));
        }
    }
    return must(strdup(""));
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* Does PROPERTY of UNIT have one of these values? */
static bool has(const char *unit, const char *property, const char *a, const char *b)
{
    autofree char *shown = NULL;
    if (SYSTEMCTL(&shown, "show", "--property", property, "--", unit) != 0)
        return false;
    autofree char *value = value_of(shown, property);
    return is_one_of(value, a, b);
}

/* ---- what stands in the way ---- */

static int look_for_manager(struct ctl *ctl)
{
    autofree char *said = NULL;
    int code = SYSTEMCTL(&said, "show-environment");
    if (code == 0)
        return 0;
    if (code == NOT_THERE)
        return trouble_set(&ctl->trouble, CTL_NO_DAEMON,
                           "there is no systemctl here, so no systemd; start the daemon "
                           "with: snifferctl start");
    said[strcspn(said, "\n")] = '\0';
    return trouble_set(
        &ctl->trouble, CTL_NO_DAEMON,
        "no systemd of yours answers (%s); log in by a session of its own, or "
        "use: loginctl enable-linger",
        said);
}

static int look_for_units(struct ctl *ctl, const struct units *units)
{
    if (strlen(units->socket) + strlen(".d") > NAME_LIMIT)
        return trouble_set(&ctl->trouble, CTL_REFUSED,
                           "the path %s is too long for the name of a unit",
                           ctl->project.root);
    if (!has(units->service, "LoadState", "not-found", "error"))
        return 0;
    return trouble_set(&ctl->trouble, CTL_NO_DAEMON,
                       "systemd does not find sniffer@.service; install sniffer whole "
                       "(cmake --install) below a folder of: systemctl --user show -p "
                       "UnitPath");
}

/* A daemon that was started by hand has the socket: systemd's takes its place. */
static int stop_other(struct ctl *ctl, const struct units *units)
{
    if (has(units->service, "ActiveState", "active", "reloading") ||
        has(units->socket, "ActiveState", "active", "activating"))
        return 0;
    struct link link;
    int code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0)
        return ctl->trouble.absent ? 0 : code;
    code = daemon_stop(&link, &ctl->trouble);
    link_close(&link);
    return code;
}

/* ---- the three ---- */

static int reload_units(struct ctl *ctl)
{
    autofree char *said = NULL;
    return SYSTEMCTL(&said, "daemon-reload") == 0 ? 0
                                                  : failed(ctl, "daemon-reload", said);
}

static int enable(struct ctl *ctl, const struct units *units)
{
    const char *named = getenv("SNIFFER_SOCKET");
    if (named != NULL && named[0] != '\0')
        return trouble_set(&ctl->trouble, CTL_REFUSED,
                           "SNIFFER_SOCKET is set here, and not where systemd starts the "
                           "daemon: they would not meet; unset it");
    autofree char *path = NULL;
    int error = unit_place(units->instance, ctl->project.socket, &path);
    if (error < 0)
        return trouble_set(&ctl->trouble, CTL_REFUSED, "cannot write %s: %s", path,
                           strerror(-error));
    int code = reload_units(ctl);
    if (code == 0)
        code = stop_other(ctl, units);
    autofree char *said = NULL;
    if (code == 0 &&
        SYSTEMCTL(&said, "enable", "--now", "--", units->socket, units->service) != 0)
        code = failed(ctl, "enable", said);
    if (code == 0)
        fprintf(ctl->print.out,
                "%s is enabled: it runs now, and whenever you are logged in\n",
                units->service);
    return code;
}

static int disable(struct ctl *ctl, const struct units *units)
{
    autofree char *said = NULL;
    if (SYSTEMCTL(&said, "disable", "--now", "--", units->socket, units->service) != 0)
        return failed(ctl, "disable", said);
    autofree char *path = NULL;
    int error = unit_forget_place(units->instance, &path);
    if (error < 0)
        return trouble_set(&ctl->trouble, CTL_REFUSED, "cannot remove %s: %s", path,
                           strerror(-error));
    int code = reload_units(ctl);
    if (code == 0)
        fprintf(ctl->print.out, "%s is disabled and stopped\n", units->service);
    return code;
}

static int show_unit(struct ctl *ctl, const char *unit, bool *ret_active)
{
    autofree char *shown = NULL;
    if (SYSTEMCTL(&shown, "show", "--property",
                  "ActiveState,SubState,UnitFileState,StatusText", "--", unit) != 0)
        return failed(ctl, "show", shown);
    autofree char *active = value_of(shown, "ActiveState");
    autofree char *sub = value_of(shown, "SubState");
    autofree char *file = value_of(shown, "UnitFileState");
    autofree char *status = value_of(shown, "StatusText");
    fprintf(ctl->print.out, "%s: %s, %s (%s)%s%s\n", unit,
            file[0] != '\0' ? file : "disabled", active, sub,
            status[0] != '\0' ? "; " : "", status);
    *ret_active = is_one_of(active, "active", "reloading");
    return 0;
}

/* As systemctl status: 3 where it does not run. */
static int status(struct ctl *ctl, const struct units *units)
{
    bool listens = false;
    bool runs = false;
    int code = show_unit(ctl, units->socket, &listens);
    if (code == 0)
        code = show_unit(ctl, units->service, &runs);
    return code != 0 || runs ? code : CTL_NO_DAEMON;
}

int cmd_service(struct ctl *ctl)
{
    static const struct {
        const char *name;
        int (*run)(struct ctl *ctl, const struct units *units);
    } verbs[] = {{"enable", enable}, {"disable", disable}, {"status", status}};
    char **operands = NULL;
    int code = 0;
    if (!ctl_no_options(ctl, &code))
        return code;
    int count = ctl_operands(ctl, &operands);
    size_t verb = 0;
    while (count == 1 && verb < 3 && strcmp(operands[0], verbs[verb].name) != 0)
        verb++;
    if (count != 1 || verb == 3)
        return ctl_usage(ctl, "service takes one of enable, disable, status");
    struct units units;
    units_init(&units, ctl->project.root);
    code = look_for_manager(ctl);
    if (code == 0)
        code = look_for_units(ctl, &units);
    if (code == 0)
        code = verbs[verb].run(ctl, &units);
    units_finish(&units);
    return code;
}
