/* What the watcher, the workers and the clients tell. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/joints.h"
#include "daemon/worker/reap.h"

void sinks_note(char **text, const char *what)
{
    free(*text);
    *text = xstrdup(what);
}

/* One that is over by now may have been anybody. Who is a stranger is remembered, for they write much at
 * once; should another process get its number, a run is repeated in vain. */
static bool is_stranger(struct house *house, pid_t writer)
{
    if (writer == 0 || !engine_runs(house->engine))
        return false;
    if (writer != house->stranger && reap_is_stranger(writer))
        house->stranger = writer;
    return writer == house->stranger;
}

static void on_changed(void *owner, const char *path, enum watcher_change change,
                       pid_t writer)
{
    struct house *house = owner;
    bool entry = change == WATCHER_ENTRY;
    if (is_stranger(house, writer))
        engine_changed_by_others(house->engine, path, entry, house->clock.now());
    else
        engine_changed(house->engine, path, entry, house->clock.now());
}

static void on_synced(void *owner, uint64_t cookie)
{
    struct house *house = owner;
    hints_take(house->hints); /* they were given before somebody asked, too */
    sinks_tell_lost(house);   /* an answer must not come before what is missing in it */
    engine_synced(house->engine, cookie, house->clock.now());
}

static void on_lost(void *owner, const char *why)
{
    struct house *house = owner;
    sinks_note(&house->lost, why);
}

static void on_hinted(void *owner, const char *given)
{
    struct house *house = owner;
    const char *root = house->settings.root;
    autofree char *path = path_in_root(root, root, given);
    engine_changed(house->engine, path, true, house->clock.now());
}

static void on_complaint(void *owner, const char *what)
{
    (void)owner;
    log_warning("%s", what);
}

static void on_degraded(void *owner, const char *message)
{
    struct house *house = owner;
    engine_degraded(house->engine, message);
}

static void on_opened(void *owner, const char *path)
{
    struct house *house = owner;
    engine_opened(house->engine, path);
}

void sinks_own_open(void *owner, const char *given)
{
    struct house *house = owner;
    const char *root = house->settings.root;
    autofree char *path =
        given[0] == '/' ? path_in_root(root, root, given) : xstrdup(given);
    engine_opens_itself(house->engine, path);
}

static void on_opens_lost(void *owner, const char *why)
{
    struct house *house = owner;
    engine_opens_lost(house->engine, why);
}

static void on_ruled(void *owner)
{
    struct house *house = owner;
    engine_ruled(house->engine, house->clock.now());
}

static void on_root(void *owner, bool there)
{
    struct house *house = owner;
    house->root_changed = true;
    house->root_there = there;
}

bool sinks_tell_lost(struct house *house)
{
    bool any = false;
    if (house->root_changed) {
        house->root_changed = false;
        engine_root(house->engine, house->root_there, house->clock.now());
        any = true;
    }
    if (house->lost != NULL) {
        autofree char *why = house->lost;
        house->lost = NULL;
        engine_lost(house->engine, why, house->clock.now());
        any = true;
    }
    return any;
}

static void on_ready(void *owner, const char *package, const struct report *report)
{
    struct house *house = owner;
    engine_ready(house->engine, package, report, house->clock.now());
}

static void on_unfit(void *owner, const char *package, const char *message)
{
    struct house *house = owner;
    house->unfit =
        xrealloc(house->unfit, (house->unfit_count + 1) * sizeof *house->unfit);
    house->unfit[house->unfit_count++] =
        (struct unfit){.package = xstrdup(package), .message = xstrdup(message)};
}

static void on_classified(void *owner, const char *package, const struct report *report)
{
    struct house *house = owner;
    engine_classified(house->engine, package, report, house->clock.now());
}

static void on_blocks(void *owner, const struct report *report)
{
    struct house *house = owner;
    engine_blocks(house->engine, report, house->clock.now());
}

static void on_report(void *owner, const struct report *report)
{
    struct house *house = owner;
    engine_report(house->engine, report, house->clock.now());
}

static void on_output(void *owner, int64_t run, const char *bytes, size_t length)
{
    struct house *house = owner;
    engine_output(house->engine, run, bytes, length);
}

bool sinks_tell_unfit(struct house *house)
{
    size_t count = house->unfit_count;
    for (size_t i = 0; i < count; i++) {
        struct unfit unfit = house->unfit[i];
        engine_unfit(house->engine, unfit.package, unfit.message, house->clock.now());
        free(unfit.package);
        free(unfit.message);
    }
    house->unfit_count = 0;
    return count > 0;
}

static enum engine_end end_of(enum pool_end end)
{
    switch (end) {
    case POOL_EXITED:
        return ENGINE_EXITED;
    case POOL_TIMEOUT:
        return ENGINE_TIMEOUT;
    case POOL_CROWD:
        return ENGINE_CROWD;
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
    struct house *house = owner;
    if (finished->end == POOL_UNSTARTED)
        sinks_tell_unfit(house); /* first why, or it would be started again at once */
    engine_finished(house->engine,
                    &(struct engine_finished){.run = finished->run,
                                              .end = end_of(finished->end),
                                              .done = finished->done,
                                              .lost = finished->lost,
                                              .status = finished->status,
                                              .signal = finished->signal,
                                              .test = finished->test,
                                              .output = finished->output,
                                              .output_total = finished->output_total,
                                              .timeout_ms = finished->timeout_ms,
                                              .processes = finished->processes},
                    house->clock.now());
}

static void on_room(void *owner)
{
    struct house *house = owner;
    house->room = true;
}

static void on_request(void *owner, uint64_t ticket, const struct request *request)
{
    struct house *house = owner;
    engine_request(house->engine, ticket, request, house->clock.now());
}

static json_t *on_snapshot(void *owner)
{
    struct house *house = owner;
    return engine_snapshot(house->engine, house->clock.now());
}

static void on_log(void *owner, const char *why)
{
    (void)owner;
    log_info("%s", why);
}

static void on_not_notified(void *owner, const char *message)
{
    (void)owner;
    log_warning("the notify command: %s", message);
}

void sinks_fill(struct house *house)
{
    house->watcher_sink = (struct watcher_sink){.owner = house,
                                                .changed = on_changed,
                                                .synced = on_synced,
                                                .lost = on_lost,
                                                .degraded = on_degraded,
                                                .opened = on_opened,
                                                .opens_lost = on_opens_lost,
                                                .ruled = on_ruled,
                                                .root = on_root};
    house->hints_sink = (struct hints_sink){
        .owner = house, .hinted = on_hinted, .lost = on_lost, .complain = on_complaint};
    house->pool_sink = (struct pool_sink){.owner = house,
                                          .ready = on_ready,
                                          .unfit = on_unfit,
                                          .classified = on_classified,
                                          .blocks = on_blocks,
                                          .report = on_report,
                                          .output = on_output,
                                          .finished = on_finished,
                                          .room = on_room};
    house->server_sink = (struct server_sink){
        .owner = house, .request = on_request, .snapshot = on_snapshot, .log = on_log};
    house->notifier_sink =
        (struct notifier_sink){.owner = house, .failed = on_not_notified};
}
