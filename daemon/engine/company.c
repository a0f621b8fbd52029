/* Test files that share a process, where the settings ask for it.
 *
 * What one of them leaves behind (imports, fixtures, caches) the others may find, so each verdict rests
 * on all that the process looked at, and on who was in it: the list of its files is evidence of each.
 * With equal evidence all go stale together but for a force, a failed import or a new file; and so the
 * simplest rule is the true one: whoever of them is wanted, all run, in one order. What is shown is
 * always what one run of them all has found. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <stdlib.h>
#include <string.h>

/* The evidence's name: this, and the folder. */
#define COMPANY "company:"
#define INIT "__init__.py"

/* The settings speak through the workers: what is asked of them and what they are stay one. */
void company_configure(struct package *package)
{
    autofree char *name = package_fact(package, "isolation");
    const char *told = "";
    for (size_t i = 0; i < package->environment_count; i++)
        if (strcmp(package->environment[i].name, name) == 0)
            told = package->environment[i].value;
    package->isolation = ISOLATION_FILE;
    if (strcmp(told, "directory") == 0)
        package->isolation = ISOLATION_DIRECTORY;
    else if (strcmp(told, "package") == 0)
        package->isolation = ISOLATION_PACKAGE;
}

static bool is_package(const struct engine *engine, const char *folder)
{
    autofree char *init = path_join(folder, INIT);
    return tree_identity(engine->tree, folder[0] != '\0' ? init : INIT).mode != 0;
}

/* The folder whose files share a process with FILE; NULL: it has one of its own. To load a package's own
 * file, frameworks descend into the package: beside the files in there, each would run twice. The
 * caller's. */
static char *folder_of(const struct engine *engine, const char *file)
{
    const struct package *home = package_of(engine, file);
    if (home->isolation == ISOLATION_FILE ||
        strncmp(path_base(file), "__init__.", strlen("__init__.")) == 0)
        return NULL;
    char *folder = path_parent(file);
    if (home->isolation == ISOLATION_DIRECTORY || !is_package(engine, folder))
        return folder;
    while (strcmp(folder, home->path) != 0) {
        autofree char *above = path_parent(folder);
        if (!is_package(engine, above))
            break;
        free(folder);
        folder = xstrdup(above);
    }
    return folder;
}

struct gathering {
    const struct engine *engine;
    const char *folder;
    char **files;
    size_t count, capacity;
};

