#include "daemon/index/merge.h"

#include "daemon/base/xalloc.h"
#include "daemon/index/inside.h"

#include <errno.h>
#include <string.h>

struct pair {
    int64_t fact;
    int64_t is_volatile;
};

struct merging {
    struct db *from, *to;
    struct index_merged merged;
    int64_t recorded; /* the highest in TO */
    int64_t file;     /* in TO */
    bool unknown;     /* TO knows no run of it */
    int64_t verdict;  /* the last that was added */
    bool unsure;      /* a fact of the present one is */
    struct pair *pairs;
    size_t count, capacity;
};

/* A statement of FROM, stepped with VISIT for each row until that fails. */
static int each_row(struct merging *merging, enum statement which, int64_t id,
                    int (*visit)(struct merging *merging, sqlite3_stmt *row))
{
    struct db *from = merging->from;
    sqlite3_stmt *ask = sqlite3_bind_parameter_count(from->statements[which]) > 0
                            ? db_ask(from, which, as_number(id))
                            : db_ask_all(from, which);
    int r = 0;
    while ((r = db_step(from, ask)) > 0) {
        int error = visit(merging, ask);
        if (error < 0) {
            db_end(ask);
            return error;
        }
    }
    return r;
}

static bool is_below(sqlite3_stmt *row, int column, int64_t limit)
{
    int64_t number = sqlite3_column_int64(row, column);
    return number >= 0 && number < limit;
}

/* Milliseconds, and COUNTS counts behind them. */
static bool is_measure(sqlite3_stmt *row, int column, int counts)
{
    static const double longest = 1e12;
    double ms = sqlite3_column_double(row, column);
    bool sound = ms >= 0 && ms <= longest;
    for (int i = 1; i <= counts; i++)
        sound = sound && is_below(row, column + i, INT32_MAX);
    return sound;
}

/* ---- one verdict ---- */

/* What is about one machine alone stays behind. */
static void take_portable(char *detail)
{
    char *here = strstr(detail, INDEX_HERE);
    if (here != NULL)
        *here = '\0';
}

static int take_fact(struct merging *merging, sqlite3_stmt *row)
{
    if (!is_below(row, 1, EVIDENCE_EXISTENCE + 1))
        return -EBADMSG;
    autofree char *detail = xstrdup(db_string(row, 3));
    struct index_evidence evidence = {
        .kind = (enum evidence_kind)sqlite3_column_int(row, 1),
        .path = db_string(row, 2),
        .detail = detail,
        .state = db_digest(row, 4),
        .unsure = sqlite3_column_int(row, 5) != 0,
    };
    if (evidence.kind == EVIDENCE_ENVIRONMENT)
        take_portable(detail);
    merging->pairs =
        xgrow(merging->pairs, merging->count, &merging->capacity, sizeof *merging->pairs);
    struct pair *pair = &merging->pairs[merging->count];
    pair->is_volatile = sqlite3_column_int(row, 6) != 0;
    int r = fact_store(merging->to, &evidence, &pair->fact);
    merging->count += r == 0;
    merging->unsure |= evidence.unsure;
    return r;
}

static int by_fact(const void *a, const void *b)
{
    const struct pair *left = a;
    const struct pair *right = b;
    return (left->fact > right->fact) - (left->fact < right->fact);
}

/* Without what was about one machine, two facts can be one. */
static struct digest join_facts(struct merging *merging)
{
    struct digest fingerprint = {{0}};
    struct pair *pairs = merging->pairs;
    size_t kept = 0;
    if (merging->count > 0)
        qsort(pairs, merging->count, sizeof *pairs, by_fact);
    for (size_t i = 0; i < merging->count; i++) {
        if (kept > 0 && pairs[kept - 1].fact == pairs[i].fact) {
            pairs[kept - 1].is_volatile |= pairs[i].is_volatile;
            continue;
        }
        pairs[kept++] = pairs[i];
        fingerprint_add(&fingerprint, pairs[i].fact);
    }
    merging->count = kept;
    return fingerprint;
}

static int same_outcomes(struct merging *merging, int64_t theirs, int64_t ours)
{
    sqlite3_stmt *left = db_ask(merging->from, OUTCOMES_OF, as_number(theirs));
    sqlite3_stmt *right = db_ask(merging->to, OUTCOMES_OF, as_number(ours));
    int a = 0;
    int b = 0;
    bool same = true;
    do {
        a = db_step(merging->from, left);
        b = db_step(merging->to, right);
        same = a > 0 && b > 0
                   ? strcmp(db_string(left, 0), db_string(right, 0)) == 0 &&
                         sqlite3_column_int64(left, 1) == sqlite3_column_int64(right, 1)
                   : a == b;
    } while (same && a > 0);
    db_end(left);
    db_end(right);
    return a < 0 ? a : b < 0 ? b : same;
}

