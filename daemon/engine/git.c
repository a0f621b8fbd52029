/* While git is at work, what it writes is one change, however long it trickles. Its lock covers a checkout, a merge, a
 * stash; a rebase, a patch series or a row of picks takes the lock anew for each commit, so the folder that it keeps for
 * all of them counts as well. No MERGE_HEAD: it comes when a merge is over, and stays while conflicts are
 * resolved by hand.
 *
 * A linked work tree, a submodule and a root below the top of its work tree have all that elsewhere: the watcher's rules
 * know where, for they need it too. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

static const char *const signs[] = {"index.lock", "rebase-merge", "rebase-apply",
                                    "sequencer"};

struct git_place {
    char *folder;          /* as changes in it are told */
    unsigned works, stuck; /* bits of SIGNS that are there; and were waited for in vain */
};

static bool has_place(const struct engine *engine, const char *folder)
{
    for (size_t i = 0; i < engine->git_count; i++)
        if (strcmp(engine->gits[i].folder, folder) == 0)
            return true;
    return false;
}

static void add_place(struct engine *engine, const char *folder)
{
    if (has_place(engine, folder))
        return;
    engine->gits = xrealloc(engine->gits, (engine->git_count + 1) * sizeof *engine->gits);
    engine->gits[engine->git_count++] = (struct git_place){.folder = xstrdup(folder)};
    engine->ports.follow(engine->ports.owner, folder);
}

static void take_place(void *owner, const char *folder)
{
    struct engine *engine = owner;
    bool inside = path_below(folder, engine->root) && strcmp(folder, engine->root) != 0;
    add_place(engine, inside ? folder + strlen(engine->root) + 1 : folder);
}

/* One that is no more says nothing. */
void git_find(struct engine *engine)
{
    add_place(engine, ".git");
    engine->ports.repositories(engine->ports.owner, take_place, engine);
}

void git_finish(struct engine *engine)
{
    for (size_t i = 0; i < engine->git_count; i++)
        free(engine->gits[i].folder);
    free(engine->gits);
}

bool engine_waits_for_git(const struct engine *engine)
{
    return engine->settle.held;
}

static void hold(struct engine *engine, int64_t now)
{
    bool held = false;
    for (size_t i = 0; i < engine->git_count; i++)
        held |= (engine->gits[i].works & ~engine->gits[i].stuck) != 0;
    settle_hold(&engine->settle, held, now);
}

static void note_sign(struct engine *engine, struct git_place *place, const char *path,
                      int64_t now)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strcmp(path_base(path), signs[i]) != 0)
            continue;
        unsigned sign = 1U << i;
        place->works &= ~sign;
        place->stuck &= ~sign;
        if (tree_identity(engine->tree, path).mode != 0)
            place->works |= sign;
        hold(engine, now);
    }
}

void git_changed(struct engine *engine, const char *path, int64_t now)
{
    if (strcmp(path_base(path), ".git") == 0)
        git_find(engine);
    for (size_t i = 0; i < engine->git_count; i++) {
        struct git_place *place = &engine->gits[i];
        size_t length = strlen(place->folder);
        if (path_below(path, place->folder) && path[length] == '/' &&
            strchr(path + length + 1, '/') == NULL)
            note_sign(engine, place, path, now);
    }
}

static void find_one(void *owner, const struct index_fact *fact)
{
    (void)fact;
    *(bool *)owner = true;
}

bool git_keeps(struct engine *engine, const char *path)
{
    const char *uppermost = NULL;
    for (size_t i = 0; i < engine->git_count; i++) {
        const char *folder = engine->gits[i].folder;
        if (path_below(path, folder) &&
            (uppermost == NULL || strlen(folder) < strlen(uppermost)))
            uppermost = folder;
    }
    bool evidence = uppermost == NULL;
    if (!evidence)
        index_facts_below(engine->index, uppermost, find_one, &evidence);
    return !evidence;
}

void git_waited_for(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->git_count; i++)
        engine->gits[i].stuck = engine->gits[i].works;
    settle_hold(&engine->settle, false, now);
}
