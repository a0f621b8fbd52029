#include "daemon/worker/pool.h"

#include "daemon/base/xalloc.h"
#include "daemon/worker/host.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

/* ---- settings ---- */

static void settings_take(struct pool *pool, const struct pool_settings *settings)
{
    assert(settings->argv[0] != NULL && settings->jobs >= 1);
    size_t count = 0;
    while (settings->argv[count] != NULL)
        count++;
    pool->argv = xcalloc(count + 1, sizeof *pool->argv);
    for (size_t i = 0; i < count; i++)
        pool->argv[i] = xstrdup(settings->argv[i]);
    pool->directory = xstrdup(settings->directory);
    pool->preload = settings->preload != NULL ? xstrdup(settings->preload) : NULL;
    pool->jobs = settings->jobs;
    pool->timeout_ms = settings->timeout_ms;
}

static void settings_drop(struct pool *pool)
{
    for (char **arg = pool->argv; *arg != NULL; arg++)
        free(*arg);
    free(pool->argv);
    free(pool->directory);
    free(pool->preload);
}

/* ---- hosts ---- */

/* Hosts that take part: usable, or busy to the end of their run. */
static int count_live(const struct pool *pool)
{
    int live = 0;
    for (size_t i = 0; i < pool->count; i++)
        live += host_usable(pool->hosts[i]) || pool->hosts[i]->run != NULL;
    return live;
}

struct host *pool_find_free(const struct pool *pool, bool ready)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        if (host_usable(host) && host->run == NULL &&
            (host->state == HOST_READY) == ready)
            return host;
    }
    return NULL;
}

static struct host *add_host(struct pool *pool)
{
    int error = 0;
    struct host *host = host_start(pool, &error);
    if (host == NULL) {
        free(pool->trouble);
        pool->trouble = xasprintf("cannot start %s: %s", pool->argv[0], strerror(-error));
        due_in(&pool->soon, 0);
        pool_failed(pool);
        return NULL;
    }
    pool->hosts = xgrow(pool->hosts, pool->count, &pool->capacity, sizeof *pool->hosts);
    pool->hosts[pool->count++] = host;
    return host;
}

void pool_fill(struct pool *pool)
{
    if (!pool->keep || due_is_set(&pool->pause) || count_live(pool) >= pool->jobs)
        return;
    for (size_t i = 0; i < pool->count; i++)
        if (host_usable(pool->hosts[i]))
            return;
    add_host(pool);
}

void pool_works(struct pool *pool)
{
    pool->failures = 0;
    due_clear(&pool->pause);
}

void pool_failed(struct pool *pool)
{
    static const int64_t pauses[] = {0, 500, 1000, 2000, 5000};
    enum { PAUSES = sizeof pauses / sizeof *pauses };
    due_in(&pool->pause, pauses[pool->failures < PAUSES ? pool->failures : PAUSES - 1]);
    if (pool->failures < PAUSES)
        pool->failures++;
}

/* ---- news ---- */

void pool_tell_finished(struct pool *pool, struct run *run)
{
    struct pool_finished finished = {.run = run->number,
                                     .end = run->end,
                                     .done = run->done,
                                     .lost = run->lost,
                                     .status = run->status,
                                     .signal = run->signal,
                                     .test = run->test,
                                     .output_total = run->output.total};
    finished.output = tail_kept(&run->output, &finished.output_length);
    pool->sink.finished(pool->sink.owner, &finished);
    run_free(run);
}

void pool_tell_room(struct pool *pool)
{
    if (pool_places(pool) > 0)
        pool->sink.room(pool->sink.owner);
}

static void end_unbegun(struct pool *pool, struct run *run, enum pool_end end)
{
    run->end = end;
    struct run **last = &pool->over;
    while (*last != NULL)
        last = &(*last)->next;
    *last = run;
    due_in(&pool->soon, 0);
}

static void tell_soon(struct pool *pool)
{
    autofree char *trouble = pool->trouble;
    pool->trouble = NULL;
    if (trouble != NULL)
        pool->sink.unfit(pool->sink.owner, trouble);
    bool any = pool->over != NULL;
    while (pool->over != NULL) {
        struct run *run = pool->over;
        pool->over = run->next;
        pool_tell_finished(pool, run);
    }
    if (any)
        pool_tell_room(pool);
}

/* ---- orders from above ---- */

struct pool *pool_new(const struct pool_settings *settings, struct poller *poller,
                      const struct pool_sink *sink)
{
    struct pool *pool = xcalloc(1, sizeof *pool);
    settings_take(pool, settings);
    pool->poller = poller;
    pool->sink = *sink;
    pool->reap_fd = -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return pool;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++)
        host_free(pool->hosts[i]);
    pool->count = 0;
    pool_clear(pool);
    while (pool->over != NULL) {
        struct run *run = pool->over;
        pool->over = run->next;
        run_free(run);
    }
    pool_forget_questions(pool);
    free(pool->hosts);
    free(pool->trouble);
    settings_drop(pool);
    free(pool);
}

