#ifndef INDEX_MERGE_H
#define INDEX_MERGE_H

/* What one index knows, taken into another: for an index that travels.
 *
 * Verdicts are added: the newest INDEX_VERDICTS of each test file stay, whoever recorded them. Of their
 * evidence only that is taken along which means the same on another machine (see INDEX_HERE). The
 * history of a test file comes along where the other index knows no run of it. What the tree remembers
 * of contents stays behind: it speaks of the files of one machine.
 *
 * FROM may hold anything that SQLite takes for a row. */

#include "daemon/index/db.h"
#include "daemon/index/index.h"

/* Inside a transaction of TO. 0, or -errno; -EBADMSG: what FROM holds makes no sense. */
int merge(struct db *from, struct db *to, struct index_merged *ret);
/* The small values, too. */
int merge_numbers(struct db *from, struct db *to);

#endif
