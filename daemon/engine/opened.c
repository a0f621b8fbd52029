/* What nobody told: while runs are on, the watcher tells each open of a watched file by anybody. An
 * open that no run's own account explains (a program that nobody can look into, a system call past
 * libc) becomes evidence of every run that was on: too much, never too little.
 *
 * What a run looked at is known when it is over. So an open waits until all runs are over that were
 * on when it happened; then either one of them explains it, or it is laid at the door of all. Time
 * is counted in spans: one ends whenever a run begins or ends.
 *
 * The folder of a repository is watched for git's locks alone. Where no test looks at it, git itself is who
 * opens what is there: only a run with a program in it that nobody can look into is taken for another. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <errno.h>
#include <string.h>

/* Somebody opened PATH in SPAN. NUMBER: of the last change told until then. */
struct opening {
    char *path;
    int64_t span, number;
};

/* A run that is over, while openings of its time are not explained yet. */
struct past {
    char *file;
    int64_t verdict, first, last;
};

struct openings {
    struct opening *items;
    size_t count, capacity;
    struct strset seen; /* "SPAN PATH" */
    struct past *past;
    size_t past_count, past_capacity;
    int64_t span;
    /* What the daemon and its workers open themselves, since the last cookie was asked for and before
     * it. When that one is back, the older ones have been told. An open by somebody else in between is
     * taken for ours, so a cookie is asked for as soon as there are any. */
    struct strset own, own_before;
    uint64_t cookie;
    bool listening;
    int64_t until; /* when to stop listening; INT64_MAX: runs are on, or nobody listens */
};

/* The next save is likely soon, and each folder costs a call. Who began a run by hand may be dead. */
enum { LINGER_MS = 10000, BY_HAND_MS = 3600000 };

void opened_open(struct engine *engine)
{
    engine->openings = xcalloc(1, sizeof *engine->openings);
    engine->openings->until = INT64_MAX;
}

static void drop_opening(struct openings *openings, size_t i)
{
    autofree char *key =
        xasprintf("%lld %s", (long long)openings->items[i].span, openings->items[i].path);
    strset_remove(&openings->seen, key);
    free(openings->items[i].path);
    openings->items[i] = openings->items[--openings->count];
}

void opened_close(struct engine *engine)
{
    struct openings *openings = engine->openings;
    while (openings->count > 0)
        drop_opening(openings, openings->count - 1);
    for (size_t i = 0; i < openings->past_count; i++)
        free(openings->past[i].file);
    free(openings->items);
    free(openings->past);
    strset_finish(&openings->seen);
    strset_finish(&openings->own);
    strset_finish(&openings->own_before);
    free(openings);
}

/* ---- our own ---- */

void opened_own(void *owner, const char *path)
{
    struct engine *engine = owner;
    struct openings *openings = engine->openings;
    if (openings->listening)
        strset_add(&openings->own, path);
}

void engine_opens_itself(struct engine *engine, const char *path)
{
    opened_own(engine, path);
}

void opened_cookie_asked(struct engine *engine, uint64_t cookie)
{
    struct openings *openings = engine->openings;
    if (strset_count(&openings->own_before) > 0 || strset_count(&openings->own) == 0 ||
        engine->reading) /* a worker is still to open them for us */
        return;
    openings->own_before = openings->own;
    openings->own = (struct strset){0};
    openings->cookie = cookie;
}

static void ask_cookie(struct engine *engine)
{
    const struct openings *openings = engine->openings;
    if (strset_count(&openings->own) == 0 || strset_count(&openings->own_before) > 0 ||
        engine->reading)
        return;
    engine->cookie++;
    opened_cookie_asked(engine, engine->cookie);
    engine->ports.sync(engine->ports.owner, engine->cookie);
}

void opened_cookie_back(struct engine *engine, uint64_t cookie)
{
    if (cookie >= engine->openings->cookie)
        strset_finish(&engine->openings->own_before);
}

/* ---- when to listen ---- */

void opened_run_begins(struct engine *engine, struct run *run)
{
    struct openings *openings = engine->openings;
    run->span = ++openings->span;
    openings->until = INT64_MAX;
    openings->listening = true;
    engine->ports.listen_opens(engine->ports.owner, true);
}

static bool some_on(const struct engine *engine)
{
    const struct run *run = engine->runs;
    while (run != NULL && run->manual)
        run = run->hh.next;
    return run != NULL;
}

int64_t opened_deadline(const struct engine *engine)
{
    return engine->openings->until;
}

void opened_tick(struct engine *engine, int64_t now)
{
    struct openings *openings = engine->openings;
    if (now < openings->until)
        return;
    openings->until = INT64_MAX;
    openings->listening = false;
    engine->ports.listen_opens(engine->ports.owner, false);
    strset_finish(&openings->own);
    strset_finish(&openings->own_before);
    struct run *run = NULL;
    struct run *next = NULL;
    HASH_ITER(hh, engine->runs, run, next)
    if (run->manual && !run->ended)
        run_forget(engine, run); /* from here on nobody knows what it opens */
}

/* ---- openings ---- */

void engine_opened(struct engine *engine, const char *path)
{
    struct openings *openings = engine->openings;
    /* Outside the root, and of installed packages, whole worlds are opened that are no evidence. */
    if (path[0] == '/' || strstr(path, "-packages/") != NULL)
        return;
    if (strset_has(&openings->own_before, path) || strset_has(&openings->own, path))
        return;
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (run->manual)
            strset_add(&run->opened, path);
    if (!some_on(engine))
        return;
    autofree char *key = xasprintf("%lld %s", (long long)openings->span, path);
    if (!strset_add(&openings->seen, key))
        return;
    openings->items = xgrow(openings->items, openings->count, &openings->capacity,
                            sizeof *openings->items);
    openings->items[openings->count++] = (struct opening){
        .path = xstrdup(path), .span = openings->span, .number = engine->number};
}

