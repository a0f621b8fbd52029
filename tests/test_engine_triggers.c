/* Evidence by the settings alone: what the engine makes of triggers. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static const char *const beside[] = {"./", NULL};
static const char *const above[] = {"../test_r*.py", NULL};
static const char *const named[] = {"lib/", NULL};

static const struct engine_trigger triggers[] = {
    {"*.ini", beside}, {"conf/*.yml", above}, {"schema/", named}};
enum { TRIGGERS = sizeof triggers / sizeof *triggers };

static const char *const files[] = {"a/test_a.py", "lib/test_l.py", "test_r.py"};
enum { FILES = sizeof files / sizeof *files };

static void play_all(void)
{
    while (scene.places == 0) {
        int64_t run = scene.started[scene.started_count - 1].id;
        scene_result(run, "test_it", OUTCOME_SUCCESS);
        scene_end(run);
    }
}

static void set_triggers(size_t count)
{
    engine_triggers(scene.engine, triggers, count);
    engine_ruled(scene.engine, scene.now);
}

static void set_up(void)
{
    scene_open();
    for (size_t i = 0; i < FILES; i++)
        scene_write(files[i], "");
    scene_write("a/x.ini", "1");
    engine_triggers(scene.engine, triggers, TRIGGERS);
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    scene_answer();
    play_all();
}

static void tear_down(void)
{
    scene_close();
}

/* A letter for each file that is not current, after what was told is judged. */
static const char *stale(void)
{
    static char text[FILES + 1];
    size_t length = 0;
    scene.places = 0; /* nothing starts */
    scene_settle();
    for (size_t i = 0; i < FILES; i++)
        if (!scene_file(files[i]).current)
            text[length++] = path_base(files[i])[5];
    text[length] = '\0';
    scene.places = 1;
    return text;
}

static void make_folder(const char *path)
{
    autofree char *whole = scene_path(path);
    ck_assert_int_eq(mkdir(whole, 0700), 0);
    engine_changed(scene.engine, path, true, scene.now);
}

static void remove_folder(const char *path)
{
    autofree char *whole = scene_path(path);
    ck_assert_int_eq(rmdir(whole), 0);
    engine_changed(scene.engine, path, true, scene.now);
}

START_TEST(contents_are_evidence_below_the_folder_of_the_match)
{
    scene_save("a/x.ini", "2");
    ck_assert_str_eq(stale(), "a");
    scene_save("a/x.ini", "1");
    ck_assert_str_eq(stale(), "");
    scene_save("a/x.txt", "1");
    ck_assert_str_eq(stale(), "");
}
END_TEST

START_TEST(what_comes_counts_and_what_goes_again_is_as_before)
{
    scene_save("lib/y.ini", "1");
    ck_assert_str_eq(stale(), "l");
    scene_remove("lib/y.ini");
    ck_assert_str_eq(stale(), "");
    scene_save("z.ini", "1"); /* all lie below the root */
    ck_assert_str_eq(stale(), "alr");
}
END_TEST

START_TEST(a_folder_above_the_match_is_meant_by_dots)
{
    make_folder("a/conf");
    ck_assert_str_eq(stale(), "");
    scene_save("conf/x.yml", "1"); /* no slash before conf/: the root's alone */
    ck_assert_str_eq(stale(), "r");
}
END_TEST

START_TEST(folders_count_with_all_that_is_in_them)
{
    make_folder("schema");
    ck_assert_str_eq(stale(), "l");
    remove_folder("schema");
    ck_assert_str_eq(stale(), "");
    make_folder("schema");
    scene_settle();
    play_all();
    ck_assert_str_eq((engine_ruled(scene.engine, scene.now), stale()), "");
    remove_folder("schema"); /* empty: no content of it is evidence */
    ck_assert_str_eq(stale(), "");
    scene_save("schema/deep.sql", "1");
    ck_assert_str_eq(stale(), "l");
}
END_TEST

