#ifndef NOTIFIER_JUDGE_H
#define NOTIFIER_JUDGE_H

/* When is there something to tell a person? Once when the first test fails, once when none does any
 * more, and when fewer do; never about what is not verified yet. Pure. */

#include <stdbool.h>
#include <stdint.h>

enum judge_event {
    JUDGE_NOTHING,
    JUDGE_RED,   /* tests fail, and none did */
    JUDGE_GREEN, /* none fails any more */
    JUDGE_FEWER, /* some still fail, but fewer than when something was told last */
};
extern const char *const judge_names[]; /* "", "red", "green", "fewer" */

struct judge_stats {
    int64_t tests, failures, errors, to_be_run;
};

/* {0}: nothing is known. */
struct judge {
    bool begun;
    int64_t seen; /* failed, by the stats before */
    int64_t told; /* failed, when all was verified last, or when red was told */
};

/* *RET_BEFORE is how many had failed. */
enum judge_event judge_stats(struct judge *judge, const struct judge_stats *stats,
                             int64_t *ret_before);

#endif
