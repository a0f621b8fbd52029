#include "daemon/loop.h"

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/poller.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/engine.h"
#include "daemon/index/index.h"
#include "daemon/serve/server.h"
#include "daemon/watch/watcher.h"
#include "daemon/worker/pool.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* After a crash numbers go on from a reserved one: no number is ever given out twice. */
enum { SEQ_RESERVE = 4096 };

struct slot {
    ev_io io;
    poller_ready *ready;
    void *owner;
};

struct loop {
    struct poller poller; /* first: rooms see this */
    struct ev_loop *ev;
    ev_timer timer;
    ev_prepare prepare;
    struct slot **slots; /* by descriptor */
    size_t slot_count;

    struct loop_settings settings;
    struct config config;
    struct ignore *ignore;
    struct watcher *watcher;
    struct pool *pool;
    struct server *server;
    struct engine *engine;
    int signals;
    int64_t reserved; /* sequence numbers up to here are marked as used in the index */

    /* What a room told while another one was being called: done before the next wait, so that no
     * room is ever entered twice. */
    char *unfit, *lost;
    bool room, root_changed, root_there, reload, stop;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* ---- the poller that rooms see ---- */

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    struct slot *slot = io->data;
    unsigned events = 0;
    if (revents & EV_READ)
        events |= POLLER_READ;
    if (revents & EV_WRITE)
        events |= POLLER_WRITE;
    if (events != 0 && slot->ready != NULL)
        slot->ready(slot->owner, io->fd, events);
}

static void want(struct poller *poller, int fd, unsigned events, poller_ready *ready,
                 void *owner)
{
    struct loop *loop = (struct loop *)poller;
    while ((size_t)fd >= loop->slot_count) {
        size_t count = loop->slot_count != 0 ? loop->slot_count * 2 : 64;
        loop->slots = xrealloc(loop->slots, count * sizeof *loop->slots);
        for (size_t i = loop->slot_count; i < count; i++)
            loop->slots[i] = NULL;
        loop->slot_count = count;
    }
    struct slot *slot = loop->slots[fd];
    if (slot == NULL) {
        if (events == 0)
            return;
        slot = loop->slots[fd] = xcalloc(1, sizeof *slot);
        ev_init(&slot->io, on_io);
        slot->io.data = slot;
    }
    ev_io_stop(loop->ev, &slot->io);
    slot->ready = ready;
    slot->owner = owner;
    if (events == 0)
        return;
    int mask = 0;
    if (events & POLLER_READ)
        mask |= EV_READ;
    if (events & POLLER_WRITE)
        mask |= EV_WRITE;
    ev_io_set(&slot->io, fd, mask);
    ev_io_start(loop->ev, &slot->io);
}

/* ---- what the engine asks of the world ---- */

static int port_start(void *owner, int64_t run, const char *file)
{
    struct loop *loop = owner;
    return pool_start(loop->pool, run, file, now_ms());
}

static void port_cancel(void *owner, int64_t run)
{
    struct loop *loop = owner;
    pool_cancel(loop->pool, run, now_ms());
}

static int port_classify(void *owner, int64_t id, const char *const *paths, size_t count)
{
    struct loop *loop = owner;
    return pool_classify(loop->pool, id, paths, count);
}

static void port_warm(void *owner)
{
    struct loop *loop = owner;
    pool_warm(loop->pool, now_ms());
}

static void port_refresh(void *owner)
{
    struct loop *loop = owner;
    pool_refresh(loop->pool, now_ms());
}

static void port_sync(void *owner, uint64_t cookie)
{
    struct loop *loop = owner;
    watcher_sync(loop->watcher, cookie);
}

static int port_crawl(void *owner, void (*found)(void *, const char *, bool),
                      void *engine)
{
    struct loop *loop = owner;
    return watcher_crawl(loop->watcher, found, engine);
}

static void port_follow(void *owner, const char *folder)
{
    struct loop *loop = owner;
    watcher_follow(loop->watcher, folder);
}

/* Reserved in blocks: the index is written once in many numbers. */
static void reserve_seq(struct loop *loop)
{
    if (server_seq(loop->server) < loop->reserved)
        return;
    loop->reserved = server_seq(loop->server) + SEQ_RESERVE;
    int error = index_set_number(loop->settings.index, "seq", loop->reserved);
    if (error < 0)
        log_error("cannot store the sequence number: %s", strerror(-error));
}

static bool port_ignored(void *owner, const char *path)
{
    const struct loop *loop = owner;
    return ignore_matches(loop->ignore, path, false);
}

static void port_publish(void *owner, enum topic topic, json_t *params)
{
    struct loop *loop = owner;
    server_publish(loop->server, topic, params);
    reserve_seq(loop);
}

static bool port_listened(void *owner, enum topic topic)
{
    const struct loop *loop = owner;
    return server_listened(loop->server, topic);
}