START_TEST(a_folder_that_goes_takes_what_was_in_it_along)
{
    scene_save("schema/one.sql", "1");
    engine_changed(scene.engine, "schema", true, scene.now);
    scene_settle();
    play_all();
    autofree char *from = scene_path("schema");
    autofree char *to = scene_path("else");
    ck_assert_int_eq(rename(from, to), 0);
    engine_changed(scene.engine, "schema", true, scene.now); /* nothing below is named */
    engine_changed(scene.engine, "else", true, scene.now);
    ck_assert_str_eq(stale(), ""); /* as it was at first */
    ck_assert_int_eq(rename(to, from), 0);
    engine_changed(scene.engine, "schema", true, scene.now);
    engine_changed(scene.engine, "schema/one.sql", true, scene.now);
    ck_assert_str_eq(stale(), "");
}
END_TEST

START_TEST(other_settings_count_for_those_that_they_concern)
{
    scene_save("schema/one.sql", "1");
    engine_changed(scene.engine, "schema", true, scene.now);
    scene_settle();
    play_all();
    set_triggers(0); /* what was evidence is more than is asked for */
    ck_assert_str_eq(stale(), "");
    set_triggers(TRIGGERS);
    ck_assert_str_eq(stale(), "");
    scene_save("lib/test_l.py", "x = 1");
    set_triggers(0);
    scene_settle();
    play_all();
    set_triggers(TRIGGERS); /* it ran without them */
    ck_assert_str_eq(stale(), "l");
}
END_TEST

START_TEST(what_changes_during_a_run_leaves_it_unsure)
{
    static const struct {
        const char *save, *remove;
    } acts[] = {{"a/x.ini", NULL}, {"a/new.ini", NULL}, {NULL, "a/x.ini"}};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        scene_save("a/x.ini", "1");
        scene_save("a/test_a.py", i % 2 == 0 ? "x = 1" : "x = 2");
        scene_settle();
        int64_t run = scene_run_of("a/test_a.py");
        scene_result(run, "test_it", OUTCOME_SUCCESS);
        if (acts[i].save != NULL)
            scene_save(acts[i].save, "7");
        else
            scene_remove(acts[i].remove);
        scene_end(run);
        ck_assert(!scene_file("a/test_a.py").current);
        scene_settle();
        play_all();
        ck_assert(scene_file("a/test_a.py").current);
    }
}
END_TEST

START_TEST(what_the_run_writes_itself_leaves_it_current)
{
    scene_save("a/test_a.py", "x = 1");
    scene_settle();
    int64_t run = scene_run_of("a/test_a.py");
    scene_wrote(run, "a/out.ini");
    scene_save("a/out.ini", "1");
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    ck_assert(scene_file("a/test_a.py").current);
    ck_assert_str_eq(stale(), "");
}
END_TEST

START_TEST(an_ignored_path_is_no_evidence)
{
    scene_save("ignored/x.ini", "1");
    ck_assert_str_eq(stale(), "");
}
END_TEST

START_TEST(why_names_the_path_that_came_or_went)
{
    scene_save("lib/y.ini", "1");
    ck_assert_str_eq(stale(), "l");
    scene_ask(METHOD_WHY, json_pack("{s:[s]}", "files", "lib/test_l.py"));
    const json_t *why = json_array_get(json_object_get(scene.reply, "why"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(why, "reason")), "added");
    ck_assert_str_eq(json_string_value(json_object_get(why, "path")), "lib/y.ini");
    const char *detail = json_string_value(json_object_get(why, "detail"));
    ck_assert_ptr_nonnull(strstr(detail, "was none, is *.ini: 1 ("));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("triggers");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, contents_are_evidence_below_the_folder_of_the_match);
    tcase_add_test(tests, what_comes_counts_and_what_goes_again_is_as_before);
    tcase_add_test(tests, a_folder_above_the_match_is_meant_by_dots);
    tcase_add_test(tests, folders_count_with_all_that_is_in_them);
    tcase_add_test(tests, a_folder_that_goes_takes_what_was_in_it_along);
    tcase_add_test(tests, other_settings_count_for_those_that_they_concern);
    tcase_add_test(tests, what_changes_during_a_run_leaves_it_unsure);
    tcase_add_test(tests, what_the_run_writes_itself_leaves_it_current);
    tcase_add_test(tests, an_ignored_path_is_no_evidence);
    tcase_add_test(tests, why_names_the_path_that_came_or_went);
    Suite *suite = suite_create("engine_triggers");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
