/* Verdicts that are current, run again: what is found, and when it is done. */

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

static void forget_reply(void)
{
    json_decref(scene.reply);
    scene.reply = NULL;
}

static void audit(const char *file)
{
    forget_reply();
    scene_ask(METHOD_AUDIT, json_pack("{s:[s]}", "files", file));
    ck_assert(!scene.refused);
}

/* How often FOUND stands in the last reply. */
static int64_t answered(const char *found)
{
    ck_assert_ptr_nonnull(scene.reply);
    return json_integer_value(json_object_get(scene.reply, found));
}

static const char *news(const char *key)
{
    json_t *params = scene_news(TOPIC_AUDIT);
    ck_assert_ptr_nonnull(params);
    return json_string_value(json_object_get(params, key));
}

/* Is PATH in the list KEY of what was told last? */
static bool names(const char *key, const char *path)
{
    json_t *list = json_object_get(scene_news(TOPIC_AUDIT), key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        const char *named = json_string_value(json_object_get(item, "path"));
        if (named != NULL && strcmp(named, path) == 0)
            return true;
    }
    return false;
}

/* A run that also read the file at MORE, where that is not NULL. */
static void play_more(const char *file, const char *path, const char *more,
                      enum outcome outcome)
{
    int64_t run = scene_run_of(file);
    scene_look(run, EVIDENCE_CODE, path);
    if (more != NULL)
        scene_look(run, EVIDENCE_CONTENT, more);
    scene_result(run, "test_it", outcome);
    scene_end(run);
}

START_TEST(a_true_verdict_is_run_again_and_agrees)
{
    begin_green();
    audit("test_a.py");
    ck_assert_ptr_null(scene.reply);
    ck_assert_int_eq(scene.refreshed, 1);
    ck_assert_str_eq(scene_state(), "running");
    forget_reply();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("agreed"), 1);
    ck_assert_int_eq(answered("audited"), 1);
    ck_assert_str_eq(news("found"), "agreed");
    struct index_file file = scene_file("test_a.py");
    ck_assert_int_eq(file.runs, 2);
    ck_assert_int_eq(file.audit.verdict, file.verdict);
    ck_assert_int_eq(scene_file("test_b.py").runs, 1);
    scene_ask(METHOD_STATUS, json_object());
    json_t *counts = json_object_get(scene.reply, "audit");
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "agreed")), 1);
    ck_assert(json_is_string(json_object_get(counts, "last")));
}
END_TEST

START_TEST(runs_that_agree_with_each_other_alone_show_a_stale_verdict)
{
    begin_green();
    audit("test_a.py");
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_null(scene.reply);
        scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    }
    ck_assert_int_eq(answered("stale"), 1);
    ck_assert_str_eq(news("found"), "stale");
    ck_assert_ptr_nonnull(strstr(news("detail"), "what no tracing sees"));
    json_t *test = json_array_get(json_object_get(scene_news(TOPIC_AUDIT), "tests"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(test, "test")), "test_it");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(test, "was"), "outcome")),
        "success");
    struct index_file file = scene_file("test_a.py");
    ck_assert(file.current && !file.flaky);
    ck_assert_int_eq(file.counts.failures, 1);
    ck_assert_int_eq(file.runs, 6);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 6);
    ck_assert_ptr_nonnull(scene_news(TOPIC_RED));
}
END_TEST

START_TEST(what_only_the_fresh_runs_looked_at_is_named)
{
    begin_green();
    scene_write("data.txt", "1\n");
    audit("test_a.py");
    for (int i = 0; i < 5; i++)
        play_more("test_a.py", "a.py", "data.txt", OUTCOME_FAILURE);
    ck_assert_int_eq(answered("stale"), 1);
    ck_assert(names("only_now", "data.txt"));
    ck_assert(!names("only_now", "a.py"));
    ck_assert_ptr_nonnull(strstr(news("detail"), "data.txt"));
}
END_TEST

/* Else the verdict that was found wrong would be shown when what it lacks is another again. */
START_TEST(a_stale_verdict_is_never_shown_again)
{
    begin_green();
    scene_write("data.txt", "1\n");
    audit("test_a.py");
    play_more("test_a.py", "a.py", "data.txt", OUTCOME_FAILURE);
    scene_save("data.txt", "2\n");
    scene_settle();
    struct index_file file = scene_file("test_a.py");
    ck_assert(!file.current);
    ck_assert_int_eq(file.counts.failures, 1);
}
END_TEST

