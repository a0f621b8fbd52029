#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <string.h>
#include <uthash.h>

struct seen_item {
    struct index_seen seen; /* its path is TEXT */
    UT_hash_handle hh;
    char text[];
};

int index_see(struct index *index, const struct index_seen *seen)
{
    struct seen_item *item = NULL;
    HASH_FIND_STR(index->pending, seen->path, item);
    if (item == NULL) {
        size_t size = strlen(seen->path) + 1;
        item = xcalloc(1, sizeof *item + size);
        memcpy(item->text, seen->path, size);
        HASH_ADD_STR(index->pending, text, item);
    }
    item->seen = *seen;
    item->seen.path = item->text;
    return 0;
}

/* SQLite's numbers are signed; the bits come back as they went. */
static int write_one(struct db *db, const struct index_seen *seen)
{
    int r = db_run(db, ADD_PATH, as_bytes(seen->path));
    if (r < 0)
        return r;
    return db_run(db, SEE, as_bytes(seen->path), as_number((int64_t)seen->device),
                  as_number((int64_t)seen->inode), as_number(seen->size),
                  as_number(seen->mtime_ns), as_number(seen->ctime_ns),
                  as_number(seen->mode), as_digest(&seen->digest));
}

int seen_write(struct index *index)
{
    int r = 0;
    for (struct seen_item *item = index->pending; r == 0 && item != NULL;
         item = item->hh.next)
        r = write_one(&index->db, &item->seen);
    return r;
}

void seen_written(struct index *index)
{
    struct seen_item *item = NULL;
    struct seen_item *next = NULL;
    HASH_ITER(hh, index->pending, item, next)
    {
        HASH_DEL(index->pending, item);
        free(item);
    }
}

int index_flush(struct index *index)
{
    if (index->pending == NULL)
        return 0;
    int r = 0;
    do {
        r = db_begin_write(&index->db);
        if (r == 0)
            r = db_end_write(&index->db, seen_write(index));
    } while (index_flee(index, r));
    if (r == 0)
        seen_written(index);
    return r;
}

void index_each_seen(struct index *index,
                     void (*visit)(void *owner, const struct index_seen *seen),
                     void *owner)
{
    index_flush(index);
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_SEEN);
    while (db_step(&index->db, ask) > 0) {
        struct index_seen seen = {
            .path = db_string(ask, 0),
            .device = (uint64_t)sqlite3_column_int64(ask, 1),
            .inode = (uint64_t)sqlite3_column_int64(ask, 2),
            .size = sqlite3_column_int64(ask, 3),
            .mtime_ns = sqlite3_column_int64(ask, 4),
            .ctime_ns = sqlite3_column_int64(ask, 5),
            .mode = (uint32_t)sqlite3_column_int64(ask, 6),
            .digest = db_digest(ask, 7),
        };
        visit(owner, &seen);
    }
}

/* ---- tidying ---- */

struct ids {
    int64_t *items;
    size_t count, capacity;
};

static int tidy_facts(struct index *index, struct ids *gone)
{
    sqlite3_stmt *ask = db_ask_all(&index->db, TIDY_FACTS);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        gone->items =
            xgrow(gone->items, gone->count, &gone->capacity, sizeof *gone->items);
        gone->items[gone->count++] = sqlite3_column_int64(ask, 0);
    }
    return r;
}

static int tidy_all(struct index *index, struct ids *gone)
{
    int r = seen_write(index);
    if (r == 0)
        r = tidy_facts(index, gone);
    if (r == 0)
        r = db_run_values(&index->db, TIDY_BLOCKS, NULL, 0);
    if (r == 0)
        r = db_run_values(&index->db, TIDY_SEEN, NULL, 0);
    if (r == 0)
        r = db_run_values(&index->db, TIDY_PATHS, NULL, 0);
    return r;
}

int index_tidy(struct index *index)
{
    struct ids gone = {0};
    if (index->trouble != NULL)
        index_come_back(index);
    int r = db_begin_write(&index->db);
    if (r == 0)
        r = db_end_write(&index->db, tidy_all(index, &gone));
    if (r == 0) {
        seen_written(index);
        /* An id may be given again: what was known of it must not be. */
        for (size_t i = 0; i < gone.count; i++)
            state_set_mark(&index->state, gone.items[i], MARK_NONE);
        r = blocks_load(index);
    }
    if (r == 0)
        r = db_run_values(&index->db, GIVE_BACK, NULL, 0);
    if (r == 0)
        r = db_run_values(&index->db, EMPTY_LOG, NULL, 0);
    free(gone.items);
    return r;
}
