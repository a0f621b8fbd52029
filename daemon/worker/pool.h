#ifndef WORKER_POOL_H
#define WORKER_POOL_H

/* N worker hosts, and the truth about what became of each run.
 *
 * A host (see proto/order.h) is a warm Python process that carries out one run at a time
 * in a forked child. Each package of the project has hosts of its own, started as its settings
 * say. The pool starts hosts as they are needed (the first by pool_warm,
 * others when a run finds all busy), gives them runs, tells the sink what they report,
 * ends runs that take too long, restarts hosts that died (at once the first time, then
 * after a growing pause), and lets nothing survive: when a run is over, so is every
 * process that it started, also those that left its process group.
 *
 * At most as many runs are on as there are jobs. Hosts that are idle wait for the next run, but no more
 * than POOL_IDLE beside the busy ones where there are several packages: then the one that was used
 * least lately leaves, and its package gets another when it needs one.
 *
 * A run ends exactly once, by sink.finished, whatever happened: the host said "exited",
 * or died, or had to be killed. Before it, all results, looks and output that were sent
 * have been told.
 *
 * Nothing here reads a clock: `now` is monotonic milliseconds, pool_deadline says when to
 * call again. Ask for the deadline before each wait: what begins inside a poller's
 * callback, where the time is not known, counts from the next tick, and the deadline is
 * then 0: at once.
 *
 * The sink is called from the poller's callbacks and from pool_tick, never inside another
 * function of the pool. In each of its calls every function of the pool but pool_free and
 * pool_tick may be used.
 *
 * The pool makes this process adopt orphans ("child subreaper"), so that what a dead host
 * leaves comes to us, and takes each child of this process in another session for such an
 * orphan: one pool a process, and other children stay in our session. */

#include "daemon/base/poller.h"
#include "proto/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_settings {
    const char *package;     /* whose hosts; "": the root's */
    const char *const *argv; /* how to start a host, NULL at the end; the pool appends
                              * "--orders N --reports N --looks N" */
    const char *directory;   /* working directory of hosts */
    const char
        *preload; /* a library to be loaded into them before all others; NULL: none */
    int64_t timeout_ms; /* the longest a file of a run may take; 0: no limit */
    int processes; /* most processes of a run at a time, as far as they are seen; 0: no
                         * limit */
};

enum pool_end {
    POOL_EXITED,    /* the child ended by itself; see done, status, signal */
    POOL_TIMEOUT,   /* over its time, killed */
    POOL_CROWD,     /* too many processes at a time, killed */
    POOL_CANCELLED, /* pool_cancel */
    POOL_HOST_DIED, /* the host, not the child, went away */
    /* No host could be had, nothing of it was ever run; sink.unfit tells why. */
    POOL_UNSTARTED,
};

struct pool_finished {
    int64_t run;
    enum pool_end end;
    bool done; /* the framework had told all results before */
    /* Something that it sent could not be read: a result or a look is missing. */
    bool lost;
    /* Of the child. Signal 0: it exited with status; -1 and 0: not known. */
    int64_t status, signal;
    const char *test; /* the one that was running, or NULL */
    /* The last POOL_OUTPUT_KEPT bytes of stdout and stderr, NUL-terminated. */
    const char *output;
    size_t output_length;
    int64_t output_total; /* bytes printed in all */
    int64_t timeout_ms;   /* the limits it was under; 0: none */
    int processes;
};
enum { POOL_OUTPUT_KEPT = 64 << 10 };

struct pool_sink {
    void *owner;
    /* A host is ready; told for each. REPORT is borrowed. */
    void (*ready)(void *owner, const char *package, const struct report *report);
    /* No host can be had for PACKAGE: the interpreter does not start, or says it is unfit. MESSAGE
     * tells what to do. The pool tries again after a pause, and at once on pool_warm. */
    void (*unfit)(void *owner, const char *package, const char *message);
    void (*classified)(void *owner, const char *package, const struct report *report);
    /* An answer to pool_ask_blocks. */
    void (*blocks)(void *owner, const struct report *report);
    /* started, test, result, through, look, wrote; report->run tells which. */
    void (*report)(void *owner, const struct report *report);
    void (*output)(void *owner, int64_t run, const char *bytes, size_t length);
    void (*finished)(void *owner, const struct pool_finished *finished);
    /* A place became free: pool_start may succeed now. */
    void (*room)(void *owner);
};

struct pool;

enum { POOL_IDLE = 6 };

/* JOBS: most runs at a time, >= 1. POLLER is borrowed. Starts nothing. */
struct pool *pool_new(int jobs, struct poller *poller, const struct pool_sink *sink);
void pool_jobs(struct pool *pool, int jobs);
/* Kills what runs, without sink calls, and waits for it. */
void pool_free(struct pool *pool);

/* How hosts of a package are started, from now on. Those that are idle are replaced now, busy ones after
 * their run. Everything in SETTINGS is copied. Before anything else is asked of that package. */
void pool_configure(struct pool *pool, const struct pool_settings *settings);
/* There is no such package any more: its hosts leave, busy ones after their run; what was asked of them
 * is not answered. */
void pool_dissolve(struct pool *pool, const char *package);
/* Replace all hosts (something that they have loaded has changed): idle ones now, busy
 * ones after their run. */
void pool_refresh(struct pool *pool);

/* Have a host of PACKAGE ready, and forget any pause before the next try. */
void pool_warm(struct pool *pool, const char *package);
/* Asks a ready host of PACKAGE which PATHS are test files; the answer comes by sink.classified with
 * ID. -EAGAIN where no host is ready (ask again when ready is told: one is being started). It is asked
 * again by the pool if the host dies meanwhile. */
int pool_classify(struct pool *pool, const char *package, int64_t id,
                  const char *const *paths, size_t count);
/* The same for what sources are made of; the answer comes by sink.blocks. */
int pool_ask_blocks(struct pool *pool, const char *package, int64_t id,
                    const char *const *paths, size_t count);
/* Runs FILES (NULL at the end) of PACKAGE as number RUN in one process, the tests FIRST (NULL at the end;
 * or NULL) before the others. -EAGAIN where all places are taken; a host that is still
 * starting counts as a place and gets the run when it is ready. */
int pool_start(struct pool *pool, const char *package, int64_t run,
               const char *const *files, const char *const *first, int64_t now);
/* TERM, after a second KILL, to all processes of the run; sink.finished follows. */
void pool_cancel(struct pool *pool, int64_t run, int64_t now);

/* What the hosts that are ready keep for the next runs. */
struct pool_warmth {
    int64_t hosts, spares, layers;
};
struct pool_warmth pool_warmth(const struct pool *pool);
/* VISIT gets each folder whose runs have no layer, and why; one of several hosts may come several
 * times. Returns how many more some host has. */
int64_t pool_each_cold(const struct pool *pool,
                       void (*visit)(void *visitor, const char *folder, const char *why),
                       void *visitor);

/* Places that pool_start would find. */
int pool_places(const struct pool *pool);
/* When pool_tick must be called; INT64_MAX: never. */
int64_t pool_deadline(const struct pool *pool);
void pool_tick(struct pool *pool, int64_t now);

#endif
