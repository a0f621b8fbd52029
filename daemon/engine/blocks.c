/* Code evidence by blocks: which blocks of a source have changed, and did a run execute one of them?
 *
 * A fact of kind code names the blocks that ran as bits, counted in the source as it was then: its
 * state. While the source is in that state the fact holds, whatever it is made of. In another state
 * the two have to be compared, and what a source is made of only a worker can tell. So a source that
 * changed is asked for first, and until the answer is there nothing is concluded from the change. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { ASKED_AT_ONCE = 64 }; /* a worker should not be kept from its runs for long */

/* ---- bits ---- */

static int nibble(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* Bit I of BITS: two digits a byte, the high half first. */
static bool has_bit(const char *bits, size_t length, size_t i)
{
    size_t at = i / 8 * 2 + (i % 8 < 4);
    return at < length && (nibble(bits[at]) >> (i % 4) & 1) != 0;
}

bool blocks_are_bits(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length % 2 == 0 && strspn(text, "0123456789abcdef") == length;
}

/* ---- comparing ---- */

/* For each block of THEN: is it another one in NOW, or gone? The array is the caller's. */
static bool *compare(const struct index_blocks *then, const struct index_blocks *now)
{
    struct strset places = {0};
    for (size_t i = 0; i < now->count; i++)
        strset_put(&places, now->keys[i], (int64_t)i);
    bool *changed = xcalloc(then->count + 1, sizeof *changed);
    for (size_t i = 0; i < then->count; i++) {
        int64_t place = strset_get(&places, then->keys[i], -1);
        changed[i] = place < 0 || memcmp(then->digests + i * INDEX_BLOCK_DIGEST,
                                         now->digests + place * INDEX_BLOCK_DIGEST,
                                         INDEX_BLOCK_DIGEST) != 0;
    }
    strset_finish(&places);
    return changed;
}

/* The last comparison is kept: many facts ask for the same one. */
static bool compare_states(struct engine *engine, const struct digest *then,
                           const struct digest *now)
{
    struct comparison *kept = &engine->comparison;
    if (kept->changed != NULL && digest_equal(&kept->then, then) &&
        digest_equal(&kept->now, now))
        return true;
    struct index_blocks before = {0};
    struct index_blocks after = {0};
    bool known = index_blocks(engine->index, then, &before) == 0 &&
                 index_blocks(engine->index, now, &after) == 0;
    if (known) {
        free(kept->changed);
        *kept = (struct comparison){.then = *then,
                                    .now = *now,
                                    .changed = compare(&before, &after),
                                    .count = before.count};
    }
    index_blocks_finish(&before);
    index_blocks_finish(&after);
    return known;
}

void blocks_forget_comparison(struct engine *engine)
{
    free(engine->comparison.changed);
    engine->comparison = (struct comparison){0};
}

static bool is_source(const struct engine *engine, const char *path)
{
    return S_ISREG(tree_identity(engine->tree, path).mode);
}

bool blocks_hold(struct engine *engine, const struct index_fact *fact,
                 const struct digest *now)
{
    if (!index_has_blocks(engine->index, &fact->state))
        return false;
    if (!index_has_blocks(engine->index, now)) {
        if (is_source(engine, fact->path) && !strset_has(&engine->unreadable, fact->path))
            strset_add(&engine->unread, fact->path);
        return false;
    }
    if (!compare_states(engine, &fact->state, now))
        return false;
    size_t length = strlen(fact->detail);
    const struct comparison *comparison = &engine->comparison;
    if (comparison->count == 0 || length * 4 < comparison->count)
        return false;
    for (size_t i = 0; i < comparison->count; i++)
        if (comparison->changed[i] && has_bit(fact->detail, length, i))
            return false;
    return true;
}

/* ---- in words ---- */

static char *join_names(const struct index_blocks *blocks, const char *bits,
                        const bool *changed)
{
    char *text = xstrdup("");
    for (size_t i = 0; i < blocks->count; i++) {
        if (!has_bit(bits, strlen(bits), i) || (changed != NULL && !changed[i]))
            continue;
        char *longer =
            xasprintf("%s%s%s", text, text[0] != '\0' ? ", " : "", blocks->keys[i]);
        free(text);
        text = longer;
    }
    return text;
}

char *blocks_names(struct engine *engine, const struct index_fact *fact)
{
    struct index_blocks blocks = {0};
    if (!blocks_are_bits(fact->detail) ||
        index_blocks(engine->index, &fact->state, &blocks) < 0)
        return xstrdup("");
    char *names = join_names(&blocks, fact->detail, NULL);
    index_blocks_finish(&blocks);
    return names;
}

char *blocks_what_changed(struct engine *engine, const struct index_fact *fact,
                          const struct digest *now)
{
    struct index_blocks then = {0};
    struct index_blocks after = {0};
    char *text = NULL;
    if (blocks_are_bits(fact->detail) &&
        index_blocks(engine->index, &fact->state, &then) == 0 &&
        index_blocks(engine->index, now, &after) == 0) {
        autofree bool *changed = compare(&then, &after);
        autofree char *names = join_names(&then, fact->detail, changed);
        text = after.count == 0 ? xstrdup("it does not compile")
                                : xasprintf("changed: %s", names);
    }
    index_blocks_finish(&then);
    index_blocks_finish(&after);
    return text;
}

/* ---- asking ---- */

bool blocks_awaited(const struct engine *engine)
{
    return engine->reading_urgent ||
           (strset_count(&engine->unread) > 0 && packages_may_read(engine));
}

bool blocks_wanted(const struct engine *engine)
{
    return engine->reading || blocks_awaited(engine) ||
           (strset_count(&engine->unknown) > 0 && packages_may_read(engine));
}

void blocks_want(struct engine *engine, const char *path, const struct digest *state)
{
    if (!index_has_blocks(engine->index, state) && !strset_has(&engine->unreadable, path))
        strset_add(&engine->unknown, path);
}

struct list {
    struct engine *engine;
    const char *paths[ASKED_AT_ONCE];
    size_t count;
};

static void into_list(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct list *list = owner;
    if (list->count == ASKED_AT_ONCE)
        return;
    struct reading *reading = &list->engine->readings[list->count];
    reading->path = xstrdup(path);
    reading->state = tree_state(list->engine->tree, EVIDENCE_CODE, path);
    list->paths[list->count++] = reading->path;
    opened_own(list->engine, path);
}

static void finish_readings(struct engine *engine)
{
    for (size_t i = 0; i < engine->reading_count; i++)
        free(engine->readings[i].path);
    engine->reading_count = 0;
}

void blocks_ask(struct engine *engine)
{
    if (engine->reading)
        return;
    bool urgent = strset_count(&engine->unread) > 0;
    struct strset *wanted = urgent ? &engine->unread : &engine->unknown;
    if (strset_count(wanted) == 0)
        return;
    struct list list = {.engine = engine};
    if (engine->readings == NULL)
        engine->readings = xcalloc(ASKED_AT_ONCE, sizeof *engine->readings);
    strset_each(wanted, into_list, &list);
    engine->reading_count = list.count;
    const char *reader = packages_reader(engine);
    if (reader == NULL ||
        engine->ports.blocks(engine->ports.owner, reader, engine->reading_id + 1,
                             list.paths, list.count) < 0) {
        finish_readings(engine); /* asked again when a worker is ready */
        return;
    }
    engine->reading_id++;
    engine->reading = true;
    engine->reading_urgent = urgent;
    for (size_t i = 0; i < list.count; i++) {
        strset_remove(&engine->unread, list.paths[i]);
        strset_remove(&engine->unknown, list.paths[i]);
    }
}

void blocks_forget_question(struct engine *engine)
{
    blocks_forget_comparison(engine);
    if (!engine->reading)
        return;
    for (size_t i = 0; i < engine->reading_count; i++)
        strset_add(engine->reading_urgent ? &engine->unread : &engine->unknown,
                   engine->readings[i].path);
    finish_readings(engine);
    engine->reading = engine->reading_urgent = false;
    engine->reading_id++; /* the answer is nobody's */
}

static const struct report_source *find_source(const struct report *report,
                                               const char *path)
{
    for (size_t i = 0; i < report->source_count; i++)
        if (strcmp(report->sources[i].path, path) == 0)
            return &report->sources[i];
    return NULL;
}

static bool same_identity(const struct identity *now, const struct report_identity *seen)
{
    const struct identity then = {.device = (uint64_t)seen->device,
                                  .inode = (uint64_t)seen->inode,
                                  .size = seen->size,
                                  .mtime_ns = seen->mtime_ns,
                                  .ctime_ns = seen->ctime_ns,
                                  .mode = (uint32_t)seen->mode};
    return identity_equal(now, &then);
}

/* What the worker read is known to be what the tree saw only where that was the same before and
 * after: times are too coarse to tell two quick writes apart. */
static void take_blocks(struct engine *engine, const struct reading *reading,
                        const struct report_source *source)
{
    struct digest state = tree_state(engine->tree, EVIDENCE_CODE, reading->path);
    if (!digest_equal(&state, &reading->state))
        return; /* it goes on changing: who needs it will ask again */
    struct identity now = tree_identity(engine->tree, reading->path);
    if (source == NULL || !same_identity(&now, &source->seen)) {
        /* Nothing changed, and yet the worker sees another file. */
        if (source != NULL && S_ISREG(now.mode))
            log_debug("what %s is made of could not be told", reading->path);
        strset_add(&engine->unreadable, reading->path);
        return;
    }
    if (source->message != NULL)
        log_debug("%s has no blocks: %s", reading->path, source->message);
    int error = index_set_blocks(engine->index, &state, source->keys, source->digests,
                                 source->count);
    if (error < 0) {
        log_error("cannot store what %s is made of: %s", reading->path, strerror(-error));
        strset_add(&engine->unreadable, reading->path);
    }
}

void engine_blocks(struct engine *engine, const struct report *report, int64_t now)
{
    if (!engine->reading || report->id != engine->reading_id)
        return;
    engine->reading = engine->reading_urgent = false;
    for (size_t i = 0; i < engine->reading_count; i++)
        take_blocks(engine, &engine->readings[i],
                    find_source(report, engine->readings[i].path));
    for (size_t i = 0; i < engine->reading_count; i++)
        index_facts_at(engine->index, engine->readings[i].path, pick_judge, engine);
    finish_readings(engine);
    engine->news_state = true;
    pick_owed(engine);
    engine_room(engine, now);
}
