#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <string.h>

struct index_fact fact_read(const struct index *index, sqlite3_stmt *ask)
{
    int64_t id = sqlite3_column_int64(ask, 0);
    return (struct index_fact){
        .id = id,
        .kind = (enum evidence_kind)sqlite3_column_int(ask, 1),
        .path = db_string(ask, 2),
        .detail = db_string(ask, 3),
        .state = db_digest(ask, 4),
        .unsure = sqlite3_column_int(ask, 5) != 0,
        .holds = state_mark(&index->state, id) == MARK_HOLDS,
    };
}

int fact_store(struct db *db, const struct index_evidence *evidence, int64_t *ret)
{
    const struct value values[] = {
        as_bytes(evidence->path),    as_number(evidence->kind),
        as_bytes(evidence->detail),  as_digest(&evidence->state),
        as_number(evidence->unsure),
    };
    size_t count = sizeof values / sizeof *values;
    int r = db_number_values(db, FIND_FACT, values, count, ret);
    if (r != -ENOENT)
        return r;
    r = db_run(db, ADD_PATH, as_bytes(evidence->path));
    return r < 0 ? r : db_number_values(db, ADD_FACT, values, count, ret);
}

void index_go_blind(struct index *index)
{
    index->blind = true;
    state_trust(&index->state, false);
}

/* A visit that ends early would leave facts unmarked that no longer hold. */
static void each_fact(struct index *index, sqlite3_stmt *ask, index_visit_fact *visit,
                      void *owner)
{
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct index_fact fact = fact_read(index, ask);
        visit(owner, &fact);
    }
    if (r < 0)
        index_go_blind(index);
}

void index_each_fact(struct index *index, index_visit_fact *visit, void *owner)
{
    each_fact(index, db_ask_all(&index->db, EACH_FACT), visit, owner);
}

void index_facts_at(struct index *index, const char *path, index_visit_fact *visit,
                    void *owner)
{
    each_fact(index, db_ask(&index->db, FACTS_AT, as_bytes(path)), visit, owner);
}

void index_facts_below(struct index *index, const char *folder, index_visit_fact *visit,
                       void *owner)
{
    struct db *db = &index->db;
    if (folder[0] == '\0') {
        each_fact(index, db_ask(db, FACTS_RELATIVE, as_number(EVIDENCE_ENVIRONMENT)),
                  visit, owner);
        return;
    }
    size_t length = strlen(folder);
    autofree char *first =
        xasprintf("%s%s", folder, folder[length - 1] == '/' ? "" : "/");
    autofree char *last = xstrdup(first);
    last[strlen(last) - 1]++; /* the byte after '/' */
    each_fact(index,
              db_ask(db, FACTS_BELOW, as_bytes(first), as_bytes(last),
                     as_number(EVIDENCE_ENVIRONMENT)),
              visit, owner);
}

static void count_everywhere(struct index *index, int64_t fact, int64_t by)
{
    sqlite3_stmt *ask = db_ask(&index->db, VERDICTS_OF_FACT, as_number(fact));
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0)
        state_count_broken(&index->state, sqlite3_column_int64(ask, 0), by);
    if (r < 0)
        index_go_blind(index);
}

void index_mark(struct index *index, int64_t fact, bool holds)
{
    enum mark before = state_mark(&index->state, fact);
    if (before == MARK_NONE || before == MARK_NEVER)
        return;
    enum mark after = holds ? MARK_HOLDS : MARK_BROKEN;
    state_set_mark(&index->state, fact, after);
    if (mark_is_broken(before) != mark_is_broken(after))
        count_everywhere(index, fact, holds ? -1 : 1);
}

void index_checked(struct index *index, bool checked)
{
    struct state *state = &index->state;
    index->checked = checked;
    if (checked && state->unknown > 0)
        for (size_t fact = 0; fact < state->mark_count; fact++)
            if (state->marks[fact] == MARK_UNKNOWN)
                index_mark(index, (int64_t)fact, false);
    state_trust(state, checked && !index->blind);
}
