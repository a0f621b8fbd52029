#include "daemon/tree/paths.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <string.h>
#include <utlist.h>
#include <xxhash.h>

/* Most finds of a crawl find nothing, and there are as many as paths: neighbours in one array, at most
 * half full, cost one look at memory. A chain of entries costs one each. */
enum { FEWEST_SLOTS = 64 };

static uint32_t hash_of(const char *path)
{
    return (uint32_t)XXH3_64bits(path, strlen(path));
}

/* The slot of PATH, or the free one where it would be. */
static size_t slot_of(const struct paths *paths, const char *path, uint32_t hash)
{
    size_t at = hash & (paths->slot_count - 1);
    while (paths->slots[at].entry != NULL &&
           (paths->slots[at].hash != hash ||
            strcmp(paths->slots[at].entry->path, path) != 0))
        at = (at + 1) & (paths->slot_count - 1);
    return at;
}

struct entry *paths_find(const struct paths *paths, const char *path)
{
    if (paths->slot_count == 0)
        return NULL;
    return paths->slots[slot_of(paths, path, hash_of(path))].entry;
}

static void widen(struct paths *paths)
{
    struct paths wider = {.count = paths->count, .recent = paths->recent};
    wider.slot_count = paths->slot_count != 0 ? 2 * paths->slot_count : FEWEST_SLOTS;
    wider.slots = xcalloc(wider.slot_count, sizeof *wider.slots);
    for (size_t i = 0; i < paths->slot_count; i++) {
        size_t at = paths->slots[i].hash & (wider.slot_count - 1);
        if (paths->slots[i].entry == NULL)
            continue;
        while (wider.slots[at].entry != NULL)
            at = (at + 1) & (wider.slot_count - 1);
        wider.slots[at] = paths->slots[i];
    }
    free(paths->slots);
    *paths = wider;
}

static void take_out(struct paths *paths, const struct entry *entry)
{
    size_t mask = paths->slot_count - 1;
    size_t hole = slot_of(paths, entry->path, hash_of(entry->path));
    paths->count--;
    /* Who was pushed on by it moves up, so that no search stops too early. */
    for (size_t at = (hole + 1) & mask; paths->slots[at].entry != NULL;
         at = (at + 1) & mask) {
        size_t home = paths->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        paths->slots[hole] = paths->slots[at];
        hole = at;
    }
    paths->slots[hole] = (struct path_slot){0};
}

static bool is_top(const char *path)
{
    return path[0] == '\0' || strcmp(path, "/") == 0;
}

/* Paths come folder by folder: mostly it is that of the one before. */
static struct entry *make_folder_of(struct paths *paths, const char *path)
{
    const struct entry *recent = paths->recent;
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    if (recent == NULL || strncmp(recent->path, path, length) != 0 ||
        recent->path[length] != '\0' || slash == path) {
        autofree char *folder = path_parent(path);
        paths->recent = paths_make(paths, folder);
    }
    return paths->recent;
}

struct entry *paths_make(struct paths *paths, const char *path)
{
    if (2 * (paths->count + 1) > paths->slot_count)
        widen(paths);
    uint32_t hash = hash_of(path);
    size_t at = slot_of(paths, path, hash);
    struct entry *entry = paths->slots[at].entry;
    if (entry != NULL)
        return entry;
    size_t length = strlen(path) + 1;
    entry = xcalloc(1, sizeof *entry + length);
    memcpy(entry->path, path, length);
    paths->slots[at] = (struct path_slot){.entry = entry, .hash = hash};
    paths->count++;
    if (!is_top(path)) {
        entry->parent = make_folder_of(paths, path);
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
    take_out(paths, entry);
    if (paths->recent == entry)
        paths->recent = NULL;
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
    for (size_t i = 0; i < paths->slot_count; i++) {
        if (paths->slots[i].entry == NULL)
            continue;
        free(paths->slots[i].entry->seen);
        free(paths->slots[i].entry);
    }
    free(paths->slots);
    *paths = (struct paths){0};
}
