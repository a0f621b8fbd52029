#include "daemon/index/inside.h"
#include "daemon/index/looks.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <string.h>

/* A run on its way into the index. Everything here is known before the commit; memory
 * is changed after it. */
struct recording {
    struct index *index;
    const struct index_run *run;
    struct file *file;
    struct looks looks;
    struct counts counts;
    struct verdict *again; /* the verdict with the same facts, or NULL */
    bool flaky;
    int64_t verdict;
};

/* ---- outcomes ---- */

static struct counts count_results(const struct index_run *run)
{
    struct counts counts = {0};
    for (size_t i = 0; i < run->result_count; i++) {
        switch (run->results[i].outcome) {
        case OUTCOME_SUCCESS:
            counts.successes++;
            break;
        case OUTCOME_FAILURE:
            counts.failures++;
            break;
        case OUTCOME_ERROR:
            counts.errors++;
            break;
        case OUTCOME_SKIPPED:
            counts.skipped++;
            break;
        }
    }
    return counts;
}

static int by_test(const void *a, const void *b)
{
    const struct index_result *left = *(const struct index_result *const *)a;
    const struct index_result *right = *(const struct index_result *const *)b;
    int order = strcmp(left->test, right->test);
    return order != 0
               ? order
               : (left->outcome > right->outcome) - (left->outcome < right->outcome);
}

/* Do the stored results of AGAIN differ from the run's? In whatever order the tests
 * ran. 1, 0 or -errno. */
static int outcomes_differ(struct recording *recording)
{
    const struct index_run *run = recording->run;
    autofree const struct index_result **sorted =
        xcalloc(run->result_count, sizeof *sorted);
    for (size_t i = 0; i < run->result_count; i++)
        sorted[i] = &run->results[i];
    qsort(sorted, run->result_count, sizeof *sorted, by_test);

    struct db *db = &recording->index->db;
    sqlite3_stmt *ask = db_ask(db, OUTCOMES_OF, as_number(recording->again->id));
    size_t i = 0;
    int r = 0;
    while ((r = db_step(db, ask)) > 0) {
        bool same = i < run->result_count &&
                    strcmp(db_string(ask, 0), sorted[i]->test) == 0 &&
                    sqlite3_column_int64(ask, 1) == (int64_t)sorted[i]->outcome;
        if (!same) {
            db_end(ask);
            return 1;
        }
        i++;
    }
    return r < 0 ? r : i != run->result_count;
}

/* ---- writing ---- */

/* The pairs stay, only what the run rewrote itself may be another part of them. */
static int write_volatile(struct recording *recording)
{
    struct db *db = &recording->index->db;
    int r = db_run(db, CLEAR_VOLATILE, as_number(recording->verdict));
    for (size_t i = 0; r == 0 && i < recording->looks.count; i++)
        if (recording->looks.items[i].is_volatile)
            r = db_run(db, SET_VOLATILE, as_number(recording->verdict),
                       as_number(recording->looks.items[i].fact));
    return r;
}

/* Rebasing can make two verdicts of a file rest on the same facts: one of them is
 * enough. */
static int remove_twins(struct recording *recording)
{
    const struct file *file = recording->file;
    int r = 0;
    for (size_t i = 0; r == 0 && i < file->verdict_count; i++) {
        const struct verdict *verdict = file->verdicts[i];
        if (verdict != recording->again &&
            digest_equal(&verdict->fingerprint, &recording->looks.fingerprint))
            r = db_run(&recording->index->db, REMOVE_VERDICT, as_number(verdict->id));
    }
    return r;
}

static int write_again(struct recording *recording)
{
    const struct index_run *run = recording->run;
    const struct counts *counts = &recording->counts;
    struct db *db = &recording->index->db;
    recording->verdict = recording->again->id;
    /* A fact that is not known proves nothing about the other ones. */
    int differ =
        recording->looks.unsure || run->disproves ? 0 : outcomes_differ(recording);
    if (differ < 0)
        return differ;
    recording->flaky = recording->again->flaky || differ;
    int r = db_run(db, RENEW_VERDICT, as_number(recording->verdict),
                   as_number(recording->index->recorded + 1), as_number(run->started),
                   as_real(run->duration_ms), as_number(counts->successes),
                   as_number(counts->failures), as_number(counts->errors),
                   as_number(counts->skipped), as_number(recording->flaky));
    if (r == 0)
        r = db_run(db, REMOVE_RESULTS, as_number(recording->verdict));
    if (r == 0)
        r = write_volatile(recording);
    return r == 0 ? remove_twins(recording) : r;
}

static int write_new(struct recording *recording)
{
    const struct index_run *run = recording->run;
    const struct counts *counts = &recording->counts;
    struct db *db = &recording->index->db;
    int r =
        db_number(db, ADD_VERDICT, &recording->verdict, as_number(recording->file->id),
                  as_number(recording->index->recorded + 1),
                  as_digest(&recording->looks.fingerprint), as_number(run->started),
                  as_real(run->duration_ms), as_number(counts->successes),
                  as_number(counts->failures), as_number(counts->errors),
                  as_number(counts->skipped), as_number(run->unseen));
    for (size_t i = 0; r == 0 && i < recording->looks.count; i++)
        r = db_run(db, ADD_EVIDENCE, as_number(recording->verdict),
                   as_number(recording->looks.items[i].fact),
                   as_number(recording->looks.items[i].is_volatile));
    if (r == 0)
        r = db_run(db, REMOVE_OLD_VERDICTS, as_number(recording->file->id),
                   as_number(INDEX_VERDICTS));
    return r;
}

