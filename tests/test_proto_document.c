/* PROTOCOL.md is held against the program; its examples are what the decoders are tried with, whole
 * and damaged, and so are the recorded conversations of proto/examples. */

#include "proto/line.h"
#include "proto/message.h"
#include "proto/order.h"
#include "proto/spans.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the examples ---- */

struct example {
    char fence[16]; /* what stands behind the three backticks */
    char *line;
};
static struct example examples[600];
static size_t example_count;

static void read_examples(void)
{
    FILE *file = fopen(SOURCE_DIR "/proto/PROTOCOL.md", "re");
    ck_assert_ptr_nonnull(file);
    char *line = NULL;
    size_t capacity = 0;
    char fence[16] = "";
    bool inside = false;
    while (getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "```", 3) == 0) {
            inside = !inside;
            snprintf(fence, sizeof fence, "%s", inside ? line + 3 : "");
        } else if (inside && strcmp(fence, "sh") != 0) {
            ck_assert_uint_lt(example_count, sizeof examples / sizeof *examples);
            struct example *example = &examples[example_count++];
            memcpy(example->fence, fence, sizeof fence);
            example->line = strdup(line);
        }
    }
    ck_assert(!inside);
    free(line);
    fclose(file);
    ck_assert_uint_gt(example_count, 50);
}

/* The lines of proto/examples/NAME.ndjson, as if they stood on the page in FENCE. */
static void read_recorded(const char *name, const char *fence)
{
    char path[sizeof SOURCE_DIR + 64];
    snprintf(path, sizeof path, SOURCE_DIR "/proto/examples/%s.ndjson", name);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    char *line = NULL;
    size_t capacity = 0;
    size_t before = example_count;
    while (getline(&line, &capacity, file) >= 0) {
        ck_assert_uint_lt(example_count, sizeof examples / sizeof *examples);
        struct example *example = &examples[example_count++];
        line[strcspn(line, "\n")] = '\0';
        snprintf(example->fence, sizeof example->fence, "%s", fence);
        example->line = strdup(line);
    }
    free(line);
    fclose(file);
    ck_assert_uint_gt(example_count, before);
}

static void forget_examples(void)
{
    while (example_count > 0)
        free(examples[--example_count].line);
}

/* Is there an example in FENCE with KEY: "NAME" at its top, or inside ERROR's data? */
static bool shows(const char *fence, const char *key, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < example_count && !found; i++) {
        if (strcmp(examples[i].fence, fence) != 0)
            continue;
        json_t *json = json_loads(examples[i].line, 0, NULL);
        const json_t *place = json;
        if (strcmp(key, "kind") == 0)
            place = json_object_get(json_object_get(json, "error"), "data");
        const char *value = json_string_value(json_object_get(place, key));
        found = value != NULL && strcmp(value, name) == 0;
        json_decref(json);
    }
    return found;
}

/* ---- what decodes what; each also sends on what it read ---- */

static bool try_request(const char *line, size_t length)
{
    struct request request;
    struct fault fault;
    json_t *id;
    char *answer;
    int r = request_decode(line, length, &request, &fault, &id);
    if (r == 0) {
        answer = reply_encode(request.id, request.params);
        request_finish(&request);
    } else {
        answer = fault_encode(id, &fault);
        json_decref(id);
    }
    ck_assert_ptr_nonnull(answer);
    ck_assert_ptr_null(strchr(answer, '\n'));
    struct incoming incoming;
    ck_assert_int_eq(incoming_decode(answer, strlen(answer), &incoming), 0);
    ck_assert(incoming.is_reply);
    ck_assert_int_eq(incoming.is_fault, r < 0);
    if (r < 0)
        ck_assert_int_eq(incoming.fault.code, fault.code);
    incoming_finish(&incoming);
    free(answer);
    return r == 0;
}

static bool try_incoming(const char *line, size_t length, bool expect_reply)
{
    struct incoming incoming;
    if (incoming_decode(line, length, &incoming) < 0)
        return false;
    bool expected = incoming.is_reply == expect_reply;
    if (incoming.is_fault)
        ck_assert_uint_lt(strlen(incoming.fault.message), sizeof incoming.fault.message);
    else if (incoming.is_reply)
        ck_assert_ptr_nonnull(incoming.result);
    else
        ck_assert(incoming.method != NULL && json_is_object(incoming.params));
    incoming_finish(&incoming);
    return expected;
}

