/* The whole story without watcher, workers or clients: change -> stale -> run -> verdict -> news. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

/* Two test files, each current, each using a module of its own. */
static void begin_green(void)
{
    scene_write("a.py", "a = 1\n");
    scene_write("b.py", "b = 1\n");
    scene_write("test_a.py", "import a\n");
    scene_write("test_b.py", "import b\n");
    scene_begin("3.11.2 python3");
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    ck_assert_str_eq(scene_state(), "idle");
}

START_TEST(nothing_runs_before_it_is_known_what_a_test_file_is)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    ck_assert_int_eq(scene.warmed, 1);
    ck_assert_str_eq(scene_state(), "checking");
    scene_ready("python");
    ck_assert_uint_eq(scene.started_count, 0);
    scene_answer();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
    ck_assert_str_eq(scene_state(), "running");
}
END_TEST

START_TEST(a_change_runs_its_user_and_tells_what_came_of_it)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    ck_assert_str_eq(scene_state(), "running");
    scene_settle();
    ck_assert_int_eq(scene_to_be_run(), 1);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    ck_assert_uint_eq(scene_started_times("test_b.py"), 1);
    scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    ck_assert_str_eq(scene_state(), "idle");
    ck_assert_int_eq(scene_to_be_run(), 0);
    ck_assert_ptr_nonnull(scene_news(TOPIC_RED));
    json_t *failures = scene_news(TOPIC_FILE_FAILURES);
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(failures, "before"), "failures")),
                     0);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(failures, "now"), "failures")),
        1);
    ck_assert_str_eq(
        json_string_value(json_object_get(scene_news(TOPIC_RESULT), "report_text")),
        "text");
}
END_TEST

START_TEST(an_edit_undone_is_current_again_without_a_run)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    scene_save("a.py", "a = 1\n");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    struct index_file file = scene_file("test_a.py");
    ck_assert(file.current && file.from_cache);
    ck_assert_int_eq(file.counts.successes, 1);
    ck_assert_ptr_nonnull(scene_news(TOPIC_GREEN));
}
END_TEST

START_TEST(a_change_during_a_run_makes_its_verdict_stale_on_arrival)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CODE, "a.py");
    scene_save("a.py", "a = 3\n");
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_int_eq(scene_to_be_run(), 1);
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert(scene_file("test_a.py").current);
    ck_assert_str_eq(scene_state(), "idle");
}
END_TEST

START_TEST(a_change_between_the_end_of_a_run_and_its_cookie_counts_as_during)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CODE, "a.py");
    scene.places++;
    engine_finished(
        scene.engine,
        &(struct engine_finished){.run = run, .end = ENGINE_EXITED, .done = true},
        scene.now);
    scene_save("a.py", "a = 3\n");
    engine_synced(scene.engine, scene.cookie, scene.now);
    ck_assert(!scene_file("test_a.py").current);
}
END_TEST

START_TEST(a_change_elsewhere_during_a_run_does_not_matter)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_save("unrelated.txt", "x\n");
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(a_new_test_file_is_asked_for_and_runs)
{
    begin_green();
    scene_save("test_new.py", "");
    scene_settle();
    ck_assert_uint_eq(scene.asked_count, 1);
    scene_answer();
    ck_assert_uint_eq(scene_started_times("test_new.py"), 1);
}
END_TEST

START_TEST(an_ignored_file_is_no_test_file)
{
    begin_green();
    scene_save("ignored/test_new.py", "");
    scene.asked_count = 0;
    scene_settle();
    ck_assert_uint_eq(scene.asked_count, 0);
}
END_TEST

START_TEST(an_ignored_file_that_came_is_not_asked_about_with_all_others)
{
    begin_green();
    scene_save("ignored/test_new.py", "");
    scene_settle();
    scene_save("setup.cfg", "");
    scene_settle();
    ck_assert_uint_gt(scene.asked_count, 0);
    for (size_t i = 0; i < scene.asked_count; i++)
        ck_assert_str_ne(scene.asked[i], "ignored/test_new.py");
}
END_TEST

