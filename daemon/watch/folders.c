#include "daemon/watch/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
    /* No IN_DELETE_SELF: IN_IGNORED comes all the same. */
    SELF = IN_MOVE_SELF,
    CONTENTS = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB,
};

static bool in_tree(const struct node *node)
{
    return (node->roles & (NODE_ROOT | NODE_TREE)) != 0;
}

bool watcher_tells(const struct node *node)
{
    return (node->roles & (NODE_ROOT | NODE_TREE | NODE_FOLLOW)) != 0 &&
           (node->roles & NODE_STATE) == 0;
}

static bool told_from_above(const struct node *node)
{
    return node->parent != NULL && node->parent->watch != NULL &&
           watcher_tells(node->parent);
}

const char *watcher_told_path(const struct watcher *watcher, const struct node *node,
                              const char *path)
{
    if (node == watcher->root)
        return "";
    return node->inside ? path + watcher->skip : path;
}

/* ---- one kernel watch ---- */

static uint32_t mask_for(const struct node *node)
{
    uint32_t mask = IN_ONLYDIR | SELF;
    if (watcher_tells(node))
        mask |= NAMES | CONTENTS;
    else if (node->children != NULL)
        mask |= NAMES;
    if (node->roles & NODE_STATE)
        mask |=
            IN_CREATE; /* the index is written there all the time: not worth a wake-up */
    if (in_tree(node))
        mask |= IN_DONT_FOLLOW;
    return mask;
}

static void note_silent(struct watcher *watcher, struct node *node, const char *path)
{
    bool silent = watcher_tells(node) && mounts_silent(&watcher->mounts, path) != NULL;
    bool first = watcher->nodes.silent == 0 ||
                 mounts_silent(&watcher->mounts, watcher->silent_path) == NULL;
    if (silent && first) {
        free(watcher->silent_path);
        watcher->silent_path = xstrdup(path);
    }
    node_set_silent(&watcher->nodes, node, silent);
}

static void release(struct watcher *watcher, struct node *node)
{
    if (node->watch != NULL && node == watcher->state)
        watcher->retry_cookies = true;
    int number = node_release(&watcher->nodes, node);
    if (number >= 0)
        watcher->backend->unwatch(watcher->ears, number);
}

static bool means_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static void note_blind(struct watcher *watcher, struct node *node, const char *path,
                       int error)
{
    /* What nobody may enter cannot be read by a run either. Who may enter but not list, though,
     * opens files there by name, and we would not see them change. */
    bool matters = error != EACCES || (watcher_tells(node) && access(path, X_OK) == 0);
    if (!matters) {
        node_set_blind(&watcher->nodes, node, false);
        return;
    }
    if (watcher->nodes.blind == 0) {
        free(watcher->blind_path);
        watcher->blind_path = xstrdup(path);
        watcher->blind_error = error;
    }
    node_set_blind(&watcher->nodes, node, true);
}

enum armed watcher_arm(struct watcher *watcher, struct node *node, const char *path)
{
    node->tried = true;
    const struct backend *backend = watcher->backend;
    int number = backend->watch(watcher->ears, path, mask_for(node));
    if (number == -ENOSPC && watcher_listen_no_more(watcher))
        number = backend->watch(watcher->ears, path, mask_for(node));
    if (number < 0) {
        int error = -number;
        release(watcher, node);
        if (means_absent(error)) {
            node_set_blind(&watcher->nodes, node, false);
            node_set_silent(&watcher->nodes, node, false);
            return ARMED_ABSENT;
        }
        node->there = true;
        note_blind(watcher, node, path, error);
        return ARMED_BLIND;
    }
    node->there = true;
    node_set_blind(&watcher->nodes, node, false);
    note_silent(watcher, node, path);
    watcher_listen_to(watcher, node, path);
    if (node->watch != NULL && node->watch->number == number)
        return ARMED_SAME;
    release(watcher, node);
    /* Known under another name: either it has two, or it was moved and the old name is stale. */
    const struct watch *watch = watch_find(&watcher->nodes, number);
    for (struct node *other = watch != NULL ? watch->nodes : NULL; other != NULL;
         other = other->same)
        node_doubt(&watcher->nodes, other);
    node_attach(&watcher->nodes, node, number);
    return ARMED_FRESH;
}

