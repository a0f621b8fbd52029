/* What the engine asks of the other rooms. */

#include "daemon/base/log.h"
#include "daemon/base/machine.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/joints.h"
#include "daemon/watch/hidden.h"

#include <string.h>

/* After a crash numbers go on from a reserved one: no number is ever given out twice. */
enum { SEQ_RESERVE = 4096 };

static int port_start(void *owner, const char *package, int64_t run,
                      const char *const *files, const char *const *first)
{
    struct house *house = owner;
    return pool_start(house->pool, package, run, files, first, house->clock.now());
}

static void port_cancel(void *owner, int64_t run)
{
    struct house *house = owner;
    pool_cancel(house->pool, run, house->clock.now());
}

static int port_classify(void *owner, const char *package, int64_t id,
                         const char *const *paths, size_t count)
{
    struct house *house = owner;
    return pool_classify(house->pool, package, id, paths, count);
}

static int port_blocks(void *owner, const char *package, int64_t id,
                       const char *const *paths, size_t count)
{
    struct house *house = owner;
    return pool_ask_blocks(house->pool, package, id, paths, count);
}

static char *port_launch(void *owner, const char *package)
{
    return lodgings_launch(owner, package);
}

static void port_warm(void *owner, const char *package)
{
    struct house *house = owner;
    pool_warm(house->pool, package);
}

static void port_refresh(void *owner)
{
    struct house *house = owner;
    pool_refresh(house->pool);
}

static char *port_packages(void *owner, const char *const *marks, size_t count,
                           void (*found)(void *, const struct engine_package *),
                           void *engine)
{
    return lodgings_find(owner, marks, count, found, engine);
}

static struct warmth port_warmth(void *owner)
{
    const struct house *house = owner;
    struct pool_warmth warmth = pool_warmth(house->pool);
    return (struct warmth){
        .hosts = warmth.hosts, .spares = warmth.spares, .layers = warmth.layers};
}

static int64_t
port_cold(void *owner, void (*visit)(void *visitor, const char *folder, const char *why),
          void *visitor)
{
    const struct house *house = owner;
    return pool_each_cold(house->pool, visit, visitor);
}

static void port_sync(void *owner, uint64_t cookie)
{
    struct house *house = owner;
    watcher_sync(house->watcher, cookie);
}

static void port_listen_opens(void *owner, bool listen)
{
    struct house *house = owner;
    int error = watcher_listen(house->watcher, listen);
    if (error < 0)
        log_debug("cannot hear which files are opened: %s", strerror(-error));
}

static int port_crawl(void *owner, void (*found)(void *, const char *, bool),
                      void *engine)
{
    struct house *house = owner;
    return watcher_crawl(house->watcher, found, engine);
}

static bool port_follow(void *owner, const char *folder)
{
    struct house *house = owner;
    return watcher_follow(house->watcher, folder) == 1;
}

static void port_repositories(void *owner,
                              void (*visit)(void *visitor, const char *folder),
                              void *visitor)
{
    const struct house *house = owner;
    ignore_each_repository(house->ignore, visit, visitor);
}

static void port_heed(void *owner, const char *path)
{
    struct house *house = owner;
    ignore_heed(house->ignore, path_base(path));
}

/* Reserved in blocks: the index is written once in many numbers. */
void ports_reserve_seq(struct house *house)
{
    if (server_seq(house->server) < house->reserved)
        return;
    house->reserved = server_seq(house->server) + SEQ_RESERVE;
    int error = index_set_number(house->settings.index, "seq", house->reserved);
    if (error < 0)
        log_error("cannot store the sequence number: %s", strerror(-error));
}

/* What a run looks at in a virtual environment is watched; tests are not sought there. */
static bool in_environment(const char *root, const char *path)
{
    autofree char *whole = path_absolute(root, path);
    size_t least = strlen(root);
    for (char *slash = strrchr(whole, '/'); slash > whole + least;
         slash = strrchr(whole, '/')) {
        *slash = '\0';
        if (ignore_environment(whole))
            return true;
    }
    return false;
}

