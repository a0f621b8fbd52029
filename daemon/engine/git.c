/* While git is at work, what it writes is one change, however long it trickles. Its lock covers a checkout, a merge, a
 * stash; a rebase, a patch series or a row of picks takes the lock anew for each commit, so the folder that it keeps for
 * all of them counts as well. No MERGE_HEAD: it comes when a merge is over, and stays while conflicts are
 * resolved by hand. */

#include "daemon/engine/room.h"

#include <string.h>

static const char *const signs[] = {".git/index.lock", ".git/rebase-merge",
                                    ".git/rebase-apply", ".git/sequencer"};

void git_changed(struct engine *engine, const char *path)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcmp(path, signs[i]) != 0)
            continue;
        unsigned sign = 1U << i;
        engine->git_works &= ~sign;
        engine->git_stuck &= ~sign;
        if (tree_identity(engine->tree, path).mode != 0)
            engine->git_works |= sign;
        settle_hold(&engine->settle, (engine->git_works & ~engine->git_stuck) != 0);
    }
}

void git_waited_for(struct engine *engine)
{
    engine->git_stuck = engine->git_works;
    settle_hold(&engine->settle, false);
}
