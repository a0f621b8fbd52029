#include "daemon/base/xalloc.h"
#include "daemon/index/db.h"
#include "daemon/index/schema.h"
#include "daemon/index/sum.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int db_errno(sqlite3 *sql, int code)
{
    int system = sql != NULL ? sqlite3_system_errno(sql) : 0;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_TOOBIG:
        return -EFBIG;
    case SQLITE_CANTOPEN:
        return system != 0 ? -system : -EACCES;
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ)
            return -EBADMSG; /* what cannot be read is of no more use than what is wrong */
        return system == ENOSPC || system == EDQUOT || system == EROFS ? -system : -EIO;
    default:
        return -EINVAL;
    }
}

static int ask_number(sqlite3 *sql, const char *text, int *ret)
{
    sqlite3_stmt *ask = NULL;
    int code = sqlite3_prepare_v2(sql, text, -1, &ask, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(ask);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int(ask, 0);
    sqlite3_finalize(ask);
    return db_errno(sql, code);
}

/* Whose file is it, and of which version? Reads only: a file that is not ours stays as
 * it is. */
static int judge(sqlite3 *sql, int *ret_version)
{
    int application = 0;
    int version = 0;
    int tables = 0;
    int r = ask_number(sql, "PRAGMA application_id", &application);
    if (r == 0)
        r = ask_number(sql, "PRAGMA user_version", &version);
    if (r == 0)
        r = ask_number(sql, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0)
        return r;
    bool empty = application == 0 && version == 0 && tables == 0;
    if (!empty && application != SCHEMA_APPLICATION)
        return -EMEDIUMTYPE;
    if (version > schema_version())
        return -EPROTONOSUPPORT;
    if (!empty && version < 1)
        return -EBADMSG; /* ours, but no step was ever taken */
    *ret_version = version;
    return 0;
}

/* The locking mode keeps the lock that the first transaction takes until the file is
 * closed. */
static int hold(sqlite3 *sql, int *ret_version)
{
    int code =
        sqlite3_exec(sql,
                     "PRAGMA locking_mode = EXCLUSIVE;"
                     /* Of a new file: when a transaction has begun it is too late. */
                     "PRAGMA auto_vacuum = INCREMENTAL;"
                     "PRAGMA trusted_schema = OFF;"
                     "PRAGMA foreign_keys = ON;"
                     "PRAGMA temp_store = MEMORY;"
                     "PRAGMA cache_size = -16384;" /* KiB */
                     "BEGIN EXCLUSIVE",
                     NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return db_errno(sql, code);
    int version = 0;
    int r = judge(sql, &version);
    code = sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
    if (r == 0)
        r = db_errno(sql, code);
    if (r == 0)
        *ret_version = version;
    return r;
}

static int prepare(struct db *db)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        int code =
            sqlite3_prepare_v3(db->sql, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL);
        /* The text is right, as each test shows: the tables are not what they should
         * be. */
        if (code == SQLITE_ERROR)
            return -EBADMSG;
        if (code != SQLITE_OK)
            return db_errno(db->sql, code);
    }
    return 0;
}

static int check_result(void *owner, int columns, char **values, char **names)
{
    (void)names;
    bool *sound = owner;
    *sound = columns == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0;
    return 0;
}

/* This looks at what each page means, so it is kept for when there is reason: the last program that
 * had the file did not close it, or met damage. */
static int check(struct db *db)
{
    int64_t clean = 0;
    int r = db_number_values(db, GET_CLEAN, NULL, 0, &clean);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    if (!clean) {
        bool sound = false;
        int code =
            sqlite3_exec(db->sql, "PRAGMA quick_check(1)", check_result, &sound, NULL);
        if (code != SQLITE_OK)
            return db_errno(db->sql, code);
        if (!sound)
            return -EBADMSG;
    }
    return db_run(db, SET_CLEAN, as_number(0));
}

/* In a journal mode that needs a second file it cannot be opened in memory: two bytes of the first page
 * tell it. */
enum { MODE_AT = 18, MODE_END = 20, MODE_PLAIN = 1 };

static int fill(sqlite3 *sql, const unsigned char *bytes, size_t size)
{
    unsigned char *copied = size > MODE_END ? sqlite3_malloc64(size) : NULL;
    if (copied == NULL)
        return size > MODE_END ? -ENOMEM : -EBADMSG;
    memcpy(copied, bytes, size);
    memset(copied + MODE_AT, MODE_PLAIN, MODE_END - MODE_AT);
    unsigned flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
    return db_errno(sql, sqlite3_deserialize(sql, "main", copied, (sqlite3_int64)size,
                                             (sqlite3_int64)size, flags));
}

