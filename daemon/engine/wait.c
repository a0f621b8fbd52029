/* Clients that wait until the truth is known. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

static void drop(struct engine *engine, size_t i)
{
    free(engine->waiters[i].package);
    engine->waiters[i] = engine->waiters[--engine->waiter_count];
}

void wait_finish(struct engine *engine)
{
    while (engine->waiter_count > 0)
        drop(engine, 0);
    free(engine->waiters);
}

/* PACKAGE NULL: all of them are waited for. */
void wait_add(struct engine *engine, uint64_t ticket, const struct package *package,
              const json_t *params, int64_t now)
{
    const json_t *timeout = json_object_get(params, "timeout_ms");
    struct fault fault;
    if (timeout != NULL && (!json_is_number(timeout) || json_number_value(timeout) < 0)) {
        fault_set(&fault, FAULT_BAD_PARAMS,
                  "timeout_ms must be a number of milliseconds");
        engine->ports.refuse(engine->ports.owner, ticket, &fault);
        return;
    }
    engine->waiters = xgrow(engine->waiters, engine->waiter_count,
                            &engine->waiter_capacity, sizeof *engine->waiters);
    uint64_t cookie = ++engine->cookie;
    engine->waiters[engine->waiter_count++] = (struct waiter){
        .ticket = ticket,
        .cookie = cookie,
        .since = now,
        .seen = -1,
        .deadline =
            timeout != NULL ? now + (int64_t)json_number_value(timeout) : INT64_MAX,
        .package = package != NULL ? xstrdup(package->path) : NULL,
    };
    engine->ports.sync(engine->ports.owner, cookie);
}

/* Whom WAITER waits for; NULL: all, also where its package is no more. */
static struct package *awaited(const struct engine *engine, const struct waiter *waiter)
{
    return waiter->package != NULL ? package_at(engine, waiter->package) : NULL;
}

static void answer(struct engine *engine, const struct waiter *waiter, int64_t now)
{
    json_t *result = news_status(engine, awaited(engine, waiter), now);
    json_object_set_new(result, "seen_ms", json_integer(waiter->seen - waiter->since));
    json_object_set_new(result, "waited_ms", json_integer(now - waiter->since));
    engine->ports.reply(engine->ports.owner, waiter->ticket, result);
}

static void time_out(struct engine *engine, const struct waiter *waiter)
{
    struct stats stats = news_stats(engine, awaited(engine, waiter));
    const char *message = news_message(engine);
    struct fault fault;
    fault_set(&fault, FAULT_TIMEOUT, "timed out: %lld test files are still to be run%s%s",
              (long long)stats.to_be_run, message[0] != '\0' ? "; " : "", message);
    engine->ports.refuse(engine->ports.owner, waiter->ticket, &fault);
}

static bool is_broken(const struct engine *engine, const struct waiter *waiter,
                      const struct package *package)
{
    const struct package *only = awaited(engine, waiter);
    return package->error != NULL && (only == NULL || only == package) &&
           package_matters(engine, package);
}

/* With no way to run tests, waiting longer helps nobody; but first a worker is tried once more,
 * because what was missing may be there by now. */
static bool heal(struct engine *engine, struct waiter *waiter)
{
    bool broken = false;
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (!is_broken(engine, waiter, package))
            continue;
        broken = true;
        if (waiter->healing)
            continue;
        engine->ports.warm(engine->ports.owner, package->path);
        if (package->framework != NULL)
            check_ask_all(engine, package);
    }
    waiter->healing |= broken;
    return broken;
}

/* Has it halted, and will nothing go on by itself? */
static bool is_halted(const struct engine *engine)
{
    return engine->halted && settle_empty(&engine->settle) && !run_some_on(engine, NULL);
}

void wait_check(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->waiter_count;) {
        struct waiter *waiter = &engine->waiters[i];
        if (waiter->seen < 0 && waiter->cookie == 0 && settle_empty(&engine->settle)) {
            check_silent(engine); /* no cookie speaks for what is not watched */
            waiter->seen = now;
        }
        bool over =
            waiter->seen >= 0 &&
            (is_halted(engine) || engine_settled(engine, awaited(engine, waiter)));
        bool broken = over && heal(engine, waiter);
        if (over && !broken) {
            answer(engine, waiter, now);
            drop(engine, i);
        } else if (now >= waiter->deadline) {
            time_out(engine, waiter);
            drop(engine, i);
        } else {
            i++;
        }
    }
}

void wait_refuse(struct engine *engine, const char *message)
{
    struct fault fault;
    fault_set(&fault, FAULT_DEGRADED, "%s", message);
    for (size_t i = 0; i < engine->waiter_count;) {
        if (engine->waiters[i].healing) {
            engine->ports.refuse(engine->ports.owner, engine->waiters[i].ticket, &fault);
            drop(engine, i);
        } else {
            i++;
        }
    }
}
