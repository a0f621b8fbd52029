/* A run held against the verdict that was current when it began: do the outcomes differ, and if so, in
 * what does the one rest on something else than the other? */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

/* Of each list in a finding: a traceback alone can open a hundred sources. */
enum { LISTED = 20 };

void finding_free(struct audit_finding *finding)
{
    if (finding == NULL)
        return;
    for (size_t i = 0; i < finding->before_count; i++) {
        free((char *)(uintptr_t)finding->before[i].path);
        free((char *)(uintptr_t)finding->before[i].detail);
    }
    free(finding->before);
    free(finding->first_now);
    free(finding->first_moved);
    json_decref(finding->tests);
    json_decref(finding->only_now);
    json_decref(finding->only_before);
    json_decref(finding->moved);
    free(finding);
}

static void list(struct audit_finding *finding, json_t *list, json_t *item)
{
    if (json_array_size(list) < LISTED) {
        json_array_append_new(list, item);
        return;
    }
    json_decref(item);
    finding->more++;
}

/* ---- outcomes ---- */

struct ended {
    char *test, *exception;
    enum outcome outcome;
};

struct endings {
    struct ended *items;
    size_t count, capacity;
};

static void end_add(struct endings *endings, const char *test, enum outcome outcome,
                    const char *exception)
{
    endings->items =
        xgrow(endings->items, endings->count, &endings->capacity, sizeof *endings->items);
    endings->items[endings->count++] =
        (struct ended){.test = xstrdup(test),
                       .exception = xstrdup(exception != NULL ? exception : ""),
                       .outcome = outcome};
}

static void end_result(void *owner, const struct index_result *result)
{
    end_add(owner, result->test, result->outcome, result->exception);
}

static int compare_ended(const struct ended *a, const struct ended *b)
{
    if (a->outcome != b->outcome)
        return a->outcome < b->outcome ? -1 : 1;
    return strcmp(a->exception, b->exception);
}

static int by_test(const void *a, const void *b)
{
    int order = strcmp(((const struct ended *)a)->test, ((const struct ended *)b)->test);
    return order != 0 ? order : compare_ended(a, b);
}

static void endings_finish(struct endings *endings)
{
    for (size_t i = 0; i < endings->count; i++) {
        free(endings->items[i].test);
        free(endings->items[i].exception);
    }
    free(endings->items);
}

static json_t *ending(const struct ended *ended)
{
    if (ended == NULL)
        return json_null();
    const char *exception = ended->exception[0] != '\0' ? ended->exception : NULL;
    return json_pack("{s:s, s:o}", "outcome", outcome_names[ended->outcome], "exception",
                     wire_text_or_null(exception));
}

static void tell_test(struct audit_finding *finding, const char *test,
                      const struct ended *was, const struct ended *now)
{
    finding->differs = true;
    list(finding, finding->tests,
         json_pack("{s:o, s:o, s:o}", "test", wire_text(test), "was", ending(was), "now",
                   ending(now)));
}

static void compare_endings(struct audit_finding *finding, struct endings *was,
                            struct endings *now)
{
    if (was->count > 1)
        qsort(was->items, was->count, sizeof *was->items, by_test);
    if (now->count > 1)
        qsort(now->items, now->count, sizeof *now->items, by_test);
    size_t i = 0;
    size_t j = 0;
    while (i < was->count || j < now->count) {
        int order = i == was->count   ? 1
                    : j == now->count ? -1
                                      : strcmp(was->items[i].test, now->items[j].test);
        if (order < 0)
            tell_test(finding, was->items[i].test, &was->items[i], NULL);
        else if (order > 0)
            tell_test(finding, now->items[j].test, NULL, &now->items[j]);
        else if (compare_ended(&was->items[i], &now->items[j]) != 0)
            tell_test(finding, was->items[i].test, &was->items[i], &now->items[j]);
        i += order <= 0;
        j += order >= 0;
    }
}

/* ---- evidence ---- */

static bool is_about(const char *change, const char *path)
{
    autofree char *folder = path_parent(change);
    autofree char *stem = path_stem(change);
    return path_below(path, change) || strcmp(path, change) == 0 ||
           strcmp(path, folder) == 0 || strcmp(path, stem) == 0;
}

struct asking_wrote {
    const char *path;
    bool found;
};

static void look_for(void *owner, const char *wrote, int64_t value)
{
    (void)value;
    struct asking_wrote *asking = owner;
    asking->found = asking->found || is_about(wrote, asking->path);
}

static bool wrote(const struct run *run, const char *path)
{
    struct asking_wrote asking = {.path = path};
    strset_each(&run->wrote, look_for, &asking);
    return asking.found;
}

/* Was it told, or will it be, as with what nobody watches, that PATH is another since RUN began? Rather
 * once too often: then the audit counts for nothing. */
static bool is_told(const struct engine *engine, const struct run *run, const char *path)
{
    for (size_t i = 0; i < engine->disturbance_count; i++)
        if (engine->disturbances[i].number > run->began &&
            is_about(engine->disturbances[i].path, path))
            return true;
    return engine->degraded != NULL || strset_has(&engine->shared, path);
}

