/* snifferd: argv, the state folder, the lock, then loop_run. */

#include "daemon/base/log.h"
#include "daemon/base/notify.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/config.h"
#include "daemon/errand.h"
#include "daemon/exit.h"
#include "daemon/house.h"
#include "daemon/index/index.h"
#include "daemon/loop.h"
#include "daemon/options.h"
#include "daemon/plugin.h"
#include "daemon/seat.h"
#include "daemon/statedir.h"
#include "proto/place.h"
#include "proto/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- detaching ---- */

/* The caller's shell gets its prompt back when the socket answers, or an exit code when it cannot.
 * The number written to the pipe is that code. */
struct birth {
    int pipe; /* to the waiting parent; -1: foreground */
    int log;  /* becomes stderr once all is well; -1: foreground */
    struct notify notify;
};

static int wait_for_child(int fd, pid_t child)
{
    unsigned char code = 0;
    ssize_t length = 0;
    do
        length = read(fd, &code, 1);
    while (length < 0 && errno == EINTR);
    if (length == 1)
        return code;
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NO_START;
}

/* In the child: 0; in the parent: does not return. */
static int detach(struct birth *birth)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        close(fds[1]);
        exit(wait_for_child(fds[0], child));
    }
    close(fds[0]);
    setsid();
    birth->pipe = fds[1];
    return 0;
}

static void started(void *owner)
{
    struct birth *birth = owner;
    if (birth->pipe >= 0) {
        autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(birth->log >= 0 ? birth->log : null,
             STDERR_FILENO); /* a sanitizer's or a library's last words, too */
    }
    if (birth->pipe >= 0) {
        unsigned char code = 0;
        if (write(birth->pipe, &code, 1) != 1)
            log_warning("nobody waits for the start");
        close(birth->pipe);
        birth->pipe = -1;
    }
    notify_ready(&birth->notify);
}

/* ---- the house, opened and closed in order ---- */

static int with_index(const struct options *options, const char *root, const char *state,
                      const char *plugin, int socket, struct birth *birth)
{
    struct index *index = NULL;
    int error = statedir_open_index(state, &index);
    if (error == -EBUSY)
        return statedir_fail_busy(state);
    if (error < 0)
        return exit_fail("open the index in", state, error);
    struct config config = {0};
    char *message = NULL;
    autofree char *failed = NULL;
    if (config_load(root, &config, &message) < 0) {
        /* There are no last good settings yet. */
        fprintf(stderr, "snifferd: %s\n", message);
        free(message);
        index_close(index);
        return EXIT_NO_START;
    }
    index_keep_history(index, config.history);
    error = loop_run(&(struct house_settings){.root = root,
                                              .state = state,
                                              .plugin = plugin,
                                              .socket = socket,
                                              .index = index,
                                              .config = config,
                                              .jobs = options->jobs,
                                              .python = options->python,
                                              .backend = options->backend,
                                              .fail_fast = options->fail_fast,
                                              .shard = options->shard,
                                              .shards = options->shards,
                                              .pipe = options->pipe,
                                              .notify = &birth->notify,
                                              .ret_failed = &failed},
                     started, birth);
    index_close(index);
    if (failed != NULL)
        return exit_fail("make", failed, error);
    return error < 0 ? exit_fail("watch", root, error) : EXIT_SUCCESS;
}

static int with_seat(const struct options *options, const char *root, struct seat *seat,
                     struct birth *birth)
{
    autofree char *plugin = plugin_find();
    if (plugin == NULL)
        return EXIT_NO_START;
    autofree char *state = path_join(root, ".sniffer");
    int error = statedir_make(root, state);
    if (error == -EPERM) {
        fprintf(stderr,
                "snifferd: %s is another user's, who could change what is in it; run "
                "snifferd as that user, or remove it\n",
                state);
        return EXIT_NO_START;
    }
    if (error < 0) /* then it lives in memory */
        log_warning("cannot write %s: %s", state, strerror(-error));
    int code = seat_take(root, seat);
    if (code != 0)
        return code;
    birth->log = options->foreground ? -1 : statedir_open_log(state);
    if (birth->log >= 0)
        log_set_fd(
            birth->log); /* what fails goes to stderr all the same, until it is started */
    log_info("snifferd %s for %s, pid %d", SNIFFER_VERSION, root, (int)getpid());
    return with_index(options, root, state, plugin, seat->socket, birth);
}

int main(int argc, char **argv)
{
    struct options options = {.directory = ".", .backend = "auto"};
    struct birth birth = {.pipe = -1, .log = -1, .notify = {.fd = -1}};
    int parsed = options_parse(argc, argv, &options);
    if (parsed != 0)
        return parsed > 0 ? EXIT_SUCCESS : -parsed;
    autofree char *root = place_root(options.directory);
    if (root == NULL) {
        fprintf(stderr, "snifferd: %s: %s\n", options.directory, strerror(errno));
        return EXIT_USAGE;
    }
    if (options.export != NULL || options.import != NULL)
        return errand_carry(&options, root);
    if (chdir(root) < 0)
        return exit_fail("enter", root, -errno);
    if (options.describe != NULL)
        return errand_describe(&options, root);
    struct seat seat;
    int code = seat_find(root, &seat);
    int error = code == 0 ? notify_open(&birth.notify) : 0;
    if (error < 0)
        log_warning("cannot tell systemd anything: %s", strerror(-error));
    error = code == 0 && !options.foreground ? detach(&birth) : 0;
    if (error < 0)
        code = exit_fail("detach from", "the terminal", error);
    if (code == 0)
        code = with_seat(&options, root, &seat, &birth);
    seat_leave(&seat);
    notify_close(&birth.notify);
    if (birth.pipe >= 0) {
        unsigned char byte = (unsigned char)code;
        if (write(birth.pipe, &byte, 1) != 1)
            code = EXIT_NO_START;
    }
    return code;
}
