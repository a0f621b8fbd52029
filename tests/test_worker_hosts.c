#include "tests/support/pool_scene.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* ---- hosts that die ---- */

START_TEST(a_host_killed_during_a_run_leaves_nothing)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "kills_host");
    wait_for(&f, "finished 1 host_died status -1 signal 0 test T.a\n", 1);
    ck_assert_int_eq(f.at_end, 0);
    ck_assert_int_eq(f.looks, 1);
    ck_assert_str_eq(f.tail, "last words");
    expect_not(&f, "unfit");
    wait_for(&f, "ready", 2);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_run_for_which_there_is_no_process_was_never_begun)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "finds_no_process");
    wait_for(&f, "finished 1 unstarted", 1);
    ck_assert_int_eq(count_text(&f, "unfit"), 1);
    ck_assert_int_eq(count_text(&f, "cannot start a process\n"), 1);
    wait_for(&f, "ready", 2);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done", 1);
    teardown(&f);
}
END_TEST

START_TEST(all_that_a_dead_host_sent_is_told)
{
    struct fixture f;
    setup(&f, "normal", 1);
    run(&f, 1, "floods_and_kills_host");
    wait_for(&f, "finished 1 host_died lost status -1",
             1); /* its last look was half a one */
    ck_assert_int_eq(count_text(&f, "result 1 T.a"), 1500);
    ck_assert_int_eq(f.looks, 1500);
    teardown(&f);
}
END_TEST

START_TEST(two_hosts_may_die_while_a_third_works)
{
    struct fixture f;
    pid_t bystander = fork(); /* a child of this process that is not the pool's */
    if (bystander == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    setup(&f, "normal", 3);
    run(&f, 1, "hangs");
    run(&f, 2, "kills_host");
    run(&f, 3, "kills_host");
    wait_for(&f, "finished 2 host_died", 1);
    wait_for(&f, "finished 3 host_died", 1);
    wait_for(&f, "test 1", 1);
    ck_assert_int_eq(count_marked(), 2);
    expect_not(&f, "finished 1");
    siginfo_t info = {0};
    ck_assert_int_eq(waitid(P_PID, (id_t)bystander, &info, WEXITED | WNOHANG), 0);
    ck_assert_int_eq(info.si_pid, 0);
    kill(bystander, SIGKILL);
    ck_assert_int_eq(waitpid(bystander, NULL, 0), bystander);
    teardown(&f);
}
END_TEST

START_TEST(a_missing_interpreter_is_told_exactly)
{
    struct fixture f;
    const char *const argv[] = {"/nowhere/python3", "host", NULL};
    setup_with(&f, argv, "/", 1);
    run(&f, 1, "passes");
    wait_for(
        &f,
        "unfit cannot start /nowhere/python3: No such file or directory; set python in "
        "[tool.sniffer] or install it\nfinished 1 unstarted status -1 signal 0",
        1);
    ck_assert_int_eq(pool_places(f.pool), 0);
    ck_assert_int_eq(
        pool_start(f.pool, "", 2, (const char *const[]){"passes", NULL}, NULL, f.now),
        -EAGAIN);
    teardown(&f);
}
END_TEST

START_TEST(a_missing_folder_is_told_exactly)
{
    struct fixture f;
    const char *const argv[] = {program, "host", "normal", NULL};
    setup_with(&f, argv, "/nowhere", 1);
    pool_warm(f.pool, "");
    wait_for(&f, " in /nowhere: No such file or directory\n", 1);
    teardown(&f);
}
END_TEST

START_TEST(no_descriptors_left_is_trouble_and_not_the_end)
{
    struct fixture f;
    setup(&f, "normal", 1);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(
        pool_start(f.pool, "", 1, (const char *const[]){"passes", NULL}, NULL, f.now),
        -EAGAIN);
    expect_not(&f, "unfit"); /* never from inside a call */
    pool_tick(f.pool, f.now);
    expect(&f, ": Too many open files\n");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    pass_time(&f, 500);
    wait_for(&f, "ready", 1);
    run(&f, 2, "passes");
    wait_for(&f, "finished 2 exited done", 1);
    teardown(&f);
}
END_TEST

START_TEST(last_words_explain_a_host_that_never_was)
{
    struct fixture f;
    setup(&f, "crash", 1);
    pool_warm(f.pool, "");
    wait_for(&f,
             "ended with exit status 1 before it was ready:\nTraceback:\n  first\n"
             "ImportError: no module named spam\n",
             1);
    teardown(&f);
}
END_TEST

START_TEST(an_unfit_host_says_itself_what_to_do)
{
    struct fixture f;
    setup(&f, "unfit", 1);
    run(&f, 1, "passes");
    wait_for(&f, "finished 1 unstarted", 1);
    ck_assert_int_eq(count_text(&f, "unfit nose is not installed; install it\n"), 1);
    ck_assert_int_eq(count_text(&f, "unfit"), 1);
    teardown(&f);
}
END_TEST

START_TEST(a_host_of_another_version_is_refused)
{
    struct fixture f;
    setup(&f, "old", 1);
    pool_warm(f.pool, "");
    wait_for(&f, "unfit the worker host speaks protocol 0, this daemon 1", 1);
    expect_not(&f, "ready");
    teardown(&f);
}
END_TEST

START_TEST(a_host_that_hangs_up_is_ended)
{
    struct fixture f;
    setup(&f, "silent", 1);
    run(&f, 1, "passes");
    while (pool_deadline(f.pool) > f.now + 2000 || pool_deadline(f.pool) <= f.now) {
        tick_if_due(&f);
        if (pool_deadline(f.pool) > f.now + 2000)
            ck_assert_int_gt(poll_poller_dispatch(&f.poller, PATIENCE_MS), 0);
    }
    ck_assert_int_eq(pool_places(f.pool), 0);
    pass_time(&f, 2000);
    wait_for(&f, "ended with signal 9 (Killed) before it was ready\n", 1);
    wait_for(&f, "finished 1 unstarted", 1);
    teardown(&f);
}
END_TEST

START_TEST(a_host_that_never_gets_ready_is_ended)
{
    struct fixture f;
    setup(&f, "hangs", 1);
    pool_warm(f.pool, "");
    pass_time(&f, 59999);
    expect_not(&f, "unfit");
    pass_time(&f, 1);
    wait_for(&f, "was not ready after 60 seconds\n", 1);
    teardown(&f);
}
END_TEST

START_TEST(pauses_between_tries_grow)
{
    static const int64_t pauses[] = {500, 1000, 2000, 5000, 5000};
    struct fixture f;
    setup(&f, "crash", 1);
    pool_warm(f.pool, "");
    wait_for(&f, "unfit", 1);
    wait_for(&f, "unfit", 2); /* the first time at once */
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pool_deadline(f.pool), f.now + pauses[i]);
        ck_assert_int_eq(count_marked(), 0);
        pass_time(&f, pauses[i]);
        wait_for(&f, "unfit", i + 3);
    }
    pool_warm(f.pool, "");    /* forgets it all */
    wait_for(&f, "unfit", 9); /* two tries without a pause */
    ck_assert_int_eq(pool_deadline(f.pool), f.now + 500);
    teardown(&f);
}
END_TEST

