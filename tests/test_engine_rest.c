/* Between runs: test files that do not come to rest, and what is done when all is at rest. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

static void begin(void)
{
    scene_write("test_a.py", "");
    scene_write("a.py", "1");
    scene_begin("3.11");
}

static void play(const char *path)
{
    int64_t run = scene_run_of("test_a.py");
    scene_look(run, EVIDENCE_CONTENT, "a.py");
    if (path != NULL)
        scene_look(run, EVIDENCE_EXISTENCE, path);
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
}

/* TIMES runs that start something which writes what they read. */
static void disturb(int times)
{
    for (int i = 0; i < times; i++) {
        scene_save("a.py", i % 2 == 0 ? "22" : "1");
        play(NULL);
        if (i < times - 1)
            scene_settle();
    }
}

static size_t runs(void)
{
    return scene_started_times("test_a.py");
}

/* How long until the next run, which is on then. */
static int64_t until_next_run(void)
{
    int64_t begun = scene.now;
    size_t before = runs();
    while (runs() == before)
        scene_settle();
    return scene.now - begun;
}

START_TEST(who_is_disturbed_each_time_runs_again_with_growing_pauses)
{
    begin();
    disturb(4);
    ck_assert_int_lt(until_next_run(), 100);
    int64_t last = 0;
    for (int i = 0; i < 10; i++) {
        disturb(1);
        int64_t pause = until_next_run();
        ck_assert_int_ge(pause, last);
        last = pause;
    }
    ck_assert_int_ge(last, 10000);
    ck_assert_int_lt(last, 20000);
    disturb(1);
    scene_ask(METHOD_WHY, json_pack("{s:[s]}", "files", "test_a.py"));
    const json_t *why = json_array_get(json_object_get(scene.reply, "why"), 0);
    const char *detail = json_string_value(json_object_get(why, "detail"));
    ck_assert_ptr_nonnull(detail);
    ck_assert_msg(strstr(detail, "15 times in a row") != NULL, "%s", detail);
}
END_TEST

START_TEST(a_run_that_is_left_alone_ends_the_pauses)
{
    begin();
    disturb(5);
    until_next_run();
    play(NULL);
    ck_assert(scene_file("test_a.py").current);
    scene_save("a.py", "333");
    scene_settle();
    size_t before = runs();
    scene_save("a.py", "4444");
    play(NULL);
    if (runs() == before)
        ck_assert_int_lt(until_next_run(), 100);
}
END_TEST

START_TEST(who_is_asked_for_runs_in_a_pause_too)
{
    begin();
    disturb(5);
    scene_settle();
    size_t before = runs();
    scene_ask(METHOD_RUN, json_pack("{s:[s]}", "files", "test_a.py"));
    ck_assert_uint_eq(runs(), before + 1);
}
END_TEST

static void count_fact(void *owner, const struct index_fact *fact)
{
    (void)fact;
    (*(size_t *)owner)++;
}

static size_t facts_at(const char *path)
{
    size_t count = 0;
    index_facts_at(scene.index, path, count_fact, &count);
    return count;
}

/* Each run rests on something else. */
static void run_times(int times)
{
    begin();
    play("p0");
    for (int i = 1; i < times; i++) {
        autofree char *path = xasprintf("p%d", i);
        scene_save("a.py", path);
        scene_settle();
        scene.started_count--; /* only the last is asked for */
        free(scene.started[scene.started_count - 1].file);
        scene.started[scene.started_count - 1] = scene.started[scene.started_count];
        play(path);
    }
}

START_TEST(what_nothing_rests_on_leaves_the_index_when_there_is_time)
{
    run_times(500);
    ck_assert_uint_eq(facts_at("p0"), 1);
    for (int64_t over = scene.now + 3600000; scene.now < over;)
        scene_settle();
    ck_assert_uint_eq(facts_at("p0"), 0);
    ck_assert_uint_eq(facts_at("p499"), 1);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

START_TEST(without_a_rest_it_leaves_in_any_moment_that_will_do)
{
    run_times(1500);
    engine_tick(scene.engine, scene.now); /* no time has passed */
    ck_assert_uint_eq(facts_at("p0"), 0);
    ck_assert_uint_eq(facts_at("p1499"), 1);
    ck_assert(scene_file("test_a.py").current);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_rest");
    TCase *tests = tcase_create("rest");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, who_is_disturbed_each_time_runs_again_with_growing_pauses);
    tcase_add_test(tests, a_run_that_is_left_alone_ends_the_pauses);
    tcase_add_test(tests, who_is_asked_for_runs_in_a_pause_too);
    tcase_add_test(tests, what_nothing_rests_on_leaves_the_index_when_there_is_time);
    tcase_add_test(tests, without_a_rest_it_leaves_in_any_moment_that_will_do);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
