#include "proto/message.h"
#include "proto/spans.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the character with this number begins. */
static const char *character(const char *text, int64_t number)
{
    while (number > 0 && *text != '\0') {
        text++;
        if (((unsigned char)*text & 0xC0) != 0x80)
            number--;
    }
    ck_assert_int_eq(number, 0);
    return text;
}

/* A line for each span: its style, and what it covers. */
static char *pieces(const char *report)
{
    json_t *spans = spans_encode(report);
    char *text = NULL;
    size_t size = 0;
    size_t i = 0;
    json_t *span = NULL;
    json_int_t last = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    json_array_foreach(spans, i, span)
    {
        json_int_t start = json_integer_value(json_object_get(span, "start"));
        json_int_t end = json_integer_value(json_object_get(span, "end"));
        ck_assert(last <= start && start < end);
        last = end;
        const char *from = character(report, start);
        fprintf(out, "%s %.*s\n", json_string_value(json_object_get(span, "style")),
                (int)(character(report, end) - from), from);
    }
    fclose(out);
    json_decref(spans);
    return text;
}

static const struct {
    const char *what, *report, *expected;
} reports[] = {
    {"nose, an exception with a cause and two lines of message",
     "Traceback (most recent call last):\n"
     "  File \"/tmp/caf\xc3\xa9/test_a.py\", line 15, in test_chain\n"
     "    helper(\"\xc3\xa9\") + 1\n"
     "    ~~~~~~~~~~~~^~~\n"
     "ValueError: bad \xc3\xa9\n"
     "second line\n"
     "\n"
     "The above exception was the direct cause of the following exception:\n"
     "\n"
     "Traceback (most recent call last):\n"
     "  File \"test_a.py\", line 17, in <module>\n"
     "KeyError: 'k'\n",
     "heading Traceback (most recent call last):\n"
     "path /tmp/caf\xc3\xa9/test_a.py\nline 15\nfunction test_chain\n"
     "code helper(\"\xc3\xa9\") + 1\nmark ~~~~~~~~~~~~^~~\n"
     "error ValueError: bad \xc3\xa9\nerror second line\n"
     "heading The above exception was the direct cause of the following exception:\n"
     "heading Traceback (most recent call last):\n"
     "path test_a.py\nline 17\nfunction <module>\nerror KeyError: 'k'\n"},
    {"unittest, a comparison with an empty line in it",
     "Traceback (most recent call last):\n"
     "  File \"/p/test_a.py\", line 25, in test_eq\n"
     "    self.assertEqual(1, 2)\n"
     "AssertionError: {'a': 1} != {'a': 2}\n"
     "- {'a': 1}\n"
     "?       ^\n"
     "\n"
     "+ {'a': 2}\n"
     "?       ^\n",
     "heading Traceback (most recent call last):\n"
     "path /p/test_a.py\nline 25\nfunction test_eq\ncode self.assertEqual(1, 2)\n"
     "error AssertionError: {'a': 1} != {'a': 2}\n"
     "removed - {'a': 1}\nmark ?       ^\nadded + {'a': 2}\nmark ?       ^\n"},
    {"nose, output that looks like a report",
     "Traceback (most recent call last):\n"
     "  File \"a.py\", line 1, in f\n"
     "AssertionError: \n"
     "-------------------- >> begin captured stdout << ---------------------\n"
     "E   File \"b.py\", line 2, in g\n"
     "x.py:3: Error\n"
     "\n"
     "--------------------- >> end captured stdout << ----------------------",
     "heading Traceback (most recent call last):\n"
     "path a.py\nline 1\nfunction f\nerror AssertionError:\n"
     "heading -------------------- >> begin captured stdout << ---------------------\n"
     "heading --------------------- >> end captured stdout << ----------------------\n"},
    {"a syntax error",
     "Traceback (most recent call last):\n"
     "  File \"/p/test_a.py\", line 3\n"
     "    def f(:\n"
     "          ^\n"
     "SyntaxError: invalid syntax\n",
     "heading Traceback (most recent call last):\n"
     "path /p/test_a.py\nline 3\ncode def f(:\nmark ^\nerror SyntaxError: invalid "
     "syntax\n"},
    {"a deep recursion",
     "Traceback (most recent call last):\n"
     "  File \"a.py\", line 2, in f\n"
     "    f()\n"
     "  [Previous line repeated 970 more times]\n"
     "RecursionError: too deep\n",
     "heading Traceback (most recent call last):\n"
     "path a.py\nline 2\nfunction f\ncode f()\nerror RecursionError: too deep\n"},
    {"a group of exceptions",
     "  + Exception Group Traceback (most recent call last):\n"
     "  |   File \"/p/test_a.py\", line 31, in test_group\n"
     "  |     raise ExceptionGroup(\"g\", [ValueError(1)])\n"
     "  | ExceptionGroup: g (1 sub-exception)\n"
     "  +-+---------------- 1 ----------------\n"
     "    | Traceback (most recent call last):\n"
     "    |   File \"b.py\", line 3, in h\n"
     "    |     raise ValueError(1)\n"
     "    | ValueError: 1\n"
     "    +------------------------------------\n",
     "heading Exception Group Traceback (most recent call last):\n"
     "path /p/test_a.py\nline 31\nfunction test_group\n"
     "code raise ExceptionGroup(\"g\", [ValueError(1)])\n"
     "error ExceptionGroup: g (1 sub-exception)\n"
     "heading +-+---------------- 1 ----------------\n"
     "heading Traceback (most recent call last):\n"
     "path b.py\nline 3\nfunction h\ncode raise ValueError(1)\nerror ValueError: 1\n"
     "heading +------------------------------------\n"},
    {"pytest, a comparison",
     "    def test_str():\n"
     "        print(\"hello out\")\n"
     ">       assert len(\"one\\ntwo\") == 2\n"
     "E       AssertionError: assert 'one\\ntwo' == 'one\\n2'\n"
     "E         +  where 3 = len('abc')\n"
     "E           one\n"
     "E         - 2\n"
     "E         ? ^\n"
     "E         + two\n"
     "\n"
     "test_a.py:21: AssertionError\n"
     "----------------------------- Captured stdout call -----------------------------\n"
     "    hello out\n",
     "code def test_str():\ncode print(\"hello out\")\n"
     "mark >\ncode assert len(\"one\\ntwo\") == 2\n"
     "error AssertionError: assert 'one\\ntwo' == 'one\\n2'\n"
     "error +  where 3 = len('abc')\nerror one\n"
     "removed - 2\nmark ? ^\nadded + two\n"
     "path test_a.py\nline 21\nerror AssertionError\n"
     "heading ----------------------------- Captured stdout call "
     "-----------------------------\n"},
    {"pytest, several frames and an argument",
     ">       helper(\"\xc3\xa9\")\n"
     "\n"
     "test_a.py:11: \n"
     "_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ \n"
     "\n"
     "x = '\xc3\xa9'\n"
     "\n"
     "    def helper(x):\n"
     ">       raise ValueError(x)\n"
     "E       ValueError: \xc3\xa9\n"
     "\n"
     "test_a.py:4: ValueError\n",
     "mark >\ncode helper(\"\xc3\xa9\")\npath test_a.py\nline 11\n"
     "heading _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ "
     "_ _ _\n"
     "code def helper(x):\nmark >\ncode raise ValueError(x)\nerror ValueError: \xc3\xa9\n"
     "path test_a.py\nline 4\nerror ValueError\n"},
    {"pytest, a module that cannot be imported",
     "ImportError while importing test module '/p/test_b.py'.\n"
     "Hint: make sure your test modules/packages have valid Python names.\n"
     "Traceback:\n"
     "/usr/lib/python3.11/importlib/__init__.py:126: in import_module\n"
     "    return _bootstrap._gcd_import(name[level:], package, level)\n"
     "E   ModuleNotFoundError: No module named 'nowhere'\n",
     "heading Traceback:\npath /usr/lib/python3.11/importlib/__init__.py\nline 126\n"
     "function import_module\n"
     "code return _bootstrap._gcd_import(name[level:], package, level)\n"
     "error ModuleNotFoundError: No module named 'nowhere'\n"},
    {"what nobody knows", "killed by signal 11\n", ""},
    {"nothing", "", ""},
};

