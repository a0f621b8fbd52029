/* Answers that list something, a page at a time. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/asking.h"

#include <string.h>

/* A reply stays below this many bytes of text, but for one record that is longer by itself. */
enum { PAGE_BYTES = 512 << 10 };

/* ---- pages ---- */

struct page {
    struct engine *engine;
    json_t *items;
    int64_t offset; /* records to skip */
    int64_t index;  /* of the next record */
    size_t bytes;
    bool full;
    bool failed_only;
    const struct package *only; /* NULL: all */
    struct shard shard;         /* {0}: all */
    const struct index_file *file;
    const struct package *package; /* its */
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

/* About what the text of a result takes: its report, and the places in it. */
static size_t weight(const json_t *result, const char *report)
{
    enum { SPAN_BYTES = 40 };
    size_t spans = json_array_size(json_object_get(result, "spans"));
    return (report != NULL ? strlen(report) : 0) + SPAN_BYTES * spans;
}

static void add_result(void *owner, const struct index_result *result)
{
    struct page *page = owner;
    bool bad = result->outcome == OUTCOME_FAILURE || result->outcome == OUTCOME_ERROR;
    if ((page->failed_only && !bad) || !page_takes(page))
        return;
    json_t *item = result_encode(&(struct result_record){
        .file = page->file->path,
        .test = result->test,
        .outcome = result->outcome,
        .current = page->file->current && page->package->sorted,
        .duration_ms = result->duration_ms,
        .exception = result->exception,
        .report = result->report,
        .package = package_shown(page->package),
    });
    page_add(page, item, weight(item, result->report));
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
        page->package = package_of(page->engine, page->file->path);
        if ((page->only != NULL && page->package != page->only) ||
            !shard_has(page->engine, &page->shard, page->file->path))
            continue;
        if (only == NULL || strset_has(only, page->file->path))
            index_results(page->engine->index, page->file->path, add_result, page);
    }
    page->file = NULL;
    free(list.items);
}

void answer_results(const struct asking *asking)
{
    struct strset files = {0};
    const struct package *only = NULL;
    struct shard shard = {0};
    if (!asking_package(asking, &only) || !asking_shard(asking, &shard) ||
        !asking_files(asking, false, &files))
        return;
    struct page page = page_begin(asking);
    page.only = only;
    page.shard = shard;
    page.failed_only = json_is_true(json_object_get(asking->params, "failed"));
    add_results(&page, json_object_get(asking->params, "files") != NULL ? &files : NULL);
    asking_reply(asking, page_finish(&page, "results"));
    strset_finish(&files);
}

static void add_file(void *owner, const struct index_file *file)
{
    struct page *page = owner;
    if ((page->only == NULL || package_of(page->engine, file->path) == page->only) &&
        page_takes(page))
        page_add(page, news_file(page->engine, file), 256);
}

void answer_files(const struct asking *asking)
{
    const struct package *only = NULL;
    if (!asking_package(asking, &only))
        return;
    struct page page = page_begin(asking);
    page.only = only;
    index_each_file(asking->engine->index, add_file, &page);
    asking_reply(asking, page_finish(&page, "files"));
}

json_t *engine_snapshot(struct engine *engine, int64_t now)
{
    struct page files = {.engine = engine, .items = json_array()};
    struct page results = {.engine = engine, .items = json_array()};
    index_each_file(engine->index, add_file, &files);
    if (packages_sorted(engine))
        add_results(&results, NULL);
    json_t *snapshot = json_object();
    json_object_set_new(snapshot, "status", news_status(engine, NULL, now));
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
    if (triggers_are_none(fact) || !page_takes(page))
        return;
    autofree char *detail = fact->unsure ? xstrdup("changed during the run")
                            : fact->kind == EVIDENCE_CODE
                                ? blocks_names(page->engine, fact)
                                : xstrdup(fact->detail);
    page_add(page,
             evidence_encode(&(struct evidence_record){
                 .file = page->file->path,
                 .path = fact->path,
                 .kind = fact->kind,
                 .detail = detail,
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

void answer_deps(const struct asking *asking)
{
    struct strset files = {0};
    if (!asking_files(asking, true, &files))
        return;
    struct page page = page_begin(asking);
    strset_each(&files, add_deps, &page);
    asking_reply(asking, page_finish(&page, "deps"));
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

void answer_affected(const struct asking *asking)
{
    struct strset paths = {0};
    if (!asking_paths(asking, "paths", true, &paths))
        return;
    struct page page = page_begin(asking);
    struct affecting affecting = {.engine = asking->engine, .page = &page};
    strset_each(&paths, affected_of, &affecting);
    asking_reply(asking, page_finish(&page, "affected"));
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
    record.package = package_shown(package_of(page->engine, path));
    if (page_takes(page))
        page_add(page, why_encode(&record), 256);
}

void answer_why(const struct asking *asking)
{
    struct strset files = {0};
    if (!asking_files(asking, true, &files))
        return;
    struct page page = page_begin(asking);
    strset_each(&files, add_why, &page);
    asking_reply(asking, page_finish(&page, "why"));
    strset_finish(&files);
}
