/* What audits of verdicts found. */

#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>

int audits_load(struct index *index)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_AUDIT);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct file *file = state_file(&index->state, db_string(ask, 0));
        int64_t found = sqlite3_column_int64(ask, 3);
        if (file == NULL || found < AUDIT_AGREED || found > AUDIT_STALE) {
            db_end(ask);
            return -EBADMSG;
        }
        file->audit = (struct index_audit){
            .verdict = sqlite3_column_int64(ask, 1),
            .at = sqlite3_column_int64(ask, 2),
            .found = (enum audit_found)found,
            .agreed = sqlite3_column_int64(ask, 4),
            .flaky = sqlite3_column_int64(ask, 5),
            .stale = sqlite3_column_int64(ask, 6),
        };
    }
    return r;
}

int index_mark_flaky(struct index *index, const char *path)
{
    struct file *file = state_file(&index->state, path);
    if (file == NULL || file->shown == NULL)
        return -ENOENT;
    int r = 0;
    do
        r = db_run(&index->db, MARK_FLAKY, as_number(file->shown->id));
    while (index_flee(index, r));
    if (r == 0)
        file->shown->flaky = true;
    return r;
}

int index_set_audit(struct index *index, const char *path, int64_t at,
                    enum audit_found found, const char *words)
{
    struct file *file = state_file(&index->state, path);
    if (file == NULL || file->shown == NULL)
        return -ENOENT;
    struct index_audit audit = file->audit;
    audit.verdict = file->shown->id;
    audit.at = at;
    audit.found = found;
    audit.agreed += found == AUDIT_AGREED;
    audit.flaky += found == AUDIT_FLAKY;
    audit.stale += found == AUDIT_STALE;
    int r = 0;
    do
        r = db_run(&index->db, SET_AUDIT, as_number(file->id), as_number(audit.verdict),
                   as_number(at), as_number(found), as_number(audit.agreed),
                   as_number(audit.flaky), as_number(audit.stale), as_text(words));
    while (index_flee(index, r));
    if (r == 0)
        file->audit = audit;
    return r;
}

char *index_audit_words(struct index *index, const char *path)
{
    const struct file *file = state_file(&index->state, path);
    if (file == NULL)
        return NULL;
    char *words = NULL;
    sqlite3_stmt *ask = db_ask(&index->db, AUDIT_WORDS, as_number(file->id));
    if (db_step(&index->db, ask) > 0) {
        const char *stored = db_string_or_null(ask, 0);
        words = stored != NULL ? xstrdup(stored) : NULL;
        db_end(ask);
    }
    return words;
}

struct index_audit index_audits(const struct index *index)
{
    struct index_audit sum = {0};
    for (size_t i = 0; i < index->state.file_count; i++) {
        const struct index_audit *audit = &index->state.files[i]->audit;
        sum.agreed += audit->agreed;
        sum.flaky += audit->flaky;
        sum.stale += audit->stale;
        if (audit->at <= sum.at)
            continue;
        sum.at = audit->at;
        sum.verdict = audit->verdict;
        sum.found = audit->found;
    }
    return sum;
}
