#include "daemon/index/sum.h"
#include "tests/support/index_scene.h"

#include <errno.h>

/* Of an exported file: a line, the sum in a line, the database. */
enum { SUM_AT = sizeof "sniffer index\n" - 1, DATA_AT = SUM_AT + SUM_DIGITS + 1 };

static struct index_evidence environment(const char *detail)
{
    return (struct index_evidence){
        .kind = EVIDENCE_ENVIRONMENT, .path = "python", .detail = detail, .holds = true};
}

static char *beside(const struct scene *scene, const char *name)
{
    return xasprintf("%s/%s", scene->folder, name);
}

static void export_to(const struct scene *scene, const char *path)
{
    ck_assert_int_eq(index_export(scene->index, path), 0);
}

static void import_from(struct scene *scene, const char *path, int64_t verdicts)
{
    struct index_merged merged = {0};
    ck_assert_int_eq(index_import(scene->index, path, &merged), 0);
    ck_assert_int_eq(merged.verdicts, verdicts);
    ck_assert_int_eq(merged.files, verdicts > 0);
    scene_check(scene);
    assert_totals(scene);
}

static void line_detail(void *owner, const struct index_fact *fact, bool is_volatile)
{
    line_add(owner, fact->detail);
    (void)is_volatile;
}

static struct line details(struct scene *scene)
{
    struct line line = {""};
    index_evidence(scene->index, "t.py", line_detail, &line);
    return line;
}

static void line_result(void *owner, const struct index_result *result)
{
    line_add(owner, outcome_names[result->outcome]);
}

static struct line outcomes(struct scene *scene)
{
    struct line line = {""};
    index_results(scene->index, "t.py", line_result, &line);
    return line;
}

START_TEST(elsewhere_it_is_what_it_was_here)
{
    struct scene here;
    struct scene there;
    struct index_why why;
    scene_on_disk(&here);
    scene_in_memory(&there);
    autofree char *path = beside(&here, "out");
    add_file(&here, "t.py");
    record(&here, "t.py", "sf", look(&here, "a.py"), look_volatile(&here, "out.txt"));
    export_to(&here, path);
    import_from(&there, path, 1);
    struct index_file before = file_now(&here, "t.py");
    struct index_file after = file_now(&there, "t.py");
    ck_assert(after.current && !after.from_cache && !after.flaky);
    ck_assert_int_eq(after.runs, before.runs);
    ck_assert_int_eq(after.last_run, before.last_run);
    ck_assert_double_eq(after.last_ms, before.last_ms);
    ck_assert_int_eq(after.size, before.size);
    ck_assert_str_eq(outcomes(&there).text, "success failure");
    ck_assert_str_eq(evidence_of(&there, "t.py").text, "a.py+ out.txt+~");
    ck_assert(index_why(there.index, "t.py", &why));
    ck_assert_int_eq(why.reason, REASON_CHANGED);
    scene_edit(&there, "a.py", 1);
    ck_assert(!file_now(&there, "t.py").current);
    import_from(&there, path, 0);
    scene_finish(&there);
    scene_finish(&here);
}
END_TEST

START_TEST(what_was_known_stays_and_what_is_new_is_added)
{
    struct scene here;
    struct scene there;
    scene_on_disk(&here);
    scene_in_memory(&there);
    autofree char *path = beside(&here, "out");
    add_file(&here, "t.py");
    record(&here, "t.py", "f", look(&here, "a.py"));
    record(&here, "t.py", "f", look(&here, "a.py"));
    export_to(&here, path);
    there.now = 50;
    add_file(&there, "t.py");
    scene_edit(&there, "a.py", 1);
    record(&there, "t.py", "s", look(&there, "a.py"));
    import_from(&there, path, 1);
    struct index_file file = file_now(&there, "t.py");
    ck_assert(file.current && !file.from_cache);
    ck_assert_int_eq(file.counts.successes, 1);
    ck_assert_int_eq(file.runs, 1);
    ck_assert_int_eq(file.last_run, 51);
    scene_edit(&there, "a.py", 0);
    file = file_now(&there, "t.py");
    ck_assert(file.current && file.from_cache);
    ck_assert_int_eq(file.counts.failures, 1);
    ck_assert_int_eq(file.runs, 1);
    record(&there, "t.py", "f", look(&there, "a.py"));
    ck_assert(!file_now(&there, "t.py").flaky);
    scene_finish(&there);
    scene_finish(&here);
}
END_TEST

