#include "daemon/worker/pool.h"

#include "daemon/base/xalloc.h"
#include "daemon/worker/host.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

/* ---- teams ---- */

static void settings_take(struct team *team, const struct pool_settings *settings)
{
    assert(settings->argv[0] != NULL);
    size_t count = 0;
    while (settings->argv[count] != NULL)
        count++;
    team->argv = xcalloc(count + 1, sizeof *team->argv);
    for (size_t i = 0; i < count; i++)
        team->argv[i] = xstrdup(settings->argv[i]);
    team->directory = xstrdup(settings->directory);
    team->preload = settings->preload != NULL ? xstrdup(settings->preload) : NULL;
    team->timeout_ms = settings->timeout_ms;
    team->processes = settings->processes;
}

static void settings_drop(struct team *team)
{
    for (char **arg = team->argv; arg != NULL && *arg != NULL; arg++)
        free(*arg);
    free(team->argv);
    free(team->directory);
    free(team->preload);
    team->argv = NULL;
    team->directory = team->preload = NULL;
}

struct team *pool_team(const struct pool *pool, const char *package)
{
    struct team *team = pool->teams;
    while (team != NULL && strcmp(team->package, package) != 0)
        team = team->next;
    return team;
}

static struct team *add_team(struct pool *pool, const char *package)
{
    struct team **last = &pool->teams;
    while (*last != NULL)
        last = &(*last)->next;
    *last = xcalloc(1, sizeof **last);
    (*last)->package = xstrdup(package);
    return *last;
}

void pool_works(struct team *team)
{
    team->failures = 0;
    due_clear(&team->pause);
}

void pool_failed(struct team *team)
{
    static const int64_t pauses[] = {0, 500, 1000, 2000, 5000};
    enum { PAUSES = sizeof pauses / sizeof *pauses };
    due_in(&team->pause, pauses[team->failures < PAUSES ? team->failures : PAUSES - 1]);
    if (team->failures < PAUSES)
        team->failures++;
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

static int count_busy(const struct pool *pool)
{
    int busy = 0;
    for (size_t i = 0; i < pool->count; i++)
        busy += pool->hosts[i]->run != NULL;
    return busy;
}

struct host *pool_find_free(const struct pool *pool, const struct team *team, bool ready)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        if (host->team == team && host_usable(host) && host->run == NULL &&
            (host->state == HOST_READY) == ready)
            return host;
    }
    return NULL;
}

static bool has_usable(const struct pool *pool, const struct team *team)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->hosts[i]->team == team && host_usable(pool->hosts[i]))
            return true;
    return false;
}

/* Who of the other teams has had nothing to do for the longest time. */
static struct host *find_idle(const struct pool *pool, const struct team *team)
{
    struct host *idle = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        if (host->team != team && host_usable(host) && host->state == HOST_READY &&
            host->run == NULL && !pool_is_asked(pool, host) &&
            (idle == NULL || host->used < idle->used))
            idle = host;
    }
    return idle;
}

/* A place for one more host of TEAM. Where there are too many, one that is idle goes; its package gets
 * another one when it is needed again. */
static bool make_room(struct pool *pool, const struct team *team)
{
    if (count_live(pool) < pool->jobs + (pool->teams->next != NULL ? POOL_IDLE : 0))
        return true;
    struct host *idle = find_idle(pool, team);
    if (idle == NULL)
        return false;
    idle->outdated = true;
    idle->team->keep = has_usable(pool, idle->team);
    host_dismiss(idle);
    return true;
}

static struct host *add_host(struct pool *pool, struct team *team)
{
    int error = 0;
    struct host *host = team->argv != NULL ? host_start(pool, team, &error) : NULL;
    if (team->argv == NULL)
        return NULL;
    if (host == NULL) {
        free(team->trouble);
        team->trouble = xasprintf("cannot start %s: %s", team->argv[0], strerror(-error));
        due_in(&pool->soon, 0);
        pool_failed(team);
        return NULL;
    }
    pool->hosts = xgrow(pool->hosts, pool->count, &pool->capacity, sizeof *pool->hosts);
    pool->hosts[pool->count++] = host;
    return host;
}

static void fill_team(struct pool *pool, struct team *team)
{
    if (team->keep && !due_is_set(&team->pause) && !has_usable(pool, team) &&
        make_room(pool, team))
        add_host(pool, team);
}

void pool_fill(struct pool *pool)
{
    for (struct team *team = pool->teams; team != NULL; team = team->next)
        fill_team(pool, team);
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
                                     .output_total = run->output.total,
                                     .timeout_ms = run->timeout_ms,
                                     .processes = run->processes};
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

static void tell_trouble(struct pool *pool, struct team *team)
{
    autofree char *trouble = team->trouble;
    team->trouble = NULL;
    if (trouble != NULL)
        pool->sink.unfit(pool->sink.owner, team->package, trouble);
}

