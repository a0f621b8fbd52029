/* What a run both reads and opens for writing. Its own writing starts no runs, but it may not have been
 * alone. What is still as it was read, was not written at all, whatever was told of its being closed.
 * What is not as the run left it, somebody else has written since, and the run is repeated. */

#include "daemon/base/log.h"
#include "daemon/engine/room.h"

bool rewrites_untouched(const struct engine *engine, const struct run *run,
                        const struct look *look)
{
    return look->has_seen &&
           tree_is_untouched(engine->tree, look->path, &look->seen, run->clock_ns);
}

static bool is_doubtful(const struct engine *engine, const struct run *run,
                        const struct index_evidence *evidence)
{
    if (!evidence->is_volatile || evidence->unsure ||
        (evidence->kind != EVIDENCE_CONTENT && evidence->kind != EVIDENCE_CODE))
        return false;
    const struct identity *left = run_left(run, evidence->path);
    struct identity now = tree_identity(engine->tree, evidence->path);
    return left != NULL && now.mode != 0 && !identity_equal(&now, left);
}

void rewrites_doubt(const struct engine *engine, struct run *run,
                    struct index_evidence *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_doubtful(engine, run, &items[i]))
            continue;
        log_debug("%s is not as %s left it", items[i].path, run->file);
        items[i].unsure = true;
        items[i].holds = false;
        strset_add(&run->doubtful, items[i].path);
    }
}
