#ifndef INDEX_STATEMENTS_H
#define INDEX_STATEMENTS_H

/* Every statement that the index runs, by name. All are prepared when the file opens,
 * so a typo fails every test and not the one rare path. Parameters are numbered in
 * statements.c. */

enum statement {
    BEGIN_WRITE,
    COMMIT_WRITE,
    ROLLBACK_WRITE,
    GIVE_BACK,
    EMPTY_LOG,
    GET_CLEAN,
    SET_CLEAN,
    GET_NUMBER,
    SET_NUMBER,
    EACH_NUMBER,

    EACH_FILE,
    FIND_FILE,
    ADD_FILE,
    SET_FILE_SIZE,
    SET_FILE_RUN,
    TAKE_RUNS,
    REMOVE_FILE,

    ADD_PATH,
    EACH_MARK,
    EACH_FACT,
    FACTS_AT,
    FACTS_BELOW,
    FACTS_RELATIVE,
    FIND_FACT,
    ADD_FACT,
    VERDICTS_OF_FACT,

    EACH_VERDICT,
    ADD_VERDICT,
    RENEW_VERDICT,
    LAST_RECORDED,
    VERDICTS_OF_FILE,
    VERDICTS_BY_TIME,
    SAME_VERDICT,
    SET_RECORDED,
    SET_FLAKY,
    SET_FINGERPRINT,
    REMOVE_VERDICT,
    REMOVE_OLD_VERDICTS,
    REMOVE_OTHER_VERDICTS,
    MARK_FLAKY,

    ADD_EVIDENCE,
    REMOVE_EVIDENCE,
    CLEAR_VOLATILE,
    SET_VOLATILE,
    VOLATILE_AT,
    EVIDENCE_OF,

    ADD_RESULT,
    REMOVE_RESULTS,
    OUTCOMES_OF,
    RESULTS_OF,
    VERDICTS_AT,
    VERDICTS_RAISING,

    ADD_HISTORY,
    TRIM_HISTORY,
    LAST_HISTORY,
    HISTORY_OF,

    EACH_AUDIT,
    SET_AUDIT,
    AUDIT_WORDS,

    SEE,
    EACH_SEEN,
    REMOVE_TESTED,
    ADD_TESTED,
    TESTED_OF,
    SET_BLOCKS,
    GET_BLOCKS,
    EACH_BLOCKS,
    EACH_SOURCE,
    FORGET_BLOCKS,
    SET_MAKER,
    GET_MAKER,
    TIDY_BLOCKS,
    TIDY_FACTS,
    TIDY_SEEN,
    TIDY_PATHS,
    TELL,
    UNTELL,
    EACH_TOLD,

    STATEMENT_COUNT
};

extern const char *const statement_texts[STATEMENT_COUNT];

#endif