enum armed watcher_arm_way(struct watcher *watcher, struct node *node)
{
    /* The upper first: what appears below it from then on is told. */
    if (node->parent != NULL && node->parent->watch == NULL)
        watcher_arm_way(watcher, node->parent);
    autofree char *path = node_path(node);
    bool tried = node->tried;
    enum armed armed = watcher_arm(watcher, node, path);
    if (armed == ARMED_FRESH && tried) {
        /* It came back and the event that says so is not read yet: what follows from it is still
         * due, though a look will find the watch in place. */
        node->fresh = true;
        node_doubt(&watcher->nodes, node);
    }
    return armed;
}

/* ---- directories that go ---- */

/* NODE and all below it are no longer part of the tree; what has no other role goes. GONE: they are
 * not there any more either, so no watch is left. NODE may be freed. */
static void strip(struct watcher *watcher, struct node *node, bool gone)
{
    struct node *next = NULL;
    for (struct node *child = node->children; child != NULL; child = next) {
        next = child->next;
        strip(watcher, child, gone);
    }
    /* Not asked of the watch: the kernel may have taken that away before. */
    bool was_there = node->there;
    bool in_tree_before = (node->roles & NODE_TREE) != 0;
    node->roles &= ~(unsigned)NODE_TREE;
    bool unwanted = node->roles == 0 && node->children == NULL && node->parent != NULL;
    node->there = node->there && !gone;
    if (gone || unwanted) {
        release(watcher, node);
        node_set_blind(&watcher->nodes, node, false);
    }
    if (gone || !watcher_tells(node))
        node_set_silent(&watcher->nodes, node, false);
    if (gone && node == watcher->root)
        watcher->root_there = false;
    if (gone && was_there && (node->roles & NODE_FOLLOW) && !in_tree_before &&
        !told_from_above(node)) {
        autofree char *path = node_path(node);
        watcher_tell(watcher, watcher_told_path(watcher, node, path), WATCHER_ENTRY);
    }
    if (unwanted)
        node_remove(&watcher->nodes, node);
}

static void vanish(struct watcher *watcher, struct node *node, const char *path)
{
    /* Once: mostly the folder above had the event and told it. */
    if ((node->roles & NODE_TREE) && !told_from_above(node) &&
        watcher->crawl.found == NULL)
        watcher_tell(watcher, watcher_told_path(watcher, node, path), WATCHER_ENTRY);
    strip(watcher, node, true);
}

/* ---- directories that come ---- */

/* In a crawl the listing of the directory tells later whether it is a virtual environment, without a
 * system call; but not while we listen, for then it would be listened to until that is known. */
static bool worth_entering(const struct watcher *watcher, const char *path)
{
    bool listed_soon = watcher->crawl.found != NULL && watcher->opens.fd < 0;
    return !ignore_matches_here(watcher->place.ignore, path + watcher->skip, true) &&
           (listed_soon || !ignore_environment(path));
}

static void enter(struct watcher *watcher, struct node *child)
{
    child->roles |= NODE_TREE;
    node_doubt(&watcher->nodes, child);
}

void watcher_enter(struct watcher *watcher, struct node *node, const char *name)
{
    struct node *child = node_child(&watcher->nodes, node, name);
    if (child != NULL && child == watcher->state)
        return;
    autofree char *folder = node_path(node);
    autofree char *path = xasprintf("%s/%s", folder[1] == '\0' ? "" : folder, name);
    if (worth_entering(watcher, path))
        enter(watcher, node_plant(&watcher->nodes, node, name));
}

static void list_file(struct watcher *watcher, const struct node *node, const char *told,
                      const char *name, bool fresh)
{
    if (ignore_temporary(watcher->place.ignore, name))
        return;
    if (fresh)
        opens_assume(&watcher->opens, told);
    if (watcher->crawl.found == NULL || !in_tree(node))
        watcher_tell(watcher, told, WATCHER_ENTRY);
    else if (!ignore_matches_here(watcher->place.ignore, told, false))
        watcher->crawl.found(watcher->crawl.owner, told, false);
}

static void list_directory(struct watcher *watcher, struct node *node, const char *path,
                           const char *told, const char *name)
{
    struct node *child = node_child(&watcher->nodes, node, name);
    if (child != NULL && child == watcher->state)
        return;
    if (!in_tree(node)) {
        watcher_tell(watcher, told, WATCHER_ENTRY);
        return;
    }
    bool worth = worth_entering(watcher, path);
    if (watcher->crawl.found == NULL)
        watcher_tell(watcher, told, WATCHER_ENTRY);
    if (worth)
        enter(watcher, child != NULL ? child : node_add(&watcher->nodes, node, name));
    else if (child != NULL && (child->roles & NODE_TREE))
        strip(watcher, child, false);
}

