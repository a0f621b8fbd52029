/* A restart: what workers told need not be asked for again, where all that it rests on was left alone. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static const char *const packages[] = {"one", NULL};

#define LATER "9000000000000000000" /* ns: whatever was written has settled by then */

static void say(void (*tell)(struct engine *, const char *, const struct report *,
                             int64_t),
                const char *package, const char *line)
{
    struct report report;
    const char *why = "";
    ck_assert_msg(report_decode(line, strlen(line), &report, &why) == 0, "%s: %s", why,
                  line);
    tell(scene.engine, package, &report, scene.now);
    report_finish(&report);
}

static void ready(const char *package)
{
    snprintf(scene.speaker, sizeof scene.speaker, "%s", package);
    autofree char *line = xasprintf(
        "{\"report\":\"ready\",\"protocol\":1,\"framework\":\"nose\","
        "\"framework_version\":\"1.3.7\",\"python\":\"3.11\",\"suffixes\":[\".py\"],"
        "\"environment\":[[\"python\",\"3.11 of %s\"]],\"began_ns\":" LATER ","
        "\"rests\":{\"there\":[\"installed\"],\"kinds\":[],\"absent\":[\"pyvenv.cfg\"]}}",
        package);
    say(engine_ready, package, line);
}

/* RESTS: of the answer. */
static void answer(const char *rests)
{
    json_t *tests = json_array();
    for (size_t i = 0; i < scene.asked_count; i++)
        if (strncmp(path_base(scene.asked[i]), "test_", 5) == 0)
            json_array_append_new(tests, json_string(scene.asked[i]));
    autofree char *list = json_dumps(tests, 0);
    json_decref(tests);
    autofree char *line = xasprintf("{\"report\":\"classified\",\"id\":%lld,\"tests\":%s,"
                                    "\"message\":null,\"rests\":%s}",
                                    (long long)scene.question, list, rests);
    say(engine_classified, scene.asked_package, line);
}

#define RESTS                                                                            \
    "{\"there\":[\"/usr/bin/env\"],\"kinds\":[\"one\"],\"absent\":[\"one/nose.cfg\"]}"

/* The package's worker has told, and one/test_one.py has run. */
static void live(const char *rests)
{
    autofree char *folder = scene_path("one");
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    scene_write("installed", "");
    scene_write("one/test_one.py", "");
    scene_write("one/helper.py", "");
    scene.packages = packages;
    scene.launch = "python3 -B host";
    engine_begin(scene.engine, scene.now);
    ready("one"); /* in the root there is nothing to be asked */
    answer(rests);
    scene_play("one/test_one.py", "one/test_one.py", OUTCOME_SUCCESS);
    ck_assert(scene_file("one/test_one.py").current);
}

/* How many packages ask for a worker. */
static int asks_again(void)
{
    scene_restart();
    scene.warmed = 0;
    scene.question = 0;
    engine_begin(scene.engine, scene.now);
    return scene.warmed;
}

START_TEST(what_workers_told_is_not_asked_for_again)
{
    live(RESTS);
    size_t before = scene.started_count;
    ck_assert_int_eq(asks_again(), 0);
    ck_assert(scene_file("one/test_one.py").current);
    ck_assert_int_eq(scene.question, 0);
    ck_assert_uint_eq(scene.started_count, before);
    ck_assert_str_eq(scene_state(), "idle");
    scene_save("one/test_more.py", "");
    scene_settle();
    ready("one");
    ck_assert_uint_eq(scene.asked_count, 1);
    ck_assert_str_eq(scene.asked[0], "one/test_more.py");
    answer(RESTS);
    scene.places = 1;
    engine_room(scene.engine, scene.now);
    ck_assert_uint_eq(scene_started_times("one/test_more.py"), 1);
}
END_TEST

START_TEST(a_test_that_was_edited_meanwhile_runs)
{
    live(RESTS);
    scene_write("one/test_one.py", "edited = 1");
    scene.places = 1;
    ck_assert_int_eq(asks_again(), 0); /* that it is a test file is known */
    ck_assert(!scene_file("one/test_one.py").current);
    ck_assert_uint_eq(scene_started_times("one/test_one.py"), 2);
}
END_TEST

static void other_launch(void)
{
    scene.launch = "python3 -B host --arg=-x";
}

static void unknown_launch(void)
{
    scene.launch = NULL;
}

static void rewritten(void)
{
    scene_write("installed", "again");
}

static void gone(void)
{
    autofree char *path = scene_path("installed");
    ck_assert_int_eq(unlink(path), 0);
}

static void appeared(void)
{
    scene_write("pyvenv.cfg", "");
}

static void settings(void)
{
    scene_write("one/nose.cfg", "");
}

