#ifndef ENGINE_ROOM_H
#define ENGINE_ROOM_H

/* What the files of this room share and nobody else sees: here its things, in parts.h its functions. */

#include "daemon/base/strset.h"
#include "daemon/engine/engine.h"
#include "daemon/sched/sched.h"
#include "daemon/sched/settle.h"

#include <uthash.h>

/* Which test files share a process. */
enum isolation { ISOLATION_FILE, ISOLATION_DIRECTORY, ISOLATION_PACKAGE };

/* Changes remembered while runs are on; with more, the runs count as blind. */
enum { DISTURBANCES = 1 << 17 };

/* How often the tree is compared as a whole where a part of it cannot be watched. */
enum { POLL_MS = 2000 };

/* A change that was told while runs were on. */
struct disturbance {
    int64_t number;
    char *path;
    bool entry;
    bool others; /* no worker's process did it */
};

/* What a run that is over wrote, while others are still on. */
struct write {
    char *path, *file;
    int64_t began, ended; /* numbers of changes */
};

/* Two states of a source, and which of the blocks of the first are others in the second. */
struct comparison {
    struct digest then, now;
    bool *changed;
    size_t count;
};

/* A source that a worker was asked to take apart, and its state at that moment. */
struct reading {
    char *path;
    struct digest state;
};

/* One value of the environment that every run of these workers has. */
struct variable {
    char *name, *value;
};

/* A folder whose tests run by themselves, and what its workers told. */
struct package {
    char *path;                       /* "": the root */
    bool found;                       /* just now, see package.c */
    char *framework, *python;         /* NULL: no worker told yet */
    char *framework_why, *python_why; /* why these, each a sentence */
    char *error;                      /* tests cannot be run: why, and the mend */
    bool changed_first;               /* within a test file */
    enum isolation isolation;         /* which test files share a process */
    bool whole_files;                 /* code is told by files */
    char *
        unused; /* options of the framework that do not do what they say, in words; or NULL */
    char *coarse; /* why evidence is coarser than the settings ask for; NULL: it is not */

    /* Which files are test files. */
    struct strset suffixes; /* of files that could be */
    bool any_name;          /* a plugin says which are: any file could be */
    struct strset unsorted; /* could be test files, not asked yet */
    struct strset asked;    /* asked just now */
    int64_t question;       /* its id */
    bool asking;
    bool sorted;     /* the first answer has come: the set of test files is known */
    bool started_up; /* the first answer was applied: later files are "new" */

    /* See told.c. */
    char *ready;             /* what its worker told of itself; NULL: not to be kept */
    struct digest ready_sum; /* of what that rests on */
    int64_t asked_at;        /* tree_clock_ns when it was asked last */
    struct strset leans;     /* paths that decided which files are test files */
    struct strset meanwhile; /* changed while it was asked */
    bool doubted;            /* some of these have changed: it is to be asked anew */

    struct variable
        *environment; /* by the names that facts have; NULL: no worker told yet */
    size_t environment_count;
    int64_t
        environments; /* how many there have been: a run belongs to the one it began in */
    struct variable
        *distributions; /* by name: what a run may look at of what is installed */
    size_t distribution_count;
    struct strset installed; /* folders of installed packages that workers told of */
    bool
        renewing; /* installed packages came or went: a worker must tell the environment anew */
};

struct look {
    enum evidence_kind kind;
    char *path;
    bool has_seen;
    struct identity seen;
    char *
        detail; /* the blocks that ran, or DETAIL_UNSEEN; "" where there is nothing to say */
};

/* The detail of evidence that stands for more than itself. */
#define DETAIL_UNSEEN "unseen"
#define DETAIL_OPENED "opened while it ran" /* by whom, nobody told */

struct outcome_record {
    char *test;
    enum outcome outcome;
    double duration_ms;
    char *exception, *report;
};

struct run {
    UT_hash_handle hh;
    int64_t id;
    char *file;
    struct package *package; /* NULL: of a run by hand that has no file yet */
    int64_t process; /* under which workers know it: the id of the first in its company */
    char *company;   /* the evidence that says who that is; NULL: none */
    char *companions; /* what it said */
    char *inside,
        *inside_value;   /* the evidence of which packages lie in its own; what it said */
    bool shares;         /* others are in it */
    bool through;        /* its tests are over, whatever the others do */
    int64_t began;       /* number of the last change told before it began */
    int64_t clock_ns;    /* tree_clock_ns when it began */
    int64_t environment; /* which it ran in; see engine.environments */
    bool blind;          /* changes may be lost meanwhile: nothing it saw is sure */
    int64_t span;        /* in which it began; see opened.c */
    bool manual;         /* run by hand, outside the workers */
    struct strset opened; /* by hand: what anybody opened meanwhile */
    int64_t started;      /* monotonic ms */
    int64_t started_wall; /* ms since the epoch */
    struct counts before; /* of the verdict shown when it began */
    enum reason reason;
    char *path, *detail; /* what called for it */
    char *test;          /* runs now */
    bool test_untold;    /* nobody heard of it, and somebody wants to */
    int64_t test_told;   /* when one was told last */
    struct look *looks;
    size_t look_count, look_capacity;
    struct strset looked;   /* kind digit + path */
    struct strset wrote;    /* see run_wrote */
    const char *disturbed;  /* the first of its looks that is unsure; NULL: none */
    struct strset doubtful; /* of these: not by itself alone; see rewrites.c */
    struct identity *lefts; /* of what it wrote */
    size_t left_count, left_capacity;
    struct outcome_record *results;
    size_t result_count, result_capacity;
    double duration_ms;
    struct tested *tested; /* see order.c */
    size_t tested_count, tested_capacity;
    bool ended; /* waits for its cookie */
    uint64_t cookie;
    bool discard;   /* cancelled: nothing comes of it */
    int64_t audits; /* the verdict that it is to be held against; 0: none */
    struct audit_finding *finding; /* see finding.c */
};

