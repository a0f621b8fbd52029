#include "daemon/worker/launch.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD"

char **launch_environment(const char *library)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **copy = xcalloc(count + 2, sizeof *copy);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (library == NULL || strncmp(environ[i], PRELOAD "=", strlen(PRELOAD "=")) != 0)
            copy[kept++] = xstrdup(environ[i]);
    const char *users = getenv(PRELOAD);
    if (library != NULL && users != NULL && users[0] != '\0')
        copy[kept] = xasprintf(PRELOAD "=%s %s", library, users);
    else if (library != NULL)
        copy[kept] = xasprintf(PRELOAD "=%s", library);
    return copy;
}

void launch_environment_free(char **environment)
{
    for (char **entry = environment; *entry != NULL; entry++)
        free(*entry);
    free(environment);
}

static noreturn void fail(int pipe, enum launch_step step, int error)
{
    const struct launch_failure failure = {.step = step, .error = error};
    /* Smaller than PIPE_BUF: written whole. With the reader gone there is nobody to tell.
     */
    ssize_t written = write(pipe, &failure, sizeof failure);
    (void)written;
    _exit(127);
}

static void reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard,
                  NULL); /* not for KILL, STOP and the C library's own */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the pipes where the host expects them. First all move up, out of each other's way;
 * then what we inherited ourselves is closed by exec too; then each is put in its place,
 * which exec leaves open. *PIPE is moved along. */
static int place_descriptors(const struct launch *launch, int *pipe)
{
    struct {
        int fd, place;
    } moves[] = {
        {open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO},
        {launch->output, STDOUT_FILENO},
        {launch->output, STDERR_FILENO},
        {launch->orders, LAUNCH_ORDERS},
        {launch->reports, LAUNCH_REPORTS},
        {launch->looks, LAUNCH_LOOKS},
    };
    enum { MOVES = sizeof moves / sizeof *moves };
    int up = fcntl(*pipe, F_DUPFD_CLOEXEC, LAUNCH_LOOKS + 1);
    if (up < 0)
        return -errno;
    *pipe = up;
    for (size_t i = 0; i < MOVES; i++) {
        moves[i].fd = fcntl(moves[i].fd, F_DUPFD_CLOEXEC, LAUNCH_LOOKS + 1);
        if (moves[i].fd < 0)
            return -errno;
    }
    close_range(STDERR_FILENO + 1, ~0U,
                CLOSE_RANGE_CLOEXEC); /* before Linux 5.11: our own are so anyway */
    for (size_t i = 0; i < MOVES; i++)
        if (dup2(moves[i].fd, moves[i].place) < 0)
            return -errno;
    return 0;
}

noreturn void launch_exec(const struct launch *launch)
{
    int pipe = launch->failure;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launch->parent) /* it died before it could be watched */
        _exit(127);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int r = place_descriptors(launch, &pipe);
    if (r < 0)
        fail(pipe, LAUNCH_PREPARE, -r);
    if (chdir(launch->directory) < 0)
        fail(pipe, LAUNCH_ENTER, errno);
    reset_signals();
    /* execvp leaves its arguments alone; its type is older than const. */
    execvpe(launch->argv[0], (char *const *)(intptr_t)launch->argv, launch->environment);
    fail(pipe, LAUNCH_EXECUTE, errno);
}