static bool try_reply(const char *line, size_t length)
{
    return try_incoming(line, length, true);
}

static bool try_notification(const char *line, size_t length)
{
    return try_incoming(line, length, false);
}

static bool try_report(const char *line, size_t length)
{
    struct report report;
    const char *why = NULL;
    if (report_decode(line, length, &report, &why) < 0) {
        ck_assert_ptr_nonnull(why);
        return false;
    }
    if (report.path != NULL)
        json_decref(wire_path(report.path));
    for (size_t i = 0; i < report.path_count; i++)
        json_decref(wire_path(report.paths[i]));
    if (report.type == REPORT_RESULT)
        json_decref(result_encode(&(struct result_record){.package = ".",
                                                          .file = "a.py",
                                                          .test = report.test,
                                                          .outcome = report.outcome,
                                                          .exception = report.exception,
                                                          .report = report.text}));
    report_finish(&report);
    return true;
}

/* The daemon only writes orders: writing this one again must give the same line. */
static bool try_order(const char *line, size_t length)
{
    json_t *json = json_loadb(line, length, 0, NULL);
    json_t *list = json_object_get(json, "paths");
    char *file = wire_path_bytes(json_object_get(json, "file"));
    char *written = NULL;
    const char *first[] = {NULL, NULL};
    char *company = wire_path_bytes(json_array_get(json_object_get(json, "company"), 0));
    const char *files[] = {file, company, NULL};
    first[0] = json_string_value(json_array_get(json_object_get(json, "first"), 0));
    if (json_array_size(json_object_get(json, "first")) > 1 ||
        json_array_size(json_object_get(json, "company")) > 1) {
        free(file);
        file = NULL;
    }
    if (file != NULL)
        written = order_encode_run(json_integer_value(json_object_get(json, "run")),
                                   files, first);
    if (list != NULL && json_array_size(list) <= 8) {
        char *paths[8] = {NULL};
        size_t count = 0;
        while (count < json_array_size(list) &&
               (paths[count] = wire_path_bytes(json_array_get(list, count))) != NULL)
            count++;
        free(written);
        const char *order = json_string_value(json_object_get(json, "order"));
        int64_t id = json_integer_value(json_object_get(json, "id"));
        bool blocks = order != NULL && strcmp(order, "blocks") == 0;
        written = (blocks ? order_encode_blocks
                          : order_encode_classify)(id, (const char *const *)paths, count);
        while (count > 0)
            free(paths[--count]);
    }
    bool same = written != NULL && strlen(written) == length &&
                memcmp(written, line, length) == 0;
    free(written);
    free(file);
    free(company);
    json_decref(json);
    return same;
}

static const struct {
    const char *fence;
    bool (*try)(const char *line, size_t length);
} decoders[] = {
    {"request", try_request}, {"reply", try_reply}, {"notification", try_notification},
    {"report", try_report},   {"order", try_order},
};
enum { DECODERS = sizeof decoders / sizeof *decoders };

START_TEST(every_example_is_what_it_says)
{
    for (size_t i = 0; i < example_count; i++) {
        size_t tried = 0;
        for (size_t d = 0; d < DECODERS; d++) {
            if (strcmp(decoders[d].fence, examples[i].fence) != 0)
                continue;
            tried++;
            ck_assert_msg(decoders[d].try(examples[i].line, strlen(examples[i].line)),
                          "no %s: %s", examples[i].fence, examples[i].line);
        }
        ck_assert_msg(tried == 1, "unknown fence \"%s\"", examples[i].fence);
    }
}
END_TEST

/* Some of the recorded requests are wrong on purpose; the replies hold their faults. */
static bool is_request(const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    const char *method = json_string_value(json_object_get(json, "method"));
    bool known = false;
    for (size_t i = 0; method != NULL && method_names[i] != NULL; i++)
        known = known || strcmp(method, method_names[i]) == 0;
    json_decref(json);
    return known;
}

