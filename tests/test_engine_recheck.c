/* What no event tells is found by comparing, now and then; what git does is one change. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

enum { HOUR = 3600000 };

static void set_up(void)
{
    scene_open();
    scene_write("test_a.py", "");
    scene_write("a.py", "a = 1\n");
    scene_begin("python");
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
}

static void tear_down(void)
{
    scene_close();
}

/* The next deadline that lies as far ahead as the hourly one. */
static void pass_an_hour(void)
{
    while (engine_deadline(scene.engine) < scene.now + HOUR / 2)
        scene_settle();
    ck_assert_int_lt(engine_deadline(scene.engine), scene.now + HOUR + 1);
    scene_settle();
}

START_TEST(after_an_hour_of_rest_all_evidence_is_compared)
{
    pass_an_hour();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    ck_assert_int_eq(scene.loaded, 1);
    scene_write("a.py", "a = 2\n"); /* and nobody tells */
    pass_an_hour();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    ck_assert_int_eq(scene.loaded, 2);
}
END_TEST

START_TEST(while_runs_are_on_the_comparison_waits)
{
    scene_write("b.py", "");
    scene_save("a.py", "a = 2\n");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    int64_t over = scene.now + 2 * HOUR;
    while (scene.now < over)
        scene_settle();
    ck_assert_int_eq(scene.loaded, 0);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    while (scene.loaded == 0)
        scene_settle();
    ck_assert_int_lt(scene.now, over + HOUR / 2);
}
END_TEST

START_TEST(after_a_sleep_of_the_machine_all_is_compared)
{
    engine_asleep(scene.engine, 500000, scene.now); /* before the daemon was there */
    scene_write("a.py", "a = 2\n");
    engine_asleep(scene.engine, 529000, scene.now); /* a nap */
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    engine_asleep(scene.engine, 560000, scene.now);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

static const char *const folders[] = {".git/rebase-merge", ".git/rebase-apply",
                                      ".git/sequencer"};

static void git(const char *folder, bool there)
{
    autofree char *path = scene_path(folder);
    ck_assert_int_eq(there ? mkdir(path, 0700) : rmdir(path), 0);
    engine_changed(scene.engine, folder, true, scene.now);
}

static void lock(bool there)
{
    if (there)
        scene_save(".git/index.lock", "");
    else
        scene_remove(".git/index.lock");
}

START_TEST(a_row_of_commits_is_one_change)
{
    scene_write(".git/HEAD", "");
    git(folders[_i], true);
    for (int commit = 2; commit < 5; commit++) {
        lock(true);
        autofree char *text = xasprintf("a = %d\n", commit);
        scene_save("a.py", text);
        lock(false);
        scene.now += 300;
        ck_assert_int_gt(engine_deadline(scene.engine), scene.now);
        engine_tick(scene.engine, scene.now);
    }
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    git(folders[_i], false);
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(a_rebase_that_stops_holds_up_one_burst_alone)
{
    scene_write(".git/HEAD", "");
    git(folders[0], true);
    scene_save("a.py", "a = 2\n");
    int64_t since = scene.now;
    scene_settle();
    ck_assert_int_eq(scene.now, since + 5000);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    lock(true); /* git status */
    lock(false);
    scene_save("a.py", "a = 3\n");
    since = scene.now;
    scene_settle();
    ck_assert_int_lt(scene.now, since + 100);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    lock(true); /* the next step of it */
    scene_save("a.py", "a = 4\n");
    scene.now += 300;
    engine_tick(scene.engine, scene.now);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    lock(false);
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 4);
}
END_TEST

START_TEST(a_checkout_in_a_linked_work_tree_or_a_submodule_is_one_change)
{
    autofree char *main_folder = scene_path("main");
    ck_assert_int_eq(mkdir(main_folder, 0700), 0);
    scene.repository = main_folder;
    scene_save(".git", "gitdir: main\n"); /* from then on it is known */
    scene_settle();
    scene_save("main/index.lock", "");
    scene_save("a.py", "a = 2\n");
    scene.now += 300;
    ck_assert_int_gt(engine_deadline(scene.engine), scene.now);
    engine_tick(scene.engine, scene.now);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    scene_remove("main/index.lock");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("recheck");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, after_an_hour_of_rest_all_evidence_is_compared);
    tcase_add_test(tests, while_runs_are_on_the_comparison_waits);
    tcase_add_test(tests, after_a_sleep_of_the_machine_all_is_compared);
    tcase_add_loop_test(tests, a_row_of_commits_is_one_change, 0,
                        (int)(sizeof folders / sizeof *folders));
    tcase_add_test(tests, a_checkout_in_a_linked_work_tree_or_a_submodule_is_one_change);
    tcase_add_test(tests, a_rebase_that_stops_holds_up_one_burst_alone);
    Suite *suite = suite_create("engine_recheck");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
