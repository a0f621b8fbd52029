/* Runs that are on: what they looked at, what changed under them, what they said. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

enum { CLOCK_SLACK_MS = 200, CLOCK_SLOWER = 10 };

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
    run->process = run->id;
    run->began = engine->number;
    run->clock_ns = tree_clock_ns();
    opened_run_begins(engine, run);
    run->package = file[0] != '\0' ? package_of(engine, file) : engine->packages[0];
    run->environment = run->package->environments;
    run->inside = package_inside_fact(run->package);
    run->inside_value = package_inside(engine, run->inside);
    run->started = now;
    run->started_wall = engine->ports.wall(engine->ports.owner);
    HASH_ADD(hh, engine->runs, id, sizeof run->id, run);
    return run;
}

/* Time stamps say what changed after the run began only while the wall clock goes on. Who sets clocks
 * gently slows them down; that is no step back. */
bool run_clock_stepped_back(const struct engine *engine, const struct run *run,
                            int64_t now)
{
    int64_t passed = now - run->started;
    int64_t shown = engine->ports.wall(engine->ports.owner) - run->started_wall;
    return passed - shown > CLOCK_SLACK_MS + passed / CLOCK_SLOWER;
}

bool run_some_on(const struct engine *engine, const struct package *only)
{
    /* Somebody's own run may last for ever, or have died: it holds up nothing. */
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if ((!run->manual || run->ended) && (only == NULL || run->package == only))
            return true;
    return false;
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
    free(run->company);
    free(run->companions);
    free(run->inside);
    free(run->inside_value);
    free(run->path);
    free(run->detail);
    free(run->test);
    finding_free(run->finding);
    free(run);
    if (engine->runs != NULL)
        return;
    forget_disturbances(engine);
    conflict_forget_writes(engine);
    strset_finish(&engine->broke);
    strset_finish(&engine->mended);
}

void run_disturb(struct engine *engine, const char *path, bool entry, bool others)
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
    engine->disturbances[engine->disturbance_count++] =
        (struct disturbance){.number = engine->number,
                             .path = xstrdup(path),
                             .entry = entry,
                             .others = others};
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

void run_wrote_as(struct run *run, const char *path, const struct identity *left)
{
    int64_t place = -1;
    if (left != NULL) {
        run->lefts =
            xgrow(run->lefts, run->left_count, &run->left_capacity, sizeof *run->lefts);
        place = (int64_t)run->left_count++;
        run->lefts[place] = *left;
    }
    strset_put(&run->wrote, path, place);
}

void run_wrote(struct run *run, const char *path, const struct report_identity *left)
{
    struct identity identity = {0};
    if (left != NULL)
        identity = identity_of(left);
    run_wrote_as(run, path, left != NULL ? &identity : NULL);
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
    autofree char *copied_path = xstrdup(path);
    autofree char *copied_detail = xstrdup(detail);
    struct look look = {.kind = kind,
                        .path = copied_path,
                        .has_seen = seen != NULL,
                        .detail = copied_detail};
    if (seen != NULL)
        look.seen = identity_of(seen);
    run_look_as(run, &look);
}

void run_look_as(struct run *run, const struct look *look)
{
    autofree char *key = xasprintf("%d%s/%s", (int)look->kind, look->detail, look->path);
    if (!strset_add(&run->looked, key))
        return;
    run->looks =
        xgrow(run->looks, run->look_count, &run->look_capacity, sizeof *run->looks);
    struct look *own = &run->looks[run->look_count++];
    *own = *look;
    own->path = xstrdup(look->path);
    own->detail = xstrdup(look->detail);
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
    json_object_set_new(params, "package", wire_path(package_shown(run->package)));
    json_object_set_new(params, "reason", json_string(reason_names[run->reason]));
    json_object_set_new(params, "path",
                        run->path != NULL ? wire_path(run->path) : json_null());
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_STARTED, params);
    struct index_file file;
    if (index_file(engine->index, run->file, &file))
        news_of_file(engine, &file);
}

/* FILE's run, as JOB, which is its own or that of one of its company, calls for it. */
static struct run *begin_as(struct engine *engine, const char *file,
                            const struct sched_job *job, int64_t now)
{
    struct run *run = run_begin(engine, file, now);
    const struct sched_job *own = sched_waiting(engine->sched, file);
    const struct sched_job *why = own != NULL ? own : job;
    run->reason = why->reason;
    run->path = copy(why->path);
    run->detail = own != NULL ? copy(own->detail)
                              : xasprintf("it shares a process with %s", job->file);
    run->company = company_name(engine, file);
    if (run->company != NULL)
        run->companions = company_value(engine, run->company);
    struct index_file known;
    if (index_file(engine->index, file, &known))
        run->before = known.counts;
    return run;
}

