#include "daemon/serve/ring.h"

#include "daemon/base/xalloc.h"
#include "daemon/serve/server.h"

#include <assert.h>

void ring_init(struct ring *ring, int64_t seq)
{
    *ring = (struct ring){.last = seq};
}

void ring_finish(struct ring *ring)
{
    ring_clear(ring, ring->last);
    free(ring->notes);
    *ring = (struct ring){0};
}

static size_t weight(size_t length)
{
    return length +
           sizeof(
               struct ring_note); /* else many short ones would cost more than allowed */
}

static void drop_oldest(struct ring *ring)
{
    struct ring_note *oldest = &ring->notes[ring->first];
    ring->bytes -= weight(oldest->length);
    free(oldest->line);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
}

void ring_clear(struct ring *ring, int64_t seq)
{
    while (ring->count > 0)
        drop_oldest(ring);
    ring->last = seq;
}

static void make_room(struct ring *ring)
{
    assert(ring->count <= ring->capacity);
    if (ring->count < ring->capacity)
        return;
    size_t capacity = ring->capacity != 0 ? 2 * ring->capacity : 64;
    struct ring_note *notes = xcalloc(capacity, sizeof *notes);
    for (size_t i = 0; i < ring->count; i++)
        notes[i] = ring->notes[(ring->first + i) % ring->capacity];
    free(ring->notes);
    ring->notes = notes;
    ring->first = 0;
    ring->capacity = capacity;
}

void ring_add(struct ring *ring, int64_t seq, enum topic topic, const char *line,
              size_t length)
{
    assert(seq == ring->last + 1);
    ring->last = seq;
    while (ring->count > 0 && ring->bytes + weight(length) > SERVER_RING_LIMIT)
        drop_oldest(ring);
    if (weight(length) > SERVER_RING_LIMIT)
        return;
    make_room(ring);
    ring->notes[(ring->first + ring->count++) % ring->capacity] = (struct ring_note){
        .seq = seq, .topic = topic, .line = xstrndup(line, length), .length = length};
    ring->bytes += weight(length);
}

bool ring_reaches(const struct ring *ring, int64_t seq)
{
    return seq >= 0 && seq <= ring->last && ring->last - seq <= (int64_t)ring->count;
}

const struct ring_note *ring_after(const struct ring *ring, int64_t seq)
{
    assert(ring_reaches(ring, seq));
    size_t behind = (size_t)(ring->last - seq);
    if (behind == 0)
        return NULL;
    return &ring->notes[(ring->first + ring->count - behind) % ring->capacity];
}
