#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <string.h>

struct known_blocks {
    struct digest state;
    UT_hash_handle hh;
};

static void know(struct index *index, const struct digest *state)
{
    struct known_blocks *known = NULL;
    HASH_FIND(hh, index->sources, state, sizeof *state, known);
    if (known != NULL)
        return;
    known = xcalloc(1, sizeof *known);
    known->state = *state;
    HASH_ADD(hh, index->sources, state, sizeof known->state, known);
}

void blocks_forget(struct index *index)
{
    struct known_blocks *known = NULL;
    struct known_blocks *next = NULL;
    HASH_ITER(hh, index->sources, known, next)
    {
        HASH_DEL(index->sources, known);
        free(known);
    }
}

int blocks_load(struct index *index)
{
    blocks_forget(index);
    sqlite3_stmt *ask = db_ask_all(&index->db, EACH_BLOCKS);
    int r = 0;
    while ((r = db_step(&index->db, ask)) > 0) {
        struct digest state = db_digest(ask, 0);
        know(index, &state);
    }
    return r;
}

bool index_has_blocks(const struct index *index, const struct digest *state)
{
    struct known_blocks *known = NULL;
    HASH_FIND(hh, index->sources, state, sizeof *state, known);
    return known != NULL;
}

/* Stored as: digests one behind the other, then the keys, each ended by a zero byte. */

int index_set_blocks(struct index *index, const struct digest *state,
                     const char *const *keys, const unsigned char *digests, size_t count)
{
    size_t size = count * INDEX_BLOCK_DIGEST;
    for (size_t i = 0; i < count; i++)
        size += strlen(keys[i]) + 1;
    autofree char *data = xmalloc(size + 1);
    if (count > 0)
        memcpy(data, digests, count * INDEX_BLOCK_DIGEST);
    char *at = data + count * INDEX_BLOCK_DIGEST;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, keys[i]) + 1;
    int r = db_run(&index->db, SET_BLOCKS, as_digest(state), as_number((int64_t)count),
                   as_data(data, size));
    if (r == 0)
        know(index, state);
    return r;
}

/* False: not what index_set_blocks writes. */
static bool unpack(struct index_blocks *blocks, size_t size)
{
    size_t digests = blocks->count * INDEX_BLOCK_DIGEST;
    if (digests > size || (size > digests && blocks->data[size - 1] != '\0'))
        return false;
    blocks->digests = (unsigned char *)blocks->data;
    blocks->keys = xcalloc(blocks->count + 1, sizeof *blocks->keys);
    char *at = blocks->data + digests;
    for (size_t i = 0; i < blocks->count; i++) {
        if (at >= blocks->data + size)
            return false;
        blocks->keys[i] = at;
        at += strlen(at) + 1;
    }
    return at == blocks->data + size;
}

int index_blocks(struct index *index, const struct digest *state,
                 struct index_blocks *ret)
{
    if (!index_has_blocks(index, state))
        return -ENOENT;
    sqlite3_stmt *ask = db_ask(&index->db, GET_BLOCKS, as_digest(state));
    int r = db_step(&index->db, ask);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    size_t size = (size_t)sqlite3_column_bytes(ask, 1);
    struct index_blocks blocks = {.count = (size_t)sqlite3_column_int64(ask, 0),
                                  .data = xmalloc(size + 1)};
    if (size > 0)
        memcpy(blocks.data, sqlite3_column_blob(ask, 1), size);
    db_end(ask);
    if (blocks.count <= size && unpack(&blocks, size)) {
        *ret = blocks;
        return 0;
    }
    index_blocks_finish(&blocks);
    return -ENOENT;
}

void index_blocks_finish(struct index_blocks *blocks)
{
    free(blocks->keys);
    free(blocks->data);
    *blocks = (struct index_blocks){0};
}

static int try_maker(struct index *index, const char *maker)
{
    int r = db_begin_write(&index->db);
    if (r < 0)
        return r;
    r = db_run(&index->db, FORGET_BLOCKS, as_text(maker));
    if (r == 0)
        r = db_run(&index->db, SET_MAKER, as_text(maker));
    r = db_end_write(&index->db, r);
    return r == 0 ? blocks_load(index) : r;
}

int index_blocks_maker(struct index *index, const char *maker)
{
    int r = 0;
    do
        r = try_maker(index, maker);
    while (index_flee(index, r));
    return r;
}

char *index_blocks_made_by(struct index *index)
{
    sqlite3_stmt *ask = db_ask(&index->db, GET_MAKER, as_number(1));
    if (db_step(&index->db, ask) <= 0)
        return NULL;
    char *maker = xstrdup(db_string(ask, 0));
    db_end(ask);
    return maker;
}