static int open_at(struct db *db, const char *path, const unsigned char *bytes,
                   size_t size)
{
    bool wrong = path != NULL && sum_is_wrong(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(path != NULL ? path : ":memory:", &db->sql, flags, NULL);
    if (code != SQLITE_OK)
        return db_errno(db->sql, code);
    /* A log that belongs to somebody else's file is not ours to write back. */
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int version = 0;
    int r = bytes != NULL ? fill(db->sql, bytes, size) : 0;
    if (r == 0)
        r = hold(db->sql, &version);
    if (r == 0 && wrong)
        r = -EBADMSG;
    if (r < 0)
        return r;
    if (path != NULL)
        sum_remove(path);
    code = sqlite3_exec(db->sql,
                        "PRAGMA journal_mode = WAL;"
                        "PRAGMA synchronous = NORMAL;"
                        /* In pages. One run touches pages all over the pairs by fact:
                         * a longer log writes each of them back once for many runs. */
                        "PRAGMA wal_autocheckpoint = 8000;"
                        "PRAGMA journal_size_limit = 33554432",
                        NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = schema_update(db->sql, version);
    if (code == SQLITE_ERROR)
        return -EBADMSG; /* a step found other tables than it was written for */
    r = db_errno(db->sql, code);
    if (r == 0)
        r = prepare(db);
    if (r == 0)
        r = check(db);
    if (r == 0)
        sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return r;
}

static int open_from(struct db *db, const char *path, const unsigned char *bytes,
                     size_t size)
{
    *db = (struct db){.path = path != NULL ? xstrdup(path) : NULL};
    int r = open_at(db, path, bytes, size);
    if (r < 0) {
        db->damaged = true; /* so that closing does not call it clean */
        db_close(db);
    }
    return r;
}

int db_open(struct db *db, const char *path)
{
    return open_from(db, path, NULL, 0);
}

int db_open_bytes(struct db *db, const unsigned char *bytes, size_t size)
{
    return open_from(db, NULL, bytes, size);
}

unsigned char *db_bytes(struct db *db, size_t *ret_size)
{
    sqlite3_int64 size = 0;
    unsigned char *bytes = sqlite3_serialize(db->sql, "main", &size, 0);
    if (bytes != NULL)
        *ret_size = (size_t)size;
    return bytes;
}

void db_close(struct db *db)
{
    bool clean = !db->damaged && db->statements[SET_CLEAN] != NULL &&
                 db_run(db, SET_CLEAN, as_number(1)) == 0;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    if (sqlite3_close(db->sql) == SQLITE_OK && clean && db->path != NULL)
        sum_write(db->path);
    free(db->path);
    *db = (struct db){0};
}

static int copy(struct db *from, struct db *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->sql, "main", from->sql, "main");
    if (backup == NULL)
        return db_errno(to->sql, sqlite3_errcode(to->sql));
    sqlite3_backup_step(backup, -1);
    return db_errno(to->sql, sqlite3_backup_finish(backup));
}

static bool is_in_use(const struct db *db)
{
    if (!sqlite3_get_autocommit(db->sql))
        return true;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_stmt_busy(db->statements[i]))
            return true;
    return false;
}

int db_move(struct db *db, const char *path)
{
    struct db to;
    if (is_in_use(db))
        return -EBUSY;
    int r = db_open(&to, path);
    if (r < 0)
        return r;
    r = copy(db, &to);
    struct db *left = r == 0 ? db : &to;
    left->damaged = true; /* not all that is known has come to it */
    db_close(left);
    if (r == 0)
        *db = to;
    return r;
}

bool db_is_unfit(int r)
{
    return r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EMEDIUMTYPE;
}

/* PATH.damaged, or PATH.damaged-2 where that is taken, and so on. */
static char *free_name(const char *path, int why)
{
    const char *word = why == -EMEDIUMTYPE       ? "foreign"
                       : why == -EPROTONOSUPPORT ? "newer"
                                                 : "damaged";
    char *name = xasprintf("%s.%s", path, word);
    for (int i = 2; access(name, F_OK) == 0; i++) {
        free(name);
        name = xasprintf("%s.%s-%d", path, word, i);
    }
    return name;
}

static int rename_if_there(const char *from, const char *to)
{
    return rename(from, to) == 0 || errno == ENOENT ? 0 : -errno;
}

int db_set_aside(const char *path, int why, char **ret_aside)
{
    /* The logs first: a log that stays would be played into the new file. */
    static const char *const suffixes[] = {"-wal", "-journal", "-shm", "-sum", ""};
    char *aside = free_name(path, why);
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof suffixes / sizeof *suffixes; i++) {
        autofree char *from = xasprintf("%s%s", path, suffixes[i]);
        autofree char *to = xasprintf("%s%s", aside, suffixes[i]);
        r = rename_if_there(from, to);
    }
    if (r < 0)
        free(aside);
    else
        *ret_aside = aside;
    return r;
}
