#ifndef WORKER_TAIL_H
#define WORKER_TAIL_H

/* The last POOL_OUTPUT_KEPT bytes of a stream, and how many there were in all. {0} is
 * empty. */

#include <stddef.h>
#include <stdint.h>

struct tail {
    char *bytes;
    size_t length;
    int64_t total;
};

void tail_add(struct tail *tail, const char *bytes, size_t length);
void tail_finish(struct tail *tail);

/* What is kept, terminated by a NUL; belongs to TAIL. */
const char *tail_kept(const struct tail *tail, size_t *ret_length);

/* The last few lines as a message may show them, without the newline at the end; "" where
 * there are none. Owned by the caller. */
char *tail_last_lines(const struct tail *tail);

#endif
