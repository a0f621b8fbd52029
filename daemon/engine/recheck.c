/* What no event tells: a file written through memory, or through a name that nobody watches, and whatever became of
 * the tree while the machine slept. So all evidence is compared by identity once an hour of rest, and all there is
 * after a sleep. */

#include "daemon/base/log.h"
#include "daemon/engine/room.h"

enum { RECHECK_MS = 3600000, LATER_MS = 60000, SLEEP_MS = 30000 };

void recheck_begin(struct engine *engine, int64_t now)
{
    engine->recheck = now + RECHECK_MS;
}

void recheck_tick(struct engine *engine, int64_t now)
{
    if (now < engine->recheck)
        return;
    bool at_rest = engine_settled(engine, NULL);
    engine->recheck = now + (at_rest ? RECHECK_MS : LATER_MS);
    if (!at_rest)
        return;
    log_debug("an hour is over: comparing what results rest on");
    check_facts(engine);
    engine->ports.settings(engine->ports.owner);
}

void engine_asleep(struct engine *engine, int64_t asleep, int64_t now)
{
    bool slept = engine->asleep >= 0 && asleep - engine->asleep > SLEEP_MS;
    engine->asleep = asleep;
    if (slept)
        engine_lost(engine, "the machine was asleep", now);
}
