#include "daemon/watch/inside.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/limit.h"

#include <string.h>
#include <sys/inotify.h>

static bool name_came_or_went(uint32_t mask)
{
    return (mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0;
}

static bool directory_came(uint32_t mask)
{
    return (mask & IN_ISDIR) != 0 && (mask & (IN_CREATE | IN_MOVED_TO)) != 0;
}

/* Something that was somewhere else before took the name; also a link, which may lead anywhere. */
static bool moved_here(uint32_t mask)
{
    return (mask & IN_MOVED_TO) != 0 ||
           ((mask & IN_CREATE) != 0 && (mask & IN_ISDIR) == 0);
}

void watcher_tell(struct watcher *watcher, const char *path, enum watcher_change change)
{
    if (watcher->told != NULL && watcher->told_change == change &&
        watcher->told_writer == watcher->writer && strcmp(watcher->told, path) == 0)
        return;
    free(watcher->told);
    watcher->told = xstrdup(path);
    watcher->told_change = change;
    watcher->told_writer = watcher->writer;
    const struct watcher_sink *sink = watcher->place.sink;
    if (ignore_rests_on(watcher->place.ignore, path) &&
        ignore_reread(watcher->place.ignore, path))
        sink->ruled(sink->owner);
    sink->changed(sink->owner, path, change, watcher->writer);
}

void watcher_forget_told(struct watcher *watcher)
{
    free(watcher->told);
    watcher->told = NULL;
}

void watcher_wake(struct watcher *watcher)
{
    uint64_t one = 1;
    ssize_t written = write(watcher->wake, &one, sizeof one);
    (void)written; /* it can only fail where it is awake already */
}

/* ---- what waits until the doubts are settled ---- */

void watcher_tell_root(struct watcher *watcher)
{
    const struct watcher_sink *sink = watcher->place.sink;
    bool replaced = watcher->root_replaced;
    watcher->root_replaced = false;
    if (replaced && watcher->root_told && watcher->root_there)
        sink->root(sink->owner, false);
    else if (watcher->root_told == watcher->root_there)
        return;
    watcher->root_told = watcher->root_there;
    sink->root(sink->owner, watcher->root_there);
}

static void tell_lost(struct watcher *watcher)
{
    const char *why = watcher->lost;
    if (why == NULL)
        return;
    watcher->lost = NULL;
    watcher->place.sink->lost(watcher->place.sink->owner, why);
}

static char *blind_message(const struct watcher *watcher)
{
    if (watcher->nodes.blind == 0)
        return NULL;
    struct limit_report report = {.watched = watch_count(&watcher->nodes),
                                  .blind = watcher->nodes.blind,
                                  .first = watcher->blind_path,
                                  .error = watcher->blind_error};
    limit_read(&report);
    autofree char *message = limit_message(&report);
    /* A file system may have no handles, and what inotify does is another matter. */
    return xasprintf("%s%s", message,
                     watcher->backend == &backend_fanotify
                         ? "; inotify may do better: --backend inotify"
                         : "");
}

static char *silent_message(const struct watcher *watcher)
{
    if (watcher->nodes.silent == 0)
        return NULL;
    const struct mount *mount = mounts_silent(&watcher->mounts, watcher->silent_path);
    return mounts_message(watcher->nodes.silent, watcher->silent_path, mount);
}

/* After a crawl also when the number alone is another. */
void watcher_tell_degraded(struct watcher *watcher, bool crawled)
{
    const struct watcher_sink *sink = watcher->place.sink;
    size_t blind = watcher->nodes.blind;
    size_t silent = watcher->nodes.silent;
    bool turned = (blind > 0) != (watcher->blind_told > 0) ||
                  (silent > 0) != (watcher->silent_told > 0);
    bool other = blind != watcher->blind_told || silent != watcher->silent_told;
    if (!turned && !(crawled && other))
        return;
    watcher->blind_told = blind;
    watcher->silent_told = silent;
    autofree char *first = blind_message(watcher);
    autofree char *second = silent_message(watcher);
    autofree char *both =
        first != NULL && second != NULL ? xasprintf("%s; and %s", first, second) : NULL;
    const char *one = first != NULL ? first : second;
    sink->degraded(sink->owner, both != NULL ? both : one);
}

void watcher_sync(struct watcher *watcher, uint64_t cookie)
{
    /* Armed again each time: the folder may be another one since. */
    enum armed armed = watcher_arm_way(watcher, watcher->state);
    if ((armed == ARMED_SAME || armed == ARMED_FRESH) &&
        cookies_make(&watcher->cookies, cookie))
        return;
    cookies_add_bare(&watcher->cookies, cookie);
    watcher_wake(watcher);
}

static void retry_cookies(struct watcher *watcher)
{
    if (!watcher->retry_cookies)
        return;
    watcher->retry_cookies = false;
    autofree uint64_t *cookies = NULL;
    size_t count = cookies_take_all(&watcher->cookies, &cookies);
    for (size_t i = 0; i < count; i++)
        watcher_sync(watcher, cookies[i]);
}

/* Everything that was read so far has been told after this. */
static void finish(struct watcher *watcher)
{
    opens_hear(&watcher->opens);
    watcher_settle(watcher);
    watcher_tell_opens(watcher);
    watcher_tell_root(watcher);
    tell_lost(watcher);
    watcher_tell_degraded(watcher, false);
    retry_cookies(watcher);
}

static void answer(struct watcher *watcher, uint64_t cookie)
{
    finish(watcher);
    watcher_forget_told(watcher);
    watcher->place.sink->synced(watcher->place.sink->owner, cookie);
}

/* ---- events ---- */

static void handle_self(struct watcher *watcher, struct node *node, uint32_t mask)
{
    if (mask & IN_MOVE_SELF)
        node_doubt(&watcher->nodes, node);
    if (mask & IN_UNMOUNT)
        watcher->lost = "a file system was unmounted";
    /* Where the folder above is told too, it may have told this already. */
    bool above = node->parent != NULL && watcher_tells(node->parent) &&
                 node->parent->watch != NULL;
    bool told = above && watcher->backend->tells_above;
    if ((mask & IN_ATTRIB) && node != watcher->state && !told &&
        (above || watcher_tells(node))) {
        autofree char *path = node_path(node);
        watcher_tell(watcher, watcher_told_path(watcher, node, path), WATCHER_MODIFIED);
    }
}

static void tell_name(struct watcher *watcher, const struct node *node, const char *name,
                      enum watcher_change change)
{
    autofree char *folder = node_path(node);
    autofree char *path = path_join(folder, name);
    bool inside = node->inside || node == watcher->root;
    watcher_tell(watcher, inside ? path + watcher->skip : path, change);
}

static void handle_name(struct watcher *watcher, struct node *node, uint32_t mask,
                        const char *name)
{
    struct node *child = node_child(&watcher->nodes, node, name);
    bool entry = name_came_or_went(mask);
    bool temporary =
        (mask & IN_ISDIR) == 0 && ignore_temporary(watcher->place.ignore, name);
    if (watcher_tells(node) && !temporary && (child == NULL || child != watcher->state))
        tell_name(watcher, node, name, entry ? WATCHER_ENTRY : WATCHER_MODIFIED);

    bool in_tree = (node->roles & (NODE_ROOT | NODE_TREE)) != 0;
    if (in_tree && directory_came(mask))
        watcher_enter(watcher, node, name);
    /* Even if it is the directory that was there before: while it was away, looks at paths below
     * it found nothing, or what stood in its place. */
    if (child != NULL && moved_here(mask))
        child->fresh = true;
    /* A new mode may let us in where we were not before. */
    if (child != NULL && (entry || child->watch == NULL))
        node_doubt(&watcher->nodes, child);
    if (entry && (node->roles & NODE_TREE) && ignore_makes_environment(name)) {
        node->suspect = true;
        node_doubt(&watcher->nodes, node);
    }
}

/* The kernel dropped the watch: the directory is gone, or was unmounted. */
static void forget_watch(struct watcher *watcher, struct watch *watch)
{
    bool more = true;
    while (more) { /* the last release frees the watch */
        struct node *node = watch->nodes;
        more = node->same != NULL;
        /* fanotify may tell the end of a directory before what came in it. */
        watcher->retry_cookies |= node == watcher->state;
        node_release(&watcher->nodes, node);
        node_doubt(&watcher->nodes, node);
    }
}

static void handle(void *owner, const struct backend_event *event)
{
    struct watcher *watcher = owner;
    if (event->mask & IN_Q_OVERFLOW) {
        /* What comes next was queued after the gap; the gap itself is for a crawl to close. */
        watcher->lost = "the kernel's event queue overflowed";
        watcher->retry_cookies = true;
        return;
    }
    if ((event->mask & IN_UNMOUNT) && event->number < 0) {
        if (watcher_note_mounted(watcher))
            watcher->lost = "a file system was mounted or unmounted";
        return;
    }
    struct watch *watch = watch_find(&watcher->nodes, event->number);
    if (watch == NULL)
        return; /* of a watch that we gave up: its directory was listed again since, or is gone */
    if (event->mask & IN_IGNORED) {
        forget_watch(watcher, watch);
        return;
    }
    bool is_state = watcher->state->watch == watch;
    watcher->writer = event->writer;
    for (struct node *node = watch->nodes; node != NULL; node = node->same) {
        if (event->name[0] != '\0')
            handle_name(watcher, node, event->mask, event->name);
        else
            handle_self(watcher, node, event->mask);
    }
    watcher->writer = 0;
    uint64_t cookie = 0;
    if (is_state && (event->mask & IN_CREATE) &&
        cookies_take(&watcher->cookies, event->name, &cookie))
        answer(watcher, cookie);
}

/* How much; 0 where there was nothing. */
static size_t read_some(struct watcher *watcher)
{
    watcher_forget_told(watcher);
    size_t length = watcher->backend->read(watcher->ears, handle, watcher);
    watcher->heard |= length > 0;
    if (length > 0)
        finish(watcher);
    return length;
}

void watcher_readable(void *owner, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    read_some(owner);
}

/* Cookies without a file: what the kernel has queued now was queued after all that they wait for. */
void watcher_woken(void *owner, int fd, unsigned events)
{
    (void)events;
    struct watcher *watcher = owner;
    uint64_t count = 0;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    autofree uint64_t *cookies = NULL;
    size_t waiting = cookies_take_bare(&watcher->cookies, &cookies);
    size_t queued = waiting > 0 ? watcher->backend->queued(watcher->ears) : 0;
    for (size_t left = queued, length = 1; left > 0 && length > 0;) {
        length = read_some(watcher);
        left -= length < left ? length : left;
    }
    finish(watcher);
    for (size_t i = 0; i < waiting; i++)
        answer(watcher, cookies[i]);
}
