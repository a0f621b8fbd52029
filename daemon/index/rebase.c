#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

/* One pair of verdict and fact, whose fact is to be another one. */
struct move {
    struct verdict *verdict;
    int64_t from, to;
    char *detail;
    bool added;           /* false: the verdict rested on TO already */
    struct digest before; /* the verdict's fingerprint, for the way back */
};

struct moves {
    struct move *items;
    size_t count, capacity;
};

static void moves_finish(struct moves *moves)
{
    for (size_t i = 0; i < moves->count; i++)
        free(moves->items[i].detail);
    free(moves->items);
}

static int find_moves(struct index *index, enum evidence_kind kind, const char *path,
                      bool (*was)(void *owner, int64_t fact, bool holds), void *owner,
                      struct moves *moves)
{
    sqlite3_stmt *ask = db_ask(&index->db, VOLATILE_AT, as_bytes(path), as_number(kind));
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct verdict *verdict =
            state_verdict(&index->state, sqlite3_column_int64(ask, 0));
        if (verdict == NULL)
            continue; /* more verdicts than we keep: it goes with the next record */
        int64_t from = sqlite3_column_int64(ask, 1);
        if (!was(owner, from, state_mark(&index->state, from) == MARK_HOLDS))
            continue;
        moves->items =
            xgrow(moves->items, moves->count, &moves->capacity, sizeof *moves->items);
        moves->items[moves->count++] = (struct move){
            .verdict = verdict,
            .from = from,
            .detail = xstrdup(db_string(ask, 2)),
            .before = verdict->fingerprint,
        };
    }
    return r;
}

/* The fingerprint in memory goes along, because a verdict can have several moves. */
static int write_move(struct db *db, struct move *move)
{
    int64_t verdict = move->verdict->id;
    int r = db_run(db, REMOVE_EVIDENCE, as_number(verdict), as_number(move->from));
    if (r == 0)
        r = db_run(db, ADD_EVIDENCE, as_number(verdict), as_number(move->to),
                   as_number(1));
    if (r < 0)
        return r;
    move->added = sqlite3_changes(db->sql) > 0;
    fingerprint_remove(&move->verdict->fingerprint, move->from);
    if (move->added)
        fingerprint_add(&move->verdict->fingerprint, move->to);
    return db_run(db, SET_FINGERPRINT, as_number(verdict),
                  as_digest(&move->verdict->fingerprint));
}

static int write_moves(struct index *index, enum evidence_kind kind, const char *path,
                       const struct digest *state, struct moves *moves)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < moves->count; i++) {
        struct move *move = &moves->items[i];
        struct index_evidence evidence = {
            .kind = kind, .path = path, .detail = move->detail, .state = *state};
        r = fact_store(&index->db, &evidence, &move->to);
        if (r == 0 && move->to != move->from)
            r = write_move(&index->db, move);
    }
    return r;
}

/* First the moved verdicts count their new fact as it is marked now, then the mark
 * changes for all that rest on it. */
static void keep_moves(struct index *index, const struct moves *moves)
{
    struct state *state = &index->state;
    for (size_t i = 0; i < moves->count; i++) {
        const struct move *move = &moves->items[i];
        if (move->to == move->from)
            continue;
        int64_t broken = 0;
        broken -= mark_is_broken(state_mark(state, move->from));
        broken += move->added && mark_is_broken(state_mark(state, move->to));
        state_count_broken(state, move->verdict->id, broken);
    }
    for (size_t i = 0; i < moves->count; i++) {
        int64_t fact = moves->items[i].to;
        if (state_mark(state, fact) == MARK_NONE)
            state_set_mark(state, fact, MARK_HOLDS);
        else
            index_mark(index, fact, true);
    }
}

int index_rebase(struct index *index, enum evidence_kind kind, const char *path,
                 struct digest state, bool (*was)(void *owner, int64_t fact, bool holds),
                 void *owner)
{
    struct moves moves = {0};
    int r = find_moves(index, kind, path, was, owner, &moves);
    if (r == 0 && moves.count > 0) {
        r = db_begin_write(&index->db);
        if (r == 0)
            r = db_end_write(&index->db, write_moves(index, kind, path, &state, &moves));
        if (r == 0)
            keep_moves(index, &moves);
        for (size_t i = moves.count; r < 0 && i-- > 0;)
            moves.items[i].verdict->fingerprint = moves.items[i].before;
    }
    moves_finish(&moves);
    return r;
}

int64_t index_last_verdict(const struct index *index, const char *path)
{
    const struct file *file = state_file(&index->state, path);
    return file != NULL && file->verdict_count > 0 ? file->verdicts[0]->id : 0;
}

static int write_more(struct db *db, const struct verdict *verdict, int64_t fact,
                      struct digest *fingerprint, bool *ret_added)
{
    int r =
        db_run(db, ADD_EVIDENCE, as_number(verdict->id), as_number(fact), as_number(0));
    *ret_added = r == 0 && sqlite3_changes(db->sql) > 0;
    if (!*ret_added)
        return r;
    fingerprint_add(fingerprint, fact);
    return db_run(db, SET_FINGERPRINT, as_number(verdict->id), as_digest(fingerprint));
}

static int try_add_evidence(struct index *index, const char *path, int64_t id,
                            const struct index_evidence *evidence)
{
    struct state *state = &index->state;
    struct verdict *verdict = state_verdict(state, id);
    if (verdict == NULL || verdict->file != state_file(state, path))
        return 0;
    int64_t fact = 0;
    bool added = false;
    struct digest fingerprint = verdict->fingerprint;
    int r = db_begin_write(&index->db);
    if (r < 0)
        return r;
    r = fact_store(&index->db, evidence, &fact);
    if (r == 0)
        r = write_more(&index->db, verdict, fact, &fingerprint, &added);
    r = db_end_write(&index->db, r);
    if (r < 0 || !added)
        return r;
    verdict->fingerprint = fingerprint;
    if (state_mark(state, fact) == MARK_NONE)
        state_set_mark(state, fact,
                       evidence->unsure  ? MARK_NEVER
                       : evidence->holds ? MARK_HOLDS
                                         : MARK_BROKEN);
    if (mark_is_broken(state_mark(state, fact)))
        state_count_broken(state, id, 1);
    return 0;
}

int index_add_evidence(struct index *index, const char *path, int64_t id,
                       const struct index_evidence *evidence)
{
    int r = 0;
    do
        r = try_add_evidence(index, path, id, evidence);
    while (index_flee(index, r));
    return r;
}
