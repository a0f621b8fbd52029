/* What is told to those who listen, and how the state looks from outside. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>
#include <unistd.h>

static json_t *path_or_null(const char *path)
{
    return path != NULL ? wire_path(path) : json_null();
}

static bool is_running(const struct engine *engine, const char *file)
{
    return sched_running(engine->sched, file);
}

struct counting {
    const struct engine *engine;
    const struct package *only; /* NULL: all */
    int64_t to_be_run;
    struct stats stats;
};

static bool counts(const struct counting *counting, const char *file)
{
    return counting->only == NULL || package_of(counting->engine, file) == counting->only;
}

/* Before the first check of its package is over nothing is verified. */
static void count_unknown(void *owner, const struct index_file *file)
{
    struct counting *counting = owner;
    if (!file->current && counts(counting, file->path) &&
        !package_of(counting->engine, file->path)->sorted &&
        sched_waiting(counting->engine->sched, file->path) == NULL &&
        !is_running(counting->engine, file->path))
        counting->to_be_run++;
}

static void count_deferred(void *owner, const char *file, int64_t value)
{
    (void)value;
    struct counting *counting = owner;
    if (counts(counting, file) && sched_waiting(counting->engine->sched, file) == NULL &&
        !is_running(counting->engine, file))
        counting->to_be_run++;
}

static void count_file(void *owner, const struct index_file *file)
{
    struct counting *counting = owner;
    if (!counts(counting, file->path))
        return;
    counting->stats.successes += file->counts.successes;
    counting->stats.failures += file->counts.failures;
    counting->stats.errors += file->counts.errors;
    counting->stats.skipped += file->counts.skipped;
}

/* What waits, what runs, and what is put off. */
static int64_t to_be_run(struct counting *counting)
{
    const struct engine *engine = counting->engine;
    if (counting->only == NULL) {
        counting->to_be_run = (int64_t)sched_count_waiting(engine->sched);
    } else {
        const struct sched_job **queue = NULL;
        size_t count = sched_queue(engine->sched, &queue);
        for (size_t i = 0; i < count; i++)
            counting->to_be_run += counts(counting, queue[i]->file);
        free(queue);
    }
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        counting->to_be_run += !run->manual && counts(counting, run->file) &&
                               sched_waiting(engine->sched, run->file) == NULL;
    strset_each(&engine->deferred, count_deferred, counting);
    if (!packages_sorted(engine))
        index_each_file(engine->index, count_unknown, counting);
    return counting->to_be_run;
}

struct stats news_stats(struct engine *engine, const struct package *only)
{
    struct counting counting = {.engine = engine, .only = only};
    if (only != NULL) {
        index_each_file(engine->index, count_file, &counting);
    } else {
        struct counts totals = index_totals(engine->index);
        counting.stats = (struct stats){.successes = totals.successes,
                                        .errors = totals.errors,
                                        .failures = totals.failures,
                                        .skipped = totals.skipped};
    }
    struct stats *stats = &counting.stats;
    stats->tests = stats->successes + stats->failures + stats->errors + stats->skipped;
    stats->to_be_run = to_be_run(&counting);
    return *stats;
}

enum daemon_state news_state(const struct engine *engine)
{
    bool broken = false;
    for (size_t i = 0; i < engine->package_count; i++)
        broken |= engine->packages[i]->error != NULL &&
                  package_matters(engine, engine->packages[i]);
    bool rests = engine_at_rest(engine, NULL);
    if (engine->root_gone || (broken && rests))
        return STATE_ERROR;
    if (engine->paused || run_waits_for_focus(engine))
        return STATE_PAUSED;
    if (engine->halted && !run_some_on(engine, NULL) &&
        sched_count_waiting(engine->sched) > 0)
        return STATE_HALTED;
    if (!packages_sorted(engine))
        return STATE_CHECKING;
    return rests && !engine->unsettled ? STATE_IDLE : STATE_RUNNING;
}

const char *news_message(struct engine *engine)
{
    if (engine->root_gone)
        return "the project's folder is gone; the daemon goes on when it is back";
    const char *const messages[] = {packages_error(engine), engine->mistaken,
                                    engine->focus_message,  engine->shard_message,
                                    engine->degraded,       index_trouble(engine->index)};
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (messages[i] != NULL)
            return messages[i];
    return "";
}

