#ifndef WATCH_BACKEND_H
#define WATCH_BACKEND_H

/* What a backend must do, for watcher.c to choose among them. Each function means what its namesake
 * in watcher.h says; the first argument is what open gave. Private to the room. */

#include "daemon/watch/watcher.h"

/* Where and for whom; lives as long as the watcher. */
struct place {
    const char *root;
    char *state; /* absolute */
    const char *mounts;
    struct ignore *ignore;
    struct poller *poller;
    const struct watcher_sink *sink;
};

/* PATH changed, as in watcher_sink: passed on, after what is ignored has been mended. */
void place_tell(const struct place *place, const char *path, enum watcher_change change);

struct backend {
    const char *name;
    int (*open)(void **ret, const struct place *place);
    void (*close)(void *self);
    int (*crawl)(void *self, watcher_found *found, void *owner);
    void (*sync)(void *self, uint64_t cookie);
    int (*follow)(void *self, const char *folder);
    int (*listen)(void *self, bool on);
    size_t (*count)(const void *self);
};

extern const struct backend backend_inotify;

#endif
