#include "proto/message.h"
#include "proto/version.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void expect_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(json);
}

static void expect_line(char *line, const char *expected)
{
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(line, expected);
    free(line);
}

/* ---- names ---- */

START_TEST(every_word_has_its_name)
{
    ck_assert_str_eq(method_names[METHOD_STATUS], "status");
    ck_assert_str_eq(method_names[METHOD_RECORD_BEGIN], "record.begin");
    ck_assert_str_eq(method_names[METHOD_STOP], "stop");
    ck_assert_ptr_null(method_names[METHOD_STOP + 1]);
    ck_assert_str_eq(topic_names[TOPIC_FILE_FAILURES], "file.failures");
    ck_assert_str_eq(topic_names[TOPIC_BYE], "bye");
    ck_assert_ptr_null(topic_names[TOPIC_COUNT]);
    ck_assert_str_eq(fault_names[FAULT_PARSE], "parse");
    ck_assert_str_eq(fault_names[FAULT_SHUTTING_DOWN], "shutting_down");
    ck_assert_ptr_null(fault_names[FAULT_INTERNAL + 1]);
    for (int i = 0; i <= METHOD_STOP; i++)
        ck_assert_int_eq(word_find(method_names, method_names[i]), i);
    for (int i = 0; i < TOPIC_COUNT; i++)
        ck_assert_int_eq(word_find(topic_names, topic_names[i]), i);
    for (int i = 0; i <= FAULT_INTERNAL; i++)
        ck_assert_int_eq(word_find(fault_names, fault_names[i]), i);
}
END_TEST

/* ---- requests ---- */

static struct request decode(const char *line)
{
    struct request request;
    struct fault fault;
    json_t *id;
    int r = request_decode(line, strlen(line), &request, &fault, &id);
    ck_assert_msg(r == 0, "%s: %s", line, fault.message);
    ck_assert_ptr_null(id);
    return request;
}

START_TEST(a_request_arrives_as_it_was_sent)
{
    json_t *params = json_pack("{s:[s]}", "files", "a.py");
    char *line = request_encode("record.begin", 7, params);
    ck_assert_str_eq(line, "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"record.begin\","
                           "\"params\":{\"files\":[\"a.py\"]}}");
    struct request request = decode(line);
    ck_assert_int_eq(request.method, METHOD_RECORD_BEGIN);
    ck_assert_int_eq(json_integer_value(request.id), 7);
    ck_assert(json_equal(request.params, params));
    request_finish(&request);
    request_finish(&request);
    request_finish(NULL);
    json_decref(params);
    free(line);
    expect_line(request_encode("status", 1, NULL),
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}");
}
END_TEST

START_TEST(what_a_client_may_leave_out_is_filled_in)
{
    static const char *const lines[] = {
        "{\"id\":\"x\",\"method\":\"status\"}",
        "{\"id\":\"x\",\"method\":\"status\",\"params\":null}",
        ("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"status\",\"params\":{},"
         "\"other\":"
         "[1]}"),
        "  { \"id\" : \"x\", \"method\" : \"status\" }\r",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct request request = decode(lines[i]);
        ck_assert_int_eq(request.method, METHOD_STATUS);
        ck_assert_str_eq(json_string_value(request.id), "x");
        ck_assert_uint_eq(json_object_size(request.params), 0);
        ck_assert(json_is_object(request.params));
        request_finish(&request);
    }
    struct request notification = decode("{\"method\":\"pause\"}");
    ck_assert_ptr_null(notification.id);
    request_finish(&notification);
    struct request null = decode("{\"method\":\"pause\",\"id\":null}");
    ck_assert(json_is_null(null.id));
    request_finish(&null);
}
END_TEST

