/* JUnit XML as the readers of CI systems take it: a testsuite for each test file, a testcase for
 * each test. */

#include "client/print.h"
#include "client/report.h"
#include "client/trouble.h"

#include <string.h>

/* The bytes of the character at TEXT; 0 where XML 1.0 has none such: control characters, U+FFFE,
 * U+FFFF, and bytes that are not UTF-8 (in names of files). */
static size_t xml_character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80)
        return c[0] >= 0x20 || c[0] == '\t' || c[0] == '\n' || c[0] == '\r';
    size_t length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    bool wrong = c[0] < 0xc2 || c[0] > 0xf4 || (c[0] == 0xe0 && c[1] < 0xa0) ||
                 (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
                 (c[0] == 0xf4 && c[1] > 0x8f) ||
                 (c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe);
    for (size_t i = 1; i < length && !wrong; i++)
        wrong = (c[i] & 0xc0) != 0x80;
    return wrong ? 0 : length;
}

/* TEXT as content, or as the value of an attribute, where line ends and tabs would become blanks. */
static void put_escaped(FILE *out, const char *text, bool attribute)
{
    while (*text != '\0') {
        size_t length = xml_character(text);
        if (length == 0)
            fprintf(out, "\\x%02x", (unsigned char)*text);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else if (*text == '\r' || (attribute && (*text == '\t' || *text == '\n')))
            fprintf(out, "&#%d;", *text);
        else
            fwrite(text, 1, length, out);
        text += length > 0 ? length : 1;
    }
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    put_escaped(out, value, true);
    fputc('"', out);
}

struct counts {
    size_t tests, failures, errors, skipped;
    double ms;
};

static void count(struct counts *counts, const json_t *record)
{
    autofree char *outcome = print_field(record, "outcome");
    counts->tests++;
    counts->failures += strcmp(outcome, "failure") == 0;
    counts->errors += strcmp(outcome, "error") == 0;
    counts->skipped += strcmp(outcome, "skipped") == 0;
    counts->ms += json_number_value(json_object_get(record, "duration_ms"));
}

static void put_counts(FILE *out, const struct counts *counts)
{
    fprintf(
        out,
        " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
        counts->tests, counts->failures, counts->errors, counts->skipped,
        counts->ms / 1000);
}

/* "tests/test_a.py" and "TestX.test_y" -> classname "tests.test_a.TestX", name "test_y". The dots
 * of a parameter are none of a class. */
static void put_names(FILE *out, const char *file, const char *test)
{
    size_t stem = strlen(file);
    if (stem > 3 && strcmp(file + stem - 3, ".py") == 0)
        stem -= 3;
    size_t head = strcspn(test, "[(");
    const char *dot = memrchr(test, '.', head);
    autofree char *module = must(strndup(file, stem));
    for (char *c = module; *c != '\0'; c++)
        if (*c == '/')
            *c = '.';
    autofree char *class = dot != NULL
                               ? text_format("%s.%.*s", module, (int)(dot - test), test)
                               : text_format("%s", module);
    put_attribute(out, "classname", class);
    put_attribute(out, "name", dot != NULL ? dot + 1 : test);
    put_attribute(out, "file", file);
}

static void put_case(FILE *out, const json_t *record)
{
    autofree char *file = print_field(record, "file"),
                  *test = print_field(record, "test");
    autofree char *outcome = print_field(record, "outcome");
    fputs("    <testcase", out);
    put_names(out, file, test);
    fprintf(out, " time=\"%.3f\"",
            json_number_value(json_object_get(record, "duration_ms")) / 1000);
    if (strcmp(outcome, "skipped") == 0) {
        fputs("><skipped/></testcase>\n", out);
    } else if (report_is_red(record)) {
        autofree char *message = report_message(record);
        autofree char *type = print_field(record, "exception");
        autofree char *text = print_field(record, "report");
        fprintf(out, ">\n      <%s", outcome);
        put_attribute(out, "message", message);
        put_attribute(out, "type", type);
        fputc('>', out);
        put_escaped(out, text, false);
        fprintf(out, "</%s>\n    </testcase>\n", outcome);
    } else {
        fputs("/>\n", out);
    }
}

static bool same_file(const json_t *a, const json_t *b)
{
    return json_equal(json_object_get(a, "file"), json_object_get(b, "file"));
}

void junit_write(FILE *out, const json_t *records)
{
    struct counts all = {0};
    size_t total = json_array_size(records);
    for (size_t i = 0; i < total; i++)
        count(&all, json_array_get(records, i));
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"sniffer\"",
          out);
    put_counts(out, &all);
    /* The daemon lists the tests of a file together. */
    for (size_t begin = 0, end; begin < total; begin = end) {
        const json_t *first = json_array_get(records, begin);
        struct counts suite = {0};
        for (end = begin; end < total && same_file(first, json_array_get(records, end));
             end++)
            count(&suite, json_array_get(records, end));
        autofree char *file = print_field(first, "file");
        fputs("  <testsuite", out);
        put_attribute(out, "name", file);
        put_counts(out, &suite);
        for (size_t i = begin; i < end; i++)
            put_case(out, json_array_get(records, i));
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
}