static int take_result(struct merging *merging, sqlite3_stmt *row)
{
    if (!is_below(row, 1, OUTCOME_SKIPPED + 1) || !is_measure(row, 2, 0))
        return -EBADMSG;
    return db_run(merging->to, ADD_RESULT, as_number(merging->verdict),
                  as_text(db_string(row, 0)), as_number(sqlite3_column_int64(row, 1)),
                  as_real(sqlite3_column_double(row, 2)),
                  as_text(db_string_or_null(row, 3)), as_text(db_string_or_null(row, 4)));
}

static int add_verdict(struct merging *merging, sqlite3_stmt *row,
                       const struct digest *fingerprint)
{
    int r = db_number(
        merging->to, ADD_VERDICT, &merging->verdict, as_number(merging->file),
        as_number(++merging->recorded), as_digest(fingerprint),
        as_number(sqlite3_column_int64(row, 1)), as_real(sqlite3_column_double(row, 2)),
        as_number(sqlite3_column_int64(row, 3)), as_number(sqlite3_column_int64(row, 4)),
        as_number(sqlite3_column_int64(row, 5)), as_number(sqlite3_column_int64(row, 6)),
        as_number(sqlite3_column_int64(row, 8)));
    if (r == 0 && sqlite3_column_int(row, 7) != 0)
        r = db_run(merging->to, SET_FLAKY, as_number(merging->verdict));
    for (size_t i = 0; r == 0 && i < merging->count; i++)
        r = db_run(merging->to, ADD_EVIDENCE, as_number(merging->verdict),
                   as_number(merging->pairs[i].fact),
                   as_number(merging->pairs[i].is_volatile));
    if (r == 0)
        r = each_row(merging, RESULTS_OF, sqlite3_column_int64(row, 0), take_result);
    merging->merged.verdicts += r == 0;
    return r;
}

/* The same evidence twice: one of them is enough, unless they show that the outcome is left to chance. */
static int take_verdict(struct merging *merging, sqlite3_stmt *row)
{
    int64_t theirs = sqlite3_column_int64(row, 0);
    int64_t ours = 0;
    if (!is_measure(row, 2, 4))
        return -EBADMSG;
    merging->count = 0;
    merging->unsure = false;
    int r = each_row(merging, EVIDENCE_OF, theirs, take_fact);
    if (r < 0)
        return r;
    struct digest fingerprint = join_facts(merging);
    r = db_number(merging->to, SAME_VERDICT, &ours, as_number(merging->file),
                  as_digest(&fingerprint));
    if (r == -ENOENT)
        return add_verdict(merging, row, &fingerprint);
    if (r == 0)
        r = merging->unsure ? 1 : same_outcomes(merging, theirs, ours);
    return r == 0 ? db_run(merging->to, SET_FLAKY, as_number(ours)) : r < 0 ? r : 0;
}

/* ---- one test file ---- */

/* The last recorded verdict is the one that ran last, wherever that was. */
static int order_verdicts(struct merging *merging)
{
    struct db *to = merging->to;
    int64_t *ids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    sqlite3_stmt *ask = db_ask(to, VERDICTS_BY_TIME, as_number(merging->file));
    int r = 0;
    while ((r = db_step(to, ask)) > 0) {
        ids = xgrow(ids, count, &capacity, sizeof *ids);
        ids[count++] = sqlite3_column_int64(ask, 0);
    }
    for (size_t i = 0; r == 0 && i < count; i++)
        r = db_run(to, SET_RECORDED, as_number(ids[i]), as_number(++merging->recorded));
    free(ids);
    return r == 0 ? db_run(to, REMOVE_OLD_VERDICTS, as_number(merging->file),
                           as_number(INDEX_VERDICTS))
                  : r;
}

static int take_run(struct merging *merging, sqlite3_stmt *row)
{
    if (!is_below(row, 6, REASON_NEVER_RUN + 1) || !is_measure(row, 1, 4))
        return -EBADMSG;
    return db_run(
        merging->to, ADD_HISTORY, as_number(merging->file),
        as_number(sqlite3_column_int64(row, 0)), as_real(sqlite3_column_double(row, 1)),
        as_number(sqlite3_column_int64(row, 2)), as_number(sqlite3_column_int64(row, 3)),
        as_number(sqlite3_column_int64(row, 4)), as_number(sqlite3_column_int64(row, 5)),
        as_number(sqlite3_column_int64(row, 6)), as_bytes(db_string_or_null(row, 7)),
        as_bytes(db_string_or_null(row, 8)));
}

