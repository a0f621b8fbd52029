#include "daemon/base/path.h"
#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_path_is_told_as_the_rooms_name_it)
{
    static const struct {
        const char *given, *expected;
    } cases[] = {
        {"a.py", "sub/a.py"},
        {"./x//b.py", "sub/x/b.py"},
        {"../a.py", "a.py"},
        {"/nowhere/root/tests/t.py", "tests/t.py"},
        {"/nowhere/root", ""},
        {"/nowhere/rooted/a", "/nowhere/rooted/a"},
        {"../../../etc", "/etc"},
        {"", "sub"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autofree char *path = path_in_root("/nowhere/root", "/nowhere/root/sub", cases[i].given);
        ck_assert_str_eq(path, cases[i].expected);
    }
}
END_TEST

START_TEST(a_stem_is_what_the_import_system_would_search)
{
    static const struct {
        const char *path, *stem;
    } cases[] = {{"a/b.py", "a/b"},
                 {"a/b.cpython-311-x86_64-linux-gnu.so", "a/b"},
                 {"a.d/b", "a.d/b"},
                 {".hidden.py", ".hidden"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autofree char *stem = path_stem(cases[i].path);
        ck_assert_str_eq(stem, cases[i].stem);
    }
}
END_TEST

START_TEST(below_is_about_whole_names)
{
    ck_assert(path_below("a/b", "a"));
    ck_assert(path_below("a", "a"));
    ck_assert(!path_below("ab", "a"));
    ck_assert(path_below("ab", ""));
    ck_assert(!path_below("/etc", ""));
}
END_TEST

static void count(void *owner, const char *text, int64_t value)
{
    (void)text;
    *(int64_t *)owner += value;
}

START_TEST(a_set_keeps_one_value_a_string)
{
    struct strset set = {0};
    ck_assert(strset_put(&set, "a", 1));
    ck_assert(!strset_put(&set, "a", 5));
    ck_assert(strset_put(&set, "b", 2));
    int64_t sum = 0;
    strset_each(&set, count, &sum);
    ck_assert_int_eq(sum, 7);
    ck_assert(strset_remove(&set, "a"));
    ck_assert(!strset_has(&set, "a"));
    ck_assert_int_eq(strset_get(&set, "b", -1), 2);
    ck_assert_uint_eq(strset_count(&set), 1);
    strset_finish(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, a_path_is_told_as_the_rooms_name_it);
    tcase_add_test(tests, a_stem_is_what_the_import_system_would_search);
    tcase_add_test(tests, below_is_about_whole_names);
    tcase_add_test(tests, a_set_keeps_one_value_a_string);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
