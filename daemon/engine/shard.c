/* One part of several: machines that share the work, each with the same index.
 *
 * Who runs what must not need a word between them. So the test files are dealt out by what all of them
 * have: their names, and how long each took last as the index has it from before. The longest first,
 * each to the part that has least to do so far; one whose time is not known counts the median. Files
 * that share a process stay together. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <stdlib.h>
#include <string.h>

/* What is dealt out as one. */
struct hand {
    UT_hash_handle hh;
    char *name; /* of the company, or the only file */
    double ms;  /* all of it */
    int64_t part;
};

struct dealing {
    const struct engine *engine;
    struct hand *hands; /* by name */
    double *times;      /* the known ones */
    size_t count, known, capacity;
    double median;
};

static char *name_of(const struct engine *engine, const char *file)
{
    char *company = company_name(engine, file);
    return company != NULL ? company : xstrdup(file);
}

static void note_time(void *owner, const struct index_file *file)
{
    struct dealing *dealing = owner;
    if (file->last_ms < 0)
        return;
    dealing->times =
        xgrow(dealing->times, dealing->known, &dealing->capacity, sizeof *dealing->times);
    dealing->times[dealing->known++] = file->last_ms;
}

static void take_up(void *owner, const struct index_file *file)
{
    struct dealing *dealing = owner;
    char *name = name_of(dealing->engine, file->path);
    struct hand *hand = NULL;
    HASH_FIND_STR(dealing->hands, name, hand);
    if (hand == NULL) {
        hand = xcalloc(1, sizeof *hand);
        hand->name = name;
        HASH_ADD_KEYPTR(hh, dealing->hands, name, strlen(name), hand);
    } else {
        free(name);
    }
    hand->ms += file->last_ms >= 0 ? file->last_ms : dealing->median;
}

static int by_number(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static int longest_first(const struct hand *a, const struct hand *b)
{
    return a->ms != b->ms ? (a->ms < b->ms) - (a->ms > b->ms) : strcmp(a->name, b->name);
}

static void deal(struct dealing *dealing, int64_t of)
{
    double *loads = xcalloc((size_t)of, sizeof *loads);
    HASH_SORT(dealing->hands, longest_first);
    for (struct hand *hand = dealing->hands; hand != NULL; hand = hand->hh.next) {
        size_t least = 0;
        for (size_t i = 1; i < (size_t)of; i++)
            if (loads[i] < loads[least])
                least = i;
        loads[least] += hand->ms;
        hand->part = (int64_t)least + 1;
    }
    free(loads);
}

/* Once, before anything has run: what is learnt from then on makes no other parts. */
static void split(struct engine *engine, int64_t of)
{
    struct dealing dealing = {.engine = engine, .median = 1};
    index_each_file(engine->index, note_time, &dealing);
    if (dealing.known > 0) {
        qsort(dealing.times, dealing.known, sizeof *dealing.times, by_number);
        dealing.median = dealing.times[dealing.known / 2];
    }
    index_each_file(engine->index, take_up, &dealing);
    deal(&dealing, of);
    strset_finish(&engine->parts);
    struct hand *hand = NULL;
    struct hand *next = NULL;
    HASH_ITER(hh, dealing.hands, hand, next)
    {
        strset_put(&engine->parts, hand->name, hand->part);
        HASH_DEL(dealing.hands, hand);
        free(hand->name);
        free(hand);
    }
    free(dealing.times);
    engine->parts_of = of;
}

/* What came later. */
static int64_t part_by_name(const char *name, int64_t of)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++)
        hash = (hash ^ *c) * UINT64_C(0x100000001b3);
    return (int64_t)(hash % (uint64_t)of) + 1;
}

bool shard_has(struct engine *engine, const struct shard *shard, const char *file)
{
    if (shard->of == 0)
        return true;
    if (engine->parts_of != shard->of)
        split(engine, shard->of);
    autofree char *name = name_of(engine, file);
    int64_t part = strset_get(&engine->parts, name, 0);
    return (part != 0 ? part : part_by_name(name, shard->of)) == shard->part;
}

bool shard_wants(struct engine *engine, const char *file)
{
    return engine->shard.of == 0 || !packages_sorted(engine) ||
           shard_has(engine, &engine->shard, file);
}

bool shard_is_known(const struct engine *engine)
{
    return engine->shard.of == 0 || engine->parts_of != 0;
}

struct dropping {
    struct engine *engine;
    struct strset others;
};

static void note_other(void *owner, const struct index_file *file)
{
    struct dropping *dropping = owner;
    if (!shard_has(dropping->engine, &dropping->engine->shard, file->path))
        strset_add(&dropping->others, file->path);
}

static void drop_other(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    sched_drop(engine->sched, path, true);
    strset_remove(&engine->deferred, path);
}

void shard_begin(struct engine *engine)
{
    if (shard_is_known(engine) || !packages_sorted(engine))
        return;
    struct dropping dropping = {.engine = engine};
    index_each_file(engine->index, note_other, &dropping);
    strset_each(&dropping.others, drop_other, engine);
    strset_finish(&dropping.others);
    engine->news_stats = engine->news_queue = true;
}

void engine_shard(struct engine *engine, int64_t part, int64_t of)
{
    engine->shard = (struct shard){.part = part, .of = of};
    free(engine->shard_message);
    engine->shard_message =
        xasprintf("only part %lld of %lld is run", (long long)part, (long long)of);
    log_info("%s", engine->shard_message);
}
