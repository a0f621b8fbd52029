/* What runs write: it starts no runs, and what somebody else does to the same files meanwhile counts. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

/* As it is now: what stat would tell who opens it. */
static struct report_identity identity_of(const char *path)
{
    struct stat stat;
    autofree char *whole = scene_path(path);
    ck_assert_int_eq(lstat(whole, &stat), 0);
    return (struct report_identity){
        .device = (int64_t)stat.st_dev,
        .inode = (int64_t)stat.st_ino,
        .size = stat.st_size,
        .mtime_ns = (int64_t)stat.st_mtim.tv_sec * 1000000000 + stat.st_mtim.tv_nsec,
        .ctime_ns = (int64_t)stat.st_ctim.tv_sec * 1000000000 + stat.st_ctim.tv_nsec,
        .mode = stat.st_mode};
}

static void tell(int64_t run, enum report_type type, const char *path,
                 struct report_identity seen)
{
    autofree char *copy = xstrdup(path);
    engine_report(scene.engine,
                  &(struct report){.type = type,
                                   .run = run,
                                   .evidence = EVIDENCE_CONTENT,
                                   .path = copy,
                                   .has_seen = true,
                                   .seen = seen},
                  scene.now);
}

/* A run of test_a.py that reads "n", writes TEXT there and leaves it; then OTHER is written. */
static void play_rewriting(const char *text, const char *other)
{
    int64_t run = scene_run_of("test_a.py");
    tell(run, REPORT_LOOK, "n", identity_of("n"));
    scene_save("n", text);
    tell(run, REPORT_WROTE, "n", identity_of("n"));
    if (other != NULL)
        scene_save("n", other);
    scene_end(run);
    scene_settle();
}

START_TEST(what_a_run_writes_before_it_looks_is_no_evidence)
{
    scene_write("test_a.py", "");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_wrote(run, "out.txt");
    scene_save("out.txt", "1\n");
    scene_look(run, EVIDENCE_CONTENT, "out.txt");
    scene_end(run);
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
    scene_save("out.txt", "2\n");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
}
END_TEST

START_TEST(what_a_run_reads_and_rewrites_settles_and_counts_when_somebody_else_edits_it)
{
    scene_write("test_a.py", "");
    scene_write("counter", "1\n");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "counter");
    scene_wrote(run, "counter");
    scene_save("counter", "2\n");
    scene_end(run);
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
    scene_save("counter", "9\n");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

static void write_by_others(const char *path, const char *text)
{
    scene_write(path, text);
    engine_changed_by_others(scene.engine, path, true, scene.now);
}

START_TEST(an_edit_where_a_run_writes_counts_when_somebody_else_is_known_to_make_it)
{
    scene_write("test_a.py", "");
    scene_write("counter", "1\n");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "counter");
    scene_wrote(run, "counter"); /* how it leaves it nobody knows */
    scene_save("counter", "2\n");
    write_by_others("counter", "9\n");
    scene_end(run);
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(an_edit_of_what_a_run_only_writes_starts_nothing)
{
    scene_write("test_a.py", "");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_wrote(run, "out.txt");
    scene_save("out.txt", "1\n");
    scene_look(run, EVIDENCE_CONTENT, "out.txt");
    write_by_others("out.txt", "2\n");
    scene_end(run);
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
}
END_TEST

START_TEST(an_older_verdict_about_what_is_rewritten_does_not_come_back)
{
    scene_write("n", "1");
    scene_write("test_a.py", "");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "n");
    scene_look(run, EVIDENCE_EXISTENCE, "x");
    scene_wrote(run, "n");
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    scene_save("n", "40"); /* by the user: another verdict */
    scene_save("x", "");
    scene_settle();
    run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "n");
    scene_look(run, EVIDENCE_EXISTENCE, "x");
    scene_wrote(run, "n");
    scene_save("n", "401");
    scene_settle();
    scene_result(run, "test_it", OUTCOME_FAILURE);
    scene_end(run);
    ck_assert(scene_file("test_a.py").current);
    scene_remove("x");
    scene_settle();
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(two_that_rewrite_one_file_do_not_chase_each_other)
{
    scene_write("test_a.py", "");
    scene_write("test_b.py", "#\n");
    scene_write("counter", "0\n");
    scene_begin("3.11.2 python3");
    for (int round = 0; round < 2; round++) {
        const char *file = round == 0 ? "test_a.py" : "test_b.py";
        int64_t run = scene_run_of(file);
        scene_look(run, EVIDENCE_CONTENT, "counter");
        scene_wrote(run, "counter");
        scene_save("counter", round == 0 ? "1\n" : "2\n");
        scene_settle(); /* the change is judged while the writer is still on */
        scene_end(run);
    }
    ck_assert_str_eq(scene_state(), "idle");
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert(scene_file("test_a.py").current && scene_file("test_b.py").current);
}
END_TEST

