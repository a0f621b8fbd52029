#include "client/link.h"
#include "client/name.h"
#include "client/print.h"
#include "client/report.h"
#include "tests/support/suite.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *record(const char *outcome, const char *exception, const char *report)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:f}", "file", "t/a.py", "test", "T.x",
                     "outcome", outcome, "exception", exception, "report", report,
                     "duration_ms", 1500.0);
}

/* ---- messages ---- */

static const struct {
    const char *exception, *report, *message;
} messages[] = {
    {"AssertionError", "Traceback\nAssertionError: 1 != 2\n", "AssertionError: 1 != 2"},
    {"AssertionError", "AssertionError: first\nx\nAssertionError: last",
     "AssertionError: last"},
    {"AssertionError", "AssertionError: 1\r\n----- >> begin captured stdout\n",
     "AssertionError: 1"},
    {"AssertionError", "E       AssertionError: 1\n", "AssertionError: 1"},
    {"AssertionError", "    raise AssertionError\nAssertionError", "AssertionError"},
    {"Error", "MyError: 1\nlib.Error: 2\nErrors: 3\n", "lib.Error: 2"},
    {"KeyError", "nothing of it", "KeyError"},
    {"AssertionError",
     ">       assert a == 2\nE       assert 1 == 2\nE        +  where 1 = "
     "f()\n\nt/a.py:3: "
     "AssertionError\n",
     "AssertionError: assert 1 == 2"},
    {"AssertionError",
     "E   ValueError: x\n\nt/a.py:3: ValueError\nE   assert 1 == 2\nE   more\n",
     "AssertionError: assert 1 == 2"},
    {"AssertionError",
     "E  assert 0\n-------- Captured stdout call --------\nAssertionError: printed\n",
     "AssertionError: assert 0"},
    {"KeyError", NULL, "KeyError"},
    {NULL, "AssertionError: 1", "failed"},
};

START_TEST(the_message_is_the_last_line_of_the_exception)
{
    json_t *json = record("failure", messages[_i].exception, messages[_i].report);
    char *message = report_message(json);
    ck_assert_str_eq(message, messages[_i].message);
    free(message);
    json_decref(json);
}
END_TEST

/* ---- frames ---- */

static const struct {
    const char *report, *path;
    long line;
} frames[] = {
    {"  File \"/p/a.py\", line 3, in x\n  File \"/p/b/c.py\", line 12\n", "b/c.py", 12},
    {"  File \"/p/a.py\", line 3, in x\n  File \"/usr/lib/b.py\", line 12, in y\n",
     "a.py", 3},
    {"  File \"/p/a.py\", line 3\n  File \"/pp/b.py\", line 12\n", "a.py", 3},
    {"  File \"/p/a.py\", line 3\n  File \"/p/.venv/lib/site-packages/b.py\", line 12\n",
     "a.py", 3},
    {"  File \"t/a.py\", line 7, in x\n", "t/a.py", 7},
    {"  File \"/p/x/../a.py\", line 7, in x\n", "a.py", 7},
    {"  File \"/p/a.py\", line 7\n  File \"<string>\", line 1\n  File \"<frozen x>\", "
     "line 2\n",
     "a.py", 7},
    {"  File \"/p/a \"b.py\", line 7\n", "a \"b.py", 7},
    {"  File \"/p/a.py\", line x\n", NULL, 0},
    {"  File \"/p/a.py\nFile \"/usr/b.py\", line 3\n", NULL, 0},
    /* pytest, long: where one frame ends and the next one begins, and where it ended */
    {">       f()\n\nt/a.py:3: \n_ _ _\nx = 'b.py:7: y'\n>   g()\n/p/pkg/b.py:12: "
     "KeyError\n",
     "pkg/b.py", 12},
    /* short */
    {"t/a.py:3: in test_a\n    f()\n/usr/lib/python3.11/json/__init__.py:9: in "
     "loads\n    return x\nE   KeyError\n",
     "t/a.py", 3},
    {"file /p/t/a.py, line 7\nE   fixture 'x' not found\n\n/p/t/a.py:8", "t/a.py", 8},
    {"/usr/lib/x.py:3: in x\nE     File \"/p/t/a.py\", line 2\nE       def\n", "t/a.py",
     2},
    {"README.rst:4: DocTestFailure\n", "README.rst", 4},
    {"t/a.py:3: E\n----- Captured stdout call -----\nb.py:7: x\n", "t/a.py", 3},
    {"  File \"/p/a.py\", line 3\n-------------------- >> begin captured stdout << "
     "----\n  File \"/p/b.py\", line 7\n",
     "a.py", 3},
    {"  File \"/p/a.py\", line 3\n\nStdout:\n  File \"/p/b.py\", line 7\n", "a.py", 3},
    {"  File \"/p/a.py\", line 3\n  File \"/p/env/lib/python3.11/json/x.py\", line 7\n",
     "a.py", 3},
    {"12:30:01: a note\nb.txt:3: x\n  c.py:3: x\nc.py:x: 3\n", NULL, 0},
    {"no frame", NULL, 0},
    {NULL, NULL, 0},
};

