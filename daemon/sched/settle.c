#include "daemon/sched/settle.h"

void settle_finish(struct settle *settle)
{
    strset_finish(&settle->paths);
    *settle = (struct settle){0};
}

void settle_add(struct settle *settle, const char *path, int kind, int64_t now)
{
    if (settle_empty(settle))
        settle->first = now;
    settle->last = now;
    if (kind >= strset_get(&settle->paths, path, kind))
        strset_put(&settle->paths, path, kind);
}

void settle_hold(struct settle *settle, bool held, int64_t now)
{
    if (settle->held && !held)
        settle->released = now;
    settle->held = held;
}

bool settle_empty(const struct settle *settle)
{
    return settle->paths.items == NULL;
}

int64_t settle_deadline(const struct settle *settle)
{
    if (settle_empty(settle))
        return INT64_MAX;
    /* While it is held a silence means nothing: who holds it says when it is over. */
    if (settle->held)
        return settle->first + SETTLE_HOLD_CAP_MS;
    bool save = strset_count(&settle->paths) <= SETTLE_SAVE_PATHS;
    int64_t quiet = settle->last + (save ? SETTLE_SAVE_MS : SETTLE_QUIET_MS);
    int64_t cap = settle->first + SETTLE_CAP_MS;
    int64_t due = quiet < cap ? quiet : cap;
    /* Who let go may be about to take hold again, for all that it does is not done under one lock. */
    int64_t after = settle->released + SETTLE_SAVE_MS;
    int64_t hold_cap = settle->first + SETTLE_HOLD_CAP_MS;
    return due > after ? due : after < hold_cap ? after : hold_cap;
}

bool settle_due(const struct settle *settle, int64_t now)
{
    return now >= settle_deadline(settle) && !settle_empty(settle);
}

struct strset settle_take(struct settle *settle)
{
    struct strset paths = settle->paths;
    settle->paths = (struct strset){0};
    return paths;
}
