/* Test files whose runs are disturbed one after the other: something that they start writes what they
 * read, and is not told as theirs. Nothing is current that may not be, so they run again; but with
 * growing pauses, so that the rest of the machine has peace. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

enum { AT_ONCE = 5, FIRST_PAUSE_MS = 250, LONGEST_PAUSE_MS = 16000 };

struct restless {
    UT_hash_handle hh;
    char *file;
    int times;     /* disturbed in a row */
    int64_t until; /* does not run before, monotonic ms */
};

static struct restless *find(const struct engine *engine, const char *file)
{
    struct restless *restless = NULL;
    HASH_FIND_STR(engine->restless, file, restless);
    return restless;
}

static void forget(struct engine *engine, struct restless *restless)
{
    HASH_DEL(engine->restless, restless);
    free(restless->file);
    free(restless);
}

void restless_finish(struct engine *engine)
{
    struct restless *restless = NULL;
    struct restless *next = NULL;
    HASH_ITER(hh, engine->restless, restless, next)
    forget(engine, restless);
}

static struct restless *add(struct engine *engine, const char *file)
{
    struct restless *restless = xcalloc(1, sizeof *restless);
    restless->file = xstrdup(file);
    HASH_ADD_KEYPTR(hh, engine->restless, restless->file, strlen(restless->file),
                    restless);
    return restless;
}

void restless_note(struct engine *engine, const struct run *run, int64_t now)
{
    struct restless *restless = find(engine, run->file);
    if (run->disturbed == NULL) {
        if (restless != NULL)
            forget(engine, restless);
        return;
    }
    if (restless == NULL)
        restless = add(engine, run->file);
    restless->times++;
    if (restless->times < AT_ONCE)
        return;
    if (restless->times == AT_ONCE)
        log_warning("%s changed during each of the last %d runs of %s: does it start "
                    "something that writes there? It runs again with growing pauses",
                    run->disturbed, restless->times, run->file);
    int64_t pause = LONGEST_PAUSE_MS;
    if (restless->times - AT_ONCE < 6)
        pause = (int64_t)FIRST_PAUSE_MS << (restless->times - AT_ONCE);
    restless->until = now + pause;
}

char *restless_detail(const struct engine *engine, const char *file)
{
    const struct restless *restless = find(engine, file);
    if (restless == NULL || restless->times < 2)
        return xstrdup("it changed while the test file ran");
    return xasprintf("it changed while the test file ran, %d times in a row",
                     restless->times);
}

bool restless_pauses(const struct engine *engine, const struct sched_job *job,
                     int64_t now)
{
    const struct restless *restless = find(engine, job->file);
    return restless != NULL && !job->forced && now < restless->until;
}

int64_t restless_deadline(const struct engine *engine)
{
    int64_t deadline = INT64_MAX;
    for (const struct restless *restless = engine->restless; restless != NULL;
         restless = restless->hh.next)
        if (restless->until > engine->ticked && restless->until < deadline)
            deadline = restless->until;
    return deadline;
}