static bool port_ignored(void *owner, const char *path)
{
    const struct house *house = owner;
    return ignore_matches(house->ignore, path, false) ||
           in_environment(house->settings.root, path);
}

static bool port_hidden(void *owner,
                        void (*visit)(void *visitor, const char *path, const char *by,
                                      const char *rule, bool setting),
                        void *visitor)
{
    const struct house *house = owner;
    return hidden_each(house->ignore, house->settings.root, visit, visitor);
}

static int64_t number_of(const json_t *params, const char *key)
{
    return json_integer_value(json_object_get(params, key));
}

static void port_publish(void *owner, enum topic topic, json_t *params)
{
    struct house *house = owner;
    if (topic == TOPIC_STATS)
        notifier_stats(house->notifier,
                       &(struct judge_stats){.tests = number_of(params, "tests"),
                                             .failures = number_of(params, "failures"),
                                             .errors = number_of(params, "errors"),
                                             .to_be_run = number_of(params, "to_be_run")},
                       house->clock.now());
    server_publish(house->server, topic, params);
    ports_reserve_seq(house);
    if (topic == TOPIC_STATS || topic == TOPIC_STATE)
        house->summary = true;
}

static const char *port_notifier(void *owner, bool *ret_ok)
{
    const struct house *house = owner;
    return notifier_health(house->notifier, ret_ok);
}

static bool port_listened(void *owner, enum topic topic)
{
    const struct house *house = owner;
    return server_listened(house->server, topic);
}

static void port_resnapshot(void *owner, const char *why)
{
    struct house *house = owner;
    server_resnapshot(house->server, why);
}

static void port_reply(void *owner, uint64_t ticket, json_t *result)
{
    struct house *house = owner;
    server_reply(house->server, ticket, result);
}

static void port_refuse(void *owner, uint64_t ticket, const struct fault *fault)
{
    struct house *house = owner;
    server_refuse(house->server, ticket, fault);
}

static int64_t port_seq(void *owner)
{
    const struct house *house = owner;
    return server_seq(house->server);
}

static json_t *port_debug(void *owner, const char *package, const char *file)
{
    return foreground_command(owner, package, file);
}

static bool port_decides(void *owner, const char *path)
{
    return lodgings_decide(owner, path);
}

static void port_settings(void *owner)
{
    struct house *house = owner;
    house->reload = true;
}

static void port_stop(void *owner)
{
    struct house *house = owner;
    house->stop = true;
}

static int64_t port_wall(void *owner)
{
    const struct house *house = owner;
    return house->clock.wall();
}

static struct engine_machine port_machine(void *owner)
{
    (void)owner;
    struct machine machine = machine_look("/proc", "/sys/class/power_supply");
    return (struct engine_machine){.busy = machine.busy, .mains = machine.mains};
}

struct engine_ports ports_of(struct house *house)
{
    return (struct engine_ports){.owner = house,
                                 .start = port_start,
                                 .cancel = port_cancel,
                                 .classify = port_classify,
                                 .blocks = port_blocks,
                                 .listen_opens = port_listen_opens,
                                 .launch = port_launch,
                                 .warm = port_warm,
                                 .refresh = port_refresh,
                                 .warmth = port_warmth,
                                 .cold = port_cold,
                                 .sync = port_sync,
                                 .crawl = port_crawl,
                                 .follow = port_follow,
                                 .repositories = port_repositories,
                                 .heed = port_heed,
                                 .ignored = port_ignored,
                                 .hidden = port_hidden,
                                 .publish = port_publish,
                                 .listened = port_listened,
                                 .notifier = port_notifier,
                                 .resnapshot = port_resnapshot,
                                 .reply = port_reply,
                                 .refuse = port_refuse,
                                 .seq = port_seq,
                                 .debug = port_debug,
                                 .packages = port_packages,
                                 .decides = port_decides,
                                 .settings = port_settings,
                                 .stop = port_stop,
                                 .wall = port_wall,
                                 .machine = port_machine};
}
