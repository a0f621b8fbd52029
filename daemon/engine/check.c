/* Looking at everything: at start, after lost changes, and when the framework's own rules change. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <errno.h>
#include <string.h>

static void learn(void *owner, const char *path, bool is_directory)
{
    struct engine *engine = owner;
    tree_learn(engine->tree, path, is_directory);
    triggers_learn(engine, path, is_directory);
}

static void remember(void *owner, const struct index_seen *seen)
{
    struct engine *engine = owner;
    tree_remember(engine->tree, &(struct tree_memory){
                                    .path = seen->path,
                                    .identity = {.device = seen->device,
                                                 .inode = seen->inode,
                                                 .size = seen->size,
                                                 .mtime_ns = seen->mtime_ns,
                                                 .ctime_ns = seen->ctime_ns,
                                                 .mode = seen->mode},
                                    .digest = seen->digest,
                                });
}

/* All of them: watched first, so that what changes behind a look is told. */
static void judge_all(struct engine *engine)
{
    tree_survey(engine->tree, true);
    index_each_fact(engine->index, pick_judge, engine);
    tree_survey(engine->tree, false);
}

static void judge_environment(void *owner, const struct index_fact *fact)
{
    if (fact->kind == EVIDENCE_ENVIRONMENT)
        pick_judge(owner, fact);
}

/* Test files came or went: who shares a process with whom? */
static void judge_companies(struct engine *engine)
{
    bool any = false;
    for (size_t i = 0; i < engine->package_count; i++)
        any |= engine->packages[i]->isolation != ISOLATION_FILE;
    if (any)
        index_each_fact(engine->index, judge_environment, engine);
}

static void sort_if_new(void *owner, const char *path)
{
    struct engine *engine = owner;
    if (!strset_has(&engine->classified, path) && check_candidate(engine, path))
        check_sort(engine, path);
}

static void drop_if_gone(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    if (!tree_knows(engine->tree, path))
        pick_remove_file(engine, path);
}