static int write_results(struct recording *recording)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < recording->run->result_count; i++) {
        const struct index_result *result = &recording->run->results[i];
        r = db_run(&recording->index->db, ADD_RESULT, as_number(recording->verdict),
                   as_text(result->test), as_number(result->outcome),
                   as_real(result->duration_ms), as_text(result->exception),
                   as_text(result->report));
    }
    return r;
}

static int write_history(struct recording *recording)
{
    const struct index_run *run = recording->run;
    const struct counts *counts = &recording->counts;
    struct db *db = &recording->index->db;
    int r = db_run(db, ADD_HISTORY, as_number(recording->file->id),
                   as_number(run->started), as_real(run->duration_ms),
                   as_number(counts->successes), as_number(counts->failures),
                   as_number(counts->errors), as_number(counts->skipped),
                   as_number(run->reason), as_bytes(run->path), as_bytes(run->detail));
    if (r == 0)
        r = db_run(db, TRIM_HISTORY, as_number(recording->file->id),
                   as_number(recording->index->history));
    if (r == 0)
        r = db_run(db, SET_FILE_RUN, as_number(recording->file->id),
                   as_number(run->started));
    return r;
}

static int write_tested(struct recording *recording)
{
    const struct index_run *run = recording->run;
    struct db *db = &recording->index->db;
    if (run->tested_count == 0)
        return 0;
    int r = db_run(db, REMOVE_TESTED, as_number(recording->file->id));
    for (size_t i = 0; r == 0 && i < run->tested_count; i++)
        r = db_run(db, ADD_TESTED, as_number(recording->file->id),
                   as_bytes(run->tested[i].path), as_digest(&run->tested[i].state),
                   as_data(run->tested[i].tests, run->tested[i].size));
    return r;
}

static int write_all(struct recording *recording)
{
    int r = looks_gather(&recording->looks, recording->index, recording->run);
    if (r < 0)
        return r;
    recording->counts = count_results(recording->run);
    recording->again =
        state_same_facts(recording->file, &recording->looks.fingerprint, NULL);
    r = recording->again != NULL ? write_again(recording) : write_new(recording);
    if (r == 0 && recording->run->disproves)
        r = db_run(&recording->index->db, REMOVE_OTHER_VERDICTS,
                   as_number(recording->file->id), as_number(recording->verdict));
    if (r == 0)
        r = write_results(recording);
    if (r == 0)
        r = write_history(recording);
    if (r == 0)
        r = write_tested(recording);
    return r == 0 ? seen_write(recording->index) : r;
}

/* ---- memory follows ---- */

static struct verdict *keep_new(struct recording *recording)
{
    struct state *state = &recording->index->state;
    struct verdict *verdict =
        state_add_verdict(state, recording->file, recording->verdict);
    verdict->fingerprint = recording->looks.fingerprint;
    for (size_t i = 0; i < recording->looks.count; i++)
        verdict->broken +=
            mark_is_broken(state_mark(state, recording->looks.items[i].fact));
    return verdict;
}

static struct verdict *keep_again(struct recording *recording)
{
    struct verdict *verdict = recording->again;
    struct verdict *twin = NULL;
    while ((twin = state_same_facts(recording->file, &recording->looks.fingerprint,
                                    verdict)) != NULL)
        state_remove_verdict(&recording->index->state, twin);
    state_renew_verdict(verdict);
    return verdict;
}

static void keep(struct recording *recording)
{
    struct state *state = &recording->index->state;
    struct file *file = recording->file;
    recording->index->recorded++;
    seen_written(recording->index);
    looks_mark(&recording->looks, recording->index);

    state_hide(state, file); /* the counts of what is shown are about to change */
    struct verdict *verdict =
        recording->again != NULL ? keep_again(recording) : keep_new(recording);
    while (recording->run->disproves && file->verdict_count > 1)
        state_remove_verdict(state, file->verdicts[file->verdict_count - 1]);
    verdict->counts = recording->counts;
    verdict->duration_ms = recording->run->duration_ms;
    verdict->flaky = recording->flaky;
    verdict->unseen = recording->run->unseen;
    verdict->fresh = true;
    file->runs++;
    file->last_run = recording->run->started;
    state_reshow(state, file);
}

void index_keep_history(struct index *index, int64_t runs)
{
    index->history = runs;
}

static int try_record(struct index *index, const struct index_run *run)
{
    struct recording recording = {
        .index = index, .run = run, .file = state_file(&index->state, run->file)};
    if (recording.file == NULL)
        return -ENOENT;
    int r = db_begin_write(&index->db);
    if (r == 0)
        r = db_end_write(&index->db, write_all(&recording));
    if (r == 0)
        keep(&recording);
    looks_finish(&recording.looks);
    return r;
}

int index_record(struct index *index, const struct index_run *run)
{
    int r = 0;
    index_find_lost(index);
    do
        r = try_record(index, run);
    while (index_flee(index, r));
    return r;
}
