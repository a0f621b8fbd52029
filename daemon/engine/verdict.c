/* A run is over: what came of it, and what is stored of it. What it rests on: evidence.c. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/evidence.h"

#include <string.h>

/* ---- children that ended badly ---- */

static void add_tail(char **report, const struct engine_finished *finished)
{
    if (finished->output == NULL || finished->output[0] == '\0')
        return;
    size_t length = strlen(finished->output);
    const char *tail = finished->output + (length > 8192 ? length - 8192 : 0);
    char *longer = xasprintf("%s\n\nThe last it printed (of %lld bytes):\n%s", *report,
                             (long long)finished->output_total, tail);
    free(*report);
    *report = longer;
}

static void blame(struct run *run, const struct engine_finished *finished,
                  const char *otherwise, const char *exception, char *report)
{
    add_tail(&report, finished);
    const char *test = finished->test != NULL ? finished->test : otherwise;
    run_result(run, test, OUTCOME_ERROR, run->duration_ms, exception, report);
    free(report);
}

static const char *during(const struct engine_finished *finished)
{
    return finished->done ? "after its tests" : "before its tests were through";
}

void verdict_of_end(struct run *run, const struct engine_finished *finished)
{
    if (run->discard)
        return;
    if (finished->end == ENGINE_TIMEOUT) {
        blame(run, finished, "(timeout)", "Timeout",
              xasprintf(
                  "stopped: not over after %.1f s, which is the limit for a test file "
                  "(\"timeout\" in [tool.sniffer])",
                  (double)finished->timeout_ms / 1000));
    } else if (finished->end == ENGINE_CROWD) {
        blame(run, finished, "(crowd)", "TooManyProcesses",
              xasprintf("stopped: more than %d processes at a time, which is the limit "
                        "for a test file (\"processes\" in [tool.sniffer])",
                        finished->processes));
    } else if (finished->end == ENGINE_HOST_DIED) {
        blame(run, finished, "(crashed)", "WorkerDied",
              xstrdup(
                  "the worker process that started this test file died with it, twice"));
    } else if (finished->signal != 0) {
        const char *name = sigabbrev_np((int)finished->signal);
        autofree char *exception = xasprintf("SIG%s", name != NULL ? name : "?");
        blame(run, finished, "(crashed)", exception,
              xasprintf("the process was ended by signal %lld (%s) %s",
                        (long long)finished->signal, exception, during(finished)));
    } else if (finished->lost) {
        blame(run, finished, "(lost)", "ReportLost",
              xstrdup("a part of what this test file reported could not be read, so its "
                      "results cannot be trusted; run it again, or tell the authors"));
    } else if (!finished->done) {
        blame(run, finished, "(exit)", "SystemExit",
              xasprintf("the process left with status %lld %s",
                        (long long)finished->status, during(finished)));
    }
}

void verdict_of_company(struct run *run, const struct run *busy,
                        const struct engine_finished *finished)
{
    if (run->discard)
        return;
    const char *end = finished->end == ENGINE_TIMEOUT ? "was stopped by the time limit"
                      : finished->end == ENGINE_CROWD
                          ? "was stopped for its many processes"
                      : finished->signal != 0 ? "was ended by a signal"
                                              : "left";
    autofree char *report =
        xasprintf("the process that this test file shares with %s %s during %s of that "
                  "one, before the tests of this one were through (\"isolation\" in "
                  "[tool.sniffer])",
                  busy->file, end, busy->test);
    run_result(run, "(not run)", OUTCOME_ERROR, run->duration_ms, "ProcessEnded", report);
}

/* ---- what is stored ---- */

/* Was it another run that disturbed this one? Then they are kept apart. */
static void blame_others(struct engine *engine, const struct run *run,
                         const struct evidence_list *list)
{
    size_t sure = 0;
    while (sure < list->count && !list->items[sure].unsure)
        sure++;
    if (sure == list->count)
        return;
    for (size_t i = 0; i < engine->disturbance_count; i++) {
        const struct disturbance *change = &engine->disturbances[i];
        if (change->number > run->began && !change->others &&
            (!strset_has(&run->wrote, change->path) ||
             strset_has(&run->doubtful, change->path)))
            conflict_learn(engine, run, change);
    }
}

