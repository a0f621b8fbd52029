#ifndef WATCH_COOKIES_H
#define WATCH_COOKIES_H

/* Cookie files: a file made now in a watched folder is told after everything that happened before.
 * The kernel queues the event while the file is made, so the file is removed again at once and none
 * is ever left behind. Private to the room. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cookie {
    uint64_t cookie; /* the caller's */
    uint64_t number; /* of the file; 0: without one */
};

struct cookies {
    const char *folder;
    struct cookie *waiting;
    size_t count, capacity;
    uint64_t numbers;
};

void cookies_finish(struct cookies *cookies);

/* COOKIE waits for a file made now; false where none could be made (nothing waits then). */
bool cookies_make(struct cookies *cookies, uint64_t cookie);
/* COOKIE waits for the next cookies_take_bare. */
void cookies_add_bare(struct cookies *cookies, uint64_t cookie);

/* A file NAME came into the folder: true if a cookie waited for it, which waits no longer. */
bool cookies_take(struct cookies *cookies, const char *name, uint64_t *ret);
/* Takes out all that wait without a file, or all that wait; the caller frees *RET. Their count. */
size_t cookies_take_bare(struct cookies *cookies, uint64_t **ret);
size_t cookies_take_all(struct cookies *cookies, uint64_t **ret);

#endif
