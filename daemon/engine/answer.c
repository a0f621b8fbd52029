/* Requests of clients, one function a method. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A reply stays below this many bytes of text, but for one record that is longer by itself. */
enum { PAGE_BYTES = 512 << 10 };

struct asking {
    struct engine *engine;
    uint64_t ticket;
    const json_t *params;
    int64_t now;
};

static void reply(const struct asking *asking, json_t *result)
{
    if (asking->ticket == 0)
        json_decref(result);
    else
        asking->engine->ports.reply(asking->engine->ports.owner, asking->ticket, result);
}

static void refuse(const struct asking *asking, enum fault_kind kind, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));
static void refuse(const struct asking *asking, enum fault_kind kind, const char *format,
                   ...)
{
    if (asking->ticket == 0)
        return;
    va_list args;
    va_start(args, format);
    autofree char *message = xvasprintf(format, args);
    va_end(args);
    struct fault fault;
    fault_set(&fault, kind, "%s", message);
    asking->engine->ports.refuse(asking->engine->ports.owner, asking->ticket, &fault);
}

/* ---- parameters ---- */

/* The paths under KEY, in the rooms' form, into RET; false after a refusal. A missing key is an
 * empty list unless MUST. */
static bool paths_of(const struct asking *asking, const char *key, bool must,
                     struct strset *ret)
{
    const json_t *list = json_object_get(asking->params, key);
    if (list == NULL && !must)
        return true;
    if (!json_is_array(list) || (must && json_array_size(list) == 0)) {
        refuse(asking, FAULT_BAD_PARAMS, "%s must be a list of paths", key);
        return false;
    }
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        autofree char *given = wire_path_bytes(item);
        if (given == NULL || given[0] == '\0') {
            refuse(asking, FAULT_BAD_PARAMS, "%s[%zu] is not a path", key, i);
            strset_finish(ret);
            return false;
        }
        autofree char *path =
            path_in_root(asking->engine->root, asking->engine->root, given);
        strset_add(ret, path);
    }
    return true;
}

static void first_unknown(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct {
        struct index *index;
        const char *unknown;
    } *search = owner;
    struct index_file file;
    if (search->unknown == NULL && !index_file(search->index, path, &file))
        search->unknown = path;
}

static bool files_of(const struct asking *asking, bool must, struct strset *ret)
{
    if (!paths_of(asking, "files", must, ret))
        return false;
    struct {
        struct index *index;
        const char *unknown;
    } search = {.index = asking->engine->index};
    strset_each(ret, first_unknown, &search);
    if (search.unknown == NULL)
        return true;
    refuse(asking, FAULT_BAD_PARAMS, "%s is not a test file of this project",
           search.unknown);
    strset_finish(ret);
    return false;
}

/* ---- pages ---- */

struct page {
    struct engine *engine;
    json_t *items;
    int64_t offset; /* records to skip */
    int64_t index;  /* of the next record */
    size_t bytes;
    bool full;
    bool failed_only;
    const struct index_file *file;
};

static bool page_takes(struct page *page)
{
    int64_t index = page->index++;
    if (index < page->offset || page->full)
        return false;
    if (page->bytes >= PAGE_BYTES) {
        page->full = true;
        page->offset = index; /* where the next page begins */
        return false;
    }
    return true;
}

static void page_add(struct page *page, json_t *item, size_t bytes)
{
    json_array_append_new(page->items, item);
    page->bytes += bytes + 128;
}

static json_t *page_finish(struct page *page, const char *key)
{
    json_t *result = json_object();
    json_object_set_new(result, key, page->items);
    json_object_set_new(result, "next",
                        page->full ? json_integer(page->offset) : json_null());
    json_object_set_new(result, "seq",
                        json_integer(page->engine->ports.seq(page->engine->ports.owner)));
    return result;
}

static struct page page_begin(const struct asking *asking)
{
    return (struct page){
        .engine = asking->engine,
        .items = json_array(),
        .offset = json_integer_value(json_object_get(asking->params, "offset")),
    };
}

/* ---- results and files ---- */

static void add_result(void *owner, const struct index_result *result)
{
    struct page *page = owner;
    bool bad = result->outcome == OUTCOME_FAILURE || result->outcome == OUTCOME_ERROR;
    if ((page->failed_only && !bad) || !page_takes(page))
        return;
    page_add(page,
             result_encode(&(struct result_record){
                 .file = page->file->path,
                 .test = result->test,
                 .outcome = result->outcome,
                 .current = page->file->current && page->engine->sorted,
                 .duration_ms = result->duration_ms,
                 .exception = result->exception,
                 .report = result->report,
             }),
             result->report != NULL ? strlen(result->report) : 0);
}

struct file_list {
    struct index_file *items;
    size_t count, capacity;
};