static void remember(struct engine *engine, const struct evidence_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct tree_memory memory;
        const struct index_evidence *item = &list->items[i];
        if ((item->kind != EVIDENCE_CODE && item->kind != EVIDENCE_CONTENT) ||
            !tree_recall(engine->tree, item->path, &memory))
            continue;
        index_see(engine->index,
                  &(struct index_seen){.path = memory.path,
                                       .device = memory.identity.device,
                                       .inode = memory.identity.inode,
                                       .size = memory.identity.size,
                                       .mtime_ns = memory.identity.mtime_ns,
                                       .ctime_ns = memory.identity.ctime_ns,
                                       .mode = memory.identity.mode,
                                       .digest = memory.digest});
    }
}

struct rebasing {
    struct engine *engine;
    struct disturbed disturbed;
};

/* An index_rebase's question: was FACT true before the runs that are on began to write? One that
 * was not has been broken by others. */
static bool held_before(void *owner, int64_t fact, bool holds)
{
    const struct engine *engine = owner;
    autofree char *key = xasprintf("%lld", (long long)fact);
    return !strset_has(&engine->mended, key) &&
           (holds || strset_has(&engine->broke, key));
}

/* Files that rewrite PATH themselves, too, do not go stale by this run's writing it; but where
 * somebody else had a hand in it meanwhile, they do. */
static void rebase(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct rebasing *rebasing = owner;
    struct engine *engine = rebasing->engine;
    const struct disturbed *disturbed = &rebasing->disturbed;
    autofree char *folder = path_parent(path);
    autofree char *stem = path_stem(path);
    bool others = strset_has(&disturbed->paths, path);
    const struct {
        enum evidence_kind kind;
        const char *path;
        bool others;
    } touched[] = {{EVIDENCE_CONTENT, path, others},
                   {EVIDENCE_CODE, path, others},
                   {EVIDENCE_PRESENCE, path, others},
                   {EVIDENCE_EXISTENCE, path, others},
                   {EVIDENCE_LISTING, folder, strset_has(&disturbed->folders, folder)},
                   {EVIDENCE_SEARCH, stem, strset_has(&disturbed->stems, stem)}};
    for (size_t i = 0; i < sizeof touched / sizeof *touched; i++)
        if (!touched[i].others)
            index_rebase(engine->index, touched[i].kind, touched[i].path,
                         tree_state(engine->tree, touched[i].kind, touched[i].path),
                         held_before, engine);
}

static int record(struct engine *engine, struct run *run)
{
    struct evidence_list list = evidence_gather(engine, run);
    struct index_result *results = xcalloc(run->result_count, sizeof *results);
    for (size_t i = 0; i < run->result_count; i++)
        results[i] = (struct index_result){.test = run->results[i].test,
                                           .outcome = run->results[i].outcome,
                                           .duration_ms = run->results[i].duration_ms,
                                           .exception = run->results[i].exception,
                                           .report = run->results[i].report};
    blame_others(engine, run, &list);
    remember(engine, &list);
    struct index_tested *tested = order_record(engine, run);
    if (run->audits != 0)
        run->finding = finding_new(engine, run, list.items, list.count);
    const struct audit_finding *finding = run->finding;
    int error = index_record(engine->index,
                             &(struct index_run){.file = run->file,
                                                 .started = run->started_wall,
                                                 .duration_ms = run->duration_ms,
                                                 .reason = run->reason,
                                                 .path = run->path,
                                                 .detail = run->detail,
                                                 .unseen = run_is_unseen(run),
                                                 .disproves = finding != NULL &&
                                                              finding->differs &&
                                                              !finding->known_flaky,
                                                 .results = results,
                                                 .result_count = run->result_count,
                                                 .evidence = list.items,
                                                 .evidence_count = list.count,
                                                 .tested = tested,
                                                 .tested_count = run->tested_count});
    free(results);
    free(tested);
    free(list.items);
    return error;
}

