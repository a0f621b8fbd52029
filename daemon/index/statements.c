#include "daemon/index/statements.h"

/* What read_fact (facts.c) expects, in this order. */
#define FACT_COLUMNS "fact.id, kind, path.name, detail, state, unsure"
#define FACT_TABLES "fact JOIN path ON path.id = fact.path_id"

const char *const statement_texts[STATEMENT_COUNT] = {
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT_WRITE] = "COMMIT",
    [ROLLBACK_WRITE] = "ROLLBACK",
    [EMPTY_LOG] = "PRAGMA wal_checkpoint(TRUNCATE)",
    [GIVE_BACK] = "PRAGMA incremental_vacuum(1000)", /* pages */
    [GET_CLEAN] = "SELECT clean FROM shutdown",
    [SET_CLEAN] = "UPDATE shutdown SET clean = ?1",
    [GET_NUMBER] = "SELECT value FROM number WHERE name = ?1",
    [SET_NUMBER] = "INSERT OR REPLACE INTO number (name, value) VALUES (?1, ?2)",

    [EACH_NUMBER] = "SELECT name, value FROM number",

    [FIND_FILE] = "SELECT id, runs FROM file WHERE path = ?1",
    [TAKE_RUNS] = "UPDATE file SET runs = ?2, last_run = ?3 WHERE id = ?1",
    [EACH_FILE] = "SELECT id, path, size, runs, last_run FROM file ORDER BY path",
    [ADD_FILE] = "INSERT INTO file (path, size) VALUES (?1, ?2) RETURNING id",
    [SET_FILE_SIZE] = "UPDATE file SET size = ?2 WHERE id = ?1",
    [SET_FILE_RUN] = "UPDATE file SET runs = runs + 1, last_run = ?2 WHERE id = ?1",
    [REMOVE_FILE] = "DELETE FROM file WHERE id = ?1",

    [ADD_PATH] = "INSERT OR IGNORE INTO path (name) VALUES (?1)",
    [EACH_MARK] = "SELECT id, kind, unsure FROM fact",
    /* Neighbours in a folder come after each other, for who looks at all of them. */
    [EACH_FACT] = "SELECT " FACT_COLUMNS " FROM " FACT_TABLES " ORDER BY fact.path_id",
    [FACTS_AT] = "SELECT " FACT_COLUMNS " FROM " FACT_TABLES " WHERE path.name = ?1",
    /* ?1 and ?2 enclose all names that begin with "folder/"; ?3 is the kind that has
     * no paths. */
    [FACTS_BELOW] = "SELECT " FACT_COLUMNS " FROM " FACT_TABLES
                    " WHERE path.name > ?1 AND path.name < ?2 AND kind <> ?3",
    [FACTS_RELATIVE] = "SELECT " FACT_COLUMNS " FROM " FACT_TABLES
                       " WHERE path.name > x'' AND substr(path.name, 1, 1) <> x'2f'"
                       " AND kind <> ?1",
    [FIND_FACT] = "SELECT fact.id FROM " FACT_TABLES
                  " WHERE path.name = ?1 AND kind = ?2 AND detail = ?3 AND state = ?4"
                  " AND unsure = ?5",
    [ADD_FACT] = "INSERT INTO fact (path_id, kind, detail, state, unsure)"
                 " SELECT id, ?2, ?3, ?4, ?5 FROM path WHERE name = ?1 RETURNING id",
    [VERDICTS_OF_FACT] = "SELECT verdict_id FROM evidence WHERE fact_id = ?1",

    [EACH_VERDICT] =
        "SELECT verdict.id, file.path, recorded, fingerprint, duration_ms,"
        " successes, failures, errors, skipped, flaky, unseen"
        " FROM verdict JOIN file ON file.id = verdict.file_id ORDER BY recorded",
    [ADD_VERDICT] =
        "INSERT INTO verdict (file_id, recorded, fingerprint, started, duration_ms,"
        " successes, failures, errors, skipped, unseen, flaky)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0) RETURNING id",
    [RENEW_VERDICT] =
        "UPDATE verdict SET recorded = ?2, started = ?3, duration_ms = ?4,"
        " successes = ?5, failures = ?6, errors = ?7, skipped = ?8, flaky = ?9"
        " WHERE id = ?1",
    [LAST_RECORDED] = "SELECT coalesce(max(recorded), 0) FROM verdict",
    [VERDICTS_OF_FILE] =
        "SELECT id, started, duration_ms, successes, failures, errors, skipped, flaky,"
        " unseen FROM verdict WHERE file_id = ?1 ORDER BY recorded DESC",
    /* Of two of the same moment the one that was there first is the last. */
    [VERDICTS_BY_TIME] = "SELECT id FROM verdict WHERE file_id = ?1"
                         " ORDER BY started, recorded DESC",
    [SAME_VERDICT] = "SELECT id FROM verdict WHERE file_id = ?1 AND fingerprint = ?2",
    [SET_RECORDED] = "UPDATE verdict SET recorded = ?2 WHERE id = ?1",
    [SET_FLAKY] = "UPDATE verdict SET flaky = 1 WHERE id = ?1",
    [SET_FINGERPRINT] = "UPDATE verdict SET fingerprint = ?2 WHERE id = ?1",
    [REMOVE_VERDICT] = "DELETE FROM verdict WHERE id = ?1",
    [REMOVE_OLD_VERDICTS] = "DELETE FROM verdict WHERE file_id = ?1 AND recorded <="
                            " (SELECT recorded FROM verdict WHERE file_id = ?1"
                            " ORDER BY recorded DESC LIMIT 1 OFFSET ?2)",
    [REMOVE_OTHER_VERDICTS] = "DELETE FROM verdict WHERE file_id = ?1 AND id <> ?2",
    [MARK_FLAKY] = "UPDATE verdict SET flaky = 1 WHERE id = ?1",

    [ADD_EVIDENCE] = "INSERT OR IGNORE INTO evidence (verdict_id, fact_id, volatile)"
                     " VALUES (?1, ?2, ?3)",
    [REMOVE_EVIDENCE] = "DELETE FROM evidence WHERE verdict_id = ?1 AND fact_id = ?2",
    [CLEAR_VOLATILE] =
        "UPDATE evidence SET volatile = 0 WHERE verdict_id = ?1 AND volatile = 1",
    [SET_VOLATILE] =
        "UPDATE evidence SET volatile = 1 WHERE verdict_id = ?1 AND fact_id = ?2",
    [VOLATILE_AT] = "SELECT verdict_id, fact_id, detail FROM " FACT_TABLES
                    " JOIN evidence ON evidence.fact_id = fact.id"
                    " WHERE path.name = ?1 AND kind = ?2 AND unsure = 0 AND volatile = 1",
    [EVIDENCE_OF] = "SELECT " FACT_COLUMNS ", volatile FROM " FACT_TABLES
                    " JOIN evidence ON evidence.fact_id = fact.id WHERE verdict_id = ?1"
                    " ORDER BY path.name, kind, detail, fact.id",

    [ADD_RESULT] =
        "INSERT INTO result (verdict_id, test, outcome, duration_ms, exception, report)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [REMOVE_RESULTS] = "DELETE FROM result WHERE verdict_id = ?1",
    [OUTCOMES_OF] = "SELECT test, outcome FROM result WHERE verdict_id = ?1"
                    " ORDER BY CAST(test AS BLOB), outcome",
    [RESULTS_OF] = "SELECT test, outcome, duration_ms, exception, report FROM result"
                   " WHERE verdict_id = ?1 ORDER BY id",
    [VERDICTS_AT] = "SELECT DISTINCT verdict_id FROM " FACT_TABLES
                    " JOIN evidence ON evidence.fact_id = fact.id"
                    " WHERE path.name = ?1 AND kind <> ?2",
    [VERDICTS_RAISING] = "SELECT DISTINCT verdict_id FROM result WHERE exception = ?1",

    [ADD_HISTORY] =
        "INSERT INTO history (file_id, started, duration_ms, successes, failures,"
        " errors, skipped, reason, path, detail)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [TRIM_HISTORY] =
        "DELETE FROM history WHERE file_id = ?1 AND id <= (SELECT id FROM history"
        " WHERE file_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    [LAST_HISTORY] =
        "SELECT reason, path, detail, started FROM history WHERE file_id = ?1"
        " ORDER BY id DESC LIMIT 1",

    [EACH_AUDIT] = "SELECT path, verdict_id, at, found, agreed, flaky, stale"
                   " FROM audit JOIN file ON file.id = audit.file_id",
    [SET_AUDIT] = "INSERT OR REPLACE INTO audit"
                  " (file_id, verdict_id, at, found, agreed, flaky, stale, words)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [AUDIT_WORDS] = "SELECT words FROM audit WHERE file_id = ?1",
    [HISTORY_OF] = "SELECT started, duration_ms, successes, failures, errors, skipped,"
                   " reason, path, detail FROM history WHERE file_id = ?1 ORDER BY id",

    [SEE] = "INSERT OR REPLACE INTO seen (path_id, device, inode, size, mtime_ns, "
            "ctime_ns, mode,"
            " digest) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM path WHERE name = ?1",
    [EACH_SEEN] = "SELECT name, device, inode, size, mtime_ns, ctime_ns, mode, digest"
                  " FROM seen JOIN path ON path.id = seen.path_id",
    [REMOVE_TESTED] = "DELETE FROM tested WHERE file_id = ?1",
    [ADD_TESTED] = "INSERT INTO tested (file_id, path, state, tests)"
                   " VALUES (?1, ?2, ?3, ?4)",
    [TESTED_OF] = "SELECT path, state, tests FROM tested WHERE file_id = ?1",
    [SET_BLOCKS] =
        "INSERT OR REPLACE INTO source (state, count, blocks) VALUES (?1, ?2, ?3)",
    [GET_BLOCKS] = "SELECT count, blocks FROM source WHERE state = ?1",
    [EACH_SOURCE] = "SELECT state, count, blocks FROM source",
    [EACH_BLOCKS] = "SELECT state FROM source",
    [FORGET_BLOCKS] = "DELETE FROM source WHERE NOT EXISTS"
                      " (SELECT 1 FROM maker WHERE name = ?1)",
    [GET_MAKER] = "SELECT name FROM maker WHERE id = ?1",
    [SET_MAKER] = "INSERT OR REPLACE INTO maker (id, name) VALUES (1, ?1)",
    [TIDY_BLOCKS] = "DELETE FROM source WHERE state NOT IN (SELECT state FROM fact)"
                    " AND state NOT IN (SELECT state FROM tested)",
    [TIDY_FACTS] = "DELETE FROM fact WHERE NOT EXISTS"
                   " (SELECT 1 FROM evidence WHERE fact_id = fact.id) RETURNING id",
    [TIDY_SEEN] = "DELETE FROM seen WHERE NOT EXISTS"
                  " (SELECT 1 FROM fact WHERE fact.path_id = seen.path_id)",
    [TIDY_PATHS] = "DELETE FROM path WHERE"
                   " NOT EXISTS (SELECT 1 FROM fact WHERE fact.path_id = path.id)"
                   " AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.path_id = path.id)",
    [TELL] = "INSERT OR REPLACE INTO told (package, ready, answer, state)"
             " VALUES (?1, ?2, ?3, ?4)",
    [UNTELL] = "DELETE FROM told WHERE package = ?1",
    [EACH_TOLD] = "SELECT package, ready, answer, state FROM told ORDER BY package",
};
