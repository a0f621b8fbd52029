#include "daemon/engine/engine.h"

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine_new(const char *root, const char *backend, struct index *index,
                          const struct engine_ports *ports)
{
    struct engine *engine = xcalloc(1, sizeof *engine);
    engine->root = xstrdup(root);
    engine->backend = xstrdup(backend);
    engine->index = index;
    engine->ports = *ports;
    engine->tree = tree_new(root);
    engine->sched = sched_new();
    engine->told_state = STATE_CHECKING;
    engine->poll = engine->recheck = INT64_MAX;
    engine->asleep = -1;
    packages_begin(engine);
    opened_open(engine);
    audit_open(engine);
    tree_on_open(engine->tree, opened_own, engine);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    struct run *run = NULL;
    struct run *next = NULL;
    HASH_ITER(hh, engine->runs, run, next)
    run_forget(engine, run);
    triggers_finish(engine);
    packages_finish(engine);
    git_finish(engine);
    free(engine->maker);
    free(engine->stumble);
    free(engine->words);
    for (size_t i = 0; i < engine->disturbance_count; i++)
        free(engine->disturbances[i].path);
    free(engine->disturbances);
    wait_finish(engine);
    opened_close(engine);
    audit_close(engine);
    conflict_forget_writes(engine);
    free(engine->writes);
    strset_finish(&engine->conflicts);
    restless_finish(engine);
    strset_finish(&engine->broke);
    strset_finish(&engine->mended);
    strset_finish(&engine->unread);
    strset_finish(&engine->unknown);
    strset_finish(&engine->unreadable);
    strset_finish(&engine->causes);
    strset_finish(&engine->changed);
    for (size_t i = 0; i < engine->reading_count; i++)
        free(engine->readings[i].path);
    free(engine->readings);
    blocks_forget_comparison(engine);
    strset_finish(&engine->classified);
    strset_finish(&engine->programs);
    strset_finish(&engine->shared);
    strset_finish(&engine->deciders);
    strset_finish(&engine->deferred);
    strset_finish(&engine->hostless);
    settle_finish(&engine->settle);
    sched_free(engine->sched);
    tree_free(engine->tree);
    free(engine->computed);
    free(engine->mistaken);
    free(engine->degraded);
    free(engine->focus);
    free(engine->focus_message);
    free(engine->shard_message);
    strset_finish(&engine->parts);
    free(engine->told_message);
    free(engine->told_trouble);
    free(engine->backend);
    free(engine->refused);
    free(engine->root);
    free(engine);
}

/* What is not known to be whole is not shown: everything is found out anew. */
static void renew_index(struct engine *engine, int64_t now)
{
    char *aside = NULL;
    int error = index_renew(engine->index, &aside);
    log_error("the index is damaged%s%s: everything runs again",
              aside != NULL ? "; it was set aside as " : "", aside != NULL ? aside : "");
    free(aside);
    if (error < 0) { /* not even in memory */
        log_error("cannot make another one: %s", strerror(-error));
        abort();
    }
    strset_finish(&engine->broke); /* facts have other numbers now */
    strset_finish(&engine->mended);
    if (engine->maker != NULL)
        index_blocks_maker(engine->index, engine->maker);
    engine_lost(engine, "the index is new", now);
}

static void tell_trouble(struct engine *engine)
{
    const char *trouble = index_trouble(engine->index);
    bool told = engine->told_trouble != NULL;
    if (trouble == NULL ? !told : told && strcmp(trouble, engine->told_trouble) == 0)
        return;
    if (trouble != NULL)
        log_warning("cannot write the index: %s", trouble);
    else
        log_info("the index is in its file again");
    xreplace(&engine->told_trouble, trouble);
    engine->news_state = true;
}

/* The end of every entry point: start what may start, answer who waits, tell what is new. */
static void turn(struct engine *engine, int64_t now)
{
    if (index_is_damaged(engine->index)) {
        renew_index(engine, now); /* and all that follows here */
        return;
    }
    tell_trouble(engine);
    if (engine->news_state && engine_settled(engine, NULL))
        pick_stragglers(engine);
    shard_begin(engine);
    blocks_ask(engine);
    run_start_what_fits(engine, now);
    told_doubt(engine);
    wait_check(engine, now);
    audit_turn(engine, now); /* when nobody waits any more */
    opened_idle(engine, now);
    news_flush(engine);
}

