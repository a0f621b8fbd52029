#include "daemon/worker/tail.h"
#include "tests/support/pool_scene.h"

#include <signal.h>

/* ---- runs ---- */

START_TEST(a_run_is_told_in_order_and_ends_once)
{
    struct fixture f;
    setup(&f, "normal", 1);
    ck_assert_int_eq(pool_places(f.pool), 1);
    run(&f, 1, "passes");
    ck_assert_int_eq(pool_places(f.pool), 0);
    ck_assert_int_eq(
        pool_start(f.pool, "", 2, (const char *const[]){"passes", NULL}, NULL, f.now),
        -EAGAIN);
    wait_for(&f, "room", 1);
    /* host and child write to one pipe: "started" has no place of its own */
    expect(&f, "started 1\n");
    expect(&f, "ready fake\n");
    expect(&f, "test 1 T.a\n");
    ck_assert_ptr_nonnull(strstr(strstr(f.log, "test 1"), "result 1 T.a success\n"));
    ck_assert_ptr_nonnull(
        strstr(strstr(f.log, "result 1"),
               "finished 1 exited done status 0 signal 0 test -\nroom\n"));
    ck_assert_int_eq(f.looks, 1);
    ck_assert_str_eq(f.tail, "hello\n");
    ck_assert_int_eq(pool_deadline(f.pool), INT64_MAX);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2", 1);
    ck_assert_int_eq(count_text(&f, "ready"), 1);
    ck_assert_int_eq(count_text(&f, "finished"), 2);
    teardown(&f);
}
END_TEST

START_TEST(all_looks_come_before_the_end)
{
    struct fixture f;
    setup(&f, "normal", 1);
    for (int i = 1; i <= 5; i++) {
        run(&f, i, "looks");
        wait_for(&f, "finished", i);
        ck_assert_int_eq(f.looks, 1000 * i);
    }
    teardown(&f);
}
END_TEST

START_TEST(a_tail_keeps_the_end_whatever_the_pieces)
{
    static char bytes[3 * POOL_OUTPUT_KEPT];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i % 23);
    for (size_t piece = 1000; piece < sizeof bytes; piece = piece * 3 + 7) {
        struct tail tail = {0};
        for (size_t at = 0; at < sizeof bytes; at += piece)
            tail_add(&tail, bytes + at,
                     sizeof bytes - at < piece ? sizeof bytes - at : piece);
        size_t length = 0;
        const char *kept = tail_kept(&tail, &length);
        ck_assert_uint_eq(length, POOL_OUTPUT_KEPT);
        ck_assert_int_eq(tail.total, sizeof bytes);
        ck_assert_mem_eq(kept, bytes + sizeof bytes - length, length);
        ck_assert_int_eq(kept[length], '\0');
        tail_finish(&tail);
    }
}
END_TEST

START_TEST(much_output_is_passed_on_and_its_end_kept)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "prints");
    wait_for(&f, "finished 1 exited done", 1);
    ck_assert_int_eq(f.output[1], (50 << 20) + 7);
    ck_assert_uint_eq(f.tail_length, POOL_OUTPUT_KEPT);
    ck_assert_str_eq(f.tail, "xxxthe end");
    teardown(&f);
}
END_TEST

START_TEST(a_child_that_leaves_early_is_not_done)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "exits_3");
    wait_for(&f, "finished 1 exited status 3 signal 0 test T.a\n", 1);
    run(&f, 2, "closes");
    wait_for(&f, "finished 2 exited status 0 signal 0 test -\n", 1);
    run(&f, 3, "passes");
    wait_for(&f, "finished 3 exited done status 0", 1);
    teardown(&f);
}
END_TEST

START_TEST(half_a_line_does_not_hide_the_end_of_the_run)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "tears_line");
    wait_for(&f, "finished 1 exited lost status -1 signal 9 test T.a\n", 1);
    expect_not(&f, "result");
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done status 0", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_look_that_cannot_be_read_is_admitted)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "garbles_look");
    wait_for(&f, "finished 1 exited done lost", 1);
    run(&f, 2, "tears_look");
    wait_for(&f, "finished 2 exited done lost", 1);
    run(&f, 3, "passes"); /* and it is no matter of the next run */
    wait_for(&f, "finished 3 exited done status", 1);
    ck_assert_int_eq(f.looks, 3);
    teardown(&f);
}
END_TEST

START_TEST(reports_of_another_run_are_dropped)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 5, "strays");
    wait_for(&f, "finished 5 exited status 0", 1);
    expect_not(&f, "result");
    ck_assert_int_eq(f.looks, 0);
    teardown(&f);
}
END_TEST

START_TEST(a_daemon_that_a_run_leaves_is_gone_when_it_ends)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "leaves_daemon");
    wait_for(&f, "finished 1 exited done", 1);
    ck_assert_int_eq(f.at_end, 1); /* the host */
    teardown(&f);
}
END_TEST

/* ---- runs that do not end ---- */

START_TEST(a_run_over_its_time_is_asked_to_end)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "hangs");
    wait_for(&f, "test 1", 1);
    ck_assert_int_eq(pool_deadline(f.pool), f.now + TIMEOUT_MS);
    pass_time(&f, TIMEOUT_MS - 1);
    ck_assert_int_eq(pool_deadline(f.pool), f.now + 1);
    pass_time(&f, 1);
    wait_for(&f, "finished 1 timeout status -1 signal 15 test T.a\n", 1);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done", 1);
    ck_assert_int_eq(count_text(&f, "ready"), 1);
    teardown(&f);
}
END_TEST