START_TEST(the_frame_is_the_innermost_of_the_project)
{
    json_t *json = record("failure", "X", frames[_i].report);
    char *path = NULL;
    long line = 0;
    ck_assert(report_frame(json, "/p", &path, &line) == (frames[_i].path != NULL));
    if (frames[_i].path != NULL)
        ck_assert_str_eq(path, frames[_i].path);
    ck_assert_int_eq(line, frames[_i].line);
    free(path);
    json_decref(json);
}
END_TEST

/* ---- JUnit ---- */

static char *junit(json_t *records)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    junit_write(out, records);
    fclose(out);
    json_decref(records);
    return text;
}

START_TEST(junit_counts_and_names)
{
    json_t *records = json_pack(
        "[o, o, {s:s, s:s, s:s, s:f}, {s:s, s:s, s:s, s:f}]",
        record("failure", "AssertionError", "AssertionError: 1\n"),
        record("error", "KeyError", NULL), "file", "t/b.py", "test", "test_z[a.b]",
        "outcome", "success", "duration_ms", 20.0, "file", "t/b.py", "test", "C.D.test_s",
        "outcome", "skipped", "duration_ms", 0.0);
    char *text = junit(records);
    ck_assert_str_eq(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"sniffer\" tests=\"4\" failures=\"1\" errors=\"1\" "
        "skipped=\"1\" "
        "time=\"3.020\">\n"
        "  <testsuite name=\"t/a.py\" tests=\"2\" failures=\"1\" errors=\"1\" "
        "skipped=\"0\" "
        "time=\"3.000\">\n"
        "    <testcase classname=\"t.a.T\" name=\"x\" file=\"t/a.py\" time=\"1.500\">\n"
        "      <failure message=\"AssertionError: 1\" "
        "type=\"AssertionError\">AssertionError: 1\n"
        "</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"t.a.T\" name=\"x\" file=\"t/a.py\" time=\"1.500\">\n"
        "      <error message=\"KeyError\" type=\"KeyError\"></error>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "  <testsuite name=\"t/b.py\" tests=\"2\" failures=\"0\" errors=\"0\" "
        "skipped=\"1\" "
        "time=\"0.020\">\n"
        "    <testcase classname=\"t.b\" name=\"test_z[a.b]\" file=\"t/b.py\" "
        "time=\"0.020\"/>\n"
        "    <testcase classname=\"t.b.C.D\" name=\"test_s\" file=\"t/b.py\" "
        "time=\"0.000\">"
        "<skipped/></testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n");
    free(text);
}
END_TEST

static const struct {
    const char *report, *escaped;
} texts[] = {
    {"a<b>&\"c\"", ">a&lt;b&gt;&amp;&quot;c&quot;</"},
    {"]]>", ">]]&gt;</"},
    {"\x1b[31m\x01\x02", ">\\x1b[31m\\x01\\x02</"},
    {"a\r\nb\tc", ">a&#13;\nb\tc</"},
    {"\xef\xbf\xbe\xef\xbf\xbf!", ">\\xef\\xbf\\xbe\\xef\\xbf\\xbf!</"},
    {"\xc3\xa4\xf0\x9f\x90\x8d", ">\xc3\xa4\xf0\x9f\x90\x8d</"},
};

START_TEST(junit_holds_nothing_that_is_no_xml)
{
    char *text = junit(json_pack("[o]", record("failure", "X", texts[_i].report)));
    ck_assert_msg(strstr(text, texts[_i].escaped) != NULL, "%s", text);
    free(text);
}
END_TEST

START_TEST(a_line_end_survives_in_an_attribute)
{
    json_t *json = record("failure", "X", "X");
    json_object_set_new(json, "test", json_string("test[a\nb\tc\"]"));
    char *text = junit(json_pack("[o]", json));
    ck_assert_ptr_nonnull(strstr(text, "name=\"test[a&#10;b&#9;c&quot;]\""));
    free(text);
}
END_TEST

