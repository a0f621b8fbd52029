/* A run is over: what came of it, what it rests on, and whether that can be believed. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>
#include <sys/stat.h>

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

/* ---- evidence ---- */

struct evidence_list {
    struct index_evidence *items;
    size_t count;
};

/* What was told while the run was on, and was not its own doing. */
struct disturbed {
    struct strset paths;   /* changed */
    struct strset entries; /* names that came or went: all below them is doubtful, too */
    struct strset folders; /* whose listing changed */
    struct strset stems;   /* where a module search may find something else */
};

static void disturbed_finish(struct disturbed *disturbed)
{
    strset_finish(&disturbed->paths);
    strset_finish(&disturbed->entries);
    strset_finish(&disturbed->folders);
    strset_finish(&disturbed->stems);
}

/* Did RUN itself make CHANGE? It says that it wrote there; but others may have, too. One by hand is no
 * worker's. */
static bool is_own(const struct run *run, const struct disturbance *change)
{
    return strset_has(&run->wrote, change->path) && (run->manual || !change->others);
}

static void collect(const struct engine *engine, const struct run *run,
                    struct disturbed *disturbed)
{
    for (size_t i = 0; i < engine->disturbance_count; i++) {
        const struct disturbance *change = &engine->disturbances[i];
        if (change->number <= run->began || is_own(run, change))
            continue;
        strset_add(&disturbed->paths, change->path);
        if (!change->entry)
            continue;
        autofree char *folder = path_parent(change->path);
        autofree char *stem = path_stem(change->path);
        strset_add(&disturbed->entries, change->path);
        strset_add(&disturbed->folders, folder);
        strset_add(&disturbed->stems, stem);
        if (strncmp(path_base(change->path), "__init__.", strlen("__init__.")) == 0)
            strset_add(&disturbed->stems, folder);
    }
}

static bool below_any(const struct strset *entries, const char *path)
{
    if (strset_count(entries) == 0)
        return false;
    autofree char *prefix = xstrdup(path);
    for (char *slash = strrchr(prefix, '/'); slash != NULL && slash > prefix;
         slash = strrchr(prefix, '/')) {
        *slash = '\0';
        if (strset_has(entries, prefix))
            return true;
    }
    return false;
}

/* Did the path, as this look saw it, not stay as it was? */
static bool is_disturbed(const struct engine *engine, const struct run *run,
                         const struct disturbed *disturbed, const struct look *look)
{
    if (below_any(&disturbed->entries, look->path))
        return true;
    if (rewrites_untouched(engine, run, look))
        return false;
    switch (look->kind) {
    case EVIDENCE_LISTING:
        return strset_has(&disturbed->folders, look->path) ||
               strset_has(&disturbed->entries, look->path);
    case EVIDENCE_SEARCH:
        return strset_has(&disturbed->stems, look->path);
    case EVIDENCE_CODE:
    case EVIDENCE_CONTENT:
    case EVIDENCE_PRESENCE:
        return strset_has(&disturbed->paths, look->path);
    case EVIDENCE_EXISTENCE:
        return strset_has(&disturbed->entries, look->path);
    case EVIDENCE_ENVIRONMENT:
        break;
    }
    return false;
}

/* Does the identity that the child saw say that the path is another one now? */
static bool moved_on(const struct engine *engine, const struct look *look)
{
    if (!look->has_seen)
        return false;
    struct identity now = tree_identity(engine->tree, look->path);
    if (S_ISLNK(now.mode) && !S_ISLNK(look->seen.mode))
        return false; /* asked through a link: its target has a look of its own */
    if ((S_ISDIR(now.mode) && S_ISDIR(look->seen.mode)) ||
        look->kind == EVIDENCE_EXISTENCE)
        return now.mode != look->seen.mode;
    return !identity_equal(&now, &look->seen);
}

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

struct own_writes {
    struct strset paths, folders, stems;
};

static void add_write(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct own_writes *own = owner;
    autofree char *folder = path_parent(path);
    autofree char *stem = path_stem(path);
    strset_add(&own->paths, path);
    strset_add(&own->folders, folder);
    strset_add(&own->stems, stem);
}

static bool wrote_it_later(const struct own_writes *own, const struct look *look)
{
    if (look->kind == EVIDENCE_LISTING)
        return strset_has(&own->folders, look->path);
    if (look->kind == EVIDENCE_SEARCH)
        return strset_has(&own->stems, look->path);
    return strset_has(&own->paths, look->path);
}

/* While the run was on, did names come and go in a folder that only now is in FOLLOWED, and of which
 * nobody told? Or anywhere, where not all is watched? Of files that it saw the child tells an identity;
 * of a folder, and of what was not there, the time stamp must say it. */
static bool moved_unseen(const struct engine *engine, const struct run *run,
                         const struct strset *followed, const struct own_writes *own,
                         const struct look *look)
{
    bool deaf = engine->degraded != NULL;
    if (look->kind != EVIDENCE_LISTING && look->kind != EVIDENCE_SEARCH) {
        if (!deaf || look->has_seen)
            return false;
        struct identity now = tree_identity(engine->tree, look->path);
        return now.mode != 0 && now.ctime_ns >= run->clock_ns;
    }
    autofree char *parent = path_parent(look->path);
    const char *folder = look->kind == EVIDENCE_LISTING ? look->path : parent;
    if ((!deaf && strset_get(followed, folder, 0) == 0) ||
        strset_has(&own->paths, folder) || strset_has(&own->folders, folder))
        return false;
    return tree_identity(engine->tree, folder).ctime_ns >= run->clock_ns;
}

