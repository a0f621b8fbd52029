#include "daemon/watch/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>

static int enter(struct watcher *watcher, const struct node *node, const char *path)
{
    if (!watcher_tells(node))
        return 0;
    bool follow = (node->roles & (NODE_ROOT | NODE_TREE)) == 0;
    return opens_enter(&watcher->opens, path, watcher_told_path(watcher, node, path),
                       follow);
}

static int enter_all(struct watcher *watcher)
{
    /* A path that leads elsewhere by now has an event on its way, and is entered again. */
    struct node *node = NULL;
    struct node *next = NULL;
    HASH_ITER(hh, watcher->nodes.places, node, next)
    {
        if (node->watch == NULL)
            continue;
        autofree char *path = node_path(node);
        int error = enter(watcher, node, path);
        if (error < 0)
            return error;
    }
    return 0;
}

int watcher_listen(struct watcher *watcher, bool on)
{
    if (!on) {
        opens_finish(&watcher->opens);
        return 0;
    }
    if (watcher->opens.fd >= 0) {
        opens_hear(&watcher->opens);
        return 0;
    }
    int error = opens_start(&watcher->opens);
    if (error < 0)
        return error;
    error = enter_all(watcher);
    if (error < 0)
        opens_stop(&watcher->opens);
    return error;
}

bool watcher_listen_no_more(struct watcher *watcher)
{
    if (watcher->opens.fd < 0)
        return false;
    opens_hear(&watcher->opens);
    opens_stop(&watcher->opens);
    watcher->opens.lost = "the limit of inotify watches is reached";
    watcher_wake(watcher);
    return true;
}

void watcher_listen_to(struct watcher *watcher, const struct node *node, const char *path)
{
    if (enter(watcher, node, path) < 0)
        watcher_listen_no_more(watcher);
}

static void tell_one(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct watcher *watcher = owner;
    const struct watcher_sink *sink = watcher->place.sink;
    sink->opened(sink->owner, path);
}

void watcher_tell_opens(struct watcher *watcher)
{
    /* Taken out: the sink may have us hear more. */
    struct strset heard = watcher->opens.heard;
    const char *lost = watcher->opens.lost;
    watcher->opens.heard = (struct strset){0};
    watcher->opens.lost = NULL;
    strset_each(&heard, tell_one, watcher);
    strset_finish(&heard);
    const struct watcher_sink *sink = watcher->place.sink;
    if (lost != NULL)
        sink->opens_lost(sink->owner, lost);
}
