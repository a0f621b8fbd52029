#include "daemon/watch/inotify.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/limit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

/* One read: some two thousand events, so that a flood cannot hold up the loop. */
enum { BUFFER_SIZE = 64 << 10 };

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

void inotify_tell(struct inotify *inotify, const char *path, enum watcher_change change)
{
    if (inotify->told != NULL && inotify->told_change == change &&
        strcmp(inotify->told, path) == 0)
        return;
    free(inotify->told);
    inotify->told = xstrdup(path);
    inotify->told_change = change;
    place_tell(inotify->place, path, change);
}

static void forget_told(struct inotify *inotify)
{
    free(inotify->told);
    inotify->told = NULL;
}

void inotify_wake(struct inotify *inotify)
{
    uint64_t one = 1;
    ssize_t written = write(inotify->wake, &one, sizeof one);
    (void)written; /* it can only fail where it is awake already */
}

/* ---- what waits until the doubts are settled ---- */

static void tell_root(struct inotify *inotify)
{
    const struct watcher_sink *sink = inotify->place->sink;
    bool replaced = inotify->root_replaced;
    inotify->root_replaced = false;
    if (replaced && inotify->root_told && inotify->root_there)
        sink->root(sink->owner, false);
    else if (inotify->root_told == inotify->root_there)
        return;
    inotify->root_told = inotify->root_there;
    sink->root(sink->owner, inotify->root_there);
}

static void tell_lost(struct inotify *inotify)
{
    const char *why = inotify->lost;
    if (why == NULL)
        return;
    inotify->lost = NULL;
    inotify->place->sink->lost(inotify->place->sink->owner, why);
}

static char *blind_message(const struct inotify *inotify)
{
    if (inotify->nodes.blind == 0)
        return NULL;
    struct limit_report report = {.watched = watch_count(&inotify->nodes),
                                  .blind = inotify->nodes.blind,
                                  .first = inotify->blind_path,
                                  .error = inotify->blind_error};
    limit_read(&report);
    return limit_message(&report);
}

static char *silent_message(const struct inotify *inotify)
{
    if (inotify->nodes.silent == 0)
        return NULL;
    const struct mount *mount = mounts_silent(&inotify->mounts, inotify->silent_path);
    return mounts_message(inotify->nodes.silent, inotify->silent_path, mount);
}

/* After a crawl also when the number alone is another. */
static void tell_degraded(struct inotify *inotify, bool crawled)
{
    const struct watcher_sink *sink = inotify->place->sink;
    size_t blind = inotify->nodes.blind;
    size_t silent = inotify->nodes.silent;
    bool turned = (blind > 0) != (inotify->blind_told > 0) ||
                  (silent > 0) != (inotify->silent_told > 0);
    bool other = blind != inotify->blind_told || silent != inotify->silent_told;
    if (!turned && !(crawled && other))
        return;
    inotify->blind_told = blind;
    inotify->silent_told = silent;
    autofree char *first = blind_message(inotify);
    autofree char *second = silent_message(inotify);
    autofree char *both =
        first != NULL && second != NULL ? xasprintf("%s; and %s", first, second) : NULL;
    const char *one = first != NULL ? first : second;
    sink->degraded(sink->owner, both != NULL ? both : one);
}

static void place_cookie(struct inotify *inotify, uint64_t cookie)
{
    /* Armed again each time: the folder may be another one since. */
    enum armed armed = inotify_arm_way(inotify, inotify->state);
    if ((armed == ARMED_SAME || armed == ARMED_FRESH) &&
        cookies_make(&inotify->cookies, cookie))
        return;
    cookies_add_bare(&inotify->cookies, cookie);
    inotify_wake(inotify);
}

static void retry_cookies(struct inotify *inotify)
{
    if (!inotify->retry_cookies)
        return;
    inotify->retry_cookies = false;
    autofree uint64_t *cookies = NULL;
    size_t count = cookies_take_all(&inotify->cookies, &cookies);
    for (size_t i = 0; i < count; i++)
        place_cookie(inotify, cookies[i]);
}

/* Everything that was read so far has been told after this. */
static void finish(struct inotify *inotify)
{
    opens_hear(&inotify->opens);
    inotify_settle(inotify);
    inotify_tell_opens(inotify);
    tell_root(inotify);
    tell_lost(inotify);
    tell_degraded(inotify, false);
    retry_cookies(inotify);
}

static void answer(struct inotify *inotify, uint64_t cookie)
{
    finish(inotify);
    forget_told(inotify);
    inotify->place->sink->synced(inotify->place->sink->owner, cookie);
}

/* ---- events ---- */

