/* Opens that no run's own account explains. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static void begin(int places)
{
    scene.places = places;
    scene_write("data", "1");
    scene_write("test_a.py", "");
    scene_write("test_b.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("3.11");
    scene_answer();
}

/* A run that told nothing but that it read PATH (NULL: not even that). */
static void play(const char *file, const char *path)
{
    int64_t run = scene_run_of(file);
    if (path != NULL)
        scene_look(run, EVIDENCE_CONTENT, path);
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
}

static bool rests_on_data(const char *file)
{
    scene_save("data", "2");
    scene_settle();
    bool stale = !scene_file(file).current;
    scene_save("data", "1");
    scene_settle();
    return stale;
}

START_TEST(an_open_that_nobody_explains_is_evidence_of_the_run_that_was_on)
{
    begin(1);
    ck_assert(scene.listening);
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    play("test_b.py", NULL);
    ck_assert(scene_file("test_a.py").current);
    ck_assert(rests_on_data("test_a.py"));
    ck_assert(!rests_on_data("test_b.py"));
}
END_TEST

START_TEST(an_open_that_a_run_explains_is_nobody_elses)
{
    begin(2);
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    play("test_b.py", "data"); /* it is known now that it was this one */
    ck_assert(rests_on_data("test_b.py"));
    ck_assert(!rests_on_data("test_a.py"));
}
END_TEST

START_TEST(an_open_that_nobody_explains_is_laid_at_the_door_of_all_that_were_on)
{
    begin(2);
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    ck_assert(scene_file("test_a.py").current);
    play("test_b.py", NULL);
    ck_assert(rests_on_data("test_a.py"));
    ck_assert(rests_on_data("test_b.py"));
}
END_TEST

START_TEST(what_changed_after_it_was_opened_was_seen_by_nobody_knows_whom)
{
    begin(2);
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    scene_save("data", "2");
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
    play("test_b.py", NULL);
    ck_assert(!scene_file("test_a.py").current && !scene_file("test_b.py").current);
}
END_TEST

START_TEST(what_the_daemon_opens_itself_is_nobodys)
{
    begin(1);
    scene_write("more", "1");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "data");
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run); /* the daemon has read data for it, while test_b.py is on by now */
    engine_opened(scene.engine, "data");
    engine_synced(scene.engine, scene.cookie, scene.now);
    engine_opened(scene.engine, "more");
    play("test_b.py", NULL);
    ck_assert(!rests_on_data("test_b.py"));
    scene_save("more", "2");
    scene_settle();
    ck_assert(!scene_file("test_b.py").current);
}
END_TEST

START_TEST(outside_and_between_runs_nothing_is_anybodys)
{
    begin(1);
    engine_opened(scene.engine, "/usr/lib/libc.so");
    engine_opened(scene.engine, "env/lib/site-packages/x.py");
    play("test_a.py", NULL);
    play("test_b.py", NULL);
    engine_opened(scene.engine, "data");
    ck_assert(!rests_on_data("test_a.py") && !rests_on_data("test_b.py"));
    ck_assert(scene.listening);
    scene_settle();
    scene.now += 20000;
    engine_tick(scene.engine, scene.now);
    ck_assert(!scene.listening);
}
END_TEST

/* A program that nobody can look into. */
static void start_unseen(int64_t run)
{
    char program[] = "tool";
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_LOOK,
                                   .run = run,
                                   .evidence = EVIDENCE_CONTENT,
                                   .path = program,
                                   .unseen = true},
                  scene.now);
}

/* LOOKED: at another file of the repository. */
static void play_beside_git(bool looked, bool unseen)
{
    begin(1);
    scene_write(".git/MERGE_MSG", "1");
    scene_write(".git/HEAD", "1");
    engine_opened(scene.engine, ".git/MERGE_MSG");
    int64_t run = scene_run_of("test_a.py");
    if (looked)
        scene_look(run, EVIDENCE_CONTENT, ".git/HEAD");
    if (unseen)
        start_unseen(run);
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(scene_file("test_a.py").current);
    scene_remove(".git/MERGE_MSG");
    scene_settle();
}