void engine_opens_lost(struct engine *engine, const char *why)
{
    log_info("%s: what nobody told of the runs that are on is not known", why);
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
        run_look(run, EVIDENCE_CONTENT, "", NULL, DETAIL_UNSEEN);
}

/* What RUN says it has read; with CODE, or imported. Who only asked whether a file is there has not
 * opened it. */
static struct strset accounted(const struct run *run, bool code)
{
    struct strset known = {0};
    for (size_t i = 0; i < run->look_count; i++)
        if (run->looks[i].kind == EVIDENCE_CONTENT ||
            (code && run->looks[i].kind == EVIDENCE_CODE))
            strset_add(&known, run->looks[i].path);
    return known;
}

static bool explains(const struct run *run, const struct strset *known,
                     const struct opening *opening)
{
    return strset_has(known, opening->path) || strset_has(&run->wrote, opening->path);
}

static void explain(struct openings *openings, const struct run *run)
{
    struct strset known = accounted(run, true);
    for (size_t i = openings->count; i-- > 0;)
        if (openings->items[i].span >= run->span &&
            explains(run, &known, &openings->items[i]))
            drop_opening(openings, i);
    strset_finish(&known);
}

static bool changed_since(const struct engine *engine, const struct opening *opening)
{
    for (size_t i = 0; i < engine->disturbance_count; i++)
        if (engine->disturbances[i].number > opening->number &&
            strcmp(engine->disturbances[i].path, opening->path) == 0)
            return true;
    return false;
}

static void add_to(struct engine *engine, const char *file, int64_t verdict,
                   const struct opening *opening)
{
    bool unsure = changed_since(engine, opening);
    struct index_evidence evidence = {
        .kind = EVIDENCE_CONTENT,
        .path = opening->path,
        .detail = DETAIL_OPENED,
        .state = tree_state(engine->tree, EVIDENCE_CONTENT, opening->path),
        .unsure = unsure,
        .holds = !unsure};
    log_debug("nobody told who opened %s while %s ran", opening->path, file);
    int error = index_add_evidence(engine->index, file, verdict, &evidence);
    if (error < 0)
        log_error("cannot store what %s rests on: %s", file, strerror(-error));
}

static void blame(struct engine *engine, const struct opening *opening)
{
    const struct openings *openings = engine->openings;
    if (git_keeps(engine, opening->path))
        return; /* somebody commits, or asks for the status */
    for (size_t i = 0; i < openings->past_count; i++) {
        const struct past *past = &openings->past[i];
        if (opening->span >= past->first && opening->span <= past->last)
            add_to(engine, past->file, past->verdict, opening);
    }
}

/* A run with something unseen in it may have opened what another run opened as well, or what it
 * imported itself: only what it read or wrote itself is explained. */
static void blame_unseen(struct engine *engine, const struct run *run, int64_t verdict)
{
    const struct openings *openings = engine->openings;
    struct strset known = accounted(run, false);
    for (size_t i = 0; i < openings->count; i++) {
        const struct opening *opening = &openings->items[i];
        if (opening->span >= run->span && !explains(run, &known, opening))
            add_to(engine, run->file, verdict, opening);
    }
    strset_finish(&known);
}

void opened_run_ends(struct engine *engine, const struct run *run, int64_t verdict)
{
    struct openings *openings = engine->openings;
    if (verdict != 0 && run_is_unseen(run))
        blame_unseen(engine, run, verdict);
    explain(openings, run);
    if (verdict != 0) {
        openings->past = xgrow(openings->past, openings->past_count,
                               &openings->past_capacity, sizeof *openings->past);
        openings->past[openings->past_count++] =
            (struct past){xstrdup(run->file), verdict, run->span, openings->span};
    }
    openings->span++;
    int64_t first = INT64_MAX; /* of the runs that are still on */
    for (const struct run *other = engine->runs; other != NULL; other = other->hh.next)
        if (other != run && !other->manual && other->span < first)
            first = other->span;
    for (size_t i = openings->count; i-- > 0;)
        if (openings->items[i].span < first) {
            blame(engine, &openings->items[i]);
            drop_opening(openings, i);
        }
    for (size_t i = openings->past_count; i-- > 0;)
        if (openings->past[i].last < first) {
            free(openings->past[i].file);
            openings->past[i] = openings->past[--openings->past_count];
        }
}

void opened_idle(struct engine *engine, int64_t now)
{
    struct openings *openings = engine->openings;
    ask_cookie(engine);
    if (!openings->listening || openings->until != INT64_MAX || some_on(engine))
        return;
    openings->until = now + LINGER_MS;
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (run->manual && run->started + BY_HAND_MS > openings->until)
            openings->until = run->started + BY_HAND_MS;
}

/* ---- runs by hand ---- */

struct by_hand {
    struct engine *engine;
    struct run *run;
    struct strset known;
};

static void add_unexplained(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct by_hand *by_hand = owner;
    bool gits = git_keeps(by_hand->engine, path) && !run_is_unseen(by_hand->run);
    if (!strset_has(&by_hand->known, path) && !gits)
        run_look(by_hand->run, EVIDENCE_CONTENT, path, NULL, DETAIL_OPENED);
}

void opened_by_hand_over(struct engine *engine, struct run *run)
{
    struct by_hand by_hand = {
        .engine = engine, .run = run, .known = accounted(run, true)};
    strset_each(&run->opened, add_unexplained, &by_hand);
    strset_finish(&by_hand.known);
    engine->openings->until = INT64_MAX;
}
