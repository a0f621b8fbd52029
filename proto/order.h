#ifndef PROTO_ORDER_H
#define PROTO_ORDER_H

/* Daemon <-> worker host. A host is a warm Python process that forks a fresh child for
 * each run, one at a time: of one test file, or of several that share the process. Orders
 * go to it on one pipe; three streams come back:
 *
 * - reports: NDJSON, from the host and, while a run is on, from its child (test begun,
 *   result)
 * - looks: NDJSON, each line shorter than PIPE_BUF and so written whole, from the child
 *   and all processes forked below it: what the run looked at
 * - output: stdout and stderr of the tests, as they are
 *
 * When the host reports "exited", nobody of that run writes any more: what is still in
 * the other two pipes is the rest. Each conversation is described, with examples, in
 * PROTOCOL.md. Paths are as everywhere: relative to the root or absolute; bytes that are
 * not UTF-8 travel as {"b64": ...}. */

#include "proto/wire.h"
#include "proto/words.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORDER_PROTOCOL = 1 };

/* ---- orders ---- */

/* {"order":"classify","id":1,"paths":[...]}: which of these are test files?
 * {"order":"run","run":17,"file":"tests/test_a.py"}; with "first":["TestX.test_y"]: these tests of
 * it before its others; with "company":["tests/test_b.py"]: these files in the same process, after it
 * A closed pipe means: kill what runs, and leave.
 * FILES ends with NULL and has at least one; FIRST ends with NULL, or is NULL: none.
 * The text is the caller's to free; NULL when out of memory. No newline. */
char *order_encode_classify(int64_t id, const char *const *paths, size_t count);
char *order_encode_run(int64_t run, const char *const *files, const char *const *first);
/* {"order":"blocks","id":7,"paths":[...]}: what are these sources made of now? */
char *order_encode_blocks(int64_t id, const char *const *paths, size_t count);

/* ---- reports ---- */

enum report_type {
    REPORT_READY,      /* the host can run tests */
    REPORT_UNFIT,      /* it cannot: framework missing, settings of it broken ... */
    REPORT_CLASSIFIED, /* answer to classify */
    REPORT_STARTED,    /* the child exists */
    REPORT_TEST,       /* a test begins: a crash can be laid at its door */
    REPORT_RESULT,     /* a test is over */
    REPORT_THROUGH,    /* of the files that share the process, one is over */
    REPORT_DONE,       /* the framework is through with the file: all results were told */
    REPORT_EXITED,     /* the child and everything below it is gone */
    REPORT_LOOK,       /* on the looks stream */
    REPORT_WROTE,  /* on the looks stream: the run wrote, created, removed or renamed PATH
                   */
    REPORT_TESTED, /* which blocks of a source each test of the run executed */
    REPORT_BLOCKS, /* what sources are made of: answer to blocks, or told unasked (id 0) */
    REPORT_WARM,   /* how much of the next runs is begun already */
};

/* What stat said when the child first looked; mode 0: the path was absent. Device and
 * inode are unsigned 64-bit numbers to the kernel; here, and on the wire, the same bits
 * signed. */
struct report_identity {
    int64_t device, inode, size, mtime_ns, ctime_ns, mode;
};

/* One of the things that hold for every run of this host, e.g. ("python", "3.11.2
 * /usr/bin/python3"). */
struct report_environment {
    const char *name, *value;
};

/* What a Python source is made of: a block for each function, the module's first. Equal
 * digests of the blocks that ran mean that the source would run the same way. */
enum { REPORT_DIGEST = 8 };
struct report_source {
    char *path;                  /* owned */
    struct report_identity seen; /* of the bytes that were read; all zeros: absent */
    const char **keys;      /* owned array; NULL: it has no blocks, MESSAGE says why */
    unsigned char *digests; /* owned: REPORT_DIGEST bytes a key */
    size_t count;
    const char *message;
};

/* Runs of FOLDER are begun anew each, and WHY. */
struct report_cold {
    char *folder; /* owned */
    const char *why;
};

/* TEST executed the blocks RAN, as in a look. */
struct report_ran {
    const char *test, *ran;
};

struct report {
    enum report_type type;
    int64_t run, id;
    json_t *json; /* owns every string below */

    /* ready */
    int64_t protocol;
    const char *framework, *framework_version,
        *python; /* path and version of the interpreter in words */
    struct report_environment *environment; /* owned */
    size_t environment_count;
    const char **suffixes; /* files that could be test files, ".py"; owned array */
    size_t suffix_count;
    struct report_environment *distributions; /* owned: what a run may rest on of these */
    size_t distribution_count;
    /* Where evidence is coarser than it could be, why: NULL where it is not. */
    const char *precision_why, *tracing_why;
    bool whole_files; /* code is told by files and not by blocks */
    int64_t began_ns; /* when the host did, since the epoch; 0: not told */
    /* ready, classified: the paths that this rests on, three lists: "there" (it is as it was, with all its
     * times), "kinds" (of the same kind and mode), "absent"; NULL: not known. */
    const json_t *rests;
    /* unfit: KIND is "framework_missing", "settings" or "broken" */
    const char *kind, *message;
    /* classified; MESSAGE set where a framework's settings could not be read; UNUSED what people
     * should know of those that were: which are not used, which leave out tests */
    const char *unused;
    bool any_name; /* files of any name could be test files */
    char **paths;  /* owned array of owned strings */
    size_t path_count;
    /* started, exited */
    int64_t pid; /* > 0 and within pid_t: fit to be signalled */
    int64_t status,
        signal; /* exit status, or the signal that ended it (then status is -1) */
    /* test, result */
    const char *test; /* a NUL in a test's texts is shown as \x00 */
    enum outcome outcome;
    double duration_ms;
    const char *exception, *text; /* NULL where null */
    /* look, wrote, tested; through, and test and result where files share the process: of which file.
     * Without "seen" has_seen is false; "seen":null is all zeros:
     * absent. What was written was left like that. */
    enum evidence_kind evidence;
    char *path; /* owned */
    bool has_seen;
    bool unseen; /* what this program does from here on is not told */
    struct report_identity seen;
    const char *ran; /* code: the blocks that ran, see PROTOCOL.md; NULL: all */
    /* tested */
    struct report_ran *rans; /* of the source PATH; owned */
    size_t ran_count;
    /* blocks */
    struct report_source *sources; /* owned */
    size_t source_count;
    /* warm: processes that wait for an order, and those that runs are forked from. */
    int64_t spares, layers;
    struct report_cold *colds; /* owned */
    size_t cold_count;
    int64_t more; /* colds that are not named */
};

/* 0; -EINVAL: not JSON, or a report that lacks something; -ENOMEM. *RET_WHY, static text,
 * says what. RET is to be finished only after 0. Unknown keys are ignored; an unknown
 * report is -EINVAL. */
int report_decode(const char *line, size_t length, struct report *ret,
                  const char **ret_why);
void report_finish(struct report *report);

#endif