void engine_begin(struct engine *engine, int64_t now)
{
    news_begin(engine);
    check_everything(engine);
    packages_find(engine);
    git_find(engine);
    told_recall(engine);
    packages_warm(engine);
    recheck_begin(engine, now);
    turn(engine, now);
}

/* The packages are part of the environment, which only a new worker can tell. */
static bool is_package_business(struct engine *engine, const char *path, bool entry)
{
    autofree char *folder = path_parent(path);
    bool installed = false;
    for (size_t i = 0; entry && i < engine->package_count; i++)
        installed |= strset_has(&engine->packages[i]->installed, folder);
    if (!installed)
        return false;
    return strcmp(path_base(path), "__pycache__") != 0;
}

static void change(struct engine *engine, const char *path, bool entry, bool others,
                   int64_t now)
{
    run_disturb(engine, path, entry, others);
    git_changed(engine, path, now);
    if (git_keeps(engine, path))
        return;
    triggers_changed(engine, path);
    if (is_package_business(engine, path, entry)) {
        engine->renew = true;
        engine->unsettled = true;
    }
    settle_add(&engine->settle, path, entry ? 1 : 0, now);
    if (path[0] != '/') /* outside the root most is nobody's business */
        engine->unsettled = true;
}

void engine_changed(struct engine *engine, const char *path, bool entry, int64_t now)
{
    change(engine, path, entry, false, now);
}

bool engine_runs(const struct engine *engine)
{
    return engine->runs != NULL;
}

void engine_changed_by_others(struct engine *engine, const char *path, bool entry,
                              int64_t now)
{
    change(engine, path, entry, true, now);
}

void engine_synced(struct engine *engine, uint64_t cookie, int64_t now)
{
    opened_cookie_back(engine, cookie);
    struct run *run = NULL;
    struct run *next = NULL;
    HASH_ITER(hh, engine->runs, run, next)
    if (run->ended && run->cookie == cookie)
        verdict_conclude(engine, run, now);
    for (size_t i = 0; i < engine->waiter_count; i++)
        if (engine->waiters[i].cookie == cookie)
            engine->waiters[i].cookie = 0;
    turn(engine, now);
}

static void compare_all(struct engine *engine)
{
    struct run *run = NULL;
    struct run *next = NULL;
    HASH_ITER(hh, engine->runs, run, next)
    run->blind = true;
    check_everything(engine);
    /* What was added is not known one by one: take the worst for granted. */
    pick_failed_imports(engine, NULL);
    engine->ports.settings(engine->ports.owner);
    engine->ports.refresh(engine->ports.owner);
    git_find(engine);
}

void engine_lost(struct engine *engine, const char *why, int64_t now)
{
    log_info("changes may have been missed (%s): comparing the whole tree", why);
    compare_all(engine);
    engine->ports.resnapshot(engine->ports.owner, "rescan");
    turn(engine, now);
}

void engine_ruled(struct engine *engine, int64_t now)
{
    /* With the burst that it is part of: a file that is rewritten is empty for a moment. */
    engine->ruled = true;
    engine->unsettled = true;
    settle_add(&engine->settle, "", 0, now);
}

void engine_degraded(struct engine *engine, const char *message)
{
    if (message != NULL && engine->degraded != NULL &&
        strcmp(message, engine->degraded) == 0)
        return; /* every crawl says it again */
    if (message != NULL)
        log_warning("%s; what is not watched is compared every %d s", message,
                    POLL_MS / 1000);
    xreplace(&engine->degraded, message);
    engine->poll = 0;
    json_t *params = json_object();
    json_object_set_new(params, "degraded",
                        message != NULL ? wire_text(message) : json_null());
    engine->ports.publish(engine->ports.owner, TOPIC_WATCH, params);
    engine->news_state = true;
}

void engine_root(struct engine *engine, bool there, int64_t now)
{
    engine->root_gone = !there;
    engine->news_state = true;
    log_warning(there ? "the root is back: comparing the whole tree"
                      : "the root is gone");
    if (there)
        engine_lost(engine, "the root came back", now);
    else
        turn(engine, now);
}

