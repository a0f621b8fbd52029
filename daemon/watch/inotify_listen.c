#include "daemon/watch/inotify.h"

#include "daemon/base/xalloc.h"

#include <errno.h>

static int enter(struct inotify *inotify, const struct node *node, const char *path)
{
    if (!inotify_tells(node))
        return 0;
    bool follow = (node->roles & (NODE_ROOT | NODE_TREE)) == 0;
    return opens_enter(&inotify->opens, path, inotify_told_path(inotify, node, path),
                       follow);
}

static int enter_all(struct inotify *inotify)
{
    /* A path that leads elsewhere by now has an event on its way, and is entered again. */
    struct node *node = NULL;
    struct node *next = NULL;
    HASH_ITER(hh, inotify->nodes.places, node, next)
    {
        if (node->watch == NULL)
            continue;
        autofree char *path = node_path(node);
        int error = enter(inotify, node, path);
        if (error < 0)
            return error;
    }
    return 0;
}

int inotify_listen(void *self, bool on)
{
    struct inotify *inotify = self;
    if (!on) {
        opens_finish(&inotify->opens);
        return 0;
    }
    if (inotify->opens.fd >= 0) {
        opens_hear(&inotify->opens);
        return 0;
    }
    int error = opens_start(&inotify->opens);
    if (error < 0)
        return error;
    error = enter_all(inotify);
    if (error < 0)
        opens_stop(&inotify->opens);
    return error;
}

bool inotify_listen_no_more(struct inotify *inotify)
{
    if (inotify->opens.fd < 0)
        return false;
    opens_hear(&inotify->opens);
    opens_stop(&inotify->opens);
    inotify->opens.lost = "the limit of inotify watches is reached";
    inotify_wake(inotify);
    return true;
}

void inotify_listen_to(struct inotify *inotify, const struct node *node, const char *path)
{
    if (enter(inotify, node, path) < 0)
        inotify_listen_no_more(inotify);
}

static void tell_one(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct inotify *inotify = owner;
    const struct watcher_sink *sink = inotify->place->sink;
    sink->opened(sink->owner, path);
}

void inotify_tell_opens(struct inotify *inotify)
{
    /* Taken out: the sink may have us hear more. */
    struct strset heard = inotify->opens.heard;
    const char *lost = inotify->opens.lost;
    inotify->opens.heard = (struct strset){0};
    inotify->opens.lost = NULL;
    strset_each(&heard, tell_one, inotify);
    strset_finish(&heard);
    const struct watcher_sink *sink = inotify->place->sink;
    if (lost != NULL)
        sink->opens_lost(sink->owner, lost);
}