/* ID: what the answer carries, as JSON; NULL: there is none. */
static const struct {
    const char *line;
    enum fault_kind kind;
    int code;
    const char *id;
} wrong[] = {
    {"", FAULT_PARSE, -32700, "null"},
    {"hello", FAULT_PARSE, -32700, "null"},
    {"{\"id\":1,\"method\":\"status\"", FAULT_PARSE, -32700, "null"},
    {"{\"id\":1,\"method\":\"caf\xe9\"}", FAULT_PARSE, -32700, "null"},
    {"{\"id\":1,\"method\":\"status\"}{}", FAULT_PARSE, -32700, "null"},
    {"{\"id\":1,\"method\":\"wait\",\"params\":{\"a\":\"\\u0000\"}}", FAULT_PARSE, -32700,
     "null"},
    {"{\"id\":99999999999999999999,\"method\":\"status\"}", FAULT_PARSE, -32700, "null"},
    {"[{\"id\":1,\"method\":\"status\"}]", FAULT_UNSUPPORTED, -32600, "null"},
    {"{}", FAULT_PARSE, -32600, "null"},
    {"{\"id\":3}", FAULT_PARSE, -32600, "3"},
    {"{\"id\":3,\"method\":4}", FAULT_PARSE, -32600, "3"},
    {"{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"status\"}", FAULT_PARSE, -32600, "3"},
    {"{\"jsonrpc\":2.0,\"id\":\"a\",\"method\":\"status\"}", FAULT_PARSE, -32600,
     "\"a\""},
    {"{\"id\":[1],\"method\":\"status\"}", FAULT_PARSE, -32600, "null"},
    {"{\"id\":true,\"method\":\"status\"}", FAULT_PARSE, -32600, "null"},
    {"{\"id\":5,\"method\":\"Status\"}", FAULT_UNKNOWN_METHOD, -32601, "5"},
    {"{\"id\":5,\"method\":\"\"}", FAULT_UNKNOWN_METHOD, -32601, "5"},
    {"{\"id\":\"\",\"method\":\"status\",\"params\":[]}", FAULT_BAD_PARAMS, -32602,
     "\"\""},
    {"{\"id\":1.5,\"method\":\"status\",\"params\":3}", FAULT_BAD_PARAMS, -32602, "1.5"},
    {"{\"method\":\"no.such\"}", FAULT_UNKNOWN_METHOD, -32601, NULL},
    {"{\"method\":\"status\",\"params\":[]}", FAULT_BAD_PARAMS, -32602, NULL},
};

START_TEST(a_wrong_request_is_refused_to_the_right_asker)
{
    struct request untouched = {.method = METHOD_STOP};
    struct fault fault;
    json_t *id;
    ck_assert_int_eq(
        request_decode(wrong[_i].line, strlen(wrong[_i].line), &untouched, &fault, &id),
        -EINVAL);
    ck_assert_int_eq(untouched.method, METHOD_STOP);
    ck_assert_int_eq(fault.kind, wrong[_i].kind);
    ck_assert_int_eq(fault.code, wrong[_i].code);
    ck_assert_str_ne(fault.message, "");
    if (wrong[_i].id == NULL) {
        ck_assert_ptr_null(id);
        return;
    }
    char *text = json_dumps(id, JSON_ENCODE_ANY);
    ck_assert_str_eq(text, wrong[_i].id);
    free(text);
    json_decref(id);
}
END_TEST

START_TEST(a_line_over_the_limit_is_too_long)
{
    char *line = malloc(MESSAGE_LINE_LIMIT + 1);
    ck_assert_ptr_nonnull(line);
    memset(line, ' ', MESSAGE_LINE_LIMIT + 1);
    memcpy(line, "{\"id\":1,\"method\":\"stop\"}", 24);
    struct request request;
    struct fault fault;
    json_t *id;
    ck_assert_int_eq(request_decode(line, MESSAGE_LINE_LIMIT, &request, &fault, &id), 0);
    request_finish(&request);
    ck_assert_int_eq(request_decode(line, MESSAGE_LINE_LIMIT + 1, &request, &fault, &id),
                     -EINVAL);
    ck_assert_int_eq(fault.kind, FAULT_TOO_LONG);
    ck_assert_int_eq(fault.code, -32000);
    json_decref(id);
    free(line);
}
END_TEST

/* ---- faults ---- */

