/* Verdicts that are current, run again to see whether they are true: the promise, checked at the user's
 * own place.
 *
 * A run for an audit is a run like any other, in a fresh process, with the same evidence; it begins only
 * when nothing else is to be done, and makes room when something is. When it is over, the outcome of each
 * test (and the class of its exception) is held against the verdict that was current when it began. An
 * edit in between makes the audit count for nothing: then it was disturbed.
 *
 * What tells a flaky test from a stale verdict? One look at the evidence does not: a test that fails looks
 * at more than one that passes (it reads sources for its traceback), so other evidence proves nothing;
 * and a test that asks a server outside looks at the same things however the server answers, so equal
 * evidence proves nothing either. Repetition does:
 *
 *   flaky   Runs one after the other, with nothing changed between them, do not agree: it is the test.
 *           Or this verdict was called flaky before.
 *   stale   What a fact of the verdict says is not so any more, and no change was told: the verdict was
 *           shown as current and was not. Or: five fresh runs agree with each other, and not with the
 *           verdict. Then the world has moved for good, and the verdict did not rest on what has moved.
 *           What the fresh runs looked at, and it did not, is named: there the culprit may be. Where there
 *           is nothing of the kind, it is what no tracing sees: time, the network, another program's answer.
 *
 * So a test that fails by chance once in a while is called stale where its one failure was the verdict;
 * better that than the other way round. Where the repetition is cut short by an edit, evidence must do:
 * stale where the fresh run looked at more, flaky where it did not.
 *
 * From the first run that does not agree, its verdict is the one that is shown; all older ones of the
 * file go, as what they rest on may not be all. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

/* REPEATS after the run that did not agree. */
enum { REPEATS = 4, TRIES = 3 };

/* Of audits that nobody asked for: one file at a time, when this long no run has ended; and the machine
 * is looked at no more often. */
enum { REST_MS = 60000, LATER_MS = 300000 };
static const double BUSY_MOST = 25; /* percent */

/* A test file whose verdict is being audited. */
struct audit_case {
    UT_hash_handle hh;
    char *file;
    bool asked;                    /* somebody waits for it */
    bool runs;                     /* now */
    bool yielded;                  /* its run was cancelled to make room */
    int fruitless;                 /* runs that came to nothing */
    int64_t count;                 /* of runs that did not */
    struct audit_finding *finding; /* of the run that did not agree; NULL: all have */
};

/* Somebody waits for the audits of FILES. */
struct audit_request {
    uint64_t ticket;
    struct strset files;
    int64_t found[AUDIT_DISTURBED + 1];
};

struct audits {
    struct audit_case *cases;
    struct audit_request *requests;
    size_t request_count, request_capacity;
    bool starting; /* a run that begins just now is for an audit */
    bool idle;     /* also where nobody asks */
    int64_t idle_at;
};

void audit_open(struct engine *engine)
{
    engine->audits = xcalloc(1, sizeof *engine->audits);
    engine->audits->idle_at = INT64_MAX;
}

static void drop_case(struct audits *audits, struct audit_case *one)
{
    HASH_DEL(audits->cases, one);
    finding_free(one->finding);
    free(one->file);
    free(one);
}

void audit_close(struct engine *engine)
{
    struct audits *audits = engine->audits;
    struct audit_case *one = NULL;
    struct audit_case *next = NULL;
    HASH_ITER(hh, audits->cases, one, next)
    drop_case(audits, one);
    for (size_t i = 0; i < audits->request_count; i++)
        strset_finish(&audits->requests[i].files);
    free(audits->requests);
    free(audits);
}

static struct audit_case *find(const struct audits *audits, const char *file)
{
    struct audit_case *one = NULL;
    HASH_FIND_STR(audits->cases, file, one);
    return one;
}

static struct audit_case *find_or_add(struct audits *audits, const char *file)
{
    struct audit_case *one = find(audits, file);
    if (one != NULL)
        return one;
    one = xcalloc(1, sizeof *one);
    one->file = xstrdup(file);
    HASH_ADD_KEYPTR(hh, audits->cases, one->file, strlen(one->file), one);
    return one;
}

/* ---- what came of it ---- */

static void answer(struct engine *engine, struct audit_request *request)
{
    const int64_t *found = request->found;
    int64_t audited = found[AUDIT_AGREED] + found[AUDIT_FLAKY] + found[AUDIT_STALE];
    json_t *result = json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "audited", (json_int_t)audited, "agreed",
        (json_int_t)found[AUDIT_AGREED], "flaky", (json_int_t)found[AUDIT_FLAKY], "stale",
        (json_int_t)found[AUDIT_STALE], "disturbed", (json_int_t)found[AUDIT_DISTURBED]);
    if (request->ticket != 0)
        engine->ports.reply(engine->ports.owner, request->ticket, result);
    else
        json_decref(result);
    strset_finish(&request->files);
}

