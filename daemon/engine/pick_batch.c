/* A burst is over: which of the paths that were told have really changed, which facts that may break, and what
 * else follows from them. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

struct batch {
    struct engine *engine;
    struct strset causes;    /* every path whose facts were judged */
    bool vanished;           /* something did */
    struct strset changed;   /* paths that really changed */
    const char *importable;  /* one path that an import could now find */
    bool framework_settings; /* which files are test files must be asked again */
    bool project_settings;
};

static void judge_at(struct batch *batch, const char *path)
{
    if (!strset_add(&batch->causes, path))
        return;
    index_facts_at(batch->engine->index, path, pick_judge, batch->engine);
}

/* Facts that a name's coming or going can break, beyond those about the path itself. */
static void judge_around(struct batch *batch, const char *path)
{
    autofree char *folder = path_parent(path);
    autofree char *stem = path_stem(path);
    judge_at(batch, folder);
    judge_at(batch, stem);
    if (strncmp(path_base(path), "__init__.", strlen("__init__.")) == 0)
        judge_at(batch, folder);
    index_facts_below(batch->engine->index, path, pick_judge, batch->engine);
}

static bool could_be_imported(const char *path)
{
    if (path[0] == '/') /* outside anything may come and go */
        return false;
    const char *base = path_base(path);
    const char *dot = strrchr(base, '.');
    return dot == NULL || strcmp(dot, ".py") == 0 || strcmp(dot, ".so") == 0 ||
           strcmp(dot, ".pyc") == 0;
}

static bool is_framework_settings(const char *path)
{
    static const char *const names[] = {"setup.cfg",    "tox.ini",     "pyproject.toml",
                                        "pytest.ini",   ".pytest.ini", "pytest.toml",
                                        ".pytest.toml", ".noserc",     "nose.cfg",
                                        "conftest.py",  NULL};
    return word_find(names, path_base(path)) >= 0;
}

bool pick_marks_package(const char *path)
{
    return is_framework_settings(path) || strcmp(path_base(path), "setup.py") == 0;
}

bool pick_decides(const struct engine *engine, const char *path)
{
    return is_framework_settings(path) ||
           (path[0] != '/' && engine->ports.decides(engine->ports.owner, path));
}

static void sort_later(void *owner, const char *path)
{
    struct engine *engine = owner;
    const struct package *package = package_of(engine, path);
    /* Of a package that has told nothing yet the first one wakes a worker. */
    bool may = package->environment != NULL ? check_candidate(engine, path)
                                            : package_may_test(path);
    if (may)
        check_sort(engine, path);
}

static void judge_change(void *owner, const char *path, int64_t entry)
{
    struct batch *batch = owner;
    struct engine *engine = batch->engine;
    unsigned change = tree_refresh(engine->tree, path);
    strset_remove(&engine->unreadable, path);
    judge_at(batch, path);
    if (entry != 0 || (change & (TREE_APPEARED | TREE_VANISHED)) != 0)
        judge_around(batch, path);
    if (change == TREE_SAME)
        return;
    strset_put(&batch->changed, path, (int64_t)change);
    if ((change & TREE_VANISHED) != 0)
        batch->vanished = true;
    log_debug("%s %s",
              change & TREE_APPEARED   ? "added"
              : change & TREE_VANISHED ? "deleted"
                                       : "changed",
              path);
    bool came_or_went = (change & (TREE_APPEARED | TREE_VANISHED)) != 0;
    told_changed(engine, path, came_or_went);
    bool package = strncmp(path_base(path), "__init__.", strlen("__init__.")) == 0;
    if (is_framework_settings(path) || (package && came_or_went))
        batch->framework_settings =
            true; /* what lies below a package is sought otherwise */
    if (path[0] != '/' && engine->ports.decides(engine->ports.owner, path))
        batch->project_settings = true;
    if ((change & TREE_APPEARED) != 0) {
        if (could_be_imported(path))
            batch->importable = path;
        sort_later(engine, path);
    }
    /* Frameworks skip programs; packages may hold tests. */
    bool program = (tree_identity(engine->tree, path).mode & 0111) != 0;
    if (program || package || strset_has(&engine->programs, path))
        sort_later(engine, path);
}

