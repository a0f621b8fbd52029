/* Test files that share a process: who runs with whom, what their verdicts rest on, and bad ends. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

/* Of FILE, in the process RUN. */
static void tell(int64_t run, enum report_type type, const char *file, const char *test)
{
    autofree char *path = xstrdup(file);
    engine_report(scene.engine,
                  &(struct report){.type = type,
                                   .run = run,
                                   .path = path,
                                   .test = test,
                                   .outcome = OUTCOME_SUCCESS,
                                   .duration_ms = 2},
                  scene.now);
}

static void play_file(int64_t run, const char *file)
{
    tell(run, REPORT_TEST, file, "test_it");
    tell(run, REPORT_RESULT, file, "test_it");
    tell(run, REPORT_THROUGH, file, NULL);
}

/* The process that began with FILE. */
static int64_t process_of(const char *file)
{
    return scene_run_of(file);
}

static void begin(const char *isolation)
{
    scene_write("a.py", "a = 1\n");
    scene_write("t/test_a.py", "");
    scene_write("t/test_b.py", "");
    scene_write("t/test_c.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready_isolated(isolation);
    scene_answer();
}

/* The whole process; only the first file uses a.py. */
static void play_all(void)
{
    int64_t run = process_of("t/test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "a.py");
    play_file(run, "t/test_a.py");
    play_file(run, "t/test_b.py");
    play_file(run, "t/test_c.py");
    scene_end(run);
}

static bool all_current(void)
{
    return scene_file("t/test_a.py").current && scene_file("t/test_b.py").current &&
           scene_file("t/test_c.py").current;
}

static int64_t errors_of(const char *file)
{
    return scene_file(file).counts.errors;
}

static void end_badly(int64_t run, enum engine_end end, int64_t signal)
{
    scene.places++;
    engine_finished(
        scene.engine,
        &(struct engine_finished){.run = run, .end = end, .signal = signal, .status = -1},
        scene.now);
    engine_synced(scene.engine, scene.cookie, scene.now);
}

START_TEST(a_folder_s_files_run_in_one_process_and_have_verdicts_of_their_own)
{
    begin("directory");
    ck_assert_uint_eq(scene.started_count, 1);
    ck_assert_str_eq(scene.together, "<t/test_a.py><t/test_b.py><t/test_c.py>");
    play_all();
    ck_assert(all_current());
    const char *const files[] = {"t/test_a.py", "t/test_b.py", "t/test_c.py"};
    for (size_t i = 0; i < 3; i++) {
        struct index_file file = scene_file(files[i]);
        ck_assert_int_eq(file.runs, 1);
        ck_assert_int_eq(file.counts.successes, 1);
        ck_assert(file.duration_ms > 1.9 && file.duration_ms < 2.1);
    }
    ck_assert_uint_eq(scene.started_count, 1);
}
END_TEST

START_TEST(what_one_of_them_used_all_of_them_rest_on)
{
    begin("directory");
    play_all();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    ck_assert(!scene_file("t/test_b.py").current);
    ck_assert_uint_eq(scene.started_count, 2);
    play_all();
    ck_assert(all_current());
    ck_assert_uint_eq(scene.started_count, 2);
    scene_save("a.py", "a = 1\n");
    scene_settle();
    ck_assert(all_current());
}
END_TEST

START_TEST(who_is_asked_for_runs_with_its_company)
{
    begin("directory");
    play_all();
    scene_ask(METHOD_RUN, json_pack("{s:[s]}", "files", "t/test_b.py"));
    ck_assert_str_eq(scene.together, "<t/test_a.py><t/test_b.py><t/test_c.py>");
    play_all();
    ck_assert_int_eq(scene_file("t/test_c.py").runs, 2);
}
END_TEST

START_TEST(nobody_of_a_company_runs_beside_it)
{
    scene.places = 4;
    begin("directory");
    ck_assert_uint_eq(scene.started_count, 1);
    scene_save("t/test_d.py", "");
    scene_settle();
    scene_answer();
    ck_assert_uint_eq(scene.started_count, 1);
    play_all(); /* in a company that is no longer the one there is */
    ck_assert(!scene_file("t/test_a.py").current);
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert_str_eq(scene.together,
                     "<t/test_a.py><t/test_b.py><t/test_c.py><t/test_d.py>");
}
END_TEST

START_TEST(another_company_is_another_proof)
{
    begin("directory");
    play_all();
    scene_save("t/test_d.py", "");
    scene_settle();
    scene_answer();
    ck_assert(!scene_file("t/test_a.py").current);
    int64_t run = process_of("t/test_a.py");
    play_file(run, "t/test_d.py");
    play_all();
    ck_assert(all_current());
    size_t started = scene.started_count;
    scene_remove("t/test_d.py");
    scene_settle();
    ck_assert(all_current()); /* as it was proved before */
    ck_assert_uint_eq(scene.started_count, started);
}
END_TEST

START_TEST(an_edit_during_the_run_makes_all_of_them_run_again)
{
    begin("directory");
    int64_t run = process_of("t/test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "a.py");
    scene_save("a.py", "a = 3\n");
    play_all();
    ck_assert(!scene_file("t/test_c.py").current);
    scene_settle();
    ck_assert_uint_eq(scene.started_count, 2);
    play_all();
    ck_assert(all_current());
}
END_TEST

START_TEST(packages_reach_down)
{
    scene.places = 4;
    scene_write("p/__init__.py", "");
    scene_write("p/test_a.py", "");
    scene_write("p/q/__init__.py", "");
    scene_write("p/q/test_b.py", "");
    scene_write("p/r/test_c.py", ""); /* no package */
    scene_write("test_d.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready_isolated("package");
    scene_answer();
    ck_assert_uint_eq(scene.started_count, 3);
    ck_assert_uint_eq(scene_started_times("p/q/test_b.py"), 1); /* the first of two */
    ck_assert_uint_eq(scene_started_times("p/test_a.py"), 0);
    ck_assert_uint_eq(scene_started_times("p/r/test_c.py"), 1);
    ck_assert_uint_eq(scene_started_times("test_d.py"), 1);
}
END_TEST

START_TEST(who_was_through_is_not_touched_by_a_crash)
{
    begin("directory");
    int64_t run = process_of("t/test_a.py");
    play_file(run, "t/test_a.py");
    tell(run, REPORT_TEST, "t/test_b.py", "test_it");
    end_badly(run, ENGINE_EXITED, 11);
    ck_assert(all_current());
    ck_assert_int_eq(errors_of("t/test_a.py"), 0);
    ck_assert_int_eq(errors_of("t/test_b.py"), 1);
    ck_assert_int_eq(errors_of("t/test_c.py"), 1);
    ck_assert_uint_eq(scene.started_count, 1);
}
END_TEST

START_TEST(a_crash_when_all_were_through_is_everybody_s)
{
    begin("directory");
    int64_t run = process_of("t/test_a.py");
    play_file(run, "t/test_a.py");
    play_file(run, "t/test_b.py");
    play_file(run, "t/test_c.py");
    end_badly(run, ENGINE_EXITED, 11);
    ck_assert(all_current());
    ck_assert_int_eq(errors_of("t/test_a.py"), 1);
    ck_assert_int_eq(errors_of("t/test_c.py"), 1);
}
END_TEST

START_TEST(a_host_that_died_twice_is_everybody_s)
{
    begin("directory");
    play_file(process_of("t/test_a.py"), "t/test_a.py");
    end_badly(process_of("t/test_a.py"), ENGINE_HOST_DIED, 0);
    ck_assert_uint_eq(scene.started_count, 2);
    play_file(process_of("t/test_a.py"), "t/test_a.py");
    end_badly(process_of("t/test_a.py"), ENGINE_HOST_DIED, 0);
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert(all_current());
    ck_assert_int_eq(errors_of("t/test_a.py"), 1);
    ck_assert_int_eq(errors_of("t/test_b.py"), 1);
}
END_TEST

START_TEST(a_file_that_leaves_ends_the_process)
{
    begin("directory");
    int64_t run = process_of("t/test_a.py");
    play_file(run, "t/test_a.py");
    scene_remove("t/test_b.py");
    scene_settle();
    ck_assert_int_eq(scene.cancelled, run);
    end_badly(run, ENGINE_CANCELLED, 15);
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert_str_eq(scene.together, "<t/test_a.py><t/test_c.py>");
}
END_TEST

START_TEST(settings_that_part_them_are_another_proof)
{
    begin("directory");
    play_all();
    scene_ready_isolated("file");
    ck_assert(!scene_file("t/test_a.py").current);
    ck_assert_str_eq(scene.together, "<t/test_a.py>");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_company");
    TCase *tests = tcase_create("company");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests,
                   a_folder_s_files_run_in_one_process_and_have_verdicts_of_their_own);
    tcase_add_test(tests, what_one_of_them_used_all_of_them_rest_on);
    tcase_add_test(tests, who_is_asked_for_runs_with_its_company);
    tcase_add_test(tests, nobody_of_a_company_runs_beside_it);
    tcase_add_test(tests, another_company_is_another_proof);
    tcase_add_test(tests, an_edit_during_the_run_makes_all_of_them_run_again);
    tcase_add_test(tests, packages_reach_down);
    tcase_add_test(tests, who_was_through_is_not_touched_by_a_crash);
    tcase_add_test(tests, a_crash_when_all_were_through_is_everybody_s);
    tcase_add_test(tests, a_host_that_died_twice_is_everybody_s);
    tcase_add_test(tests, a_file_that_leaves_ends_the_process);
    tcase_add_test(tests, settings_that_part_them_are_another_proof);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
