#ifndef TREE_IDENTITY_H
#define TREE_IDENTITY_H

/* Who a file is, as stat tells it, and how far that can be trusted; private to the tree.
 */

#include "daemon/tree/tree.h"

#include <stdbool.h>
#include <stdint.h>

/* While many paths are asked for, most have the folder of the one before: it stays open. */
struct survey {
    bool on;
    char *folder; /* NULL: none is open */
    int fd;
};

/* False: from now on each question begins at the top again. */
void survey_set(struct survey *survey, bool on);

/* 0 or -errno. -ELOOP where a link leads to the path's folder: that is another
 * path, and who asked for this one would be led there. */
int identity_ask(struct survey *survey, const char *absolute,
                 struct identity *ret); /* lstat */
int identity_ask_through(struct survey *survey, const char *absolute,
                         struct identity *ret);      /* stat */
int identity_ask_open(int fd, struct identity *ret); /* fstat */

/* Is the -errno ERROR an answer that everybody gets who asks for the path (it is not
 * there, it is not allowed)? The others (no descriptor left, a disk that fails) say
 * nothing about the path. */
bool identity_error_is_answer(int error);
/* And is that answer: there is nothing? */
bool identity_error_is_absence(int error);

/* The clock that files are stamped with. The tree's only clock, for identity_settled
 * alone. */
int64_t identity_clock_ns(void);
/* Contents were read from TAKEN_NS on while the file was IDENTITY: does every later write
 * show in the identity? */
bool identity_settled(const struct identity *identity, int64_t taken_ns);

#endif