START_TEST(runs_that_do_not_agree_show_a_flaky_test)
{
    begin_green();
    audit("test_a.py");
    scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    ck_assert_ptr_null(scene.reply);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("flaky"), 1);
    ck_assert_str_eq(news("found"), "flaky");
    ck_assert(scene_file("test_a.py").flaky);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
}
END_TEST

/* Also where a failure reads more, as for its traceback. */
START_TEST(a_flaky_test_may_look_at_more_when_it_fails)
{
    begin_green();
    scene_write("data.txt", "1\n");
    audit("test_a.py");
    play_more("test_a.py", "a.py", "data.txt", OUTCOME_FAILURE);
    play_more("test_a.py", "a.py", NULL, OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("flaky"), 1);
    ck_assert(scene_file("test_a.py").flaky);
}
END_TEST

START_TEST(a_change_that_nobody_told_is_named)
{
    begin_green();
    scene_write("a.py", "a = 2\n");
    audit("test_a.py");
    scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    ck_assert_int_eq(answered("stale"), 1);
    ck_assert(names("moved", "a.py"));
    ck_assert_ptr_nonnull(strstr(news("detail"), "a.py has changed, and nobody told"));
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(another_exception_is_another_outcome)
{
    begin_green();
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_play("test_a.py", "a.py", OUTCOME_ERROR);
    audit("test_a.py");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CODE, "a.py");
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_RESULT,
                                   .run = run,
                                   .test = "test_it",
                                   .outcome = OUTCOME_ERROR,
                                   .exception = "KeyError",
                                   .text = "other text"},
                  scene.now);
    scene_end(run);
    ck_assert_ptr_null(scene.reply);
    scene_play("test_a.py", "a.py", OUTCOME_ERROR);
    ck_assert_int_eq(answered("flaky"), 1);
}
END_TEST

START_TEST(an_edit_in_between_makes_it_count_for_nothing)
{
    begin_green();
    audit("test_a.py");
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CODE, "a.py");
    scene_save("a.py", "a = 2\n");
    scene_result(run, "test_it", OUTCOME_FAILURE);
    scene_end(run);
    ck_assert_int_eq(answered("disturbed"), 1);
    ck_assert_int_eq(answered("audited"), 0);
    ck_assert_str_eq(news("found"), "disturbed");
    ck_assert_int_eq(scene_file("test_a.py").audit.at, 0);
    scene_settle();
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
}
END_TEST

/* The fresh run need not have come to what was edited. */
START_TEST(an_edit_of_what_only_the_verdict_rests_on_disturbs_it_too)
{
    begin_green();
    audit("test_a.py");
    int64_t run = scene_run_of("test_a.py");
    scene_save("a.py", "a = 2\n");
    scene_result(run, "test_it", OUTCOME_FAILURE);
    scene_end(run);
    ck_assert_int_eq(answered("disturbed"), 1);
}
END_TEST

START_TEST(what_is_stale_goes_before_an_audit)
{
    begin_green();
    audit("test_a.py");
    int64_t run = scene_run_of("test_a.py");
    scene_save("b.py", "b = 2\n");
    scene_settle();
    ck_assert_int_eq(scene.cancelled, run);
    scene_end_as(run, ENGINE_CANCELLED);
    ck_assert_uint_eq(scene_started_times("test_b.py"), 2);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1 + 1);
    ck_assert_ptr_null(scene.reply);
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2 + 1);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("agreed"), 1);
    ck_assert_int_eq(scene_file("test_a.py").runs, 2);
}
END_TEST

