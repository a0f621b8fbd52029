/* What a run looked at, and whether it can be believed. */

#include "daemon/engine/evidence.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <string.h>
#include <sys/stat.h>

void disturbed_finish(struct disturbed *disturbed)
{
    strset_finish(&disturbed->paths);
    strset_finish(&disturbed->entries);
    strset_finish(&disturbed->folders);
    strset_finish(&disturbed->stems);
}

/* Did RUN itself make CHANGE? It says that it wrote there; but others may have, too. One by hand is no
 * worker's. */
static bool is_own(const struct run *run, const struct disturbance *change)
{
    return strset_has(&run->wrote, change->path) && (run->manual || !change->others);
}

void disturbed_collect(const struct engine *engine, const struct run *run,
                       struct disturbed *disturbed)
{
    for (size_t i = 0; i < engine->disturbance_count; i++) {
        const struct disturbance *change = &engine->disturbances[i];
        if (change->number <= run->began || is_own(run, change))
            continue;
        strset_add(&disturbed->paths, change->path);
        if (!change->entry)
            continue;
        autofree char *folder = path_parent(change->path);
        autofree char *stem = path_stem(change->path);
        strset_add(&disturbed->entries, change->path);
        strset_add(&disturbed->folders, folder);
        strset_add(&disturbed->stems, stem);
        if (strncmp(path_base(change->path), "__init__.", strlen("__init__.")) == 0)
            strset_add(&disturbed->stems, folder);
    }
}

static bool below_any(const struct strset *entries, const char *path)
{
    if (strset_count(entries) == 0)
        return false;
    autofree char *prefix = xstrdup(path);
    for (char *slash = strrchr(prefix, '/'); slash != NULL && slash > prefix;
         slash = strrchr(prefix, '/')) {
        *slash = '\0';
        if (strset_has(entries, prefix))
            return true;
    }
    return false;
}

/* Did the path, as this look saw it, not stay as it was? */
static bool is_disturbed(const struct engine *engine, const struct run *run,
                         const struct disturbed *disturbed, const struct look *look)
{
    if (below_any(&disturbed->entries, look->path))
        return true;
    if (rewrites_untouched(engine, run, look))
        return false;
    switch (look->kind) {
    case EVIDENCE_LISTING:
        return strset_has(&disturbed->folders, look->path) ||
               strset_has(&disturbed->entries, look->path);
    case EVIDENCE_SEARCH:
        return strset_has(&disturbed->stems, look->path);
    case EVIDENCE_CODE:
    case EVIDENCE_CONTENT:
    case EVIDENCE_PRESENCE:
        return strset_has(&disturbed->paths, look->path);
    case EVIDENCE_EXISTENCE:
        return strset_has(&disturbed->entries, look->path);
    case EVIDENCE_ENVIRONMENT:
        break;
    }
    return false;
}

/* Does the identity that the child saw say that the path is another one now? */
static bool moved_on(const struct engine *engine, const struct look *look)
{
    if (!look->has_seen)
        return false;
    struct identity now = tree_identity(engine->tree, look->path);
    if (S_ISLNK(now.mode) && !S_ISLNK(look->seen.mode))
        return false; /* asked through a link: its target has a look of its own */
    if ((S_ISDIR(now.mode) && S_ISDIR(look->seen.mode)) ||
        look->kind == EVIDENCE_EXISTENCE)
        return now.mode != look->seen.mode;
    return !identity_equal(&now, &look->seen);
}

struct own_writes {
    struct strset paths, folders, stems;
};

static void add_write(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct own_writes *own = owner;
    autofree char *folder = path_parent(path);
    autofree char *stem = path_stem(path);
    strset_add(&own->paths, path);
    strset_add(&own->folders, folder);
    strset_add(&own->stems, stem);
}

static bool wrote_it_later(const struct own_writes *own, const struct look *look)
{
    if (look->kind == EVIDENCE_LISTING)
        return strset_has(&own->folders, look->path);
    if (look->kind == EVIDENCE_SEARCH)
        return strset_has(&own->stems, look->path);
    return strset_has(&own->paths, look->path);
}

/* While the run was on, did names come and go in a folder that only now is in FOLLOWED, and of which
 * nobody told? Or anywhere, where not all is watched? Of files that it saw the child tells an identity;
 * of a folder, and of what was not there, the time stamp must say it. */
static bool moved_unseen(const struct engine *engine, const struct run *run,
                         const struct strset *followed, const struct own_writes *own,
                         const struct look *look)
{
    bool deaf = engine->degraded != NULL;
    if (look->kind != EVIDENCE_LISTING && look->kind != EVIDENCE_SEARCH) {
        if (!deaf || look->has_seen)
            return false;
        struct identity now = tree_identity(engine->tree, look->path);
        return now.mode != 0 && now.ctime_ns >= run->clock_ns;
    }
    autofree char *parent = path_parent(look->path);
    const char *folder = look->kind == EVIDENCE_LISTING ? look->path : parent;
    if ((!deaf && strset_get(followed, folder, 0) == 0) ||
        strset_has(&own->paths, folder) || strset_has(&own->folders, folder))
        return false;
    return tree_identity(engine->tree, folder).ctime_ns >= run->clock_ns;
}

