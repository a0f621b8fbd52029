#include "daemon/base/xalloc.h"
#include "daemon/sched/order.h"
#include "daemon/sched/sched.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sched *sched;

static void setup(void)
{
    sched = sched_new();
}

static void teardown(void)
{
    sched_free(sched);
}

static void want(const char *file, const char *path)
{
    struct sched_job job = {.file = file, .reason = REASON_CHANGED, .path = path};
    sched_want(sched, &job);
}

static void assert_first(const char *file)
{
    const struct sched_job *first = sched_first(sched);
    ck_assert_pstr_eq(first != NULL ? first->file : NULL, file);
}

START_TEST(each_rule_decides_only_where_those_before_it_are_even)
{
    /* In the right order; each pair is compared both ways. */
    static const struct place places[] = {
        {.job = {.file = "f", .forced = true, .duration_ms = -1}, .match = 9},
        {.job = {.file = "e", .forced = true, .failures = 1, .duration_ms = 9}},
        {.job = {.file = "d", .forced = true, .duration_ms = 1}},
        {.job = {.file = "z", .duration_ms = 900}, .match = 7},
        {.job = {.file = "y", .failures = 2, .duration_ms = 900}, .match = 8},
        {.job = {.file = "x", .duration_ms = 1}, .match = 8},
        {.job = {.file = "w", .failures = 3, .duration_ms = 900}},
        {.job = {.file = "v", .failures = 2, .duration_ms = 0.25}},
        {.job = {.file = "u", .failures = 2, .duration_ms = 0.5}},
        {.job = {.file = "t", .duration_ms = 0}},
        {.job = {.file = "s", .duration_ms = 5, .size = 1000}},
        {.job = {.file = "r", .duration_ms = 1e12}},
        {.job = {.file = "q", .duration_ms = -1, .size = 10}},
        {.job = {.file = "o", .duration_ms = -1, .size = 20}},
        {.job = {.file = "p", .duration_ms = -1, .size = 20}},
    };
    size_t count = sizeof places / sizeof *places;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            int order = order_compare(&places[i], &places[j]);
            bool right = i < j ? order < 0 : i > j ? order > 0 : order == 0;
            ck_assert_msg(right, "%s %s: %d", places[i].job.file, places[j].job.file,
                          order);
        }
}
END_TEST