static const char *look_detail(const struct engine *engine, const struct run *run,
                               const struct report *report)
{
    if (report->unseen)
        return DETAIL_UNSEEN;
    bool blocks = packages_read(engine, run->package) &&
                  report->evidence == EVIDENCE_CODE && report->ran != NULL &&
                  blocks_are_bits(report->ran);
    return blocks ? report->ran : "";
}

static void take_look(const struct engine *engine, struct run *run,
                      const struct report *report)
{
    autofree char *fact = report->evidence == EVIDENCE_ENVIRONMENT
                              ? package_fact(run->package, report->path)
                              : NULL;
    run_look(run, report->evidence, fact != NULL ? fact : report->path,
             report->has_seen ? &report->seen : NULL, look_detail(engine, run, report));
}

void engine_report(struct engine *engine, const struct report *report, int64_t now)
{
    struct run *run = run_find(engine, report->run);
    bool of_file = report->type == REPORT_TEST || report->type == REPORT_RESULT ||
                   report->type == REPORT_THROUGH;
    if (run != NULL && of_file)
        run = company_run(engine, run, report->path);
    if (run == NULL || run->ended || run->package == NULL)
        return;
    switch (report->type) {
    case REPORT_TEST:
        progress_test(engine, run, report->test, now);
        break;
    case REPORT_RESULT:
        progress_result(engine, run, report);
        break;
    case REPORT_LOOK:
        take_look(engine, run, report);
        break;
    case REPORT_TESTED:
        if (run->package->changed_first && packages_read(engine, run->package))
            order_note(run, report);
        break;
    case REPORT_WROTE:
        run_wrote(run, report->path, report->has_seen ? &report->seen : NULL);
        break;
    case REPORT_THROUGH:
        run->through = true;
        break;
    case REPORT_STARTED:
        run->started =
            now; /* a worker that had to be started first is not the test's time */
        break;
    case REPORT_DONE:
    case REPORT_READY:
    case REPORT_UNFIT:
    case REPORT_CLASSIFIED:
    case REPORT_BLOCKS:
    case REPORT_EXITED:
    case REPORT_WARM:
        break;
    }
}

void engine_output(struct engine *engine, int64_t id, const char *bytes, size_t length)
{
    const struct run *run = run_find(engine, id);
    const struct run *busy = run != NULL ? company_busy(engine, run) : NULL;
    if (run != NULL)
        progress_output(engine, busy != NULL ? busy : run, bytes, length);
}

static void finish_one(struct engine *engine, struct run *run, const struct run *first,
                       const struct engine_finished *finished, int64_t now)
{
    run->duration_ms = (double)(now - run->started);
    if (finished->end == ENGINE_CANCELLED)
        run->discard = true;
    /* A host that died may have been killed by somebody else: only the second time is it the
     * test file's doing. */
    if (finished->end == ENGINE_HOST_DIED && strset_add(&engine->hostless, run->file)) {
        log_warning("the worker died while it ran %s: once more", run->file);
        run->discard = true;
    } else if (finished->end != ENGINE_HOST_DIED) {
        strset_remove(&engine->hostless, run->file);
    }
    if (run->shares)
        company_finished(engine, run, first, finished);
    else
        verdict_of_end(run, finished);
}

void engine_finished(struct engine *engine, const struct engine_finished *finished,
                     int64_t now)
{
    struct run *first = run_find(engine, finished->run);
    if (first == NULL)
        return;
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (company_has(run, first))
            finish_one(engine, run, first, finished, now);
    run_end(engine, first);
    turn(engine, now);
}

void engine_room(struct engine *engine, int64_t now)
{
    turn(engine, now);
}

void engine_configured(struct engine *engine, const char *message, int64_t now)
{
    if (message != NULL)
        log_error("%s; the last good settings stay in use", message);
    xreplace(&engine->mistaken, message);
    engine->news_state = true;
    turn(engine, now);
}

void engine_repackage(struct engine *engine, int64_t now)
{
    packages_find(engine);
    packages_warm(engine);
    check_environment(engine);
    check_ask(engine);
    turn(engine, now);
}

void engine_refused(struct engine *engine, const char *why)
{
    xreplace(&engine->refused, why);
}