START_TEST(each_file_of_a_process_has_the_time_of_one)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "two_files");
    wait_for(&f, "started 1", 1);
    wait_for(&f, "test 1 T.a", 1);
    pass_time(&f, TIMEOUT_MS - 1);
    ck_assert_int_eq(kill(f.child, SIGUSR1), 0);
    wait_for(&f, "test 1 T.b", 2);
    ck_assert_int_eq(pool_deadline(f.pool), f.now + TIMEOUT_MS);
    pass_time(&f, TIMEOUT_MS - 1);
    expect_not(&f, "finished");
    pass_time(&f, 1);
    wait_for(&f, "finished 1 timeout status -1 signal 15 test T.b\n", 1);
    teardown(&f);
}
END_TEST

/* With a host that kills what is left, and with one that leaves that to us. */
START_TEST(who_does_not_hear_is_killed_with_all_below)
{
    struct fixture f;
    setup(&f, _i == 0 ? "normal" : "lazy", 1);
    run(&f, 1, "hangs_deaf");
    wait_for(&f, "test 1", 1);
    ck_assert_int_eq(count_marked(), 3);
    pass_time(&f, TIMEOUT_MS);
    ck_assert_int_eq(count_marked(), 3);
    pass_time(&f, 1000);
    wait_for(&f, "finished 1 timeout status -1 signal 9 test T.a\n", 1);
    ck_assert_int_eq(f.at_end, 1);
    ck_assert_int_eq(count_text(&f, "ready"), 1);
    teardown(&f);
}
END_TEST

START_TEST(done_is_not_ended)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "hangs_done");
    wait_for(&f, "test 1 T.a\n", 2); /* the second one after it was done */
    pass_time(&f, TIMEOUT_MS);
    wait_for(&f, "finished 1 timeout done status -1 signal 15 test T.a\n", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_host_that_does_not_tell_the_end_is_replaced)
{
    struct fixture f;
    setup(&f, "stuck", 1);
    run(&f, 1, "hangs_deaf");
    wait_for(&f, "test 1", 1);
    pass_time(&f, TIMEOUT_MS);
    pass_time(&f, 1000);
    expect_not(&f, "finished");
    pass_time(&f, 1999);
    expect_not(&f, "finished");
    pass_time(&f, 1);
    wait_for(&f, "finished 1 timeout status -1 signal 0 test T.a\n", 1);
    ck_assert_int_eq(f.at_end, 0);
    wait_for(&f, "ready", 2);
    expect_not(&f, "unfit");
    teardown(&f);
}
END_TEST

START_TEST(a_run_can_be_cancelled)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "hangs_deaf");
    wait_for(&f, "test 1", 1);
    pool_cancel(f.pool, 99, f.now); /* nobody's */
    pool_cancel(f.pool, 1, f.now);
    pool_cancel(f.pool, 1, f.now + 500); /* once is enough */
    expect_not(&f, "finished");
    ck_assert_int_eq(pool_deadline(f.pool), f.now + 1000);
    pass_time(&f, 1000);
    wait_for(&f, "finished 1 cancelled status -1 signal 9", 1);
    ck_assert_int_eq(f.at_end, 1);
    teardown(&f);
}
END_TEST

START_TEST(a_child_that_is_not_known_yet_is_asked_to_end_when_it_is)
{
    struct fixture f;
    setup(&f, "tardy", 1);
    run(&f, 1, "hangs");
    wait_for(&f, "test 1", 1);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)f.host, &info, WSTOPPED), 0);
    pool_cancel(f.pool, 1, f.now);
    kill(f.host, SIGCONT);
    wait_for(&f, "finished 1 cancelled status -1 signal 15 test T.a\n", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_run_that_has_not_begun_can_be_cancelled)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "passes");
    pool_cancel(f.pool, 1, f.now);
    expect_not(&f, "finished"); /* never from inside a call */
    wait_for(&f, "finished 1 cancelled status -1 signal 0 test -\nroom\n", 1);
    wait_for(&f, "ready", 1);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done", 1);
    expect_not(&f, "started 1");
    teardown(&f);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_run_is_told_in_order_and_ends_once);
    tcase_add_test(tests, all_looks_come_before_the_end);
    tcase_add_test(tests, a_tail_keeps_the_end_whatever_the_pieces);
    tcase_add_test(tests, much_output_is_passed_on_and_its_end_kept);
    tcase_add_test(tests, a_child_that_leaves_early_is_not_done);
    tcase_add_test(tests, half_a_line_does_not_hide_the_end_of_the_run);
    tcase_add_test(tests, a_look_that_cannot_be_read_is_admitted);
    tcase_add_test(tests, reports_of_another_run_are_dropped);
    tcase_add_test(tests, a_daemon_that_a_run_leaves_is_gone_when_it_ends);
    tcase_add_test(tests, a_run_over_its_time_is_asked_to_end);
    tcase_add_test(tests, each_file_of_a_process_has_the_time_of_one);
    tcase_add_loop_test(tests, who_does_not_hear_is_killed_with_all_below, 0, 2);
    tcase_add_test(tests, done_is_not_ended);
    tcase_add_test(tests, a_host_that_does_not_tell_the_end_is_replaced);
    tcase_add_test(tests, a_run_can_be_cancelled);
    tcase_add_test(tests, a_child_that_is_not_known_yet_is_asked_to_end_when_it_is);
    tcase_add_test(tests, a_run_that_has_not_begun_can_be_cancelled);
}

int main(int argc, char **argv)
{
    return pool_scene_run(argc, argv, "worker_pool", add_tests);
}