static void gather(void *owner, const struct index_file *file)
{
    struct gathering *gathering = owner;
    if (gathering->folder[0] != '\0' && !path_below(file->path, gathering->folder))
        return;
    autofree char *folder = folder_of(gathering->engine, file->path);
    if (folder == NULL || strcmp(folder, gathering->folder) != 0)
        return;
    gathering->files = xgrow(gathering->files, gathering->count, &gathering->capacity,
                             sizeof *gathering->files);
    gathering->files[gathering->count++] = xstrdup(file->path);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order in which they run, NULL at the end. */
static char **files_of(const struct engine *engine, const char *folder)
{
    struct gathering gathering = {.engine = engine, .folder = folder};
    index_each_file(engine->index, gather, &gathering);
    if (gathering.count > 1)
        qsort(gathering.files, gathering.count, sizeof *gathering.files, by_path);
    gathering.files = xgrow(gathering.files, gathering.count, &gathering.capacity,
                            sizeof *gathering.files);
    gathering.files[gathering.count] = NULL;
    return gathering.files;
}

char **company_files(const struct engine *engine, const char *file)
{
    autofree char *folder = folder_of(engine, file);
    if (folder != NULL)
        return files_of(engine, folder);
    char **files = xcalloc(2, sizeof *files);
    files[0] = xstrdup(file);
    return files;
}

void company_free(char **files)
{
    for (char **file = files; *file != NULL; file++)
        free(*file);
    free(files);
}

bool company_may_start(const struct engine *engine, const char *file)
{
    char **files = company_files(engine, file);
    bool free_to_run = true;
    for (char **other = files; *other != NULL && free_to_run; other++)
        free_to_run =
            !sched_running(engine->sched, *other) && !conflict_now(engine, *other);
    company_free(files);
    return free_to_run;
}

bool company_shared(const struct engine *engine, const char *file, const char *other)
{
    autofree char *folder = folder_of(engine, file);
    autofree char *other_s = folder != NULL ? folder_of(engine, other) : NULL;
    return other_s != NULL && strcmp(folder, other_s) == 0;
}

/* ---- as evidence ---- */

char *company_name(const struct engine *engine, const char *file)
{
    autofree char *folder = folder_of(engine, file);
    return folder != NULL ? xasprintf(COMPANY "%s", folder) : NULL;
}

bool company_is_name(const char *name)
{
    return strncmp(name, COMPANY, strlen(COMPANY)) == 0;
}

char *company_value(const struct engine *engine, const char *name)
{
    char **files = files_of(engine, name + strlen(COMPANY));
    json_t *list = json_array();
    for (char **file = files; *file != NULL; file++)
        json_array_append_new(list, wire_path(*file));
    char *value = json_dumps(list, JSON_ENSURE_ASCII);
    json_decref(list);
    company_free(files);
    if (value == NULL)
        abort(); /* as xalloc does */
    return value;
}

/* ---- runs ---- */

bool company_has(const struct run *run, const struct run *other)
{
    return run->process == other->process;
}

struct run *company_run(struct engine *engine, struct run *run, const char *file)
{
    if (file == NULL)
        return run;
    for (struct run *other = engine->runs; other != NULL; other = other->hh.next)
        if (company_has(run, other) && strcmp(other->file, file) == 0)
            return other;
    return NULL;
}

const struct run *company_busy(const struct engine *engine, const struct run *run)
{
    for (const struct run *other = engine->runs; other != NULL; other = other->hh.next)
        if (company_has(run, other) && other->test != NULL)
            return other;
    return NULL;
}

/* Whose tests were over when the process came to a bad end keeps its results; where all were, nobody knows
 * whose doing it was. */
static bool is_spared(const struct engine *engine, const struct run *run)
{
    const struct run *other = engine->runs;
    while (other != NULL && (!company_has(run, other) || other->through))
        other = other->hh.next;
    return run->through && other != NULL;
}

static void add_wrote(void *owner, const char *path, int64_t place)
{
    void **both = owner;
    struct run *run = both[0];
    const struct run *from = both[1];
    run_wrote_as(run, path, place >= 0 ? &from->lefts[place] : NULL);
}

/* One process ran all of them: what it looked at counts for each. */
static void share(struct run *run, const struct run *from)
{
    if (run == from)
        return;
    for (size_t i = 0; i < from->look_count; i++)
        run_look_as(run, &from->looks[i]);
    strset_each(&from->wrote, add_wrote, (void *[]){run, (void *)(uintptr_t)from});
}

static bool ended_well(const struct engine_finished *finished)
{
    return finished->end == ENGINE_EXITED && finished->signal == 0 && finished->done;
}

void company_finished(struct engine *engine, struct run *run, const struct run *first,
                      const struct engine_finished *finished)
{
    share(run, first);
    struct engine_finished own = *finished;
    own.test = run->test;
    const struct run *busy = company_busy(engine, run);
    run->duration_ms = 0;
    for (size_t i = 0; i < run->result_count; i++)
        run->duration_ms += run->results[i].duration_ms;
    bool general = finished->lost || finished->end == ENGINE_HOST_DIED ||
                   finished->end == ENGINE_CANCELLED;
    if (!general && is_spared(engine, run))
        return;
    if (!general && !ended_well(finished) && busy != NULL && busy != run)
        verdict_of_company(run, busy, finished);
    else
        verdict_of_end(run, &own);
}
