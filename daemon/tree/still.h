#ifndef TREE_STILL_H
#define TREE_STILL_H

/* Was a set of paths left alone? One sum over what lstat says of each, in whatever order: nothing is
 * read, so a thousand cost what a thousand lstats do. It is stricter than tree_state: what was written
 * and is the same again is another, and so is a folder in which anything came or went. */

#include "daemon/tree/tree.h"

enum still_as {
    STILL_WHOLE,  /* there, with all its times */
    STILL_KIND,   /* there, of a kind and mode */
    STILL_ABSENT, /* not there */
};

/* Adds PATH to SUM. False, and nothing is added, where it is not AS it must be, or has changed since
 * CLOCK_NS (of tree_clock_ns) as far as its times can show: whoever looked after that saw what is there.
 * INT64_MAX: it does not matter when. */
bool still_add(const struct tree *tree, enum still_as as, const char *path,
               int64_t clock_ns, struct digest *sum);
void still_add_text(struct digest *sum, const char *text);

#endif
