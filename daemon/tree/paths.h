#ifndef TREE_PATHS_H
#define TREE_PATHS_H

/* All paths the tree has heard of, each in the table of its folder, so that what lies below one is walked
 * without looking at the rest; private to the tree. An entry lives while a crawl found it, somebody asked
 * for it, or it has entries below. Two entries are on top: "" and "/".
 *
 * A table for each folder, not one for all: paths come folder by folder, and a small table stays in the
 * processor's cache meanwhile. In one for all each path of a crawl cost a look at memory. */

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
    struct entry *parent;
    struct entry *
        *children;        /* by the hashes of their names, at most three quarters full */
    struct seen *seen;    /* NULL: nobody asked, as for most files of a project */
    uint32_t room, count; /* for children: a power of two, or 0; those that there are */
    uint32_t hash;        /* of the last name */
    bool known;           /* it was found, and nothing said yet that it went */
    bool is_directory;    /* as it was found */
    char path[];
};

struct paths {
    struct entry *relative, *absolute; /* the two on top; NULL: not yet */
    struct entry *recent; /* the folder of the last that was made; NULL: it went */
    size_t recent_length; /* of its path */
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
