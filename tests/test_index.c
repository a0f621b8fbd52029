#include "tests/support/index_scene.h"

#include <errno.h>

START_TEST(a_verdict_is_current_while_its_facts_hold)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(file_now(&scene, "t.py").verdict, 0);
    ck_assert_double_lt(file_now(&scene, "t.py").duration_ms, 0);
    record(&scene, "t.py", "ss", look(&scene, "t.py"), look(&scene, "a.py"));
    ck_assert(file_now(&scene, "t.py").current);
    scene_edit(&scene, "b.py", 1);
    ck_assert(file_now(&scene, "t.py").current);
    scene_edit(&scene, "a.py", 1);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 2);
    scene_finish(&scene);
}
END_TEST

START_TEST(two_broken_facts_must_both_be_mended)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"), look(&scene, "b.py"));
    scene_edit(&scene, "a.py", 1);
    scene_edit(&scene, "a.py", 2); /* broken twice is broken once */
    scene_edit(&scene, "b.py", 1);
    scene_edit(&scene, "a.py", 0);
    ck_assert(!file_now(&scene, "t.py").current);
    scene_edit(&scene, "b.py", 0);
    ck_assert(file_now(&scene, "t.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(undoing_an_edit_shows_the_old_verdict_again)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "ss", look(&scene, "a.py"));
    int64_t old = file_now(&scene, "t.py").verdict;
    scene_edit(&scene, "a.py", 1);
    record(&scene, "t.py", "sf", look(&scene, "a.py"));
    struct index_file file = file_now(&scene, "t.py");
    ck_assert(file.current && !file.from_cache);
    ck_assert_int_eq(file.counts.failures, 1);
    ck_assert_int_ne(file.verdict, old);

    scene_edit(&scene, "a.py", 0);
    file = file_now(&scene, "t.py");
    ck_assert(file.current && file.from_cache);
    ck_assert_int_eq(file.verdict, old);
    ck_assert_int_eq(file.counts.failures, 0);
    ck_assert_int_eq(index_totals(scene.index).failures, 0);
    ck_assert_int_eq(file.runs, 2);
    ck_assert_int_eq(file.last_run, 2);
    ck_assert_double_eq(file.duration_ms, 1);

    scene_edit(&scene, "a.py", 7); /* neither: the newest is shown, as stale */
    file = file_now(&scene, "t.py");
    ck_assert(!file.current && !file.from_cache);
    ck_assert_int_eq(file.counts.failures, 1);
    scene_finish(&scene);
}
END_TEST

START_TEST(the_newest_of_two_current_verdicts_is_shown)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    record(&scene, "t.py", "ss", look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 2);
    scene_edit(&scene, "b.py", 1);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 1);
    ck_assert(file_now(&scene, "t.py").current);
    /* The first again: it is the last one recorded, so it goes before the other. */
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    scene_edit(&scene, "b.py", 0);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 1);
    ck_assert(!file_now(&scene, "t.py").from_cache);
    scene_finish(&scene);
}
END_TEST

START_TEST(the_oldest_verdict_makes_room)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    for (int state = 0; state <= INDEX_VERDICTS; state++) {
        scene_edit(&scene, "a.py", state);
        record(&scene, "t.py", "s", look(&scene, "a.py"));
    }
    for (int state = 0; state <= INDEX_VERDICTS; state++) {
        scene_edit(&scene, "a.py", state);
        ck_assert_int_eq(file_now(&scene, "t.py").current, state != 0);
        assert_totals(&scene);
    }
    scene_finish(&scene);
}
END_TEST

