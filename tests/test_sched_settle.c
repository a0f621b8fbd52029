#include "daemon/sched/settle.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

enum { START = 1000 };

static struct settle settle;

static void setup(void)
{
    settle = (struct settle){0};
}

static void teardown(void)
{
    settle_finish(&settle);
}

/* It is due exactly from AT on. */
static void assert_due_at(int64_t at)
{
    ck_assert_int_eq(settle_deadline(&settle), at);
    ck_assert(!settle_due(&settle, at - 1));
    ck_assert(settle_due(&settle, at));
}

START_TEST(nothing_is_never_due)
{
    ck_assert(settle_empty(&settle));
    ck_assert_int_eq(settle_deadline(&settle), INT64_MAX);
    ck_assert(!settle_due(&settle, INT64_MAX));
}
END_TEST

START_TEST(one_file_waits_a_short_quiet_after_its_last_event)
{
    settle_add(&settle, "a.py", 0, START);
    assert_due_at(START + SETTLE_SAVE_MS);
    settle_add(&settle, "a.py", 0, START + 3);
    assert_due_at(START + 3 + SETTLE_SAVE_MS);
}
END_TEST

START_TEST(more_than_a_save_makes_the_quiet_longer)
{
    settle_add(&settle, "a.py.new", 0, START);
    settle_add(&settle, "a.py", 0, START + 1);
    assert_due_at(START + 1 + SETTLE_SAVE_MS);
    settle_add(&settle, "b.py", 0, START + 1);
    assert_due_at(START + 1 + SETTLE_QUIET_MS);
}
END_TEST

START_TEST(a_trickle_is_not_waited_for_beyond_the_cap)
{
    for (int64_t now = START; now < START + 2 * SETTLE_CAP_MS;
         now += SETTLE_QUIET_MS - 1) {
        settle_add(&settle, "a.py", 0, now);
        settle_add(&settle, "b.py", 0, now);
        settle_add(&settle, "c.py", 0, now);
    }
    assert_due_at(START + SETTLE_CAP_MS);
}
END_TEST

START_TEST(held_it_waits_past_quiet_and_cap_until_released)
{
    settle_hold(&settle, true, START);
    settle_add(&settle, "a.py", 0, START);
    settle_add(&settle, "b.py", 0, START + 1400);
    ck_assert(!settle_due(&settle, START + 1400 + SETTLE_QUIET_MS));
    settle_hold(&settle, false, START + 1401);
    assert_due_at(START + 1401 + SETTLE_SAVE_MS);
}
END_TEST

START_TEST(released_early_it_still_waits_for_the_quiet)
{
    settle_hold(&settle, true, START);
    settle_add(&settle, "a.py", 0, START);
    settle_add(&settle, "b.py", 0, START + 10);
    settle_add(&settle, "c.py", 0, START + 10);
    settle_hold(&settle, false, START + 11);
    assert_due_at(START + 10 + SETTLE_QUIET_MS);
}
END_TEST

START_TEST(held_again_at_once_it_was_not_over)
{
    settle_hold(&settle, true, START);
    settle_add(&settle, "a.py", 0, START);
    settle_hold(&settle, false, START + 600);
    ck_assert(!settle_due(&settle, START + 602));
    settle_hold(&settle, true, START + 603);
    ck_assert(!settle_due(&settle, START + 600 + SETTLE_CAP_MS));
    settle_hold(&settle, false, START + SETTLE_HOLD_CAP_MS - 1);
    assert_due_at(START + SETTLE_HOLD_CAP_MS);
}
END_TEST

START_TEST(a_hold_that_is_forgotten_ends_at_its_own_cap)
{
    settle_hold(&settle, true, START);
    settle_add(&settle, "a.py", 0, START);
    settle_add(&settle, "a.py", 0, START + SETTLE_HOLD_CAP_MS - 1);
    assert_due_at(START + SETTLE_HOLD_CAP_MS);
}
END_TEST

START_TEST(the_highest_kind_of_a_path_is_kept)
{
    settle_add(&settle, "a.py", 1, START);
    settle_add(&settle, "a.py", 0, START);
    settle_add(&settle, "b.py", 0, START);
    settle_add(&settle, "b.py", 1, START);
    struct strset paths = settle_take(&settle);
    ck_assert_uint_eq(strset_count(&paths), 2);
    ck_assert_int_eq(strset_get(&paths, "a.py", -1), 1);
    ck_assert_int_eq(strset_get(&paths, "b.py", -1), 1);
    strset_finish(&paths);
}
END_TEST

START_TEST(after_taking_a_new_burst_begins_with_times_of_its_own)
{
    settle_add(&settle, "a.py", 0, START);
    struct strset paths = settle_take(&settle);
    ck_assert(strset_has(&paths, "a.py"));
    strset_finish(&paths);
    ck_assert(settle_empty(&settle));
    ck_assert_int_eq(settle_deadline(&settle), INT64_MAX);
    settle_add(&settle, "b.py", 0, START + 10 * SETTLE_CAP_MS);
    assert_due_at(START + 10 * SETTLE_CAP_MS + SETTLE_SAVE_MS);
}
END_TEST

START_TEST(taking_does_not_end_a_hold)
{
    settle_hold(&settle, true, START);
    settle_add(&settle, "a.py", 0, START);
    struct strset paths = settle_take(&settle);
    strset_finish(&paths);
    settle_add(&settle, "b.py", 0, START);
    assert_due_at(START + SETTLE_HOLD_CAP_MS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sched_settle");
    TCase *tests = tcase_create("settle");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nothing_is_never_due);
    tcase_add_test(tests, one_file_waits_a_short_quiet_after_its_last_event);
    tcase_add_test(tests, more_than_a_save_makes_the_quiet_longer);
    tcase_add_test(tests, a_trickle_is_not_waited_for_beyond_the_cap);
    tcase_add_test(tests, held_it_waits_past_quiet_and_cap_until_released);
    tcase_add_test(tests, released_early_it_still_waits_for_the_quiet);
    tcase_add_test(tests, held_again_at_once_it_was_not_over);
    tcase_add_test(tests, a_hold_that_is_forgotten_ends_at_its_own_cap);
    tcase_add_test(tests, the_highest_kind_of_a_path_is_kept);
    tcase_add_test(tests, after_taking_a_new_burst_begins_with_times_of_its_own);
    tcase_add_test(tests, taking_does_not_end_a_hold);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
