#ifndef WATCH_LIMIT_H
#define WATCH_LIMIT_H

/* Directories that the kernel gave no watch for, in words: how many, why, and what to do. Private to the room. */

#include <stddef.h>

struct limit_report {
    size_t watched, blind; /* directories with a watch, and without */
    const char *first;     /* the first without */
    int error;             /* why, an errno; ENOSPC is the limit, not a full disk */
    long fs,
        user; /* fs.inotify.max_user_watches, user.max_inotify_watches; -1: unknown */
};

/* What /proc says of the two limits now. */
void limit_read(struct limit_report *report);
/* Owned by the caller. */
char *limit_message(const struct limit_report *report);

#endif