static void into_files(void *owner, const struct index_file *file)
{
    struct file_list *list = owner;
    list->items = xgrow(list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = *file;
}

static void add_results(struct page *page, const struct strset *only)
{
    struct file_list list = {0};
    index_each_file(page->engine->index, into_files, &list);
    for (size_t i = 0; i < list.count; i++) {
        page->file = &list.items[i];
        if (only == NULL || strset_has(only, page->file->path))
            index_results(page->engine->index, page->file->path, add_result, page);
    }
    free(list.items);
}

static void answer_results(const struct asking *asking)
{
    struct strset files = {0};
    if (!files_of(asking, false, &files))
        return;
    struct page page = page_begin(asking);
    page.failed_only = json_is_true(json_object_get(asking->params, "failed"));
    add_results(&page, json_object_get(asking->params, "files") != NULL ? &files : NULL);
    reply(asking, page_finish(&page, "results"));
    strset_finish(&files);
}

static void add_file(void *owner, const struct index_file *file)
{
    struct page *page = owner;
    if (page_takes(page))
        page_add(page, news_file(page->engine, file), 256);
}

static void answer_files(const struct asking *asking)
{
    struct page page = page_begin(asking);
    index_each_file(asking->engine->index, add_file, &page);
    reply(asking, page_finish(&page, "files"));
}

json_t *engine_snapshot(struct engine *engine)
{
    struct page files = {.engine = engine, .items = json_array()};
    struct page results = {.engine = engine, .items = json_array()};
    index_each_file(engine->index, add_file, &files);
    if (engine->sorted)
        add_results(&results, NULL);
    json_t *snapshot = json_object();
    json_object_set_new(snapshot, "status", news_status(engine));
    json_object_set_new(snapshot, "files", files.items);
    json_object_set_new(snapshot, "results", results.items);
    /* One line holds what a page holds; who wants the rest asks by pages. */
    json_object_set_new(snapshot, "complete", json_boolean(!files.full && !results.full));
    return snapshot;
}

/* ---- evidence ---- */

static void add_evidence(void *owner, const struct index_fact *fact, bool is_volatile)
{
    struct page *page = owner;
    if (!page_takes(page))
        return;
    autofree char *unsure = fact->unsure ? xstrdup("changed during the run") : NULL;
    page_add(page,
             evidence_encode(&(struct evidence_record){
                 .file = page->file->path,
                 .path = fact->path,
                 .kind = fact->kind,
                 .detail = unsure != NULL ? unsure : fact->detail,
                 .holds = fact->holds,
                 .is_volatile = is_volatile,
                 .unseen = strcmp(fact->detail, DETAIL_UNSEEN) == 0 &&
                           fact->kind != EVIDENCE_ENVIRONMENT,
             }),
             strlen(fact->path));
}

static void add_deps(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct page *page = owner;
    struct index_file file;
    if (!index_file(page->engine->index, path, &file))
        return;
    page->file = &file;
    index_evidence(page->engine->index, path, add_evidence, page);
    page->file = NULL;
}

static void answer_deps(const struct asking *asking)
{
    struct strset files = {0};
    if (!files_of(asking, true, &files))
        return;
    struct page page = page_begin(asking);
    strset_each(&files, add_deps, &page);
    reply(asking, page_finish(&page, "deps"));
    strset_finish(&files);
}

struct affecting {
    struct engine *engine;
    struct page *page;
    struct strset files; /* of this path */
    const char *path;
};

static void note_affected(void *owner, const char *file)
{
    struct affecting *affecting = owner;
    strset_add(&affecting->files, file);
}

static void note_below(void *owner, const struct index_fact *fact)
{
    strset_add(owner, fact->path);
}

static void affected_by(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct affecting *affecting = owner;
    index_affected(affecting->engine->index, path, note_affected, affecting);
}

static void emit_affected(void *owner, const char *file, int64_t value)
{
    (void)value;
    struct affecting *affecting = owner;
    if (!page_takes(affecting->page))
        return;
    json_t *item = json_object();
    json_object_set_new(item, "file", wire_path(file));
    json_object_set_new(item, "path", wire_path(affecting->path));
    page_add(affecting->page, item, strlen(file));
}

/* A folder stands for all that lies below it. */
static void affected_of(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct affecting *affecting = owner;
    struct strset below = {0};
    strset_add(&below, path);
    index_facts_below(affecting->engine->index, path, note_below, &below);
    affecting->path = path;
    strset_each(&below, affected_by, affecting);
    strset_each(&affecting->files, emit_affected, affecting);
    strset_finish(&affecting->files);
    strset_finish(&below);
}

static void answer_affected(const struct asking *asking)
{
    struct strset paths = {0};
    if (!paths_of(asking, "paths", true, &paths))
        return;
    struct page page = page_begin(asking);
    struct affecting affecting = {.engine = asking->engine, .page = &page};
    strset_each(&paths, affected_of, &affecting);
    reply(asking, page_finish(&page, "affected"));
    strset_finish(&paths);
}

static void add_why(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct page *page = owner;
    struct why_record record = {.file = path, .reason = REASON_NEVER_RUN};
    const struct sched_job *job = sched_waiting(page->engine->sched, path);
    struct index_why why;
    const struct run *run = page->engine->runs;
    while (run != NULL && (run->manual || strcmp(run->file, path) != 0))
        run = run->hh.next;
    if (job != NULL) {
        record = (struct why_record){.file = path,
                                     .reason = job->reason,
                                     .path = job->path,
                                     .detail = job->detail,
                                     .stale = true};
    } else if (run != NULL) {
        record = (struct why_record){.file = path,
                                     .reason = run->reason,
                                     .path = run->path,
                                     .detail = run->detail,
                                     .stale = true};
    } else if (index_why(page->engine->index, path, &why)) {
        record = (struct why_record){
            .file = path, .reason = why.reason, .path = why.path, .detail = why.detail};
    }
    if (page_takes(page))
        page_add(page, why_encode(&record), 256);
}

static void answer_why(const struct asking *asking)
{
    struct strset files = {0};
    if (!files_of(asking, true, &files))
        return;
    struct page page = page_begin(asking);
    strset_each(&files, add_why, &page);
    reply(asking, page_finish(&page, "why"));
    strset_finish(&files);
}

/* ---- orders ---- */

static void force(void *owner, const char *path, int64_t value)
{
    (void)value;
    pick_want(owner, path, REASON_FORCED, NULL, NULL, true);
}

static void collect_all(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

static json_t *count_of(const char *key, size_t count)
{
    json_t *result = json_object();
    json_object_set_new(result, key, json_integer((json_int_t)count));
    return result;
}

static void answer_run(const struct asking *asking)
{
    struct strset files = {0};
    bool all = json_is_true(json_object_get(asking->params, "all"));
    if (!files_of(asking, !all, &files))
        return;
    if (all)
        index_each_file(asking->engine->index, collect_all, &files);
    strset_each(&files, force, asking->engine);
    reply(asking, count_of("wanted", strset_count(&files)));
    strset_finish(&files);
}

static void touch(void *owner, const char *path, int64_t now)
{
    (void)now;
    const struct asking *asking = owner;
    engine_changed(asking->engine, path, true, asking->now);
}

static void answer_touch(const struct asking *asking)
{
    struct strset paths = {0};
    if (!paths_of(asking, "paths", true, &paths))
        return;
    struct asking copy = *asking;
    strset_each(&paths, touch, &copy);
    reply(asking, count_of("touched", strset_count(&paths)));
    strset_finish(&paths);
}

static void answer_pause(const struct asking *asking, bool paused)
{
    asking->engine->paused = paused;
    asking->engine->news_state = true;
    reply(asking, news_status(asking->engine));
}

static void add_check(json_t *checks, const char *name, bool ok, const char *message)
{
    json_t *check = json_object();
    json_object_set_new(check, "name", json_string(name));
    json_object_set_new(check, "ok", json_boolean(ok));
    json_object_set_new(check, "message", wire_text(message));
    json_array_append_new(checks, check);
}

static void answer_doctor(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    json_t *checks = json_array();
    bool known = engine->framework != NULL;
    autofree char *framework =
        known ? xasprintf("%s on %s", engine->framework, engine->python)
              : xstrdup("not known yet: no worker has started");
    add_check(checks, "framework", engine->error == NULL && known,
              engine->error != NULL ? engine->error : framework);
    add_check(checks, "settings", engine->mistaken == NULL,
              engine->mistaken != NULL ? engine->mistaken : "in order");
    add_check(checks, "watching", engine->degraded == NULL,
              engine->degraded != NULL ? engine->degraded : engine->backend);
    add_check(checks, "root", !engine->root_gone, engine->root);
    json_t *result = json_object();
    json_object_set_new(result, "checks", checks);
    reply(asking, result);
}

static void answer_stop(const struct asking *asking)
{
    reply(asking, json_object());
    asking->engine->ports.stop(asking->engine->ports.owner);
}

void engine_request(struct engine *engine, uint64_t ticket, const struct request *request,
                    int64_t now)
{
    struct asking asking = {
        .engine = engine, .ticket = ticket, .params = request->params, .now = now};
    switch (request->method) {
    case METHOD_STATUS:
        reply(&asking, news_status(engine));
        break;
    case METHOD_RESULTS:
        answer_results(&asking);
        break;
    case METHOD_FILES:
        answer_files(&asking);
        break;
    case METHOD_DEPS:
        answer_deps(&asking);
        break;
    case METHOD_AFFECTED:
        answer_affected(&asking);
        break;
    case METHOD_WHY:
        answer_why(&asking);
        break;
    case METHOD_RUN:
        answer_run(&asking);
        break;
    case METHOD_TOUCH:
        answer_touch(&asking);
        break;
    case METHOD_WAIT:
        wait_add(engine, ticket, request->params, now);
        break;
    case METHOD_DOCTOR:
        answer_doctor(&asking);
        break;
    case METHOD_PAUSE:
        answer_pause(&asking, true);
        break;
    case METHOD_RESUME:
        answer_pause(&asking, false);
        break;
    case METHOD_RECORD_BEGIN:
        manual_begin(engine, ticket, now);
        break;
    case METHOD_RECORD_END:
        manual_end(engine, ticket, request->params, now);
        break;
    case METHOD_STOP:
        answer_stop(&asking);
        break;
    case METHOD_SUBSCRIBE:
    case METHOD_UNSUBSCRIBE:
        refuse(&asking, FAULT_INTERNAL, "the server answers this itself");
        break;
    }
    engine_room(engine, now);
}
