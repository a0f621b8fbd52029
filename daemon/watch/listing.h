#ifndef WATCH_LISTING_H
#define WATCH_LISTING_H

/* The names in a directory, read at once, so that what some of them say is known before the first is looked
 * at. Private to the room. */

#include <stdbool.h>
#include <stddef.h>

enum { LISTED_DIRECTORY = 'd', LISTED_OTHER = 'o' };

/* Kept from one directory to the next for the sake of its memory; {0} is a valid empty one. */
struct listing {
    char *names; /* one after the other, each with its kind before it and a NUL behind */
    size_t length, capacity;
    char *buffer;     /* for the kernel */
    bool speaks;      /* one of them says what is ignored here */
    bool environment; /* one of them makes it a virtual environment */
};

/* Reads those of the directory at PATH; FOLLOW: also if its last step is a link. 0 or -errno; what was
 * read until then is in LISTING. */
int listing_read(struct listing *listing, const char *path, bool follow);
void listing_finish(struct listing *listing);

#endif
