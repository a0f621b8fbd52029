#include "daemon/sched/order.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <string.h>

enum { SHORTEST_NAME = 2 }; /* "x.py" would match nearly everything */

static int yes_first(bool a, bool b)
{
    return (int)b - (int)a;
}

int order_compare_history(const struct sched_job *a, const struct sched_job *b)
{
    if (a->failures != b->failures)
        return a->failures > b->failures ? -1 : 1;
    bool a_ran = a->duration_ms >= 0;
    bool b_ran = b->duration_ms >= 0;
    if (a_ran != b_ran)
        return yes_first(a_ran, b_ran);
    if (a_ran)
        return (a->duration_ms > b->duration_ms) - (a->duration_ms < b->duration_ms);
    return (a->size > b->size) - (a->size < b->size);
}

int order_compare(const struct place *a, const struct place *b)
{
    if (a->job.forced != b->job.forced)
        return yes_first(a->job.forced, b->job.forced);
    if (a->job.rank != b->job.rank)
        return a->job.rank < b->job.rank ? -1 : 1;
    if (a->match != b->match)
        return order_better_match(a->match, b->match) == a->match ? -1 : 1;
    int history = order_compare_history(&a->job, &b->job);
    return history != 0 ? history : strcmp(a->job.file, b->job.file);
}

size_t order_better_match(size_t a, size_t b)
{
    if (a == 0 || b == 0)
        return a != 0 ? a : b;
    return a < b ? a : b;
}

size_t sched_match(const char *file, const char *changed)
{
    autofree char *changed_stem = path_stem(changed);
    autofree char *folder = path_parent(changed);
    const char *wanted = path_base(changed_stem);
    if (strcmp(wanted, "__init__") == 0)
        wanted = path_base(folder);
    if (strlen(wanted) < SHORTEST_NAME)
        return 0;
    autofree char *file_stem = path_stem(file);
    return strstr(path_base(file_stem), wanted) != NULL ? strlen(path_base(file)) : 0;
}
