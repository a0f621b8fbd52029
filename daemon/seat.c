#include "daemon/seat.h"

#include "daemon/base/xalloc.h"
#include "daemon/exit.h"
#include "proto/place.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail_second(const char *root, const char *path)
{
    fprintf(stderr, "snifferd: a daemon already runs for %s (socket %s)\n", root, path);
    return EXIT_NO_START;
}

int seat_find(const char *root, struct seat *ret)
{
    *ret = (struct seat){.socket = -1, .lock = -1};
    int error = place_socket(root, &ret->path);
    if (error < 0)
        return exit_fail("place a socket for", root, error);
    error = place_inherit(ret->path, &ret->socket, &ret->lock);
    ret->passed = error == 0;
    if (error == 0 || error == -ENOENT)
        return 0;
    if (error == -EADDRNOTAVAIL || error == -EINVAL)
        fprintf(stderr,
                "snifferd: what systemd passed is not the socket %s, where clients of %s "
                "look; see snifferctl service --help\n",
                ret->path, root);
    else if (error == -EADDRINUSE)
        return fail_second(root, ret->path);
    else
        return exit_fail("take over the socket", ret->path, error);
    return EXIT_NO_START;
}

/* A daemon that is killed while it begins a worker leaves a child that holds its lock, and its socket,
 * until that child has noticed: nobody answers, and nobody will, whoever can connect. The kernel names
 * the process that began to listen, and that one is gone. */
enum { PATIENCE = 500, PAUSE_MS = 10 };

static bool is_answered(const char *path)
{
    autoclose int fd = -1;
    pid_t pid = 0;
    int error = place_connect(path, &fd);
    if (error == 0 && place_peer_trusted(fd, &pid))
        return kill(pid, 0) == 0 || errno != ESRCH;
    return error != -ECONNREFUSED && error != -ENOENT;
}

int seat_take(const char *root, struct seat *seat)
{
    if (seat->passed)
        return 0;
    int error = place_listen(seat->path, &seat->socket, &seat->lock);
    for (int i = 0; error == -EADDRINUSE && i < PATIENCE && !is_answered(seat->path);
         i++) {
        poll(NULL, 0, PAUSE_MS);
        error = place_listen(seat->path, &seat->socket, &seat->lock);
    }
    if (error == 0)
        return 0;
    if (error == -EPERM) {
        fprintf(stderr,
                "snifferd: cannot listen on %s: its folder is a link, another user's, or "
                "one that others "
                "can write or rename; set XDG_RUNTIME_DIR or SNIFFER_SOCKET to a place "
                "of your own\n",
                seat->path);
        return EXIT_NO_START;
    }
    if (error != -EADDRINUSE)
        return exit_fail("listen on", seat->path, error);
    return fail_second(root, seat->path);
}

void seat_leave(struct seat *seat)
{
    if (seat->socket >= 0 && !seat->passed)
        unlink(seat->path);
    if (seat->socket >= 0)
        close(seat->socket);
    if (seat->lock >= 0)
        close(seat->lock);
    free(seat->path);
}