START_TEST(who_waits_for_the_truth_waits_for_no_audits)
{
    begin_green();
    forget_reply();
    scene_ask(METHOD_AUDIT, json_pack("{s:b}", "all", 1));
    int64_t run = scene.started[scene.started_count - 1].id;
    const char *file = scene.started[scene.started_count - 1].file;
    scene_ask(METHOD_WAIT, json_object());
    engine_synced(scene.engine, scene.cookie, scene.now);
    scene_look(run, EVIDENCE_CODE, strcmp(file, "test_a.py") == 0 ? "a.py" : "b.py");
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    ck_assert_ptr_null(scene.reply);
    scene_end(run); /* the other one has not begun before the answer */
    ck_assert_str_eq(json_string_value(json_object_get(scene.reply, "state")), "idle");
    ck_assert_uint_eq(scene.started_count, 4);
    const char *other = scene.started[3].file;
    scene_play(other, strcmp(other, "test_a.py") == 0 ? "a.py" : "b.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("agreed"), 2);
}
END_TEST

START_TEST(where_tests_cannot_be_run_any_more_it_is_answered)
{
    begin_green();
    scene.places = 0; /* no worker comes */
    audit("test_a.py");
    ck_assert_ptr_null(scene.reply);
    engine_unfit(scene.engine, "", "there is no python", scene.now);
    ck_assert_int_eq(answered("disturbed"), 1);
}
END_TEST

START_TEST(a_file_that_goes_away_is_answered_for)
{
    begin_green();
    audit("test_a.py");
    int64_t run = scene_run_of("test_a.py");
    scene_remove("test_a.py");
    scene_settle();
    ck_assert_int_eq(scene.cancelled, run);
    scene_end_as(run, ENGINE_CANCELLED);
    ck_assert_int_eq(answered("disturbed"), 1);
}
END_TEST

START_TEST(those_never_audited_come_first_then_those_audited_long_ago)
{
    begin_green();
    scene_ask(METHOD_AUDIT, json_pack("{s:i}", "count", 1));
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    scene_ask(METHOD_AUDIT, json_pack("{s:i}", "count", 1));
    ck_assert_uint_eq(scene_started_times("test_b.py"), 2);
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    scene_ask(METHOD_AUDIT, json_pack("{s:i}", "count", 1));
    ck_assert_uint_eq(scene_started_times("test_a.py"), 3);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    scene_ask(METHOD_AUDIT, json_pack("{s:b}", "all", 1));
    ck_assert_uint_eq(scene_started_times("test_b.py"), 3);
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    for (uint64_t cookie = 0; cookie < scene.cookie;
         cookie++) /* the next began before it */
        engine_synced(scene.engine, cookie, scene.now);
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    ck_assert_int_eq(answered("agreed"), 2);
}
END_TEST

START_TEST(what_rests_on_something_unseen_comes_first_of_all)
{
    scene_write("a.py", "a = 1\n");
    scene_write("test_a.py", "\n");
    scene_write("test_b.py",
                "import a\n"); /* runs last: its verdict is the younger one */
    scene_begin("3.11.2 python3");
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    int64_t run = scene_run_of("test_b.py");
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_LOOK,
                                   .run = run,
                                   .evidence = EVIDENCE_CONTENT,
                                   .path = (char[]){"/bin/tool"},
                                   .unseen = true},
                  scene.now);
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(scene_file("test_b.py").unseen);
    scene_ask(METHOD_AUDIT, json_pack("{s:i}", "count", 1));
    ck_assert_uint_eq(scene_started_times("test_b.py"), 2);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 1);
}
END_TEST

START_TEST(what_was_found_survives_a_restart_and_doctor_says_so)
{
    begin_green();
    audit("test_a.py");
    for (int i = 0; i < 5; i++)
        scene_play("test_a.py", "a.py", OUTCOME_FAILURE);
    scene_restart();
    scene_begin("3.11.2 python3");
    scene_ask(METHOD_DOCTOR, json_object());
    json_t *check = NULL;
    bool told = false;
    size_t i = 0;
    json_array_foreach(json_object_get(scene.reply, "checks"), i, check)
    {
        if (strcmp(json_string_value(json_object_get(check, "name")), "audits") != 0)
            continue;
        told = true;
        ck_assert(json_is_false(json_object_get(check, "ok")));
        ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(check, "message")),
                                     "test_a.py: 5 fresh"));
    }
    ck_assert(told);
    scene_ask(METHOD_FILES, json_object());
    json_t *record = json_array_get(json_object_get(scene.reply, "files"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(record, "audit")), "stale");
    ck_assert(json_is_string(json_object_get(record, "audited")));
}
END_TEST

START_TEST(files_that_share_a_process_are_audited_together)
{
    scene_write("a.py", "a = 1\n");
    scene_write("test_a.py", "import a\n");
    scene_write("test_b.py", "import a\n");
    engine_begin(scene.engine, scene.now);
    scene_ready_isolated("directory");
    scene_answer();
    for (int i = 0; i < 2; i++) {
        int64_t run = scene_run_of("test_a.py");
        scene_look(run, EVIDENCE_CODE, "a.py");
        scene_end(run);
        if (i == 0)
            audit("test_b.py");
    }
    ck_assert_int_eq(answered("agreed"), 1);
    ck_assert_int_ne(scene_file("test_a.py").audit.at, 0);
    ck_assert_int_ne(scene_file("test_b.py").audit.at, 0);
}
END_TEST

START_TEST(nothing_is_audited_that_nobody_asks_for)
{
    begin_green();
    scene_settle(); /* opens are listened to for a while */
    ck_assert_int_gt(engine_deadline(scene.engine) - scene.now, 600000);
}
END_TEST