static void collect_file(void *owner, const char *file)
{
    strset_add(owner, file);
}

struct wanting {
    struct engine *engine;
    const char *path;
    enum reason reason;
};

static void want_failed(void *owner, const char *file, int64_t value)
{
    (void)value;
    const struct wanting *wanting = owner;
    pick_want(wanting->engine, file, REASON_FAILED_IMPORT, wanting->path,
              "an import failed in it, and this is new", false);
}

void pick_failed_imports(struct engine *engine, const char *added)
{
    struct strset files = {0};
    index_raised(engine->index, "ImportError", collect_file, &files);
    index_raised(engine->index, "ModuleNotFoundError", collect_file, &files);
    struct wanting wanting = {.engine = engine, .path = added};
    strset_each(&files, want_failed, &wanting);
    strset_finish(&files);
}

static void want_if_waiting(void *owner, const char *file, int64_t value)
{
    (void)value;
    const struct wanting *wanting = owner;
    const struct sched_job *job = sched_waiting(wanting->engine->sched, file);
    bool named =
        job != NULL && job->path != NULL && strcmp(job->path, wanting->path) == 0;
    if (job != NULL && !named)
        pick_want(wanting->engine, file, wanting->reason, wanting->path, NULL, false);
}

/* A file that waits already may have a better place in the queue by this change. */
static void reorder(void *owner, const char *path, int64_t change)
{
    struct engine *engine = owner;
    if (sched_count_waiting(engine->sched) == 0)
        return;
    struct strset files = {0};
    index_affected(engine->index, path, collect_file, &files);
    struct wanting wanting = {.engine = engine, .path = path, .reason = REASON_CHANGED};
    if ((change & TREE_VANISHED) != 0)
        wanting.reason = REASON_DELETED;
    else if ((change & TREE_APPEARED) != 0)
        wanting.reason = REASON_ADDED;
    strset_each(&files, want_if_waiting, &wanting);
    strset_finish(&files);
}

static void note_changed(void *owner, const char *path, int64_t change)
{
    struct engine *engine = owner;
    strset_put(&engine->changed, path, change);
}

/* Once it is known who must run. */
static void reorder_all(struct engine *engine)
{
    if (engine->turn_owed)
        return;
    strset_each(&engine->changed, reorder, engine);
    strset_finish(&engine->changed);
}

/* What hinders the framework need not lie in its settings. */
static void ask_package(struct engine *engine, struct package *package, bool settings)
{
    if (settings && !package->sorted)
        engine->ports.warm(engine->ports.owner, package->path);
    if (package->framework != NULL && (settings || package->error != NULL))
        check_ask_all(engine, package);
}

void pick_changes(struct engine *engine, struct strset *paths)
{
    struct batch batch = {.engine = engine};
    strset_each(paths, judge_change, &batch);
    triggers_judge(engine);
    if (batch.vanished)
        check_removed(engine);
    pick_turned(engine, &batch.causes);
    strset_each(&batch.changed, note_changed, engine);
    reorder_all(engine);
    if (batch.importable != NULL)
        pick_failed_imports(engine, batch.importable);
    if (batch.project_settings)
        engine->ports.settings(engine->ports.owner);
    for (size_t i = 0; i < engine->package_count; i++)
        ask_package(engine, engine->packages[i], batch.framework_settings);
    check_ask(engine);
    if (strset_count(&batch.changed) > 0) {
        news_of_change(engine, strset_count(&batch.changed));
    }
    strset_finish(&batch.changed);
    strset_finish(&batch.causes);
}

void pick_owed(struct engine *engine)
{
    blocks_ask(engine);
    if (!engine->turn_owed || blocks_awaited(engine))
        return;
    struct strset causes = engine->causes;
    engine->causes = (struct strset){0};
    engine->turn_owed = false;
    pick_turned(engine, &causes);
    strset_finish(&causes);
    reorder_all(engine);
}
