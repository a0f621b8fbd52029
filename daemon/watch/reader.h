#ifndef WATCH_READER_H
#define WATCH_READER_H

/* Reads the small files that rules come from, and says so: others may see them being opened, and must
 * not take it for somebody else's doing. Private to the room. */

#include "daemon/base/strset.h"

#include <stdbool.h>
#include <stddef.h>

struct reader {
    void (*tell)(void *owner, const char *path); /* NULL: nobody wants to know */
    void *owner;
    const char *root; /* paths below it are told relative to it */
    struct strset *
        asked; /* gets each path that is asked for, there or not; NULL: nobody wants them */
};

/* The text of the file at PATH (absolute), NUL at its end; NULL where it cannot be read, is no regular
 * file or has more than a megabyte. The caller's. FOLLOW: also if the last step of PATH is a link. */
char *reader_text(const struct reader *reader, const char *path, bool follow,
                  size_t *ret_length);

#endif
