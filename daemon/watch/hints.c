#include "daemon/watch/hints.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

struct hints {
    char *path;
    struct poller *poller;
    const struct hints_sink *sink;
    int fd; /* of the FIFO; -1: there is none */
    int removal; /* inotify, on the FIFO alone: a watch for its folder would wake us all the time */
    int watch;
    char line[PATH_MAX];
    size_t length;
    bool too_long; /* the line so far: the rest of it is skipped */
    bool complained;
};

/* ---- lines ---- */

static void complain(struct hints *hints, const char *what)
{
    if (hints->complained)
        return;
    hints->complained = true;
    autofree char *text = xasprintf("%s: %s; such lines are left out", hints->path, what);
    hints->sink->complain(hints->sink->owner, text);
}

static void end_line(struct hints *hints)
{
    size_t length = hints->length;
    bool too_long = hints->too_long;
    hints->length = 0;
    hints->too_long = false;
    hints->line[length] = '\0';
    if (too_long)
        complain(hints, "a line is longer than a path can be");
    else if (strlen(hints->line) != length)
        complain(hints, "a line has a NUL byte in it, paths end with newlines here");
    else if (length > 0)
        hints->sink->hinted(hints->sink->owner, hints->line);
}

static void feed(struct hints *hints, const char *bytes, size_t length)
{
    for (const char *end = bytes + length; bytes < end; bytes++) {
        if (*bytes == '\n')
            end_line(hints);
        else if (hints->length < sizeof hints->line - 1)
            hints->line[hints->length++] = *bytes;
        else
            hints->too_long = true;
    }
}

/* ---- the FIFO ---- */

static bool is_same(int fd, const char *path)
{
    struct stat open;
    struct stat there;
    return fstat(fd, &open) == 0 && lstat(path, &there) == 0 &&
           open.st_dev == there.st_dev && open.st_ino == there.st_ino;
}

/* The descriptor of a FIFO of ours at PATH, for its owner alone; -errno. */
static int open_own(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
        status.st_uid == geteuid() &&
        ((status.st_mode & 0777) == 0600 || fchmod(fd, 0600) == 0))
        return fd;
    close(fd);
    return -EEXIST;
}

/* *RET_FOREIGN: something else was there. */
static int make(const char *path, bool *ret_foreign)
{
    *ret_foreign = false;
    int fd = open_own(path);
    if (fd >= 0)
        return fd;
    if (unlink(path) == 0)
        *ret_foreign = true;
    else if (errno != ENOENT)
        return -errno;
    if (mkfifo(path, 0600) < 0)
        return -errno;
    return open_own(path);
}

static void drop(struct hints *hints)
{
    if (hints->fd < 0)
        return;
    poller_drop(hints->poller, hints->fd);
    close(hints->fd);
    hints->fd = -1;
}

static void take(struct hints *hints, size_t queued);

static void readable(void *owner, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    struct hints *hints = owner;
    take(hints, 0);
}

static void adopt(struct hints *hints, int fd)
{
    drop(hints);
    hints->fd = fd;
    poller_want(hints->poller, fd, POLLER_READ, readable, hints);
}

/* Removed while it was open it is told by its count of links: IN_DELETE_SELF comes after the close. */
static void watch(struct hints *hints)
{
    if (hints->removal < 0)
        return;
    if (hints->watch >= 0) /* fails where it went with its FIFO, and that is as well */
        inotify_rm_watch(hints->removal, hints->watch);
    hints->watch = inotify_add_watch(hints->removal, hints->path,
                                     IN_ATTRIB | IN_MOVE_SELF | IN_DONT_FOLLOW);
}

/* Another one is at its place, or none. */
static void replace(struct hints *hints)
{
    bool foreign = false;
    int fd = make(hints->path, &foreign);
    if (fd < 0) {
        drop(hints);
        autofree char *text = xasprintf("%s is gone and cannot be made again: %s",
                                        hints->path, strerror(-fd));
        hints->sink->complain(hints->sink->owner, text);
        return;
    }
    adopt(hints, fd);
    watch(hints);
    if (foreign)
        hints->sink->lost(hints->sink->owner, "the FIFO for hints was replaced");
}

static void disturbed(void *owner, int fd, unsigned events)
{
    (void)events;
    struct hints *hints = owner;
    char buffer[4096];
    while (read(fd, buffer, sizeof buffer) > 0)
        ;
    if (hints->fd < 0 || is_same(hints->fd, hints->path))
        return;
    hints_take(hints);
    if (!is_same(hints->fd, hints->path))
        replace(hints);
}

/* All writers have left: it says so for ever, until it is opened anew. Before it is closed, or a
 * writer that comes just now would find no reader. */
static void reopen(struct hints *hints)
{
    int fd = open_own(hints->path);
    if (fd >= 0 && is_same(hints->fd, hints->path)) {
        adopt(hints, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    replace(hints);
}

/* At least QUEUED bytes, which are there, and the end of a line that its writer did not end. */
static void take(struct hints *hints, size_t queued)
{
    char buffer[16384];
    ssize_t length = 0;
    size_t taken = 0;
    do {
        length = read(hints->fd, buffer, sizeof buffer);
        if (length > 0)
            feed(hints, buffer, (size_t)length);
        taken += length > 0 ? (size_t)length : 0;
    } while (length > 0 && (taken < queued || (taken == queued && hints->length > 0)));
    if (length != 0)
        return;
    end_line(hints);
    reopen(hints);
}

void hints_take(struct hints *hints)
{
    int queued = 0;
    if (hints == NULL || hints->fd < 0 || ioctl(hints->fd, FIONREAD, &queued) < 0)
        return;
    if (queued > 0 || hints->length > 0)
        take(hints, (size_t)queued);
}

/* ---- life ---- */

int hints_open(struct hints **ret, const char *path, struct poller *poller,
               const struct hints_sink *sink)
{
    bool foreign = false;
    int fd = make(path, &foreign);
    if (fd < 0)
        return fd;
    struct hints *hints = xcalloc(1, sizeof *hints);
    *hints = (struct hints){.path = xstrdup(path),
                            .poller = poller,
                            .sink = sink,
                            .fd = -1,
                            .removal = -1,
                            .watch = -1};
    adopt(hints, fd);
    /* Where no instance is left, a FIFO that is removed stays away. */
    hints->removal = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (hints->removal >= 0)
        poller_want(poller, hints->removal, POLLER_READ, disturbed, hints);
    watch(hints);
    *ret = hints;
    return 0;
}

void hints_close(struct hints *hints)
{
    if (hints == NULL)
        return;
    if (hints->removal >= 0) {
        poller_drop(hints->poller, hints->removal);
        close(hints->removal);
    }
    if (hints->fd >= 0 && is_same(hints->fd, hints->path))
        unlink(hints->path);
    drop(hints);
    free(hints->path);
    free(hints);
}
