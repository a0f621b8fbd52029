#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

/* Daemon <-> client: JSON-RPC 2.0, one object a line. PROTOCOL.md tells the conversation;
 * here are its messages as structs, and the two directions between struct and JSON. One
 * table of names for methods, topics and errors serves daemon, client and tests. Encoders
 * return NULL when out of memory; json_t results are new references. */

#include "proto/wire.h"
#include "proto/words.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_MAJOR = 1, MESSAGE_MINOR = 1, MESSAGE_LINE_LIMIT = 1 << 20 };

enum method {
    METHOD_STATUS,
    METHOD_RESULTS,
    METHOD_FILES,
    METHOD_DEPS,
    METHOD_AFFECTED,
    METHOD_WHY,
    METHOD_RUN,
    METHOD_TOUCH,
    METHOD_WAIT,
    METHOD_DOCTOR,
    METHOD_PAUSE,
    METHOD_RESUME,
    METHOD_FOCUS,
    METHOD_AUDIT,
    METHOD_DEBUG,
    METHOD_SUBSCRIBE,
    METHOD_UNSUBSCRIBE,
    METHOD_RECORD_BEGIN,
    METHOD_RECORD_END,
    METHOD_INDEX_EXPORT,
    METHOD_INDEX_IMPORT,
    METHOD_SCHEMA,
    METHOD_STOP,
};
extern const char
    *const method_names[]; /* "status" ... "record.begin" ..., NULL at the end */

enum topic {
    TOPIC_STATS,
    TOPIC_RESULT,
    TOPIC_FILE_FAILURES,
    TOPIC_GREEN,
    TOPIC_RED,
    TOPIC_QUEUE,
    TOPIC_RUN_STARTED,
    TOPIC_RUN_TEST,
    TOPIC_RUN_RESULT,
    TOPIC_RUN_OUTPUT,
    TOPIC_RUN_FINISHED,
    TOPIC_WATCH,
    TOPIC_STATE,
    TOPIC_FILE, /* a test file's record changed, or it is gone */
    TOPIC_AUDIT,
    TOPIC_BYE,
    TOPIC_COUNT,
};
extern const char
    *const topic_names[]; /* "stats" ... "run.started" ..., NULL at the end */

enum fault_kind {
    FAULT_PARSE,
    FAULT_TOO_LONG,
    FAULT_UNKNOWN_METHOD,
    FAULT_BAD_PARAMS,
    FAULT_DENIED,
    FAULT_BUSY,
    FAULT_UNSUPPORTED,
    FAULT_TIMEOUT,
    FAULT_DEGRADED,
    FAULT_SHUTTING_DOWN,
    FAULT_INTERNAL,
};
extern const char *const fault_names[];

struct fault {
    enum fault_kind kind;
    char message[256]; /* what is wrong and what to do, for people */
    int code;          /* JSON-RPC's number; 0: the one that belongs to KIND */
};
/* JSON, but no request: the one code without a kind of its own (the kind is "parse"; a batch is
 * "unsupported"). */
enum { FAULT_INVALID_REQUEST = -32600 };

void fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- requests ---- */

struct request {
    enum method method;
    json_t *id;     /* NULL: a notification, never answered */
    json_t *params; /* an object, empty where there were none */
};

/* One line from a client. 0, RET to be finished; or -EINVAL or -ENOMEM with *RET_FAULT. *RET_ID is
 * then whom to tell, a new reference: the id; JSON null where an answer is due and the id could
 * not be read; NULL where the line was a notification, which is never answered. */
int request_decode(const char *line, size_t length, struct request *ret,
                   struct fault *ret_fault, json_t **ret_id);
void request_finish(struct request *request);

/* Lines, without newline; the caller frees. PARAMS and RESULT are borrowed; ID NULL means
 * null. */
char *request_encode(const char *method, int64_t id, json_t *params);
char *reply_encode(const json_t *id, json_t *result);
char *fault_encode(const json_t *id, const struct fault *fault);
char *notification_encode(const char *topic, json_t *params);

