/* The wall clock jumps: who trusted time stamps runs again, nobody else notices. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

enum { HOUR = 3600 * 1000 };

static void set_up(void)
{
    scene_open();
    scene_write("test_a.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("python");
    scene_answer();
}

static void tear_down(void)
{
    scene_close();
}

static void end(int64_t run)
{
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
}

static const struct {
    int64_t lasts, moved;
    bool current;
} jumps[] = {
    {1000, 0, true},          {1000, -HOUR, false}, {1000, HOUR, true},
    {1000, -400, false},      {10, -100, true}, /* a clock of little use */
    {HOUR, -HOUR / 20, true},                   /* is slowed down */
};

START_TEST(a_run_during_which_the_clock_went_back_proves_nothing)
{
    int64_t run = scene_run_of("test_a.py");
    scene.now += jumps[_i].lasts;
    scene.clock_moved = jumps[_i].moved;
    end(run);
    ck_assert_int_eq(scene_file("test_a.py").current, jumps[_i].current);
    if (!jumps[_i].current) /* and the next one is as good as any */
        end(scene_run_of("test_a.py"));
    ck_assert(scene_file("test_a.py").current);
    ck_assert_int_eq(scene_to_be_run(), 0);
}
END_TEST

START_TEST(how_long_something_runs_does_not_depend_on_it)
{
    scene_run_of("test_a.py");
    scene.now += 1500;
    scene.clock_moved = _i == 0 ? HOUR : -HOUR;
    scene_ask(METHOD_STATUS, json_object());
    const json_t *running = json_object_get(scene.reply, "running");
    ck_assert_int_eq((int64_t)json_number_value(
                         json_object_get(json_array_get(running, 0), "since_ms")),
                     1500);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("clock");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_run_during_which_the_clock_went_back_proves_nothing, 0,
                        (int)(sizeof jumps / sizeof *jumps));
    tcase_add_loop_test(tests, how_long_something_runs_does_not_depend_on_it, 0, 2);
    Suite *suite = suite_create("engine_clock");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