START_TEST(other_rules_take_test_files_away_and_bring_others)
{
    begin_green();
    scene_save("ignored/test_new.py", "");
    scene_settle();
    scene.ignored = "test_a.py";
    engine_ruled(scene.engine, scene.now);
    struct index_file file;
    ck_assert(index_file(scene.index, "test_a.py", &file));
    ck_assert_str_ne(scene_state(), "idle");
    scene_settle();
    ck_assert(!index_file(scene.index, "test_a.py", &file));
    ck_assert_uint_eq(scene.asked_count, 1);
    ck_assert_str_eq(scene.asked[0], "ignored/test_new.py");
    scene_answer();
    ck_assert_uint_eq(scene_started_times("ignored/test_new.py"), 1);
}
END_TEST

static const char *doctor_says(const char *name, bool *ret_ok)
{
    scene_ask(METHOD_DOCTOR, json_object());
    size_t at = 0;
    const json_t *check = NULL;
    json_array_foreach(json_object_get(scene.reply, "checks"), at, check)
    {
        if (strcmp(json_string_value(json_object_get(check, "name")), name) != 0)
            continue;
        *ret_ok = json_is_true(json_object_get(check, "ok"));
        return json_string_value(json_object_get(check, "message"));
    }
    ck_abort_msg("doctor says nothing about %s", name);
}

START_TEST(doctor_says_what_is_kept_warm_and_what_is_not)
{
    static const struct scene_cold cold[] = {
        {"", "threads run"},
        {"db", "random numbers are drawn, or seeded"},
        {"", "threads run"},
        {0}};
    bool ok = false;
    begin_green();
    scene.warm = (struct warmth){1, 1, 2};
    ck_assert_str_eq(doctor_says("warm", &ok), "1 worker, 1 spare, 2 layers");
    ck_assert(ok);
    scene.cold = cold;
    scene.cold_more = 3;
    ck_assert_str_eq(
        doctor_says("warm", &ok),
        "1 worker, 1 spare, 2 layers; without a layer, so that each run loads settings, "
        "plugins and conftest files by itself: . (threads run), db (random numbers are "
        "drawn, or seeded) and 3 more; what a fixture does instead of these does no "
        "harm");
    ck_assert(ok);
    scene_ask(METHOD_STATUS, json_object());
    const json_t *warm = json_object_get(scene.reply, "warm");
    ck_assert_int_eq(json_integer_value(json_object_get(warm, "layers")), 2);
}
END_TEST

START_TEST(doctor_says_how_the_notify_command_does)
{
    bool ok = true;
    begin_green();
    scene.notifier = "beep ended with exit code 1";
    ck_assert_str_eq(doctor_says("notify", &ok), scene.notifier);
    ck_assert(!ok);
    scene.notifier_ok = true;
    ck_assert_str_eq(doctor_says("notify", &ok), scene.notifier);
    ck_assert(ok);
}
END_TEST

START_TEST(doctor_names_the_test_files_that_a_rule_hides)
{
    static const struct scene_hidden meant[] = {
        {"old/test_x.py", "old", "the ignore setting:1: old/", true}, {0}};
    static const struct scene_hidden both[] = {
        {"old/test_x.py", "old", "the ignore setting:1: old/", true},
        {"gen/data.py", "gen", ".gitignore:2: gen/", false},
        {"gen/contest.py", "gen", ".gitignore:2: gen/", false},
        {"gen/my_test.py", "gen", ".gitignore:2: gen/", false},
        {"TestX.py", "TestX.py", ".gitignore:3: /T*", false},
        {0}};
    bool ok = false;
    begin_green();
    ck_assert_str_eq(doctor_says("ignored tests", &ok),
                     "no rule hides a file that is named like one");
    ck_assert(ok);
    scene.hidden = meant;
    ck_assert_str_eq(doctor_says("ignored tests", &ok),
                     "1 ignored, as the settings say: old/test_x.py (the ignore "
                     "setting:1: old/)");
    ck_assert(ok);
    scene.hidden = both;
    scene.hidden_partly = true;
    ck_assert_str_eq(
        doctor_says("ignored tests", &ok),
        "2 ignored: gen/my_test.py (.gitignore:2: gen/), TestX.py (.gitignore:3: /T*); "
        "to have them run: ignore = [\"!/gen\"]; where it is meant, say so with a rule "
        "in "
        "the ignore setting; of the ignored folders, not all was looked at: they are "
        "large");
    ck_assert(!ok);
}
END_TEST

