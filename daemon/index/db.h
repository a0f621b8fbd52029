#ifndef INDEX_DB_H
#define INDEX_DB_H

/* One SQLite file, held by this process alone, with all statements prepared.
 *
 * Asking is always the same: bind the values, step until there are no more rows.
 *
 *     sqlite3_stmt *ask = db_ask(db, FACTS_AT, as_bytes(path));
 *     int r;
 *     while ((r = db_step(db, ask)) > 0)
 *         ...
 *
 * Values are borrowed until the last step. A statement is not asked again while it is
 * stepped. */

#include "daemon/base/digest.h"
#include "daemon/index/statements.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db {
    sqlite3 *sql;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char *path;   /* NULL: in memory */
    bool damaged; /* a read or write met damage: the next open looks at the whole file */
};

/* PATH NULL: in memory. -EBUSY: another program, or another index of this one, holds
 * the file. A file that is not fit for use is left as it was: -EBADMSG damaged,
 * -EPROTONOSUPPORT written by a newer program, -EMEDIUMTYPE not ours. */
int db_open(struct db *db, const char *path);
/* All that is in DB goes to PATH, over what is there (NULL: into memory), and from now on DB is that.
 * -errno: it is as before; -EBUSY in the middle of a transaction or of an answer. */
int db_move(struct db *db, const char *path);
/* In memory, with the BYTES of such a file, which are looked at whole. */
int db_open_bytes(struct db *db, const unsigned char *bytes, size_t size);
/* The file that a database in memory would be; to be freed by sqlite3_free. NULL: no memory left. */
unsigned char *db_bytes(struct db *db, size_t *ret_size);
/* Also of a database that failed to open, or was never opened. */
void db_close(struct db *db);

/* Gives the closed file at PATH another name, which tells WHY it was not fit (a code
 * of db_open), and takes along what SQLite keeps beside it. *RET_ASIDE is owned by the
 * caller. */
int db_set_aside(const char *path, int why, char **ret_aside);
/* Is R one of db_open's codes for a file that is not fit? */
bool db_is_unfit(int r);

/* What SQLite's CODE is as -errno. */
int db_errno(sqlite3 *sql, int code);

/* ---- values, by the type that the column has ---- */

struct value {
    enum {
        VALUE_NUMBER,
        VALUE_REAL,
        VALUE_TEXT,
        VALUE_BYTES,
        VALUE_DIGEST,
        VALUE_DATA
    } type;
    size_t size; /* of data */
    union {
        const void *data;
        int64_t number;
        double real;
        const char *string; /* NULL is SQL's NULL */
        const struct digest *digest;
    };
};

static inline struct value as_number(int64_t number)
{
    return (struct value){.type = VALUE_NUMBER, .number = number};
}
static inline struct value as_real(double real)
{
    return (struct value){.type = VALUE_REAL, .real = real};
}
static inline struct value as_text(const char *text)
{
    return (struct value){.type = VALUE_TEXT, .string = text};
}
static inline struct value as_bytes(const char *bytes)
{
    return (struct value){.type = VALUE_BYTES, .string = bytes};
}
static inline struct value as_digest(const struct digest *digest)
{
    return (struct value){.type = VALUE_DIGEST, .digest = digest};
}

static inline struct value as_data(const void *data, size_t size)
{
    return (struct value){.type = VALUE_DATA, .data = data, .size = size};
}

/* ---- asking ---- */

sqlite3_stmt *db_ask_values(struct db *db, enum statement which,
                            const struct value *values, size_t count);
#define DB_VALUES_(...)                                                                  \
    (const struct value[]){__VA_ARGS__},                                                 \
        sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)
#define db_ask(db, which, ...) db_ask_values((db), (which), DB_VALUES_(__VA_ARGS__))
#define db_ask_all(db, which) db_ask_values((db), (which), NULL, 0)

/* 1: a row is there; 0: no more; or -errno. After 0 and -errno the statement is free
 * again. */
int db_step(struct db *db, sqlite3_stmt *ask);
/* Frees a statement of which no more rows are wanted. */
void db_end(sqlite3_stmt *ask);

/* Asks and steps to the end. 0 or -errno. */
int db_run_values(struct db *db, enum statement which, const struct value *values,
                  size_t count);
#define db_run(db, which, ...) db_run_values((db), (which), DB_VALUES_(__VA_ARGS__))
/* The first column of the only row. -ENOENT where there is none. */
int db_number_values(struct db *db, enum statement which, const struct value *values,
                     size_t count, int64_t *ret);
#define db_number(db, which, ret, ...)                                                   \
    db_number_values((db), (which), DB_VALUES_(__VA_ARGS__), (ret))

/* A transaction: begin, write, end. db_end_write commits when R is 0 and rolls back
 * otherwise; it returns R, or what the commit said. */
int db_begin_write(struct db *db);
int db_end_write(struct db *db, int r);

/* Columns of the present row. Strings live until the next step. */
const char *db_string(sqlite3_stmt *ask, int column);         /* "" for NULL */
const char *db_string_or_null(sqlite3_stmt *ask, int column); /* NULL for NULL */
struct digest db_digest(sqlite3_stmt *ask, int column);

#endif
