#include "daemon/tree/paths.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <string.h>
#include <utlist.h>

struct entry *paths_find(const struct paths *paths, const char *path)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(paths->table, path, entry);
    return entry;
}

static bool is_top(const char *path)
{
    return path[0] == '\0' || strcmp(path, "/") == 0;
}

struct entry *paths_make(struct paths *paths, const char *path)
{
    struct entry *entry = paths_find(paths, path);
    if (entry != NULL)
        return entry;
    size_t length = strlen(path) + 1;
    entry = xcalloc(1, sizeof *entry + length);
    memcpy(entry->path, path, length);
    HASH_ADD_STR(paths->table, path, entry);
    if (!is_top(path)) {
        autofree char *folder = path_parent(path);
        entry->parent = paths_make(paths, folder);
        DL_APPEND2(entry->parent->children, entry, previous, next);
    }
    return entry;
}

struct entry *paths_make_seen(struct paths *paths, const char *path)
{
    struct entry *entry = paths_make(paths, path);
    if (entry->seen == NULL)
        entry->seen = xcalloc(1, sizeof *entry->seen);
    return entry;
}

static void entry_free(struct paths *paths, struct entry *entry)
{
    if (entry->parent != NULL)
        DL_DELETE2(entry->parent->children, entry, previous, next);
    HASH_DEL(paths->table, entry);
    free(entry->seen);
    free(entry);
}

static bool has_purpose(const struct entry *entry)
{
    return entry->known || entry->seen != NULL || entry->children != NULL;
}

void paths_release(struct paths *paths, struct entry *entry)
{
    while (entry != NULL && !has_purpose(entry)) {
        struct entry *parent = entry->parent;
        entry_free(paths, entry);
        entry = parent;
    }
}

void paths_forget_below(struct paths *paths, struct entry *entry)
{
    struct entry *child = NULL;
    struct entry *next = NULL;
    DL_FOREACH_SAFE2(entry->children, child, next, next)
    {
        paths_forget_below(paths, child);
        child->known = false;
        if (!has_purpose(child))
            entry_free(paths, child);
    }
}

void paths_each_file(const struct entry *entry,
                     void (*visit)(void *owner, const char *path), void *owner)
{
    const struct entry *child = NULL;
    DL_FOREACH2(entry->children, child, next)
    {
        if (child->known && !child->is_directory)
            visit(owner, child->path);
        paths_each_file(child, visit, owner);
    }
}

void paths_finish(struct paths *paths)
{
    struct entry *entry = NULL;
    struct entry *next = NULL;
    HASH_ITER(hh, paths->table, entry, next)
    {
        HASH_DEL(paths->table, entry); /* all go: the links between them are not minded */
        free(entry->seen);
        free(entry);
    }
}
