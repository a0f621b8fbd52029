#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

/* 128 bits that stand for a state: equal states, equal digests. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct digest {
    uint8_t bytes[16];
};

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

#endif
