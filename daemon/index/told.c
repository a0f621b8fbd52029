#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

static int tell(struct index *index, const struct index_told *told)
{
    return db_run(&index->db, TELL, as_bytes(told->package), as_text(told->ready),
                  as_text(told->answer), as_digest(&told->state));
}

int index_tell(struct index *index, const struct index_told *told)
{
    int r = 0;
    do
        r = tell(index, told);
    while (index_flee(index, r));
    return r;
}

int index_untell(struct index *index, const char *package)
{
    int r = 0;
    do
        r = db_run(&index->db, UNTELL, as_bytes(package));
    while (index_flee(index, r));
    return r;
}

void index_each_told(struct index *index,
                     void (*visit)(void *owner, const struct index_told *told),
                     void *owner)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_TOLD);
    while (db_step(&index->db, ask) > 0) {
        const struct index_told told = {.package = db_string(ask, 0),
                                        .ready = db_string(ask, 1),
                                        .answer = db_string(ask, 2),
                                        .state = db_digest(ask, 3)};
        visit(owner, &told);
    }
}