START_TEST(a_deleted_test_file_is_forgotten_and_its_run_cancelled)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    int64_t run = scene_run_of("test_a.py");
    scene_remove("test_a.py");
    scene_settle();
    ck_assert_int_eq(scene.cancelled, run);
    scene_end_as(run, ENGINE_CANCELLED);
    struct index_file file;
    ck_assert(!index_file(scene.index, "test_a.py", &file));
    ck_assert_str_eq(scene_state(), "idle");
}
END_TEST

START_TEST(who_failed_to_import_runs_when_a_module_is_added)
{
    scene_write("test_a.py", "import later\n");
    scene_begin("3.11.2 python3");
    scene_play("test_a.py", "test_a.py", OUTCOME_ERROR);
    scene_save("notes.txt", "");
    scene_settle();
    ck_assert_uint_eq(scene.started_count, 1);
    scene_save("later.py", "");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(a_worker_that_dies_once_is_not_the_test_files_fault)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_end_as(scene_run_of("test_a.py"), ENGINE_HOST_DIED);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    scene_end_as(scene_run_of("test_a.py"), ENGINE_HOST_DIED);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    ck_assert_int_eq(scene_file("test_a.py").counts.errors, 1);
}
END_TEST

START_TEST(another_environment_makes_everything_stale_and_the_old_one_back_nothing)
{
    begin_green();
    scene_ready("3.12.0 python3");
    ck_assert_int_eq(scene_to_be_run(), 2);
    scene_answer();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    scene_ready("3.11.2 python3");
    scene_answer();
    ck_assert_int_eq(scene_to_be_run(), 0);
    ck_assert_uint_eq(scene.started_count, 4);
}
END_TEST

START_TEST(a_run_that_began_in_another_environment_proves_nothing_of_the_new_one)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_ready("3.12.0 python3"); /* other settings; the run goes on in the old worker */
    scene_answer();
    engine_report(
        scene.engine,
        &(struct report){.type = REPORT_STARTED, .run = scene_run_of("test_a.py")},
        scene.now); /* which says so late */
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_int_eq(scene_to_be_run(), 2);
}
END_TEST

START_TEST(what_is_added_to_a_folder_while_others_write_there_is_a_change)
{
    scene_write("d/one", "");
    scene_write("test_a.py", "");
    scene_write("test_b.py", "#\n");
    scene_begin("3.11.2 python3");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_LISTING, "d");
    scene_wrote(run, "d/out");
    scene_end(run);
    run = scene_run_of("test_b.py");
    scene_wrote(run, "d/other");
    scene_save("d/other", "");
    scene_save("d/users", "");
    scene_settle();
    scene_end(run);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
}
END_TEST

START_TEST(git_is_nobodys_business_but_of_who_looked_at_it)
{
    scene_write(".git/HEAD", "1\n");
    begin_green();
    scene_save(".git/HEAD", "2\n");
    ck_assert_str_eq(scene_state(), "idle");
    scene_save("a.py", "a = 2\n");
    scene_settle();
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, ".git/HEAD");
    scene_end(run);
    scene_save(".git/HEAD", "3\n");
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
}
END_TEST

