#include "daemon/base/temporary.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

START_TEST(temporary_names_are_those_of_editors)
{
    static const char *const names[] = {
        "4913",
        ".a.py.swp",
        "a.swo",
        ".a.py.swx",
        "a.py~",
        ".#a.py",
        "#a.py#",
        "a.py___jb_tmp___",
        "a.py___jb_old___",
        ".a.kate-swp",
        ".goutputstream-X3Y9",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(name_is_temporary(names[i]), "%s", names[i]);
}
END_TEST

START_TEST(what_only_resembles_them_is_a_file)
{
    static const char *const names[] = {
        "a.py",
        "4914",
        "49130",
        "~",
        "#",
        "##",
        "a#",
        "#a",
        "a~.py",
        "a.swp.py",
        ".#",
        "sedAb3xYz",
        ".goutputstream-",
        "swp",
        "",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(!name_is_temporary(names[i]), "%s", names[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base_temporary");
    TCase *tests = tcase_create("temporary");
    tcase_add_test(tests, temporary_names_are_those_of_editors);
    tcase_add_test(tests, what_only_resembles_them_is_a_file);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