static int list_failed(struct watcher *watcher, struct node *node, const char *path,
                       int error)
{
    if (means_absent(error))
        return -error; /* the event that says so is on its way */
    /* Without its watch the next look takes it for new, and lists it again. */
    release(watcher, node);
    note_blind(watcher, node, path, error);
    return -error;
}

/* Tells all names that were read in NODE, or gives them to the crawl, and enters its directories. FRESH:
 * nobody listened to it under this name before. */
static void list_names(struct watcher *watcher, struct node *node, const char *path,
                       bool fresh)
{
    const struct listing *listing = &watcher->listing;
    bool inside = node->inside || node == watcher->root;
    size_t length = path[1] == '\0' ? 0 : strlen(path);
    autofree char *whole = xmalloc(length + 1 + NAME_MAX + 1);
    char *end = mempcpy(whole, path, length);
    *end++ = '/';
    const char *told = inside ? whole + watcher->skip : whole;
    for (size_t at = 0; at < listing->length;) {
        const char *name = listing->names + at + 1;
        size_t size = strlen(name) + 1;
        memcpy(end, name, size);
        if (listing->names[at] == LISTED_DIRECTORY)
            list_directory(watcher, node, whole, told, name);
        else
            list_file(watcher, node, told, name, fresh);
        at += 1 + size;
    }
}

/* NODE may be freed. */
static int list(struct watcher *watcher, struct node *node, const char *path, bool fresh)
{
    int error = listing_read(&watcher->listing, path, !in_tree(node));
    const char *told = watcher_told_path(watcher, node, path);
    bool crawling = watcher->crawl.found != NULL && (node->roles & NODE_TREE) != 0;
    if (crawling && watcher->listing.environment) {
        strip(watcher, node, false);
        return 0;
    }
    if (crawling && !means_absent(-error))
        watcher->crawl.found(watcher->crawl.owner, told, true);
    /* What is ignored must be known before the first is looked at. It is watched by now: a later change
     * is told. */
    if (in_tree(node) && error == 0)
        ignore_enter(watcher->place.ignore, told, watcher->listing.speaks);
    list_names(watcher, node, path, fresh);
    return error == 0 ? 0 : list_failed(watcher, node, path, -error);
}

/* ---- doubts ---- */

static void note_root(struct watcher *watcher, bool fresh)
{
    if (!fresh && watcher->root_there)
        return;
    if (watcher->root_there)
        watcher->root_replaced = true;
    watcher->root_there = true;
    /* What was in the old one is not told name by name; a crawl compares anyway. */
    if (watcher->crawl.found == NULL)
        watcher->lost = "the root was replaced";
}

static void look(struct watcher *watcher, struct node *node)
{
    autofree char *path = node_path(node);
    bool suspect = node->suspect;
    node->suspect = false;
    if (suspect && (node->roles & NODE_TREE) && ignore_environment(path)) {
        watcher->lost = "a folder became a virtual environment";
        strip(watcher, node, false);
        return;
    }
    bool crawling = watcher->crawl.found != NULL;
    bool was_blind = node->blind;
    enum armed armed = watcher_arm(watcher, node, path);
    if (armed == ARMED_SAME && node->fresh)
        armed = ARMED_FRESH;
    node->fresh = false;
    if (armed == ARMED_ABSENT) {
        vanish(watcher, node, path);
        return;
    }
    if (armed == ARMED_SAME && (!crawling || node->listed == watcher->crawl.number))
        return;
    if (crawling)
        node->listed = watcher->crawl.number;
    if (node == watcher->root)
        note_root(watcher, armed == ARMED_FRESH && !was_blind);
    /* They are those of the directory that was here before, or were lost with it. */
    node_doubt_children(&watcher->nodes, node, armed != ARMED_SAME);
    if (in_tree(node)) {
        bool is_root = node == watcher->root;
        int error = list(watcher, node, path, armed == ARMED_FRESH);
        if (is_root)
            watcher->crawl.error = error;
    } else if (armed == ARMED_FRESH && watcher_tells(node)) {
        if (!told_from_above(node))
            watcher_tell(watcher, watcher_told_path(watcher, node, path), WATCHER_ENTRY);
        list(watcher, node, path, true);
    }
}

void watcher_settle(struct watcher *watcher)
{
    for (struct node *node = NULL; (node = node_take_doubt(&watcher->nodes)) != NULL;)
        look(watcher, node);
    listing_finish(&watcher->listing);
}