START_TEST(an_unsure_fact_never_holds)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look(&scene, "t.py"), look_unsure(&scene, "a.py"));
    ck_assert(!file_now(&scene, "t.py").current);
    scene_edit(&scene, "a.py", 1);
    scene_edit(&scene, "a.py", 0);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "a.py? t.py+");
    /* The same state, seen surely, is another fact. */
    record(&scene, "t.py", "s", look(&scene, "t.py"), look(&scene, "a.py"));
    ck_assert(file_now(&scene, "t.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(evidence_that_no_longer_holds_is_stale_on_arrival)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "u.py", "s", look(&scene, "a.py"));
    struct index_evidence old = look(&scene, "a.py");
    old.holds = false;
    record(&scene, "t.py", "s", old);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert(!file_now(&scene, "u.py").current); /* it rests on the same fact */
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert(file_now(&scene, "t.py").current);
    ck_assert(file_now(&scene, "u.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(one_thing_looked_at_twice_is_one_fact)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    struct index_evidence doubtful = look_volatile(&scene, "a.py");
    doubtful.holds = false;
    record(&scene, "t.py", "s", look(&scene, "a.py"), doubtful, look(&scene, "b.py"));
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "a.py~ b.py+");
    scene_edit(&scene, "a.py", 0);
    ck_assert(file_now(&scene, "t.py").current);
    record(&scene, "t.py", "s", doubtful, look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert(!file_now(&scene, "t.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(same_facts_and_another_outcome_prove_it_flaky)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "ssf", look(&scene, "a.py"), look(&scene, "b.py"));
    record(&scene, "t.py", "ssf", look(&scene, "b.py"), look(&scene, "a.py"));
    ck_assert(!file_now(&scene, "t.py").flaky);
    int64_t verdict = file_now(&scene, "t.py").verdict;
    record(&scene, "t.py", "sfs", look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert(file_now(&scene, "t.py").flaky);
    ck_assert_int_eq(file_now(&scene, "t.py").verdict, verdict);
    record(&scene, "t.py", "sfs", look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert(file_now(&scene, "t.py").flaky);
    scene_edit(&scene, "a.py", 1);
    record(&scene, "t.py", "sss", look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert(!file_now(&scene, "t.py").flaky);
    scene_edit(&scene, "a.py", 0); /* it is the verdict that was proved flaky */
    ck_assert(file_now(&scene, "t.py").flaky);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_test_more_or_less_is_another_outcome)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "t.py", "ss", look(&scene, "a.py"));
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert(file_now(&scene, "t.py").flaky);
    record(&scene, "u.py", "s", look(&scene, "a.py"));
    record(&scene, "u.py", "ss", look(&scene, "a.py"));
    ck_assert(file_now(&scene, "u.py").flaky);
    scene_finish(&scene);
}
END_TEST

START_TEST(the_order_of_tests_is_no_outcome)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    struct index_evidence evidence = look(&scene, "a.py");
    struct index_result forth[] = {{.test = "a"},
                                   {.test = "b", .outcome = OUTCOME_FAILURE}};
    struct index_result back[] = {forth[1], forth[0]};
    struct index_run run = {.file = "t.py",
                            .results = forth,
                            .result_count = 2,
                            .evidence = &evidence,
                            .evidence_count = 1};
    ck_assert_int_eq(index_record(scene.index, &run), 0);
    run.results = back;
    ck_assert_int_eq(index_record(scene.index, &run), 0);
    ck_assert(!file_now(&scene, "t.py").flaky);
    scene_finish(&scene);
}
END_TEST

START_TEST(unsure_facts_prove_nothing_flaky)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look_unsure(&scene, "a.py"));
    record(&scene, "t.py", "f", look_unsure(&scene, "a.py"));
    ck_assert(!file_now(&scene, "t.py").flaky);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.failures, 1);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 0);
    assert_totals(&scene);
    scene_finish(&scene);
}
END_TEST

START_TEST(nothing_is_current_while_in_doubt)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    scene_edit(&scene, "b.py", 1);
    record(&scene, "t.py", "f", look(&scene, "a.py"), look(&scene, "b.py"));
    scene_edit(&scene, "b.py", 0);
    ck_assert(file_now(&scene, "t.py").from_cache);
    turned(&scene);

    index_checked(scene.index, false);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(index_totals(scene.index).failures, 1);
    record(&scene, "u.py", "s", look(&scene, "c.py"));
    ck_assert(!file_now(&scene, "u.py").current);
    ck_assert_str_eq(turned(&scene).text, "t.py u.py");

    index_checked(scene.index, true);
    ck_assert(file_now(&scene, "t.py").from_cache);
    ck_assert_int_eq(index_totals(scene.index).failures, 0);
    ck_assert_str_eq(turned(&scene).text, "t.py+ u.py+");
    scene_finish(&scene);
}
END_TEST

