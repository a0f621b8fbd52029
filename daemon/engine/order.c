/* The order of the tests within a file, where the settings ask for it: what executed a changed block
 * comes first. It rests on the last run's account of its tests, and decides nothing but order. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <stdlib.h>
#include <string.h>

/* What the tests executed of one source: for each its name and its blocks, each with a zero byte at
 * its end. */
struct tested {
    char *path, *tests;
    size_t size, capacity;
};

/* ---- what a run tells ---- */

static struct tested *of_path(struct run *run, const char *path)
{
    for (size_t i = run->tested_count; i > 0; i--)
        if (strcmp(run->tested[i - 1].path, path) == 0)
            return &run->tested[i - 1];
    run->tested =
        xgrow(run->tested, run->tested_count, &run->tested_capacity, sizeof *run->tested);
    struct tested *tested = &run->tested[run->tested_count++];
    *tested = (struct tested){.path = xstrdup(path)};
    return tested;
}

static void append(struct tested *tested, const char *text)
{
    size_t length = strlen(text) + 1;
    if (tested->size + length > tested->capacity) {
        tested->capacity = 2 * (tested->size + length);
        tested->tests = xrealloc(tested->tests, tested->capacity);
    }
    memcpy(tested->tests + tested->size, text, length);
    tested->size += length;
}

void order_note(struct run *run, const struct report *report)
{
    for (size_t i = 0; i < report->ran_count; i++) {
        if (!blocks_are_bits(report->rans[i].ran))
            continue;
        struct tested *tested = of_path(run, report->path);
        append(tested, report->rans[i].test);
        append(tested, report->rans[i].ran);
    }
}

void order_forget(struct run *run)
{
    for (size_t i = 0; i < run->tested_count; i++) {
        free(run->tested[i].path);
        free(run->tested[i].tests);
    }
    free(run->tested);
}

struct index_tested *order_record(struct engine *engine, const struct run *run)
{
    struct index_tested *list = xcalloc(run->tested_count + 1, sizeof *list);
    for (size_t i = 0; i < run->tested_count; i++) {
        const struct tested *tested = &run->tested[i];
        list[i] = (struct index_tested){
            .path = tested->path,
            .state = tree_state(engine->tree, EVIDENCE_CODE, tested->path),
            .tests = tested->tests,
            .size = tested->size};
        blocks_want(engine, tested->path, &list[i].state);
    }
    return list;
}

/* ---- what the next one asks ---- */

struct choosing {
    struct engine *engine;
    struct strset chosen;
};

static void choose(void *owner, const struct index_tested *tested)
{
    struct choosing *choosing = owner;
    struct engine *engine = choosing->engine;
    struct digest now = tree_state(engine->tree, EVIDENCE_CODE, tested->path);
    const char *end = tested->tests + tested->size;
    if (digest_equal(&now, &tested->state) || tested->size == 0 || end[-1] != '\0')
        return;
    for (const char *test = tested->tests; test < end;) {
        const char *blocks = test + strlen(test) + 1;
        if (blocks == end)
            return;
        const struct index_fact fact = {.kind = EVIDENCE_CODE,
                                        .path = tested->path,
                                        .detail = blocks,
                                        .state = tested->state};
        if (!blocks_hold(engine, &fact, &now))
            strset_add(&choosing->chosen, test);
        test = blocks + strlen(blocks) + 1;
    }
}

static void into_list(void *owner, const char *test, int64_t value)
{
    (void)value;
    char ***at = owner;
    *(*at)++ = xstrdup(test);
}

char **order_first(struct engine *engine, const char *file)
{
    struct choosing choosing = {.engine = engine};
    if (package_of(engine, file)->changed_first)
        index_each_tested(engine->index, file, choose, &choosing);
    char **list = xcalloc(strset_count(&choosing.chosen) + 1, sizeof *list);
    char **at = list;
    strset_each(&choosing.chosen, into_list, &at);
    strset_finish(&choosing.chosen);
    return list;
}

void order_free(char **list)
{
    for (char **test = list; *test != NULL; test++)
        free(*test);
    free(list);
}