static void tell_requests(struct engine *engine, const char *file, enum audit_found found)
{
    struct audits *audits = engine->audits;
    for (size_t i = audits->request_count; i-- > 0;) {
        struct audit_request *request = &audits->requests[i];
        if (!strset_remove(&request->files, file))
            continue;
        request->found[found]++;
        if (strset_count(&request->files) > 0)
            continue;
        answer(engine, request);
        *request = audits->requests[--audits->request_count];
    }
}

static void publish(struct engine *engine, const struct audit_case *one,
                    enum audit_found found, const char *words)
{
    const struct audit_finding none = {0};
    const struct audit_finding *finding = one->finding != NULL ? one->finding : &none;
    json_t *record = audit_encode(
        &(struct audit_record){.file = one->file,
                               .package = package_shown(package_of(engine, one->file)),
                               .found = found,
                               .detail = words,
                               .runs = one->count,
                               .tests = finding->tests,
                               .only_now = finding->only_now,
                               .only_before = finding->only_before,
                               .moved = finding->moved,
                               .more = finding->more});
    engine->ports.publish(engine->ports.owner, TOPIC_AUDIT, record);
}

/* The audit of ONE is over. */
static void conclude(struct engine *engine, struct audit_case *one,
                     enum audit_found found, const char *words)
{
    int error = 0;
    if (found == AUDIT_FLAKY)
        error = index_mark_flaky(engine->index, one->file);
    if (error == 0 && found != AUDIT_DISTURBED)
        error = index_set_audit(engine->index, one->file,
                                engine->ports.wall(engine->ports.owner), found, words);
    if (error < 0)
        log_error("cannot store the audit of %s: %s", one->file, strerror(-error));
    if (found == AUDIT_FLAKY || found == AUDIT_STALE)
        log_warning("audit: %s is %s: %s", one->file, audit_names[found], words);
    publish(engine, one, found, words);
    struct index_file file;
    if (found != AUDIT_DISTURBED && index_file(engine->index, one->file, &file))
        news_of_file(engine, &file);
    tell_requests(engine, one->file, found);
    drop_case(engine->audits, one);
}

static void conclude_stale(struct engine *engine, struct audit_case *one)
{
    const struct audit_finding *finding = one->finding;
    autofree char *agree =
        one->count == 1
            ? xstrdup("a fresh run does not agree with the verdict")
            : xasprintf("%lld fresh runs agree with each other, and not with the verdict",
                        (long long)one->count);
    autofree char *why =
        finding->first_moved != NULL
            ? xasprintf("%s has changed, and nobody told", finding->first_moved)
        : finding->more_now
            ? xasprintf("they looked at %s, which no evidence held", finding->first_now)
            : xstrdup("they looked at nothing that is not in its evidence: it rests on "
                      "what no tracing sees, such as time or another program's answer");
    autofree char *words = xasprintf("%s; %s", agree, why);
    conclude(engine, one, AUDIT_STALE, words);
}

static void conclude_flaky(struct engine *engine, struct audit_case *one)
{
    autofree char *words =
        one->count == 1
            ? xstrdup("a fresh run does not agree with the verdict; it may be flaky")
            : xasprintf("of %lld fresh runs, with nothing changed between them, not all "
                        "ended alike",
                        (long long)one->count);
    conclude(engine, one, AUDIT_FLAKY,
             one->finding->known_flaky ? "it was known to be flaky" : words);
}

/* No more runs will tell. */
static void give_up(struct engine *engine, struct audit_case *one, const char *words)
{
    if (one->finding == NULL)
        conclude(engine, one, AUDIT_DISTURBED, words);
    else if (one->finding->more_now)
        conclude_stale(engine, one);
    else
        conclude_flaky(engine, one);
}

static void judge(struct engine *engine, struct audit_case *one, struct run *run)
{
    const struct audit_finding *finding = run->finding;
    if (finding->disturbed) {
        give_up(engine, one, "something changed while it ran");
        return;
    }
    one->count++;
    if (one->finding != NULL) {
        if (finding->differs)
            conclude_flaky(engine, one);
        else if (one->count > REPEATS)
            conclude_stale(engine, one);
        return;
    }
    if (!finding->differs) {
        if (finding->first_moved != NULL)
            log_warning("audit: %s has changed, and nobody told; %s ends as before",
                        finding->first_moved, run->file);
        conclude(engine, one, AUDIT_AGREED, "a fresh run agrees");
        return;
    }
    one->finding = run->finding;
    run->finding = NULL;
    finding_compare(engine, run->file, one->finding);
    if (one->finding->first_moved != NULL)
        conclude_stale(engine, one);
    else if (one->finding->known_flaky)
        conclude_flaky(engine, one);
}

void audit_run_begins(struct engine *engine, struct run *run)
{
    struct index_file file;
    if (!engine->audits->starting || !index_file(engine->index, run->file, &file) ||
        !file.current)
        return;
    run->audits = file.verdict;
    find_or_add(engine->audits, run->file)->runs = true;
}

