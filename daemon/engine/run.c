/* Runs that are on: what they looked at, what changed under them, what they said. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

static char *copy(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

struct run *run_find(struct engine *engine, int64_t id)
{
    struct run *run = NULL;
    HASH_FIND(hh, engine->runs, &id, sizeof id, run);
    return run;
}

struct run *run_begin(struct engine *engine, const char *file, int64_t now)
{
    struct run *run = xcalloc(1, sizeof *run);
    run->id = ++engine->last_run;
    run->file = xstrdup(file);
    run->began = engine->number;
    run->clock_ns = tree_clock_ns();
    opened_run_begins(engine, run);
    run->environment = engine->environments;
    run->started = now;
    run->started_wall = engine->ports.wall(engine->ports.owner);
    HASH_ADD(hh, engine->runs, id, sizeof run->id, run);
    return run;
}

bool run_some_on(const struct engine *engine)
{
    const struct run *run = engine->runs;
    while (run != NULL && run->manual && !run->ended)
        run =
            run->hh
                .next; /* somebody's own run may last for ever, or have died: it holds up nothing */
    return run != NULL;
}

static void forget_disturbances(struct engine *engine)
{
    for (size_t i = 0; i < engine->disturbance_count; i++)
        free(engine->disturbances[i].path);
    engine->disturbance_count = 0;
}

void run_forget(struct engine *engine, struct run *run)
{
    HASH_DEL(engine->runs, run);
    for (size_t i = 0; i < run->look_count; i++) {
        free(run->looks[i].path);
        free(run->looks[i].detail);
    }
    free(run->looks);
    for (size_t i = 0; i < run->result_count; i++) {
        free(run->results[i].test);
        free(run->results[i].exception);
        free(run->results[i].report);
    }
    free(run->results);
    order_forget(run);
    strset_finish(&run->looked);
    strset_finish(&run->wrote);
    strset_finish(&run->doubtful);
    free(run->lefts);
    strset_finish(&run->opened);
    free(run->file);
    free(run->path);
    free(run->detail);
    free(run->test);
    free(run);
    if (engine->runs != NULL)
        return;
    forget_disturbances(engine);
    conflict_forget_writes(engine);
    strset_finish(&engine->broke);
    strset_finish(&engine->mended);
}

void run_disturb(struct engine *engine, const char *path, bool entry)
{
    engine->number++;
    if (engine->runs == NULL)
        return;
    if (engine->disturbance_count >= DISTURBANCES) {
        for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
            run->blind = true;
        forget_disturbances(engine);
        return;
    }
    engine->disturbances =
        xgrow(engine->disturbances, engine->disturbance_count,
              &engine->disturbance_capacity, sizeof *engine->disturbances);
    engine->disturbances[engine->disturbance_count++] = (struct disturbance){
        .number = engine->number, .path = xstrdup(path), .entry = entry};
}

static struct identity identity_of(const struct report_identity *seen)
{
    return (struct identity){.device = (uint64_t)seen->device,
                             .inode = (uint64_t)seen->inode,
                             .size = seen->size,
                             .mtime_ns = seen->mtime_ns,
                             .ctime_ns = seen->ctime_ns,
                             .mode = (uint32_t)seen->mode};
}

void run_wrote(struct run *run, const char *path, const struct report_identity *left)
{
    int64_t place = -1;
    if (left != NULL) {
        run->lefts =
            xgrow(run->lefts, run->left_count, &run->left_capacity, sizeof *run->lefts);
        place = (int64_t)run->left_count++;
        run->lefts[place] = identity_of(left);
    }
    strset_put(&run->wrote, path, place);
}

const struct identity *run_left(const struct run *run, const char *path)
{
    int64_t place = strset_get(&run->wrote, path, -1);
    return place >= 0 ? &run->lefts[place] : NULL;
}