/* What is held against what a run looked at, to say whether it can be believed. */
struct hearing {
    struct engine *engine;
    struct run *run;
    struct disturbed disturbed;
    struct own_writes own;
    struct strset followed;
    bool blind; /* nothing that it saw can be believed */
};

static void hearing_init(struct hearing *hearing, struct engine *engine, struct run *run)
{
    *hearing = (struct hearing){.engine = engine, .run = run};
    /* From before it is asked what is there now. */
    for (size_t i = 0; i < run->look_count; i++)
        check_follow(engine, &hearing->followed, run->looks[i].kind, run->looks[i].path);
    collect(engine, run, &hearing->disturbed);
    strset_each(&run->wrote, add_write, &hearing->own);
    /* A worker of other settings may end its run after one of the new settings is ready. */
    hearing->blind = run->blind || run->environment != run->package->environments;
}

static void hearing_finish(struct hearing *hearing)
{
    disturbed_finish(&hearing->disturbed);
    strset_finish(&hearing->followed);
    strset_finish(&hearing->own.paths);
    strset_finish(&hearing->own.folders);
    strset_finish(&hearing->own.stems);
}

static void judge_trigger(const struct hearing *hearing, struct index_evidence *item)
{
    autofree char *moved =
        triggers_match(hearing->engine, hearing->run->file, &hearing->disturbed.entries);
    item->unsure = hearing->blind || moved != NULL;
    item->holds = !item->unsure;
}

static void judge_environment(const struct hearing *hearing, const struct look *look,
                              struct index_evidence *item)
{
    item->detail = pick_environment(hearing->engine, look->path);
    item->holds = item->detail != NULL && !hearing->blind;
    item->unsure = !item->holds;
    if (item->detail == NULL)
        item->detail = "";
}

static void judge_path(const struct hearing *hearing, const struct look *look,
                       struct index_evidence *item)
{
    struct engine *engine = hearing->engine;
    const struct run *run = hearing->run;
    item->is_volatile = wrote_it_later(&hearing->own, look);
    item->unsure = hearing->blind ||
                   is_disturbed(engine, run, &hearing->disturbed, look) ||
                   (!item->is_volatile &&
                    (moved_on(engine, look) ||
                     moved_unseen(engine, run, &hearing->followed, &hearing->own, look)));
    pick_heed(engine, look->kind, look->path);
    item->state = tree_state(engine->tree, look->kind, look->path);
    item->holds = !item->unsure;
    if (look->kind == EVIDENCE_CONTENT || look->kind == EVIDENCE_CODE)
        pick_shared(engine, look->path);
    if (look->kind != EVIDENCE_CODE || look->detail[0] == '\0')
        return;
    if (item->is_volatile)
        item->detail = ""; /* what it becomes later has other blocks */
    else if (!item->unsure)
        blocks_want(engine, look->path, &item->state);
}

static struct index_evidence judge(const struct hearing *hearing, const struct look *look)
{
    struct index_evidence item = {
        .kind = look->kind, .path = look->path, .detail = look->detail};
    if (triggers_file(look->kind, look->path) != NULL)
        judge_trigger(hearing, &item);
    else if (look->kind == EVIDENCE_ENVIRONMENT)
        judge_environment(hearing, look, &item);
    else
        judge_path(hearing, look, &item);
    return item;
}

static struct index_evidence circumstance(const char *name, const char *value, bool holds)
{
    return (struct index_evidence){
        .kind = EVIDENCE_ENVIRONMENT, .path = name, .detail = value, .holds = holds};
}

static void add_circumstances(struct engine *engine, const struct run *run,
                              struct evidence_list *list)
{
    const struct package *package = run->package;
    for (size_t i = 0; i < package->environment_count; i++)
        list->items[list->count++] = circumstance(package->environment[i].name,
                                                  package->environment[i].value, true);
    list->items[list->count++] = circumstance(
        run->inside, run->inside_value,
        strcmp(pick_environment(engine, run->inside), run->inside_value) == 0);
    if (run->company != NULL)
        list->items[list->count++] = circumstance(
            run->company, run->companions,
            strcmp(pick_environment(engine, run->company), run->companions) == 0);
}

static struct evidence_list evidence_of(struct engine *engine, struct run *run)
{
    struct hearing hearing;
    hearing_init(&hearing, engine, run);
    struct evidence_list list = {0};
    list.items = xcalloc(run->look_count + run->package->environment_count + 2,
                         sizeof *list.items);
    tree_hold(engine->tree);
    for (size_t i = 0; i < run->look_count; i++)
        list.items[list.count++] = judge(&hearing, &run->looks[i]);
    tree_release(engine->tree);
    add_circumstances(engine, run, &list);
    rewrites_doubt(engine, run, list.items, list.count);
    for (size_t i = 0; i < list.count && run->disturbed == NULL && !hearing.blind; i++)
        if (list.items[i].unsure)
            run->disturbed = list.items[i].path;
    hearing_finish(&hearing);
    return list;
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
    struct evidence_list list = evidence_of(engine, run);
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
        collect(engine, run, &rebasing.disturbed);
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
