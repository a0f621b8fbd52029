#include "daemon/sched/sched.h"

#include "daemon/base/xalloc.h"
#include "daemon/sched/order.h"

#include <string.h>
#include <uthash.h>

/* A file that waits, runs, or both: then it runs again. */
struct item {
    UT_hash_handle hh;
    struct place place;  /* job.file points to FILE; the rest is valid while waiting */
    char *path, *detail; /* what job's point to, or NULL */
    bool waiting, running;
    char file[];
};

struct sched {
    struct item *items;
    size_t waiting, running;
};

struct sched *sched_new(void)
{
    return xcalloc(1, sizeof(struct sched));
}

static void item_free(struct sched *sched, struct item *item)
{
    HASH_DEL(sched->items, item);
    free(item->path);
    free(item->detail);
    free(item);
}

void sched_free(struct sched *sched)
{
    if (sched == NULL)
        return;
    struct item *item = NULL;
    struct item *next = NULL;
    HASH_ITER(hh, sched->items, item, next)
    item_free(sched, item);
    free(sched);
}

static struct item *find(const struct sched *sched, const char *file)
{
    struct item *item = NULL;
    HASH_FIND_STR(sched->items, file, item);
    return item;
}

static struct item *find_or_add(struct sched *sched, const char *file)
{
    struct item *item = find(sched, file);
    if (item != NULL)
        return item;
    size_t length = strlen(file) + 1;
    item = xcalloc(1, sizeof *item + length);
    memcpy(item->file, file, length);
    item->place.job.file = item->file;
    HASH_ADD_STR(sched->items, file, item);
    return item;
}

static void set_waiting(struct sched *sched, struct item *item, bool waiting)
{
    sched->waiting += (size_t)waiting - (size_t)item->waiting;
    item->waiting = waiting;
}

static void set_running(struct sched *sched, struct item *item, bool running)
{
    sched->running += (size_t)running - (size_t)item->running;
    item->running = running;
}

static void release(struct sched *sched, struct item *item)
{
    if (!item->waiting && !item->running)
        item_free(sched, item);
}

static char *copy(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

/* JOB may be the one that ITEM itself lent out: nothing is freed before all is copied. */
static void set_job(struct item *item, const struct sched_job *job)
{
    char *path = copy(job->path);
    char *detail = copy(job->detail);
    item->place.job = *job;
    item->place.job.file = item->file;
    item->place.job.path = path;
    item->place.job.detail = detail;
    free(item->path);
    free(item->detail);
    item->path = path;
    item->detail = detail;
}

void sched_want(struct sched *sched, const struct sched_job *job)
{
    struct item *item = find_or_add(sched, job->file);
    size_t match = job->path != NULL ? sched_match(job->file, job->path) : 0;
    if (!item->waiting) {
        set_job(item, job);
        item->place.match = match;
        set_waiting(sched, item, true);
        return;
    }
    struct sched_job before = item->place.job; /* its numbers; its strings go */
    set_job(item, job);
    struct sched_job *now = &item->place.job;
    now->forced = now->forced || before.forced;
    if (before.rank < now->rank)
        now->rank = before.rank;
    if (order_compare_history(&before, now) < 0) {
        now->failures = before.failures;
        now->duration_ms = before.duration_ms;
        now->size = before.size;
    }
    item->place.match = order_better_match(item->place.match, match);
}

void sched_drop(struct sched *sched, const char *file, bool forced_too)
{
    struct item *item = find(sched, file);
    if (item == NULL || !item->waiting || (item->place.job.forced && !forced_too))
        return;
    set_waiting(sched, item, false);
    release(sched, item);
}

const struct sched_job *sched_first(const struct sched *sched)
{
    const struct item *first = NULL;
    for (const struct item *item = sched->items; item != NULL; item = item->hh.next)
        if (item->waiting && !item->running &&
            (first == NULL || order_compare(&item->place, &first->place) < 0))
            first = item;
    return first != NULL ? &first->place.job : NULL;
}

const struct sched_job *sched_waiting(const struct sched *sched, const char *file)
{
    const struct item *item = find(sched, file);
    return item != NULL && item->waiting ? &item->place.job : NULL;
}

void sched_started(struct sched *sched, const char *file)
{
    struct item *item = find_or_add(sched, file);
    set_waiting(sched, item, false);
    set_running(sched, item, true);
}

void sched_done(struct sched *sched, const char *file)
{
    struct item *item = find(sched, file);
    if (item == NULL)
        return;
    set_running(sched, item, false);
    release(sched, item);
}

bool sched_running(const struct sched *sched, const char *file)
{
    const struct item *item = find(sched, file);
    return item != NULL && item->running;
}

size_t sched_count_waiting(const struct sched *sched)
{
    return sched->waiting;
}

size_t sched_count_running(const struct sched *sched)
{
    return sched->running;
}

static int compare_jobs(const void *a, const void *b)
{
    /* A job is the first member of its place. */
    return order_compare(*(const struct place *const *)a,
                         *(const struct place *const *)b);
}

size_t sched_queue(const struct sched *sched, const struct sched_job ***ret)
{
    const struct sched_job **queue = xcalloc(sched->waiting, sizeof(struct sched_job *));
    size_t count = 0;
    for (const struct item *item = sched->items; item != NULL; item = item->hh.next)
        if (item->waiting)
            queue[count++] = &item->place.job;
    qsort(queue, count, sizeof(struct sched_job *), compare_jobs);
    *ret = queue;
    return count;
}