START_TEST(a_host_that_dies_idle_is_replaced_and_twice_is_trouble)
{
    struct fixture f;
    setup(&f, "normal", 1);
    pool_warm(f.pool, "");
    wait_for(&f, "ready", 1);
    kill(f.host, SIGKILL);
    wait_for(&f, "ready", 2);
    expect_not(&f, "unfit");
    kill(f.host, SIGKILL);
    wait_for(&f, "ended with signal 9 (Killed) while it had nothing to do\n", 1);
    ck_assert_int_eq(pool_deadline(f.pool), f.now + 500);
    pass_time(&f, 500);
    wait_for(&f, "ready", 3);
    run(&f, 1, "passes"); /* what works is forgiven */
    wait_for(&f, "finished 1 exited done", 1);
    kill(f.host, SIGKILL);
    wait_for(&f, "ready", 4);
    ck_assert_int_eq(count_text(&f, "unfit"), 1);
    teardown(&f);
}
END_TEST

START_TEST(a_daemon_that_dies_takes_its_hosts_along)
{
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct fixture f;
        setup(&f, "deaf", 1);
        pool_warm(f.pool, "");
        wait_for(&f, "ready", 1);
        raise(SIGKILL);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(daemon, &status, 0), daemon);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_int_gt(waitpid(-1, &status, 0), 0); /* the host, an orphan, ours now */
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}
END_TEST

/* ---- many ---- */

