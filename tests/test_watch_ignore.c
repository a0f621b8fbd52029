#include "daemon/base/xalloc.h"
#include "daemon/watch/ignore.h"
#include "tests/support/suite.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 4 };

struct row {
    const char *patterns[MOST];
    const char *path;
    bool is_directory;
    bool ignored;
};

static void check_row(const struct row *row)
{
    size_t count = 0;
    while (count < MOST && row->patterns[count] != NULL)
        count++;
    struct ignore *ignore = ignore_new(NULL);
    ignore_set(ignore, row->patterns, count);
    bool ignored = ignore_matches(ignore, row->path, row->is_directory);
    ignore_free(ignore);
    ck_assert_msg(ignored == row->ignored, "'%s' '%s' on %s %s: %s",
                  count > 0 ? row->patterns[0] : "", count > 1 ? row->patterns[1] : "",
                  row->is_directory ? "directory" : "file", row->path,
                  ignored ? "ignored" : "not ignored");
}

START_TEST(what_never_matters_is_ignored_without_any_pattern)
{
    static const struct row rows[] = {
        {{NULL}, ".git", true, true},
        {{NULL}, ".git", false, true},
        {{NULL}, ".git/config", false, true},
        {{NULL}, "sub/.hg", true, true},
        {{NULL}, ".sniffer", true, true},
        {{NULL}, "a/b/__pycache__", true, true},
        {{NULL}, "a/b/__pycache__/c.pyc", false, true},
        {{NULL}, "__pycache__", false, false},
        {{NULL}, "node_modules/x/y.js", false, true},
        {{NULL}, ".pytest_cache", true, true},
        {{NULL}, ".github", true, false},
        {{NULL}, ".gitignore", false, false},
        {{NULL}, "git", true, false},
        {{NULL}, "", true, false},
        {{NULL}, "a.py", false, false},
        {{NULL}, "a.py~", false, true},
        {{NULL}, "old~", true, false},
        {{"!node_modules"}, "node_modules/x.js", false, false},
        {{"!.git"}, ".git", true, true},
        {{"!.sniffer/"}, ".sniffer", true, true},
    };
    check_row(&rows[_i]);
    ck_assert_uint_eq(sizeof rows / sizeof *rows, 20);
}
END_TEST

START_TEST(patterns_mean_what_they_mean_to_git)
{
    static const struct row rows[] = {
        /* a name alone matches at any depth */
        {{"*.log"}, "a.log", false, true},
        {{"*.log"}, "x/y/a.log", false, true},
        {{"*.log"}, "a.log.txt", false, false},
        {{"*.log"}, "a.log/b", false, true},
        {{"*"}, ".hidden", false, true},
        {{"fo?"}, "foo", false, true},
        {{"fo?"}, "fo", false, false},
        {{"[a-c].py"}, "b.py", false, true},
        {{"[!a-c].py"}, "b.py", false, false},
        {{"[^a-c].py"}, "d.py", false, true},
        /* a slash at the end: directories alone */
        {{"build/"}, "build", true, true},
        {{"build/"}, "build", false, false},
        {{"build/"}, "x/build/y", false, true},
        /* a slash elsewhere: from the root */
        {{"/build"}, "build", true, true},
        {{"/build"}, "x/build", true, false},
        {{"doc/*.txt"}, "doc/a.txt", false, true},
        {{"doc/*.txt"}, "doc/sub/a.txt", false, false},
        {{"doc/*.txt"}, "x/doc/a.txt", false, false},
        {{"a/b/"}, "a/b", true, true},
        {{"a/b/"}, "a/b", false, false},
        /* two stars */
        {{"**/foo"}, "foo", true, true},
        {{"**/foo"}, "a/b/foo", true, true},
        {{"**/foo/bar"}, "x/foo/bar", false, true},
        {{"**/foo/bar"}, "x/foo/y/bar", false, false},
        {{"abc/**"}, "abc/d/e", false, true},
        {{"abc/**"}, "abc", true, false},
        {{"a/**/b"}, "a/b", false, true},
        {{"a/**/b"}, "a/x/y/b", false, true},
        {{"a/**/b"}, "a/x/y/c", false, false},
        {{"a/**/b"}, "ab", false, false},
        /* other runs of stars are one star, but behind plain text */
        {{"x/a**"}, "x/ab", false, true},
        {{"x/?**/b"}, "x/ay/z/b", false, false},
        {{"a**/b"}, "a/b", false, true},
        {{"a**/b"}, "ay/z/b", false, true},
        /* brackets that are not closed match nothing */
        {{"[a"}, "[a", false, false},
        {{"[a"}, "a", false, false},
        /* the last that matches decides */
        {{"*.txt", "!keep.txt"}, "keep.txt", false, false},
        {{"*.txt", "!keep.txt"}, "a/keep.txt", false, false},
        {{"!keep.txt", "*.txt"}, "keep.txt", false, true},
        {{"*.txt", "!keep.txt", "/keep.txt"}, "keep.txt", false, true},
        {{"*.txt", "!keep.txt", "/keep.txt"}, "a/keep.txt", false, false},
        /* but what lies in an ignored directory cannot be taken back */
        {{"out/", "!out/keep"}, "out/keep", false, true},
        {{"out/*", "!out/keep"}, "out/keep", false, false},
        /* comments, blanks, escapes */
        {{"# a", "", "   "}, "# a", false, false},
        {{"\\#a"}, "#a", false, true},
        {{"\\!a"}, "!a", false, true},
        {{"a  "}, "a", false, true},
        {{"a\\ "}, "a ", false, true},
        {{"a\\ "}, "a", false, false},
        {{"a\\*"}, "a*", false, true},
        {{"a\\*"}, "ab", false, false},
        {{"/"}, "a", true, false},
        {{"!"}, "a", false, false},
    };
    check_row(&rows[_i]);
    ck_assert_uint_eq(sizeof rows / sizeof *rows, 53);
}
END_TEST

