/* Hosts of several packages in one pool. */

#include "tests/support/pool_scene.h"

#include <signal.h>

static void add_package(struct fixture *f, const char *package, const char *mode)
{
    const char *const argv[] = {program, "host", mode, NULL};
    pool_configure(f->pool, &(struct pool_settings){.package = package,
                                                    .argv = argv,
                                                    .directory = "/",
                                                    .timeout_ms = TIMEOUT_MS});
}

static int start(struct fixture *f, const char *package, int number, const char *file)
{
    return pool_start(f->pool, package, number, (const char *const[]){file, NULL}, NULL,
                      f->now);
}

START_TEST(each_package_has_hosts_of_its_own)
{
    struct fixture f;
    setup(&f, "normal", 2);
    add_package(&f, "one", "normal");
    add_package(&f, "two", "normal");
    ck_assert_int_eq(start(&f, "one", 1, "passes"), 0);
    wait_for(&f, "finished 1 exited done", 1);
    pid_t one = f.host;
    expect(&f, "ready fake of one\n");
    ck_assert_int_eq(start(&f, "two", 2, "passes"), 0);
    wait_for(&f, "finished 2 exited done", 1);
    expect(&f, "ready fake of two\n");
    ck_assert_int_ne(f.host, one);
    ck_assert_int_eq(start(&f, "one", 3, "passes"), 0);
    wait_for(&f, "finished 3 exited done", 1);
    ck_assert_int_eq(count_text(&f, "ready"), 2); /* it was there still */
    teardown(&f);
}
END_TEST

START_TEST(no_more_runs_are_on_than_there_are_jobs)
{
    struct fixture f;
    setup(&f, "normal", 2);
    add_package(&f, "one", "normal");
    add_package(&f, "two", "normal");
    ck_assert_int_eq(start(&f, "one", 1, "hangs"), 0);
    ck_assert_int_eq(start(&f, "two", 2, "hangs"), 0);
    ck_assert_int_eq(pool_places(f.pool), 0);
    ck_assert_int_eq(start(&f, "", 3, "passes"), -EAGAIN);
    pool_cancel(f.pool, 1, f.now);
    wait_for(&f, "finished 1 cancelled", 1);
    ck_assert_int_eq(start(&f, "", 3, "passes"), 0);
    wait_for(&f, "finished 3 exited done", 1);
    teardown(&f);
}
END_TEST

START_TEST(who_idled_longest_makes_room)
{
    struct fixture f;
    setup(&f, "normal", 1);
    char name[8];
    for (int i = 0; i < POOL_IDLE + 3; i++) {
        snprintf(name, sizeof name, "p%d", i);
        add_package(&f, name, "normal");
        ck_assert_int_eq(start(&f, name, 1 + i, "passes"), 0);
        snprintf(name, sizeof name, "ed %d ", 1 + i);
        wait_for(&f, name, 1);
    }
    wait_until_quiet(&f);
    ck_assert_int_eq(count_marked(), POOL_IDLE + 1);
    expect_not(&f, "unfit");
    int hosts = count_text(&f, "ready");
    ck_assert_int_eq(start(&f, "p2", 20, "passes"), 0); /* that one stayed */
    wait_for(&f, "finished 20 exited done", 1);
    ck_assert_int_eq(count_text(&f, "ready"), hosts);
    ck_assert_int_eq(start(&f, "p0", 21, "passes"), 0); /* and this one comes back */
    wait_for(&f, "finished 21 exited done", 1);
    ck_assert_int_eq(count_text(&f, "ready"), hosts + 1);
    teardown(&f);
}
END_TEST

START_TEST(all_packages_are_told_ready_though_there_are_many)
{
    struct fixture f;
    setup(&f, "normal", 1);
    char name[8];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "p%d", i);
        add_package(&f, name, "normal");
        pool_warm(f.pool, name);
    }
    wait_for(&f, "ready", 12);
    wait_until_quiet(&f);
    ck_assert_int_le(count_marked(), POOL_IDLE + 1);
    teardown(&f);
}
END_TEST

START_TEST(what_is_wrong_with_one_package_hinders_no_other)
{
    struct fixture f;
    setup(&f, "normal", 2);
    add_package(&f, "bad", "unfit");
    add_package(&f, "good", "normal");
    pool_warm(f.pool, "bad");
    wait_for(&f, " of bad\n", 2);
    ck_assert_int_eq(start(&f, "bad", 1, "passes"), -EAGAIN);
    ck_assert_int_eq(start(&f, "good", 2, "passes"), 0);
    wait_for(&f, "finished 2 exited done", 1);
    ck_assert_int_gt(pool_places(f.pool), 0);
    teardown(&f);
}
END_TEST

START_TEST(questions_are_for_hosts_of_their_package)
{
    static const char *const paths[] = {"one/a.py"};
    struct fixture f;
    setup(&f, "normal", 2);
    add_package(&f, "one", "normal");
    pool_warm(f.pool, "");
    wait_for(&f, "ready fake\n", 1);
    ck_assert_int_eq(pool_classify(f.pool, "one", 1, paths, 1), -EAGAIN);
    wait_for(&f, "ready fake of one\n", 1); /* for who was asked in vain */
    ck_assert_int_eq(pool_classify(f.pool, "one", 1, paths, 1), 0);
    wait_for(&f, "classified 1 1 one/a.py\n", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_package_that_goes_takes_its_hosts_along)
{
    struct fixture f;
    setup(&f, "normal", 2);
    add_package(&f, "one", "normal");
    pool_warm(f.pool, "");
    ck_assert_int_eq(start(&f, "one", 1, "passes"), 0);
    wait_for(&f, "finished 1 exited done", 1);
    wait_for(&f, "ready fake\n", 1);
    pool_dissolve(f.pool, "one");
    wait_until_quiet(&f);
    ck_assert_int_eq(count_marked(), 1);
    ck_assert_int_eq(start(&f, "one", 2, "passes"), -EAGAIN);
    add_package(&f, "one", "normal"); /* and back */
    ck_assert_int_eq(start(&f, "one", 3, "passes"), 0);
    wait_for(&f, "finished 3 exited done", 1);
    expect_not(&f, "unfit");
    teardown(&f);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, each_package_has_hosts_of_its_own);
    tcase_add_test(tests, no_more_runs_are_on_than_there_are_jobs);
    tcase_add_test(tests, who_idled_longest_makes_room);
    tcase_add_test(tests, all_packages_are_told_ready_though_there_are_many);
    tcase_add_test(tests, what_is_wrong_with_one_package_hinders_no_other);
    tcase_add_test(tests, questions_are_for_hosts_of_their_package);
    tcase_add_test(tests, a_package_that_goes_takes_its_hosts_along);
}

int main(int argc, char **argv)
{
    return pool_scene_run(argc, argv, "worker_teams", add_tests);
}
