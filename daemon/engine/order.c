/* The order of the tests within a file, where the settings ask for it: what executed a changed block
 * comes first. It rests on the last run's account of each test, and decides nothing but order. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <stdlib.h>
#include <string.h>

struct tested {
    char *test, *path, *blocks;
};

void order_note(struct run *run, const struct report *report)
{
    for (size_t i = 0; i < report->ran_count; i++) {
        if (!blocks_are_bits(report->rans[i].ran))
            continue;
        run->tested = xgrow(run->tested, run->tested_count, &run->tested_capacity,
                            sizeof *run->tested);
        run->tested[run->tested_count++] =
            (struct tested){.test = xstrdup(report->test),
                            .path = xstrdup(report->rans[i].path),
                            .blocks = xstrdup(report->rans[i].ran)};
    }
}

void order_forget(struct run *run)
{
    for (size_t i = 0; i < run->tested_count; i++) {
        free(run->tested[i].test);
        free(run->tested[i].path);
        free(run->tested[i].blocks);
    }
    free(run->tested);
}

struct index_tested *order_record(struct engine *engine, const struct run *run)
{
    struct index_tested *list = xcalloc(run->tested_count + 1, sizeof *list);
    for (size_t i = 0; i < run->tested_count; i++)
        list[i] = (struct index_tested){
            .test = run->tested[i].test,
            .path = run->tested[i].path,
            .state = tree_state(engine->tree, EVIDENCE_CODE, run->tested[i].path),
            .blocks = run->tested[i].blocks};
    return list;
}

struct choosing {
    struct engine *engine;
    struct strset chosen;
};

static void choose(void *owner, const struct index_tested *tested)
{
    struct choosing *choosing = owner;
    struct engine *engine = choosing->engine;
    struct digest now = tree_state(engine->tree, EVIDENCE_CODE, tested->path);
    const struct index_fact fact = {.kind = EVIDENCE_CODE,
                                    .path = tested->path,
                                    .detail = tested->blocks,
                                    .state = tested->state};
    if (!digest_equal(&now, &tested->state) && !blocks_hold(engine, &fact, &now))
        strset_add(&choosing->chosen, tested->test);
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
