/* What no verdict rests on any more leaves the index when there is time. */

#include "daemon/base/log.h"
#include "daemon/engine/room.h"

#include <string.h>

/* After so many runs it waits for a quiet moment; after OVERDUE, for any in which nothing runs. */
enum { RUNS = 500, OVERDUE = 3 * RUNS, QUIET_MS = 5000, RETRY_MS = 60000 };

void tidy_note_run(struct engine *engine, int64_t now)
{
    engine->untidy++;
    engine->tidy_at = now + (engine->untidy < OVERDUE ? QUIET_MS : 0);
}

int64_t tidy_deadline(const struct engine *engine)
{
    bool due = engine->untidy >= RUNS || index_trouble(engine->index) != NULL;
    return due ? engine->tidy_at : INT64_MAX;
}

void tidy_tick(struct engine *engine, int64_t now)
{
    if (now < tidy_deadline(engine))
        return;
    engine->tidy_at = now + (engine->untidy >= RUNS ? QUIET_MS : RETRY_MS);
    if (!engine_settled(engine, NULL) || engine->runs != NULL)
        return;
    engine->untidy = 0;
    int error = index_tidy(engine->index);
    if (error < 0)
        log_error("cannot tidy the index: %s", strerror(-error));
}