void engine_fail_fast(struct engine *engine, bool fail_fast)
{
    engine->fail_fast = fail_fast;
    if (!fail_fast)
        engine_go_on(engine);
}

void engine_go_on(struct engine *engine)
{
    if (!engine->halted)
        return;
    engine->halted = false;
    engine->news_state = true;
}

int64_t engine_deadline(const struct engine *engine)
{
    int64_t deadline = settle_deadline(&engine->settle);
    if (engine->poll < deadline)
        deadline = engine->poll;
    if (engine->recheck < deadline)
        deadline = engine->recheck;
    if (opened_deadline(engine) < deadline)
        deadline = opened_deadline(engine);
    if (restless_deadline(engine) < deadline)
        deadline = restless_deadline(engine);
    if (progress_deadline(engine) < deadline)
        deadline = progress_deadline(engine);
    if (tidy_deadline(engine) < deadline)
        deadline = tidy_deadline(engine);
    if (audit_deadline(engine) < deadline)
        deadline = audit_deadline(engine);
    for (size_t i = 0; i < engine->waiter_count; i++)
        if (engine->waiters[i].deadline < deadline)
            deadline = engine->waiters[i].deadline;
    return deadline;
}

void engine_tick(struct engine *engine, int64_t now)
{
    if (now >= engine->poll) {
        check_silent(engine);
        bool silent = engine->degraded != NULL || strset_count(&engine->shared) > 0;
        engine->poll = silent ? now + POLL_MS : INT64_MAX;
    }
    recheck_tick(engine, now);
    progress_tick(engine, now);
    opened_tick(engine, now);
    if (settle_due(&engine->settle, now)) {
        struct strset paths = settle_take(&engine->settle);
        engine->unsettled = false;
        git_waited_for(engine, now); /* a lock left behind holds up one burst, not all */
        if (engine->renew) {         /* once the installer is through */
            engine->renew = false;
            packages_renew(engine);
        }
        if (engine->ruled) {
            engine->ruled = false;
            log_info("other rules for paths hold now");
            check_facts(engine);
            git_find(engine);
        }
        pick_changes(engine, &paths);
        strset_finish(&paths);
    }
    engine->ticked = now;
    audit_tick(engine, now);
    turn(engine, now);
    tidy_tick(engine, now);
}

/* What waits for a package that cannot run any tests, waits for ever. */
static bool waits_for_run(const struct engine *engine, const struct package *only)
{
    bool broken = false;
    for (size_t i = 0; i < engine->package_count; i++)
        broken |= engine->packages[i]->error != NULL;
    if (sched_count_waiting(engine->sched) == 0 || (!broken && only == NULL))
        return sched_count_waiting(engine->sched) > 0;
    const struct sched_job **queue = NULL;
    size_t count = sched_queue(engine->sched, &queue);
    bool any = false;
    for (size_t i = 0; i < count && !any; i++) {
        const struct package *package = package_of(engine, queue[i]->file);
        any = package->error == NULL && (only == NULL || package == only);
    }
    free(queue);
    return any;
}

struct deferring {
    const struct engine *engine;
    const struct package *only;
    bool any;
};

static void find_deferred(void *owner, const char *file, int64_t value)
{
    (void)value;
    struct deferring *deferring = owner;
    const struct package *package = package_of(deferring->engine, file);
    deferring->any |= deferring->only == NULL || package == deferring->only;
}

bool engine_wants_nothing(const struct engine *engine, const struct package *only)
{
    if (blocks_wanted(engine))
        return false;
    for (size_t i = 0; i < engine->package_count; i++)
        if ((only == NULL || engine->packages[i] == only) &&
            !package_at_rest(engine->packages[i]))
            return false;
    struct deferring deferring = {.engine = engine, .only = only};
    strset_each(&engine->deferred, find_deferred, &deferring);
    return !deferring.any && !waits_for_run(engine, only);
}

bool engine_at_rest(const struct engine *engine, const struct package *only)
{
    return engine_wants_nothing(engine, only) && !run_some_on(engine, only);
}

bool engine_settled(const struct engine *engine, const struct package *only)
{
    return settle_empty(&engine->settle) && engine_at_rest(engine, only);
}
