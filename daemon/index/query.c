#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <string.h>

/* The verdict that the file at PATH shows; 0, which no verdict has: none. */
static int64_t shown(const struct index *index, const char *path)
{
    const struct file *file = state_file(&index->state, path);
    return file != NULL && file->shown != NULL ? file->shown->id : 0;
}

void index_results(struct index *index, const char *file,
                   void (*visit)(void *owner, const struct index_result *result),
                   void *owner)
{
    struct db *db = &index->db;
    sqlite3_stmt *ask = db_ask(db, RESULTS_OF, as_number(shown(index, file)));
    while (db_step(db, ask) > 0) {
        struct index_result result = {
            .test = db_string(ask, 0),
            .outcome = (enum outcome)sqlite3_column_int(ask, 1),
            .duration_ms = sqlite3_column_double(ask, 2),
            .exception = db_string_or_null(ask, 3),
            .report = db_string_or_null(ask, 4),
        };
        visit(owner, &result);
    }
}

void index_each_tested(struct index *index, const char *path,
                       void (*visit)(void *owner, const struct index_tested *tested),
                       void *owner)
{
    const struct file *file = state_file(&index->state, path);
    if (file == NULL)
        return;
    struct db *db = &index->db;
    sqlite3_stmt *ask = db_ask(db, TESTED_OF, as_number(file->id));
    while (db_step(db, ask) > 0) {
        struct index_tested tested = {.path = db_string(ask, 0),
                                      .state = db_digest(ask, 1),
                                      .tests = sqlite3_column_blob(ask, 2),
                                      .size = (size_t)sqlite3_column_bytes(ask, 2)};
        visit(owner, &tested);
    }
}

typedef void visit_evidence(void *owner, const struct index_fact *fact, bool is_volatile);

static void each_evidence(struct index *index, const char *file, bool holding_too,
                          visit_evidence *visit, void *owner)
{
    struct db *db = &index->db;
    sqlite3_stmt *ask = db_ask(db, EVIDENCE_OF, as_number(shown(index, file)));
    while (db_step(db, ask) > 0) {
        struct index_fact fact = fact_read(index, ask);
        if (holding_too || !fact.holds)
            visit(owner, &fact, sqlite3_column_int(ask, 6) != 0);
    }
}

void index_evidence(struct index *index, const char *file, visit_evidence *visit,
                    void *owner)
{
    each_evidence(index, file, true, visit, owner);
}

void index_broken(struct index *index, const char *file, visit_evidence *visit,
                  void *owner)
{
    each_evidence(index, file, false, visit, owner);
}

/* ---- from a verdict back to its file ---- */

static int by_path(const void *a, const void *b)
{
    const struct file *left = *(const struct file *const *)a;
    const struct file *right = *(const struct file *const *)b;
    return strcmp(left->path, right->path);
}

/* Visits the files that show one of the verdicts in ASK's first column. */
static void each_showing(struct index *index, sqlite3_stmt *ask,
                         void (*visit)(void *owner, const char *file), void *owner)
{
    autofree const struct file **files = NULL;
    size_t count = 0;
    size_t capacity = 0;
    while (db_step(&index->db, ask) > 0) {
        const struct verdict *verdict =
            state_verdict(&index->state, sqlite3_column_int64(ask, 0));
        if (verdict == NULL || verdict->file->shown != verdict)
            continue;
        files = xgrow(files, count, &capacity, sizeof *files);
        files[count++] = verdict->file;
    }
    if (count == 0)
        return;
    qsort(files, count, sizeof *files, by_path);
    for (size_t i = 0; i < count; i++)
        visit(owner, files[i]->path);
}

void index_affected(struct index *index, const char *path,
                    void (*visit)(void *owner, const char *file), void *owner)
{
    each_showing(
        index,
        db_ask(&index->db, VERDICTS_AT, as_bytes(path), as_number(EVIDENCE_ENVIRONMENT)),
        visit, owner);
}

void index_raised(struct index *index, const char *exception,
                  void (*visit)(void *owner, const char *file), void *owner)
{
    each_showing(index, db_ask(&index->db, VERDICTS_RAISING, as_text(exception)), visit,
                 owner);
}

static char *copy(const char *string)
{
    return string != NULL ? xstrdup(string) : NULL;
}

bool index_why(struct index *index, const char *file, struct index_why *ret)
{
    struct db *db = &index->db;
    const struct file *known = state_file(&index->state, file);
    sqlite3_stmt *ask =
        db_ask(db, LAST_HISTORY, as_number(known != NULL ? known->id : 0));
    if (db_step(db, ask) <= 0)
        return false;
    free(index->why_path);
    free(index->why_detail);
    index->why_path = copy(db_string_or_null(ask, 1));
    index->why_detail = copy(db_string_or_null(ask, 2));
    *ret = (struct index_why){
        .reason = (enum reason)sqlite3_column_int(ask, 0),
        .path = index->why_path,
        .detail = index->why_detail,
        .started = sqlite3_column_int64(ask, 3),
    };
    db_end(ask);
    return true;
}