START_TEST(a_report_is_told_apart)
{
    char *found = pieces(reports[_i].report);
    ck_assert_msg(strcmp(found, reports[_i].expected) == 0, "%s:\n%s", reports[_i].what,
                  found);
    free(found);
}
END_TEST

START_TEST(offsets_are_those_of_the_text_that_is_sent)
{
    struct result_record record = {.file = "a.py",
                                   .package = ".",
                                   .test = "t",
                                   .outcome = OUTCOME_ERROR,
                                   .report = "caf\xe9\na.py:3: KeyError\n"};
    json_t *result = result_encode(&record);
    const json_t *span = json_array_get(json_object_get(result, "spans"), 0);
    /* "caf\xe9" and a newline: eight characters. */
    ck_assert_int_eq(json_integer_value(json_object_get(span, "start")), 8);
    ck_assert_int_eq(json_integer_value(json_object_get(span, "end")), 12);
    json_decref(result);
}
END_TEST

START_TEST(a_report_without_end_has_no_spans_without_end)
{
    static const char line[] = "E   no\n";
    char *report = malloc(2 * SPANS_LIMIT * (sizeof line - 1) + 1);
    ck_assert_ptr_nonnull(report);
    for (size_t i = 0; i < 2 * SPANS_LIMIT; i++)
        memcpy(report + i * (sizeof line - 1), line, sizeof line);
    json_t *spans = spans_encode(report);
    ck_assert_uint_eq(json_array_size(spans), SPANS_LIMIT);
    json_decref(spans);
    free(report);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spans");
    TCase *tests = tcase_create("spans");
    tcase_add_loop_test(tests, a_report_is_told_apart, 0,
                        sizeof reports / sizeof *reports);
    tcase_add_test(tests, offsets_are_those_of_the_text_that_is_sent);
    tcase_add_test(tests, a_report_without_end_has_no_spans_without_end);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
