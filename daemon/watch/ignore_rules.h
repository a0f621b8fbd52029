#ifndef WATCH_IGNORE_RULES_H
#define WATCH_IGNORE_RULES_H

/* What ignore.c decides by and ignore_read.c reads. Private to the two. */

#include "daemon/base/gitignore.h"
#include "daemon/base/strset.h"
#include "daemon/watch/ignore.h"
#include "daemon/watch/reader.h"

#include <uthash.h>

/* A folder at or below the root that has something to say. */
struct folder {
    UT_hash_handle hh;
    struct gitignore own;
    bool is_top; /* of a work tree: what is further up does not count below it */
    struct gitignore exclude; /* of its repository */
    char *info;               /* where that lies, absolute */
    char *repository;         /* where git does its work for it, absolute */
    char path[];
};

/* A folder above the root, in the same work tree. */
struct upper {
    struct gitignore own;
    char *path;     /* absolute */
    const char *to; /* what leads from it to the root; points into that */
};

struct ignore {
    char *root;
    struct reader reader;
    struct gitignore settings;
    struct folder *folders;
    size_t deepest;       /* steps to the deepest of them */
    struct upper *uppers; /* the nearest first; the last is the work tree's top */
    size_t upper_count;
    bool astray;              /* they ignore the root: they do not count */
    struct gitignore exclude; /* of the work tree that begins above the root */
    char *info, *repository;
    struct gitignore global;
    struct strset
        global_sources; /* paths of that file and of settings that may name it */
    struct strset heeded;
};

/* How many names PATH has. */
size_t ignore_steps(const char *path);
/* The folder that the LENGTH bytes at PATH name; NULL: it has nothing to say. */
struct folder *ignore_folder(const struct ignore *ignore, const char *path,
                             size_t length);
/* Do the rules above the root ignore it? */
bool ignore_is_astray(const struct ignore *ignore);
void ignore_forget(struct ignore *ignore);

#endif