START_TEST(hosts_are_added_when_all_are_busy)
{
    struct fixture f;
    setup(&f, "normal", 2);
    run(&f, 1, "hangs");
    wait_for(&f, "test 1", 1);
    ck_assert_int_eq(count_text(&f, "ready"), 1);
    ck_assert_int_eq(pool_places(f.pool), 1);
    run(&f, 2, "hangs");
    ck_assert_int_eq(
        pool_start(f.pool, "", 3, (const char *const[]){"passes", NULL}, NULL, f.now),
        -EAGAIN);
    wait_for(&f, "test 2", 1);
    pool_cancel(f.pool, 1, f.now);
    wait_for(&f, "finished 1 cancelled", 1);
    run(&f, 3, "passes");
    wait_for(&f, "finished 3 exited done", 1);
    ck_assert_int_eq(count_text(&f, "ready"), 2);
    teardown(&f); /* run 2 still hangs */
}
END_TEST

static void note_cold(void *owner, const char *folder, const char *why)
{
    note(owner, "cold %s %s", folder, why);
}

START_TEST(what_all_hosts_keep_warm_is_summed)
{
    struct fixture f;
    setup(&f, "normal", 2);
    ck_assert_int_eq(pool_warmth(f.pool).hosts, 0);
    run(&f, 1, "warms");
    run(&f, 2, "warms");
    wait_for(&f, "finished", 2);
    struct pool_warmth warmth = pool_warmth(f.pool);
    ck_assert_int_eq(warmth.hosts, 2);
    ck_assert_int_eq(warmth.spares, 2);
    ck_assert_int_eq(warmth.layers, 2 + 3);
    ck_assert_int_eq(pool_each_cold(f.pool, note_cold, &f), 2);
    ck_assert_int_eq(count_text(&f, "cold t threads run"), 2);
    pool_refresh(f.pool); /* who leaves keeps nothing */
    ck_assert_int_eq(pool_warmth(f.pool).layers, 0);
    ck_assert_int_eq(pool_each_cold(f.pool, note_cold, &f), 0);
    teardown(&f);
}
END_TEST

START_TEST(sinks_may_start_and_cancel_runs)
{
    struct fixture f;
    setup(&f, "normal", 2);
    f.chain = 30;
    pool_warm(f.pool, "");
    wait_for(&f, "finished", 30);
    ck_assert_int_eq(f.chained, 30);
    ck_assert_int_eq(count_text(&f, "finished"), 30);
    ck_assert_int_eq(count_text(&f, "exited done") + count_text(&f, "cancelled"), 30);
    teardown(&f);
}
END_TEST

START_TEST(to_leave_as_told_is_no_failure)
{
    struct fixture f;
    setup(&f, "normal", 2);
    pool_warm(f.pool, "");
    wait_for(&f, "ready", 1);
    pool_refresh(f.pool);
    wait_for(&f, "ready", 2);
    wait_until_quiet(&f);
    ck_assert_int_eq(count_marked(), 1);
    ck_assert_int_eq(pool_places(f.pool), 2);
    teardown(&f);
}
END_TEST

START_TEST(hosts_are_replaced_when_they_are_outdated)
{
    struct fixture f;
    setup(&f, "normal", 1);
    pool_warm(f.pool, "");
    wait_for(&f, "ready", 1);
    pid_t first = f.host;
    pool_refresh(f.pool); /* idle: now */
    wait_for(&f, "ready", 2);
    ck_assert_int_ne(f.host, first);
    run(&f, 1, "hangs");
    wait_for(&f, "test 1", 1);
    pool_refresh(f.pool); /* busy: after its run */
    ck_assert_int_eq(pool_places(f.pool), 0);
    pool_cancel(f.pool, 1, f.now);
    wait_for(&f, "finished 1 cancelled", 1);
    run(&f, 2, "passes");
    pool_refresh(f.pool); /* starting: the run moves to the new one */
    wait_for(&f, "finished 2 exited done", 1);
    ck_assert_int_eq(pool_places(f.pool), 1);
    ck_assert_int_eq(count_text(&f, "started 2"), 1);
    expect_not(&f, "unfit");
    wait_until_quiet(&f); /* the old ones leave by themselves */
    ck_assert_int_eq(count_marked(), 1);
    teardown(&f);
}
END_TEST

