#include "daemon/watch/watcher.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/backend.h"

#include <errno.h>

struct watcher {
    struct place place;
    const struct backend *backend;
    void *self;
};

/* The best first; the first that opens does the work. */
static const struct backend *const backends[] = {&backend_inotify};

void place_tell(const struct place *place, const char *path, enum watcher_change change)
{
    const struct watcher_sink *sink = place->sink;
    if (ignore_rests_on(place->ignore, path) && ignore_reread(place->ignore, path))
        sink->ruled(sink->owner);
    sink->changed(sink->owner, path, change);
}

int watcher_open(struct watcher **ret, const char *root, const char *state,
                 const char *mounts, struct ignore *ignore, struct poller *poller,
                 const struct watcher_sink *sink)
{
    struct watcher *watcher = xcalloc(1, sizeof *watcher);
    watcher->place = (struct place){.root = root,
                                    .state = path_absolute(root, state),
                                    .mounts = mounts,
                                    .ignore = ignore,
                                    .poller = poller,
                                    .sink = sink};
    int error = -ENOSYS;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        error = backends[i]->open(&watcher->self, &watcher->place);
        if (error == 0) {
            watcher->backend = backends[i];
            *ret = watcher;
            return 0;
        }
    }
    watcher_close(watcher);
    return error;
}

void watcher_close(struct watcher *watcher)
{
    if (watcher == NULL)
        return;
    if (watcher->backend != NULL)
        watcher->backend->close(watcher->self);
    free(watcher->place.state);
    free(watcher);
}

const char *watcher_backend(const struct watcher *watcher)
{
    return watcher->backend->name;
}

static void follow_source(void *owner, const char *folder)
{
    watcher_follow(owner, folder);
}

int watcher_crawl(struct watcher *watcher, watcher_found *found, void *owner)
{
    const struct place *place = &watcher->place;
    int error = watcher->backend->crawl(watcher->self, found, owner);
    ignore_each_source(place->ignore, follow_source, watcher);
    /* They were read before they were watched. */
    if (ignore_enter(place->ignore, "", true))
        place->sink->ruled(place->sink->owner);
    return error;
}

void watcher_sync(struct watcher *watcher, uint64_t cookie)
{
    watcher->backend->sync(watcher->self, cookie);
}

int watcher_follow(struct watcher *watcher, const char *folder)
{
    return watcher->backend->follow(watcher->self, folder);
}

int watcher_listen(struct watcher *watcher, bool on)
{
    return watcher->backend->listen(watcher->self, on);
}

size_t watcher_count(const struct watcher *watcher)
{
    return watcher->backend->count(watcher->self);
}
