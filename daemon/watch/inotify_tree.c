#include "daemon/watch/inotify.h"

#include "daemon/base/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

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

bool inotify_tells(const struct node *node)
{
    return (node->roles & (NODE_ROOT | NODE_TREE | NODE_FOLLOW)) != 0 &&
           (node->roles & NODE_STATE) == 0;
}

static bool told_from_above(const struct node *node)
{
    return node->parent != NULL && node->parent->watch != NULL &&
           inotify_tells(node->parent);
}

const char *inotify_told_path(const struct inotify *inotify, const struct node *node,
                              const char *path)
{
    if (node == inotify->root)
        return "";
    return node->inside ? path + inotify->skip : path;
}

/* ---- one kernel watch ---- */

static uint32_t mask_for(const struct node *node)
{
    /* Never less than the watch has already: it may serve another node too. */
    uint32_t mask = IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD | SELF;
    if (inotify_tells(node))
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

static void note_silent(struct inotify *inotify, struct node *node, const char *path)
{
    bool silent = inotify_tells(node) && mounts_silent(&inotify->mounts, path) != NULL;
    bool first = inotify->nodes.silent == 0 ||
                 mounts_silent(&inotify->mounts, inotify->silent_path) == NULL;
    if (silent && first) {
        free(inotify->silent_path);
        inotify->silent_path = xstrdup(path);
    }
    node_set_silent(&inotify->nodes, node, silent);
}

static void release(struct inotify *inotify, struct node *node)
{
    if (node->watch != NULL && node == inotify->state)
        inotify->retry_cookies = true;
    int number = node_release(&inotify->nodes, node);
    if (number >= 0) /* fails where the kernel was first, and that is as well */
        inotify_rm_watch(inotify->fd, number);
}

static bool means_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static void note_blind(struct inotify *inotify, struct node *node, const char *path,
                       int error)
{
    /* What nobody may enter cannot be read by a run either. Who may enter but not list, though,
     * opens files there by name, and we would not see them change. */
    bool matters = error != EACCES || (inotify_tells(node) && access(path, X_OK) == 0);
    if (!matters) {
        node_set_blind(&inotify->nodes, node, false);
        return;
    }
    if (inotify->nodes.blind == 0) {
        free(inotify->blind_path);
        inotify->blind_path = xstrdup(path);
        inotify->blind_error = error;
    }
    node_set_blind(&inotify->nodes, node, true);
}

enum armed inotify_arm(struct inotify *inotify, struct node *node, const char *path)
{
    node->tried = true;
    int number = inotify_add_watch(inotify->fd, path, mask_for(node));
    if (number < 0 && errno == ENOSPC && inotify_listen_no_more(inotify))
        number = inotify_add_watch(inotify->fd, path, mask_for(node));
    if (number < 0) {
        int error = errno;
        release(inotify, node);
        if (means_absent(error)) {
            node_set_blind(&inotify->nodes, node, false);
            node_set_silent(&inotify->nodes, node, false);
            return ARMED_ABSENT;
        }
        node->there = true;
        note_blind(inotify, node, path, error);
        return ARMED_BLIND;
    }
    node->there = true;
    node_set_blind(&inotify->nodes, node, false);
    note_silent(inotify, node, path);
    inotify_listen_to(inotify, node, path);
    if (node->watch != NULL && node->watch->number == number)
        return ARMED_SAME;
    release(inotify, node);
    /* Known under another name: either it has two, or it was moved and the old name is stale. */
    const struct watch *watch = watch_find(&inotify->nodes, number);
    for (struct node *other = watch != NULL ? watch->nodes : NULL; other != NULL;
         other = other->same)
        node_doubt(&inotify->nodes, other);
    node_attach(&inotify->nodes, node, number);
    return ARMED_FRESH;
}

enum armed inotify_arm_way(struct inotify *inotify, struct node *node)
{
    /* The upper first: what appears below it from then on is told. */
    if (node->parent != NULL && node->parent->watch == NULL)
        inotify_arm_way(inotify, node->parent);
    autofree char *path = node_path(node);
    bool tried = node->tried;
    enum armed armed = inotify_arm(inotify, node, path);
    if (armed == ARMED_FRESH && tried) {
        /* It came back and the event that says so is not read yet: what follows from it is still
         * due, though a look will find the watch in place. */
        node->fresh = true;
        node_doubt(&inotify->nodes, node);
    }
    return armed;
}

/* ---- directories that go ---- */

/* NODE and all below it are no longer part of the tree; what has no other role goes. GONE: they are
 * not there any more either, so no watch is left. NODE may be freed. */
static void strip(struct inotify *inotify, struct node *node, bool gone)
{
    struct node *next = NULL;
    for (struct node *child = node->children; child != NULL; child = next) {
        next = child->next;
        strip(inotify, child, gone);
    }
    /* Not asked of the watch: the kernel may have taken that away before. */
    bool was_there = node->there;
    bool in_tree_before = (node->roles & NODE_TREE) != 0;
    node->roles &= ~(unsigned)NODE_TREE;
    bool unwanted = node->roles == 0 && node->children == NULL && node->parent != NULL;
    node->there = node->there && !gone;
    if (gone || unwanted) {
        release(inotify, node);
        node_set_blind(&inotify->nodes, node, false);
    }
    if (gone || !inotify_tells(node))
        node_set_silent(&inotify->nodes, node, false);
    if (gone && node == inotify->root)
        inotify->root_there = false;
    if (gone && was_there && (node->roles & NODE_FOLLOW) && !in_tree_before &&
        !told_from_above(node)) {
        autofree char *path = node_path(node);
        inotify_tell(inotify, inotify_told_path(inotify, node, path), WATCHER_ENTRY);
    }
    if (unwanted)
        node_remove(&inotify->nodes, node);
}

static void vanish(struct inotify *inotify, struct node *node, const char *path)
{
    /* Once: mostly the folder above had the event and told it. */
    if ((node->roles & NODE_TREE) && !told_from_above(node) &&
        inotify->crawl.found == NULL)
        inotify_tell(inotify, inotify_told_path(inotify, node, path), WATCHER_ENTRY);
    strip(inotify, node, true);
}

/* ---- directories that come ---- */

static bool worth_entering(const struct inotify *inotify, const char *path)
{
    return !ignore_matches_here(inotify->place->ignore, path + inotify->skip, true) &&
           !ignore_environment(path);
}

static void enter(struct inotify *inotify, struct node *node, const char *name)
{
    struct node *child = node_plant(&inotify->nodes, node, name);
    child->roles |= NODE_TREE;
    node_doubt(&inotify->nodes, child);
}

void inotify_enter(struct inotify *inotify, struct node *node, const char *name)
{
    struct node *child = node_child(&inotify->nodes, node, name);
    if (child != NULL && child == inotify->state)
        return;
    autofree char *folder = node_path(node);
    autofree char *path = xasprintf("%s/%s", folder[1] == '\0' ? "" : folder, name);
    if (worth_entering(inotify, path))
        enter(inotify, node, name);
}

static void list_file(struct inotify *inotify, const struct node *node, const char *told,
                      const char *name, bool fresh)
{
    if (ignore_temporary(inotify->place->ignore, name))
        return;
    if (fresh)
        opens_assume(&inotify->opens, told);
    if (inotify->crawl.found == NULL || !in_tree(node))
        inotify_tell(inotify, told, WATCHER_ENTRY);
    else if (!ignore_matches_here(inotify->place->ignore, told, false))
        inotify->crawl.found(inotify->crawl.owner, told, false);
}

static void list_directory(struct inotify *inotify, struct node *node, const char *path,
                           const char *told, const char *name)
{
    struct node *child = node_child(&inotify->nodes, node, name);
    if (child != NULL && child == inotify->state)
        return;
    if (!in_tree(node)) {
        inotify_tell(inotify, told, WATCHER_ENTRY);
        return;
    }
    bool worth = worth_entering(inotify, path);
    if (inotify->crawl.found == NULL)
        inotify_tell(inotify, told, WATCHER_ENTRY);
    else if (worth)
        inotify->crawl.found(inotify->crawl.owner, told, true);
    if (worth)
        enter(inotify, node, name);
    else if (child != NULL && (child->roles & NODE_TREE))
        strip(inotify, child, false);
}

static bool is_directory(DIR *dir, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct stat status;
    return fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

static DIR *open_directory(const char *path, bool follow)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK |
                            (follow ? 0 : O_NOFOLLOW));
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

static int list_failed(struct inotify *inotify, struct node *node, const char *path,
                       int error)
{
    if (means_absent(error))
        return -error; /* the event that says so is on its way */
    /* Without its watch the next look takes it for new, and lists it again. */
    release(inotify, node);
    note_blind(inotify, node, path, error);
    return -error;
}

/* Names one after the other, each with its kind before it and a NUL behind. */
struct names {
    char *bytes;
    size_t length, capacity;
    bool speak; /* of what is ignored here */
};

enum { DIRECTORY = 'd', OTHER = 'o' };

static void add_name(struct names *names, const char *name, bool directory)
{
    size_t size = strlen(name) + 2;
    if (names->length + size > names->capacity) {
        names->capacity = 2 * names->capacity + size;
        names->bytes = xrealloc(names->bytes, names->capacity);
    }
    names->bytes[names->length] = directory ? DIRECTORY : OTHER;
    memcpy(names->bytes + names->length + 1, name, size - 1);
    names->length += size;
    names->speak |= ignore_is_rule(name);
}

/* 0 or -errno; what was read until then is in NAMES. */
static int read_names(const char *path, bool follow, struct names *names)
{
    DIR *dir = open_directory(path, follow);
    if (dir == NULL)
        return -errno;
    errno = 0;
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            add_name(names, entry->d_name, is_directory(dir, entry));
    int error = errno;
    closedir(dir);
    return -error;
}

/* Tells all names in NODE, or gives them to the crawl, and enters its directories. FRESH: nobody
 * listened to it under this name before. */
static int list(struct inotify *inotify, struct node *node, const char *path, bool fresh)
{
    struct names names = {0};
    int error = read_names(path, !in_tree(node), &names);
    /* What is ignored must be known before the first is looked at. It is watched by now: a later change
     * is told. */
    if (in_tree(node) && error == 0)
        ignore_enter(inotify->place->ignore, inotify_told_path(inotify, node, path),
                     names.speak);
    bool inside = node->inside || node == inotify->root;
    size_t length = path[1] == '\0' ? 0 : strlen(path);
    autofree char *whole = xmalloc(length + 1 + sizeof((struct dirent *)NULL)->d_name);
    memcpy(whole, path, length);
    whole[length] = '/';
    const char *told = inside ? whole + inotify->skip : whole;
    for (size_t at = 0; at < names.length;) {
        const char *name = names.bytes + at + 1;
        size_t size = strlen(name) + 1;
        memcpy(whole + length + 1, name, size);
        if (names.bytes[at] == DIRECTORY)
            list_directory(inotify, node, whole, told, name);
        else
            list_file(inotify, node, told, name, fresh);
        at += 1 + size;
    }
    free(names.bytes);
    return error == 0 ? 0 : list_failed(inotify, node, path, -error);
}

/* ---- doubts ---- */

static void note_root(struct inotify *inotify, bool fresh)
{
    if (!fresh && inotify->root_there)
        return;
    if (inotify->root_there)
        inotify->root_replaced = true;
    inotify->root_there = true;
    /* What was in the old one is not told name by name; a crawl compares anyway. */
    if (inotify->crawl.found == NULL)
        inotify->lost = "the root was replaced";
}

static void look(struct inotify *inotify, struct node *node)
{
    autofree char *path = node_path(node);
    bool suspect = node->suspect;
    node->suspect = false;
    if (suspect && (node->roles & NODE_TREE) && ignore_environment(path)) {
        inotify->lost = "a folder became a virtual environment";
        strip(inotify, node, false);
        return;
    }
    bool crawling = inotify->crawl.found != NULL;
    bool was_blind = node->blind;
    enum armed armed = inotify_arm(inotify, node, path);
    if (armed == ARMED_SAME && node->fresh)
        armed = ARMED_FRESH;
    node->fresh = false;
    if (armed == ARMED_ABSENT) {
        vanish(inotify, node, path);
        return;
    }
    if (armed == ARMED_SAME && (!crawling || node->listed == inotify->crawl.number))
        return;
    if (crawling)
        node->listed = inotify->crawl.number;
    if (node == inotify->root)
        note_root(inotify, armed == ARMED_FRESH && !was_blind);
    /* They are those of the directory that was here before, or were lost with it. */
    node_doubt_children(&inotify->nodes, node, armed != ARMED_SAME);
    if (in_tree(node)) {
        int error = list(inotify, node, path, armed == ARMED_FRESH);
        if (node == inotify->root)
            inotify->crawl.error = error;
    } else if (armed == ARMED_FRESH && inotify_tells(node)) {
        if (!told_from_above(node))
            inotify_tell(inotify, inotify_told_path(inotify, node, path), WATCHER_ENTRY);
        list(inotify, node, path, true);
    }
}

void inotify_settle(struct inotify *inotify)
{
    for (struct node *node = NULL; (node = node_take_doubt(&inotify->nodes)) != NULL;)
        look(inotify, node);
}