/* Those that ran last, on whichever machine. */
START_TEST(the_newest_stay)
{
    struct scene here;
    struct scene there;
    scene_on_disk(&here);
    scene_in_memory(&there);
    autofree char *path = beside(&here, "out");
    add_file(&here, "t.py");
    for (int64_t state = 100; state < 104; state++) {
        here.now = state == 100 ? 0 : 10 * (state - 96);
        strset_put(&here.tree, "a.py", state);
        record(&here, "t.py", "s", look(&here, "a.py"));
    }
    export_to(&here, path);
    there.now = 10;
    add_file(&there, "t.py");
    for (int64_t state = 0; state < INDEX_VERDICTS; state++) {
        scene_edit(&there, "a.py", state);
        record(&there, "t.py", "s", look(&there, "a.py"));
    }
    import_from(&there, path, 4);
    static const struct {
        int64_t state;
        bool known;
    } rows[] = {{0, false},   {2, false},  {3, true},   {7, true},
                {100, false}, {101, true}, {102, true}, {103, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scene_edit(&there, "a.py", rows[i].state);
        ck_assert_int_eq(file_now(&there, "t.py").current, rows[i].known);
    }
    scene_finish(&there);
    scene_finish(&here);
}
END_TEST

START_TEST(what_is_about_one_machine_stays_there)
{
    struct scene here;
    struct scene there;
    scene_on_disk(&here);
    scene_in_memory(&there);
    autofree char *path = beside(&here, "out");
    struct index_seen seen = {.path = "a.py"};
    struct line line = {""};
    add_file(&here, "t.py");
    record(&here, "t.py", "s", look(&here, "a.py"), environment("3.11 here: /one"));
    ck_assert_int_eq(index_see(here.index, &seen), 0);
    export_to(&here, path);
    import_from(&there, path, 1);
    ck_assert_str_eq(details(&here).text, "3.11 here: /one");
    ck_assert_str_eq(details(&there).text, "3.11");
    index_each_seen(there.index, line_seen, &line);
    ck_assert_str_eq(line.text, "");
    scene_finish(&there);
    scene_finish(&here);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    char block[4096];
    size_t size = 0;
    FILE *in = fopen(from, "r");
    FILE *out = fopen(to, "w");
    ck_assert(in != NULL && out != NULL);
    while ((size = fread(block, 1, sizeof block, in)) > 0)
        ck_assert_uint_eq(fwrite(block, 1, size, out), size);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

START_TEST(a_copied_file_has_travelled_and_one_at_home_has_not)
{
    struct scene scene;
    int64_t number = 0;
    scene_on_disk(&scene);
    autofree char *copied = beside(&scene, "copied");
    autofree char *renamed = beside(&scene, "renamed");
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", environment("3.11 here: /one"));
    record(&scene, "t.py", "s", environment("3.11 here: /two"));
    ck_assert_int_eq(index_set_number(scene.index, "epoch", 42), 0);
    for (int i = 0; i < 2; i++) {
        scene_close(&scene);
        scene_open(&scene);
        scene_check(&scene);
        ck_assert_str_eq(details(&scene).text, "3.11 here: /two");
    }
    scene_close(&scene);
    copy_file(scene.path, copied);
    ck_assert_int_eq(rename(scene.path, renamed), 0);
    char *const places[] = {copied, renamed};
    for (size_t i = 0; i < 2; i++) {
        xreplace(&scene.path, places[i]);
        scene_open(&scene);
        scene_check(&scene);
        struct index_file file = file_now(&scene, "t.py");
        ck_assert(file.current && !file.flaky);
        ck_assert_int_eq(file.runs, 2);
        ck_assert_str_eq(details(&scene).text, "3.11");
        ck_assert_int_eq(index_number(scene.index, "epoch", 0, &number), 0);
        ck_assert_int_eq(number, 42);
        scene_close(&scene);
    }
    scene_finish(&scene);
}
END_TEST

START_TEST(the_same_evidence_with_other_outcomes_is_flaky)
{
    struct scene here;
    struct scene there;
    scene_on_disk(&here);
    scene_in_memory(&there);
    autofree char *path = beside(&here, "out");
    add_file(&here, "t.py");
    add_file(&there, "t.py");
    record(&here, "t.py", "s", look(&here, "a.py"));
    record(&there, "t.py", "f", look(&there, "a.py"));
    export_to(&here, path);
    import_from(&there, path, 0);
    ck_assert(file_now(&there, "t.py").flaky);
    ck_assert_str_eq(outcomes(&there).text, "failure");
    scene_finish(&there);
    scene_finish(&here);
}
END_TEST

/* ---- files that are none ---- */

static unsigned char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    unsigned char *bytes = xmalloc(1 << 20);
    *ret_size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static int import_bytes(struct scene *scene, const unsigned char *bytes, size_t size)
{
    autofree char *path = beside(scene, "bytes");
    FILE *file = fopen(path, "w");
    struct index_merged merged;
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return index_import(scene->index, path, &merged);
}

static void sign(unsigned char *bytes, size_t size)
{
    char sum[SUM_DIGITS + 1];
    sum_bytes(bytes + DATA_AT, size - DATA_AT, sum);
    memcpy(bytes + SUM_AT, sum, SUM_DIGITS);
}

static unsigned char *exported(struct scene *scene, size_t *ret_size)
{
    scene_on_disk(scene);
    autofree char *path = beside(scene, "out");
    add_file(scene, "t.py");
    record(scene, "t.py", "sfe-", look(scene, "a.py"), environment("3.11 here: /one"));
    export_to(scene, path);
    return read_file(path, ret_size);
}

START_TEST(what_is_no_exported_index_is_refused_and_changes_nothing)
{
    struct scene scene;
    size_t size = 0;
    autofree unsigned char *bytes = exported(&scene, &size);
    enum { VERSION_AT = DATA_AT + 63, APPLICATION_AT = DATA_AT + 71 };
    ck_assert_int_eq(import_bytes(&scene, bytes, 0), -EMEDIUMTYPE);
    ck_assert_int_eq(import_bytes(&scene, bytes, DATA_AT - 1), -EMEDIUMTYPE);
    ck_assert_int_eq(import_bytes(&scene, bytes, size - 1), -EBADMSG);
    for (size_t at = 0; at < size; at += 4093) {
        bytes[at] ^= 1;
        int error = import_bytes(&scene, bytes, size);
        ck_assert(error == (at < SUM_AT ? -EMEDIUMTYPE : -EBADMSG) || at == DATA_AT - 1);
        bytes[at] ^= 1;
    }
    bytes[VERSION_AT] = 99;
    sign(bytes, size);
    ck_assert_int_eq(import_bytes(&scene, bytes, size), -EPROTONOSUPPORT);
    bytes[APPLICATION_AT] ^= 1;
    sign(bytes, size);
    ck_assert_int_eq(import_bytes(&scene, bytes, size), -EMEDIUMTYPE);
    ck_assert(file_now(&scene, "t.py").current);
    ck_assert(!index_is_damaged(scene.index));
    scene_finish(&scene);
}
END_TEST

/* Somebody can write the right sum under the wrong bytes: what comes of it is a refusal, or an index
 * that is one. */
START_TEST(bad_bytes_under_a_good_sum_break_nothing)
{
    struct scene scene;
    size_t size = 0;
    autofree unsigned char *bytes = exported(&scene, &size);
    autofree unsigned char *bad = xmalloc(size);
    uint64_t random = 1;
    for (int round = 0; round < 60; round++) {
        memcpy(bad, bytes, size);
        for (int i = 0; i <= round % 4; i++) {
            random =
                random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bad[DATA_AT + (random >> 33) % (size - DATA_AT)] =
                (unsigned char)(random >> 25);
        }
        sign(bad, size);
        import_bytes(&scene, bad, size);
        scene_check(&scene);
        ck_assert(!index_is_damaged(scene.index));
        assert_totals(&scene);
    }
    scene_finish(&scene);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_leaves_nothing)
{
    struct scene scene;
    scene_on_disk(&scene);
    ck_assert_int_eq(index_export(scene.index, "/nowhere/index"), -ENOENT);
    ck_assert_int_eq(index_export(scene.index, scene.folder), -EISDIR);
    autofree char *pattern = xasprintf("%s.", scene.folder);
    ck_assert_int_eq(access(pattern, F_OK), -1);
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        elsewhere_it_is_what_it_was_here,
        what_was_known_stays_and_what_is_new_is_added,
        the_newest_stay,
        what_is_about_one_machine_stays_there,
        a_copied_file_has_travelled_and_one_at_home_has_not,
        the_same_evidence_with_other_outcomes_is_flaky,
        what_is_no_exported_index_is_refused_and_changes_nothing,
        bad_bytes_under_a_good_sum_break_nothing,
        a_file_that_cannot_be_written_leaves_nothing,
    };
    return run_tests("index_travel", tests, sizeof tests / sizeof *tests);
}