char *engine_summary(struct engine *engine)
{
    struct stats stats = news_stats(engine, NULL);
    const char *message = news_message(engine);
    autofree char *rest = stats.to_be_run > 0 ? xasprintf(", %lld test files to be run",
                                                          (long long)stats.to_be_run)
                                              : xstrdup("");
    return xasprintf("%s: %lld tests, %lld failures, %lld errors%s%s%s",
                     daemon_state_names[news_state(engine)], (long long)stats.tests,
                     (long long)stats.failures, (long long)stats.errors, rest,
                     message[0] != '\0' ? "; " : "", message);
}

/* Of all packages: one framework and one interpreter are told as they are, several as a list of words. */
static char *all_words(const struct engine *engine, const struct package *only,
                       bool python)
{
    struct strset words = {0};
    char *text = NULL;
    for (size_t i = 0; i < engine->package_count; i++) {
        const struct package *package = engine->packages[i];
        const char *one = python ? package->python : package->framework;
        if (one == NULL || (only != NULL && package != only) || !strset_add(&words, one))
            continue;
        char *longer = text != NULL ? xasprintf("%s, %s", text, one) : xstrdup(one);
        free(text);
        text = longer;
    }
    strset_finish(&words);
    return text;
}

json_t *news_status(struct engine *engine, const struct package *only, int64_t now)
{
    autofree char *framework = all_words(engine, only, false);
    autofree char *python = all_words(engine, only, true);
    struct running *running = xcalloc(HASH_COUNT(engine->runs), sizeof *running);
    size_t running_count = 0;
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (!run->manual && (only == NULL || run->package == only))
            running[running_count++] = (struct running){
                .file = run->file, .test = run->test, .since_ms = now - run->started};
    const struct sched_job **jobs = NULL;
    size_t count = sched_queue(engine->sched, &jobs);
    const char **queue = xcalloc(count, sizeof *queue);
    size_t queued = 0;
    for (size_t i = 0; i < count; i++)
        if (only == NULL || package_of(engine, jobs[i]->file) == only)
            queue[queued++] = jobs[i]->file;
    struct index_audit audits = index_audits(engine->index);
    json_t *json = status_encode(&(struct status){
        .state = news_state(engine),
        .message = news_message(engine),
        .stats = news_stats(engine, only),
        .running = running,
        .running_count = running_count,
        .queue = queue,
        .queue_count = queued,
        .root = engine->root,
        .pid = getpid(),
        .backend = engine->backend,
        .framework = framework,
        .python = python,
        .degraded = engine->degraded,
        .focus = engine->focus,
        .warm = engine->ports.warmth(engine->ports.owner),
        .audit = {.agreed = audits.agreed,
                  .flaky = audits.flaky,
                  .stale = audits.stale,
                  .last = audits.at},
    });
    free(queue);
    free(jobs);
    free(running);
    return json;
}

static enum outcome worst(const struct counts *counts)
{
    if (counts->errors > 0)
        return OUTCOME_ERROR;
    if (counts->failures > 0)
        return OUTCOME_FAILURE;
    return counts->successes == 0 && counts->skipped > 0 ? OUTCOME_SKIPPED
                                                         : OUTCOME_SUCCESS;
}

json_t *news_file(struct engine *engine, const struct index_file *file)
{
    const struct package *package = package_of(engine, file->path);
    enum file_state state = FILE_NEVER_RUN;
    if (is_running(engine, file->path))
        state = FILE_RUNNING;
    else if (file->verdict != 0)
        state = file->current && package->sorted ? FILE_CURRENT : FILE_STALE;
    const struct counts *counts = &file->counts;
    return file_encode(&(struct file_record){
        .file = file->path,
        .state = state,
        .runs = file->runs,
        .has_outcome = file->verdict != 0,
        .outcome = worst(counts),
        .duration_ms = file->verdict != 0 ? file->duration_ms : 0,
        .tests = counts->successes + counts->failures + counts->errors + counts->skipped,
        .last_run = file->last_run,
        .from_cache = file->from_cache,
        .flaky = file->flaky,
        .unseen = file->unseen,
        .audited = file->audit.at,
        .audit = file->audit.found,
        .package = package_shown(package),
    });
}