static void handle_self(struct inotify *inotify, struct node *node, uint32_t mask)
{
    if (mask & IN_MOVE_SELF)
        node_doubt(&inotify->nodes, node);
    if (mask & IN_UNMOUNT)
        inotify->lost = "a file system was unmounted";
    /* Where the folder above is told too, it told this already. */
    bool above = node->parent != NULL && inotify_tells(node->parent) &&
                 node->parent->watch != NULL;
    if ((mask & IN_ATTRIB) && inotify_tells(node) && !above) {
        autofree char *path = node_path(node);
        inotify_tell(inotify, inotify_told_path(inotify, node, path), WATCHER_MODIFIED);
    }
}

static void tell_name(struct inotify *inotify, const struct node *node, const char *name,
                      enum watcher_change change)
{
    autofree char *folder = node_path(node);
    autofree char *path = path_join(folder, name);
    bool inside = node->inside || node == inotify->root;
    inotify_tell(inotify, inside ? path + inotify->skip : path, change);
}

static void handle_name(struct inotify *inotify, struct node *node, uint32_t mask,
                        const char *name)
{
    struct node *child = node_child(&inotify->nodes, node, name);
    bool entry = name_came_or_went(mask);
    bool temporary =
        (mask & IN_ISDIR) == 0 && ignore_temporary(inotify->place->ignore, name);
    if (inotify_tells(node) && !temporary && (child == NULL || child != inotify->state))
        tell_name(inotify, node, name, entry ? WATCHER_ENTRY : WATCHER_MODIFIED);

    bool in_tree = (node->roles & (NODE_ROOT | NODE_TREE)) != 0;
    if (in_tree && directory_came(mask))
        inotify_enter(inotify, node, name);
    /* Even if it is the directory that was there before: while it was away, looks at paths below
     * it found nothing, or what stood in its place. */
    if (child != NULL && moved_here(mask))
        child->fresh = true;
    /* A new mode may let us in where we were not before. */
    if (child != NULL && (entry || child->watch == NULL))
        node_doubt(&inotify->nodes, child);
    if (entry && (node->roles & NODE_TREE) && ignore_makes_environment(name)) {
        node->suspect = true;
        node_doubt(&inotify->nodes, node);
    }
}

/* The kernel dropped the watch: the directory is gone, or was unmounted. */
static void forget_watch(struct inotify *inotify, struct watch *watch)
{
    bool more = true;
    while (more) { /* the last release frees the watch */
        struct node *node = watch->nodes;
        more = node->same != NULL;
        node_release(&inotify->nodes, node);
        node_doubt(&inotify->nodes, node);
    }
}

static void handle(struct inotify *inotify, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        /* What comes next was queued after the gap; the gap itself is for a crawl to close. */
        inotify->lost = "the kernel's event queue overflowed";
        inotify->retry_cookies = true;
        return;
    }
    struct watch *watch = watch_find(&inotify->nodes, event->wd);
    if (watch == NULL)
        return; /* of a watch that we gave up: its directory was listed again since, or is gone */
    if (event->mask & IN_IGNORED) {
        forget_watch(inotify, watch);
        return;
    }
    bool is_state = inotify->state->watch == watch;
    const char *name = event->len > 0 ? event->name : "";
    for (struct node *node = watch->nodes; node != NULL; node = node->same) {
        if (name[0] != '\0')
            handle_name(inotify, node, event->mask, name);
        else
            handle_self(inotify, node, event->mask);
    }
    uint64_t cookie = 0;
    if (is_state && (event->mask & IN_CREATE) &&
        cookies_take(&inotify->cookies, name, &cookie))
        answer(inotify, cookie);
}

/* Bytes read; 0 where there was nothing. */
static size_t read_some(struct inotify *inotify)
{
    ssize_t length = read(inotify->fd, inotify->buffer, BUFFER_SIZE);
    if (length <= 0)
        return 0;
    forget_told(inotify);
    for (size_t at = 0; at < (size_t)length;) {
        const struct inotify_event *event = (const void *)(inotify->buffer + at);
        at += sizeof *event + event->len;
        handle(inotify, event);
    }
    finish(inotify);
    return (size_t)length;
}

static void readable(void *owner, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    read_some(owner);
}

/* Cookies without a file: what the kernel has queued now was queued after all that they wait for. */
static void woken(void *owner, int fd, unsigned events)
{
    (void)events;
    struct inotify *inotify = owner;
    uint64_t count = 0;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    autofree uint64_t *cookies = NULL;
    size_t waiting = cookies_take_bare(&inotify->cookies, &cookies);
    int queued = 0;
    if (waiting > 0 && ioctl(inotify->fd, FIONREAD, &queued) < 0)
        queued = INT_MAX;
    for (size_t left = (size_t)queued, length = 1; left > 0 && length > 0;) {
        length = read_some(inotify);
        left -= length < left ? length : left;
    }
    finish(inotify);
    for (size_t i = 0; i < waiting; i++)
        answer(inotify, cookies[i]);
}

