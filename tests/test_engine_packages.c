/* A project of many packages: whose a path is, what a verdict of each rests on, in which order they run. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static const char *const two[] = {"one", "two", NULL};
static const char *const nested[] = {"one", "one/inner", "two", NULL};

static void write_files(void)
{
    static const char *const folders[] = {"one", "two", "three", "one/inner"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        autofree char *whole = scene_path(folders[i]);
        ck_assert_int_eq(mkdir(whole, 0700), 0);
    }
    scene_write("one/a.py", "");
    scene_write("one/test_one.py", "");
    scene_write("two/test_two.py", "");
    scene_write("three/test_three.py", "");
}

static void speak(const char *package, const char *python)
{
    snprintf(scene.speaker, sizeof scene.speaker, "%s", package);
    scene_ready(python);
    ck_assert_str_eq(scene.asked_package, package);
    scene_answer();
}

/* With workers of PACKAGES and of the root. */
static void begin(const char *const *packages)
{
    write_files();
    scene.packages = packages;
    engine_begin(scene.engine, scene.now);
    speak("", "3.11 root");
    for (; *packages != NULL; packages++)
        speak(*packages, "3.11 of it");
}

static bool rests_on(const char *file, const char *fact)
{
    scene_ask(METHOD_DEPS, json_pack("{s:[s]}", "files", file));
    size_t i = 0;
    const json_t *dep = NULL;
    json_array_foreach(json_object_get(scene.reply, "deps"), i,
                       dep) if (strcmp(json_string_value(json_object_get(dep, "path")),
                                       fact) == 0) return true;
    return false;
}

START_TEST(each_file_runs_in_its_own_package)
{
    scene.places = 3;
    begin(two);
    for (size_t i = 0; i < scene.started_count; i++)
        ck_assert_ptr_nonnull(scene.started[i].file);
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    ck_assert(rests_on("one/test_one.py", "python@one"));
    ck_assert(!rests_on("one/test_one.py", "python"));
    scene_play("three/test_three.py", "one/a.py", OUTCOME_SUCCESS);
    ck_assert(rests_on("three/test_three.py", "python"));
    ck_assert(scene_file("three/test_three.py").current);
}
END_TEST

START_TEST(another_interpreter_of_one_package_concerns_no_other)
{
    scene.places = 3;
    begin(two);
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    scene_play("two/test_two.py", "one/a.py", OUTCOME_SUCCESS);
    scene.places = 0;
    snprintf(scene.speaker, sizeof scene.speaker, "one");
    scene_ready("3.12 of it");
    ck_assert(!scene_file("one/test_one.py").current);
    ck_assert(scene_file("two/test_two.py").current);
}
END_TEST

START_TEST(before_its_workers_told_nothing_of_a_package_is_current)
{
    scene.places = 3;
    begin(two);
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    scene_play("two/test_two.py", "one/a.py", OUTCOME_SUCCESS);
    scene_play("three/test_three.py", "one/a.py", OUTCOME_SUCCESS);
    scene_restart();
    scene.places = 3;
    size_t before = scene.started_count;
    engine_begin(scene.engine, scene.now);
    speak("two", "3.11 of it");
    ck_assert(scene_file("two/test_two.py").current);
    ck_assert(!scene_file("one/test_one.py").current);
    speak("one", "3.11 of it");
    ck_assert(scene_file("one/test_one.py").current);
    ck_assert_uint_eq(scene.started_count, before);
}
END_TEST

START_TEST(a_folder_that_becomes_a_package_takes_its_tests_along)
{
    write_files();
    scene_write("one/inner/test_inner.py", "");
    scene.packages = two;
    scene.places = 4;
    engine_begin(scene.engine, scene.now);
    speak("one", "3.11 of it");
    scene_play("one/inner/test_inner.py", "one/a.py", OUTCOME_SUCCESS);
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    ck_assert(scene_file("one/inner/test_inner.py").current);
    scene.packages = nested;
    engine_repackage(scene.engine, scene.now);
    ck_assert(!scene_file("one/inner/test_inner.py").current);
    speak("one/inner", "3.11 of it");
    ck_assert_str_eq(scene.package, "one/inner");
    scene_play("one/inner/test_inner.py", "one/a.py", OUTCOME_SUCCESS);
    ck_assert(rests_on("one/inner/test_inner.py", "python@one/inner"));
}
END_TEST

START_TEST(who_is_near_to_the_change_runs_first)
{
    scene.places = 3;
    begin(two);
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    int64_t run = scene_run_of("two/test_two.py"); /* it uses "one" through "two" */
    scene_look(run, EVIDENCE_CODE, "one/a.py");
    scene_result(run, "test_it", OUTCOME_FAILURE);
    scene_end(run);
    run = scene_run_of("three/test_three.py");
    scene_look(run, EVIDENCE_CODE, "one/a.py");
    scene_look(run, EVIDENCE_CONTENT, "two/test_two.py");
    scene_result(run, "test_it", OUTCOME_ERROR);
    scene_end(run);
    scene.places = 0;
    scene_save("one/a.py", "x = 1\n");
    scene_settle();
    scene_ask(METHOD_STATUS, json_object());
    const json_t *queue = json_object_get(scene.reply, "queue");
    ck_assert_uint_eq(json_array_size(queue), 3);
    ck_assert_str_eq(json_string_value(json_array_get(queue, 0)), "one/test_one.py");
    ck_assert_str_eq(json_string_value(json_array_get(queue, 1)), "two/test_two.py");
    ck_assert_str_eq(json_string_value(json_array_get(queue, 2)), "three/test_three.py");
}
END_TEST

