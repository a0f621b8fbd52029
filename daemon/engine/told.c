/* What workers told, in an earlier life of the daemon too, and would tell again.
 *
 * Before a package's worker has told of itself and has said which files are its tests, nothing of it is
 * current; and starting an interpreter with its framework takes longer than all else in a start where
 * nothing has changed. So both answers are kept in the index with what they rest on, and believed in the
 * next life where all of that was left alone: no verdict may rest on less.
 *
 * They rest on
 *   - how workers are started: program, arguments, folder, and the variables of their environment;
 *   - what the worker names: the interpreter and its library, the folders where modules are
 *     sought, what is installed and what records say of it, the framework's modules;
 *   - whatever the process looked at that was asked for the test files, as it was traced: settings, conftest
 *     files and what they import, packages on the way;
 *   - which files could be test files.
 * A path counts by its identity, times and all: what was touched is asked about again, which costs a worker.
 * Nothing is compared by what it means, and what cannot be told is not kept.
 *
 * Kept is what was answered about all files at once, where nothing that it rests on has changed since before
 * the question. Later questions about single files need not be: then other files could be test files.
 *
 * While the daemon lives, a change of a file that decided which files are tests (a module that a conftest
 * file imports is none that is known by its name) has the package asked anew, when nothing runs: the tests
 * that the change concerns do not wait for it, and who waits for everything does. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"
#include "daemon/tree/still.h"

#include <string.h>

/* False where a path is not as it must be, or has changed since CLOCK_NS. */
static bool add_rests(const struct engine *engine, const json_t *rests, int64_t clock_ns,
                      struct digest *sum)
{
    static const char *const lists[] = {
        [STILL_WHOLE] = "there", [STILL_KIND] = "kinds", [STILL_ABSENT] = "absent"};
    bool still = rests != NULL;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(rests, lists[i]);
        for (size_t at = 0; still && at < json_array_size(list); at++)
            still = still_add(engine->tree, (enum still_as)i,
                              json_string_value(json_array_get(list, at)), clock_ns, sum);
    }
    return still;
}

static bool add_launch(const struct engine *engine, const struct package *package,
                       struct digest *sum)
{
    autofree char *launch = engine->ports.launch(engine->ports.owner, package->path);
    if (launch != NULL)
        still_add_text(sum, launch);
    return launch != NULL;
}

struct candidates {
    const struct engine *engine;
    const struct package *package;
    struct strset *into; /* NULL: they must be in package->asked */
    struct digest *sum;
    bool still;
};

static void add_candidate(void *owner, const char *path)
{
    struct candidates *candidates = owner;
    if (!candidates->still ||
        !check_may_be(candidates->engine, candidates->package, path))
        return;
    if (candidates->into != NULL)
        strset_put(candidates->into, path, check_mark(candidates->engine, path));
    else
        candidates->still = strset_has(&candidates->package->asked, path);
    candidates->still &=
        still_add(candidates->engine->tree, STILL_KIND, path, INT64_MAX, candidates->sum);
}

/* ---- doubting ---- */

static void lean(struct package *package, const json_t *rests)
{
    static const char *const lists[] = {"there", "absent"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t at = 0;
        const json_t *path = NULL;
        json_array_foreach(json_object_get(rests, lists[i]), at, path)
        {
            strset_add(&package->leans, json_string_value(path));
            package->doubted |= strset_has(&package->meanwhile, json_string_value(path));
        }
    }
    strset_finish(&package->meanwhile);
}

static void doubt_one(struct package *package, const char *path)
{
    package->doubted |= strset_has(&package->leans, path);
    if (package->asking)
        strset_add(&package->meanwhile, path);
}

void told_changed(struct engine *engine, const char *path, bool came)
{
    autofree char *stem = path_stem(path); /* as what an import looks for */
    for (size_t i = 0; i < engine->package_count; i++) {
        doubt_one(engine->packages[i], path);
        if (came)
            doubt_one(engine->packages[i], stem);
    }
}

void told_doubt(struct engine *engine)
{
    if (run_some_on(engine, NULL))
        return; /* one by hand may last for hours */
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (!package->doubted || package->asking)
            continue;
        package->doubted = false;
        strset_finish(&package->leans);
        check_ask_all(engine, package);
    }
}

/* ---- keeping ---- */

static char *text_of(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text == NULL)
        abort(); /* as xalloc does */
    return text;
}

void told_ready(struct engine *engine, struct package *package,
                const struct report *report)
{
    free(package->ready);
    package->ready = NULL;
    package->ready_sum = (struct digest){0};
    if (add_launch(engine, package, &package->ready_sum) &&
        add_rests(engine, report->rests, report->began_ns, &package->ready_sum))
        package->ready = text_of(report->json);
    else
        log_debug("%s: what its worker told is not kept", package_shown(package));
}