/* ---- life ---- */

static void inotify_close(void *self)
{
    struct inotify *inotify = self;
    if (inotify == NULL)
        return;
    if (inotify->fd >= 0) {
        poller_drop(inotify->place->poller, inotify->fd);
        close(inotify->fd);
    }
    if (inotify->wake >= 0) {
        poller_drop(inotify->place->poller, inotify->wake);
        close(inotify->wake);
    }
    inotify_listen(inotify, false);
    nodes_finish(&inotify->nodes);
    cookies_finish(&inotify->cookies);
    free(inotify->buffer);
    free(inotify->told);
    free(inotify->blind_path);
    free(inotify->silent_path);
    mounts_finish(&inotify->mounts);
    free(inotify);
}

static int inotify_open(void **ret, const struct place *place)
{
    struct inotify *inotify = xcalloc(1, sizeof *inotify);
    inotify->place = place;
    opens_init(&inotify->opens);
    inotify->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    inotify->wake = inotify->fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inotify->wake < 0) {
        int error = -errno;
        inotify_close(inotify);
        return error;
    }
    poller_want(place->poller, inotify->fd, POLLER_READ, readable, inotify);
    poller_want(place->poller, inotify->wake, POLLER_READ, woken, inotify);
    inotify->buffer = xmalloc(BUFFER_SIZE);
    inotify->cookies.folder = place->state;
    inotify->skip = strcmp(place->root, "/") == 0 ? 1 : strlen(place->root) + 1;
    nodes_init(&inotify->nodes);
    mounts_read(&inotify->mounts, place->mounts);
    inotify->root = node_plant_path(&inotify->nodes, place->root);
    inotify->root->roles |= NODE_ROOT;
    inotify->state = node_plant_path(&inotify->nodes, place->state);
    inotify->state->roles |= NODE_STATE;
    if (inotify_arm_way(inotify, inotify->root) == ARMED_ABSENT) {
        inotify_close(inotify);
        return -ENOENT;
    }
    inotify->root_there = inotify->root_told = true;
    inotify_arm_way(inotify, inotify->state);
    *ret = inotify;
    return 0;
}

static int inotify_crawl(void *self, watcher_found *found, void *owner)
{
    struct inotify *inotify = self;
    inotify->crawl = (struct crawl){
        .found = found, .owner = owner, .number = inotify->crawl.number + 1};
    mounts_read(&inotify->mounts, inotify->place->mounts);
    /* From the very top: after a gap nothing is sure, followed folders as little as the tree. */
    node_doubt(&inotify->nodes, inotify->nodes.top);
    inotify_settle(inotify);
    inotify->crawl.found = NULL;
    forget_told(inotify);
    tell_root(inotify);
    tell_degraded(inotify, true);
    if (inotify->lost != NULL || inotify->retry_cookies)
        inotify_wake(inotify);
    return inotify->root_there ? inotify->crawl.error : -ENOENT;
}

static void inotify_sync(void *self, uint64_t cookie)
{
    place_cookie(self, cookie);
}

static int inotify_follow(void *self, const char *folder)
{
    struct inotify *inotify = self;
    autofree char *path = path_absolute(inotify->place->root, folder);
    for (const char *name = path; *name != '\0'; name += strspn(name, "/")) {
        size_t length = strcspn(name, "/");
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        if ((length == 1 && name[0] == '.') ||
            (length == 2 && memcmp(name, "..", 2) == 0))
            return -EINVAL; /* such steps are not nodes */
        name += length;
    }
    struct node *node = node_plant_path(&inotify->nodes, path);
    bool followed = (node->roles & (NODE_ROOT | NODE_TREE | NODE_FOLLOW)) != 0;
    if (followed && node->watch != NULL)
        return 0; /* asked for after each run: costs no system call */
    node->roles |= NODE_FOLLOW;
    inotify_arm_way(inotify, node);
    /* Whatever is to be told now waits for a turn: the caller is in the middle of something. */
    if (inotify->nodes.doubts != NULL || inotify->retry_cookies ||
        inotify->nodes.blind != inotify->blind_told ||
        inotify->nodes.silent != inotify->silent_told)
        inotify_wake(inotify);
    return 1;
}

static size_t inotify_count(const void *self)
{
    const struct inotify *inotify = self;
    return watch_count(&inotify->nodes);
}

const struct backend backend_inotify = {
    .name = "inotify",
    .open = inotify_open,
    .close = inotify_close,
    .crawl = inotify_crawl,
    .sync = inotify_sync,
    .follow = inotify_follow,
    .listen = inotify_listen,
    .count = inotify_count,
};
