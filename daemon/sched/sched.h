#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

/* What to run next: the likeliest to break first, so that the bad news comes at once.
 *
 * Order of the waiting files:
 *   1. forced by the user,
 *   2. of the lowest rank: near to what has changed,
 *   3. whose name contains the base name (without suffix) of a changed file; among
 *      those the shortest name ("test_some_module.py" for "some_module.py" before
 *      "test_some_module_slowly.py"),
 *   4. the most failures and errors last time,
 *   5. the shortest time last time; files that never ran come after those that
 *      did, smallest first,
 *   6. by path.
 * Pure: knows no process and no clock. A file wanted while it runs runs again
 * afterwards. */

#include "proto/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched_job {
    const char *file;   /* borrowed by sched_want, which copies */
    enum reason reason; /* why it is wanted */
    const char *path;   /* which path called for it, or NULL */
    const char *detail; /* in words, or NULL */
    int64_t failures;   /* failures + errors of the last run */
    double duration_ms; /* of the last run; negative: never run */
    int64_t size;       /* bytes of the test file; orders those that never ran */
    int64_t rank;       /* the lower goes first, whatever is known of the files */
    bool forced;
};

struct sched;

struct sched *sched_new(void);
void sched_free(struct sched *sched);

/* Wants JOB's file run, or run again once its present run is over. Wanting it twice keeps
 * the better place; a force is not lost; the newest reason is kept, but a more specific
 * match with a changed file's name too. */
void sched_want(struct sched *sched, const struct sched_job *job);
/* No longer wanted (its evidence holds again, or the file is gone); a run that is on goes
 * on. A forced one is dropped only when FORCED_TOO. */
void sched_drop(struct sched *sched, const char *file, bool forced_too);

/* The first waiting file that is not running now, or NULL. Borrowed until the next
 * call. */
const struct sched_job *sched_first(const struct sched *sched);
/* The waiting job of FILE, or NULL. */
const struct sched_job *sched_waiting(const struct sched *sched, const char *file);
/* FILE was started: it waits no longer, it runs. */
void sched_started(struct sched *sched, const char *file);
/* Its run is over, whatever came of it. */
void sched_done(struct sched *sched, const char *file);
bool sched_running(const struct sched *sched, const char *file);

size_t sched_count_waiting(const struct sched *sched);
size_t sched_count_running(const struct sched *sched);
/* Waiting files, first to run first; *RET is an array of borrowed jobs that the caller
 * frees. Its length. */
size_t sched_queue(const struct sched *sched, const struct sched_job ***ret);

/* Does the name of test file FILE contain the base name of CHANGED, without its suffixes?
 * The length of FILE's base name if so (shorter is better), else 0. "__init__.py" stands
 * for its folder's name. */
size_t sched_match(const char *file, const char *changed);

#endif
