/* Clients that wait until the truth is known. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

static void drop(struct engine *engine, size_t i)
{
    engine->waiters[i] = engine->waiters[--engine->waiter_count];
}

void wait_add(struct engine *engine, uint64_t ticket, const json_t *params, int64_t now)
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
    };
    engine->ports.sync(engine->ports.owner, cookie);
}

static void answer(struct engine *engine, const struct waiter *waiter, int64_t now)
{
    json_t *result = news_status(engine);
    json_object_set_new(result, "seen_ms", json_integer(waiter->seen - waiter->since));
    json_object_set_new(result, "waited_ms", json_integer(now - waiter->since));
    engine->ports.reply(engine->ports.owner, waiter->ticket, result);
}

static void time_out(struct engine *engine, const struct waiter *waiter)
{
    struct stats stats = news_stats(engine);
    const char *message = news_message(engine);
    struct fault fault;
    fault_set(&fault, FAULT_TIMEOUT, "timed out: %lld test files are still to be run%s%s",
              (long long)stats.to_be_run, message[0] != '\0' ? "; " : "", message);
    engine->ports.refuse(engine->ports.owner, waiter->ticket, &fault);
}

/* With no way to run tests, waiting longer helps nobody; but first a worker is tried once more,
 * because what was missing may be there by now. */
static void heal(struct engine *engine, struct waiter *waiter)
{
    if (engine->error == NULL || waiter->healing)
        return;
    waiter->healing = true;
    engine->ports.warm(engine->ports.owner);
    if (engine->framework != NULL)
        check_ask_all(engine);
}

void wait_check(struct engine *engine, int64_t now)
{
    for (size_t i = 0; i < engine->waiter_count;) {
        struct waiter *waiter = &engine->waiters[i];
        if (waiter->seen < 0 && waiter->cookie == 0 && settle_empty(&engine->settle)) {
            check_silent(engine); /* no cookie speaks for what is not watched */
            waiter->seen = now;
        }
        if (waiter->seen >= 0)
            heal(engine, waiter);
        if (waiter->seen >= 0 && engine->error == NULL && engine_settled(engine)) {
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