static void port_resnapshot(void *owner, const char *why)
{
    struct loop *loop = owner;
    server_resnapshot(loop->server, why);
}

static void port_reply(void *owner, uint64_t ticket, json_t *result)
{
    struct loop *loop = owner;
    server_reply(loop->server, ticket, result);
}

static void port_refuse(void *owner, uint64_t ticket, const struct fault *fault)
{
    struct loop *loop = owner;
    server_refuse(loop->server, ticket, fault);
}

static int64_t port_seq(void *owner)
{
    const struct loop *loop = owner;
    return server_seq(loop->server);
}

static void port_settings(void *owner)
{
    struct loop *loop = owner;
    loop->reload = true;
}

static void port_stop(void *owner)
{
    struct loop *loop = owner;
    loop->stop = true;
}

static int64_t port_wall(void *owner)
{
    (void)owner;
    return clock_ms(CLOCK_REALTIME);
}

/* ---- what the rooms tell ---- */

static void keep(char **text, const char *with)
{
    free(*text);
    *text = xstrdup(with);
}

static void on_changed(void *owner, const char *path, enum watcher_change change)
{
    struct loop *loop = owner;
    engine_changed(loop->engine, path, change == WATCHER_ENTRY, now_ms());
}

static void on_synced(void *owner, uint64_t cookie)
{
    struct loop *loop = owner;
    engine_synced(loop->engine, cookie, now_ms());
}

static void on_lost(void *owner, const char *why)
{
    struct loop *loop = owner;
    keep(&loop->lost, why);
}

static void on_degraded(void *owner, const char *message)
{
    struct loop *loop = owner;
    engine_degraded(loop->engine, message);
}

static void on_root(void *owner, bool there)
{
    struct loop *loop = owner;
    loop->root_changed = true;
    loop->root_there = there;
}

static void on_ready(void *owner, const struct report *report)
{
    struct loop *loop = owner;
    engine_ready(loop->engine, report, now_ms());
}

static void on_unfit(void *owner, const char *message)
{
    struct loop *loop = owner;
    keep(&loop->unfit, message);
}

static void on_classified(void *owner, const struct report *report)
{
    struct loop *loop = owner;
    engine_classified(loop->engine, report, now_ms());
}

static void on_report(void *owner, const struct report *report)
{
    struct loop *loop = owner;
    engine_report(loop->engine, report, now_ms());
}

static void on_output(void *owner, int64_t run, const char *bytes, size_t length)
{
    struct loop *loop = owner;
    engine_output(loop->engine, run, bytes, length);
}

static bool tell_unfit(struct loop *loop)
{
    if (loop->unfit == NULL)
        return false;
    autofree char *message = loop->unfit;
    loop->unfit = NULL;
    engine_unfit(loop->engine, message, now_ms());
    return true;
}

static enum engine_end end_of(enum pool_end end)
{
    switch (end) {
    case POOL_EXITED:
        return ENGINE_EXITED;
    case POOL_TIMEOUT:
        return ENGINE_TIMEOUT;
    case POOL_CANCELLED:
    case POOL_UNSTARTED: /* wanted again once there is a worker */
        return ENGINE_CANCELLED;
    case POOL_HOST_DIED:
        break;
    }
    return ENGINE_HOST_DIED;
}

static void on_finished(void *owner, const struct pool_finished *finished)
{
    struct loop *loop = owner;
    if (finished->end == POOL_UNSTARTED)
        tell_unfit(loop); /* first why, or it would be started again at once */
    engine_finished(loop->engine,
                    &(struct engine_finished){.run = finished->run,
                                              .end = end_of(finished->end),
                                              .done = finished->done,
                                              .lost = finished->lost,
                                              .status = finished->status,
                                              .signal = finished->signal,
                                              .test = finished->test,
                                              .output = finished->output,
                                              .output_total = finished->output_total,
                                              .timeout_ms = loop->config.timeout_ms},
                    now_ms());
}

static void on_room(void *owner)
{
    struct loop *loop = owner;
    loop->room = true;
}

static void on_request(void *owner, uint64_t ticket, const struct request *request)
{
    struct loop *loop = owner;
    engine_request(loop->engine, ticket, request, now_ms());
}

static json_t *on_snapshot(void *owner)
{
    struct loop *loop = owner;
    return engine_snapshot(loop->engine);
}

static void on_log(void *owner, const char *why)
{
    (void)owner;
    log_info("%s", why);
}

/* ---- settings ---- */

