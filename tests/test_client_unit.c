#include "client/unit.h"

#include "client/trouble.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As systemd-escape --path has them. */
START_TEST(an_instance_is_the_escaped_path)
{
    static const struct {
        const char *root, *expected;
    } cases[] = {
        {"/", "-"},
        {"/home/me/project", "home-me-project"},
        {"/home/me/my-project", "home-me-my\\x2dproject"},
        {"/.config/a.b", "\\x2econfig-a.b"},
        {"/a b/$x/50%", "a\\x20b-\\x24x-50\\x25"},
        {"/\xc3\xa9/A_1:z~", "\\xc3\\xa9-A_1:z\\x7e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autofree char *instance = unit_instance(cases[i].root);
        ck_assert_str_eq(instance, cases[i].expected);
    }
}
END_TEST

START_TEST(the_place_is_written_and_forgotten)
{
    char home[] = "/tmp/sniffer-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("XDG_CONFIG_HOME");
    autofree char *path = NULL;
    autofree char *again = NULL;
    ck_assert_int_eq(unit_place("a-b", "/run/50%/x.sock", &path), 0);
    autofree char *expected =
        text_format("%s/.config/systemd/user/sniffer@a-b.socket.d/place.conf", home);
    ck_assert_str_eq(path, expected);
    char text[200] = "";
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "[Socket]\nListenStream=/run/50%%/x.sock\n"));
    ck_assert_int_eq(unit_forget_place("a-b", &again), 0);
    ck_assert_str_eq(again, expected);
    *strrchr(expected, '/') = '\0';
    ck_assert_int_ne(access(expected, F_OK), 0);
    autofree char *thrice = NULL;
    ck_assert_int_eq(unit_forget_place("a-b", &thrice), 0);
    for (char *slash = strrchr(expected, '/'); strlen(expected) > strlen(home);
         slash = strrchr(expected, '/')) {
        *slash = '\0';
        rmdir(expected);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit");
    TCase *tests = tcase_create("unit");
    tcase_add_test(tests, an_instance_is_the_escaped_path);
    tcase_add_test(tests, the_place_is_written_and_forgotten);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