void audit_run_ends(struct engine *engine, struct run *run, bool recorded, int64_t now)
{
    struct audits *audits = engine->audits;
    if (audits->idle)
        audits->idle_at = now + REST_MS;
    struct audit_case *one = run->audits != 0 ? find(audits, run->file) : NULL;
    if (one == NULL)
        return;
    bool yielded = one->yielded;
    one->runs = one->yielded = false;
    if (recorded && run->finding != NULL)
        judge(engine, one, run);
    else if (yielded && !one->asked && one->finding == NULL)
        drop_case(audits,
                  one); /* the machine no longer rests; it is chosen again when it does */
    else if (!yielded && ++one->fruitless >= TRIES)
        give_up(engine, one, "its runs came to nothing");
}

/* ---- when ---- */

static bool may_start(const struct engine *engine)
{
    if (engine->paused || engine->root_gone || engine->focus != NULL ||
        engine->waiter_count > 0 || !packages_sorted(engine) ||
        !settle_empty(&engine->settle))
        return false;
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (run->audits == 0 && !run->manual)
            return false;
    return engine->halted || engine_wants_nothing(engine, NULL);
}

/* What the user waits for goes first, also where an audit has the only place. */
static void yield(struct engine *engine)
{
    bool wanted =
        sched_count_waiting(engine->sched) > 0 && !engine->paused && !engine->halted;
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next) {
        struct audit_case *one =
            run->audits != 0 && !run->ended ? find(engine->audits, run->file) : NULL;
        bool goes = one != NULL && !run->discard &&
                    (wanted || (engine->waiter_count > 0 && !one->asked));
        if (!goes)
            continue;
        run->discard = true;
        one->yielded = true;
        engine->ports.cancel(engine->ports.owner, run->process);
    }
}

/* First what is half found out. */
static struct audit_case *next_case(const struct audits *audits)
{
    struct audit_case *found = NULL;
    for (struct audit_case *one = audits->cases; one != NULL; one = one->hh.next)
        if (!one->runs && (found == NULL || (found->finding == NULL && one->finding)))
            found = one;
    return found;
}

void audit_turn(struct engine *engine, int64_t now)
{
    struct audits *audits = engine->audits;
    if (audits->cases == NULL)
        return;
    yield(engine);
    struct audit_case *one = NULL;
    while (may_start(engine) && (one = next_case(audits)) != NULL) {
        struct index_file file;
        if (!index_file(engine->index, one->file, &file) || !file.current) {
            give_up(engine, one, "its verdict is not current");
            continue;
        }
        if (package_of(engine, one->file)->error != NULL) {
            give_up(engine, one, "its tests cannot be run");
            continue;
        }
        audits->starting = true;
        bool started = run_start_audit(engine, one->file, now);
        audits->starting = false;
        if (!started)
            return;
    }
}

static void add_awaited(void *owner, const char *file, int64_t value)
{
    (void)value;
    strset_add(owner, file);
}

static void add_idle(void *owner, const char *file, int64_t value)
{
    (void)value;
    find_or_add(owner, file);
}

static void add_asked(void *owner, const char *file, int64_t value)
{
    (void)value;
    find_or_add(owner, file)->asked = true;
}

void audit_want(struct engine *engine, uint64_t ticket, const struct strset *files)
{
    struct audits *audits = engine->audits;
    audits->requests = xgrow(audits->requests, audits->request_count,
                             &audits->request_capacity, sizeof *audits->requests);
    struct audit_request *request = &audits->requests[audits->request_count];
    *request = (struct audit_request){.ticket = ticket};
    if (strset_count(files) == 0) {
        answer(engine, request);
        return;
    }
    audits->request_count++;
    strset_each(files, add_asked, audits);
    strset_each(files, add_awaited, &request->files);
    /* What workers hold warm could be what is wrong. */
    engine->ports.refresh(engine->ports.owner);
}

/* ---- by and by ---- */

void engine_audits(struct engine *engine, bool idle, int64_t now)
{
    struct audits *audits = engine->audits;
    if (audits->idle == idle)
        return;
    audits->idle = idle;
    audits->idle_at = idle ? now + REST_MS : INT64_MAX;
}

int64_t audit_deadline(const struct engine *engine)
{
    return engine->audits->idle_at;
}

static bool machine_rests(const struct engine *engine)
{
    struct engine_machine machine = engine->ports.machine(engine->ports.owner);
    bool rests = machine.mains && machine.busy <= BUSY_MOST;
    if (!rests)
        log_debug("nothing is audited: the machine is busy for %.0f %% of the time%s",
                  machine.busy, machine.mains ? "" : ", and on a battery");
    return rests;
}

void audit_tick(struct engine *engine, int64_t now)
{
    struct audits *audits = engine->audits;
    if (now < audits->idle_at)
        return;
    struct strset chosen = audit_choose(engine, 1, true);
    if (strset_count(&chosen) == 0 && packages_sorted(engine)) {
        audits->idle_at = INT64_MAX; /* until a run has left a verdict */
        return;
    }
    bool may = audits->cases == NULL && may_start(engine);
    audits->idle_at = now + (may ? LATER_MS : REST_MS);
    if (may && machine_rests(engine))
        strset_each(&chosen, add_idle, audits);
    strset_finish(&chosen);
}