START_TEST(every_recorded_line_is_what_it_says)
{
    static const struct {
        const char *name, *fence;
    } recorded[] = {
        {"requests", "request"}, {"replies", "reply"}, {"notifications", "notification"},
        {"reports", "report"},   {"looks", "report"},
    };
    forget_examples();
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++)
        read_recorded(recorded[i].name, recorded[i].fence);
    for (size_t i = 0; i < example_count; i++) {
        const struct example *example = &examples[i];
        for (size_t d = 0; d < DECODERS; d++) {
            if (strcmp(decoders[d].fence, example->fence) != 0)
                continue;
            bool taken = decoders[d].try(example->line, strlen(example->line));
            bool expected = decoders[d].try != try_request || is_request(example->line);
            ck_assert_msg(taken == expected, "%s: %s", example->fence, example->line);
        }
    }
}
END_TEST

START_TEST(every_message_has_an_example)
{
    static const char *const others[] = {"hello", "snapshot", "bookmark", NULL};
    static const char *const orders[] = {"classify", "run", "blocks", NULL};
    static const char *const reports[] = {
        "ready",  "unfit", "classified", "started", "test",   "result", "done",
        "exited", "look",  "wrote",      "blocks",  "tested", "warm",   NULL};
    static const struct {
        const char *fence, *key;
        const char *const *names;
    } all[] = {
        {"request", "method", method_names},
        {"reply", "kind", fault_names},
        {"notification", "method", topic_names},
        {"notification", "method", others},
        {"order", "order", orders},
        {"report", "report", reports},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const char *const *name = all[i].names; *name != NULL; name++)
            ck_assert_msg(shows(all[i].fence, all[i].key, *name), "no %s %s",
                          all[i].fence, *name);
}
END_TEST

START_TEST(every_word_stands_on_the_page)
{
    static const char *const *const lists[] = {
        method_names,     topic_names,        fault_names,  outcome_names, evidence_names,
        file_state_names, daemon_state_names, reason_names, span_names};
    FILE *file = fopen(SOURCE_DIR "/proto/PROTOCOL.md", "re");
    ck_assert_ptr_nonnull(file);
    char *page = NULL;
    size_t capacity = 0;
    ck_assert_int_gt(getdelim(&page, &capacity, '\0', file), 0);
    fclose(file);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const char *const *name = lists[i]; *name != NULL; name++) {
            char word[64];
            snprintf(word, sizeof word, "`%s`", *name);
            ck_assert_msg(strstr(page, word) != NULL, "%s is missing", word);
        }
    }
    free(page);
}
END_TEST

/* ---- damaged lines ---- */

enum { MUTATIONS = 20000 };

static uint64_t dice = UINT64_C(0x5eed5eed5eed5eed);

static size_t throw_dice(size_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (size_t)(dice % sides);
}

/* What JSON, UTF-8 and base64 are touchy about. */
static const struct {
    const char *bytes;
    size_t length;
} spices[] = {
    {"\0", 1},
    {"\xff", 1},
    {"\xed\xa0\x80", 3},
    {"\\u0000", 6},
    {"\\ud800", 6},
    {"\"", 1},
    {"\\", 1},
    {"{", 1},
    {"}", 1},
    {"[", 1},
    {"]", 1},
    {",", 1},
    {":", 1},
    {"null", 4},
    {"true", 4},
    {"-1", 2},
    {"1e999", 5},
    {"0.1", 3},
    {"[[[[[[[[", 8},
    {"{\"b64\":\"", 8},
    {"9223372036854775807", 19},
    {"99999999999999999999", 20},
    {"\n", 1},
};

/* One change in LINE of LENGTH bytes, with room for 64 more; the new length. */
static size_t mutate(char *line, size_t length)
{
    size_t at = throw_dice(length + 1);
    size_t spice = throw_dice(sizeof spices / sizeof *spices);
    size_t more = spices[spice].length;
    size_t cut = throw_dice(16);
    switch (throw_dice(6)) {
    case 0: /* cut off */
        return at;
    case 1: /* another byte */
        if (at < length)
            line[at] = (char)throw_dice(256);
        return length;
    case 2: /* another bit */
        if (at < length)
            line[at] = (char)(line[at] ^ (1 << throw_dice(8)));
        return length;
    case 3: /* a few bytes lost */
        if (cut > length - at)
            cut = length - at;
        memmove(line + at, line + at + cut, length - at - cut);
        return length - cut;
    case 4: /* something written over */
        if (more > length - at)
            more = length - at;
        memcpy(line + at, spices[spice].bytes, more);
        return length;
    default: /* something put in between */
        memmove(line + at + more, line + at, length - at);
        memcpy(line + at, spices[spice].bytes, more);
        return length + more;
    }
}

