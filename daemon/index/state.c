#include "daemon/index/state.h"

#include "daemon/base/xalloc.h"

#include <assert.h>
#include <string.h>

void state_finish(struct state *state)
{
    while (state->file_count > 0)
        state_remove_file(state, state->files[state->file_count - 1]);
    free(state->files);
    free(state->touched);
    free(state->marks);
    *state = (struct state){0};
}

/* ---- facts ---- */

enum mark state_mark(const struct state *state, int64_t fact)
{
    if (fact < 0 || (uint64_t)fact >= state->mark_count)
        return MARK_NONE;
    return (enum mark)state->marks[fact];
}

void state_set_mark(struct state *state, int64_t fact, enum mark mark)
{
    assert(fact >= 0);
    size_t at = (size_t)fact;
    if (at >= state->mark_count) {
        size_t count = at + at / 2 + 64;
        state->marks = xrealloc(state->marks, count);
        memset(state->marks + state->mark_count, MARK_NONE, count - state->mark_count);
        state->mark_count = count;
    }
    state->unknown -= state->marks[at] == MARK_UNKNOWN;
    state->unknown += mark == MARK_UNKNOWN;
    state->marks[at] = (uint8_t)mark;
}

void state_count_broken(struct state *state, int64_t id, int64_t by)
{
    struct verdict *verdict = state_verdict(state, id);
    if (verdict == NULL)
        return;
    bool whole = verdict->broken == 0;
    verdict->broken += by;
    assert(verdict->broken >= 0);
    if (whole != (verdict->broken == 0))
        state_reshow(state, verdict->file);
}

void state_trust(struct state *state, bool trusted)
{
    if (state->trusted == trusted)
        return;
    state->trusted = trusted;
    for (size_t i = 0; i < state->file_count; i++)
        state_reshow(state, state->files[i]);
}

/* ---- files ---- */

/* Where PATH is, or belongs. */
static size_t position(const struct state *state, const char *path, bool *ret_there)
{
    size_t low = 0;
    size_t high = state->file_count;
    *ret_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, state->files[middle]->path);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct file *state_file(const struct state *state, const char *path)
{
    bool there = false;
    size_t at = position(state, path, &there);
    return there ? state->files[at] : NULL;
}

struct file *state_add_file(struct state *state, const char *path, int64_t id,
                            int64_t size)
{
    bool there = false;
    size_t at = position(state, path, &there);
    assert(!there);
    state->files = xgrow(state->files, state->file_count, &state->file_capacity,
                         sizeof(struct file *));
    memmove(&state->files[at + 1], &state->files[at],
            (state->file_count - at) * sizeof *state->files);
    struct file *file = xcalloc(1, sizeof *file);
    file->id = id;
    file->path = xstrdup(path);
    file->size = size;
    state->files[at] = file;
    state->file_count++;
    return file;
}

static void untouch(struct state *state, const struct file *file)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->touched_count; i++)
        if (state->touched[i] != file)
            state->touched[kept++] = state->touched[i];
    state->touched_count = kept;
}

void state_remove_file(struct state *state, struct file *file)
{
    state_hide(state, file);
    while (file->verdict_count > 0)
        state_remove_verdict(state, file->verdicts[file->verdict_count - 1]);
    if (file->touched)
        untouch(state, file);
    bool there = false;
    size_t at = position(state, file->path, &there);
    assert(there);
    state->file_count--;
    memmove(&state->files[at], &state->files[at + 1],
            (state->file_count - at) * sizeof *state->files);
    free(file->path);
    free(file);
}

/* ---- verdicts ---- */

struct verdict *state_verdict(const struct state *state, int64_t id)
{
    struct verdict *verdict = NULL;
    HASH_FIND(hh, state->verdicts, &id, sizeof id, verdict);
    return verdict;
}

static void put_first(struct file *file, struct verdict *verdict)
{
    memmove(&file->verdicts[1], &file->verdicts[0],
            file->verdict_count * sizeof *file->verdicts);
    file->verdicts[0] = verdict;
    file->verdict_count++;
}

static void take_out(struct file *file, const struct verdict *verdict)
{
    size_t kept = 0;
    for (size_t i = 0; i < file->verdict_count; i++)
        if (file->verdicts[i] != verdict)
            file->verdicts[kept++] = file->verdicts[i];
    assert(kept + 1 == file->verdict_count);
    file->verdict_count = kept;
}