static void forbidden(void)
{
    autofree char *path = scene_path("one");
    ck_assert_int_eq(chmod(path, 0500), 0);
}

static void candidate(void)
{
    scene_write("one/test_other.py", "");
}

static void program(void)
{
    autofree char *path = scene_path("one/helper.py");
    ck_assert_int_eq(chmod(path, 0700), 0);
}

static void candidate_gone(void)
{
    autofree char *path = scene_path("one/helper.py");
    ck_assert_int_eq(unlink(path), 0);
}

static void (*const acts[])(void) = {other_launch, unknown_launch, rewritten, gone,
                                     appeared,     settings,       forbidden, candidate,
                                     program,      candidate_gone};

START_TEST(whatever_it_rests_on_counts)
{
    live(RESTS);
    acts[_i]();
    ck_assert_int_eq(asks_again(), 1);
    ck_assert(!scene_file("one/test_one.py").current);
    autofree char *path = scene_path("one");
    ck_assert_int_eq(chmod(path, 0700), 0);
}
END_TEST

#define HELPED "{\"there\":[\"one/helper.py\"],\"kinds\":[],\"absent\":[\"one/plugin\"]}"

START_TEST(a_change_of_what_decided_it_asks_again)
{
    live(HELPED);
    scene_save("one/helper.py", "names = []");
    scene_settle();
    ck_assert_str_eq(scene_state(), "running");
    ck_assert_uint_eq(scene.asked_count, 2); /* all that could be test files */
    answer(HELPED);
    ck_assert_str_eq(scene_state(), "idle");
    scene.question = 0;
    scene_save("one/other.txt", "");
    scene_settle();
    ck_assert_int_eq(scene.question, 0);
}
END_TEST

START_TEST(a_run_by_hand_that_goes_on_keeps_nobody_from_asking_again)
{
    live(HELPED);
    scene_ask(METHOD_RECORD_BEGIN, json_object());
    scene_save("one/helper.py", "names = []");
    scene_settle();
    ck_assert_uint_eq(scene.asked_count, 2);
    answer(HELPED);
    ck_assert_str_eq(scene_state(), "idle");
}
END_TEST

START_TEST(what_an_import_finds_now_asks_again)
{
    live(HELPED);
    scene_save("one/plugin.py", "");
    scene_settle();
    ck_assert_uint_eq(scene.asked_count, 1); /* the file itself */
    answer(HELPED);
    ck_assert_uint_eq(scene.asked_count, 3);
    answer(HELPED);
    ck_assert_str_eq(scene_state(), "idle");
}
END_TEST

START_TEST(a_change_while_it_is_asked_asks_again)
{
    live(RESTS);
    scene_save("one/nose.cfg", "");
    scene_settle();
    int64_t question = scene.question;
    scene_save("one/helper.py", "names = []");
    scene_settle();
    answer("{\"there\":[\"one/helper.py\"],\"kinds\":[],\"absent\":[]}");
    ck_assert_int_gt(scene.question, question);
    ck_assert_str_eq(scene_state(), "running");
}
END_TEST

START_TEST(what_changed_since_the_question_is_not_kept)
{
    live("{\"there\":[\"one/helper.py\"],\"kinds\":[],\"absent\":[]}"); /* just written */
    ck_assert_int_eq(asks_again(), 1);
    ready("one");
    ck_assert(scene_file("one/test_one.py").current);
}
END_TEST

START_TEST(what_could_not_be_traced_is_not_kept)
{
    live("null");
    ck_assert_int_eq(asks_again(), 1);
}
END_TEST

START_TEST(what_was_told_of_a_package_goes_with_it)
{
    live(RESTS);
    scene.packages = NULL;
    asks_again();
    scene.packages = packages;
    ck_assert_int_eq(asks_again(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_told");
    TCase *tests = tcase_create("told");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, what_workers_told_is_not_asked_for_again);
    tcase_add_test(tests, a_test_that_was_edited_meanwhile_runs);
    tcase_add_loop_test(tests, whatever_it_rests_on_counts, 0,
                        (int)(sizeof acts / sizeof *acts));
    tcase_add_test(tests, a_change_of_what_decided_it_asks_again);
    tcase_add_test(tests, a_run_by_hand_that_goes_on_keeps_nobody_from_asking_again);
    tcase_add_test(tests, what_an_import_finds_now_asks_again);
    tcase_add_test(tests, a_change_while_it_is_asked_asks_again);
    tcase_add_test(tests, what_changed_since_the_question_is_not_kept);
    tcase_add_test(tests, what_could_not_be_traced_is_not_kept);
    tcase_add_test(tests, what_was_told_of_a_package_goes_with_it);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
