/* The packages of the project: which there are, whose a path is, and by what names facts know their
 * environments.
 *
 * A verdict rests on the environment of its own package, so the facts about that have its name:
 * "python@one" where the root's is "python". And it rests on which packages there are below its own: a
 * folder that becomes a package takes its test files along, and they will run otherwise there. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

#define ROOT ""
#define INSIDE "packages" /* the fact of which packages lie inside */

/* ---- names ---- */

const char *package_shown(const struct package *package)
{
    return package->path[0] != '\0' ? package->path : ".";
}

struct package *package_at(const struct engine *engine, const char *path)
{
    for (size_t i = 0; i < engine->package_count; i++)
        if (strcmp(engine->packages[i]->path, path) == 0)
            return engine->packages[i];
    return NULL;
}

struct package *package_of(const struct engine *engine, const char *path)
{
    struct package *innermost = engine->packages[0];
    for (size_t i = 1; path[0] != '/' && i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (path_below(path, package->path) &&
            strlen(package->path) > strlen(innermost->path))
            innermost = package;
    }
    return innermost;
}

char *package_fact(const struct package *package, const char *name)
{
    return package->path[0] != '\0' ? xasprintf("%s@%s", name, package->path)
                                    : xstrdup(name);
}

struct package *package_of_fact(const struct engine *engine, const char *fact,
                                size_t *ret_length)
{
    const char *at = strchr(fact, '@');
    *ret_length = at != NULL ? (size_t)(at - fact) : strlen(fact);
    return package_at(engine, at != NULL ? at + 1 : ROOT);
}

/* ---- life ---- */

static void package_free(struct package *package)
{
    variables_free(package->environment, package->environment_count);
    variables_free(package->distributions, package->distribution_count);
    strset_finish(&package->suffixes);
    strset_finish(&package->unsorted);
    strset_finish(&package->asked);
    strset_finish(&package->leans);
    strset_finish(&package->meanwhile);
    strset_finish(&package->installed);
    free(package->ready);
    free(package->framework);
    free(package->python);
    free(package->framework_why);
    free(package->python_why);
    free(package->error);
    free(package->unused);
    free(package->coarse);
    free(package->path);
    free(package);
}

void packages_finish(struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++)
        package_free(engine->packages[i]);
    free(engine->packages);
    free(engine->packages_why);
}

/* The root's comes first, the others by path. */
static struct package *add(struct engine *engine, const char *path)
{
    engine->packages = xrealloc(engine->packages,
                                (engine->package_count + 1) * sizeof *engine->packages);
    size_t place = engine->package_count++;
    while (place > 0 && strcmp(engine->packages[place - 1]->path, path) > 0) {
        engine->packages[place] = engine->packages[place - 1];
        place--;
    }
    struct package *package = xcalloc(1, sizeof *package);
    package->path = xstrdup(path);
    engine->packages[place] = package;
    return package;
}

static void take_found(void *owner, const struct engine_package *found)
{
    struct engine *engine = owner;
    struct package *package = package_at(engine, found->path);
    if (package == NULL)
        package = add(engine, found->path);
    package->found = true;
    package->changed_first = found->changed_first;
    xreplace(&package->python_why, found->python_why);
    xreplace(&package->framework_why, found->framework_why);
}

void packages_begin(struct engine *engine)
{
    add(engine, ROOT);
}

struct marks {
    const char **paths;
    size_t count, capacity;
};

static void note_mark(void *owner, const char *path)
{
    struct marks *marks = owner;
    if (!pick_marks_package(path))
        return;
    marks->paths =
        xgrow(marks->paths, marks->count, &marks->capacity, sizeof *marks->paths);
    marks->paths[marks->count++] = path;
}

/* ---- which there are ---- */

static char *inside(const struct engine *engine, const struct package *package)
{
    json_t *list = json_array();
    for (size_t i = 0; i < engine->package_count; i++)
        if (engine->packages[i] != package &&
            path_below(engine->packages[i]->path, package->path))
            json_array_append_new(list, wire_path(engine->packages[i]->path));
    char *text = json_dumps(list, JSON_ENSURE_ASCII);
    json_decref(list);
    if (text == NULL)
        abort(); /* as xalloc does */
    return text;
}

char *package_inside(const struct engine *engine, const char *fact)
{
    size_t length = 0;
    const struct package *package = package_of_fact(engine, fact, &length);
    bool asked = length == strlen(INSIDE) && strncmp(fact, INSIDE, length) == 0;
    return asked && package != NULL ? inside(engine, package) : NULL;
}

char *package_inside_fact(const struct package *package)
{
    return package_fact(package, INSIDE);
}

static void drop_lost(struct engine *engine)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (package->found) {
            engine->packages[kept++] = package;
            continue;
        }
        for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
            if (run->package == package) {
                run->package = NULL;
                run->discard = true;
                engine->ports.cancel(engine->ports.owner, run->process);
            }
        if (engine->reader == package)
            engine->reader = NULL;
        package_free(package);
    }
    engine->package_count = kept;
}

