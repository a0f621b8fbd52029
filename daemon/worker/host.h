#ifndef WORKER_HOST_H
#define WORKER_HOST_H

/* Inside the pool: a host, the run that it has, and the pool that keeps both.
 *
 * A host starts, is ready, and leaves. Its run is attached to it by pool_start, given to
 * it once it is ready, and ends there. Which hosts there are is pool.c's business; what
 * happens with one of them is host.c's.
 *
 * Sinks are told from the poller's callbacks and from the tick alone. A sink may call the
 * pool again: so a state is brought in order first and told last, and hosts go away only
 * in pool_collect, at the very end of a callback or tick. */

#include "daemon/base/strset.h"
#include "daemon/worker/due.h"
#include "daemon/worker/pool.h"
#include "daemon/worker/tail.h"
#include "daemon/worker/worker.h"

struct run {
    int64_t number;
    char *order;         /* in which it is given */
    char *test;          /* the one that runs now, or NULL */
    struct strset begun; /* files, where several share the process */
    int64_t child;       /* 0: not known yet */
    bool given;          /* the host has the order */
    bool done, lost;
    int64_t status, signal;
    int64_t timeout_ms;
    int processes;
    struct tail output;
    enum pool_end end; /* what it will be told as; POOL_EXITED until something happens */
    enum { RUN_GOES, RUN_ASKED, RUN_KILLED, RUN_HOPELESS } stop;
    struct due due;       /* the next step of its end */
    struct due count_due; /* to look how many processes there are */
    int crowd;            /* on the machine, when it began */
    struct run *next;     /* in pool->over */
};

/* The hosts of one package: how they are started, and how that went. */
struct team {
    struct team *next; /* in pool->teams */
    char *package;
    char **argv; /* NULL: there is no such package any more */
    char *directory, *preload;
    int64_t timeout_ms;
    int processes;    /* of a run at a time; 0: no limit */
    bool keep;        /* one host should be there */
    int failures;     /* hosts that died since the last one that did its work */
    struct due pause; /* until the next try */
    char *trouble;    /* for sink.unfit, at the next tick */
};

struct host {
    struct pool *pool;
    struct team *team;
    struct worker *worker;
    int64_t used; /* pool->uses when it was last */
    enum { HOST_STARTING, HOST_READY, HOST_LEAVING, HOST_GONE } state;
    bool outdated; /* leaves after its run, as it should; else its end is a failure */
    bool was_ready;
    bool late; /* killed because it did not get ready */
    bool told; /* what is wrong with it has been told */
    struct run *run;
    struct due due;     /* it should be ready, or gone, by then */
    struct tail output; /* before and between runs */
    struct report warm; /* the last that it told; or all zeros */
};

/* Asked until it is answered. ANSWER tells its kind: each kind has numbers of its own. */
struct question {
    int64_t id;
    enum report_type answer;
    char *order;
    struct team *team; /* who can answer */
    struct host *host; /* who was asked; NULL: nobody yet */
};

struct pool {
    struct team *teams;
    int jobs;
    struct poller *poller;
    struct pool_sink sink;

    struct host **hosts;
    size_t count, capacity;
    struct question *questions;
    size_t question_count, question_capacity;

    int64_t uses; /* grows as hosts are used */

    struct run
        *over; /* runs that ended inside a call of the pool: told at the next tick */
    struct due soon; /* that tick */

    /* Readable when a process that hosts left has ended; -1: none is waited for. */
    int reap_fd;
    struct due reap_limit;
};

/* ---- host.c ---- */

/* Starts a host for TEAM. NULL with *RET_ERROR where there is none to be had. */
struct host *host_start(struct pool *pool, struct team *team, int *ret_error);
void host_free(struct host *host);

/* Does it take runs, now or when it is ready? */
bool host_usable(const struct host *host);
/* Gives its run to a host that is ready; its time begins at NOW, or NULL: at the next
 * tick. */
void host_give(struct host *host, const int64_t *now);
void host_ask(struct host *host, struct question *question);
/* No more work for it. It leaves by itself, or is killed a little later. */
void host_dismiss(struct host *host);
/* A test of FILE begins in its run, one of several there: each file has the time that one alone has. */
void host_file_begins(struct host *host, const char *file);
/* The first step towards the end of its run. */
void host_stop_run(struct host *host, enum pool_end end, int64_t now);
void host_tick(struct host *host, int64_t now);
/* Everything about the end of a host whose process is gone, and of all processes that it
 * left. */
void host_gone(struct host *host);

/* Its run is over: tells so, and frees it. */
void host_run_ends(struct host *host);

struct run *run_new(int64_t number, const char *const *files, const char *const *first);
void run_free(struct run *run);

/* ---- hear.c, called by the worker ---- */

void host_line(void *owner, enum worker_stream stream, const char *text, size_t length);
void host_output(void *owner, const char *bytes, size_t length);

/* ---- questions.c ---- */

/* Gives questions that nobody has to a host that can answer. */
void pool_ask(struct pool *pool);
/* REPORT answers what HOST was asked; false where it was not asked that. */
bool pool_answered(struct pool *pool, const struct host *host,
                   const struct report *report);
/* HOST will not answer. */
void pool_forget_asked(struct pool *pool, const struct host *host);
/* Those for TEAM; NULL: all. */
void pool_forget_questions(struct pool *pool, const struct team *team);

/* ---- leave.c ---- */

/* A host's process is gone: kills what it left, and takes leave when that is gone too. */
void pool_collect(struct pool *pool);
/* Takes leave, whatever is left: it cannot be killed. */
void pool_give_up(struct pool *pool);
/* With no host there: kills what is left, and waits for it. */
void pool_clear(struct pool *pool);

/* ---- pool.c, for the others ---- */

/* A host of TEAM that takes a run, ready or starting, or NULL. */
struct host *pool_find_free(const struct pool *pool, const struct team *team, bool ready);
/* The hosts of PACKAGE. */
struct team *pool_team(const struct pool *pool, const char *package);
/* Is HOST asked something? */
bool pool_is_asked(const struct pool *pool, const struct host *host);

/* RUN is over, told and freed. */
void pool_tell_finished(struct pool *pool, struct run *run);
void pool_tell_room(struct pool *pool);
/* A host has done work: the next death is a first one again. */
void pool_works(struct team *team);
/* A host died that should not have. */
void pool_failed(struct team *team);
/* Starts what is missing, as far as no pause forbids it. */
void pool_fill(struct pool *pool);

#endif