static void attach(struct pool *pool, struct host *host, struct run *run)
{
    if (host == NULL)
        end_unbegun(pool, run, POOL_UNSTARTED);
    else
        host->run = run;
}

void pool_refresh(struct pool *pool, int64_t now)
{
    (void)now;
    struct run *homeless = NULL;
    pool_works(pool); /* what is new may be the cure */
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        bool usable = host_usable(host);
        host->outdated =
            true; /* one on its way out, too: it is no failure of the new kind */
        if (!usable)
            continue;
        pool_forget_asked(pool, host);
        if (host->run != NULL && host->run->given)
            continue;
        if (host->run != NULL) {
            host->run->next = homeless;
            homeless = host->run;
            host->run = NULL;
        }
        host_dismiss(host);
    }
    while (homeless != NULL) {
        struct run *run = homeless;
        homeless = run->next;
        run->next = NULL;
        attach(pool, add_host(pool), run);
    }
    pool_fill(pool);
}

void pool_reconfigure(struct pool *pool, const struct pool_settings *settings,
                      int64_t now)
{
    settings_drop(pool);
    settings_take(pool, settings);
    pool_refresh(pool, now);
}

void pool_warm(struct pool *pool, int64_t now)
{
    (void)now;
    pool->keep = true;
    pool_works(pool);
    pool_fill(pool);
}

int pool_start(struct pool *pool, int64_t run, const char *const *files,
               const char *const *first, int64_t now)
{
    pool->keep = true;
    struct host *host = pool_find_free(pool, true);
    /* After a failure only a host that got ready is to be trusted. */
    if (host == NULL && pool->failures == 0) {
        host = pool_find_free(pool, false);
        if (host == NULL && count_live(pool) < pool->jobs)
            host = add_host(pool);
    }
    if (host == NULL) {
        pool_fill(pool);
        return -EAGAIN;
    }
    host->run = run_new(run, files, first);
    if (host->state == HOST_READY)
        host_give(host, &now);
    return 0;
}

void pool_cancel(struct pool *pool, int64_t run, int64_t now)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        if (host->run == NULL || host->run->number != run)
            continue;
        if (host->run->given) {
            host_stop_run(host, POOL_CANCELLED, now);
        } else {
            struct run *unbegun = host->run;
            host->run = NULL;
            end_unbegun(pool, unbegun, POOL_CANCELLED);
        }
        return;
    }
}

int pool_places(const struct pool *pool)
{
    int places = pool->failures == 0 ? pool->jobs - count_live(pool) : 0;
    if (places < 0)
        places = 0;
    for (size_t i = 0; i < pool->count; i++) {
        const struct host *host = pool->hosts[i];
        places += host_usable(host) && host->run == NULL &&
                  (host->state == HOST_READY || pool->failures == 0);
    }
    return places;
}

/* ---- what is kept warm ---- */

struct pool_warmth pool_warmth(const struct pool *pool)
{
    struct pool_warmth warmth = {0};
    for (size_t i = 0; i < pool->count; i++) {
        const struct host *host = pool->hosts[i];
        if (host->state != HOST_READY)
            continue;
        warmth.hosts++;
        warmth.spares += host->warm.spares;
        warmth.layers += host->warm.layers;
    }
    return warmth;
}

int64_t pool_each_cold(const struct pool *pool,
                       void (*visit)(void *visitor, const char *folder, const char *why),
                       void *visitor)
{
    int64_t more = 0;
    for (size_t i = 0; i < pool->count; i++) {
        const struct host *host = pool->hosts[i];
        if (host->state != HOST_READY)
            continue;
        for (size_t k = 0; k < host->warm.cold_count; k++)
            visit(visitor, host->warm.colds[k].folder, host->warm.colds[k].why);
        if (host->warm.more > more)
            more = host->warm.more;
    }
    return more;
}

/* ---- time ---- */

static int64_t sooner(int64_t deadline, const struct due *due)
{
    int64_t other = due_deadline(due);
    return other < deadline ? other : deadline;
}

int64_t pool_deadline(const struct pool *pool)
{
    int64_t deadline = sooner(INT64_MAX, &pool->pause);
    deadline = sooner(deadline, &pool->soon);
    deadline = sooner(deadline, &pool->reap_limit);
    for (size_t i = 0; i < pool->count; i++) {
        deadline = sooner(deadline, &pool->hosts[i]->due);
        if (pool->hosts[i]->run != NULL)
            deadline = sooner(deadline, &pool->hosts[i]->run->due);
    }
    return deadline;
}

void pool_tick(struct pool *pool, int64_t now)
{
    for (size_t i = 0; i < pool->count; i++)
        host_tick(pool->hosts[i], now);
    if (due_reached(&pool->soon, now))
        tell_soon(pool);
    if (due_reached(&pool->pause, now))
        pool_fill(pool);
    if (due_reached(&pool->reap_limit, now))
        pool_give_up(pool);
}
