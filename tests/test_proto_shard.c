#include "proto/shard.h"
#include "tests/support/suite.h"

#include <check.h>

static const struct {
    const char *text;
    int part, of; /* 0: it is none */
} samples[] = {
    {"1/1", 1, 1},  {"2/3", 2, 3},   {"1000/1000", 1000, 1000},
    {"0/2", 0, 0},  {"3/2", 0, 0},   {"1/1001", 0, 0},
    {"", 0, 0},     {"1", 0, 0},     {"1/", 0, 0},
    {"/2", 0, 0},   {"1/2/3", 0, 0}, {"a/b", 0, 0},
    {" 1/2", 0, 0}, {"1/ 2", 0, 0},  {"+1/2", 0, 0},
    {"-1/2", 0, 0}, {"1/2x", 0, 0},  {"1/99999999999999999999", 0, 0},
};

START_TEST(a_part_is_two_numbers_and_nothing_else)
{
    int part = 0;
    int of = 0;
    ck_assert_int_eq(shard_parse(samples[_i].text, &part, &of), samples[_i].of != 0);
    ck_assert_int_eq(part, samples[_i].part);
    ck_assert_int_eq(of, samples[_i].of);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shard");
    TCase *tests = tcase_create("shard");
    tcase_add_loop_test(tests, a_part_is_two_numbers_and_nothing_else, 0,
                        (int)(sizeof samples / sizeof *samples));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