START_TEST(what_turned_is_told_once)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    ck_assert_str_eq(turned(&scene).text, "");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    record(&scene, "u.py", "s", look(&scene, "a.py"), look(&scene, "b.py"));
    ck_assert_str_eq(turned(&scene).text, "t.py+ u.py+");
    ck_assert_str_eq(turned(&scene).text, "");
    scene_edit(&scene, "b.py", 1);
    ck_assert_str_eq(turned(&scene).text, "u.py");
    scene_edit(&scene, "a.py", 1);
    ck_assert_str_eq(turned(&scene).text, "t.py");
    scene_edit(&scene, "a.py", 0); /* there and back: no news */
    scene_edit(&scene, "a.py", 1);
    ck_assert_str_eq(turned(&scene).text, "");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert_str_eq(turned(&scene).text, "t.py+");
    scene_edit(&scene, "a.py", 0); /* current before and after, but another verdict */
    ck_assert_str_eq(turned(&scene).text, "t.py+");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_file_that_is_removed_is_no_news)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert_int_eq(index_remove_file(scene.index, "t.py"), 0);
    ck_assert_str_eq(turned(&scene).text, "");
    scene_finish(&scene);
}
END_TEST

START_TEST(volatile_evidence_follows_what_a_run_rewrote)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    add_file(&scene, "v.py");
    record(&scene, "t.py", "s", look(&scene, "t.py"), look_volatile(&scene, "db"));
    record(&scene, "u.py", "s", look(&scene, "u.py"), look(&scene, "db"));
    struct index_evidence both = look_unsure(&scene, "db");
    both.is_volatile = true;
    record(&scene, "v.py", "s", both, look_volatile(&scene, "db"));

    struct digest rewritten = state_digest(5);
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_LISTING, "db", state_digest(9), it_was, NULL),
        0);
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_CONTENT, "db", rewritten, it_was, NULL), 0);
    scene_edit(&scene, "db", 5);
    ck_assert(file_now(&scene, "t.py").current);
    ck_assert(!file_now(&scene, "u.py").current);
    ck_assert(!file_now(&scene, "v.py").current);
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "db+~ t.py+");
    ck_assert_str_eq(evidence_of(&scene, "v.py").text, "db?~ db+~");

    /* The fingerprint went along: the same facts are found again, and rebased again. */
    int64_t verdict = file_now(&scene, "t.py").verdict;
    record(&scene, "t.py", "s", look_volatile(&scene, "db"), look(&scene, "t.py"));
    ck_assert_int_eq(file_now(&scene, "t.py").verdict, verdict);
    scene_edit(&scene, "db", 6);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_CONTENT, "db", state_digest(6), it_was, NULL),
        0);
    ck_assert(file_now(&scene, "t.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_rebase_onto_a_known_fact_joins_it)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    scene_edit(&scene, "db", 1);
    record(&scene, "u.py", "s", look(&scene, "db"));
    struct index_evidence one = look(&scene, "db");
    scene_edit(&scene, "db", 2);
    one.holds = false;
    /* Saw state 1, then 2, and wrote: the rebase leaves a single fact of the two. */
    record(&scene, "t.py", "s", one, look_volatile(&scene, "db"));
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_CONTENT, "db", state_digest(1), it_was, NULL),
        0);
    ck_assert(file_now(&scene, "t.py").current);
    ck_assert(file_now(&scene, "u.py").current);
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "db+");
    int64_t verdict = file_now(&scene, "t.py").verdict;
    scene_edit(&scene, "db", 1);
    record(&scene, "t.py", "s", look(&scene, "db"));
    ck_assert_int_eq(file_now(&scene, "t.py").verdict, verdict);
    scene_edit(&scene, "db", 3);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert(!file_now(&scene, "u.py").current);
    scene_edit(&scene, "db", 1);
    ck_assert(file_now(&scene, "t.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(what_was_volatile_is_what_the_last_run_rewrote)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look_volatile(&scene, "a"), look(&scene, "b"));
    record(&scene, "t.py", "s", look(&scene, "a"), look_volatile(&scene, "b"));
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "a+ b+~");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_run_of_an_unknown_file_is_refused)
{
    struct scene scene;
    scene_in_memory(&scene);
    struct index_evidence evidence = look(&scene, "a.py");
    ck_assert_int_eq(try_record(&scene, "t.py", "s", &evidence, 1), -ENOENT);
    scene_finish(&scene);
}
END_TEST

