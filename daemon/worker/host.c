#include "daemon/worker/host.h"

#include "daemon/base/xalloc.h"
#include "daemon/worker/reap.h"

#include <assert.h>
#include <string.h>

enum {
    START_LIMIT_MS = 60000,
    LEAVE_LIMIT_MS = 2000,
    TERM_LIMIT_MS = 1000, /* from TERM to KILL */
    COUNT_MS = 250,       /* between two looks at how many processes there are */
    KILL_LIMIT_MS = 2000, /* from KILL to the end of the host itself */
    HOST_IS_POOR = 4,     /* its exit status where it could start no process */
};

/* ---- runs ---- */

struct run *run_new(int64_t number, const char *const *files, const char *const *first)
{
    struct run *run = xcalloc(1, sizeof *run);
    run->number = number;
    run->order = order_encode_run(number, files, first);
    if (run->order == NULL)
        abort(); /* as xalloc does */
    run->status = -1;
    return run;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    tail_finish(&run->output);
    free(run->order);
    free(run->test);
    strset_finish(&run->begun);
    free(run);
}

void host_give(struct host *host, const int64_t *now)
{
    struct run *run = host->run;
    assert(host->state == HOST_READY && !run->given);
    run->given = true;
    run->timeout_ms = host->team->timeout_ms;
    run->processes = host->team->processes;
    host->used = ++host->pool->uses;
    int64_t limit = host->team->timeout_ms;
    if (limit > 0 && now != NULL)
        due_at(&run->due, *now + limit);
    else if (limit > 0)
        due_in(&run->due, limit);
    if (host->team->processes > 0) {
        run->crowd = reap_crowd();
        due_in(&run->count_due, COUNT_MS);
    }
    worker_order(host->worker, run->order);
}

void host_file_begins(struct host *host, const char *file)
{
    struct run *run = host->run;
    int64_t limit = host->team->timeout_ms;
    if (limit > 0 && run->stop == RUN_GOES && strset_add(&run->begun, file))
        due_in(&run->due, limit);
}

void host_stop_run(struct host *host, enum pool_end end, int64_t now)
{
    struct run *run = host->run;
    if (run->stop != RUN_GOES)
        return;
    run->end = end;
    run->stop = RUN_ASKED;
    if (host->state == HOST_GONE)
        return; /* its processes are being killed already */
    due_at(&run->due, now + TERM_LIMIT_MS);
    if (run->child > 0)
        reap_term((pid_t)run->child, worker_pid(host->worker));
}

static void kill_run(struct host *host, int64_t now)
{
    struct run *run = host->run;
    run->stop = RUN_KILLED;
    due_at(&run->due, now + KILL_LIMIT_MS);
    reap_kill_below(worker_pid(host->worker));
}

/* A bomb doubles while it is asked politely. Who is whose child is only looked at where there are
 * many more processes than when the run began. */
static void count_tick(struct host *host, int64_t now)
{
    struct run *run = host->run;
    int most = host->team->processes;
    if (!due_reached(&run->count_due, now) || run->stop != RUN_GOES)
        return;
    due_at(&run->count_due, now + COUNT_MS);
    if (reap_crowd() - run->crowd < most / 2 ||
        reap_count_below(worker_pid(host->worker)) <= (size_t)most)
        return;
    due_clear(&run->count_due);
    run->end = POOL_CROWD;
    kill_run(host, now);
}

static void run_tick(struct host *host, int64_t now)
{
    struct run *run = host->run;
    count_tick(host, now);
    if (!due_reached(&run->due, now))
        return;
    switch (run->stop) {
    case RUN_GOES:
        host_stop_run(host, POOL_TIMEOUT, now);
        break;
    case RUN_ASKED:
        kill_run(host, now);
        break;
    case RUN_KILLED:
        /* The host does not see, or does not say, that its run is gone. What is below it
         * comes to us when it dies. */
        run->stop = RUN_HOPELESS;
        worker_kill(host->worker);
        break;
    case RUN_HOPELESS:
        break;
    }
}

/* The run leaves its host before it is told: the sink may give the host another one. */
void host_run_ends(struct host *host)
{
    struct run *run = host->run;
    struct pool *pool = host->pool;
    host->run = NULL;
    if (host->outdated)
        host_dismiss(host);
    pool_fill(pool);
    pool_tell_finished(pool, run);
    pool_tell_room(pool);
}