START_TEST(each_kind_of_fault_has_its_code)
{
    static const int codes[] = {-32700, -32000, -32601, -32602, -32000, -32000,
                                -32000, -32000, -32000, -32000, -32603};
    for (int kind = 0; kind <= FAULT_INTERNAL; kind++) {
        struct fault fault;
        fault_set(&fault, (enum fault_kind)kind, "say %s", "why");
        char expected[256];
        snprintf(expected, sizeof expected,
                 "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\":{\"code\":%d,\"message\":\"say "
                 "why\","
                 "\"data\":{\"kind\":\"%s\"}}}",
                 codes[kind], fault_names[kind]);
        json_t *id = json_integer(4);
        char *line = fault_encode(id, &fault);
        ck_assert_str_eq(line, expected);
        struct fault plain = {.kind = (enum fault_kind)kind, .message = "say why"};
        expect_line(fault_encode(id, &plain), expected);
        struct incoming incoming;
        ck_assert_int_eq(incoming_decode(line, strlen(line), &incoming), 0);
        ck_assert(incoming.is_reply && incoming.is_fault);
        ck_assert_int_eq(incoming.id, 4);
        ck_assert_int_eq(incoming.fault.kind, kind);
        ck_assert_int_eq(incoming.fault.code, codes[kind]);
        ck_assert_str_eq(incoming.fault.message, "say why");
        ck_assert_ptr_null(incoming.result);
        incoming_finish(&incoming);
        incoming_finish(&incoming);
        incoming_finish(NULL);
        free(line);
        json_decref(id);
    }
}
END_TEST

START_TEST(an_invalid_request_keeps_its_code)
{
    struct fault fault = {
        .kind = FAULT_PARSE, .message = "caf\xe9", .code = FAULT_INVALID_REQUEST};
    expect_line(fault_encode(NULL, &fault),
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
                "\"caf\\\\xe9\",\"data\":{\"kind\":\"parse\"}}}");
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
    for (size_t shift = 0; shift < 4; shift++) {
        char text[400] = "abc";
        text[shift] = '\0';
        for (int i = 0; i < 80; i++)
            strcat(text, "\xf0\x9f\x8c\xb2");
        struct fault fault;
        fault_set(&fault, FAULT_BUSY, "%s", text);
        size_t length = strlen(fault.message);
        ck_assert_uint_eq(length, shift + (255 - shift) / 4 * 4);
        ck_assert_mem_eq(fault.message, text, length);
        json_t *valid = json_string(fault.message);
        ck_assert_ptr_nonnull(valid);
        json_decref(valid);
    }
}
END_TEST

/* ---- what a client reads ---- */

