/* What this process has told already, by the names its callers spell: the common case ends here.
 *
 * Entries are only ever added, by compare-and-swap: no locks, safe in signal handlers and in a
 * vfork child (which shares it with its parent; what either told is told). A full cache is left lying
 * and a new, larger one begun: others may still read in the old one. The first is small, because
 * most processes are short and each page that is touched costs. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

enum {
    SMALL_SLOTS = 512,
    SMALL_ROOM = 28 << 10,
    LARGE_SLOTS = 1 << 15,
    LARGE_ROOM = 2 << 20,
    CACHES_MAX = 32, /* then nothing is remembered any more: slow, but right */
    PROBES = 16,
};

/* Offsets in room are in units of 8 bytes. A slot: the hash above, offset + 1 below. */
struct cache {
    uint32_t slots, room;
    _Atomic uint32_t used;
    _Atomic uint64_t *table;
    uint64_t *entries;
};

/* In entries: */
struct entry {
    uint64_t mark;
    uint64_t length;
    char text[];
};

static _Atomic uint64_t small_table[SMALL_SLOTS];
static uint64_t small_entries[SMALL_ROOM / 8];
static struct cache small = {SMALL_SLOTS, SMALL_ROOM / 8, 0, small_table, small_entries};
static _Atomic(struct cache *) current = &small;
static _Atomic uint32_t caches;

static size_t words_of(size_t length)
{
    return (length + 7) / 8;
}

static uint32_t hash_of(uint64_t mark, const char *text, size_t length)
{
    uint64_t hash = mark * 0x9e3779b97f4a7c15u ^ length;
    for (size_t i = 0; i < words_of(length); i++) {
        uint64_t word;
        memcpy(&word, text + i * 8, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return (uint32_t)(hash >> 16);
}

static bool same(const struct cache *cache, uint64_t slot, uint64_t mark,
                 const char *text, size_t length)
{
    const struct entry *entry = (const void *)(cache->entries + (slot & UINT32_MAX) - 1);
    return entry->mark == mark && entry->length == length &&
           memcmp(entry->text, text, length) == 0;
}

bool cache_has(uint64_t mark, const char *text, size_t length)
{
    struct cache *cache = atomic_load_explicit(&current, memory_order_acquire);
    uint32_t hash = hash_of(mark, text, length);
    for (uint32_t i = 0; i < PROBES; i++) {
        uint64_t slot = atomic_load_explicit(
            &cache->table[(hash + i) & (cache->slots - 1)], memory_order_acquire);
        if (slot == 0)
            return false;
        if (slot >> 32 == hash && same(cache, slot, mark, text, length))
            return true;
    }
    return false;
}

static void begin_anew(struct cache *full)
{
    size_t head = (sizeof(struct cache) + 63) / 64 * 64;
    size_t table = LARGE_SLOTS * sizeof(uint64_t);
    if (atomic_load(&current) != full || atomic_fetch_add(&caches, 1) >= CACHES_MAX)
        return;
    char *memory = raw_mmap(head + table + LARGE_ROOM, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (memory == NULL)
        return;
    struct cache *cache = (struct cache *)(void *)memory;
    cache->slots = LARGE_SLOTS;
    cache->room = LARGE_ROOM / 8;
    cache->table = (_Atomic uint64_t *)(void *)(memory + head);
    cache->entries = (uint64_t *)(void *)(memory + head + table);
    if (!atomic_compare_exchange_strong(&current, &full, cache))
        raw_munmap(memory, head + table + LARGE_ROOM);
}

void cache_add(uint64_t mark, const char *text, size_t length)
{
    struct cache *cache = atomic_load_explicit(&current, memory_order_acquire);
    uint32_t words = (uint32_t)(sizeof(struct entry) / 8 + words_of(length));
    if (atomic_load(&cache->used) + words > cache->room) {
        begin_anew(cache);
        return; /* the next one finds room */
    }
    uint32_t at = atomic_fetch_add(&cache->used, words);
    if (at + words > cache->room)
        return;
    struct entry *entry = (struct entry *)(void *)(cache->entries + at);
    entry->mark = mark;
    entry->length = length;
    memcpy(entry->text, text, length);
    uint32_t hash = hash_of(mark, text, length);
    for (uint32_t i = 0; i < PROBES; i++) {
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&cache->table[(hash + i) & (cache->slots - 1)],
                                           &none, (uint64_t)hash << 32 | (at + 1)))
            return;
    }
    begin_anew(cache);
}

/* The large ones are left lying. */
void cache_forget(void)
{
    atomic_store(&current, &small);
    memset(small_table, 0, sizeof small_table);
    atomic_store(&small.used, 0);
}
