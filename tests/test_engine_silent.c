/* Where a part of the tree is not watched: nothing here is told but by chance. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static void set_up(void)
{
    scene_open();
    scene_write("test_a.py", "");
    scene_write("data/one.txt", "");
    scene_write("pyproject.toml", "");
    engine_begin(scene.engine, scene.now);
    engine_degraded(scene.engine, "a part is not watched");
    scene_ready("python");
    scene_answer();
}

static void tear_down(void)
{
    scene_close();
}

static const struct {
    enum evidence_kind kind;
    const char *path, *write;
} looks[] = {
    {EVIDENCE_LISTING, "data", "data/two.txt"},
    {EVIDENCE_SEARCH, "data/two", "data/two.py"},
    {EVIDENCE_PRESENCE, "two.txt", "two.txt"},
    {EVIDENCE_CONTENT, "two.txt", "two.txt"},
    {EVIDENCE_EXISTENCE, "data/two", "data/two"},
};

START_TEST(what_changes_during_a_run_untold_leaves_it_unsure)
{
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, looks[_i].kind, looks[_i].path);
    scene_write(looks[_i].write, "1");
    struct stat status;
    autofree char *path = scene_path(looks[_i].write);
    ck_assert_int_eq(stat(path, &status), 0);
    int64_t stamp = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
    while (tree_clock_ns() <= stamp) /* the next run begins at another time */
        ;
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(!scene_file("test_a.py").current);
    run = scene_run_of("test_a.py");
    scene_look(run, looks[_i].kind, looks[_i].path);
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(settings_that_change_untold_are_loaded)
{
    scene_play("test_a.py", "test_a.py", OUTCOME_SUCCESS);
    scene_settle(); /* compares */
    ck_assert_int_eq(scene.loaded, 0);
    scene_settle();
    ck_assert_int_eq(scene.loaded, 0);
    scene_write("pyproject.toml", "[tool.sniffer]\n");
    scene_settle();
    scene_settle(); /* what it found */
    ck_assert_int_eq(scene.loaded, 1);
    scene_answer(); /* they may say what a test file is */
    int64_t question = scene.question;
    scene_write("conftest.py", "");
    scene_settle(); /* a new source */
    ck_assert_int_eq(scene.question, question + 1);
    scene_answer();
    scene_settle(); /* that says what a test file is, too */
    ck_assert_int_eq(scene.question, question + 2);
    scene_answer();
    scene_settle();
    ck_assert_int_eq(scene.question, question + 2);
    ck_assert_int_eq(scene.loaded, 1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("silent");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, what_changes_during_a_run_untold_leaves_it_unsure, 0,
                        (int)(sizeof looks / sizeof *looks));
    tcase_add_test(tests, settings_that_change_untold_are_loaded);
    Suite *suite = suite_create("engine_silent");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