void news_of_file(struct engine *engine, const struct index_file *file)
{
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(file->path));
    json_object_set_new(params, "record", news_file(engine, file));
    engine->ports.publish(engine->ports.owner, TOPIC_FILE, params);
}

struct telling {
    struct engine *engine;
    const char *file, *package;
    bool current;
};

static void tell_result(void *owner, const struct index_result *result)
{
    const struct telling *telling = owner;
    struct engine *engine = telling->engine;
    json_t *params =
        result_news_encode(&(struct result_record){.file = telling->file,
                                                   .test = result->test,
                                                   .outcome = result->outcome,
                                                   .current = telling->current,
                                                   .duration_ms = result->duration_ms,
                                                   .exception = result->exception,
                                                   .report = result->report,
                                                   .package = telling->package});
    engine->ports.publish(engine->ports.owner, TOPIC_RESULT, params);
}

void news_of_results(struct engine *engine, const char *path)
{
    struct index_file file;
    if (!index_file(engine->index, path, &file))
        return;
    struct telling telling = {.engine = engine,
                              .file = path,
                              .package = package_shown(package_of(engine, path)),
                              .current = file.current};
    index_results(engine->index, path, tell_result, &telling);
}

void news_of_change(struct engine *engine, size_t seen)
{
    json_t *params = json_object();
    json_object_set_new(params, "changed", json_integer((json_int_t)seen));
    engine->ports.publish(engine->ports.owner, TOPIC_WATCH, params);
}

static bool is_red(const struct stats *stats)
{
    return stats->errors + stats->failures > 0;
}

void news_begin(struct engine *engine)
{
    struct stats stats = news_stats(engine, NULL);
    engine->red = is_red(&stats);
}

static void tell_colour(struct engine *engine, const struct stats *stats)
{
    bool red = is_red(stats);
    if (red == engine->red)
        return;
    engine->red = red;
    json_t *params = json_object();
    json_object_set_new(params, "stats", stats_encode(stats));
    engine->ports.publish(engine->ports.owner, red ? TOPIC_RED : TOPIC_GREEN, params);
}

static void tell_stats(struct engine *engine)
{
    struct stats stats = news_stats(engine, NULL);
    if (memcmp(&stats, &engine->told_stats, sizeof stats) == 0)
        return;
    engine->told_stats = stats;
    engine->ports.publish(engine->ports.owner, TOPIC_STATS, stats_encode(&stats));
    tell_colour(engine, &stats);
}

static void tell_queue(struct engine *engine)
{
    const struct sched_job **jobs = NULL;
    size_t count = sched_queue(engine->sched, &jobs);
    json_t *queue = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(queue, wire_path(jobs[i]->file));
    free(jobs);
    json_t *params = json_object();
    json_object_set_new(params, "queue", queue);
    engine->ports.publish(engine->ports.owner, TOPIC_QUEUE, params);
}

static void tell_state(struct engine *engine)
{
    enum daemon_state state = news_state(engine);
    const char *message = news_message(engine);
    if (state == engine->told_state && engine->told_message != NULL &&
        strcmp(message, engine->told_message) == 0)
        return;
    engine->told_state = state;
    free(engine->told_message);
    engine->told_message = xstrdup(message);
    autofree char *framework = all_words(engine, NULL, false);
    autofree char *python = all_words(engine, NULL, true);
    json_t *params = json_object();
    json_object_set_new(params, "state", json_string(daemon_state_names[state]));
    json_object_set_new(params, "message", wire_text(message));
    json_object_set_new(params, "framework",
                        framework != NULL ? wire_text(framework) : json_null());
    json_object_set_new(params, "python", path_or_null(python));
    json_object_set_new(params, "focus", path_or_null(engine->focus));
    engine->ports.publish(engine->ports.owner, TOPIC_STATE, params);
}

void news_flush(struct engine *engine)
{
    if (engine->news_stats)
        tell_stats(engine);
    if (engine->news_queue)
        tell_queue(engine);
    tell_state(engine);
    engine->news_stats = engine->news_queue = engine->news_state = false;
}