/* What a client reads. */
struct incoming {
    json_t *json;   /* owns what is below */
    bool is_reply;  /* else a notification (hello is one) */
    int64_t id;     /* -1: null, or not one of request_encode's */
    json_t *result; /* reply; NULL where it is a fault */
    bool is_fault;
    struct fault fault;
    const char *method; /* notification */
    json_t *params;
};
/* 0, RET to be finished; -EINVAL: no message of this protocol; -ENOMEM. */
int incoming_decode(const char *line, size_t length, struct incoming *ret);
void incoming_finish(struct incoming *incoming);

/* ---- what the messages carry; keys as in the table of PROTOCOL.md ---- */

struct stats {
    int64_t tests, successes, errors, failures, skipped, to_be_run;
};
json_t *stats_encode(const struct stats *stats);

struct running {
    const char *file, *test; /* test NULL: none yet */
    int64_t since_ms;
};

/* What waits for the next runs: workers, processes in them that only need an order, and processes
 * that have done what all runs of a folder begin with. */
struct warmth {
    int64_t hosts, spares, layers;
};

/* How many audits there were, and what they found; LAST: ms since the epoch, 0: never. */
struct audit_counts {
    int64_t agreed, flaky, stale, last;
};

struct status {
    enum daemon_state state;
    const char *message; /* "" when there is nothing to say */
    struct stats stats;
    const struct running *running;
    size_t running_count;
    const char *const *queue;
    size_t queue_count;
    const char *root;
    int64_t pid;
    const char *backend;
    const char *framework, *python; /* NULL until known */
    const char *degraded;           /* NULL: all is watched */
    const char *focus;              /* the one test file that is run; NULL: all are */
    struct warmth warm;
    struct audit_counts audit;
};
json_t *status_encode(const struct status *status);

struct result_record {
    const char *file, *test;
    enum outcome outcome;
    bool current;
    double duration_ms;
    const char *exception, *report; /* NULL where null */
    const char *package;            /* its folder; "." is the root */
};
/* With the spans of the report, where there is one. */
json_t *result_encode(const struct result_record *record);
/* The same as the topic "result" tells it: the key is "report_text" there. */
json_t *result_news_encode(const struct result_record *record);
/* As "run.result" tells it: nobody knows yet whether it will be current. */
json_t *run_result_encode(const struct result_record *record);

struct file_record {
    const char *file;
    enum file_state state;
    int64_t runs;
    bool has_outcome;
    enum outcome outcome; /* the worst of its tests: error, failure, success, skipped
                             (only where all were) */
    double duration_ms;
    int64_t tests;
    int64_t last_run; /* ms since the epoch; 0: null */
    bool from_cache, flaky;
    bool unseen;         /* its verdict rests on more than is known */
    const char *package; /* its folder; "." is the root */
    int64_t audited;     /* ms since the epoch; 0: never */
    enum audit_found audit;
};
json_t *file_encode(const struct file_record *record);

struct audit_record {
    const char *file, *package;
    enum audit_found found;
    const char *detail; /* in words */
    int64_t runs;       /* that it took */
    /* Lists, borrowed; NULL: empty. */
    json_t *tests, *only_now, *only_before, *moved;
    int64_t more; /* of what is in the lists: left out */
};
json_t *audit_encode(const struct audit_record *record);

struct evidence_record {
    const char *file, *path;
    enum evidence_kind kind;
    const char *detail;
    bool holds, is_volatile;
    bool
        unseen; /* it did things that nobody told: the verdict rests on more than is known */
};
json_t *evidence_encode(const struct evidence_record *record);

struct why_record {
    const char *file;
    enum reason reason;
    const char *path, *detail; /* NULL where null */
    bool stale;          /* the reason is for the run to come, not for the last one */
    const char *package; /* its folder; "." is the root */
};
json_t *why_encode(const struct why_record *record);

/* A program and how it is to be started: ARGV and ENVIRONMENT ("NAME=VALUE") end with NULL. */
struct command_record {
    const char *directory;
    char *const *argv, *const *environment;
};
json_t *command_encode(const struct command_record *record);

/* "2026-11-22T06:26:56.123Z" from ms since the epoch. */
void iso_time(int64_t ms, char ret[32]);

#endif
