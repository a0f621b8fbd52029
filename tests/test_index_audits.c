#include "tests/support/index_scene.h"

#include <errno.h>

static void disprove(struct scene *scene, const char *outcomes, const char *path)
{
    struct index_evidence evidence[] = {look(scene, "a.py"), look(scene, path)};
    struct index_result result = {.test = scene_tests[0],
                                  .outcome = outcomes[0] == 's' ? OUTCOME_SUCCESS
                                                                : OUTCOME_FAILURE};
    struct index_run run = {.file = "test_a.py",
                            .started = ++scene->now,
                            .disproves = true,
                            .results = &result,
                            .result_count = 1,
                            .evidence = evidence,
                            .evidence_count = strcmp(path, "a.py") == 0 ? 1 : 2};
    ck_assert_int_eq(index_record(scene->index, &run), 0);
}

static void check_found(struct scene *scene)
{
    struct index_audit audit = file_now(scene, "test_a.py").audit;
    ck_assert_int_eq(audit.at, 9);
    ck_assert_int_eq(audit.verdict, file_now(scene, "test_a.py").verdict);
    ck_assert_int_eq(audit.found, AUDIT_STALE);
    ck_assert_int_eq(audit.agreed, 1);
    ck_assert_int_eq(audit.stale, 1);
    ck_assert_int_eq(file_now(scene, "test_b.py").audit.verdict, 0);
    autofree char *words = index_audit_words(scene->index, "test_a.py");
    ck_assert_str_eq(words, "why");
    ck_assert_ptr_null(index_audit_words(scene->index, "test_b.py"));
    struct index_audit sum = index_audits(scene->index);
    ck_assert_int_eq(sum.at, 9);
    ck_assert_int_eq(sum.agreed + sum.flaky + sum.stale, 2);
}

START_TEST(what_audits_found_is_known_also_after_a_restart)
{
    struct scene scene;
    scene_on_disk(&scene);
    ck_assert_int_eq(index_set_audit(scene.index, "test_a.py", 1, AUDIT_AGREED, NULL),
                     -ENOENT);
    add_file(&scene, "test_a.py");
    add_file(&scene, "test_b.py");
    ck_assert_int_eq(index_set_audit(scene.index, "test_a.py", 1, AUDIT_AGREED, NULL),
                     -ENOENT); /* there is no verdict */
    record(&scene, "test_a.py", "s", look(&scene, "a.py"));
    ck_assert_int_eq(index_set_audit(scene.index, "test_a.py", 8, AUDIT_AGREED, "fine"),
                     0);
    ck_assert_int_eq(index_set_audit(scene.index, "test_a.py", 9, AUDIT_STALE, "why"), 0);
    check_found(&scene);
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    check_found(&scene);
    ck_assert_int_eq(index_remove_file(scene.index, "test_a.py"), 0);
    ck_assert_int_eq(index_audits(scene.index).at, 0);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_run_that_disproves_leaves_no_other_verdict)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "test_a.py");
    record(&scene, "test_a.py", "s", look(&scene, "a.py"));
    scene_edit(&scene, "a.py", 2);
    record(&scene, "test_a.py", "s", look(&scene, "a.py"));
    disprove(&scene, "f", "data");
    assert_totals(&scene);
    scene_edit(&scene, "data", 5); /* only the new one rests on it */
    ck_assert(!file_now(&scene, "test_a.py").current);
    scene_edit(&scene, "a.py", 0); /* as when the first was recorded */
    ck_assert(!file_now(&scene, "test_a.py").current);
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    ck_assert(!file_now(&scene, "test_a.py").current);
    ck_assert_int_eq(file_now(&scene, "test_a.py").counts.failures, 1);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_run_that_disproves_is_not_flaky_until_somebody_says_so)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "test_a.py");
    record(&scene, "test_a.py", "s", look(&scene, "a.py"));
    disprove(&scene, "f", "a.py");
    ck_assert(!file_now(&scene, "test_a.py").flaky);
    ck_assert_int_eq(file_now(&scene, "test_a.py").counts.failures, 1);
    ck_assert_int_eq(index_mark_flaky(scene.index, "test_a.py"), 0);
    ck_assert_int_eq(index_mark_flaky(scene.index, "test_b.py"), -ENOENT);
    ck_assert(file_now(&scene, "test_a.py").flaky);
    scene_close(&scene);
    scene_open(&scene);
    ck_assert(file_now(&scene, "test_a.py").flaky);
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_audits_found_is_known_also_after_a_restart,
        a_run_that_disproves_leaves_no_other_verdict,
        a_run_that_disproves_is_not_flaky_until_somebody_says_so,
    };
    return run_tests("index_audits", tests, sizeof tests / sizeof *tests);
}