/* ---- coming and going ---- */

bool host_usable(const struct host *host)
{
    return !host->outdated && (host->state == HOST_STARTING || host->state == HOST_READY);
}

void host_ask(struct host *host, struct question *question)
{
    question->host = host;
    host->used = ++host->pool->uses;
    worker_order(host->worker, question->order);
}

void host_dismiss(struct host *host)
{
    if (host->state == HOST_GONE)
        return;
    host->state = HOST_LEAVING;
    due_in(&host->due, LEAVE_LIMIT_MS);
    worker_dismiss(host->worker);
}

static void on_mute(void *owner)
{
    host_dismiss(owner);
}

static void on_gone(void *owner)
{
    struct host *host = owner;
    host->state = HOST_GONE;
    due_clear(&host->due);
    if (host->run != NULL) {
        due_clear(&host->run->due);
        due_clear(&host->run->count_due);
    }
    pool_collect(host->pool);
}

struct host *host_start(struct pool *pool, struct team *team, int *ret_error)
{
    struct host *host = xcalloc(1, sizeof *host);
    host->pool = pool;
    host->team = team;
    host->used = ++pool->uses;
    const struct worker_sink sink = {.owner = host,
                                     .line = host_line,
                                     .output = host_output,
                                     .mute = on_mute,
                                     .exited = on_gone};
    int r = worker_start(&host->worker, (const char *const *)team->argv, team->directory,
                         team->preload, pool->poller, &sink);
    if (r < 0) {
        free(host);
        *ret_error = r;
        return NULL;
    }
    due_in(&host->due, START_LIMIT_MS);
    return host;
}

void host_free(struct host *host)
{
    worker_free(host->worker);
    run_free(host->run);
    tail_finish(&host->output);
    report_finish(&host->warm);
    free(host);
}

void host_tick(struct host *host, int64_t now)
{
    if (host->run != NULL)
        run_tick(host, now);
    if (due_reached(&host->due, now)) {
        host->late = host->state == HOST_STARTING;
        worker_kill(host->worker);
    }
}

/* Why there is no host, for people. */
static char *death_message(const struct host *host)
{
    bool executed = false;
    autofree char *fate = worker_fate(host->worker, &executed);
    if (!executed)
        return xstrdup(fate);
    autofree char *words =
        tail_last_lines(host->run != NULL ? &host->run->output : &host->output);
    const char *colon = words[0] != '\0' ? ":\n" : "";
    const char *program = host->team->argv != NULL ? host->team->argv[0] : "?";
    if (host->late)
        return xasprintf("the worker host (%s) was not ready after %d seconds%s%s",
                         program, START_LIMIT_MS / 1000, colon, words);
    return xasprintf("the worker host (%s) ended with %s%s%s%s", program, fate,
                     !host->was_ready    ? " before it was ready"
                     : host->run == NULL ? " while it had nothing to do"
                                         : "",
                     colon, words);
}

/* It could start no process, and nothing of what it was to run has run: the machine's fault, not the tests'. */
static bool was_poor(const struct host *host)
{
    return worker_exited_with(host->worker, HOST_IS_POOR) &&
           (host->run == NULL || host->run->child == 0);
}

static void tell_death(struct host *host, bool was_idle)
{
    struct pool *pool = host->pool;
    /* One that was ready is replaced without a word; it is trouble when that happens in a
     * row. */
    bool in_a_row = was_idle && host->team->failures > 1;
    if (host->told || (host->was_ready && !in_a_row && !was_poor(host)))
        return;
    autofree char *message = death_message(host);
    pool->sink.unfit(pool->sink.owner, host->team->package, message);
}

void host_gone(struct host *host)
{
    bool was_idle = host->run == NULL;
    if (!host->outdated)
        pool_failed(host->team);
    worker_drain(host->worker, WORKER_REPORTS);
    bool torn = worker_drain(host->worker, WORKER_LOOKS);
    worker_drain(host->worker, WORKER_OUTPUT);
    if (!host->outdated)
        tell_death(host, was_idle);
    struct run *run = host->run;
    if (run == NULL) {
        pool_fill(host->pool);
        return;
    }
    run->lost |= torn;
    if (run->stop == RUN_GOES)
        run->end = run->given && !was_poor(host) ? POOL_HOST_DIED : POOL_UNSTARTED;
    host_run_ends(host);
}
