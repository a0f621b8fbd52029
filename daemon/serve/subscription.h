#ifndef SERVE_SUBSCRIPTION_H
#define SERVE_SUBSCRIPTION_H

/* What a client asks for by "subscribe": {"topics": ["stats", ...], "since": {"epoch": n,
 * "seq": n}}. Without topics: all of them. Without since (or null): it has seen nothing.
 */

#include "proto/message.h"

#include <stdbool.h>
#include <stdint.h>

struct subscription {
    unsigned topics; /* a bit for each */
    bool has_since;
    int64_t epoch, seq;
};

/* 0; or -EINVAL with *RET_FAULT. */
int subscription_decode(const json_t *params, struct subscription *ret,
                        struct fault *ret_fault);

/* The names behind the bits, as an array. */
json_t *subscription_names(unsigned topics);

static inline bool subscription_has(unsigned topics, enum topic topic)
{
    return (topics >> topic & 1U) != 0;
}

#endif