struct verdict *state_add_verdict(struct state *state, struct file *file, int64_t id)
{
    if (file->verdict_count == INDEX_VERDICTS)
        state_remove_verdict(state, file->verdicts[INDEX_VERDICTS - 1]);
    struct verdict *verdict = xcalloc(1, sizeof *verdict);
    verdict->id = id;
    verdict->file = file;
    HASH_ADD(hh, state->verdicts, id, sizeof verdict->id, verdict);
    put_first(file, verdict);
    return verdict;
}

void state_renew_verdict(struct verdict *verdict)
{
    take_out(verdict->file, verdict);
    put_first(verdict->file, verdict);
}

void state_remove_verdict(struct state *state, struct verdict *verdict)
{
    assert(verdict->file->shown != verdict);
    assert(state->verdicts != NULL); /* it is one of them */
    take_out(verdict->file, verdict);
    HASH_DEL(state->verdicts, verdict);
    free(verdict);
}

struct verdict *state_same_facts(const struct file *file,
                                 const struct digest *fingerprint,
                                 const struct verdict *but)
{
    for (size_t i = 0; i < file->verdict_count; i++)
        if (file->verdicts[i] != but &&
            digest_equal(&file->verdicts[i]->fingerprint, fingerprint))
            return file->verdicts[i];
    return NULL;
}

/* ---- what is shown ---- */

static void add_counts(struct counts *totals, const struct counts *counts, int64_t sign)
{
    totals->successes += sign * counts->successes;
    totals->failures += sign * counts->failures;
    totals->errors += sign * counts->errors;
    totals->skipped += sign * counts->skipped;
}

static void touch(struct state *state, struct file *file)
{
    if (file->touched)
        return;
    file->touched = true;
    state->touched = xgrow(state->touched, state->touched_count, &state->touched_capacity,
                           sizeof(struct file *));
    state->touched[state->touched_count++] = file;
}

void state_hide(struct state *state, struct file *file)
{
    if (file->shown != NULL)
        add_counts(&state->totals, &file->shown->counts, -1);
    file->shown = NULL;
    file->current = false;
}

/* What rests on something unseen speaks for the moment, and proves nothing for later. */
static bool is_proof(const struct file *file, const struct verdict *verdict)
{
    return !verdict->unseen || (verdict->fresh && verdict == file->verdicts[0]);
}

static struct verdict *newest_current(const struct state *state, const struct file *file)
{
    for (size_t i = 0; state->trusted && i < file->verdict_count; i++)
        if (file->verdicts[i]->broken == 0 && is_proof(file, file->verdicts[i]))
            return file->verdicts[i];
    return NULL;
}

void state_reshow(struct state *state, struct file *file)
{
    state_hide(state, file);
    file->shown = newest_current(state, file);
    file->current = file->shown != NULL;
    if (file->shown == NULL && file->verdict_count > 0)
        file->shown = file->verdicts[0];
    if (file->shown != NULL)
        add_counts(&state->totals, &file->shown->counts, 1);
    touch(state, file);
}

void state_describe(const struct file *file, struct index_file *ret)
{
    *ret = (struct index_file){
        .id = file->id,
        .path = file->path,
        .size = file->size,
        .runs = file->runs,
        .last_run = file->last_run,
        .current = file->current,
        .duration_ms = -1,
        .audit = file->audit,
        .last_ms = file->verdict_count > 0 ? file->verdicts[0]->duration_ms : -1,
    };
    if (file->shown == NULL)
        return;
    ret->verdict = file->shown->id;
    ret->from_cache = file->shown != file->verdicts[0];
    ret->flaky = file->shown->flaky;
    ret->unseen = file->shown->unseen;
    ret->duration_ms = file->shown->duration_ms;
    ret->counts = file->shown->counts;
}

void state_each_turned(struct state *state,
                       void (*visit)(void *owner, const struct index_file *file),
                       void *owner)
{
    for (size_t i = 0; i < state->touched_count; i++) {
        struct file *file = state->touched[i];
        int64_t verdict = file->shown != NULL ? file->shown->id : 0;
        bool turned =
            file->told_current != file->current || file->told_verdict != verdict;
        file->touched = false;
        file->told_current = file->current;
        file->told_verdict = verdict;
        if (!turned)
            continue;
        struct index_file described;
        state_describe(file, &described);
        visit(owner, &described);
    }
    state->touched_count = 0;
}
