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
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
