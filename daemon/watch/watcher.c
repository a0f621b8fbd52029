#include "daemon/watch/inside.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>

/* ---- life ---- */

/* The best first. */
static const struct backend *const backends[] = {&backend_fanotify, &backend_inotify};

static int open_ears(struct watcher *watcher, const char *wanted)
{
    int error = -ENOSYS;
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        const struct backend *backend = backends[i];
        bool last = i + 1 == sizeof backends / sizeof *backends;
        bool asked = strcmp(wanted, backend->name) == 0;
        if (!asked && !last && strcmp(wanted, "auto") != 0)
            continue;
        error = backend->open(&watcher->ears, watcher->place.root, &watcher->fd);
        if (error == 0) {
            watcher->backend = backend;
            return 0;
        }
        if (asked)
            watcher->refused = xasprintf("%s was asked for and cannot be had here (%s)",
                                         backend->name, strerror(-error));
    }
    return error;
}

void watcher_close(struct watcher *watcher)
{
    if (watcher == NULL)
        return;
    if (watcher->backend != NULL) {
        poller_drop(watcher->place.poller, watcher->fd);
        watcher->backend->close(watcher->ears);
    }
    if (watcher->wake >= 0) {
        poller_drop(watcher->place.poller, watcher->wake);
        close(watcher->wake);
    }
    watcher_listen(watcher, false);
    nodes_finish(&watcher->nodes);
    cookies_finish(&watcher->cookies);
    free(watcher->refused);
    free(watcher->state_path);
    free(watcher->told);
    free(watcher->mounted);
    free(watcher->blind_path);
    free(watcher->silent_path);
    mounts_finish(&watcher->mounts);
    free(watcher);
}

static int arm_first(struct watcher *watcher)
{
    const char *root = watcher->place.root;
    watcher->cookies.folder = watcher->state_path;
    watcher->skip = strcmp(root, "/") == 0 ? 1 : strlen(root) + 1;
    mounts_read(&watcher->mounts, watcher->place.mounts);
    watcher->root = node_plant_path(&watcher->nodes, root);
    watcher->root->roles |= NODE_ROOT;
    watcher->state = node_plant_path(&watcher->nodes, watcher->state_path);
    watcher->state->roles |= NODE_STATE;
    if (watcher_arm_way(watcher, watcher->root) == ARMED_ABSENT)
        return -ENOENT;
    watcher->root_there = watcher->root_told = true;
    watcher_arm_way(watcher, watcher->state);
    return 0;
}

int watcher_open(struct watcher **ret, const struct watcher_place *place)
{
    struct watcher *watcher = xcalloc(1, sizeof *watcher);
    watcher->place = *place;
    watcher->state_path = path_absolute(place->root, place->state);
    opens_init(&watcher->opens);
    nodes_init(&watcher->nodes);
    watcher->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = watcher->wake < 0 ? -errno : open_ears(watcher, place->backend);
    if (error == 0) {
        poller_want(place->poller, watcher->fd, POLLER_READ, watcher_readable, watcher);
        poller_want(place->poller, watcher->wake, POLLER_READ, watcher_woken, watcher);
        error = arm_first(watcher);
    }
    if (error < 0) {
        watcher_close(watcher);
        return error;
    }
    *ret = watcher;
    return 0;
}

const char *watcher_backend(const struct watcher *watcher)
{
    return watcher->backend->name;
}

const char *watcher_refused(const struct watcher *watcher)
{
    return watcher->refused;
}

/* ---- what is watched ---- */

static void add_mounted(void *owner, const char *id, const char *path, bool silent)
{
    (void)silent;
    struct watcher *watcher = owner;
    if (node_find_path(&watcher->nodes, path) == NULL)
        return;
    autofree char *before = watcher->mounted;
    watcher->mounted = xasprintf("%s%s %s\n", before, id, path);
}

bool watcher_note_mounted(struct watcher *watcher)
{
    autofree char *before = watcher->mounted;
    watcher->mounted = xstrdup("");
    mounts_each(WATCHER_MOUNTS, add_mounted, watcher);
    return before == NULL || strcmp(before, watcher->mounted) != 0;
}

static void follow_source(void *owner, const char *folder)
{
    watcher_follow(owner, folder);
}

static int crawl(struct watcher *watcher, watcher_found *found, void *owner)
{
    watcher->crawl = (struct crawl){
        .found = found, .owner = owner, .number = watcher->crawl.number + 1};
    mounts_read(&watcher->mounts, watcher->place.mounts);
    watcher_note_mounted(watcher);
    /* From the very top: after a gap nothing is sure, followed folders as little as the tree. */
    node_doubt(&watcher->nodes, watcher->nodes.top);
    watcher_settle(watcher);
    watcher->crawl.found = NULL;
    watcher_forget_told(watcher);
    watcher_tell_root(watcher);
    watcher_tell_degraded(watcher, true);
    if (watcher->lost != NULL || watcher->retry_cookies)
        watcher_wake(watcher);
    return watcher->root_there ? watcher->crawl.error : -ENOENT;
}

int watcher_crawl(struct watcher *watcher, watcher_found *found, void *owner)
{
    const struct watcher_sink *sink = watcher->place.sink;
    int error = crawl(watcher, found, owner);
    ignore_each_source(watcher->place.ignore, follow_source, watcher);
    /* They were read before they were watched. */
    if (ignore_enter(watcher->place.ignore, "", true))
        sink->ruled(sink->owner);
    return error;
}

int watcher_follow(struct watcher *watcher, const char *folder)
{
    autofree char *path = path_absolute(watcher->place.root, folder);
    for (const char *name = path; *name != '\0'; name += strspn(name, "/")) {
        size_t length = strcspn(name, "/");
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        if ((length == 1 && name[0] == '.') ||
            (length == 2 && memcmp(name, "..", 2) == 0))
            return -EINVAL; /* such steps are not nodes */
        name += length;
    }
    struct node *node = node_plant_path(&watcher->nodes, path);
    bool followed = (node->roles & (NODE_ROOT | NODE_TREE | NODE_FOLLOW)) != 0;
    if (followed && node->watch != NULL)
        return 0; /* asked for after each run: costs no system call */
    node->roles |= NODE_FOLLOW;
    watcher_arm_way(watcher, node);
    /* Whatever is to be told now waits for a turn: the caller is in the middle of something. */
    if (watcher->nodes.doubts != NULL || watcher->retry_cookies ||
        watcher->nodes.blind != watcher->blind_told ||
        watcher->nodes.silent != watcher->silent_told)
        watcher_wake(watcher);
    return 1;
}

bool watcher_rest(struct watcher *watcher, bool on)
{
    struct poller *poller = watcher->place.poller;
    if (!on) {
        poller_want(poller, watcher->fd, POLLER_READ, watcher_readable, watcher);
        return false;
    }
    /* One: fanotify counts the list of mounts. */
    if (!watcher->heard || watcher->backend->queued(watcher->ears) > 1)
        return false;
    watcher->heard = false;
    poller_drop(poller, watcher->fd);
    return true;
}

size_t watcher_count(const struct watcher *watcher)
{
    return watch_count(&watcher->nodes);
}