void run_look(struct run *run, enum evidence_kind kind, const char *path,
              const struct report_identity *seen, const char *detail)
{
    /* What it wrote itself before it ever looked is its output, and no evidence. */
    if (strset_has(&run->wrote, path))
        return;
    autofree char *key = xasprintf("%d%s/%s", (int)kind, detail, path);
    if (!strset_add(&run->looked, key))
        return;
    run->looks =
        xgrow(run->looks, run->look_count, &run->look_capacity, sizeof *run->looks);
    struct look *look = &run->looks[run->look_count++];
    *look = (struct look){.kind = kind,
                          .path = xstrdup(path),
                          .has_seen = seen != NULL,
                          .detail = xstrdup(detail)};
    if (seen != NULL)
        look->seen = identity_of(seen);
}

bool run_is_unseen(const struct run *run)
{
    for (size_t i = 0; i < run->look_count; i++)
        if (strcmp(run->looks[i].detail, DETAIL_UNSEEN) == 0)
            return true;
    return false;
}

void run_result(struct run *run, const char *test, enum outcome outcome,
                double duration_ms, const char *exception, const char *report)
{
    run->results = xgrow(run->results, run->result_count, &run->result_capacity,
                         sizeof *run->results);
    run->results[run->result_count++] =
        (struct outcome_record){.test = xstrdup(test),
                                .outcome = outcome,
                                .duration_ms = duration_ms,
                                .exception = copy(exception),
                                .report = copy(report)};
}

static void tell_start(struct engine *engine, const struct run *run)
{
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(run->file));
    json_object_set_new(params, "reason", json_string(reason_names[run->reason]));
    json_object_set_new(params, "path",
                        run->path != NULL ? wire_path(run->path) : json_null());
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_STARTED, params);
    struct index_file file;
    if (index_file(engine->index, run->file, &file))
        news_of_file(engine, &file);
}

static bool start_one(struct engine *engine, const struct sched_job *job, int64_t now)
{
    char **first = order_first(engine, job->file);
    if (blocks_awaited(engine)) {
        order_free(first);
        blocks_ask(engine);
        return false;
    }
    /* Numbered before the worker hears of it: a change from here on is one during the run. */
    struct run *run = run_begin(engine, job->file, now);
    run->reason = job->reason;
    run->path = copy(job->path);
    run->detail = copy(job->detail);
    struct index_file file;
    if (index_file(engine->index, job->file, &file))
        run->before = file.counts;
    int error = engine->ports.start(engine->ports.owner, run->id, run->file,
                                    (const char *const *)first);
    order_free(first);
    if (error < 0) {
        run_forget(engine, run);
        return false;
    }
    sched_started(engine->sched, run->file);
    engine->news_stats = engine->news_queue = engine->news_state = true;
    tell_start(engine, run);
    return true;
}

static bool may_start(const struct engine *engine, const struct sched_job *job,
                      int64_t now)
{
    return !conflict_now(engine, job->file) && !restless_pauses(engine, job, now);
}

/* The first that may start, where nothing that runs stands against it. */
static const struct sched_job *next_job(const struct engine *engine, int64_t now)
{
    const struct sched_job *first = sched_first(engine->sched);
    if (first == NULL || may_start(engine, first, now))
        return first;
    const struct sched_job **queue = NULL;
    size_t count = sched_queue(engine->sched, &queue);
    const struct sched_job *found = NULL;
    for (size_t i = 0; i < count && found == NULL; i++)
        if (!sched_running(engine->sched, queue[i]->file) &&
            may_start(engine, queue[i], now))
            found = queue[i];
    free(queue);
    return found;
}

void run_start_what_fits(struct engine *engine, int64_t now)
{
    /* While a burst is on, what a run would see is still moving. */
    if (engine->paused || engine->error != NULL || engine->root_gone || !engine->sorted ||
        !settle_empty(&engine->settle) || blocks_awaited(engine) || engine->renewing)
        return;
    const struct sched_job *job = NULL;
    while ((job = next_job(engine, now)) != NULL)
        if (!start_one(engine, job, now))
            return;
}

void run_end(struct engine *engine, struct run *run)
{
    run->ended = true;
    run->cookie = ++engine->cookie;
    opened_cookie_asked(engine, run->cookie);
    engine->ports.sync(engine->ports.owner, run->cookie);
}
