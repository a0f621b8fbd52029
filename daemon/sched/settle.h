#ifndef SCHED_SETTLE_H
#define SCHED_SETTLE_H

/* When a burst of changes is over. A save is often several events, a branch switch
 * thousands: a change waits until nothing came for a quiet period, which is short while
 * no more is concerned than one save. It waits at most SETTLE_CAP_MS after the first change, and
 * longer only while held (a git index.lock is there) and SETTLE_SAVE_MS after it was, then at most
 * SETTLE_HOLD_CAP_MS.
 * Pure: time is an argument. */

#include "daemon/base/strset.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SETTLE_SAVE_MS = 5,
    SETTLE_SAVE_PATHS = 2, /* a file saved by renaming another over it */
    SETTLE_QUIET_MS = 20,
    SETTLE_CAP_MS = 500,
    SETTLE_HOLD_CAP_MS = 5000,
};

struct settle {
    struct strset paths; /* value: the caller's kind of change, the highest given */
    int64_t first, last; /* ms; valid while paths is not empty */
    int64_t released;    /* when it was held last; 0: never */
    bool held;
};

void settle_finish(struct settle *settle);
void settle_add(struct settle *settle, const char *path, int kind, int64_t now);
void settle_hold(struct settle *settle, bool held, int64_t now);
bool settle_empty(const struct settle *settle);
/* When the burst will be over if nothing else comes; INT64_MAX when there is none. */
int64_t settle_deadline(const struct settle *settle);
bool settle_due(const struct settle *settle, int64_t now);
/* Moves the paths out to the caller, who finishes them. */
struct strset settle_take(struct settle *settle);

#endif
