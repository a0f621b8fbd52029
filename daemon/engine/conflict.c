/* Test files that get in each other's way: one wrote what the other looked at while both ran.
 * Alone, each would have been undisturbed, so from then on they are not run at the same time. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

static char *pair_of(const char *a, const char *b)
{
    return strcmp(a, b) < 0 ? xasprintf("%s\n%s", a, b) : xasprintf("%s\n%s", b, a);
}

struct noting {
    struct engine *engine;
    const struct run *run;
};

static void note_write(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct noting *noting = owner;
    struct engine *engine = noting->engine;
    engine->writes = xgrow(engine->writes, engine->write_count, &engine->write_capacity,
                           sizeof *engine->writes);
    engine->writes[engine->write_count++] =
        (struct write){.path = xstrdup(path),
                       .file = xstrdup(noting->run->file),
                       .began = noting->run->began,
                       .ended = engine->number};
}

void conflict_note(struct engine *engine, const struct run *run)
{
    struct noting noting = {.engine = engine, .run = run};
    strset_each(&run->wrote, note_write, &noting);
}

void conflict_forget_writes(struct engine *engine)
{
    for (size_t i = 0; i < engine->write_count; i++) {
        free(engine->writes[i].path);
        free(engine->writes[i].file);
    }
    engine->write_count = 0;
}

static void learn(struct engine *engine, const struct run *run, const char *other)
{
    if (strcmp(run->file, other) == 0 || company_shared(engine, run->file, other))
        return;
    autofree char *pair = pair_of(run->file, other);
    if (strset_add(&engine->conflicts, pair))
        log_info(
            "%s and %s use the same files: they do not run at the same time any more",
            run->file, other);
}

void conflict_learn(struct engine *engine, const struct run *run,
                    const struct disturbance *change)
{
    for (const struct run *other = engine->runs; other != NULL; other = other->hh.next)
        if (other != run && strset_has(&other->wrote, change->path))
            learn(engine, run, other->file);
    for (size_t i = 0; i < engine->write_count; i++) {
        const struct write *write = &engine->writes[i];
        if (write->began < change->number && change->number <= write->ended &&
            strcmp(write->path, change->path) == 0)
            learn(engine, run, write->file);
    }
}

bool conflict_now(const struct engine *engine, const char *file)
{
    if (strset_count(&engine->conflicts) == 0)
        return false;
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next) {
        if (run->manual || run->ended)
            continue;
        autofree char *pair = pair_of(file, run->file);
        if (strset_has(&engine->conflicts, pair))
            return true;
    }
    return false;
}