START_TEST(wait_is_answered_when_all_earlier_changes_are_judged_and_nothing_is_left)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_ask(METHOD_WAIT, json_object());
    json_decref(scene.reply);
    scene.reply = NULL;
    uint64_t cookie = scene.cookie;
    scene_settle();
    ck_assert_ptr_null(scene.reply);
    engine_synced(scene.engine, cookie, scene.now);
    ck_assert_ptr_null(scene.reply);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_ptr_nonnull(scene.reply);
    ck_assert_str_eq(json_string_value(json_object_get(scene.reply, "state")), "idle");
}
END_TEST

START_TEST(wait_times_out_with_a_fault)
{
    begin_green();
    scene_ask(METHOD_PAUSE, json_object());
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_ask(METHOD_WAIT, json_pack("{s:i}", "timeout_ms", 500));
    engine_synced(scene.engine, scene.cookie, scene.now);
    scene_settle();
    ck_assert(scene.refused);
    ck_assert_int_eq(scene.fault.kind, FAULT_TIMEOUT);
}
END_TEST

START_TEST(without_a_worker_wait_tries_once_more_and_then_says_why)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    engine_unfit(scene.engine, "", "no nose\n  here\n", scene.now);
    ck_assert_str_eq(scene_state(), "error");
    ck_assert_str_eq(json_string_value(json_object_get(scene.reply, "message")),
                     "no nose; here");
    scene_ask(METHOD_WAIT, json_object());
    ck_assert(!scene.refused);
    engine_synced(scene.engine, scene.cookie, scene.now);
    ck_assert_int_eq(scene.warmed, 2);
    engine_unfit(scene.engine, "", "no nose here", scene.now);
    ck_assert(scene.refused);
    ck_assert_int_eq(scene.fault.kind, FAULT_DEGRADED);
    scene_ready("python");
    scene_answer();
    ck_assert_str_eq(scene_state(), "running");
}
END_TEST

/* The framework refuses the settings that are there when the daemon begins. */
static void begin_refused(void)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    scene_refuse_settings("no such plugin");
    ck_assert_str_eq(scene_state(), "error");
}

START_TEST(
    settings_that_were_refused_from_the_beginning_are_asked_again_when_something_changes)
{
    begin_refused();
    int64_t question = scene.question;
    scene_save("plugin.py", "");
    scene_settle();
    ck_assert_int_gt(scene.question, question);
    scene_answer();
    ck_assert_str_eq(scene_state(), "running");
}
END_TEST

START_TEST(settings_that_change_before_the_first_answer_are_asked_for_after_it)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    int64_t question = scene.question;
    scene_save("setup.cfg", "");
    scene_settle();
    ck_assert_int_eq(scene.question, question);
    scene_answer();
    ck_assert_int_gt(scene.question, question);
    ck_assert_uint_ge(scene.asked_count, 1);
}
END_TEST

START_TEST(wait_says_what_is_wrong_with_settings_that_were_refused_from_the_beginning)
{
    begin_refused();
    int64_t question = scene.question;
    scene_ask(METHOD_WAIT, json_object());
    engine_synced(scene.engine, scene.cookie, scene.now);
    ck_assert_int_gt(scene.question, question);
    ck_assert(!scene.refused);
    scene_refuse_settings("no such plugin");
    ck_assert(scene.refused);
    ck_assert_int_eq(scene.fault.kind, FAULT_DEGRADED);
}
END_TEST

START_TEST(changes_that_were_lost_are_found_by_comparing)
{
    begin_green();
    scene_write("a.py", "a = 2\n");
    scene_write("test_new.py", "");
    engine_lost(scene.engine, "test", scene.now);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    ck_assert_uint_eq(scene_started_times("test_b.py"), 1);
    scene.places++;
    scene_answer();
    ck_assert_uint_eq(scene_started_times("test_new.py"), 1);
}
END_TEST

START_TEST(a_run_during_which_changes_were_lost_proves_nothing)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    engine_lost(scene.engine, "test", scene.now);
    scene_answer();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert(!scene_file("test_a.py").current);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
}
END_TEST

/* Answers that nothing of what was asked is a test file. */
static void answer_none(void)
{
    engine_classified(scene.engine, "",
                      &(struct report){.type = REPORT_CLASSIFIED, .id = scene.question},
                      scene.now);
}

