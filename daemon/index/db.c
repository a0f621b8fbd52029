#include "daemon/index/db.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Paths may be empty, and SQLite takes a NULL pointer for NULL: an empty string has an
 * address. */
static int bind(sqlite3_stmt *ask, int at, const struct value *value)
{
    switch (value->type) {
    case VALUE_NUMBER:
        return sqlite3_bind_int64(ask, at, value->number);
    case VALUE_REAL:
        return sqlite3_bind_double(ask, at, value->real);
    case VALUE_TEXT:
        return sqlite3_bind_text(ask, at, value->string, -1, SQLITE_STATIC);
    case VALUE_BYTES:
        if (value->string == NULL)
            return sqlite3_bind_null(ask, at);
        return sqlite3_bind_blob64(ask, at, value->string, strlen(value->string),
                                   SQLITE_STATIC);
    case VALUE_DATA:
        return sqlite3_bind_blob64(ask, at, value->data, value->size, SQLITE_STATIC);
    case VALUE_DIGEST:
        return sqlite3_bind_blob(ask, at, value->digest->bytes,
                                 sizeof value->digest->bytes, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

sqlite3_stmt *db_ask_values(struct db *db, enum statement which,
                            const struct value *values, size_t count)
{
    sqlite3_stmt *ask = db->statements[which];
    assert(!sqlite3_stmt_busy(ask));
    assert(sqlite3_bind_parameter_count(ask) == (int)count);
    for (size_t i = 0; i < count; i++) {
        int code = bind(ask, (int)i + 1, &values[i]);
        assert(code == SQLITE_OK);
        (void)code;
    }
    return ask;
}

int db_step(struct db *db, sqlite3_stmt *ask)
{
    int code = sqlite3_step(ask);
    if (code == SQLITE_ROW)
        return 1;
    sqlite3_reset(ask);
    if (code == SQLITE_DONE)
        return 0;
    int r = db_errno(db->sql, code);
    if (r == -EBADMSG)
        db->damaged = true;
    return r;
}

void db_end(sqlite3_stmt *ask)
{
    sqlite3_reset(ask);
}

int db_run_values(struct db *db, enum statement which, const struct value *values,
                  size_t count)
{
    sqlite3_stmt *ask = db_ask_values(db, which, values, count);
    int r = 0;
    do
        r = db_step(db, ask);
    while (r > 0);
    return r;
}

int db_number_values(struct db *db, enum statement which, const struct value *values,
                     size_t count, int64_t *ret)
{
    sqlite3_stmt *ask = db_ask_values(db, which, values, count);
    int r = db_step(db, ask);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    int64_t number = sqlite3_column_int64(ask, 0);
    /* To the end: a statement that writes is complete only there. */
    while (r > 0)
        r = db_step(db, ask);
    if (r == 0)
        *ret = number;
    return r;
}

int db_begin_write(struct db *db)
{
    return db_run_values(db, BEGIN_WRITE, NULL, 0);
}

int db_end_write(struct db *db, int r)
{
    if (r == 0)
        r = db_run_values(db, COMMIT_WRITE, NULL, 0);
    /* A full disk may have rolled back already: a second time would be an error of its
     * own. */
    if (r < 0 && !sqlite3_get_autocommit(db->sql))
        db_run_values(db, ROLLBACK_WRITE, NULL, 0);
    return r;
}

const char *db_string_or_null(sqlite3_stmt *ask, int column)
{
    if (sqlite3_column_type(ask, column) == SQLITE_NULL)
        return NULL;
    /* As text also what is a blob: that adds the NUL at the end and changes no byte. */
    const char *string = (const char *)sqlite3_column_text(ask, column);
    return string != NULL ? string : "";
}

const char *db_string(sqlite3_stmt *ask, int column)
{
    const char *string = db_string_or_null(ask, column);
    return string != NULL ? string : "";
}

struct digest db_digest(sqlite3_stmt *ask, int column)
{
    struct digest digest = {{0}};
    const void *bytes = sqlite3_column_blob(ask, column);
    if (bytes != NULL && sqlite3_column_bytes(ask, column) == (int)sizeof digest.bytes)
        memcpy(digest.bytes, bytes, sizeof digest.bytes);
    return digest;
}