/* Paths that are another package's now are asked about there. */
static void sort_again(void *owner, const char *path)
{
    struct engine *engine = owner;
    struct package *package = package_of(engine, path);
    if (package->environment != NULL ? check_candidate(engine, path)
                                     : package_may_test(path))
        check_sort(engine, path);
}

void packages_find(struct engine *engine)
{
    struct marks marks = {0};
    size_t before = engine->package_count;
    for (size_t i = 0; i < engine->package_count; i++)
        engine->packages[i]->found = false;
    tree_each(engine->tree, "", note_mark, &marks);
    free(engine->packages_why);
    engine->packages_why = engine->ports.packages(engine->ports.owner, marks.paths,
                                                  marks.count, take_found, engine);
    free(marks.paths);
    bool others = engine->package_count != before;
    for (size_t i = 0; i < engine->package_count; i++)
        others |= !engine->packages[i]->found;
    if (!others)
        return;
    drop_lost(engine);
    log_info("packages: %s", engine->packages_why);
    tree_each(engine->tree, "", sort_again, engine);
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (package->environment == NULL && strset_count(&package->unsorted) == 0 &&
            engine->package_count > 1)
            package->sorted = package->started_up = true; /* nothing to ask: no worker */
    }
    engine->news_state = engine->news_stats = true;
}

/* ---- how they are ---- */

bool package_may_test(const char *path)
{
    const char *base = path_base(path);
    const char *dot = strrchr(base, '.');
    return path[0] != '/' && dot != NULL && strcmp(dot, ".py") == 0 &&
           strcmp(base, "setup.py") != 0;
}

bool package_at_rest(const struct package *package)
{
    return package->error != NULL ||
           (package->sorted && !package->asking && !package->renewing &&
            !package->doubted && strset_count(&package->unsorted) == 0);
}

bool packages_sorted(const struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++)
        if (!engine->packages[i]->sorted && engine->packages[i]->error == NULL)
            return false;
    return true;
}

struct tests {
    const struct engine *engine;
    const struct package *package;
    bool any;
};

static void find_test(void *owner, const struct index_file *file)
{
    struct tests *tests = owner;
    tests->any |= package_of(tests->engine, file->path) == tests->package;
}

/* By the names that frameworks go by, where nobody says otherwise. */
static void find_name(void *owner, const char *path)
{
    struct tests *tests = owner;
    const char *base = path_base(path);
    size_t length = strlen(base);
    bool named = package_may_test(path) &&
                 (strncmp(base, "test", strlen("test")) == 0 ||
                  (length > strlen("_test.py") &&
                   strcmp(base + length - strlen("_test.py"), "_test.py") == 0));
    tests->any |= named && package_of(tests->engine, path) == tests->package;
}

bool package_matters(const struct engine *engine, const struct package *package)
{
    struct tests tests = {.engine = engine, .package = package};
    if (engine->package_count == 1)
        return true;
    index_each_file(engine->index, find_test, &tests);
    if (!tests.any)
        tree_each(engine->tree, package->path, find_name, &tests);
    return tests.any;
}

const char *packages_error(struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++) {
        const struct package *package = engine->packages[i];
        if (package->error == NULL || !package_matters(engine, package))
            continue;
        if (engine->package_count == 1)
            return package->error;
        free(engine->words);
        engine->words = xasprintf("%s: %s", package_shown(package), package->error);
        return engine->words;
    }
    return NULL;
}

/* ---- the order of runs ---- */

struct between {
    const struct engine *engine;
    const struct package *own, *cause;
    bool *seen; /* by package */
    int64_t count;
};

static void count_between(void *owner, const struct index_fact *fact, bool is_volatile)
{
    (void)is_volatile;
    struct between *between = owner;
    if (fact->kind == EVIDENCE_ENVIRONMENT || fact->path[0] == '/')
        return;
    const struct package *package = package_of(between->engine, fact->path);
    if (package == between->own || package == between->cause || package->path[0] == '\0')
        return;
    size_t place = 0;
    while (between->engine->packages[place] != package)
        place++;
    between->count += !between->seen[place];
    between->seen[place] = true;
}

int64_t package_rank(struct engine *engine, const char *file, const char *cause)
{
    if (engine->package_count == 1)
        return 0;
    struct between between = {.engine = engine,
                              .own = package_of(engine, file),
                              .cause = cause != NULL ? package_of(engine, cause) : NULL};
    int64_t place = 0;
    while (engine->packages[place] != between.own)
        place++;
    if (between.cause == NULL || between.cause == between.own)
        return place;
    between.seen = xcalloc(engine->package_count, sizeof *between.seen);
    index_evidence(engine->index, file, count_between, &between);
    free(between.seen);
    return ((between.count + 1) << 16) + place;
}
