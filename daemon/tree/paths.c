#include "daemon/tree/paths.h"

#include "daemon/base/xalloc.h"

#include <string.h>
#include <xxhash.h>

enum { FEWEST_ROOM = 4 };

/* The part of a path up to and with one of its names. */
struct step {
    const char *path;
    size_t name, end; /* where the name begins and ends */
    uint32_t hash;    /* of the name */
};

/* ---- one folder ---- */

static bool is_at(const struct entry *entry, const struct step *step)
{
    return entry->hash == step->hash &&
           strncmp(entry->path, step->path, step->end) == 0 &&
           entry->path[step->end] == '\0';
}

static struct entry *child(const struct entry *folder, const struct step *step)
{
    if (folder->room == 0)
        return NULL;
    uint32_t at = step->hash & (folder->room - 1);
    while (folder->children[at] != NULL && !is_at(folder->children[at], step))
        at = (at + 1) & (folder->room - 1);
    return folder->children[at];
}

static void put(struct entry *folder, struct entry *entry)
{
    uint32_t at = entry->hash & (folder->room - 1);
    while (folder->children[at] != NULL)
        at = (at + 1) & (folder->room - 1);
    folder->children[at] = entry;
}

/* A new table for the children that there are, and MORE. */
static void resize(struct entry *folder, uint32_t more)
{
    struct entry **before = folder->children;
    uint32_t room_before = folder->room;
    uint32_t wanted = folder->count + more;
    folder->room = wanted > 0 ? FEWEST_ROOM : 0;
    while (4 * (uint64_t)wanted > 3 * (uint64_t)folder->room)
        folder->room *= 2;
    folder->children = wanted > 0 ? xcalloc(folder->room, sizeof(struct entry *)) : NULL;
    for (uint32_t i = 0; i < room_before; i++)
        if (before[i] != NULL)
            put(folder, before[i]);
    free(before);
}

static struct entry *entry_new(struct entry *parent, const struct step *step)
{
    struct entry *entry = xcalloc(1, sizeof *entry + step->end + 1);
    memcpy(entry->path, step->path, step->end);
    entry->hash = step->hash;
    entry->parent = parent;
    if (parent == NULL)
        return entry;
    if (4 * ((uint64_t)parent->count + 1) > 3 * (uint64_t)parent->room)
        resize(parent, 1);
    put(parent, entry);
    parent->count++;
    return entry;
}

/* Out of its folder's table. */
static void take_out(const struct entry *entry)
{
    struct entry *folder = entry->parent;
    uint32_t mask = folder->room - 1;
    uint32_t hole = entry->hash & mask;
    while (folder->children[hole] != entry)
        hole = (hole + 1) & mask;
    folder->count--;
    /* Who was pushed on by it moves up, so that no search stops too early. */
    for (uint32_t at = (hole + 1) & mask; folder->children[at] != NULL;
         at = (at + 1) & mask) {
        uint32_t home = folder->children[at]->hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        folder->children[hole] = folder->children[at];
        hole = at;
    }
    folder->children[hole] = NULL;
}

/* ---- from the top ---- */

/* Where to begin with PATH: its top, or the recent folder where PATH is below it; mostly it is. STEP: what was
 * gone so far. */
static struct entry *begin(const struct paths *paths, const char *path, struct step *step)
{
    size_t length = paths->recent_length;
    *step = (struct step){.path = path, .end = path[0] == '/'};
    if (paths->recent != NULL && length > step->end &&
        strncmp(path, paths->recent->path, length) == 0 && path[length] == '/') {
        step->end = length;
        return paths->recent;
    }
    return path[0] == '/' ? paths->absolute : paths->relative;
}

/* On to the next name; false: that was the last. */
static bool go_on(struct step *step)
{
    const char *path = step->path;
    if (path[step->end] == '\0')
        return false;
    bool at_top = step->end == 0 || (step->end == 1 && path[0] == '/');
    step->name = at_top ? step->end : step->end + 1;
    size_t length = strcspn(path + step->name, "/");
    step->end = step->name + length;
    step->hash = (uint32_t)XXH3_64bits(path + step->name, length);
    return true;
}

struct entry *paths_find(const struct paths *paths, const char *path)
{
    struct step step;
    struct entry *entry = begin(paths, path, &step);
    while (entry != NULL && go_on(&step))
        entry = child(entry, &step);
    return entry;
}

struct entry *paths_make(struct paths *paths, const char *path)
{
    struct step step;
    struct entry *entry = begin(paths, path, &step);
    if (entry == NULL) {
        struct entry **top = path[0] == '/' ? &paths->absolute : &paths->relative;
        entry = *top = entry_new(NULL, &step);
    }
    while (go_on(&step)) {
        struct entry *next = child(entry, &step);
        entry = next != NULL ? next : entry_new(entry, &step);
    }
    if (entry->parent != paths->recent) {
        paths->recent = entry->parent;
        paths->recent_length = entry->parent != NULL ? strlen(entry->parent->path) : 0;
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

/* What holds ENTRY is the caller's to mend. */
static void entry_free(struct paths *paths, struct entry *entry)
{
    if (paths->recent == entry)
        paths->recent = NULL;
    if (paths->relative == entry)
        paths->relative = NULL;
    if (paths->absolute == entry)
        paths->absolute = NULL;
    free(entry->children);
    free(entry->seen);
    free(entry);
}

static bool has_purpose(const struct entry *entry)
{
    return entry->known || entry->seen != NULL || entry->count > 0;
}

void paths_release(struct paths *paths, struct entry *entry)
{
    while (entry != NULL && !has_purpose(entry)) {
        struct entry *parent = entry->parent;
        if (parent != NULL)
            take_out(entry);
        entry_free(paths, entry);
        entry = parent;
    }
}

void paths_forget_below(struct paths *paths, struct entry *entry)
{
    uint32_t before = entry->count;
    for (uint32_t i = 0; i < entry->room; i++) {
        struct entry *below = entry->children[i];
        if (below == NULL)
            continue;
        paths_forget_below(paths, below);
        below->known = false;
        if (has_purpose(below))
            continue;
        entry->children[i] = NULL;
        entry->count--;
        entry_free(paths, below);
    }
    if (entry->count != before)
        resize(entry, 0);
}

void paths_each_file(const struct entry *entry,
                     void (*visit)(void *owner, const char *path), void *owner)
{
    enum { AHEAD = 4 };
    for (uint32_t i = 0; i < entry->room; i++) {
        const struct entry *below = entry->children[i];
        if (i + AHEAD < entry->room) /* half of the time would be waiting for memory */
            __builtin_prefetch(entry->children[i + AHEAD]);
        if (below == NULL)
            continue;
        if (below->known && !below->is_directory)
            visit(owner, below->path);
        paths_each_file(below, visit, owner);
    }
}

static void free_all(struct paths *paths, struct entry *entry)
{
    for (uint32_t i = 0; i < entry->room; i++)
        if (entry->children[i] != NULL)
            free_all(paths, entry->children[i]);
    entry_free(paths, entry);
}

void paths_finish(struct paths *paths)
{
    if (paths->relative != NULL)
        free_all(paths, paths->relative);
    if (paths->absolute != NULL)
        free_all(paths, paths->absolute);
    *paths = (struct paths){0};
}