struct gathering {
    struct engine *engine;
    const struct run *run;
    struct audit_finding *finding;
};

/* What code evidence names is told by names: the numbers are others where blocks come or go. */
static char *shown_detail(struct engine *engine, const struct index_fact *fact)
{
    return fact->kind == EVIDENCE_CODE ? blocks_names(engine, fact)
                                       : xstrdup(fact->detail);
}

static json_t *evidence_json(const struct index_fact *fact)
{
    enum evidence_kind kind =
        fact->kind == EVIDENCE_EXISTENCE ? EVIDENCE_PRESENCE : fact->kind;
    return json_pack("{s:s, s:o, s:o}", "kind", evidence_names[kind], "path",
                     wire_path(fact->path), "detail", wire_text(fact->detail));
}

/* Takes over DETAIL. */
static void keep_fact(struct audit_finding *finding, const struct index_fact *fact,
                      const char *detail)
{
    finding->before = xgrow(finding->before, finding->before_count,
                            &finding->before_capacity, sizeof *finding->before);
    struct index_fact *kept = &finding->before[finding->before_count++];
    *kept = *fact;
    kept->path = xstrdup(fact->path);
    kept->detail = detail;
}

static void gather(void *owner, const struct index_fact *fact, bool is_volatile)
{
    struct gathering *gathering = owner;
    struct engine *engine = gathering->engine;
    struct audit_finding *finding = gathering->finding;
    keep_fact(finding, fact, shown_detail(engine, fact));
    if (is_volatile || wrote(gathering->run, fact->path) || pick_holds(engine, fact))
        return;
    if (is_told(engine, gathering->run, fact->path)) {
        finding->disturbed = true;
        return;
    }
    if (finding->first_moved == NULL)
        finding->first_moved = xstrdup(fact->path);
    list(finding, finding->moved,
         evidence_json(&finding->before[finding->before_count - 1]));
}

static bool is_disturbed(const struct engine *engine, const struct run *run,
                         const struct index_evidence *items, size_t count)
{
    struct index_file file;
    if (!index_file(engine->index, run->file, &file) || !file.current ||
        file.verdict != run->audits)
        return true;
    for (size_t i = 0; i < count; i++)
        if (items[i].unsure || !items[i].holds)
            return true;
    return false;
}

struct audit_finding *finding_new(struct engine *engine, const struct run *run,
                                  const struct index_evidence *items, size_t count)
{
    struct audit_finding *finding = xcalloc(1, sizeof *finding);
    finding->tests = json_array();
    finding->only_now = json_array();
    finding->only_before = json_array();
    finding->moved = json_array();
    finding->disturbed = is_disturbed(engine, run, items, count);
    if (finding->disturbed)
        return finding;
    struct gathering gathering = {.engine = engine, .run = run, .finding = finding};
    index_evidence(engine->index, run->file, gather, &gathering);
    if (finding->disturbed)
        return finding;
    struct endings was = {0};
    struct endings now = {0};
    index_results(engine->index, run->file, end_result, &was);
    for (size_t i = 0; i < run->result_count; i++)
        end_add(&now, run->results[i].test, run->results[i].outcome,
                run->results[i].exception);
    compare_endings(finding, &was, &now);
    endings_finish(&was);
    endings_finish(&now);
    struct index_file file;
    finding->known_flaky = index_file(engine->index, run->file, &file) && file.flaky;
    return finding;
}

struct comparing {
    struct engine *engine;
    struct audit_finding *finding;
    struct strset before, now;
};

static char *key_of(const struct index_fact *fact, const char *detail)
{
    return xasprintf("%d%s\n%s", (int)fact->kind, detail, fact->path);
}

static void add_now(void *owner, const struct index_fact *fact, bool is_volatile)
{
    (void)is_volatile;
    struct comparing *comparing = owner;
    struct audit_finding *finding = comparing->finding;
    struct index_fact shown = *fact;
    autofree char *detail = shown_detail(comparing->engine, fact);
    autofree char *key = key_of(fact, detail);
    shown.detail = detail;
    strset_add(&comparing->now, key);
    if (strset_has(&comparing->before, key))
        return;
    if (finding->first_now == NULL)
        finding->first_now = xstrdup(fact->path);
    finding->more_now = true;
    list(finding, finding->only_now, evidence_json(&shown));
}

void finding_compare(struct engine *engine, const char *file,
                     struct audit_finding *finding)
{
    struct comparing comparing = {.engine = engine, .finding = finding};
    for (size_t i = 0; i < finding->before_count; i++) {
        autofree char *key = key_of(&finding->before[i], finding->before[i].detail);
        strset_add(&comparing.before, key);
    }
    index_evidence(engine->index, file, add_now, &comparing);
    for (size_t i = 0; i < finding->before_count; i++) {
        const struct index_fact *fact = &finding->before[i];
        autofree char *key = key_of(fact, fact->detail);
        if (!strset_has(&comparing.now, key))
            list(finding, finding->only_before, evidence_json(fact));
    }
    strset_finish(&comparing.before);
    strset_finish(&comparing.now);
}
