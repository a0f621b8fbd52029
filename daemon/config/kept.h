#ifndef CONFIG_KEPT_H
#define CONFIG_KEPT_H

/* Private to this room: one environment chosen among those that a tool keeps in a folder
 * of its own, for all projects. Poetry and Hatch tell checkouts apart by a digest of
 * their path, SHA-256, which this program has no library for. So an environment is known
 * by the project's name in its own; and where several have it, or it is another
 * checkout's, by what is installed in it: both tools install the project itself, as a
 * .pth file that names its folder. What one environment says holds for all with the same
 * digest. */

#include "daemon/config/environment.h"

#include <stddef.h>

struct kept {
    const char *root, *project; /* its folder, its normal name */
    size_t digest_end;          /* so many bytes of a candidate's path tell whose it is */
    char **folders;             /* candidates */
    size_t count, capacity;
    bool certain; /* once sifted: what is left names ROOT, not only the project */
};

/* Adds FOLDER (the caller's no more) where it holds an interpreter. */
void kept_add(struct kept *kept, char *folder);
/* Drops those of other projects; and, once one is certain, those that are not. */
void kept_sift(struct kept *kept);
/* Drops those that KEEP says no to. */
void kept_filter(struct kept *kept, bool (*keep)(void *owner, const char *folder),
                 void *owner);
void kept_finish(struct kept *kept);

/* NAME as PyPI compares names: lower case, "-" for each run of "-", "_" and ".". The
 * caller's. */
char *kept_normal(const char *name);

#endif
