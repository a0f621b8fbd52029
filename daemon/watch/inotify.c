#include "daemon/watch/backend.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

/* One read: some two thousand events, so that a flood cannot hold up the loop. */
enum { BUFFER_SIZE = 64 << 10 };

struct inotify {
    int fd;
    alignas(struct inotify_event) char buffer[BUFFER_SIZE];
};

static int inotify_open(void **ret, const char *root, int *ret_fd)
{
    (void)root;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct inotify *inotify = xmalloc(sizeof *inotify);
    *ret_fd = inotify->fd = fd;
    *ret = inotify;
    return 0;
}

static void inotify_close(void *self)
{
    struct inotify *inotify = self;
    close(inotify->fd);
    free(inotify);
}

static int inotify_watch(void *self, const char *path, uint32_t mask)
{
    const struct inotify *inotify = self;
    /* Never less than the watch has already: it may serve another node too. */
    int number =
        inotify_add_watch(inotify->fd, path, mask | IN_EXCL_UNLINK | IN_MASK_ADD);
    return number < 0 ? -errno : number;
}

static void inotify_unwatch(void *self, int number)
{
    const struct inotify *inotify = self;
    inotify_rm_watch(inotify->fd,
                     number); /* fails where the kernel was first, and that is as well */
}

/* Bytes. */
static size_t inotify_queued(void *self)
{
    const struct inotify *inotify = self;
    int queued = 0;
    return ioctl(inotify->fd, FIONREAD, &queued) < 0 ? INT_MAX : (size_t)queued;
}

static size_t inotify_read(void *self, backend_heard *heard, void *owner)
{
    struct inotify *inotify = self;
    ssize_t length = read(inotify->fd, inotify->buffer, BUFFER_SIZE);
    if (length <= 0)
        return 0;
    for (size_t at = 0; at < (size_t)length;) {
        const struct inotify_event *event = (const void *)(inotify->buffer + at);
        at += sizeof *event + event->len;
        heard(owner, &(struct backend_event){.number = event->wd,
                                             .mask = event->mask,
                                             .name = event->len > 0 ? event->name : ""});
    }
    return (size_t)length;
}

const struct backend backend_inotify = {
    .name = "inotify",
    .tells_above = true,
    .open = inotify_open,
    .close = inotify_close,
    .watch = inotify_watch,
    .unwatch = inotify_unwatch,
    .queued = inotify_queued,
    .read = inotify_read,
};
