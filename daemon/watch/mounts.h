#ifndef WATCH_MOUNTS_H
#define WATCH_MOUNTS_H

/* Which directories lie on a file system where others make changes that the kernel is not told of: a
 * server's (NFS, CIFS, 9p, Ceph ...), a host's (virtiofs, vboxsf), a program's (FUSE, but for those that only
 * show what passes through them). Known by the kernel's list of mounts, so that no question goes to a
 * server that may not answer. Private to the room. */

#include <stdbool.h>
#include <stddef.h>

struct mount {
    char *path, *kind;
};

struct mounts {
    struct mount *items; /* empty where none of them is silent */
    size_t count;
};

/* Each mount in FILE, with the number that no other has while it lasts; and does it change in silence? */
void mounts_each(const char *file,
                 void (*visit)(void *owner, const char *id, const char *path,
                               bool silent),
                 void *owner);

/* From FILE, which is /proc/self/mountinfo or reads like it. One that cannot be read lists nothing. */
void mounts_read(struct mounts *mounts, const char *file);
void mounts_finish(struct mounts *mounts);

/* The silent mount that PATH (absolute, without links) lies on; NULL where it lies on another. */
const struct mount *mounts_silent(const struct mounts *mounts, const char *path);

/* That COUNT directories are on such, FIRST among them, which is on MOUNT. Owned by the caller. */
char *mounts_message(size_t count, const char *first, const struct mount *mount);

#endif
