#include "daemon/house.h"

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/joints.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- settings ---- */

static void set_ignore(struct house *house)
{
    char **patterns = house->config.ignore;
    size_t count = 0;
    while (patterns != NULL && patterns[count] != NULL)
        count++;
    ignore_set(house->ignore, (const char *const *)patterns, count);
}

static void set_triggers(struct house *house)
{
    const struct config *config = &house->config;
    struct engine_trigger *triggers = xcalloc(config->trigger_count, sizeof *triggers);
    for (size_t i = 0; i < config->trigger_count; i++)
        triggers[i] = (struct engine_trigger){
            .pattern = config->triggers[i].pattern,
            .tests = (const char *const *)config->triggers[i].tests};
    engine_triggers(house->engine, triggers, config->trigger_count);
    free(triggers);
}

static void reload(struct house *house)
{
    struct config fresh;
    char *message = NULL;
    if (config_load(house->settings.root, &fresh, &message) < 0) {
        engine_configured(house->engine, message, house->clock.now());
        free(message);
        return;
    }
    bool same = config_equal(&fresh, &house->config);
    bool same_ignore = config_list_equal(fresh.ignore, house->config.ignore);
    bool same_notify = config_list_equal(fresh.notify, house->config.notify);
    bool same_triggers = config_same_triggers(&fresh, &house->config);
    config_finish(&house->config);
    house->config = fresh;
    if (!same)
        log_info("new settings");
    set_ignore(house);
    if (!same_notify)
        notifier_command(house->notifier, house->config.notify);
    if (!same_triggers)
        set_triggers(house);
    if (!same_ignore || !same_triggers)
        engine_ruled(house->engine, house->clock.now());
    index_keep_history(house->settings.index, house->config.history);
    pool_jobs(house->pool, lodgings_jobs(house));
    engine_fail_fast(house->engine, house->config.fail_fast || house->settings.fail_fast);
    engine_audits(house->engine, house->config.audit_idle, house->clock.now());
    free(house->mistaken);
    house->mistaken = NULL;
    engine_repackage(house->engine, house->clock.now());
    engine_configured(house->engine, house->mistaken, house->clock.now());
}

/* ---- between two waits ---- */

static bool do_pending(struct house *house)
{
    bool any = false;
    if (house->reload) {
        house->reload = false;
        notify_reloading(house->settings.notify, house->clock.now());
        reload(house);
        notify_ready(house->settings.notify);
        any = true;
    }
    if (sinks_tell_unfit(house))
        any = true;
    if (sinks_tell_lost(house))
        any = true;
    if (house->room) {
        house->room = false;
        engine_room(house->engine, house->clock.now());
        any = true;
    }
    return any;
}

/* Git writes file by file, and its changes wait for its end in any case. */
static void rest(struct house *house)
{
    enum { REST_MS = 5 };
    if (house->rested == INT64_MAX && engine_waits_for_git(house->engine) &&
        watcher_rest(house->watcher, true))
        house->rested = house->clock.now() + REST_MS;
}

void house_catch_up(struct house *house)
{
    engine_asleep(house->engine, house->clock.asleep(), house->clock.now());
    while (do_pending(house))
        ;
    rest(house);
    if (!house->summary || !notify_is_heard(house->settings.notify))
        return;
    house->summary = false;
    autofree char *summary = engine_summary(house->engine);
    notify_status(house->settings.notify, summary);
}

void house_tick(struct house *house)
{
    int64_t now = house->clock.now();
    if (house->rested <= now) {
        house->rested = INT64_MAX;
        watcher_rest(house->watcher, false);
    }
    if (engine_deadline(house->engine) <= now)
        engine_tick(house->engine, now);
    if (pool_deadline(house->pool) <= now)
        pool_tick(house->pool, now);
    if (server_deadline(house->server) <= now)
        server_tick(house->server, now);
    if (notify_deadline(house->settings.notify) <= now)
        notify_tick(house->settings.notify, now);
    if (notifier_deadline(house->notifier) <= now)
        notifier_tick(house->notifier, now);
}