static struct pool *make_or_change_pool(struct loop *loop, const struct pool_sink *sink)
{
    const struct config *config = &loop->config;
    size_t count = 0;
    size_t capacity = 0;
    const char **argv = NULL;
    autofree char *python = loop->settings.python != NULL
                                ? xstrdup(loop->settings.python)
                                : config_python(config, loop->settings.root);
    autofree char *host = path_join(loop->settings.plugin, "sniffer_host.py");
    struct {
        char **items;
        size_t count, capacity;
    } owned = {0};
    const char *const fixed[] = {
        python, "-B", host, "--root", loop->settings.root, "--framework", "nose"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        argv = xgrow(argv, count, &capacity, sizeof *argv);
        argv[count++] = fixed[i];
    }
    for (int list = 0; list < 2; list++) {
        char **items = list == 0 ? config->args : config->env;
        for (size_t i = 0; items != NULL && items[i] != NULL; i++) {
            owned.items =
                xgrow(owned.items, owned.count, &owned.capacity, sizeof *owned.items);
            char *text = xasprintf(list == 0 ? "--arg=%s" : "--env=%s", items[i]);
            owned.items[owned.count++] = text;
            argv = xgrow(argv, count, &capacity, sizeof *argv);
            argv[count++] = text;
        }
    }
    argv = xgrow(argv, count, &capacity, sizeof *argv);
    argv[count] = NULL;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int jobs = loop->settings.jobs != 0 ? loop->settings.jobs : config->jobs;
    struct pool_settings settings = {
        .argv = argv,
        .directory = loop->settings.root,
        .jobs = jobs != 0 ? jobs : (processors > 0 ? (int)processors : 1),
        .timeout_ms = config->timeout_ms};
    struct pool *pool = loop->pool;
    if (pool != NULL)
        pool_reconfigure(pool, &settings, now_ms());
    else
        pool = pool_new(&settings, &loop->poller, sink);
    for (size_t i = 0; i < owned.count; i++)
        free(owned.items[i]);
    free(owned.items);
    free(argv);
    return pool;
}

static void set_ignore(struct loop *loop)
{
    char **patterns = loop->config.ignore;
    size_t count = 0;
    while (patterns != NULL && patterns[count] != NULL)
        count++;
    ignore_set(loop->ignore, (const char *const *)patterns, count);
}

static void reload(struct loop *loop)
{
    struct config fresh;
    char *message = NULL;
    if (config_load(loop->settings.root, &fresh, &message) < 0) {
        engine_configured(loop->engine, message, now_ms());
        free(message);
        return;
    }
    bool same = config_equal(&fresh, &loop->config);
    bool same_ignore = config_list_equal(fresh.ignore, loop->config.ignore);
    config_finish(&loop->config);
    loop->config = fresh;
    set_ignore(loop);
    if (!same_ignore)
        keep(&loop->lost, "the ignore setting is another one");
    engine_configured(loop->engine, NULL, now_ms());
    if (same)
        return;
    log_info("new settings");
    make_or_change_pool(loop, NULL);
    pool_warm(loop->pool, now_ms());
}

/* ---- waiting ---- */

static bool do_pending(struct loop *loop)
{
    bool any = false;
    if (loop->reload) {
        loop->reload = false;
        reload(loop);
        any = true;
    }
    if (tell_unfit(loop))
        any = true;
    if (loop->root_changed) {
        loop->root_changed = false;
        engine_root(loop->engine, loop->root_there, now_ms());
        any = true;
    }
    if (loop->lost != NULL) {
        autofree char *why = loop->lost;
        loop->lost = NULL;
        engine_lost(loop->engine, why, now_ms());
        any = true;
    }
    if (loop->room) {
        loop->room = false;
        engine_room(loop->engine, now_ms());
        any = true;
    }
    return any;
}

static void tick(struct loop *loop)
{
    int64_t now = now_ms();
    if (engine_deadline(loop->engine) <= now)
        engine_tick(loop->engine, now);
    if (pool_deadline(loop->pool) <= now)
        pool_tick(loop->pool, now);
    if (server_deadline(loop->server) <= now)
        server_tick(loop->server, now);
}

static int64_t earliest(const struct loop *loop)
{
    int64_t deadline = engine_deadline(loop->engine);
    int64_t other = pool_deadline(loop->pool);
    if (other < deadline)
        deadline = other;
    other = server_deadline(loop->server);
    return other < deadline ? other : deadline;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int revents)
{
    (void)revents;
    struct loop *loop = prepare->data;
    while (do_pending(loop))
        ;
    if (loop->stop) {
        ev_break(ev, EVBREAK_ALL);
        ev_timer_stop(ev, &loop->timer);
        ev_timer_set(&loop->timer, 0., 0.);
        ev_timer_start(ev, &loop->timer);
        return;
    }
    ev_timer_stop(ev, &loop->timer);
    int64_t deadline = earliest(loop);
    if (deadline == INT64_MAX)
        return;
    int64_t left = deadline - now_ms();
    ev_now_update(ev);
    ev_timer_set(&loop->timer, left > 0 ? (double)left / 1000. : 0., 0.);
    ev_timer_start(ev, &loop->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev;
    (void)revents;
    tick(timer->data);
}

static void on_signal(void *owner, int fd, unsigned events)
{
    (void)events;
    struct loop *loop = owner;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            loop->reload = true;
        else
            loop->stop = true;
    }
}