/* A copy that ends where the line ends, so that the sanitizer sees each byte read beyond. */
static void try_all(const char *line, size_t length)
{
    char *exact = malloc(length + (length == 0));
    if (exact == NULL) /* too often for Check, which notes each point */
        abort();
    memcpy(exact, line, length);
    for (size_t d = 0; d < DECODERS; d++)
        decoders[d].try(exact, length);
    json_t *text = wire_text_bytes(exact, length);
    ck_assert_ptr_nonnull(text);
    json_t *again = json_string(json_string_value(text));
    ck_assert_ptr_nonnull(again);
    json_decref(again);
    json_decref(text);
    free(exact);
}

START_TEST(damaged_lines_do_no_harm)
{
    static char line[16 << 10];
    for (size_t i = 0; i < MUTATIONS; i++) {
        const char *seed = examples[throw_dice(example_count)].line;
        size_t length = strlen(seed);
        ck_assert_uint_lt(length, sizeof line - 8 * 64);
        memcpy(line, seed, length);
        for (size_t changes = 1 + throw_dice(4); changes > 0; changes--)
            length = mutate(line, length);
        try_all(line, length);
    }
}
END_TEST

START_TEST(lines_cut_anywhere_are_refused)
{
    for (size_t i = 0; i < example_count; i++) {
        size_t whole = strlen(examples[i].line);
        for (size_t length = 0; length < whole; length += 1 + length / 64) {
            char *exact = malloc(length + (length == 0));
            ck_assert_ptr_nonnull(exact);
            memcpy(exact, examples[i].line, length);
            for (size_t d = 0; d < DECODERS; d++)
                ck_assert(!decoders[d].try(exact, length));
            free(exact);
        }
    }
}
END_TEST

START_TEST(a_deep_nest_is_refused)
{
    enum { DEEP = 1 << 19 };
    char *line = malloc(DEEP);
    ck_assert_ptr_nonnull(line);
    memset(line, '[', DEEP);
    try_all(line, DEEP);
    ck_assert(!try_request(line, DEEP) && !try_report(line, DEEP) &&
              !try_reply(line, DEEP));
    free(line);
}
END_TEST

/* Bytes of any kind, in pieces of any size: each line comes out once, whole, or is told as too long. */
START_TEST(a_stream_of_anything_is_cut_at_its_newlines)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    struct line_reader reader;
    line_reader_init(&reader, 40);
    static char all[200000];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(throw_dice(24) == 0 ? '\n' : (int)throw_dice(256));
    all[sizeof all - 1] = '\n';
    size_t from = 0;
    for (size_t sent = 0; sent < sizeof all;) {
        size_t piece = 1 + throw_dice(300);
        if (piece > sizeof all - sent)
            piece = sizeof all - sent;
        ck_assert_int_eq(write(ends[1], all + sent, piece), (ssize_t)piece);
        ck_assert_int_eq(line_reader_fill(&reader, ends[0]), (ssize_t)piece);
        sent += piece;
        size_t length;
        const char *line;
        while ((line = line_next(&reader, &length)) != NULL || length == SIZE_MAX) {
            const char *newline = memchr(all + from, '\n', sizeof all - from);
            size_t expected = (size_t)(newline - all) - from;
            if (line == NULL) {
                ck_assert_uint_gt(expected, 40);
            } else {
                ck_assert_uint_eq(length, expected);
                ck_assert_mem_eq(line, all + from, length);
            }
            from += expected + 1;
        }
    }
    ck_assert_uint_eq(from, sizeof all);
    line_reader_finish(&reader);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("document");
    TCase *tests = tcase_create("document");
    tcase_add_checked_fixture(tests, read_examples, forget_examples);
    tcase_set_timeout(tests, 60); /* the damaged lines take seconds with the sanitizers */
    tcase_add_test(tests, every_example_is_what_it_says);
    tcase_add_test(tests, every_recorded_line_is_what_it_says);
    tcase_add_test(tests, every_message_has_an_example);
    tcase_add_test(tests, every_word_stands_on_the_page);
    tcase_add_test(tests, damaged_lines_do_no_harm);
    tcase_add_test(tests, lines_cut_anywhere_are_refused);
    tcase_add_test(tests, a_deep_nest_is_refused);
    tcase_add_test(tests, a_stream_of_anything_is_cut_at_its_newlines);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
