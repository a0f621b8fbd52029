/* Which verdicts are to be audited first, and what audits have found. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <stdlib.h>
#include <string.h>

struct candidates {
    struct index_file *items;
    size_t count, capacity;
    bool unaudited;
};

static bool was_audited(const struct index_file *file)
{
    return file->audit.verdict == file->verdict;
}

static void into_candidates(void *owner, const struct index_file *file)
{
    struct candidates *candidates = owner;
    if (!file->current || (candidates->unaudited && was_audited(file)))
        return;
    candidates->items = xgrow(candidates->items, candidates->count, &candidates->capacity,
                              sizeof *candidates->items);
    candidates->items[candidates->count++] = *file;
}

static int by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The likeliest to be wrong first: never audited, known to rest on something unseen, found among old
 * ones; then whose file, and which verdict, is the oldest. */
static int by_doubt(const void *left, const void *right)
{
    const struct index_file *a = left;
    const struct index_file *b = right;
    const int orders[] = {by_number(was_audited(a), was_audited(b)),
                          was_audited(a) ? 0 : by_number(b->unseen, a->unseen),
                          was_audited(a) ? 0 : by_number(b->from_cache, a->from_cache),
                          by_number(a->audit.at, b->audit.at),
                          by_number(a->last_run, b->last_run),
                          strcmp(a->path, b->path)};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

struct strset audit_choose(struct engine *engine, size_t count, bool unaudited)
{
    struct candidates candidates = {.unaudited = unaudited};
    struct strset chosen = {0};
    index_each_file(engine->index, into_candidates, &candidates);
    if (candidates.count > 1)
        qsort(candidates.items, candidates.count, sizeof *candidates.items, by_doubt);
    for (size_t i = 0; i < candidates.count && i < count; i++)
        strset_add(&chosen, candidates.items[i].path);
    free(candidates.items);
    return chosen;
}

/* ---- in words ---- */

struct telling {
    struct index *index;
    size_t stale;
    char *words; /* of the first */
};

static void tell_stale(void *owner, const struct index_file *file)
{
    struct telling *telling = owner;
    if (file->audit.verdict == 0 || file->audit.found != AUDIT_STALE)
        return;
    if (telling->stale++ > 0)
        return;
    autofree char *words = index_audit_words(telling->index, file->path);
    telling->words = xasprintf("%s: %s", file->path, words != NULL ? words : "");
}

char *audit_words(const struct engine *engine, bool *ret_ok)
{
    struct index_audit sum = index_audits(engine->index);
    int64_t all = sum.agreed + sum.flaky + sum.stale;
    struct telling telling = {.index = engine->index};
    index_each_file(engine->index, tell_stale, &telling);
    *ret_ok = telling.stale == 0;
    if (telling.stale > 0) {
        autofree char *first = telling.words;
        return xasprintf(
            "%zu test file%s had a stale verdict when audited last; name what "
            "they depend on in \"triggers\"; %s",
            telling.stale, telling.stale == 1 ? "" : "s", first);
    }
    if (sum.at == 0)
        return xstrdup("no verdict has been audited yet; snifferctl audit does it");
    return xasprintf("%lld audits: %lld agreed, %lld flaky, %lld stale", (long long)all,
                     (long long)sum.agreed, (long long)sum.flaky, (long long)sum.stale);
}