static int take_tested(struct merging *merging, sqlite3_stmt *row)
{
    struct digest state = db_digest(row, 1);
    return db_run(
        merging->to, ADD_TESTED, as_number(merging->file), as_bytes(db_string(row, 0)),
        as_digest(&state),
        as_data(sqlite3_column_blob(row, 2) != NULL ? sqlite3_column_blob(row, 2) : "",
                (size_t)sqlite3_column_bytes(row, 2)));
}

static int find_file(struct merging *merging, sqlite3_stmt *row)
{
    const char *path = db_string(row, 1);
    sqlite3_stmt *ask = db_ask(merging->to, FIND_FILE, as_bytes(path));
    int r = db_step(merging->to, ask);
    merging->unknown = true;
    if (r > 0) {
        merging->file = sqlite3_column_int64(ask, 0);
        merging->unknown = sqlite3_column_int64(ask, 1) == 0;
        db_end(ask);
        return 0;
    }
    return r < 0 ? r
                 : db_number(merging->to, ADD_FILE, &merging->file, as_bytes(path),
                             as_number(sqlite3_column_int64(row, 2)));
}

static int take_file(struct merging *merging, sqlite3_stmt *row)
{
    int64_t before = merging->merged.verdicts;
    int64_t theirs = sqlite3_column_int64(row, 0);
    int r = find_file(merging, row);
    if (r == 0)
        r = each_row(merging, VERDICTS_OF_FILE, theirs, take_verdict);
    merging->merged.files += merging->merged.verdicts != before;
    if (r == 0 && merging->merged.verdicts != before)
        r = order_verdicts(merging);
    if (r < 0 || !merging->unknown)
        return r;
    r = each_row(merging, HISTORY_OF, theirs, take_run);
    if (r == 0)
        r = each_row(merging, TESTED_OF, theirs, take_tested);
    if (r == 0)
        r = db_run(merging->to, TAKE_RUNS, as_number(merging->file),
                   as_number(sqlite3_column_int64(row, 3)),
                   as_number(sqlite3_column_int64(row, 4)));
    return r;
}

/* ---- what sources are made of ---- */

static int take_source(struct merging *merging, sqlite3_stmt *row)
{
    struct digest state = db_digest(row, 0);
    const void *blocks = sqlite3_column_blob(row, 2);
    return db_run(
        merging->to, SET_BLOCKS, as_digest(&state),
        as_number(sqlite3_column_int64(row, 1)),
        as_data(blocks != NULL ? blocks : "", (size_t)sqlite3_column_bytes(row, 2)));
}

static int maker_of(struct db *db, char **ret)
{
    sqlite3_stmt *ask = db_ask(db, GET_MAKER, as_number(1));
    int r = db_step(db, ask);
    *ret = r > 0 ? xstrdup(db_string(ask, 0)) : NULL;
    db_end(ask);
    return r < 0 ? r : 0;
}

/* Blocks mean something to one version of Python only. */
static int take_sources(struct merging *merging)
{
    autofree char *theirs = NULL;
    autofree char *ours = NULL;
    int r = maker_of(merging->from, &theirs);
    if (r == 0)
        r = maker_of(merging->to, &ours);
    if (r < 0 || theirs == NULL || (ours != NULL && strcmp(theirs, ours) != 0))
        return r;
    if (ours == NULL)
        r = db_run(merging->to, SET_MAKER, as_text(theirs));
    return r == 0 ? each_row(merging, EACH_SOURCE, 0, take_source) : r;
}

/* ---- all ---- */

int merge(struct db *from, struct db *to, struct index_merged *ret)
{
    struct merging merging = {.from = from, .to = to};
    int r = db_number_values(to, LAST_RECORDED, NULL, 0, &merging.recorded);
    if (r == 0)
        r = take_sources(&merging);
    if (r == 0)
        r = each_row(&merging, EACH_FILE, 0, take_file);
    free(merging.pairs);
    if (r == 0)
        *ret = merging.merged;
    return r;
}

static int take_number(struct merging *merging, sqlite3_stmt *row)
{
    return db_run(merging->to, SET_NUMBER, as_text(db_string(row, 0)),
                  as_number(sqlite3_column_int64(row, 1)));
}

int merge_numbers(struct db *from, struct db *to)
{
    struct merging merging = {.from = from, .to = to};
    return each_row(&merging, EACH_NUMBER, 0, take_number);
}
