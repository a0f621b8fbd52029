#ifndef SUPPORT_INDEX_SCENE_H
#define SUPPORT_INDEX_SCENE_H

/* An index together with a make-believe tree: each path has a number, its state. Does to the index
 * what the engine would do: an edit marks the facts about its path, a check marks all facts. */

#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/index/index.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

struct scene {
    struct index *index;
    struct strset tree;
    char folder[32];
    char *path; /* of the index; NULL: in memory */
    int64_t now;
};

static inline struct digest state_digest(int64_t state)
{
    struct digest digest = {{0}};
    memcpy(digest.bytes, &state, sizeof state);
    return digest;
}

static inline int64_t tree_of(const struct scene *scene, const char *path)
{
    return strset_get(&scene->tree, path, 0);
}

/* An index_rebase's answer. */
static inline bool it_was(void *owner, int64_t fact, bool holds)
{
    (void)owner;
    (void)fact;
    (void)holds;
    return true;
}

/* ---- as the engine would ---- */

static inline void mark_as_tree(void *owner, const struct index_fact *fact)
{
    struct scene *scene = owner;
    struct digest now = state_digest(tree_of(scene, fact->path));
    index_mark(scene->index, fact->id, digest_equal(&now, &fact->state));
}

static inline void scene_edit(struct scene *scene, const char *path, int64_t state)
{
    strset_put(&scene->tree, path, state);
    index_facts_at(scene->index, path, mark_as_tree, scene);
}

static inline void scene_check(struct scene *scene)
{
    index_each_fact(scene->index, mark_as_tree, scene);
    index_checked(scene->index, true);
}

/* ---- life ---- */

static inline void scene_in_memory(struct scene *scene)
{
    char *aside = NULL;
    *scene = (struct scene){0};
    ck_assert_int_eq(index_open(&scene->index, NULL, &aside), 0);
    ck_assert_ptr_null(aside);
    index_checked(scene->index, true);
}

/* Opens the index at scene->path, which nothing speaks against; unchecked. */
static inline void scene_open(struct scene *scene)
{
    char *aside = NULL;
    ck_assert_int_eq(index_open(&scene->index, scene->path, &aside), 0);
    ck_assert_ptr_null(aside);
}

static inline void scene_close(struct scene *scene)
{
    index_close(scene->index);
    scene->index = NULL;
}