START_TEST(a_reply_brings_its_result)
{
    json_t *id = json_integer(12), *result = json_pack("{s:f}", "x", 0.1);
    char *line = reply_encode(id, result);
    ck_assert_str_eq(line, "{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":{\"x\":0.1}}");
    struct incoming incoming;
    ck_assert_int_eq(incoming_decode(line, strlen(line), &incoming), 0);
    ck_assert(incoming.is_reply && !incoming.is_fault);
    ck_assert_int_eq(incoming.id, 12);
    ck_assert(json_equal(incoming.result, result));
    incoming_finish(&incoming);
    free(line);
    json_decref(id);
    expect_line(reply_encode(NULL, result),
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{\"x\":0.1}}");
    json_decref(result);
    ck_assert_ptr_null(reply_encode(NULL, NULL));
}
END_TEST

START_TEST(hello_is_read_as_a_notification)
{
    static const char line[] =
        "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"protocol\":{\"major\":1,"
        "\"minor\":1},\"version\":\"0.1.0\",\"root\":\"/home/me/project\",\"pid\":4711,"
        "\"epoch\":81985529216486,\"seq\":1041,\"capabilities\":{\"methods\":[\"status\"]"
        ","
        "\"topics\":[\"stats\"]},\"limits\":{\"line\":1048576}}}";
    struct incoming incoming;
    ck_assert_int_eq(incoming_decode(line, sizeof line - 1, &incoming), 0);
    ck_assert(!incoming.is_reply && !incoming.is_fault);
    ck_assert_str_eq(incoming.method, "hello");
    int major, minor, pid;
    const char *version, *root;
    json_int_t epoch, seq;
    ck_assert_int_eq(
        json_unpack(incoming.params, "{s:{s:i, s:i}, s:s, s:s, s:i, s:I, s:I}",
                    "protocol", "major", &major, "minor", &minor, "version", &version,
                    "root", &root, "pid", &pid, "epoch", &epoch, "seq", &seq),
        0);
    ck_assert_int_eq(major, MESSAGE_MAJOR);
    ck_assert_int_eq(minor, MESSAGE_MINOR);
    ck_assert_str_eq(root, "/home/me/project");
    ck_assert_int_eq(epoch, 81985529216486);
    ck_assert_int_eq(seq, 1041);
    incoming_finish(&incoming);
}
END_TEST

START_TEST(a_notification_needs_no_params)
{
    json_t *params = json_pack("{s:i}", "seq", 8);
    char *line = notification_encode("run.started", params);
    ck_assert_str_eq(
        line, "{\"jsonrpc\":\"2.0\",\"method\":\"run.started\",\"params\":{\"seq\":8}}");
    struct incoming incoming;
    ck_assert_int_eq(incoming_decode(line, strlen(line), &incoming), 0);
    ck_assert(!incoming.is_reply);
    ck_assert_str_eq(incoming.method, "run.started");
    ck_assert(json_equal(incoming.params, params));
    incoming_finish(&incoming);
    json_decref(params);
    free(line);
    static const char bare[] = "{\"method\":\"x\"}";
    ck_assert_int_eq(incoming_decode(bare, sizeof bare - 1, &incoming), 0);
    ck_assert(json_is_object(incoming.params));
    incoming_finish(&incoming);
}
END_TEST

START_TEST(a_fault_of_a_newer_daemon_is_still_understood)
{
    static const struct {
        const char *line;
        enum fault_kind kind;
        int64_t id;
    } cases[] = {
        {"{\"id\":null,\"error\":{\"code\":-32700,\"message\":\"m\"}}", FAULT_PARSE, -1},
        {"{\"id\":0,\"error\":{\"code\":-32600,\"message\":\"m\",\"data\":7}}",
         FAULT_PARSE, 0},
        {"{\"id\":1,\"error\":{\"code\":-32601,\"message\":\"m\",\"data\":{}}}",
         FAULT_UNKNOWN_METHOD, 1},
        {"{\"id\":\"a\",\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"kind\":"
         "\"new\"}}}",
         FAULT_INTERNAL, -1},
        {"{\"id\":1,\"result\":{},\"error\":{\"code\":-99999999999,\"message\":\"m\"}}",
         FAULT_INTERNAL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct incoming incoming;
        ck_assert_int_eq(incoming_decode(cases[i].line, strlen(cases[i].line), &incoming),
                         0);
        ck_assert(incoming.is_fault);
        ck_assert_int_eq(incoming.fault.kind, cases[i].kind);
        ck_assert_int_eq(incoming.id, cases[i].id);
        ck_assert_ptr_null(incoming.result);
        incoming_finish(&incoming);
    }
}
END_TEST

START_TEST(what_is_no_message_is_refused)
{
    static const char *const lines[] = {
        "",
        "[]",
        "{}",
        "{\"id\":1}",
        "{\"method\":7}",
        "{\"method\":\"a\",\"params\":[]}",
        "{\"id\":1,\"error\":null}",
        "{\"id\":1,\"error\":{\"code\":1}}",
        "{\"id\":1,\"error\":{\"message\":\"m\"}}",
        "{\"id\":1,\"result\":\"\xff\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct incoming incoming = {.id = 77};
        ck_assert_int_eq(incoming_decode(lines[i], strlen(lines[i]), &incoming), -EINVAL);
        ck_assert_int_eq(incoming.id, 77);
    }
}
END_TEST

/* ---- what the messages carry ---- */

START_TEST(status_has_the_keys_of_the_command_line_in_their_order)
{
    static const struct running running[] = {{"a.py", "TestX.test_y", 12},
                                             {"b\xff.py", NULL, 0}};
    static const char *const queue[] = {"c.py", "d\xff.py"};
    struct status status = {
        .state = STATE_RUNNING,
        .message = "caf\xe9",
        .stats = {7, 1, 2, 3, 1, 4},
        .running = running,
        .running_count = 2,
        .queue = queue,
        .queue_count = 2,
        .root = "/p\xff",
        .pid = 4711,
        .backend = "inotify",
        .python = "3.11.2 /usr/bin/python3",
        .warm = {2, 1, 3},
        .audit = {3, 2, 1, 1795415216123},
    };
    expect_json(
        status_encode(&status),
        "{\"state\":\"running\",\"message\":\"caf\\\\xe9\",\"stats\":{\"tests\":7,"
        "\"successes\":1,\"errors\":2,\"failures\":3,\"skipped\":1,\"to_be_run\":4},"
        "\"running\":[{\"file\":\"a.py\",\"test\":\"TestX.test_y\",\"since_ms\":12},"
        "{\"file\":{\"b64\":\"Yv8ucHk=\"},\"test\":null,\"since_ms\":0}],"
        "\"queue\":[\"c.py\",{\"b64\":\"ZP8ucHk=\"}],\"root\":{\"b64\":\"L3D/\"},"
        "\"pid\":4711,\"version\":\"" SNIFFER_VERSION "\",\"backend\":\"inotify\","
        "\"framework\":null,\"python\":\"3.11.2 /usr/bin/python3\",\"degraded\":null,"
        "\"warm\":{\"hosts\":2,\"spares\":1,\"layers\":3},\"focus\":null,"
        "\"audit\":{\"audited\":6,\"agreed\":3,\"flaky\":2,\"stale\":1,"
        "\"last\":\"2026-11-23T06:26:56.123Z\"}}");
    struct status bare = {.root = "/p"};
    expect_json(
        status_encode(&bare),
        "{\"state\":\"idle\",\"message\":\"\",\"stats\":{\"tests\":0,"
        "\"successes\":0,\"errors\":0,\"failures\":0,\"skipped\":0,\"to_be_run\":0},"
        "\"running\":[],\"queue\":[],\"root\":\"/p\",\"pid\":0,"
        "\"version\":\"" SNIFFER_VERSION "\",\"backend\":null,\"framework\":null,"
        "\"python\":null,\"degraded\":null,"
        "\"warm\":{\"hosts\":0,\"spares\":0,\"layers\":0},\"focus\":null,"
        "\"audit\":{\"audited\":0,\"agreed\":0,\"flaky\":0,\"stale\":0,\"last\":null}}");
}
END_TEST

START_TEST(a_result_survives_any_bytes)
{
    struct result_record record = {"a.py", "t[\xff]",       OUTCOME_FAILURE,     true,
                                   1.1,    "Assertion\x80", "caf\xe9\x1b[31m\n", "one"};
    expect_json(
        result_encode(&record),
        "{\"file\":\"a.py\",\"test\":\"t[\\\\xff]\",\"outcome\":\"failure\","
        "\"current\":true,\"duration_ms\":1.1,\"exception\":\"Assertion\\\\x80\","
        "\"report\":\"caf\\\\xe9\\u001B[31m\\n\",\"package\":\"one\",\"spans\":[]}");
    expect_json(
        result_news_encode(&record),
        "{\"file\":\"a.py\",\"test\":\"t[\\\\xff]\",\"outcome\":\"failure\","
        "\"current\":true,\"duration_ms\":1.1,\"exception\":\"Assertion\\\\x80\","
        "\"report_text\":\"caf\\\\xe9\\u001B[31m\\n\",\"package\":\"one\",\"spans\":[]}");
    struct result_record plain = {
        .file = "a.py", .test = "t", .duration_ms = NAN, .package = "."};
    expect_json(
        result_encode(&plain),
        "{\"file\":\"a.py\",\"test\":\"t\",\"outcome\":\"success\",\"current\":false,"
        "\"duration_ms\":null,\"exception\":null,\"report\":null,\"package\":\".\"}");
}
END_TEST

START_TEST(a_file_tells_what_it_has)
{
    struct file_record record = {.file = "a.py",
                                 .package = ".",
                                 .state = FILE_CURRENT,
                                 .runs = 3,
                                 .has_outcome = true,
                                 .outcome = OUTCOME_SKIPPED,
                                 .duration_ms = 2.5,
                                 .tests = 4,
                                 .last_run = 1795415216123,
                                 .from_cache = true,
                                 .audited = 1795415216123,
                                 .audit = AUDIT_STALE};
    expect_json(
        file_encode(&record),
        "{\"file\":\"a.py\",\"state\":\"current\",\"runs\":3,\"outcome\":\"skipped\","
        "\"duration_ms\":2.5,\"tests\":4,\"last_run\":\"2026-11-23T06:26:56.123Z\","
        "\"from_cache\":true,\"flaky\":false,\"unseen\":false,\"package\":\".\","
        "\"audited\":\"2026-11-23T06:26:56.123Z\",\"audit\":\"stale\"}");
    struct file_record fresh = {
        .file = "a.py", .state = FILE_NEVER_RUN, .flaky = true, .package = "."};
    expect_json(file_encode(&fresh),
                "{\"file\":\"a.py\",\"state\":\"never_run\",\"runs\":0,\"outcome\":null,"
                "\"duration_ms\":null,\"tests\":0,\"last_run\":null,\"from_cache\":false,"
                "\"flaky\":true,\"unseen\":false,\"package\":\".\","
                "\"audited\":null,\"audit\":null}");
}
END_TEST

START_TEST(an_audit_tells_what_it_found)
{
    json_t *tests = json_pack("[{s:s}]", "test", "t");
    struct audit_record record = {.file = "b\xff.py",
                                  .package = ".",
                                  .found = AUDIT_STALE,
                                  .detail = "caf\xe9",
                                  .runs = 5,
                                  .tests = tests,
                                  .more = 2};
    expect_json(audit_encode(&record),
                "{\"file\":{\"b64\":\"Yv8ucHk=\"},\"found\":\"stale\","
                "\"detail\":\"caf\\\\xe9\",\"runs\":5,\"tests\":[{\"test\":\"t\"}],"
                "\"only_now\":[],\"only_before\":[],\"moved\":[],\"more\":2,"
                "\"package\":\".\"}");
    json_decref(tests);
}
END_TEST

START_TEST(evidence_and_reasons_name_their_path)
{
    struct evidence_record evidence = {"a.py", "data/\xff", EVIDENCE_CONTENT, "", true,
                                       true,   true};
    expect_json(evidence_encode(&evidence),
                "{\"file\":\"a.py\",\"path\":{\"b64\":\"ZGF0YS//\"},\"kind\":\"content\","
                "\"detail\":\"\",\"holds\":true,\"volatile\":true,\"unseen\":true}");
    evidence =
        (struct evidence_record){"a.py", "m", EVIDENCE_SEARCH, NULL, false, false, false};
    expect_json(evidence_encode(&evidence),
                "{\"file\":\"a.py\",\"path\":\"m\",\"kind\":\"search\",\"detail\":null,"
                "\"holds\":false,\"volatile\":false,\"unseen\":false}");
    struct why_record why = {"a.py", REASON_FAILED_IMPORT, "m.py", "was \xff", true, "."};
    expect_json(why_encode(&why),
                "{\"file\":\"a.py\",\"reason\":\"failed-import\",\"path\":\"m.py\","
                "\"detail\":\"was \\\\xff\",\"stale\":true,\"package\":\".\"}");
    why = (struct why_record){.file = "a.py", .reason = REASON_NEVER_RUN, .package = "."};
    expect_json(
        why_encode(&why),
        "{\"file\":\"a.py\",\"reason\":\"never_run\",\"path\":null,\"detail\":null,"
        "\"stale\":false,\"package\":\".\"}");
}
END_TEST

START_TEST(times_are_iso_in_utc)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {951782400007, "2000-02-29T00:00:00.007Z"},
        {INT64_MAX, "292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
    };
    setenv("TZ", "Asia/Tokyo", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        iso_time(cases[i].ms, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

/* ---- no memory ---- */

static long allocations_left;
static bool ran_out;

static void *scarce_malloc(size_t size)
{
    if (allocations_left-- > 0)
        return malloc(size);
    ran_out = true;
    return NULL;
}

static char *encode_status(void)
{
    static const struct running running = {"a\xff.py", "t", 1};
    static const char *const queue[] = {"c.py", "d\xff.py"};
    struct status status = {.message = "\xff",
                            .running = &running,
                            .running_count = 1,
                            .queue = queue,
                            .queue_count = 2,
                            .root = "/p"};
    json_t *json = status_encode(&status);
    char *line = json != NULL ? reply_encode(NULL, json) : NULL;
    json_decref(json);
    return line;
}

static char *encode_records(void)
{
    json_t *const all[] = {
        result_encode(&(struct result_record){
            .file = "a", .test = "\xff", .report = "\xff", .package = "\xff"}),
        file_encode(&(struct file_record){
            .file = "\xff", .last_run = 1, .has_outcome = true, .package = "\xff"}),
        evidence_encode(
            &(struct evidence_record){.file = "a", .path = "b", .detail = "c"}),
        why_encode(&(struct why_record){
            .file = "a", .path = "b", .detail = "c", .package = "d"}),
        audit_encode(
            &(struct audit_record){.file = "a", .package = "\xff", .detail = "c"}),
    };
    bool whole = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        whole = whole && all[i] != NULL;
        json_decref(all[i]);
    }
    return whole ? calloc(1, 1) : NULL;
}

static char *encode_fault(void)
{
    struct fault fault = {.kind = FAULT_BUSY, .message = "\xff"};
    return fault_encode(NULL, &fault);
}

static char *encode_request(void)
{
    json_t *params = json_pack("{s:s}", "a", "b");
    char *line = params != NULL ? request_encode("status", 1, params) : NULL;
    json_decref(params);
    return line;
}

static char *decode_request(void)
{
    static const char line[] = "{\"id\":\"a\",\"method\":\"status\",\"other\":[1,{}]}";
    struct request request;
    struct fault fault;
    json_t *id;
    int r = request_decode(line, sizeof line - 1, &request, &fault, &id);
    if (r == 0) {
        request_finish(&request);
        return calloc(1, 1);
    }
    ck_assert_int_eq(fault.kind, r == -ENOMEM ? FAULT_INTERNAL : FAULT_PARSE);
    json_decref(id);
    return NULL;
}

static char *decode_incoming(void)
{
    static const char line[] = "{\"method\":\"a\",\"x\":{\"y\":[1.5,\"\\u00e4\"]}}";
    struct incoming incoming;
    int r = incoming_decode(line, sizeof line - 1, &incoming);
    if (r == 0) {
        incoming_finish(&incoming);
        return calloc(1, 1);
    }
    ck_assert(r == -ENOMEM || r == -EINVAL); /* jansson cannot always tell */
    return NULL;
}

/* The first, the second, ... allocation of jansson fails: NULL comes back, and nothing leaks. */
START_TEST(without_memory_there_is_no_line_and_no_leak)
{
    static char *(*const works[])(void) = {encode_status,  encode_records,
                                           encode_fault,   encode_request,
                                           decode_request, decode_incoming};
    json_set_alloc_funcs(scarce_malloc, free);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        long given = 0;
        do {
            allocations_left = given++;
            ran_out = false;
            char *line = works[i]();
            ck_assert_msg((line == NULL) == ran_out, "work %zu after %ld", i, given - 1);
            free(line);
        } while (ran_out);
        ck_assert_int_gt(given, 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("message");
    tcase_add_test(tests, every_word_has_its_name);
    tcase_add_test(tests, a_request_arrives_as_it_was_sent);
    tcase_add_test(tests, what_a_client_may_leave_out_is_filled_in);
    tcase_add_loop_test(tests, a_wrong_request_is_refused_to_the_right_asker, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, a_line_over_the_limit_is_too_long);
    tcase_add_test(tests, each_kind_of_fault_has_its_code);
    tcase_add_test(tests, an_invalid_request_keeps_its_code);
    tcase_add_test(tests, a_long_message_is_cut_between_characters);
    tcase_add_test(tests, a_reply_brings_its_result);
    tcase_add_test(tests, hello_is_read_as_a_notification);
    tcase_add_test(tests, a_notification_needs_no_params);
    tcase_add_test(tests, a_fault_of_a_newer_daemon_is_still_understood);
    tcase_add_test(tests, what_is_no_message_is_refused);
    tcase_add_test(tests, status_has_the_keys_of_the_command_line_in_their_order);
    tcase_add_test(tests, a_result_survives_any_bytes);
    tcase_add_test(tests, a_file_tells_what_it_has);
    tcase_add_test(tests, an_audit_tells_what_it_found);
    tcase_add_test(tests, evidence_and_reasons_name_their_path);
    tcase_add_test(tests, times_are_iso_in_utc);
    tcase_add_test(tests, without_memory_there_is_no_line_and_no_leak);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