static void collect_path(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

void check_removed(struct engine *engine)
{
    struct strset files = {0};
    index_each_file(engine->index, collect_path, &files);
    strset_each(&files, drop_if_gone, engine);
    strset_finish(&files);
    judge_companies(engine);
}

static void forget_if_gone(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    if (!tree_knows(engine->tree, path))
        strset_remove(&engine->classified, path);
}

int64_t check_mark(const struct engine *engine, const char *path)
{
    struct identity identity = tree_identity(engine->tree, path);
    return (identity.ctime_ns ^ (int64_t)identity.inode ^ identity.size) & INT64_MAX;
}

struct deciders {
    struct engine *engine;
    struct strset now;
    const struct strset *others;
};

static void note_decider(void *owner, const char *path)
{
    struct deciders *deciders = owner;
    const struct engine *engine = deciders->engine;
    if (!pick_decides(engine, path))
        return;
    strset_put(&deciders->now, path, check_mark(engine, path));
}

static void add_if_other(void *owner, const char *path, int64_t value)
{
    const struct deciders *deciders = owner;
    struct engine *engine = deciders->engine;
    if (strset_has(deciders->others, path) &&
        strset_get(deciders->others, path, 0) == value)
        return;
    settle_add(&engine->settle, path, 1, engine->ticked);
    engine->unsettled = true;
}

/* Settings, of the framework too, are not evidence of all that rests on them: where nobody tells that
 * they changed, it is seen here, and is a change from then on. */
static void compare_deciders(struct engine *engine)
{
    struct deciders deciders = {.engine = engine, .others = &engine->deciders};
    tree_each(engine->tree, "", note_decider, &deciders);
    if (engine->deciders_known) {
        strset_each(&deciders.now, add_if_other, &deciders);
        struct deciders before = {.engine = engine, .others = &deciders.now};
        strset_each(&engine->deciders, add_if_other, &before);
    }
    strset_finish(&engine->deciders);
    engine->deciders = deciders.now;
    engine->deciders_known = true;
}

/* What is there now, without what is ignored. */
static int crawl(struct engine *engine)
{
    tree_unlearn(engine->tree);
    triggers_unlearn(engine);
    int error = engine->ports.crawl(engine->ports.owner, learn, engine);
    strset_each(&engine->classified, forget_if_gone, engine);
    if (engine->degraded != NULL)
        compare_deciders(engine);
    else
        engine->deciders_known = false;
    return error;
}

static void follow_once(struct engine *engine, struct strset *folders, const char *folder)
{
    if (strset_add(folders, folder))
        strset_put(folders, folder, engine->ports.follow(engine->ports.owner, folder));
}

void check_follow(struct engine *engine, struct strset *folders, enum evidence_kind kind,
                  const char *path)
{
    if (kind == EVIDENCE_ENVIRONMENT)
        return;
    autofree char *folder = path_parent(path);
    follow_once(engine, folders, folder);
    if (kind == EVIDENCE_LISTING)
        follow_once(engine, folders, path);
}

struct following {
    struct engine *engine;
    struct strset folders;
};

static void follow_fact(void *owner, const struct index_fact *fact)
{
    struct following *following = owner;
    check_follow(following->engine, &following->folders, fact->kind, fact->path);
}

/* What the crawl leaves out, and verdicts rest on all the same: watched first, compared after. */
static void follow_facts(struct engine *engine)
{
    struct following following = {.engine = engine};
    index_each_fact(engine->index, follow_fact, &following);
    strset_finish(&following.folders);
}

/* Only facts, by identity, and what came and went: what polling can afford, and what follows from
 * other rules of what is ignored. */
void check_facts(struct engine *engine)
{
    int error = crawl(engine);
    if (error < 0)
        log_debug("cannot read %s: %s", engine->root, strerror(-error));
    check_removed(engine);
    follow_facts(engine);
    tree_each(engine->tree, "", sort_if_new, engine);
    judge_all(engine);
    pick_turned(engine, NULL);
    check_ask(engine);
}

static void judge_shared(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    index_facts_at(engine->index, path, pick_judge, engine);
    if (!tree_is_shared(engine->tree, path))
        strset_remove(&engine->shared, path); /* last: PATH is the set's own */
}

void check_silent(struct engine *engine)
{
    if (engine->degraded != NULL) {
        check_facts(engine);
        return;
    }
    if (strset_count(&engine->shared) == 0)
        return;
    strset_each(&engine->shared, judge_shared, engine);
    pick_turned(engine, NULL);
}

void check_everything(struct engine *engine)
{
    index_each_seen(engine->index, remember, engine);
    int error = crawl(engine);
    if (error < 0)
        log_error("cannot read %s: %s", engine->root, strerror(-error));
    check_removed(engine);
    follow_facts(engine);

    index_checked(engine->index, false);
    judge_all(engine);
    index_checked(engine->index, true);
    check_ask_all(engine, NULL);
    pick_turned(engine, NULL);
    engine->news_stats = engine->news_queue = engine->news_state = true;
}

void check_environment(struct engine *engine)
{
    index_each_fact(engine->index, judge_environment, engine);
    pick_turned(engine, NULL);
}

bool check_candidate(const struct engine *engine, const char *path)
{
    if (path[0] == '/')
        return false;
    const char *dot = strrchr(path_base(path), '.');
    const struct package *package = package_of(engine, path);
    return package->any_name || (dot != NULL && strset_has(&package->suffixes, dot));
}

bool check_may_be(const struct engine *engine, const struct package *package,
                  const char *path)
{
    return package_of(engine, path) == package && check_candidate(engine, path) &&
           !engine->ports.ignored(engine->ports.owner, path);
}

void check_sort(struct engine *engine, const char *path)
{
    if (!engine->ports.ignored(engine->ports.owner, path))
        strset_add(&package_of(engine, path)->unsorted, path);
}

/* Before the first worker of a package told what its test files end with, no path is one. */
static bool some_have_candidates(const struct engine *engine)
{
    bool some = false;
    for (size_t i = 0; i < engine->package_count; i++)
        some |= engine->packages[i]->any_name ||
                strset_count(&engine->packages[i]->suffixes) > 0;
    return some;
}

struct asking_all {
    struct engine *engine;
    const struct package *only;
};

static void add_candidate(void *owner, const char *path)
{
    const struct asking_all *all = owner;
    if (check_candidate(all->engine, path) &&
        (all->only == NULL || package_of(all->engine, path) == all->only))
        check_sort(all->engine, path);
}

void check_ask_all(struct engine *engine, struct package *only)
{
    struct asking_all all = {.engine = engine, .only = only};
    if (some_have_candidates(engine))
        tree_each(engine->tree, only != NULL ? only->path : "", add_candidate, &all);
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        /* nothing to ask, but the answer is waited for */
        if (package->environment != NULL && (only == NULL || package == only) &&
            strset_count(&package->unsorted) == 0)
            strset_add(&package->unsorted, package_shown(package));
    }
    check_ask(engine);
}

struct list {
    const char **paths;
    size_t count;
};

static void into_list(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct list *list = owner;
    list->paths[list->count++] = path;
}

struct marking {
    const struct engine *engine;
    struct strset *asked;
};

