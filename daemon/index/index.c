#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>

/* More than ever fits: an id as large as this can only come from damage. */
static const int64_t FACT_LIMIT = INT64_C(1) << 30;

static int load_files(struct index *index)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_FILE);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct file *file =
            state_add_file(&index->state, db_string(ask, 1), sqlite3_column_int64(ask, 0),
                           sqlite3_column_int64(ask, 2));
        file->runs = sqlite3_column_int64(ask, 3);
        file->last_run = sqlite3_column_int64(ask, 4);
    }
    return r;
}

static int load_verdicts(struct index *index)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_VERDICT);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct file *file = state_file(&index->state, db_string(ask, 1));
        if (file == NULL) {
            db_end(ask);
            return -EBADMSG;
        }
        struct verdict *verdict =
            state_add_verdict(&index->state, file, sqlite3_column_int64(ask, 0));
        index->recorded = sqlite3_column_int64(ask, 2);
        verdict->fingerprint = db_digest(ask, 3);
        verdict->duration_ms = sqlite3_column_double(ask, 4);
        verdict->counts = (struct counts){
            sqlite3_column_int64(ask, 5),
            sqlite3_column_int64(ask, 6),
            sqlite3_column_int64(ask, 7),
            sqlite3_column_int64(ask, 8),
        };
        verdict->flaky = sqlite3_column_int(ask, 9) != 0;
        verdict->unseen = sqlite3_column_int(ask, 10) != 0;
    }
    return r;
}

/* A fact that never holds is counted where it is used, now: nobody will mark it. */
static int count_unsure(struct index *index, int64_t fact)
{
    sqlite3_stmt *ask = db_ask(&index->db, VERDICTS_OF_FACT, as_number(fact));
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0)
        state_count_broken(&index->state, sqlite3_column_int64(ask, 0), 1);
    return r;
}

static int load_facts(struct index *index)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_MARK);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        int64_t fact = sqlite3_column_int64(ask, 0);
        int64_t kind = sqlite3_column_int64(ask, 1);
        bool unsure = sqlite3_column_int(ask, 2) != 0;
        bool sound =
            fact > 0 && fact < FACT_LIMIT && kind >= 0 && kind <= EVIDENCE_EXISTENCE;
        if (sound)
            state_set_mark(&index->state, fact, unsure ? MARK_NEVER : MARK_UNKNOWN);
        int counted = !sound ? -EBADMSG : unsure ? count_unsure(index, fact) : 0;
        if (counted < 0) {
            db_end(ask);
            return counted;
        }
    }
    return r;
}

static int load(struct index *index)
{
    int r = load_files(index);
    if (r == 0)
        r = load_verdicts(index);
    if (r == 0)
        r = load_facts(index);
    if (r == 0)
        r = blocks_load(index);
    if (r == 0)
        r = audits_load(index);
    if (r < 0) {
        index->db.damaged = index->db.damaged || r == -EBADMSG;
        return r;
    }
    /* What is there now is where the news begin. */
    for (size_t i = 0; i < index->state.file_count; i++) {
        struct file *file = index->state.files[i];
        state_reshow(&index->state, file);
        file->told_verdict = file->shown != NULL ? file->shown->id : 0;
    }
    return 0;
}

void index_forget(struct index *index)
{
    state_finish(&index->state);
    db_close(&index->db);
    seen_written(index);
    blocks_forget(index);
    index->recorded = 0;
}

int index_reload(struct index *index)
{
    state_finish(&index->state);
    blocks_forget(index);
    index->recorded = 0;
    index->checked = index->blind = false;
    return load(index);
}

static int try_open(struct index *index, const char *path)
{
    int r = db_open(&index->db, path);
    if (r == 0 && path != NULL)
        r = index_arrive(index);
    if (r == 0)
        r = load(index);
    if (r < 0)
        index_forget(index);
    return r;
}

