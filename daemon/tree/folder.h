#ifndef TREE_FOLDER_H
#define TREE_FOLDER_H

/* The names in directories, for the two kinds of evidence that rest on names; private to
 * the tree. The names of a directory are kept and read again when its identity changed,
 * by the same rule as a file's contents: one search in a large folder is rarely alone. */

#include "daemon/base/digest.h"

#include <stdbool.h>

struct folder;
struct survey;
struct folders {
    struct folder *table;
    bool held;             /* see tree_hold, */
    uint64_t holds;        /* and how often it was called */
    struct survey *survey; /* the tree's */
};

void folders_finish(struct folders *folders);

/* See tree_state. */
struct digest folder_listing(struct folders *folders, const char *absolute);
struct digest folder_search(struct folders *folders, const char *absolute);

#endif
