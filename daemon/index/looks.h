#ifndef INDEX_LOOKS_H
#define INDEX_LOOKS_H

/* What one run looked at, as a set of facts. */

#include "daemon/index/inside.h"

/* One fact of the run, and what the run says of it. */
struct look {
    int64_t fact;
    bool unsure, is_volatile, holds;
};

struct looks {
    struct look *items; /* by fact, each once */
    size_t count;
    struct digest fingerprint;
    bool unsure; /* one of the facts is */
};

/* Inside a transaction: finds or stores each fact of RUN. LOOKS is to be finished in
 * any case. */
int looks_gather(struct looks *looks, struct index *index, const struct index_run *run);
void looks_finish(struct looks *looks);

/* Once committed: marks the facts as the run found them. The run's own verdict, where
 * it is new, is not in memory yet: its broken facts are counted when it comes. */
void looks_mark(const struct looks *looks, struct index *index);

#endif
