#include "daemon/index/schema.h"

#include "daemon/base/xalloc.h"

/* Paths, names and details are BLOB: bytes, compared as bytes. A path is stored once,
 * because some thousand test files look at the same thousand paths. The pairs in
 * "evidence" are nearly all of the file: two small numbers each, once by verdict and
 * once by fact. */
static const char *const steps[] = {
    "CREATE TABLE shutdown (clean INTEGER NOT NULL) STRICT;"
    "INSERT INTO shutdown (clean) VALUES (1);"

    "CREATE TABLE number (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE path (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"

    "CREATE TABLE file ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " path BLOB NOT NULL UNIQUE,"
    " size INTEGER NOT NULL,"
    " runs INTEGER NOT NULL DEFAULT 0,"
    " last_run INTEGER NOT NULL DEFAULT 0) STRICT;"

    "CREATE TABLE verdict ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* never given again */
    " file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,"
    " recorded INTEGER NOT NULL," /* grows with each record, unlike a clock */
    " fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),"
    " started INTEGER NOT NULL,"
    " duration_ms REAL NOT NULL,"
    " successes INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " errors INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL,"
    " flaky INTEGER NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX verdict_by_file ON verdict (file_id, recorded);"

    "CREATE TABLE result ("
    " id INTEGER PRIMARY KEY,"
    " verdict_id INTEGER NOT NULL REFERENCES verdict ON DELETE CASCADE,"
    " test TEXT NOT NULL,"
    " outcome INTEGER NOT NULL,"
    " duration_ms REAL NOT NULL,"
    " exception TEXT,"
    " report TEXT) STRICT;"
    "CREATE INDEX result_by_verdict ON result (verdict_id);"
    "CREATE INDEX result_by_exception ON result (exception) WHERE exception IS NOT NULL;"

    "CREATE TABLE fact ("
    " id INTEGER PRIMARY KEY,"
    " path_id INTEGER NOT NULL REFERENCES path,"
    " kind INTEGER NOT NULL,"
    " detail BLOB NOT NULL,"
    " state BLOB NOT NULL CHECK (length(state) = 16),"
    " unsure INTEGER NOT NULL,"
    " UNIQUE (path_id, kind, detail, state, unsure)) STRICT;"

    "CREATE TABLE evidence ("
    " verdict_id INTEGER NOT NULL REFERENCES verdict ON DELETE CASCADE,"
    " fact_id INTEGER NOT NULL REFERENCES fact,"
    " volatile INTEGER NOT NULL,"
    " PRIMARY KEY (verdict_id, fact_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX evidence_by_fact ON evidence (fact_id);"

    "CREATE TABLE history ("
    " id INTEGER PRIMARY KEY,"
    " file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,"
    " started INTEGER NOT NULL,"
    " duration_ms REAL NOT NULL,"
    " successes INTEGER NOT NULL,"
    " failures INTEGER NOT NULL,"
    " errors INTEGER NOT NULL,"
    " skipped INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " path BLOB,"
    " detail BLOB) STRICT;"
    "CREATE INDEX history_by_file ON history (file_id);"

    "CREATE TABLE seen ("
    " path_id INTEGER PRIMARY KEY REFERENCES path,"
    " device INTEGER NOT NULL,"
    " inode INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL,"
    " ctime_ns INTEGER NOT NULL,"
    " mode INTEGER NOT NULL,"
    " digest BLOB NOT NULL CHECK (length(digest) = 16)) STRICT;",

    "CREATE TABLE source ("
    " state BLOB PRIMARY KEY CHECK (length(state) = 16),"
    " count INTEGER NOT NULL,"
    " blocks BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
    "ALTER TABLE verdict ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE tested ("
    " id INTEGER PRIMARY KEY,"
    " file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,"
    " test TEXT NOT NULL,"
    " path BLOB NOT NULL,"
    " state BLOB NOT NULL CHECK (length(state) = 16),"
    " blocks TEXT NOT NULL) STRICT;"
    "CREATE INDEX tested_by_file ON tested (file_id);",

    /* Nobody had written to it: a row for each source is less than one for each test. */
    "DROP TABLE tested;"
    "CREATE TABLE tested ("
    " file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,"
    " path BLOB NOT NULL,"
    " state BLOB NOT NULL CHECK (length(state) = 16),"
    " tests BLOB NOT NULL,"
    " PRIMARY KEY (file_id, path)) STRICT, WITHOUT ROWID;",

    "CREATE TABLE audit ("
    " file_id INTEGER PRIMARY KEY REFERENCES file ON DELETE CASCADE,"
    " verdict_id INTEGER NOT NULL," /* may be gone */
    " at INTEGER NOT NULL,"
    " found INTEGER NOT NULL,"
    " agreed INTEGER NOT NULL,"
    " flaky INTEGER NOT NULL,"
    " stale INTEGER NOT NULL,"
    " words TEXT) STRICT;",
    "CREATE TABLE told ("
    " package BLOB PRIMARY KEY,"
    " ready TEXT NOT NULL,"
    " answer TEXT NOT NULL,"
    " state BLOB NOT NULL CHECK (length(state) = 16)) STRICT;",
};

int schema_version(void)
{
    return (int)(sizeof steps / sizeof *steps);
}

static int take_step(sqlite3 *sql, int version)
{
    autofree char *number =
        xasprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
                  SCHEMA_APPLICATION, version + 1);
    int code = sqlite3_exec(sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(sql, steps[version], NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(sql, number, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(sql, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

int schema_update(sqlite3 *sql, int version)
{
    int code = SQLITE_OK;
    for (; code == SQLITE_OK && version < schema_version(); version++)
        code = take_step(sql, version);
    return code;
}