static bool start_files(struct engine *engine, const struct sched_job *job, char **files,
                        char **first, int64_t now)
{
    /* Numbered before the worker hears of it: a change from here on is one during the run. */
    size_t count = 0;
    while (files[count] != NULL)
        count++;
    struct run **runs = xcalloc(count, sizeof *runs);
    for (size_t i = 0; i < count; i++) {
        runs[i] = begin_as(engine, files[i], job, now);
        runs[i]->process = runs[0]->id;
        runs[i]->shares = count > 1;
    }
    int error =
        engine->ports.start(engine->ports.owner, runs[0]->package->path, runs[0]->id,
                            (const char *const *)files, (const char *const *)first);
    for (size_t i = 0; i < count; i++) {
        if (error < 0) {
            run_forget(engine, runs[i]);
            continue;
        }
        sched_started(engine->sched, files[i]);
        audit_run_begins(engine, runs[i]);
        engine->news_stats = engine->news_queue = engine->news_state = true;
        tell_start(engine, runs[i]);
    }
    free(runs);
    return error == 0;
}

static bool start_one(struct engine *engine, const struct sched_job *job, int64_t now)
{
    char **files = company_files(engine, job->file);
    /* Which of its tests comes first is a question for a file that runs alone. */
    char **first = files[1] == NULL ? order_first(engine, job->file) : NULL;
    bool started = false;
    if (blocks_awaited(engine))
        blocks_ask(engine);
    else
        started = start_files(engine, job, files, first, now);
    if (first != NULL)
        order_free(first);
    company_free(files);
    return started;
}

static bool in_focus(const struct engine *engine, const char *file)
{
    return engine->focus == NULL || strcmp(engine->focus, file) == 0;
}

void run_focus(struct engine *engine, const char *file)
{
    free(engine->focus);
    free(engine->focus_message);
    engine->focus = engine->focus_message = NULL;
    if (file != NULL) {
        engine->focus = xstrdup(file);
        engine->focus_message = xasprintf(
            "only %s is run; snifferctl focus --off has the others run again", file);
    }
    engine->news_state = true;
}

/* What is to be run is not what is run. */
bool run_waits_for_focus(const struct engine *engine)
{
    return engine->focus != NULL && packages_sorted(engine) &&
           !run_some_on(engine, NULL) && sched_count_waiting(engine->sched) > 0 &&
           sched_waiting(engine->sched, engine->focus) == NULL;
}

static bool may_start(const struct engine *engine, const struct sched_job *job,
                      int64_t now)
{
    const struct package *package = package_of(engine, job->file);
    return package->sorted && package->error == NULL && !package->renewing &&
           (!engine->halted || job->forced) && in_focus(engine, job->file) &&
           shard_is_known(engine) && company_may_start(engine, job->file) &&
           !restless_pauses(engine, job, now);
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

/* Has a run that is not concluded yet failed already? Then others may have to wait. */
static bool some_failed(const struct engine *engine)
{
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        for (size_t i = 0; !run->manual && !run->discard && i < run->result_count; i++)
            if (run->results[i].outcome == OUTCOME_FAILURE ||
                run->results[i].outcome == OUTCOME_ERROR)
                return true;
    return false;
}

void run_start_what_fits(struct engine *engine, int64_t now)
{
    /* While a burst is on, what a run would see is still moving. */
    if (engine->paused || engine->root_gone || !settle_empty(&engine->settle) ||
        blocks_awaited(engine) || (engine->fail_fast && some_failed(engine)))
        return;
    const struct sched_job *job = NULL;
    while ((job = next_job(engine, now)) != NULL)
        if (!start_one(engine, job, now))
            return;
}

bool run_start_audit(struct engine *engine, const char *file, int64_t now)
{
    const struct sched_job job = {.file = file,
                                  .reason = REASON_FORCED,
                                  .detail = "its verdict is audited",
                                  .forced = true};
    return may_start(engine, &job, now) && start_one(engine, &job, now);
}

void run_end(struct engine *engine, struct run *run)
{
    uint64_t cookie = ++engine->cookie;
    for (struct run *one = engine->runs; one != NULL; one = one->hh.next) {
        if (!company_has(one, run))
            continue;
        one->ended = true;
        one->cookie = cookie;
    }
    opened_cookie_asked(engine, cookie);
    engine->ports.sync(engine->ports.owner, cookie);
}