START_TEST(what_git_opens_of_its_own_is_nobodys)
{
    play_beside_git(false, false);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(what_is_gits_own_may_be_opened_by_a_test_that_looks_at_the_history)
{
    play_beside_git(true, false);
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(what_is_gits_own_may_be_opened_by_a_program_that_nobody_can_look_into)
{
    play_beside_git(false, true);
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(who_only_asks_for_a_file_has_not_opened_it)
{
    begin(1);
    scene_look(scene_run_of("test_a.py"), EVIDENCE_EXISTENCE, "data");
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    play("test_b.py", NULL);
    ck_assert(rests_on_data("test_a.py"));
    ck_assert(!rests_on_data("test_b.py"));
}
END_TEST

START_TEST(a_run_with_something_unseen_is_not_explained_by_others)
{
    begin(2);
    start_unseen(scene_run_of("test_a.py"));
    engine_opened(scene.engine, "data");
    play("test_a.py", NULL);
    play("test_b.py", "data");
    ck_assert(rests_on_data("test_a.py"));
}
END_TEST

START_TEST(opens_that_were_lost_leave_something_unseen)
{
    begin(1);
    engine_opens_lost(scene.engine, "too many");
    play("test_a.py", NULL);
    play("test_b.py", NULL);
    ck_assert(scene_file("test_a.py").unseen);
    ck_assert(!scene_file("test_b.py").unseen);
}
END_TEST

/* ---- runs by hand ---- */

static void by_hand_begins(void)
{
    begin(0);
    scene_ask(METHOD_PAUSE, json_object());
    scene_ask(METHOD_RECORD_BEGIN, json_object());
}

/* Hands in test_a.py with LOOKS; how many files were taken? */
static json_int_t by_hand_ends(json_t *looks)
{
    json_t *run = json_incref(json_object_get(scene.reply, "run"));
    scene_ask(METHOD_RECORD_END,
              json_pack("{s:o, s:[{s:s, s:f, s:[]}], s:o, s:[]}", "run", run, "files",
                        "file", "test_a.py", "duration_ms", 1.0, "results", "looks",
                        looks, "wrote"));
    if (scene.refused)
        return -1;
    json_int_t taken = json_integer_value(json_object_get(scene.reply, "taken"));
    engine_synced(scene.engine, scene.cookie, scene.now);
    return taken;
}

START_TEST(a_run_by_hand_rests_on_what_was_opened_meanwhile)
{
    by_hand_begins();
    ck_assert(scene.listening);
    engine_opened(scene.engine, "data");
    ck_assert_int_eq(by_hand_ends(json_array()), 1);
    ck_assert(scene_file("test_a.py").current);
    ck_assert(rests_on_data("test_a.py"));
}
END_TEST

/* How does test_a.py rest on it? */
static bool looked_at_data(const char *kind)
{
    scene_ask(METHOD_DEPS, json_pack("{s:[s]}", "files", "test_a.py"));
    size_t i = 0;
    const json_t *one = NULL;
    json_array_foreach(json_object_get(scene.reply, "deps"), i, one)
    {
        const char *path = json_string_value(json_object_get(one, "path"));
        const char *this = json_string_value(json_object_get(one, "kind"));
        if (path != NULL && strcmp(path, "data") == 0 && strcmp(this, kind) == 0)
            return true;
    }
    return false;
}

START_TEST(a_run_by_hand_may_explain_what_it_opened)
{
    by_hand_begins();
    engine_opened(scene.engine, "data");
    ck_assert_int_eq(
        by_hand_ends(json_pack("[{s:s, s:s}]", "kind", "code", "path", "data")), 1);
    engine_opened(scene.engine, "data"); /* it is over */
    ck_assert(looked_at_data("code"));
    ck_assert(!looked_at_data("content"));
}
END_TEST

START_TEST(a_run_by_hand_has_nothing_to_do_with_what_git_opens)
{
    by_hand_begins();
    scene_write(".git/MERGE_MSG", "1");
    engine_opened(scene.engine, ".git/MERGE_MSG");
    ck_assert_int_eq(by_hand_ends(json_array()), 1);
    scene_remove(".git/MERGE_MSG");
    scene_settle();
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(a_run_by_hand_that_never_ends_is_forgotten)
{
    by_hand_begins();
    scene.now += 30 * 60 * 1000;
    engine_tick(scene.engine, scene.now);
    ck_assert(scene.listening);
    scene.now += 30 * 60 * 1000;
    engine_tick(scene.engine, scene.now);
    ck_assert(!scene.listening);
    ck_assert_int_eq(by_hand_ends(json_array()), -1);
}
END_TEST

START_TEST(a_run_by_hand_belongs_to_the_environment_it_began_in)
{
    by_hand_begins();
    scene_ready("3.12");
    scene_answer();
    ck_assert_int_eq(by_hand_ends(json_array()), 1);
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(opens_that_were_lost_leave_something_unseen_in_a_run_by_hand)
{
    by_hand_begins();
    engine_opens_lost(scene.engine, "too many");
    ck_assert_int_eq(by_hand_ends(json_array()), 1);
    ck_assert(scene_file("test_a.py").unseen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_opened");
    TCase *tests = tcase_create("opened");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests,
                   an_open_that_nobody_explains_is_evidence_of_the_run_that_was_on);
    tcase_add_test(tests, an_open_that_a_run_explains_is_nobody_elses);
    tcase_add_test(tests,
                   an_open_that_nobody_explains_is_laid_at_the_door_of_all_that_were_on);
    tcase_add_test(tests, what_changed_after_it_was_opened_was_seen_by_nobody_knows_whom);
    tcase_add_test(tests, what_the_daemon_opens_itself_is_nobodys);
    tcase_add_test(tests, outside_and_between_runs_nothing_is_anybodys);
    tcase_add_test(tests, who_only_asks_for_a_file_has_not_opened_it);
    tcase_add_test(tests, what_git_opens_of_its_own_is_nobodys);
    tcase_add_test(tests,
                   what_is_gits_own_may_be_opened_by_a_test_that_looks_at_the_history);
    tcase_add_test(tests,
                   what_is_gits_own_may_be_opened_by_a_program_that_nobody_can_look_into);
    tcase_add_test(tests, a_run_with_something_unseen_is_not_explained_by_others);
    tcase_add_test(tests, opens_that_were_lost_leave_something_unseen);
    tcase_add_test(tests, a_run_by_hand_rests_on_what_was_opened_meanwhile);
    tcase_add_test(tests, a_run_by_hand_may_explain_what_it_opened);
    tcase_add_test(tests, a_run_by_hand_has_nothing_to_do_with_what_git_opens);
    tcase_add_test(tests, a_run_by_hand_that_never_ends_is_forgotten);
    tcase_add_test(tests, a_run_by_hand_belongs_to_the_environment_it_began_in);
    tcase_add_test(tests, opens_that_were_lost_leave_something_unseen_in_a_run_by_hand);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