START_TEST(a_match_is_the_base_name_within_the_base_name)
{
    static const struct {
        const char *file, *changed;
        size_t length;
    } cases[] = {
        {"tests/test_some_module.py", "pkg/some_module.py", 19},
        {"tests/test_some_module_slowly.py", "pkg/some_module.py", 26},
        {"tests/test_other.py", "pkg/some_module.py", 0},
        {"some_module/test_x.py", "pkg/some_module.py", 0},
        {"test_fast.py", "fast.cpython-311-x86_64-linux-gnu.so", 12},
        {"test_pkg.py", "lib/pkg/__init__.py", 11},
        {"test__init__.py", "lib/pkg/__init__.py", 0},
        {"test_any.py", "__init__.py", 0},
        {"test_x.py", "x.py", 0},
        {"test_xy.py", "xy.py", 10},
        {"test_xy.py", "/elsewhere/xy.py", 10},
        {"test_a.py", "py.py", 0},
        {"test_a.py", "test_a.py", 9},
        {"test_a.py", "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(sched_match(cases[i].file, cases[i].changed) == cases[i].length,
                      "%s %s: %zu", cases[i].file, cases[i].changed,
                      sched_match(cases[i].file, cases[i].changed));
}
END_TEST

START_TEST(the_test_named_after_the_changed_file_comes_first)
{
    want("tests/test_a.py", "pkg/some_module.py");
    want("tests/test_some_module_slowly.py", "pkg/some_module.py");
    want("tests/test_some_module.py", "pkg/some_module.py");
    assert_first("tests/test_some_module.py");
    sched_started(sched, "tests/test_some_module.py");
    assert_first("tests/test_some_module_slowly.py");
    sched_started(sched, "tests/test_some_module_slowly.py");
    assert_first("tests/test_a.py");
    sched_started(sched, "tests/test_a.py");
    assert_first(NULL);
    ck_assert_uint_eq(sched_count_waiting(sched), 0);
    ck_assert_uint_eq(sched_count_running(sched), 3);
}
END_TEST

START_TEST(a_test_wanted_while_it_runs_runs_again)
{
    want("a.py", NULL);
    sched_started(sched, "a.py");
    ck_assert(sched_running(sched, "a.py"));
    ck_assert_ptr_null(sched_waiting(sched, "a.py"));
    want("a.py", "b.py");
    assert_first(NULL);
    ck_assert_uint_eq(sched_count_waiting(sched), 1);
    ck_assert_str_eq(sched_waiting(sched, "a.py")->path, "b.py");
    sched_done(sched, "a.py");
    ck_assert(!sched_running(sched, "a.py"));
    assert_first("a.py");
}
END_TEST

START_TEST(a_run_that_is_over_is_forgotten)
{
    want("a.py", NULL);
    sched_started(sched, "a.py");
    sched_done(sched, "a.py");
    assert_first(NULL);
    ck_assert_uint_eq(sched_count_waiting(sched), 0);
    ck_assert_uint_eq(sched_count_running(sched), 0);
    sched_done(sched, "a.py"); /* and told twice harms nothing */
}
END_TEST

START_TEST(wanted_twice_it_keeps_the_better_place_and_the_newest_reason)
{
    struct sched_job job = {.file = "test_mod.py",
                            .reason = REASON_FORCED,
                            .path = "mod.py",
                            .detail = "first",
                            .failures = 3,
                            .duration_ms = 7,
                            .size = 70,
                            .forced = true};
    sched_want(sched, &job);
    job = (struct sched_job){.file = "test_mod.py",
                             .reason = REASON_ADDED,
                             .path = "other.py",
                             .duration_ms = -1};
    sched_want(sched, &job);
    ck_assert_uint_eq(sched_count_waiting(sched), 1);
    const struct sched_job *kept = sched_waiting(sched, "test_mod.py");
    ck_assert(kept->forced);
    ck_assert_int_eq(kept->reason, REASON_ADDED);
    ck_assert_str_eq(kept->path, "other.py");
    ck_assert_ptr_null(kept->detail);
    ck_assert_int_eq(kept->failures, 3);
    ck_assert_int_eq(kept->size, 70);
    /* The match with mod.py still counts: without it, more failures would go first. */
    struct sched_job rival = {.file = "test_rival.py", .failures = 9, .forced = true};
    sched_want(sched, &rival);
    assert_first("test_mod.py");
}
END_TEST

START_TEST(a_later_want_can_better_the_place)
{
    want("test_a.py", NULL);
    want("test_mod.py", "other.py");
    assert_first("test_a.py");
    want("test_mod.py", "mod.py");
    assert_first("test_mod.py");
    struct sched_job forced = {.file = "test_a.py", .forced = true};
    sched_want(sched, &forced);
    assert_first("test_a.py");
}
END_TEST

START_TEST(a_place_does_not_outlive_its_run)
{
    struct sched_job forced = {.file = "test_b.py", .path = "b.py", .forced = true};
    sched_want(sched, &forced);
    sched_started(sched, "test_b.py");
    want("test_b.py", NULL);
    sched_done(sched, "test_b.py");
    want("test_a.py", NULL);
    assert_first("test_a.py");
    ck_assert(!sched_waiting(sched, "test_b.py")->forced);
}
END_TEST

START_TEST(a_drop_spares_what_was_forced_unless_told)
{
    want("a.py", NULL);
    struct sched_job forced = {.file = "b.py", .forced = true};
    sched_want(sched, &forced);
    sched_drop(sched, "a.py", false);
    sched_drop(sched, "b.py", false);
    sched_drop(sched, "nowhere.py", true);
    ck_assert_ptr_null(sched_waiting(sched, "a.py"));
    ck_assert_ptr_nonnull(sched_waiting(sched, "b.py"));
    sched_drop(sched, "b.py", true);
    ck_assert_uint_eq(sched_count_waiting(sched), 0);
}
END_TEST

START_TEST(a_drop_lets_a_run_go_on)
{
    want("a.py", NULL);
    sched_started(sched, "a.py");
    want("a.py", NULL);
    sched_drop(sched, "a.py", true);
    ck_assert(sched_running(sched, "a.py"));
    sched_done(sched, "a.py");
    assert_first(NULL);
}
END_TEST

START_TEST(a_lent_job_may_be_handed_back)
{
    want("test_a.py", "a_module.py");
    sched_want(sched, sched_first(sched));
    ck_assert_str_eq(sched_first(sched)->path, "a_module.py");
    sched_started(sched, sched_first(sched)->file);
    ck_assert(sched_running(sched, "test_a.py"));
    want("test_a.py", NULL);
    sched_done(sched, "test_a.py");
    sched_drop(sched, sched_first(sched)->file, true);
    assert_first(NULL);
}
END_TEST

START_TEST(the_queue_is_in_the_order_in_which_first_gives)
{
    enum { FILES = 3000 };
    for (int i = 0; i < FILES; i++) {
        autofree char *file = xasprintf("test_%d.py", i);
        struct sched_job job = {.file = file,
                                .failures = i % 3,
                                .duration_ms = i * 7919 % 1000 - 100,
                                .size = i % 17,
                                .forced = i % 500 == 0};
        sched_want(sched, &job);
    }
    sched_started(sched, "test_7.py");
    want("test_7.py", NULL); /* runs, and waits as well */
    const struct sched_job **queue = NULL;
    ck_assert_uint_eq(sched_queue(sched, &queue), FILES);
    ck_assert_uint_eq(sched_count_waiting(sched), FILES);
    char *files[FILES];
    for (int i = 0; i < FILES; i++)
        files[i] = xstrdup(queue[i]->file);
    free(queue);
    for (int i = 0; i < FILES; i++) {
        if (strcmp(files[i], "test_7.py") != 0) {
            assert_first(files[i]);
            sched_drop(sched, files[i], true);
        }
        free(files[i]);
    }
    assert_first(NULL);
    ck_assert_uint_eq(sched_queue(sched, &queue), 1);
    free(queue);
}
END_TEST

START_TEST(an_empty_queue_is_an_array_to_free)
{
    const struct sched_job **queue = NULL;
    ck_assert_uint_eq(sched_queue(sched, &queue), 0);
    free(queue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched");
    TCase *tests = tcase_create("sched");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, each_rule_decides_only_where_those_before_it_are_even);
    tcase_add_test(tests, a_match_is_the_base_name_within_the_base_name);
    tcase_add_test(tests, the_test_named_after_the_changed_file_comes_first);
    tcase_add_test(tests, a_test_wanted_while_it_runs_runs_again);
    tcase_add_test(tests, a_run_that_is_over_is_forgotten);
    tcase_add_test(tests, wanted_twice_it_keeps_the_better_place_and_the_newest_reason);
    tcase_add_test(tests, a_later_want_can_better_the_place);
    tcase_add_test(tests, a_place_does_not_outlive_its_run);
    tcase_add_test(tests, a_drop_spares_what_was_forced_unless_told);
    tcase_add_test(tests, a_drop_lets_a_run_go_on);
    tcase_add_test(tests, a_lent_job_may_be_handed_back);
    tcase_add_test(tests, the_queue_is_in_the_order_in_which_first_gives);
    tcase_add_test(tests, an_empty_queue_is_an_array_to_free);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