static void tell_soon(struct pool *pool)
{
    for (struct team *team = pool->teams; team != NULL; team = team->next)
        tell_trouble(pool, team);
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

struct pool *pool_new(int jobs, struct poller *poller, const struct pool_sink *sink)
{
    assert(jobs >= 1);
    struct pool *pool = xcalloc(1, sizeof *pool);
    pool->jobs = jobs;
    pool->poller = poller;
    pool->sink = *sink;
    pool->reap_fd = -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return pool;
}

void pool_jobs(struct pool *pool, int jobs)
{
    assert(jobs >= 1);
    pool->jobs = jobs;
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
    pool_forget_questions(pool, NULL);
    free(pool->questions);
    free(pool->hosts);
    while (pool->teams != NULL) {
        struct team *team = pool->teams;
        pool->teams = team->next;
        settings_drop(team);
        free(team->package);
        free(team->trouble);
        free(team);
    }
    free(pool);
}

static void attach(struct pool *pool, struct host *host, struct run *run)
{
    if (host == NULL)
        end_unbegun(pool, run, POOL_UNSTARTED);
    else
        host->run = run;
}

static void refresh_team(struct pool *pool, struct team *team)
{
    struct run *homeless = NULL;
    pool_works(team); /* what is new may be the cure */
    for (size_t i = 0; i < pool->count; i++) {
        struct host *host = pool->hosts[i];
        if (host->team != team)
            continue;
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
        attach(pool, add_host(pool, team), run);
    }
    fill_team(pool, team);
}

void pool_refresh(struct pool *pool)
{
    for (struct team *team = pool->teams; team != NULL; team = team->next)
        refresh_team(pool, team);
}

void pool_configure(struct pool *pool, const struct pool_settings *settings)
{
    struct team *team = pool_team(pool, settings->package);
    if (team == NULL) {
        team = add_team(pool, settings->package);
        settings_take(team, settings);
        return;
    }
    settings_drop(team);
    settings_take(team, settings);
    refresh_team(pool, team);
}

void pool_dissolve(struct pool *pool, const char *package)
{
    struct team *team = pool_team(pool, package);
    if (team == NULL || team->argv == NULL)
        return;
    settings_drop(team);
    team->keep = false;
    pool_forget_questions(pool, team);
    refresh_team(pool, team);
}

void pool_warm(struct pool *pool, const char *package)
{
    struct team *team = pool_team(pool, package);
    team->keep = team->argv != NULL;
    pool_works(team);
    fill_team(pool, team);
}

int pool_start(struct pool *pool, const char *package, int64_t run,
               const char *const *files, const char *const *first, int64_t now)
{
    struct team *team = pool_team(pool, package);
    team->keep = team->argv != NULL;
    if (count_busy(pool) >= pool->jobs)
        return -EAGAIN;
    struct host *host = pool_find_free(pool, team, true);
    /* After a failure only a host that got ready is to be trusted. */
    if (host == NULL && team->failures == 0) {
        host = pool_find_free(pool, team, false);
        if (host == NULL && make_room(pool, team))
            host = add_host(pool, team);
    }
    if (host == NULL) {
        fill_team(pool, team);
        return -EAGAIN;
    }
    host->run = run_new(run, files, first);
    host->used = ++pool->uses;
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
    int places = pool->jobs - count_busy(pool);
    int ready = 0;
    bool trusted = false;
    for (const struct team *team = pool->teams; team != NULL; team = team->next)
        trusted |= team->failures == 0;
    for (size_t i = 0; i < pool->count; i++)
        ready += host_usable(pool->hosts[i]) && pool->hosts[i]->run == NULL &&
                 pool->hosts[i]->state == HOST_READY;
    return !trusted && ready < places ? ready : places > 0 ? places : 0;
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

static int64_t run_deadline(int64_t deadline, const struct run *run)
{
    return sooner(sooner(deadline, &run->due), &run->count_due);
}

int64_t pool_deadline(const struct pool *pool)
{
    int64_t deadline = sooner(INT64_MAX, &pool->soon);
    deadline = sooner(deadline, &pool->reap_limit);
    for (const struct team *team = pool->teams; team != NULL; team = team->next)
        deadline = sooner(deadline, &team->pause);
    for (size_t i = 0; i < pool->count; i++) {
        deadline = sooner(deadline, &pool->hosts[i]->due);
        if (pool->hosts[i]->run != NULL)
            deadline = run_deadline(deadline, pool->hosts[i]->run);
    }
    return deadline;
}

void pool_tick(struct pool *pool, int64_t now)
{
    for (size_t i = 0; i < pool->count; i++)
        host_tick(pool->hosts[i], now);
    if (due_reached(&pool->soon, now))
        tell_soon(pool);
    for (struct team *team = pool->teams; team != NULL; team = team->next)
        if (due_reached(&team->pause, now))
            fill_team(pool, team);
    if (due_reached(&pool->reap_limit, now))
        pool_give_up(pool);
}