START_TEST(a_name_that_is_not_utf8_stays_readable_xml)
{
    json_t *json = record("success", NULL, NULL);
    json_object_set_new(json, "file", json_pack("{s:s}", "b64", "/2EucHk="));
    char *text = junit(json_pack("[o]", json));
    ck_assert_ptr_nonnull(strstr(text, "file=\"\\xffa.py\""));
    free(text);
}
END_TEST

/* ---- names ---- */

START_TEST(names_are_as_the_daemon_has_them)
{
    char root[64] = "/tmp/sniffer-name-XXXXXX", real[PATH_MAX];
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_ptr_nonnull(realpath(root, real));
    ck_assert_int_eq(chdir(real), 0);
    ck_assert_int_eq(mkdir("sub", 0700), 0);
    ck_assert_int_eq(mkdir("sub/deep", 0700), 0);
    ck_assert_int_eq(symlink("sub/deep", "link"), 0);
    ck_assert_int_eq(symlink("/etc", "out"), 0);
    ck_assert_int_eq(chdir("sub"), 0);
    static const struct {
        const char *given, *name;
    } table[] = {
        {"a.py", "sub/a.py"},
        {"./a.py", "sub/a.py"},
        {"../a.py", "a.py"},
        {"..//x/./y/../a.py", "x/a.py"},
        {"../link", "link"}, /* the last name is meant itself */
        {"../link/a.py", "sub/deep/a.py"},
        {"../link/../a.py", "sub/a.py"}, /* as the kernel walks it */
        {"../link/gone/a.py", "sub/deep/gone/a.py"},
        {"../out/hosts", "/etc/hosts"},
        {"/etc/hosts", "/etc/hosts"},
        {"deep/", "sub/deep"},
        {"..", ""},
        {".", "sub"},
        {"/", "/"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *name = name_for_daemon(real, table[i].given);
        ck_assert_str_eq(name, table[i].name);
        free(name);
    }
    char *name = name_for_daemon("/", "/etc/hosts");
    ck_assert_str_eq(name, "etc/hosts");
    free(name);
    ck_assert_int_eq(chdir(real), 0);
    ck_assert_int_eq(unlink("link") | unlink("out") | rmdir("sub/deep") | rmdir("sub"),
                     0);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(real), 0);
}
END_TEST

/* ---- looks ---- */

START_TEST(colour_is_only_on_a_terminal_and_never_with_no_color)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0) {
        fputs("skipped: this machine has no pseudo-terminals\n", stderr);
        return;
    }
    FILE *out = fdopen(terminal, "w");
    struct print print;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    print_init(&print, out);
    ck_assert(print.colour);
    setenv("NO_COLOR", "1", 1);
    print_init(&print, out);
    ck_assert(!print.colour);
    setenv("NO_COLOR", "", 1); /* as no-color.org wants it: empty is unset */
    print_init(&print, out);
    ck_assert(print.colour);
    setenv("TERM", "dumb", 1);
    print_init(&print, out);
    ck_assert(!print.colour);
    fclose(out);
    setenv("TERM", "xterm", 1);
    FILE *plain = tmpfile();
    print_init(&print, plain);
    ck_assert(!print.colour);
    fclose(plain);
}
END_TEST

START_TEST(durations_read_well)
{
    static const struct {
        double ms;
        const char *text;
    } table[] = {{0, "0 ms"},         {12.4, "12 ms"},     {999.4, "999 ms"},
                 {999.6, "1.0 s"},    {2300, "2.3 s"},     {59949, "59.9 s"},
                 {59960, "1:00 min"}, {75000, "1:15 min"}, {-3, "0 ms"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[32];
        print_duration(table[i].ms, text);
        ck_assert_str_eq(text, table[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client report");
    TCase *tests = tcase_create("report");
    tcase_add_loop_test(tests, the_message_is_the_last_line_of_the_exception, 0,
                        sizeof messages / sizeof messages[0]);
    tcase_add_loop_test(tests, the_frame_is_the_innermost_of_the_project, 0,
                        sizeof frames / sizeof frames[0]);
    tcase_add_test(tests, junit_counts_and_names);
    tcase_add_loop_test(tests, junit_holds_nothing_that_is_no_xml, 0,
                        sizeof texts / sizeof texts[0]);
    tcase_add_test(tests, a_line_end_survives_in_an_attribute);
    tcase_add_test(tests, a_name_that_is_not_utf8_stays_readable_xml);
    tcase_add_test(tests, names_are_as_the_daemon_has_them);
    tcase_add_test(tests, colour_is_only_on_a_terminal_and_never_with_no_color);
    tcase_add_test(tests, durations_read_well);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