START_TEST(an_idle_machine_audits_each_verdict_once_and_then_sleeps)
{
    begin_green();
    engine_audits(scene.engine, true, scene.now);
    scene.machine = (struct engine_machine){.busy = 0, .mains = true};
    const char *files[] = {"test_a.py", "test_b.py"};
    const char *modules[] = {"a.py", "b.py"};
    for (size_t i = 0; i < 2; i++) {
        while (scene_started_times(files[i]) < 2)
            scene_settle();
        scene_play(files[i], modules[i], OUTCOME_SUCCESS);
    }
    int64_t began = scene.now;
    while (engine_deadline(scene.engine) < began + 600000)
        scene_settle();
    ck_assert_int_lt(scene.now, began + 120000);
    ck_assert_uint_eq(scene.started_count, 4);
    scene_save("a.py", "a = 2\n");
    scene_settle();
    scene_play("test_a.py", "a.py", OUTCOME_SUCCESS);
    while (scene_started_times("test_a.py") < 4)
        scene_settle();
}
END_TEST

START_TEST(an_audit_by_and_by_that_gave_way_waits_for_the_next_rest)
{
    begin_green();
    engine_audits(scene.engine, true, scene.now);
    scene.machine = (struct engine_machine){.busy = 0, .mains = true};
    while (scene_started_times("test_a.py") < 2)
        scene_settle();
    int64_t run = scene_run_of("test_a.py");
    scene_save("b.py", "b = 2\n");
    scene_settle();
    ck_assert_int_eq(scene.cancelled, run);
    scene_end_as(run, ENGINE_CANCELLED);
    int64_t began = scene.now;
    scene_play("test_b.py", "b.py", OUTCOME_SUCCESS);
    ck_assert_uint_eq(scene_started_times("test_a.py"), 2);
    ck_assert_str_eq(scene_state(), "idle");
    while (scene_started_times("test_a.py") < 3)
        scene_settle();
    ck_assert_int_ge(scene.now - began, 60000);
}
END_TEST

static const struct engine_machine at_work[] = {{.busy = 80, .mains = true},
                                                {.busy = 0, .mains = false}};

START_TEST(a_machine_at_work_or_on_a_battery_is_left_alone)
{
    begin_green();
    engine_audits(scene.engine, true, scene.now);
    scene.machine = at_work[_i];
    int64_t until = scene.now + 1000000;
    int turns = 0;
    for (; scene.now < until; turns++)
        scene_settle();
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert_int_lt(turns, 8);
    engine_audits(scene.engine, false, scene.now);
    ck_assert_int_gt(engine_deadline(scene.engine) - scene.now, 600000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine, audits");
    TCase *of = tcase_create("audits");
    tcase_add_checked_fixture(of, scene_open, scene_close);
    tcase_add_test(of, a_true_verdict_is_run_again_and_agrees);
    tcase_add_test(of, runs_that_agree_with_each_other_alone_show_a_stale_verdict);
    tcase_add_test(of, what_only_the_fresh_runs_looked_at_is_named);
    tcase_add_test(of, a_stale_verdict_is_never_shown_again);
    tcase_add_test(of, runs_that_do_not_agree_show_a_flaky_test);
    tcase_add_test(of, a_flaky_test_may_look_at_more_when_it_fails);
    tcase_add_test(of, a_change_that_nobody_told_is_named);
    tcase_add_test(of, another_exception_is_another_outcome);
    tcase_add_test(of, an_edit_in_between_makes_it_count_for_nothing);
    tcase_add_test(of, an_edit_of_what_only_the_verdict_rests_on_disturbs_it_too);
    tcase_add_test(of, what_is_stale_goes_before_an_audit);
    tcase_add_test(of, who_waits_for_the_truth_waits_for_no_audits);
    tcase_add_test(of, where_tests_cannot_be_run_any_more_it_is_answered);
    tcase_add_test(of, a_file_that_goes_away_is_answered_for);
    tcase_add_test(of, those_never_audited_come_first_then_those_audited_long_ago);
    tcase_add_test(of, what_rests_on_something_unseen_comes_first_of_all);
    tcase_add_test(of, what_was_found_survives_a_restart_and_doctor_says_so);
    tcase_add_test(of, files_that_share_a_process_are_audited_together);
    tcase_add_test(of, nothing_is_audited_that_nobody_asks_for);
    tcase_add_test(of, an_idle_machine_audits_each_verdict_once_and_then_sleeps);
    tcase_add_test(of, an_audit_by_and_by_that_gave_way_waits_for_the_next_rest);
    tcase_add_loop_test(of, a_machine_at_work_or_on_a_battery_is_left_alone, 0,
                        sizeof at_work / sizeof *at_work);
    suite_add_tcase(suite, of);
    return suite_run(suite);
}
