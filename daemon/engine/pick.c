/* Which facts hold, and which test files must run where they do not. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>
#include <sys/stat.h>

static int by_name(const void *key, const void *variable)
{
    return strcmp(key, ((const struct variable *)variable)->name);
}

/* Names of what is installed, as workers tell them; one that they do not tell is not there. */
static bool is_of_distributions(const char *name)
{
    static const char *const kinds[] = {"package:", "distribution", "entry points:"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return false;
}

static const char *computed(struct engine *engine, char *value)
{
    free(engine->computed);
    engine->computed = value;
    return value;
}

const char *pick_environment(struct engine *engine, const char *name)
{
    if (company_is_name(name))
        return computed(engine, company_value(engine, name));
    char *inside = package_inside(engine, name);
    if (inside != NULL)
        return computed(engine, inside);
    size_t length = 0;
    const struct package *package = package_of_fact(engine, name, &length);
    if (package == NULL)
        return NULL;
    for (size_t i = 0; i < package->environment_count; i++)
        if (strcmp(package->environment[i].name, name) == 0)
            return package->environment[i].value;
    if (!is_of_distributions(name))
        return NULL;
    autofree char *base = xstrndup(name, length);
    const struct variable *found =
        package->distribution_count == 0
            ? NULL
            : bsearch(base, package->distributions, package->distribution_count,
                      sizeof *package->distributions, by_name);
    return found != NULL ? found->value : "absent";
}

/* Before a worker of its package told, nothing that rests on it is current; to say so of one fact that
 * each verdict has is enough. */
static bool environment_holds(struct engine *engine, const struct index_fact *fact)
{
    size_t length = 0;
    const struct package *package = package_of_fact(engine, fact->path, &length);
    bool told =
        company_is_name(fact->path) || (package != NULL && package->environment != NULL);
    if (!told && package != NULL)
        return strncmp(fact->path, "python", length) != 0;
    const char *value = pick_environment(engine, fact->path);
    return value != NULL && environment_same(value, fact->detail);
}

bool pick_holds(struct engine *engine, const struct index_fact *fact)
{
    if (fact->unsure)
        return false;
    const char *file = triggers_file(fact->kind, fact->path);
    if (file != NULL)
        return triggers_hold(engine, file, fact->detail);
    if (fact->kind == EVIDENCE_ENVIRONMENT)
        return environment_holds(engine, fact);
    struct digest state = tree_state(engine->tree, fact->kind, fact->path);
    if (digest_equal(&state, &fact->state))
        return true;
    return fact->kind == EVIDENCE_CODE && blocks_are_bits(fact->detail) &&
           blocks_hold(engine, fact, &state);
}

/* What held before the runs that are on began, and what did not. */
static void note_turn(struct engine *engine, int64_t fact, bool holds)
{
    if (engine->runs == NULL)
        return;
    autofree char *key = xasprintf("%lld", (long long)fact);
    struct strset *first = holds ? &engine->mended : &engine->broke;
    if (!strset_has(holds ? &engine->broke : &engine->mended, key))
        strset_add(first, key);
}

void pick_judge(void *owner, const struct index_fact *fact)
{
    struct engine *engine = owner;
    bool holds = pick_holds(engine, fact);
    if (holds != fact->holds) {
        index_mark(engine->index, fact->id, holds);
        note_turn(engine, fact->id, holds);
    }
    if (fact->kind == EVIDENCE_CONTENT || fact->kind == EVIDENCE_CODE)
        pick_shared(engine, fact->path);
    pick_heed(engine, fact->kind, fact->path);
}

void pick_heed(struct engine *engine, enum evidence_kind kind, const char *path)
{
    if (kind != EVIDENCE_ENVIRONMENT && name_is_temporary(path_base(path)))
        engine->ports.heed(engine->ports.owner, path);
}

void pick_shared(struct engine *engine, const char *path)
{
    if (!tree_is_shared(engine->tree, path))
        return;
    strset_add(&engine->shared, path);
    if (engine->poll == INT64_MAX)
        engine->poll = 0;
}

/* ---- wanting ---- */

/* What failed and stopped the others goes first. */
static int64_t rank_of(struct engine *engine, const char *file, const char *cause)
{
    if (engine->stumble != NULL && strcmp(engine->stumble, file) == 0)
        return -1;
    return package_rank(engine, file, cause);
}

void pick_want(struct engine *engine, const char *path, enum reason reason,
               const char *cause, const char *detail, bool forced)
{
    struct index_file file;
    if (!index_file(engine->index, path, &file) || !shard_wants(engine, path))
        return;
    sched_want(engine->sched,
               &(struct sched_job){
                   .file = path,
                   .reason = reason,
                   .path = cause,
                   .detail = detail,
                   .failures = file.counts.failures + file.counts.errors,
                   .duration_ms = file.verdict != 0 ? file.duration_ms : -1,
                   .size = file.size,
                   .rank = rank_of(engine, path, cause),
                   .forced = forced,
               });
    engine->news_stats = engine->news_queue = true;
}

/* Which broken fact to name: one about a path that just changed before any other; a test file's
 * own before what it used. */
struct cause {
    struct engine *engine;
    const struct strset *causes;
    const char *file;
    int rank;
    bool all_volatile;
    enum reason reason;
    char *path, *detail;
};

static enum reason reason_of(const struct engine *engine, const struct index_fact *fact)
{
    if (fact->kind == EVIDENCE_ENVIRONMENT)
        return REASON_ENVIRONMENT;
    if (fact->kind == EVIDENCE_SEARCH)
        return REASON_ADDED;
    if (tree_identity(engine->tree, fact->path).mode == 0)
        return REASON_DELETED;
    bool was_absent =
        fact->kind != EVIDENCE_LISTING && tree_was_absent(fact->kind, &fact->state);
    return was_absent ? REASON_ADDED : REASON_CHANGED;
}

static char *detail_of(struct engine *engine, const struct index_fact *fact,
                       const char *file)
{
    if (fact->unsure)
        return restless_detail(engine, file);
    if (triggers_file(fact->kind, fact->path) != NULL) {
        autofree char *value = triggers_value(engine, file);
        return xasprintf("triggers: was %s, is %s", fact->detail, value);
    }
    if (fact->kind == EVIDENCE_ENVIRONMENT) {
        const char *value = pick_environment(engine, fact->path);
        return xasprintf("was %s, is %s", fact->detail,
                         value != NULL ? value : "not known");
    }
    struct digest now = tree_state(engine->tree, fact->kind, fact->path);
    char *blocks =
        fact->kind == EVIDENCE_CODE ? blocks_what_changed(engine, fact, &now) : NULL;
    if (blocks != NULL)
        return blocks;
    return xasprintf("%s was %02x%02x%02x%02x, is %02x%02x%02x%02x",
                     evidence_names[fact->kind], fact->state.bytes[0],
                     fact->state.bytes[1], fact->state.bytes[2], fact->state.bytes[3],
                     now.bytes[0], now.bytes[1], now.bytes[2], now.bytes[3]);
}

static void consider(void *owner, const struct index_fact *fact, bool is_volatile)
{
    struct cause *cause = owner;
    if (!is_volatile)
        cause->all_volatile = false;
    int rank = 1;
    autofree char *match = triggers_file(fact->kind, fact->path) != NULL
                               ? triggers_match(cause->engine, cause->file, cause->causes)
                               : NULL;
    if (match != NULL || (fact->kind != EVIDENCE_ENVIRONMENT && cause->causes != NULL &&
                          strset_has(cause->causes, fact->path)))
        rank = 3;
    else if (strcmp(fact->path, cause->file) == 0)
        rank = 2;
    if (rank <= cause->rank)
        return;
    cause->rank = rank;
    free(cause->path);
    free(cause->detail);
    cause->path = xstrdup(match != NULL ? match : fact->path);
    cause->reason = match == NULL ? reason_of(cause->engine, fact)
                    : tree_identity(cause->engine->tree, match).mode == 0 ? REASON_DELETED
                                                                          : REASON_ADDED;
    cause->detail = detail_of(cause->engine, fact, cause->file);
}

static void want_stale(struct engine *engine, const char *file,
                       const struct strset *causes)
{
    struct cause cause = {.engine = engine,
                          .causes = causes,
                          .file = file,
                          .all_volatile = true,
                          .reason = REASON_CHANGED};
    index_broken(engine->index, file, consider, &cause);
    /* What it rewrites itself may just have been written by a run that is still on, which will say
     * so when it is over: starting now could go round in circles. */
    if (cause.rank > 0 && cause.all_volatile && run_some_on(engine, NULL)) {
        strset_add(&engine->deferred, file);
        engine->news_stats = true;
    } else {
        pick_want(engine, file, cause.reason, cause.path, cause.detail, false);
        strset_remove(&engine->deferred, file); /* last: FILE may be the set's own */
    }
    free(cause.path);
    free(cause.detail);
}

static void collect_turned(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

/* A file that just ran has told its results itself. */
static bool path_differs(const char *path, const char *other)
{
    return other == NULL || strcmp(path, other) != 0;
}

struct turning {
    struct engine *engine;
    const struct strset *causes;
};

static void turn_file(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct turning *turning = owner;
    struct engine *engine = turning->engine;
    struct index_file file;
    if (!index_file(engine->index, path, &file))
        return;
    bool sorted = package_of(engine, path)->sorted;
    if (turning->causes != NULL) /* a change, and one that concerns tests */
        engine_go_on(engine);
    if (file.current) {
        strset_remove(&engine->deferred, path);
        sched_drop(engine->sched, path, false);
        if (sorted && path_differs(path, engine->concluded))
            news_of_results(engine, path);
    } else if (file.verdict != 0 && sorted) {
        want_stale(engine, path, turning->causes);
    }
    if (sorted)
        news_of_file(engine, &file);
    engine->news_stats = engine->news_queue = true;
}

static void add_cause(void *owner, const char *path, int64_t value)
{
    (void)value;
    strset_add(owner, path);
}

void pick_turned(struct engine *engine, const struct strset *causes)
{
    blocks_ask(engine);
    if (blocks_awaited(engine)) {
        engine->turn_owed = true;
        if (causes != NULL)
            strset_each(causes, add_cause, &engine->causes);
        return;
    }
    struct strset files = {0};
    index_each_turned(engine->index, collect_turned, &files);
    struct turning turning = {.engine = engine, .causes = causes};
    strset_each(&files, turn_file, &turning);
    strset_finish(&files);
}

static void collect_stale(void *owner, const struct index_file *file)
{
    if (!file->current)
        strset_add(owner, file->path);
}

static void want_straggler(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    struct index_file file;
    const struct package *package = package_of(engine, path);
    if (!package->sorted || sched_waiting(engine->sched, path) != NULL ||
        sched_running(engine->sched, path) || strset_has(&engine->deferred, path) ||
        !index_file(engine->index, path, &file))
        return;
    if (file.verdict != 0)
        want_stale(engine, path, NULL);
    else
        pick_want(engine, path, package->started_up ? REASON_NEW : REASON_NEVER_RUN, NULL,
                  NULL, false);
}

void pick_stragglers(struct engine *engine)
{
    struct strset files = {0};
    index_each_file(engine->index, collect_stale, &files);
    strset_each(&files, want_straggler, engine);
    strset_finish(&files);
}

static void retry_deferred(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    struct index_file file;
    bool there = index_file(engine->index, path, &file);
    if (there && !file.current)
        want_stale(engine, path, NULL);
    else
        strset_remove(&engine->deferred, path);
}

void pick_deferred(struct engine *engine)
{
    strset_each(&engine->deferred, retry_deferred, engine);
}

void pick_remove_file(struct engine *engine, const char *path)
{
    struct run *run = NULL;
    struct run *next = NULL;
    HASH_ITER(hh, engine->runs, run, next)
    if (strcmp(run->file, path) == 0 && !run->manual && !run->ended) {
        run->discard = true;
        engine->ports.cancel(engine->ports.owner, run->process);
    }
    if (engine->focus != NULL && strcmp(engine->focus, path) == 0)
        run_focus(engine, NULL);
    sched_drop(engine->sched, path, true);
    strset_remove(&engine->deferred, path);
    int error = index_remove_file(engine->index, path);
    if (error < 0)
        log_error("cannot remove %s from the index: %s", path, strerror(-error));
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(path));
    json_object_set_new(params, "record", json_null());
    engine->ports.publish(engine->ports.owner, TOPIC_FILE, params);
    engine->news_stats = engine->news_queue = true;
}
