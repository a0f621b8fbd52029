#ifndef WATCH_WORKTREE_H
#define WATCH_WORKTREE_H

/* The git work tree that a folder belongs to, as far as it says what git ignores: where it begins,
 * where its info/exclude lies, and the user's global excludes. Git itself is not run. Private to the
 * room. */

#include "daemon/watch/reader.h"

#include <stdbool.h>

struct worktree {
    char *top;    /* its uppermost folder, absolute; NULL: FOLDER is in none */
    char *common; /* the folder of its repository, real; info/exclude is there */
    char *own; /* the folder for what git does in this work tree, real: mostly the same */
};

/* The work tree of FOLDER (absolute). A submodule, a linked work tree and a clone within another
 * one have work trees of their own. */
void worktree_find(const struct reader *reader, const char *folder, struct worktree *ret);
/* Does one begin at FOLDER? */
bool worktree_begins(const struct reader *reader, const char *folder,
                     struct worktree *ret);
void worktree_finish(struct worktree *worktree);

/* The path of the file that core.excludesFile names, else of the usual one; the caller's. NULL: there
 * is none. Read are the system's, the user's and the repository's settings, with the files that they
 * include, those for certain repositories too; conditions that ask for a branch or a remote never hold here, and settings
 * in the environment are not known. */
char *worktree_excludes(const struct reader *reader, const struct worktree *worktree);

#endif