static json_t *numbers(const struct counts *counts)
{
    json_t *object = json_object();
    json_object_set_new(object, "errors", json_integer(counts->errors));
    json_object_set_new(object, "failures", json_integer(counts->failures));
    return object;
}

static void tell(struct engine *engine, const struct run *run,
                 const struct index_file *file)
{
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(run->file));
    json_object_set_new(params, "duration_ms", json_real(run->duration_ms));
    json_object_set_new(params, "record", news_file(engine, file));
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_FINISHED, params);
    news_of_results(engine, run->file);
    const struct counts *before = &run->before;
    if (before->errors + before->failures + file->counts.errors + file->counts.failures ==
        0)
        return;
    params = json_object();
    json_object_set_new(params, "file", wire_path(run->file));
    json_object_set_new(params, "package", wire_path(package_shown(run->package)));
    json_object_set_new(params, "before", numbers(before));
    json_object_set_new(params, "now", numbers(&file->counts));
    engine->ports.publish(engine->ports.owner, TOPIC_FILE_FAILURES, params);
}

/* After a failure the others wait, where the settings say so: for a change, or for a word. */
static void stumble(struct engine *engine, const struct run *run,
                    const struct index_file *file)
{
    if (!engine->fail_fast || !file->current ||
        file->counts.failures + file->counts.errors == 0)
        return;
    free(engine->stumble);
    engine->stumble = xstrdup(run->file);
    engine->halted = true;
    engine->news_state = true;
}

static void want_again(struct engine *engine, const struct run *run)
{
    struct index_file file;
    bool cancelled = run->discard && run->audits == 0;
    if (!index_file(engine->index, run->file, &file) || (file.current && !cancelled))
        return;
    if (sched_waiting(engine->sched, run->file) != NULL)
        return;
    if (run->disturbed != NULL) {
        autofree char *detail = restless_detail(engine, run->file);
        pick_want(engine, run->file, REASON_CHANGED, run->disturbed, detail, false);
    } else {
        pick_want(engine, run->file, run->reason, run->path, run->detail, false);
    }
}

void verdict_conclude(struct engine *engine, struct run *run, int64_t now)
{
    struct index_file file;
    bool known = index_file(engine->index, run->file, &file);
    if (!run->manual)
        sched_done(engine->sched, run->file);
    if (run_clock_stepped_back(engine, run, now))
        run->blind = true;
    conflict_note(engine, run);
    int error = 0;
    bool recorded = false;
    if (known && !run->discard) {
        /* The test file itself is evidence, whatever the child could tell. */
        run_look(run, EVIDENCE_CONTENT, run->file, NULL, "");
        triggers_look(engine, run);
        if (run->manual)
            opened_by_hand_over(engine, run);
        error = record(engine, run);
        restless_note(engine, run, now);
        tidy_note_run(engine, now);
        struct rebasing rebasing = {.engine = engine};
        disturbed_collect(engine, run, &rebasing.disturbed);
        strset_each(&run->wrote, rebase, &rebasing);
        disturbed_finish(&rebasing.disturbed);
        if (error < 0)
            log_error("cannot store the verdict of %s: %s", run->file, strerror(-error));
        log_debug("%s ran in %.0f ms because of %s", run->file, run->duration_ms,
                  run->path != NULL ? run->path : reason_names[run->reason]);
        if (error == 0 && index_file(engine->index, run->file, &file)) {
            tell(engine, run, &file);
            stumble(engine, run, &file);
        }
        recorded = error == 0;
    }
    opened_run_ends(engine, run,
                    recorded ? index_last_verdict(engine->index, run->file) : 0);
    audit_run_ends(engine, run, recorded, now);
    engine->concluded = run->file;
    pick_turned(engine, NULL);
    engine->concluded = NULL;
    if (known && error == 0)
        want_again(engine, run);
    run_forget(engine, run);
    pick_deferred(engine);
    engine->news_stats = engine->news_queue = engine->news_state = true;
}