int64_t house_deadline(const struct house *house)
{
    const int64_t deadlines[] = {
        engine_deadline(house->engine),          pool_deadline(house->pool),
        server_deadline(house->server),          notifier_deadline(house->notifier),
        notify_deadline(house->settings.notify), house->rested};
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++)
        if (deadlines[i] < first)
            first = deadlines[i];
    return first;
}

void house_reload(struct house *house)
{
    house->reload = true;
}

void house_stop(struct house *house)
{
    house->stop = true;
}

bool house_stopping(const struct house *house)
{
    return house->stop;
}

/* ---- life ---- */

static int open_server(struct house *house)
{
    int64_t epoch = 0;
    int64_t seq = 0;
    struct index *index = house->settings.index;
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
    house->server = server_new(&(struct server_settings){.fd = house->settings.socket,
                                                         .root = house->settings.root,
                                                         .epoch = epoch,
                                                         .seq = seq},
                               house->poller, &house->server_sink);
    ports_reserve_seq(house);
    return 0;
}

static int open_hints(struct house *house)
{
    autofree char *path = path_join(house->settings.state, "changed");
    int error = hints_open(&house->hints, path, house->poller, &house->hints_sink);
    if (error < 0)
        *house->settings.ret_failed = xstrdup(path);
    return error;
}

int house_open(struct house **ret, const struct house_settings *settings,
               struct poller *poller, const struct house_clock *clock)
{
    struct house *house = xcalloc(1, sizeof *house);
    *ret = house;
    house->settings = *settings;
    house->config = settings->config;
    house->clock = *clock;
    house->poller = poller;
    house->reserved = INT64_MIN;
    house->rested = INT64_MAX;
    sinks_fill(house);
    house->notifier = notifier_new(settings->root, poller, &house->notifier_sink);
    notifier_command(house->notifier, house->config.notify);
    house->ignore = ignore_new(settings->root);
    set_ignore(house);
    int error = watcher_open(&house->watcher,
                             &(struct watcher_place){.root = settings->root,
                                                     .state = settings->state,
                                                     .mounts = WATCHER_MOUNTS,
                                                     .backend = settings->backend,
                                                     .ignore = house->ignore,
                                                     .poller = poller,
                                                     .sink = &house->watcher_sink});
    if (error == 0 && settings->pipe)
        error = open_hints(house);
    if (error < 0)
        return error;
    struct engine_ports ports = ports_of(house);
    house->engine = engine_new(settings->root, watcher_backend(house->watcher),
                               settings->index, &ports);
    if (watcher_refused(house->watcher) != NULL) {
        log_warning("%s: the project is watched by %s", watcher_refused(house->watcher),
                    watcher_backend(house->watcher));
        engine_refused(house->engine, watcher_refused(house->watcher));
    }
    ignore_on_read(house->ignore, sinks_own_open, house);
    engine_fail_fast(house->engine, house->config.fail_fast || settings->fail_fast);
    engine_audits(house->engine, house->config.audit_idle, house->clock.now());
    if (settings->shards > 0)
        engine_shard(house->engine, settings->shard, settings->shards);
    config_on_read(sinks_own_open, house);
    set_triggers(house);
    house->pool = pool_new(lodgings_jobs(house), house->poller, &house->pool_sink);
    return open_server(house);
}

void house_begin(struct house *house)
{
    engine_begin(house->engine, house->clock.now());
}

void house_close(struct house *house)
{
    if (house == NULL)
        return;
    config_on_read(NULL, NULL);
    notify_stopping(house->settings.notify);
    if (house->server != NULL)
        index_set_number(house->settings.index, "seq", server_seq(house->server));
    server_free(house->server, "stop");
    notifier_free(house->notifier);
    pool_free(house->pool);
    lodgings_finish(house);
    hints_close(house->hints);
    watcher_close(house->watcher);
    engine_free(house->engine);
    ignore_free(house->ignore);
    for (size_t i = 0; i < house->unfit_count; i++) {
        free(house->unfit[i].package);
        free(house->unfit[i].message);
    }
    free(house->unfit);
    free(house->mistaken);
    free(house->lost);
    config_finish(&house->config);
    free(house);
}