START_TEST(new_settings_mend_what_was_wrong)
{
    struct fixture f;
    setup(&f, "unfit", 1);
    pool_warm(f.pool, "");
    wait_for(&f, "unfit", 2);
    const char *const argv[] = {program, "host", "normal", NULL};
    const struct pool_settings settings = {"", argv, "/", NULL, 0, 0};
    pool_configure(f.pool, &settings);
    pool_jobs(f.pool, 2);
    wait_for(&f, "ready", 1);
    ck_assert_int_eq(pool_places(f.pool), 2);
    run(&f, 1, "hangs");
    wait_for(&f, "test 1", 1);
    ck_assert_int_eq(pool_deadline(f.pool), INT64_MAX); /* no limit */
    teardown(&f);
}
END_TEST

START_TEST(a_question_is_asked_until_it_is_answered)
{
    static const char *const paths[] = {"tests/a.py", "b.py"};
    struct fixture f;
    setup(&f, "normal", 1);
    ck_assert_int_eq(pool_classify(f.pool, "", 1, paths, 2), -EAGAIN);
    pool_warm(f.pool, "");
    wait_for(&f, "ready", 1);
    ck_assert_int_eq(pool_classify(f.pool, "", 1, paths, 2), 0);
    wait_for(&f, "classified 1 2 tests/a.py\n", 1);
    kill(f.host, SIGSTOP);
    ck_assert_int_eq(pool_classify(f.pool, "", 2, paths, 1), 0);
    kill(f.host, SIGKILL);
    wait_for(&f, "ready", 2);
    wait_for(&f, "classified 2 1 tests/a.py\n", 1);
    ck_assert_int_eq(pool_ask_blocks(f.pool, "", 2, paths, 1), 0);
    wait_for(&f, "blocks 2 1 tests/a.py\n", 1);
    run(&f, 1, "passes");
    wait_for(&f, "finished 1", 1);
    ck_assert_int_eq(count_text(&f, "classified"), 2);
    teardown(&f);
}
END_TEST

START_TEST(a_host_inherits_nothing_of_ours)
{
    struct fixture f;
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGPIPE, SIG_IGN);
    int leak = open("/dev/zero", O_RDONLY); /* on purpose without O_CLOEXEC */
    ck_assert_int_ge(leak, 3);
    setup(&f, "normal", 1);
    run(&f, 1, "surroundings");
    wait_for(&f, "finished 1 exited done", 1);
    close(leak);
    ck_assert_str_eq(f.all,
                     "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nleader 1\n"
                     "fd 0 /dev/null\nfd 1 \nfd 2 \nfd 5 \nfd 6 \nfd 7 \ncwd /\n");
    teardown(&f);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_host_killed_during_a_run_leaves_nothing);
    tcase_add_test(tests, a_run_for_which_there_is_no_process_was_never_begun);
    tcase_add_test(tests, all_that_a_dead_host_sent_is_told);
    tcase_add_test(tests, two_hosts_may_die_while_a_third_works);
    tcase_add_test(tests, a_missing_interpreter_is_told_exactly);
    tcase_add_test(tests, a_missing_folder_is_told_exactly);
    tcase_add_test(tests, no_descriptors_left_is_trouble_and_not_the_end);
    tcase_add_test(tests, last_words_explain_a_host_that_never_was);
    tcase_add_test(tests, an_unfit_host_says_itself_what_to_do);
    tcase_add_test(tests, a_host_of_another_version_is_refused);
    tcase_add_test(tests, a_host_that_hangs_up_is_ended);
    tcase_add_test(tests, a_host_that_never_gets_ready_is_ended);
    tcase_add_test(tests, pauses_between_tries_grow);
    tcase_add_test(tests, a_host_that_dies_idle_is_replaced_and_twice_is_trouble);
    tcase_add_test(tests, a_daemon_that_dies_takes_its_hosts_along);
    tcase_add_test(tests, hosts_are_added_when_all_are_busy);
    tcase_add_test(tests, what_all_hosts_keep_warm_is_summed);
    tcase_add_test(tests, sinks_may_start_and_cancel_runs);
    tcase_add_test(tests, to_leave_as_told_is_no_failure);
    tcase_add_test(tests, hosts_are_replaced_when_they_are_outdated);
    tcase_add_test(tests, new_settings_mend_what_was_wrong);
    tcase_add_test(tests, a_question_is_asked_until_it_is_answered);
    tcase_add_test(tests, a_host_inherits_nothing_of_ours);
}

int main(int argc, char **argv)
{
    return pool_scene_run(argc, argv, "worker_hosts", add_tests);
}