START_TEST(a_walk_may_ask_for_the_last_name_alone)
{
    static const char *const patterns[] = {"/a/*.log"};
    struct ignore *ignore = ignore_new(NULL);
    ignore_set(ignore, patterns, 1);
    ck_assert(ignore_matches_here(ignore, "a/x.log", false));
    ck_assert(!ignore_matches_here(ignore, "b/x.log", false));
    ck_assert(!ignore_matches_here(ignore, ".git/x", false));
    ck_assert(ignore_matches(ignore, ".git/x", false));
    ignore_free(ignore);
}
END_TEST

START_TEST(a_rule_is_named_as_it_is_written)
{
    static const char *const patterns[] = {"*.log", "/a/", "!b"};
    struct ignore *ignore = ignore_new(NULL);
    ignore_set(ignore, patterns, 3);
    bool setting = false;
    autofree char *why = ignore_why(ignore, "a", true, &setting);
    ck_assert_str_eq(why, "the ignore setting:2: /a/");
    ck_assert(setting);
    ck_assert_ptr_null(ignore_why(ignore, "a", false, &setting));
    ck_assert_ptr_null(ignore_why(ignore, "b", false, &setting));
    ck_assert_ptr_null(ignore_why(ignore, ".git", true, &setting));
    ignore_free(ignore);
}
END_TEST

START_TEST(editors_temporaries_are_known_by_name)
{
    static const char *const temporary[] = {
        "4913",   ".a.py.swp", ".a.py.swo",        "a.py~",
        ".#a.py", "#a.py#",    "a.py___jb_tmp___", "a.py___jb_old___"};
    static const char *const lasting[] = {"a.py", "4914", "#",     "~",
                                          "swp",  "a#",   ".a.py", ""};
    struct ignore *ignore = ignore_new(NULL);
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++)
        ck_assert_msg(ignore_temporary(ignore, temporary[i]), "%s", temporary[i]);
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        ck_assert_msg(!ignore_temporary(ignore, lasting[i]), "%s", lasting[i]);
    ignore_heed(ignore, "a.py~");
    ck_assert(!ignore_temporary(ignore, "a.py~"));
    ck_assert(ignore_temporary(ignore, "b.py~"));
    ck_assert(!ignore_matches(ignore, "x/a.py~", false));
    ignore_free(ignore);
}
END_TEST

START_TEST(a_virtual_environment_is_known_by_its_file)
{
    char folder[] = "/tmp/test_watch_ignore.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert(!ignore_environment(folder));
    autofree char *path = xasprintf("%s/pyvenv.cfg", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(ignore_environment(folder));
    unlink(path);
    rmdir(folder);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ignore");
    tcase_add_loop_test(tests, what_never_matters_is_ignored_without_any_pattern, 0, 20);
    tcase_add_loop_test(tests, patterns_mean_what_they_mean_to_git, 0, 53);
    tcase_add_test(tests, a_walk_may_ask_for_the_last_name_alone);
    tcase_add_test(tests, a_rule_is_named_as_it_is_written);
    tcase_add_test(tests, editors_temporaries_are_known_by_name);
    tcase_add_test(tests, a_virtual_environment_is_known_by_its_file);
    Suite *suite = suite_create("watch_ignore");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