START_TEST(what_somebody_edits_while_others_run_is_put_off_and_not_forgotten)
{
    scene_write("test_a.py", "");
    scene_write("test_b.py", "#\n");
    scene_write("counter", "0\n");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "counter");
    scene_wrote(run, "counter");
    scene_save("counter", "1\n");
    scene_end(run);
    scene_settle();
    run = scene_run_of("test_b.py"); /* knows nothing of the counter */
    scene_save("counter", "9\n");
    scene_settle();
    ck_assert_int_eq(scene_to_be_run(), 2);
    scene.places = 2;
    engine_room(scene.engine, scene.now);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    scene_end(run);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(two_that_disturbed_each_other_are_kept_apart)
{
    scene_write("shared", "0\n");
    scene_write("test_a.py", "");
    scene_write("test_b.py", "#\n");
    scene.places = 2;
    scene_begin("3.11.2 python3");
    int64_t a = scene_run_of("test_a.py");
    int64_t b = scene_run_of("test_b.py");
    scene_look(a, EVIDENCE_CONTENT, "shared");
    scene_wrote(b, "shared");
    scene_save("shared", "1\n");
    scene_end(a);
    scene_settle();
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"),
                      1); /* a place is free, but b is on */
    scene_end(b);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(what_somebody_else_wrote_after_the_run_counts)
{
    scene_write("test_a.py", "");
    scene_write("n", "1");
    scene_begin("3.11.2 python3");
    play_rewriting("22", "333");
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    play_rewriting("4444", NULL);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(what_is_never_as_the_run_left_it_is_never_taken_for_current)
{
    scene_write("test_a.py", "");
    scene_write("n", "1");
    scene_begin("3.11.2 python3");
    play_rewriting("22", "333");
    play_rewriting("4444", "55555");
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
}
END_TEST

/* As if it had been there for long: what changes it shows. */
static void make_old(const char *path)
{
    struct report_identity identity;
    do {
        usleep(1000);
        identity = identity_of(path);
    } while (tree_clock_ns() - identity.ctime_ns < (int64_t)TREE_RACY_MS * 1000000);
}

START_TEST(what_was_opened_for_writing_and_not_written_is_read)
{
    scene_write("test_a.py", "");
    scene_write("n", "1");
    make_old("n");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    tell(run, REPORT_LOOK, "n", identity_of("n"));
    engine_changed(scene.engine, "n", false, scene.now); /* it was closed */
    scene_end(run);
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    scene_save("n", "22");
    scene_settle();
    run = scene_run_of("test_a.py");
    tell(run, REPORT_LOOK, "n", identity_of("n"));
    scene_save("n", "333"); /* nobody else has it open */
    scene_end(run);
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(two_that_rewrite_one_file_are_kept_apart)
{
    scene_write("n", "1");
    scene_write("test_a.py", "");
    scene_write("test_b.py", "#\n");
    scene.places = 2;
    scene_begin("3.11.2 python3");
    int64_t b = scene_run_of("test_b.py");
    scene_wrote(b, "n");
    play_rewriting("22", "333");
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1); /* b is on */
    scene_end(b);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_rewrites");
    TCase *tests = tcase_create("rewrites");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, what_a_run_writes_before_it_looks_is_no_evidence);
    tcase_add_test(
        tests,
        what_a_run_reads_and_rewrites_settles_and_counts_when_somebody_else_edits_it);
    tcase_add_test(
        tests, an_edit_where_a_run_writes_counts_when_somebody_else_is_known_to_make_it);
    tcase_add_test(tests, an_edit_of_what_a_run_only_writes_starts_nothing);
    tcase_add_test(tests, an_older_verdict_about_what_is_rewritten_does_not_come_back);
    tcase_add_test(tests, two_that_rewrite_one_file_do_not_chase_each_other);
    tcase_add_test(tests,
                   what_somebody_edits_while_others_run_is_put_off_and_not_forgotten);
    tcase_add_test(tests, two_that_disturbed_each_other_are_kept_apart);
    tcase_add_test(tests, what_somebody_else_wrote_after_the_run_counts);
    tcase_add_test(tests, what_is_never_as_the_run_left_it_is_never_taken_for_current);
    tcase_add_test(tests, what_was_opened_for_writing_and_not_written_is_read);
    tcase_add_test(tests, two_that_rewrite_one_file_are_kept_apart);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
