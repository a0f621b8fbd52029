#include "daemon/index/looks.h"

#include "daemon/base/xalloc.h"

#include <string.h>

/* Spreads an id over 64 bits so that sums of them tell sets apart. */
static uint64_t scatter(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static void fingerprint_change(struct digest *fingerprint, int64_t fact, uint64_t sign)
{
    uint64_t sums[2];
    memcpy(sums, fingerprint->bytes, sizeof sums);
    sums[0] += sign * scatter((uint64_t)fact + UINT64_C(0x9e3779b97f4a7c15));
    sums[1] += sign * scatter((uint64_t)fact * UINT64_C(0xd1342543de82ef95) + 1);
    memcpy(fingerprint->bytes, sums, sizeof sums);
}

void fingerprint_add(struct digest *fingerprint, int64_t fact)
{
    fingerprint_change(fingerprint, fact, 1);
}

void fingerprint_remove(struct digest *fingerprint, int64_t fact)
{
    fingerprint_change(fingerprint, fact, UINT64_MAX);
}

static int by_fact(const void *a, const void *b)
{
    const struct look *left = a;
    const struct look *right = b;
    return (left->fact > right->fact) - (left->fact < right->fact);
}

/* The same thing looked at twice is one fact; doubt about either is doubt about both. */
static void merge(struct looks *looks)
{
    struct look *items = looks->items;
    size_t kept = 0;
    qsort(items, looks->count, sizeof *items, by_fact);
    for (size_t i = 0; i < looks->count; i++) {
        if (kept > 0 && items[kept - 1].fact == items[i].fact) {
            items[kept - 1].holds = items[kept - 1].holds && items[i].holds;
            items[kept - 1].is_volatile =
                items[kept - 1].is_volatile || items[i].is_volatile;
        } else {
            items[kept++] = items[i];
        }
    }
    looks->count = kept;
    for (size_t i = 0; i < kept; i++) {
        fingerprint_add(&looks->fingerprint, items[i].fact);
        looks->unsure = looks->unsure || items[i].unsure;
    }
}

int looks_gather(struct looks *looks, struct index *index, const struct index_run *run)
{
    looks->items = xcalloc(run->evidence_count, sizeof *looks->items);
    for (size_t i = 0; i < run->evidence_count; i++) {
        const struct index_evidence *evidence = &run->evidence[i];
        struct look *look = &looks->items[looks->count++];
        int r = fact_store(&index->db, evidence, &look->fact);
        if (r < 0)
            return r;
        look->unsure = evidence->unsure;
        look->is_volatile = evidence->is_volatile;
        look->holds = evidence->holds;
    }
    merge(looks);
    return 0;
}

void looks_finish(struct looks *looks)
{
    free(looks->items);
    *looks = (struct looks){0};
}

/* A new fact is in no other verdict; an old one may turn other verdicts. */
void looks_mark(const struct looks *looks, struct index *index)
{
    for (size_t i = 0; i < looks->count; i++) {
        const struct look *look = &looks->items[i];
        if (state_mark(&index->state, look->fact) != MARK_NONE)
            index_mark(index, look->fact, look->holds);
        else
            state_set_mark(&index->state, look->fact,
                           look->unsure  ? MARK_NEVER
                           : look->holds ? MARK_HOLDS
                                         : MARK_BROKEN);
    }
}
