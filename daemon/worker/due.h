#ifndef WORKER_DUE_H
#define WORKER_DUE_H

/* A moment to come. Where the present is known it is set by due_at; inside a poller's
 * callback, where nobody knows the time, by due_in: it then counts from the next tick,
 * and asks for that tick at once. {0} is never. */

#include <stdbool.h>
#include <stdint.h>

struct due {
    enum { DUE_NEVER, DUE_COUNTS_FROM_TICK, DUE_AT } kind;
    int64_t ms; /* of the clock, or of the wait */
};

static inline void due_clear(struct due *due)
{
    *due = (struct due){.kind = DUE_NEVER};
}

static inline void due_at(struct due *due, int64_t at)
{
    *due = (struct due){.kind = DUE_AT, .ms = at};
}

static inline void due_in(struct due *due, int64_t ms)
{
    *due = (struct due){.kind = DUE_COUNTS_FROM_TICK, .ms = ms};
}

static inline bool due_is_set(const struct due *due)
{
    return due->kind != DUE_NEVER;
}

/* When the next tick is needed for it. */
static inline int64_t due_deadline(const struct due *due)
{
    if (due->kind == DUE_NEVER)
        return INT64_MAX;
    return due->kind == DUE_AT ? due->ms : 0;
}

/* Is it there? Then it is cleared: true once. */
static inline bool due_reached(struct due *due, int64_t now)
{
    if (due->kind == DUE_COUNTS_FROM_TICK)
        due_at(due, now + due->ms);
    if (due->kind == DUE_NEVER || now < due->ms)
        return false;
    due_clear(due);
    return true;
}

#endif
