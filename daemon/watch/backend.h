#ifndef WATCH_BACKEND_H
#define WATCH_BACKEND_H

/* How the kernel is asked to watch directories, and what it says of them. inotify.c and fanotify.c are the
 * two; which directories, what follows from an event, overflows, cookies are the watcher's and the same
 * for both. Masks are inotify's: the bits of fanotify have the same values. Private to the room. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Something happened in the directory that has NUMBER, or to it: then NAME is "". */
struct backend_event {
    int number; /* with IN_Q_OVERFLOW, and with IN_UNMOUNT of nobody knows what: -1 */
    uint32_t mask;
    const char *name;
    pid_t writer; /* the process that did it; 0: not known */
};

typedef void backend_heard(void *owner, const struct backend_event *event);

struct backend {
    const char *name;
    /* Is a new mode of a directory told of the one above, too? */
    bool tells_above;
    /* RET_FD is readable when there is something to read. -errno, also where the directory ROOT cannot be
     * watched in this way; but not where it is not there. */
    int (*open)(void **ret, const char *root, int *ret_fd);
    void (*close)(void *self);
    /* The number of the directory at PATH, by whatever name, from now on watched for MASK (with IN_ONLYDIR,
     * IN_DONT_FOLLOW) too; or -errno. With IN_IGNORED the kernel takes it back by itself. */
    int (*watch)(void *self, const char *path, uint32_t mask);
    void (*unwatch)(void *self, int number);
    /* How much is queued now, and how much of that one read took: both in the same unit. 0: nothing. */
    size_t (*queued)(void *self);
    size_t (*read)(void *self, backend_heard *heard, void *owner);
};

extern const struct backend backend_inotify, backend_fanotify;

#endif
