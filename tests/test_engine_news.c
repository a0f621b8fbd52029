/* What is told to those who listen, and what is said to those who ask wrongly. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static void begin_with(enum outcome outcome)
{
    scene_write("a.py", "a = 1\n");
    scene_write("test_a.py", "import a\n");
    scene_begin("python");
    scene_play("test_a.py", "a.py", outcome);
}

static int64_t failures(const char *when)
{
    const json_t *numbers = json_object_get(scene_news(TOPIC_FILE_FAILURES), when);
    ck_assert_ptr_nonnull(numbers);
    return json_integer_value(json_object_get(numbers, "failures"));
}

START_TEST(a_file_that_had_failures_tells_that_it_has_none)
{
    begin_with(OUTCOME_FAILURE);
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(failures("before"), 1);
    ck_assert_int_eq(failures("now"), 0);
    const json_t *green = scene_news(TOPIC_GREEN);
    ck_assert_ptr_nonnull(green);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(green, "stats"), "successes")),
        1);
}
END_TEST

START_TEST(what_was_red_before_a_restart_is_no_news)
{
    begin_with(OUTCOME_FAILURE);
    ck_assert_ptr_nonnull(scene_news(TOPIC_RED));
    scene_restart();
    scene_begin("python");
    ck_assert_ptr_nonnull(scene_news(TOPIC_STATS));
    ck_assert_ptr_null(scene_news(TOPIC_RED));
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_ptr_nonnull(scene_news(TOPIC_GREEN));
}
END_TEST

START_TEST(a_result_is_told_at_the_start_only_once_its_file_was_checked)
{
    begin_with(OUTCOME_SUCCESS);
    scene_restart();
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    ck_assert_ptr_null(scene_news(TOPIC_RESULT));
    scene_answer();
    ck_assert_ptr_nonnull(scene_news(TOPIC_RESULT));
    ck_assert(json_is_null(json_object_get(scene_news(TOPIC_RESULT), "report_text")));
}
END_TEST

static const struct {
    enum method method;
    const char *params;
} wrong[] = {
    {METHOD_RESULTS, "{\"offset\":\"1\"}"},
    {METHOD_RESULTS, "{\"offset\":-1}"},
    {METHOD_RESULTS, "{\"failed\":1}"},
    {METHOD_FILES, "{\"offset\":1.5}"},
    {METHOD_DEPS, "{\"files\":[\"test_a.py\"],\"offset\":true}"},
    {METHOD_AFFECTED, "{\"paths\":[\"a.py\"],\"offset\":[]}"},
    {METHOD_WHY, "{\"files\":[\"test_a.py\"],\"offset\":{}}"},
    {METHOD_RUN, "{\"all\":\"yes\"}"},
};

START_TEST(a_parameter_of_another_kind_is_refused)
{
    begin_with(OUTCOME_SUCCESS);
    scene_ask(wrong[_i].method, json_loads(wrong[_i].params, 0, NULL));
    ck_assert_msg(scene.refused, "%s", wrong[_i].params);
}
END_TEST

START_TEST(a_parameter_that_means_nothing_is_ignored)
{
    begin_with(OUTCOME_SUCCESS);
    scene_ask(METHOD_STATUS, json_loads("{\"offset\":\"1\",\"all\":3}", 0, NULL));
    ck_assert(!scene.refused);
}
END_TEST

static int64_t run_of_two_tests(void)
{
    scene_write("test_a.py", "");
    scene_begin("python");
    int64_t run = scene_run_of("test_a.py");
    engine_report(scene.engine, &(struct report){.type = REPORT_STARTED, .run = run},
                  scene.now);
    return run;
}

static void begin_test(int64_t run, const char *test)
{
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_TEST, .run = run, .test = test},
                  scene.now);
}

START_TEST(a_failure_is_told_while_its_file_runs)
{
    int64_t run = run_of_two_tests();
    scene_result(run, "test_good", OUTCOME_SUCCESS);
    ck_assert_ptr_null(scene_news(TOPIC_RUN_RESULT));
    scene_result(run, "test_bad", OUTCOME_ERROR);
    const json_t *told = scene_news(TOPIC_RUN_RESULT);
    ck_assert_str_eq(json_string_value(json_object_get(told, "test")), "test_bad");
    ck_assert_str_eq(json_string_value(json_object_get(told, "report_text")), "text");
    ck_assert_str_eq(json_string_value(json_object_get(told, "package")), ".");
    ck_assert_ptr_null(json_object_get(told, "current"));
    ck_assert_ptr_null(scene_news(TOPIC_RESULT));
}
END_TEST

START_TEST(a_test_that_runs_for_a_while_is_told)
{
    int64_t run = run_of_two_tests();
    begin_test(run, "test_quick");
    ck_assert_ptr_null(scene_news(TOPIC_RUN_TEST));
    scene_result(run, "test_quick", OUTCOME_SUCCESS);
    begin_test(run, "test_slow");
    ck_assert_int_eq(engine_deadline(scene.engine), scene.now + 100);
    scene.now += 100;
    engine_tick(scene.engine, scene.now);
    const json_t *told = scene_news(TOPIC_RUN_TEST);
    ck_assert_str_eq(json_string_value(json_object_get(told, "test")), "test_slow");
    ck_assert_int_gt(engine_deadline(scene.engine), scene.now);
    scene_result(run, "test_slow", OUTCOME_SUCCESS);
    begin_test(run, "test_next");
    ck_assert_ptr_eq(scene_news(TOPIC_RUN_TEST), told);
    scene.now += 200;
    begin_test(run, "test_last");
    told = scene_news(TOPIC_RUN_TEST);
    ck_assert_str_eq(json_string_value(json_object_get(told, "test")), "test_last");
}
END_TEST

START_TEST(what_nobody_listens_to_is_not_told)
{
    scene.deaf = true;
    int64_t run = run_of_two_tests();
    begin_test(run, "test_bad");
    scene.now += 100;
    engine_tick(scene.engine, scene.now);
    scene_result(run, "test_bad", OUTCOME_ERROR);
    ck_assert_ptr_null(scene_news(TOPIC_RUN_TEST));
    ck_assert_ptr_null(scene_news(TOPIC_RUN_RESULT));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_news");
    TCase *tests = tcase_create("news");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, a_file_that_had_failures_tells_that_it_has_none);
    tcase_add_test(tests, what_was_red_before_a_restart_is_no_news);
    tcase_add_test(tests, a_result_is_told_at_the_start_only_once_its_file_was_checked);
    tcase_add_loop_test(tests, a_parameter_of_another_kind_is_refused, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, a_parameter_that_means_nothing_is_ignored);
    tcase_add_test(tests, a_failure_is_told_while_its_file_runs);
    tcase_add_test(tests, a_test_that_runs_for_a_while_is_told);
    tcase_add_test(tests, what_nobody_listens_to_is_not_told);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