START_TEST(after_a_failure_nothing_starts_until_something_changes)
{
    engine_fail_fast(scene.engine, true);
    scene.places = 1;
    begin(two);
    size_t first = scene.started_count;
    ck_assert_uint_eq(first, 1);
    scene_play(scene.started[0].file, "one/a.py", OUTCOME_FAILURE);
    ck_assert_uint_eq(scene.started_count, first);
    ck_assert_str_eq(scene_state(), "halted");
    scene_ask(METHOD_WAIT, json_object());
    engine_synced(scene.engine, scene.cookie, scene.now);
    ck_assert(!scene.refused); /* it is answered all the same */
    ck_assert_ptr_nonnull(json_object_get(scene.reply, "waited_ms"));
    scene_ask(METHOD_RESUME, json_object());
    ck_assert_uint_eq(scene.started_count, first + 1);
}
END_TEST

START_TEST(what_was_run_by_hand_in_the_root_is_no_verdict_of_a_package)
{
    begin(two);
    scene_ask(METHOD_PAUSE, json_object());
    scene_ask(METHOD_RECORD_BEGIN, json_object());
    json_t *run = json_incref(json_object_get(scene.reply, "run"));
    scene_ask(METHOD_RECORD_END,
              json_pack("{s:o, s:[{s:s, s:f, s:[]}, {s:s, s:f, s:[]}], s:[], s:[]}",
                        "run", run, "files", "file", "one/test_one.py", "duration_ms",
                        1.0, "results", "file", "three/test_three.py", "duration_ms", 1.0,
                        "results", "looks", "wrote"));
    ck_assert_int_eq(json_integer_value(json_object_get(scene.reply, "taken")), 1);
}
END_TEST

static const char *debugged(size_t i)
{
    return json_string_value(json_array_get(json_object_get(scene.reply, "argv"), i));
}

START_TEST(a_file_is_debugged_as_its_package_runs)
{
    begin(two);
    scene_ask(METHOD_DEBUG, json_pack("{s:s}", "file", "one/sub/test_new.py"));
    ck_assert_str_eq(debugged(0), "one");
    ck_assert_str_eq(debugged(1), "one/sub/test_new.py");
    scene_ask(METHOD_DEBUG, json_pack("{s:s}", "file", "test_root.py"));
    ck_assert_str_eq(debugged(0), "");
    static const char *const wrong[] = {"/etc/passwd", "../test_a.py", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        scene_ask(METHOD_DEBUG, json_pack("{s:s}", "file", wrong[i]));
        ck_assert(scene.refused);
    }
    scene_ask(METHOD_DEBUG, json_object());
    ck_assert(scene.refused);
}
END_TEST

START_TEST(what_is_wrong_with_one_package_hinders_no_other)
{
    scene.places = 3;
    write_files();
    scene.packages = two;
    engine_begin(scene.engine, scene.now);
    engine_unfit(scene.engine, "two", "no nose here", scene.now);
    speak("", "3.11 root");
    speak("one", "3.11 of it");
    scene_play("one/test_one.py", "one/a.py", OUTCOME_SUCCESS);
    scene_play("three/test_three.py", "one/a.py", OUTCOME_SUCCESS);
    ck_assert(scene_file("one/test_one.py").current);
    ck_assert_str_eq(scene_state(), "error");
    const char *message = json_string_value(json_object_get(scene.reply, "message"));
    ck_assert_str_eq(message, "two: no nose here");
    scene_ask(METHOD_WAIT, json_pack("{s:s}", "package", "one"));
    engine_synced(scene.engine, scene.cookie, scene.now);
    ck_assert(!scene.refused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_packages");
    TCase *tests = tcase_create("packages");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, each_file_runs_in_its_own_package);
    tcase_add_test(tests, another_interpreter_of_one_package_concerns_no_other);
    tcase_add_test(tests, before_its_workers_told_nothing_of_a_package_is_current);
    tcase_add_test(tests, a_folder_that_becomes_a_package_takes_its_tests_along);
    tcase_add_test(tests, who_is_near_to_the_change_runs_first);
    tcase_add_test(tests, after_a_failure_nothing_starts_until_something_changes);
    tcase_add_test(tests, what_was_run_by_hand_in_the_root_is_no_verdict_of_a_package);
    tcase_add_test(tests, a_file_is_debugged_as_its_package_runs);
    tcase_add_test(tests, what_is_wrong_with_one_package_hinders_no_other);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