START_TEST(what_was_rewritten_while_it_was_asked_about_is_asked_about_again)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    int64_t question = scene.question;
    scene_write("test_a.py", "pass\n"); /* and for a moment it was not there */
    answer_none();
    ck_assert_int_gt(scene.question, question);
    ck_assert_uint_eq(scene.asked_count, 1);
    ck_assert_str_eq(scene.asked[0], "test_a.py");
    scene_answer();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
}
END_TEST

START_TEST(what_was_away_while_it_was_asked_about_comes_back)
{
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    autofree char *whole = scene_path("test_a.py");
    ck_assert_int_eq(unlink(whole), 0);
    scene_ready("python");
    answer_none();
    scene_write("test_a.py", "pass\n");
    engine_changed(scene.engine, "test_a.py", true, scene.now); /* of both, one is told */
    scene_settle();
    scene_answer();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *story = tcase_create("story");
    tcase_add_checked_fixture(story, scene_open, scene_close);
    tcase_add_test(story, nothing_runs_before_it_is_known_what_a_test_file_is);
    tcase_add_test(story, a_change_runs_its_user_and_tells_what_came_of_it);
    tcase_add_test(story, an_edit_undone_is_current_again_without_a_run);
    tcase_add_test(story, a_change_during_a_run_makes_its_verdict_stale_on_arrival);
    tcase_add_test(story,
                   a_change_between_the_end_of_a_run_and_its_cookie_counts_as_during);
    tcase_add_test(story, a_change_elsewhere_during_a_run_does_not_matter);
    tcase_add_test(story, a_new_test_file_is_asked_for_and_runs);
    tcase_add_test(story, an_ignored_file_is_no_test_file);
    tcase_add_test(story, an_ignored_file_that_came_is_not_asked_about_with_all_others);
    tcase_add_test(story, other_rules_take_test_files_away_and_bring_others);
    tcase_add_test(story, doctor_says_what_is_kept_warm_and_what_is_not);
    tcase_add_test(story, doctor_says_how_the_notify_command_does);
    tcase_add_test(story, doctor_names_the_test_files_that_a_rule_hides);
    tcase_add_test(story, a_deleted_test_file_is_forgotten_and_its_run_cancelled);
    tcase_add_test(story, who_failed_to_import_runs_when_a_module_is_added);
    tcase_add_test(story, a_worker_that_dies_once_is_not_the_test_files_fault);
    tcase_add_test(
        story, another_environment_makes_everything_stale_and_the_old_one_back_nothing);
    tcase_add_test(
        story, wait_is_answered_when_all_earlier_changes_are_judged_and_nothing_is_left);
    tcase_add_test(story, wait_times_out_with_a_fault);
    tcase_add_test(story, without_a_worker_wait_tries_once_more_and_then_says_why);
    tcase_add_test(
        story,
        settings_that_were_refused_from_the_beginning_are_asked_again_when_something_changes);
    tcase_add_test(story,
                   settings_that_change_before_the_first_answer_are_asked_for_after_it);
    tcase_add_test(
        story,
        wait_says_what_is_wrong_with_settings_that_were_refused_from_the_beginning);
    tcase_add_test(story, changes_that_were_lost_are_found_by_comparing);
    tcase_add_test(story, a_run_during_which_changes_were_lost_proves_nothing);
    tcase_add_test(story,
                   a_run_that_began_in_another_environment_proves_nothing_of_the_new_one);
    tcase_add_test(story, what_is_added_to_a_folder_while_others_write_there_is_a_change);
    tcase_add_test(story, git_is_nobodys_business_but_of_who_looked_at_it);
    tcase_add_test(story,
                   what_was_rewritten_while_it_was_asked_about_is_asked_about_again);
    tcase_add_test(story, what_was_away_while_it_was_asked_about_comes_back);
    suite_add_tcase(suite, story);
    return suite_run(suite);
}
