#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

/* The closed vocabularies of both conversations. Every room may include this header; it
 * needs nothing and links nothing. A word's number is stored in the index: words are only
 * ever added, at the end. The names that travel are beside the enum, in the same order. */

#include <stddef.h>
#include <string.h>

/* What became of one test. */
enum outcome { OUTCOME_SUCCESS, OUTCOME_FAILURE, OUTCOME_ERROR, OUTCOME_SKIPPED };
static const char *const outcome_names[] = {"success", "failure", "error", "skipped",
                                            NULL};

/* What a run looked at; see PROTOCOL.md, "Evidence". */
enum evidence_kind {
    EVIDENCE_CODE,     /* executed a Python source */
    EVIDENCE_CONTENT,  /* read a file as data, or a link's target */
    EVIDENCE_LISTING,  /* listed a directory */
    EVIDENCE_PRESENCE, /* asked for a path without opening it */
    EVIDENCE_SEARCH, /* looked for a module there: path is folder/name, without suffix */
    EVIDENCE_ENVIRONMENT, /* interpreter, framework, settings, variables, installed
                             distributions: path is a name */
    EVIDENCE_EXISTENCE, /* asked whether a path is there, and of what kind; clients are told
                           "presence" */
};
static const char *const evidence_names[] = {
    "code", "content", "listing", "presence", "search", "environment", "existence", NULL};

/* Where a test file stands. */
enum file_state { FILE_CURRENT, FILE_STALE, FILE_RUNNING, FILE_NEVER_RUN };
static const char *const file_state_names[] = {"current", "stale", "running", "never_run",
                                               NULL};

/* What the daemon as a whole is doing. */
enum daemon_state {
    STATE_IDLE,
    STATE_CHECKING, /* deciding what is stale: nothing is known yet */
    STATE_RUNNING,
    STATE_PAUSED,
    STATE_HALTED, /* stopped at the first failure */
    STATE_ERROR,  /* cannot run tests; the message says why and what to do */
};
static const char *const daemon_state_names[] = {
    "idle", "checking", "running", "paused", "halted", "error", NULL};

/* Why a test file is stale, or ran. */
enum reason {
    REASON_CHANGED,
    REASON_DELETED,
    REASON_ADDED,
    REASON_FORCED,
    REASON_NEW,
    REASON_FAILED_IMPORT,
    REASON_ENVIRONMENT,
    REASON_NEVER_RUN,
};
static const char *const reason_names[] = {"changed",     "deleted",   "added",
                                           "forced",      "new",       "failed-import",
                                           "environment", "never_run", NULL};

/* What an audit found of a verdict; see PROTOCOL.md. The last one is told, never stored. */
enum audit_found { AUDIT_AGREED, AUDIT_FLAKY, AUDIT_STALE, AUDIT_DISTURBED };
static const char *const audit_names[] = {"agreed", "flaky", "stale", "disturbed", NULL};

/* Index of NAME in NAMES, or -1. */
static inline int word_find(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

#endif
