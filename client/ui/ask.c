/* What the view asks of the model. */

#include "client/trouble.h"
#include "client/ui/model.h"

#include <ctype.h>
#include <string.h>

bool text_holds(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static uint64_t place(const struct known_test *test)
{
    return test->told > 0 ? test->told : test->fresh_told;
}

/* Files that run and have failures, then those that ran last; within a file as the framework told
 * them. */
static int by_last_run(const void *left, const void *right)
{
    const struct known_test *a = *(struct known_test *const *)left,
                            *b = *(struct known_test *const *)right;
    if (a->file != b->file) {
        if ((a->file->fresh > 0) != (b->file->fresh > 0))
            return a->file->fresh > 0 ? -1 : 1;
        int later = strcmp(b->file->last_run, a->file->last_run);
        return later != 0 ? later : strcmp(a->file->path, b->file->path);
    }
    return place(a) < place(b) ? -1 : place(a) > place(b);
}

static bool wanted(const struct known_test *test, const char *filter)
{
    if (!model_is_red(test))
        return false;
    if (filter == NULL || filter[0] == '\0')
        return true;
    autofree char *both = text_format("%s %s", test->file->path, test->name);
    return text_holds(both, filter);
}

size_t model_reds(const struct model *model, const char *filter, struct known_test ***ret)
{
    size_t count = 0, room = 0;
    struct known_test **reds = NULL;
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next) {
        for (struct known_test *test = file->tests; test != NULL; test = test->hh.next) {
            if (!wanted(test, filter))
                continue;
            if (count == room) {
                room = room > 0 ? 2 * room : 64;
                reds = must(reallocarray(reds, room, sizeof(struct known_test *)));
            }
            reds[count++] = test;
        }
    }
    if (count > 0)
        qsort(reds, count, sizeof(struct known_test *), by_last_run);
    *ret = reds;
    return count;
}

int64_t model_fresh(const struct model *model)
{
    uint64_t count = 0;
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next)
        count += file->fresh;
    return (int64_t)count;
}

static int by_start(const void *left, const void *right)
{
    const struct known_file *a = *(struct known_file *const *)left,
                            *b = *(struct known_file *const *)right;
    if (a->started != b->started)
        return a->started < b->started ? -1 : 1;
    return strcmp(a->path, b->path);
}

size_t model_running(const struct model *model, struct known_file ***ret)
{
    size_t count = 0;
    struct known_file **running =
        must(calloc(HASH_COUNT(model->files) + 1, sizeof(struct known_file *)));
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next)
        if (file->running)
            running[count++] = file;
    qsort(running, count, sizeof(struct known_file *), by_start);
    *ret = running;
    return count;
}

struct estimate {
    double known_ms, longest_ms;
    int64_t unknown;
};

static void estimate_add(struct estimate *estimate, const struct known_file *file,
                         double gone_ms)
{
    if (file == NULL || file->duration_ms < 0)
        estimate->unknown++;
    else if (file->duration_ms > gone_ms)
        estimate->known_ms += file->duration_ms - gone_ms;
    if (file != NULL && file->duration_ms - gone_ms > estimate->longest_ms)
        estimate->longest_ms = file->duration_ms - gone_ms;
}

/* What a test file takes that never ran: as much as the others do. */
static double usual_ms(const struct model *model)
{
    double sum = 0;
    int64_t count = 0;
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next) {
        if (file->duration_ms < 0)
            continue;
        sum += file->duration_ms;
        count++;
    }
    return count > 0 ? sum / (double)count : -1;
}

double model_progress(const struct model *model, int64_t now, double *ret_rest_ms)
{
    struct estimate rest = {0};
    int64_t running = 0;
    double begun = 0; /* the parts of those that run */
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next) {
        if (!file->running)
            continue;
        double gone = (double)(now - file->started);
        running++;
        estimate_add(&rest, file, gone);
        if (file->duration_ms > 0)
            begun += gone < file->duration_ms ? gone / file->duration_ms : 1;
    }
    for (size_t i = 0; i < model->queue_count; i++)
        estimate_add(&rest, model_file(model, model->queue[i]), 0);
    double usual = usual_ms(model);
    double together = model->burst.together > 1 ? (double)model->burst.together : 1;
    double shared = (rest.known_ms + (double)rest.unknown * usual) / together;
    *ret_rest_ms = usual < 0 ? -1 : shared > rest.longest_ms ? shared : rest.longest_ms;
    int64_t files = model->burst.done + running + (int64_t)model->queue_count;
    return files > 0 ? ((double)model->burst.done + begun) / (double)files : 1;
}