struct waiter {
    uint64_t ticket;
    uint64_t cookie; /* 0: already seen */
    int64_t since;
    int64_t seen;     /* when all earlier changes had been judged; -1: not yet */
    int64_t deadline; /* INT64_MAX: none */
    char *package;    /* the one it is about; NULL: all */
    bool healing;     /* asked for a worker again: refuse on the next failure */
};

/* Part PART of OF, from 1; {0}: all. */
struct shard {
    int64_t part, of;
};

struct engine {
    char *root, *backend;
    char *refused; /* why the backend is not the one that was asked for; or NULL */
    struct index *index;
    struct tree *tree;
    struct sched *sched;
    struct settle settle;
    bool ruled;     /* other paths are ignored, and the burst is not over */
    bool unsettled; /* a path inside the root waits to be judged */
    struct engine_ports ports;

    char *computed;     /* by pick_environment, last */
    char *words;        /* by packages_error, last */
    char *mistaken;     /* the settings are wrong: why; the last good ones are in use */
    char *told_trouble; /* of the index, as it was last told */
    char *degraded; /* a part of the tree is not watched: it is compared every POLL_MS */
    struct strset deciders; /* settings as they were then, by what changes with them */
    bool deciders_known;
    struct strset
        shared;      /* evidence that has another name, through which it may be written */
    int64_t poll;    /* when to compare next; INT64_MAX: all is watched */
    int64_t recheck; /* when to compare though all is; INT64_MAX: before the beginning */
    int64_t asleep;  /* ms that the machine has slept; -1: nobody said yet */
    struct git_place *gits; /* where git may be at work; see git.c */
    size_t git_count;
    struct package **packages; /* by path: the root's is the first */
    size_t package_count;
    char *maker;                  /* the version of Python whose blocks the index has */
    const struct package *reader; /* who was asked last what sources are made of */
    char *packages_why;           /* how they were found, a sentence */
    bool fail_fast;
    bool halted;   /* by a failure */
    char *stumble; /* the test file that failed then */
    bool paused;
    char *focus; /* the one test file that is started; NULL: all are */
    char *focus_message;
    struct shard shard; /* what is run here; see shard.c */
    char *shard_message;
    struct strset parts; /* what was dealt out to which part ... */
    int64_t parts_of;    /* ... of how many; 0: nothing yet */
    bool root_gone;

    struct strset classified; /* asked before, and there when the tree was crawled last */
    struct strset programs;   /* no test files now, but executable: that may be why */
    int64_t question;         /* id of the last classify */
    struct trigger *triggers; /* see triggers.c */
    size_t trigger_count;
    bool triggers_turned; /* other paths match than when facts were judged */
    bool renew;           /* installed packages came or went, and the burst is not over */

    /* What sources are made of. */
    struct strset
        unread; /* changed, and must be taken apart before anything is concluded */
    struct strset unknown;    /* rested on by a verdict, and not taken apart yet */
    struct strset unreadable; /* no worker could say, until they change */
    struct reading *readings; /* asked just now */
    size_t reading_count;
    int64_t reading_id; /* of the last question */
    bool reading, reading_urgent;
    struct comparison comparison;
    bool turn_owed; /* pick_turned waits for an answer; for these causes */
    struct strset causes, changed;

    /* Runs. */
    struct run *runs;
    int64_t last_run;
    int64_t number; /* of the last change told */
    struct disturbance *disturbances;
    size_t disturbance_count, disturbance_capacity;
    struct write *writes;
    size_t write_count, write_capacity;
    struct strset broke,
        mended; /* facts that did so first of all while runs are on, by number */
    struct strset conflicts; /* pairs of test files that must not run at the same time */
    struct restless *restless; /* see restless.c */
    int64_t ticked;            /* the last engine_tick */
    int64_t untidy;            /* runs since the index was tidied */
    int64_t tidy_at;
    const char *concluded;  /* the file whose verdict is being stored just now */
    struct strset deferred; /* stale only by what runs may have written themselves */
    struct strset hostless; /* files whose worker host died under them, once */
    uint64_t cookie;

    struct openings *openings;
    struct audits *audits; /* see audit.c */

    struct waiter *waiters;
    size_t waiter_count, waiter_capacity;

    /* What was told last, and what is worth telling again. */
    bool news_stats, news_queue, news_state;
    struct stats told_stats;
    enum daemon_state told_state;
    char *told_message;
    bool red;
};

#include "daemon/engine/parts.h"

#endif
