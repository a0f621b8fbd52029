#include "proto/wire.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* What is odd about bytes, and how a text shows them. */
static const struct {
    const char *bytes, *shown; /* SHOWN NULL: as they are */
} samples[] = {
    {"", NULL},
    {"tests/test_a.py", NULL},
    {"h\xc3\xa4user/\xe2\x82\xac/\xf0\x9f\x8c\xb2", NULL},
    {"\x01\x1b[31m\"\\\n", NULL},
    {"\xf4\x8f\xbf\xbf", NULL},
    {"caf\xe9.py", "caf\\xe9.py"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\xc3", "\\xc3"},
    {"\xe2\x82", "\\xe2\\x82"},
    {"\xc0\xaf", "\\xc0\\xaf"},                     /* overlong */
    {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},            /* overlong */
    {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},   /* overlong */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},            /* surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},   /* above U+10FFFF */
    {"a\x80\xc3\xa4\xc3z", "a\\x80\xc3\xa4\\xc3z"}, /* mixed */
};
enum { SAMPLES = sizeof samples / sizeof *samples };

START_TEST(a_text_shows_odd_bytes_and_keeps_the_others)
{
    json_t *text = wire_text(samples[_i].bytes);
    const char *expected =
        samples[_i].shown != NULL ? samples[_i].shown : samples[_i].bytes;
    ck_assert_str_eq(json_string_value(text), expected);
    json_t *again = json_string(json_string_value(text)); /* jansson's own check */
    ck_assert_ptr_nonnull(again);
    json_decref(again);
    json_decref(text);
}
END_TEST

START_TEST(a_path_comes_back_as_it_was)
{
    json_t *path = wire_path(samples[_i].bytes);
    ck_assert_int_eq(json_is_string(path), samples[_i].shown == NULL);
    char *line = json_dumps(path, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *read = json_loads(line, JSON_DECODE_ANY, NULL);
    char *bytes = wire_path_bytes(read);
    ck_assert_str_eq(bytes, samples[_i].bytes);
    free(bytes);
    free(line);
    json_decref(read);
    json_decref(path);
}
END_TEST

START_TEST(paths_of_all_lengths_and_bytes_come_back)
{
    char bytes[300];
    for (size_t length = 0; length < 256; length++) {
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)(1 + (i * 7 + length * 13) % 255);
        bytes[length] = '\0';
        json_t *path = wire_path(bytes);
        char *back = wire_path_bytes(path);
        ck_assert_str_eq(back, bytes);
        free(back);
        json_decref(path);
    }
}
END_TEST

START_TEST(base64_is_that_of_everybody)
{
    json_t *path = wire_path("caf\xe9.py");
    ck_assert_str_eq(json_string_value(json_object_get(path, "b64")), "Y2Fm6S5weQ==");
    json_decref(path);
}
END_TEST

START_TEST(what_is_no_path_is_refused)
{
    static const char *const cases[] = {
        "null",
        "17",
        "[\"a\"]",
        "{}",
        "\"a\\u0000b\"",
        "{\"b64\": 1}",
        "{\"b64\": \"YQ\"}",   /* padding missing */
        "{\"b64\": \"YR==\"}", /* bits behind the end */
        "{\"b64\": \"YWJ=\"}", /* bits behind the end */
        "{\"b64\": \"Y===\"}", /* too much padding */
        "{\"b64\": \"====\"}",
        "{\"b64\": \"YQ==YQ==\"}", /* padding inside */
        "{\"b64\": \"Y Q=\"}",
        "{\"b64\": \"Y-_=\"}",
        "{\"b64\": \"YQBh\"}", /* holds a NUL */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = json_loads(cases[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        ck_assert_ptr_nonnull(value);
        ck_assert_msg(wire_path_bytes(value) == NULL, "%s was taken", cases[i]);
        json_decref(value);
    }
    ck_assert_ptr_null(wire_path_bytes(NULL));
}
END_TEST

START_TEST(a_nul_in_a_text_is_shown)
{
    json_t *text = wire_text_bytes("a\0\xff", 3);
    ck_assert_str_eq(json_string_value(text), "a\\x00\\xff");
    json_decref(text);
    json_t *none = wire_text_or_null(NULL);
    ck_assert(json_is_null(none));
    json_decref(none);
    none = wire_path_or_null(NULL);
    ck_assert(json_is_null(none));
    json_decref(none);
}
END_TEST

START_TEST(a_text_is_never_cut_inside_a_character)
{
    static const struct {
        const char *text;
        size_t limit, fits;
    } cases[] = {
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xc3\xa4z", 2, 1},
        {"a\xc3\xa4z", 3, 3},
        {"\xf0\x9f\x8c\xb2z", 1, 0},
        {"\xf0\x9f\x8c\xb2z", 3, 0},
        {"\xf0\x9f\x8c\xb2z", 4, 4},
        {"\xff\xff\xff\xff\xff", 4, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_uint_eq(wire_text_fit(cases[i].text, cases[i].limit), cases[i].fits);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tests = tcase_create("wire");
    tcase_add_loop_test(tests, a_text_shows_odd_bytes_and_keeps_the_others, 0, SAMPLES);
    tcase_add_loop_test(tests, a_path_comes_back_as_it_was, 0, SAMPLES);
    tcase_add_test(tests, paths_of_all_lengths_and_bytes_come_back);
    tcase_add_test(tests, base64_is_that_of_everybody);
    tcase_add_test(tests, what_is_no_path_is_refused);
    tcase_add_test(tests, a_nul_in_a_text_is_shown);
    tcase_add_test(tests, a_text_is_never_cut_inside_a_character);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