int index_open_in_memory(struct index *index, int why)
{
    int r = try_open(index, NULL);
    if (r == 0)
        index_say_trouble(index, why);
    return r;
}

int index_open_somewhere(struct index *index, char **ret_aside)
{
    char *aside = NULL;
    int r = try_open(index, index->path);
    if (index->path != NULL && db_is_unfit(r)) {
        r = db_set_aside(index->path, r, &aside);
        if (r == 0)
            r = try_open(index, index->path);
    }
    if (r == 0)
        index_know_file(index);
    else if (index->path != NULL && r != -EBUSY && r != -ENOMEM)
        r = index_open_in_memory(index, r);
    *ret_aside = aside;
    return r;
}

int index_open(struct index **ret, const char *path, char **ret_aside)
{
    struct index *index = xcalloc(1, sizeof *index);
    index->path = path != NULL ? xstrdup(path) : NULL;
    index->history = 50;
    char *aside = NULL;
    int r = index_open_somewhere(index, &aside);
    if (r == 0) {
        *ret = index;
        *ret_aside = aside;
        return 0;
    }
    free(aside);
    free(index->path);
    free(index);
    return r;
}

void index_close(struct index *index)
{
    if (index == NULL)
        return;
    index_flush(index); /* memories only save time: when it fails, they are made again */
    if (index->trouble != NULL)
        index_come_back(index);
    index_forget(index);
    free(index->why_path);
    free(index->why_detail);
    free(index->trouble);
    free(index->path);
    free(index);
}

/* ---- small values ---- */

int index_number(struct index *index, const char *name, int64_t fallback, int64_t *ret)
{
    int r = db_number(&index->db, GET_NUMBER, ret, as_text(name));
    if (r != -ENOENT)
        return r;
    *ret = fallback;
    return 0;
}

int index_set_number(struct index *index, const char *name, int64_t value)
{
    int r = 0;
    do
        r = db_run(&index->db, SET_NUMBER, as_text(name), as_number(value));
    while (index_flee(index, r));
    return r;
}

/* ---- test files ---- */

static int64_t add_new_file(struct index *index, const char *path, int64_t size)
{
    int64_t id = 0;
    int r = 0;
    do
        r = db_number(&index->db, ADD_FILE, &id, as_bytes(path), as_number(size));
    while (index_flee(index, r));
    if (r < 0)
        return r;
    state_add_file(&index->state, path, id, size);
    return id;
}

int64_t index_add_file(struct index *index, const char *path, int64_t size)
{
    struct file *file = state_file(&index->state, path);
    if (file == NULL)
        return add_new_file(index, path, size);
    if (file->size != size) {
        int r = 0;
        do
            r = db_run(&index->db, SET_FILE_SIZE, as_number(file->id), as_number(size));
        while (index_flee(index, r));
        if (r < 0)
            return r;
        file->size = size;
    }
    return file->id;
}

int index_remove_file(struct index *index, const char *path)
{
    struct file *file = state_file(&index->state, path);
    if (file == NULL)
        return 0;
    int r = 0;
    do
        r = db_run(&index->db, REMOVE_FILE, as_number(file->id));
    while (index_flee(index, r));
    if (r == 0)
        state_remove_file(&index->state, file);
    return r;
}

bool index_file(struct index *index, const char *path, struct index_file *ret)
{
    const struct file *file = state_file(&index->state, path);
    if (file != NULL)
        state_describe(file, ret);
    return file != NULL;
}

void index_each_file(struct index *index,
                     void (*visit)(void *owner, const struct index_file *file),
                     void *owner)
{
    for (size_t i = 0; i < index->state.file_count; i++) {
        struct index_file described;
        state_describe(index->state.files[i], &described);
        visit(owner, &described);
    }
}

struct counts index_totals(const struct index *index)
{
    return index->state.totals;
}

void index_each_turned(struct index *index,
                       void (*visit)(void *owner, const struct index_file *file),
                       void *owner)
{
    state_each_turned(&index->state, visit, owner);
}
