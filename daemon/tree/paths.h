#ifndef TREE_PATHS_H
#define TREE_PATHS_H

/* All paths the tree has heard of, found by name and linked to their folder, so that what
 * lies below one is walked without looking at the rest; private to the tree. An entry
 * lives while a crawl found it, somebody asked for it, or it has entries below. Two
 * entries are on top: "" and
 * "/". */

#include "daemon/tree/contents.h"

#include <stddef.h>
#include <stdint.h>

/* What callers know of a path, because they were told. */
struct told {
    bool asked; /* EXISTS is valid */
    bool exists;
    bool has_content;  /* CONTENT is valid */
    bool wavered;      /* later answers were not like these ... */
    bool came_or_went; /* ... even in whether it is there */
    struct digest content;
};

struct seen {
    struct contents contents;
    struct told told;
};

struct entry {
    struct entry *parent, *children, *next, *previous;
    struct seen *seen; /* NULL: nobody asked, as for most files of a project */
    bool known;        /* it was found, and nothing said yet that it went */
    bool is_directory; /* as it was found */
    char path[];
};

struct path_slot {
    struct entry *entry; /* NULL: free */
    uint32_t hash;       /* of its path */
};

struct paths {
    struct path_slot *slots;
    size_t slot_count, count; /* a power of two, or 0; those that are taken */
    struct entry *recent;     /* the folder of the last that was made; NULL: it went */
};

void paths_finish(struct paths *paths);

struct entry *paths_find(const struct paths *paths, const char *path);
/* Finds or adds. An added one is to be given a purpose or to PATHS_RELEASE. */
struct entry *paths_make(struct paths *paths, const char *path);
struct entry *paths_make_seen(struct paths *paths, const char *path);
/* Frees ENTRY, and its folders, where they have no purpose left. */
void paths_release(struct paths *paths, struct entry *entry);

/* Nothing below ENTRY is known any more. */
void paths_forget_below(struct paths *paths, struct entry *entry);
void paths_each_file(const struct entry *entry,
                     void (*visit)(void *owner, const char *path), void *owner);

#endif