static void mark_asked(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct marking *marking = owner;
    strset_put(marking->asked, path, check_mark(marking->engine, path));
}

/* One question at a time; what comes up meanwhile is asked next. */
static void ask(struct engine *engine, struct package *package)
{
    if (package->asking || strset_count(&package->unsorted) == 0)
        return;
    struct list list = {0};
    list.paths = xcalloc(strset_count(&package->unsorted), sizeof *list.paths);
    strset_each(&package->unsorted, into_list, &list);
    package->asked_at = tree_clock_ns();
    struct strset asked = {0}; /* as they are before the worker looks */
    strset_each(&package->unsorted, mark_asked,
                &(struct marking){.engine = engine, .asked = &asked});
    int error = engine->ports.classify(engine->ports.owner, package->path,
                                       engine->question + 1, list.paths, list.count);
    free(list.paths);
    if (error < 0) {
        strset_finish(&asked);
        return; /* asked again when a host is ready */
    }
    package->question = ++engine->question;
    package->asking = true;
    strset_finish(&package->unsorted);
    strset_finish(&package->asked);
    package->asked = asked;
}

void check_ask(struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++)
        ask(engine, engine->packages[i]);
}

enum { IS_TEST = -1 }; /* no mark */

static void apply_answer(void *owner, const char *path, int64_t answer)
{
    struct engine *engine = owner;
    struct index_file file;
    bool is_test = answer == IS_TEST;
    /* What was rewritten meanwhile may have been away for a moment, which no event tells in the end. */
    if (!is_test && check_candidate(engine, path) && check_mark(engine, path) != answer) {
        check_sort(engine, path);
        return;
    }
    bool known = index_file(engine->index, path, &file);
    struct identity identity = tree_identity(engine->tree, path);
    if (identity.mode == 0) /* whatever comes there is new */
        tree_refresh(engine->tree, path);
    if (tree_knows(engine->tree, path))
        strset_add(&engine->classified, path);
    if (!is_test || !tree_knows(engine->tree, path)) {
        if (known)
            pick_remove_file(engine, path);
        if ((identity.mode & 0111) != 0)
            strset_add(&engine->programs, path);
        return;
    }
    strset_remove(&engine->programs, path);
    int64_t id = index_add_file(engine->index, path, identity.size);
    if (id < 0) {
        log_error("cannot add %s to the index: %s", path, strerror((int)-id));
        return;
    }
    if (known || !index_file(engine->index, path, &file))
        return;
    news_of_file(engine, &file);
    engine_go_on(engine);
}

/* At start a verdict is shown once its file is known to be a test file still. */
static void tell_verified(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    struct index_file file;
    if (index_file(engine->index, path, &file) && file.current)
        news_of_results(engine, path);
}

static void take_unused(struct package *package, const char *unused)
{
    const char *known = package->unused != NULL ? package->unused : "";
    if (unused != NULL && strcmp(unused, known) != 0)
        log_info("options in the settings: %s", unused);
    free(package->unused);
    package->unused = unused != NULL ? xstrdup(unused) : NULL;
}

void check_answer(struct engine *engine, struct package *package,
                  const struct report *report)
{
    free(package->error);
    package->error = NULL;
    take_unused(package, report->unused);
    for (size_t i = 0; i < report->path_count; i++)
        strset_put(&package->asked, report->paths[i], IS_TEST);
    strset_each(&package->asked, apply_answer, engine);
    package->sorted = true;
}

void check_answers_taken(struct engine *engine)
{
    judge_companies(engine);
    pick_stragglers(engine);
}

void check_answered(struct engine *engine, struct package *package)
{
    if (!package->started_up) {
        strset_each(&package->asked, tell_verified, engine);
        package->started_up = true;
    }
    strset_finish(&package->asked);
    engine->news_stats = engine->news_queue = engine->news_state = true;
}

void engine_classified(struct engine *engine, const char *path,
                       const struct report *report, int64_t now)
{
    struct package *package = package_at(engine, path);
    if (package == NULL || !package->asking || report->id != package->question)
        return;
    package->asking = false;
    if (report->message != NULL) {
        /* The framework cannot say; what was asked is asked again when something changes. */
        engine_unfit(engine, path, report->message, now);
        return;
    }
    if (report->any_name && !package->any_name) {
        xreplace(&package->error, NULL);
        package->any_name = true;
        strset_finish(&package->asked);
        check_ask_all(engine, package);
        return;
    }
    told_keep(engine, package, report);
    check_answer(engine, package, report);
    check_answers_taken(engine);
    check_answered(engine, package);
    check_ask(engine);
    pick_turned(engine, NULL);
    engine_room(engine, now);
}
