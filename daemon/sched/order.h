#ifndef SCHED_ORDER_H
#define SCHED_ORDER_H

/* Which of two waiting files runs first; private to the room. */

#include "daemon/sched/sched.h"

struct place {
    struct sched_job job;
    size_t match; /* sched_match with the changed files that called for it, the best; 0:
                     none */
};

/* Negative: A first. Never 0 for two different files. */
int order_compare(const struct place *a, const struct place *b);
/* Only what the last run says: failures, time, size. */
int order_compare_history(const struct sched_job *a, const struct sched_job *b);
/* The better of two results of sched_match. */
size_t order_better_match(size_t a, size_t b);

#endif