START_TEST(files_come_by_path_and_keep_their_size)
{
    struct scene scene;
    struct line line = {""};
    scene_in_memory(&scene);
    add_file(&scene, "b.py");
    add_file(&scene, "c.py");
    add_file(&scene, "a.py");
    int64_t id = file_now(&scene, "b.py").id;
    ck_assert_int_eq(index_add_file(scene.index, "b.py", 55), id);
    ck_assert_int_eq(file_now(&scene, "b.py").size, 55);
    ck_assert_int_eq(index_remove_file(scene.index, "c.py"), 0);
    ck_assert_int_eq(index_remove_file(scene.index, "c.py"), 0);
    struct index_file file;
    ck_assert(!index_file(scene.index, "c.py", &file));
    index_each_file(scene.index, line_file, &line);
    ck_assert_str_eq(line.text, "a.py b.py");
    scene_finish(&scene);
}
END_TEST

START_TEST(numbers_are_kept_by_name)
{
    struct scene scene;
    int64_t number = 0;
    scene_in_memory(&scene);
    ck_assert_int_eq(index_number(scene.index, "seq", 7, &number), 0);
    ck_assert_int_eq(number, 7);
    ck_assert_int_eq(index_set_number(scene.index, "seq", INT64_MAX), 0);
    ck_assert_int_eq(index_set_number(scene.index, "epoch", -1), 0);
    ck_assert_int_eq(index_number(scene.index, "seq", 7, &number), 0);
    ck_assert_int_eq(number, INT64_MAX);
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_verdict_is_current_while_its_facts_hold,
        two_broken_facts_must_both_be_mended,
        undoing_an_edit_shows_the_old_verdict_again,
        the_newest_of_two_current_verdicts_is_shown,
        the_oldest_verdict_makes_room,
        an_unsure_fact_never_holds,
        evidence_that_no_longer_holds_is_stale_on_arrival,
        one_thing_looked_at_twice_is_one_fact,
        same_facts_and_another_outcome_prove_it_flaky,
        a_test_more_or_less_is_another_outcome,
        the_order_of_tests_is_no_outcome,
        unsure_facts_prove_nothing_flaky,
        nothing_is_current_while_in_doubt,
        what_turned_is_told_once,
        a_file_that_is_removed_is_no_news,
        volatile_evidence_follows_what_a_run_rewrote,
        a_rebase_onto_a_known_fact_joins_it,
        what_was_volatile_is_what_the_last_run_rewrote,
        a_run_of_an_unknown_file_is_refused,
        files_come_by_path_and_keep_their_size,
        numbers_are_kept_by_name,
    };
    return run_tests("index", tests, sizeof tests / sizeof *tests);
}