/* What is held against what a run looked at, to say whether it can be believed. */
struct hearing {
    struct engine *engine;
    struct run *run;
    struct disturbed disturbed;
    struct own_writes own;
    struct strset followed;
    bool blind; /* nothing that it saw can be believed */
};

static void hearing_init(struct hearing *hearing, struct engine *engine, struct run *run)
{
    *hearing = (struct hearing){.engine = engine, .run = run};
    /* From before it is asked what is there now. */
    for (size_t i = 0; i < run->look_count; i++)
        check_follow(engine, &hearing->followed, run->looks[i].kind, run->looks[i].path);
    disturbed_collect(engine, run, &hearing->disturbed);
    strset_each(&run->wrote, add_write, &hearing->own);
    /* A worker of other settings may end its run after one of the new settings is ready. */
    hearing->blind = run->blind || run->environment != run->package->environments;
}

static void hearing_finish(struct hearing *hearing)
{
    disturbed_finish(&hearing->disturbed);
    strset_finish(&hearing->followed);
    strset_finish(&hearing->own.paths);
    strset_finish(&hearing->own.folders);
    strset_finish(&hearing->own.stems);
}

static void judge_trigger(const struct hearing *hearing, struct index_evidence *item)
{
    autofree char *moved =
        triggers_match(hearing->engine, hearing->run->file, &hearing->disturbed.entries);
    item->unsure = hearing->blind || moved != NULL;
    item->holds = !item->unsure;
}

static void judge_environment(const struct hearing *hearing, const struct look *look,
                              struct index_evidence *item)
{
    item->detail = pick_environment(hearing->engine, look->path);
    item->holds = item->detail != NULL && !hearing->blind;
    item->unsure = !item->holds;
    if (item->detail == NULL)
        item->detail = "";
}

static void judge_path(const struct hearing *hearing, const struct look *look,
                       struct index_evidence *item)
{
    struct engine *engine = hearing->engine;
    const struct run *run = hearing->run;
    item->is_volatile = wrote_it_later(&hearing->own, look);
    item->unsure = hearing->blind ||
                   is_disturbed(engine, run, &hearing->disturbed, look) ||
                   (!item->is_volatile &&
                    (moved_on(engine, look) ||
                     moved_unseen(engine, run, &hearing->followed, &hearing->own, look)));
    pick_heed(engine, look->kind, look->path);
    item->state = tree_state(engine->tree, look->kind, look->path);
    item->holds = !item->unsure;
    if (look->kind == EVIDENCE_CONTENT || look->kind == EVIDENCE_CODE)
        pick_shared(engine, look->path);
    if (look->kind != EVIDENCE_CODE || look->detail[0] == '\0')
        return;
    if (item->is_volatile)
        item->detail = ""; /* what it becomes later has other blocks */
    else if (!item->unsure)
        blocks_want(engine, look->path, &item->state);
}

static struct index_evidence judge(const struct hearing *hearing, const struct look *look)
{
    struct index_evidence item = {
        .kind = look->kind, .path = look->path, .detail = look->detail};
    if (triggers_file(look->kind, look->path) != NULL)
        judge_trigger(hearing, &item);
    else if (look->kind == EVIDENCE_ENVIRONMENT)
        judge_environment(hearing, look, &item);
    else
        judge_path(hearing, look, &item);
    return item;
}

static struct index_evidence circumstance(const char *name, const char *value, bool holds)
{
    return (struct index_evidence){
        .kind = EVIDENCE_ENVIRONMENT, .path = name, .detail = value, .holds = holds};
}

static void add_circumstances(struct engine *engine, const struct run *run,
                              struct evidence_list *list)
{
    const struct package *package = run->package;
    for (size_t i = 0; i < package->environment_count; i++)
        list->items[list->count++] = circumstance(package->environment[i].name,
                                                  package->environment[i].value, true);
    list->items[list->count++] = circumstance(
        run->inside, run->inside_value,
        strcmp(pick_environment(engine, run->inside), run->inside_value) == 0);
    if (run->company != NULL)
        list->items[list->count++] = circumstance(
            run->company, run->companions,
            strcmp(pick_environment(engine, run->company), run->companions) == 0);
}

struct evidence_list evidence_gather(struct engine *engine, struct run *run)
{
    struct hearing hearing;
    hearing_init(&hearing, engine, run);
    struct evidence_list list = {0};
    list.items = xcalloc(run->look_count + run->package->environment_count + 2,
                         sizeof *list.items);
    tree_hold(engine->tree);
    for (size_t i = 0; i < run->look_count; i++)
        list.items[list.count++] = judge(&hearing, &run->looks[i]);
    tree_release(engine->tree);
    add_circumstances(engine, run, &list);
    rewrites_doubt(engine, run, list.items, list.count);
    for (size_t i = 0; i < list.count && run->disturbed == NULL && !hearing.blind; i++)
        if (list.items[i].unsure)
            run->disturbed = list.items[i].path;
    hearing_finish(&hearing);
    return list;
}