void told_keep(struct engine *engine, struct package *package,
               const struct report *report)
{
    lean(package, report->rests);
    if (package->ready == NULL)
        return;
    struct digest sum = package->ready_sum;
    struct candidates candidates = {
        .engine = engine, .package = package, .sum = &sum, .still = true};
    tree_each(engine->tree, package->path, add_candidate, &candidates);
    if (!candidates.still || !add_rests(engine, report->rests, package->asked_at, &sum)) {
        log_debug("%s: which files are its tests is not kept", package_shown(package));
        return;
    }
    autofree char *answer = text_of(report->json);
    const struct index_told told = {.package = package->path,
                                    .ready = package->ready,
                                    .answer = answer,
                                    .state = sum};
    int error = index_tell(engine->index, &told);
    if (error < 0)
        log_error("cannot keep what workers told: %s", strerror(-error));
}

/* ---- recalling ---- */

struct memory {
    struct package *package;
    char *path, *ready, *answer;
    struct digest state;
    struct report told, answered; /* decoded, where it is believed */
    bool believed;
};

struct memories {
    struct memory *items;
    size_t count, capacity;
};

static void note(void *owner, const struct index_told *told)
{
    struct memories *memories = owner;
    memories->items = xgrow(memories->items, memories->count, &memories->capacity,
                            sizeof *memories->items);
    memories->items[memories->count++] = (struct memory){.path = xstrdup(told->package),
                                                         .ready = xstrdup(told->ready),
                                                         .answer = xstrdup(told->answer),
                                                         .state = told->state};
}

/* Is everything as it was? package->asked is filled with what could be test files. */
static bool holds(struct engine *engine, struct memory *memory)
{
    struct package *package = memory->package;
    struct digest sum = {0};
    if (!add_launch(engine, package, &sum) ||
        !add_rests(engine, memory->told.rests, INT64_MAX, &sum) ||
        !add_rests(engine, memory->answered.rests, INT64_MAX, &sum))
        return false;
    for (size_t i = 0; i < memory->told.suffix_count; i++)
        strset_add(&package->suffixes, memory->told.suffixes[i]);
    package->any_name = memory->answered.any_name;
    struct candidates candidates = {.engine = engine,
                                    .package = package,
                                    .into = &package->asked,
                                    .sum = &sum,
                                    .still = true};
    tree_each(engine->tree, package->path, add_candidate, &candidates);
    if (candidates.still && digest_equal(&sum, &memory->state))
        return true;
    strset_finish(&package->suffixes);
    strset_finish(&package->asked);
    package->any_name = false;
    return false;
}

static void believe(struct engine *engine, struct memory *memory)
{
    const char *why = NULL;
    memory->package = package_at(engine, memory->path);
    if (memory->package == NULL) {
        index_untell(engine->index, memory->path);
        return;
    }
    if (report_decode(memory->ready, strlen(memory->ready), &memory->told, &why) < 0)
        return;
    if (report_decode(memory->answer, strlen(memory->answer), &memory->answered, &why) ==
        0)
        memory->believed = memory->told.type == REPORT_READY &&
                           memory->answered.type == REPORT_CLASSIFIED &&
                           holds(engine, memory);
    if (!memory->believed)
        return;
    bool fresh = false;
    packages_learn(engine, memory->package, &memory->told, &fresh);
    memory->package->any_name = memory->answered.any_name;
    lean(memory->package, memory->answered.rests);
    strset_finish(&memory->package->unsorted); /* by their names alone */
}

static void finish(struct memories *memories)
{
    for (size_t i = 0; i < memories->count; i++) {
        struct memory *memory = &memories->items[i];
        report_finish(&memory->told);
        report_finish(&memory->answered);
        free(memory->path);
        free(memory->ready);
        free(memory->answer);
    }
    free(memories->items);
}

void told_recall(struct engine *engine)
{
    struct memories memories = {0};
    index_each_told(engine->index, note, &memories);
    size_t believed = 0;
    for (size_t i = 0; i < memories.count; i++) {
        believe(engine, &memories.items[i]);
        believed += memories.items[i].believed;
    }
    if (believed > 0)
        check_environment(engine);
    for (size_t i = 0; i < memories.count; i++)
        if (memories.items[i].believed)
            check_answer(engine, memories.items[i].package, &memories.items[i].answered);
    if (believed > 0)
        check_answers_taken(engine);
    for (size_t i = 0; i < memories.count; i++)
        if (memories.items[i].believed)
            check_answered(engine, memories.items[i].package);
    finish(&memories);
    pick_turned(engine, NULL);
    if (believed > 0)
        log_info("%zu of %zu packages are as their workers left them", believed,
                 engine->package_count);
}
