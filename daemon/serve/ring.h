#ifndef SERVE_RING_H
#define SERVE_RING_H

/* The last notifications, as they were sent, for clients that come back and name the
 * number they have seen. Numbers follow each other without a gap. The oldest goes when
 * all of them together exceed SERVER_RING_LIMIT. */

#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_note {
    int64_t seq;
    enum topic topic;
    char *line; /* owned */
    size_t length;
};

struct ring {
    struct ring_note *notes; /* a circle of CAPACITY */
    size_t first, count, capacity;
    size_t bytes;
    int64_t last; /* the newest number given out, whether its note is still here or not */
};

/* SEQ is the last number that was given out before. */
void ring_init(struct ring *ring, int64_t seq);
void ring_finish(struct ring *ring);

/* SEQ must be the next number. LINE is copied. */
void ring_add(struct ring *ring, int64_t seq, enum topic topic, const char *line,
              size_t length);
/* Forgets all: what led to SEQ cannot be told in steps. */
void ring_clear(struct ring *ring, int64_t seq);

/* Can everything after SEQ be told? Not for a number that was never given out. */
bool ring_reaches(const struct ring *ring, int64_t seq);
/* The note numbered SEQ + 1, or NULL after the newest. RING must reach back to SEQ. */
const struct ring_note *ring_after(const struct ring *ring, int64_t seq);

#endif