/* ---- life ---- */

static int open_signals(struct loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signals < 0)
        return -errno;
    poller_want(&loop->poller, loop->signals, POLLER_READ, on_signal, loop);
    return 0;
}

static int open_server(struct loop *loop, const struct server_sink *sink)
{
    int64_t epoch = 0;
    int64_t seq = 0;
    struct index *index = loop->settings.index;
    int error = index_number(index, "epoch", 0, &epoch);
    if (error < 0)
        return error;
    if (epoch == 0) {
        uint32_t random = 0;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return -EIO;
        epoch = 1 + (int64_t)random;
        error = index_set_number(index, "epoch", epoch);
    }
    if (error == 0)
        error = index_number(index, "seq", 0, &seq);
    if (error < 0)
        return error;
    loop->server = server_new(&(struct server_settings){.fd = loop->settings.socket,
                                                        .root = loop->settings.root,
                                                        .epoch = epoch,
                                                        .seq = seq},
                              &loop->poller, sink);
    reserve_seq(loop);
    return 0;
}

static void close_rooms(struct loop *loop)
{
    server_free(loop->server, "stop");
    pool_free(loop->pool);
    watcher_close(loop->watcher);
    engine_free(loop->engine);
    ignore_free(loop->ignore);
    if (loop->signals >= 0) {
        poller_drop(&loop->poller, loop->signals);
        close(loop->signals);
    }
    for (size_t i = 0; i < loop->slot_count; i++)
        free(loop->slots[i]);
    free(loop->slots);
    free(loop->unfit);
    free(loop->lost);
    config_finish(&loop->config);
}

int loop_run(const struct loop_settings *settings)
{
    struct loop loop = {.poller.want = want,
                        .settings = *settings,
                        .config = settings->config,
                        .signals = -1,
                        .reserved = INT64_MIN};
    const struct watcher_sink watcher_sink = {.owner = &loop,
                                              .changed = on_changed,
                                              .synced = on_synced,
                                              .lost = on_lost,
                                              .degraded = on_degraded,
                                              .root = on_root};
    const struct pool_sink pool_sink = {.owner = &loop,
                                        .ready = on_ready,
                                        .unfit = on_unfit,
                                        .classified = on_classified,
                                        .report = on_report,
                                        .output = on_output,
                                        .finished = on_finished,
                                        .room = on_room};
    const struct server_sink server_sink = {
        .owner = &loop, .request = on_request, .snapshot = on_snapshot, .log = on_log};
    const struct engine_ports ports = {.owner = &loop,
                                       .start = port_start,
                                       .cancel = port_cancel,
                                       .classify = port_classify,
                                       .warm = port_warm,
                                       .refresh = port_refresh,
                                       .sync = port_sync,
                                       .crawl = port_crawl,
                                       .follow = port_follow,
                                       .ignored = port_ignored,
                                       .publish = port_publish,
                                       .listened = port_listened,
                                       .resnapshot = port_resnapshot,
                                       .reply = port_reply,
                                       .refuse = port_refuse,
                                       .seq = port_seq,
                                       .settings = port_settings,
                                       .stop = port_stop,
                                       .wall = port_wall};
    /* Not the default loop: that one reaps every child itself, and statuses would be lost. */
    loop.ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (loop.ev == NULL)
        return -ENOMEM;
    ev_timer_init(&loop.timer, on_timer, 0., 0.);
    loop.timer.data = &loop;
    ev_prepare_init(&loop.prepare, on_prepare);
    loop.prepare.data = &loop;
    loop.ignore = ignore_new(NULL, 0);
    set_ignore(&loop);

    int error = open_signals(&loop);
    if (error == 0)
        error = watcher_open(&loop.watcher, settings->root, settings->state, loop.ignore,
                             &loop.poller, &watcher_sink);
    if (error == 0) {
        loop.engine = engine_new(settings->root, watcher_backend(loop.watcher),
                                 settings->index, &ports);
        loop.pool = make_or_change_pool(&loop, &pool_sink);
        error = open_server(&loop, &server_sink);
    }
    if (error == 0) {
        engine_begin(loop.engine, now_ms());
        settings->started(settings->owner);
        ev_prepare_start(loop.ev, &loop.prepare);
        ev_run(loop.ev, 0);
        ev_prepare_stop(loop.ev, &loop.prepare);
        ev_timer_stop(loop.ev, &loop.timer);
        index_set_number(settings->index, "seq", server_seq(loop.server));
    }
    close_rooms(&loop);
    ev_loop_destroy(loop.ev);
    return error;
}
