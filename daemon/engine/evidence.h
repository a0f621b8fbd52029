#ifndef DAEMON_ENGINE_EVIDENCE_H
#define DAEMON_ENGINE_EVIDENCE_H

/* What a run looked at becomes what its verdict rests on, each item with a judgement: holds, is rewritten by the run
 * itself, or cannot be believed, because it moved while the run was on. */

#include "daemon/engine/room.h"

/* What was told while the run was on, and was not its own doing. */
struct disturbed {
    struct strset paths;   /* changed */
    struct strset entries; /* names that came or went: all below them is doubtful, too */
    struct strset folders; /* whose listing changed */
    struct strset stems;   /* where a module search may find something else */
};

/* Of the changes since RUN began, those that others made. To be finished. */
void disturbed_collect(const struct engine *engine, const struct run *run,
                       struct disturbed *disturbed);
void disturbed_finish(struct disturbed *disturbed);

/* Its items are to be freed; their strings are the run's and the engine's. */
struct evidence_list {
    struct index_evidence *items;
    size_t count;
};

/* RUN is over and every change was told. Notes in RUN what disturbed it. */
struct evidence_list evidence_gather(struct engine *engine, struct run *run);

#endif