static inline void scene_on_disk(struct scene *scene)
{
    *scene = (struct scene){.folder = "/tmp/sniffer-index-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(scene->folder));
    scene->path = xasprintf("%s/index", scene->folder);
    scene_open(scene);
    index_checked(scene->index, true);
}

static inline int remove_entry(const char *path, const struct stat *status, int type,
                               struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline void scene_finish(struct scene *scene)
{
    index_close(scene->index);
    strset_finish(&scene->tree);
    free(scene->path);
    if (scene->folder[0] != '\0')
        nftw(scene->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- runs ---- */

/* What a run that reads PATH now sees. */
static inline struct index_evidence look(const struct scene *scene, const char *path)
{
    return (struct index_evidence){
        .kind = EVIDENCE_CONTENT,
        .path = path,
        .detail = "",
        .state = state_digest(tree_of(scene, path)),
        .holds = true,
    };
}

static inline struct index_evidence look_unsure(const struct scene *scene,
                                                const char *path)
{
    struct index_evidence evidence = look(scene, path);
    evidence.unsure = true;
    return evidence;
}

static inline struct index_evidence look_volatile(const struct scene *scene,
                                                  const char *path)
{
    struct index_evidence evidence = look(scene, path);
    evidence.is_volatile = true;
    return evidence;
}

enum { SCENE_RESULTS = 32 };
static const char *const scene_tests[SCENE_RESULTS] = {
    "t0", "t1", "t2",  "t3",  "t4",  "t5",  "t6",  "t7",
    "t8", "t9", "t10", "t11", "t12", "t13", "t14", "t15"};

/* OUTCOMES has a letter for each test: "s", "f", "e" or "-" for skipped. */
static inline int try_record(struct scene *scene, const char *file, const char *outcomes,
                             const struct index_evidence *evidence, size_t count)
{
    struct index_result results[SCENE_RESULTS];
    size_t result_count = strlen(outcomes);
    for (size_t i = 0; i < result_count; i++)
        results[i] = (struct index_result){
            .test = scene_tests[i],
            .outcome = (enum outcome)(strchr("sfe-", outcomes[i]) - "sfe-"),
            .duration_ms = (double)i};
    scene->now++;
    struct index_run run = {
        .file = file,
        .started = scene->now,
        .duration_ms = (double)scene->now,
        .reason = REASON_CHANGED,
        .results = results,
        .result_count = result_count,
        .evidence = evidence,
        .evidence_count = count,
    };
    return index_record(scene->index, &run);
}

#define record(scene, file, outcomes, ...)                                               \
    ck_assert_int_eq(try_record((scene), (file), (outcomes),                             \
                                (const struct index_evidence[]){__VA_ARGS__},            \
                                sizeof((const struct index_evidence[]){__VA_ARGS__}) /   \
                                    sizeof(struct index_evidence)),                      \
                     0)

static inline void add_file(struct scene *scene, const char *path)
{
    ck_assert_int_gt(index_add_file(scene->index, path, 100), 0);
}

/* ---- answers ---- */

static inline struct index_file file_now(const struct scene *scene, const char *path)
{
    struct index_file file;
    ck_assert(index_file(scene->index, path, &file));
    return file;
}

static inline void add_to_totals(void *owner, const struct index_file *file)
{
    struct counts *sum = owner;
    sum->successes += file->counts.successes;
    sum->failures += file->counts.failures;
    sum->errors += file->counts.errors;
    sum->skipped += file->counts.skipped;
}

static inline void assert_totals(const struct scene *scene)
{
    struct counts sum = {0};
    struct counts kept = index_totals(scene->index);
    index_each_file(scene->index, add_to_totals, &sum);
    ck_assert_int_eq(kept.successes, sum.successes);
    ck_assert_int_eq(kept.failures, sum.failures);
    ck_assert_int_eq(kept.errors, sum.errors);
    ck_assert_int_eq(kept.skipped, sum.skipped);
}

/* Visitors that write what they get into one line, to be compared as text. */
struct line {
    char text[4096];
};

static inline void line_add(struct line *line, const char *word)
{
    size_t used = strlen(line->text);
    ck_assert_uint_lt(used + strlen(word) + 2, sizeof line->text);
    snprintf(line->text + used, sizeof line->text - used, "%s%s", used > 0 ? " " : "",
             word);
}

static inline void line_file(void *owner, const struct index_file *file)
{
    char word[300];
    snprintf(word, sizeof word, "%s%s", file->path, file->current ? "+" : "");
    line_add(owner, word);
}

static inline void line_name(void *owner, const char *name)
{
    line_add(owner, name);
}

static inline void line_fact(void *owner, const struct index_fact *fact)
{
    line_add(owner, fact->path);
}

static inline void line_evidence(void *owner, const struct index_fact *fact,
                                 bool is_volatile)
{
    char word[300];
    snprintf(word, sizeof word, "%s%s%s%s", fact->path, fact->holds ? "+" : "",
             fact->unsure ? "?" : "", is_volatile ? "~" : "");
    line_add(owner, word);
}

static inline void line_seen(void *owner, const struct index_seen *seen)
{
    line_add(owner, seen->path);
}

static inline struct line turned(struct scene *scene)
{
    struct line line = {""};
    index_each_turned(scene->index, line_file, &line);
    return line;
}

static inline struct line evidence_of(struct scene *scene, const char *file)
{
    struct line line = {""};
    index_evidence(scene->index, file, line_evidence, &line);
    return line;
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

#endif
