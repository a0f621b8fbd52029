#include "proto/order.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct report decode(const char *line)
{
    struct report report;
    const char *why = NULL;
    int r = report_decode(line, strlen(line), &report, &why);
    ck_assert_msg(r == 0, "%s: %s", line, why);
    return report;
}

START_TEST(orders_are_one_line_each)
{
    static const char *const paths[] = {"tests/test_a.py", "caf\xe9.py"};
    char *line = order_encode_classify(1, paths, 2);
    ck_assert_str_eq(line,
                     "{\"order\":\"classify\",\"id\":1,\"paths\":[\"tests/test_a.py\","
                     "{\"b64\":\"Y2Fm6S5weQ==\"}]}");
    free(line);
    line = order_encode_classify(2, NULL, 0);
    ck_assert_str_eq(line, "{\"order\":\"classify\",\"id\":2,\"paths\":[]}");
    free(line);
    line = order_encode_run(17, (const char *const[]){"tests/a\nb.py", NULL}, NULL);
    ck_assert_str_eq(line, "{\"order\":\"run\",\"run\":17,\"file\":\"tests/a\\nb.py\"}");
    free(line);
}
END_TEST

START_TEST(a_ready_host_tells_what_it_is)
{
    struct report report = decode("{\"report\":\"ready\",\"protocol\":1,\"framework\":"
                                  "\"nose\",\"framework_version\":"
                                  "\"1.3.7\",\"python\":\"3.11.2 "
                                  "/usr/bin/python3\",\"suffixes\":[\".py\",\".pyx\"],"
                                  "\"environment\":[[\"python\",\"CPython "
                                  "3.11.2\"],[\"env:TZ\",\"=UTC\"]],\"new\":{}}");
    ck_assert_int_eq(report.type, REPORT_READY);
    ck_assert_int_eq(report.protocol, ORDER_PROTOCOL);
    ck_assert_str_eq(report.framework, "nose");
    ck_assert_str_eq(report.framework_version, "1.3.7");
    ck_assert_str_eq(report.python, "3.11.2 /usr/bin/python3");
    ck_assert_uint_eq(report.suffix_count, 2);
    ck_assert_str_eq(report.suffixes[1], ".pyx");
    ck_assert_uint_eq(report.environment_count, 2);
    ck_assert_str_eq(report.environment[1].name, "env:TZ");
    ck_assert_str_eq(report.environment[1].value, "=UTC");
    report_finish(&report);
    report_finish(&report);
    report_finish(NULL);
}
END_TEST

START_TEST(an_unfit_host_tells_why)
{
    struct report report = decode("{\"report\":\"unfit\",\"kind\":\"framework_missing\","
                                  "\"message\":\"install nose\"}");
    ck_assert_int_eq(report.type, REPORT_UNFIT);
    ck_assert_str_eq(report.kind, "framework_missing");
    ck_assert_str_eq(report.message, "install nose");
    report_finish(&report);
}
END_TEST

START_TEST(classified_names_the_test_files)
{
    struct report report =
        decode("{\"report\":\"classified\",\"id\":9,\"tests\":[\"a.py\","
               "{\"b64\":\"Y2Fm6S5weQ==\"}],\"message\":null,\"unused\":\"-x\",\"any_"
               "name\":true}");
    ck_assert_int_eq(report.type, REPORT_CLASSIFIED);
    ck_assert_int_eq(report.id, 9);
    ck_assert_uint_eq(report.path_count, 2);
    ck_assert_str_eq(report.paths[0], "a.py");
    ck_assert_str_eq(report.paths[1], "caf\xe9.py");
    ck_assert_ptr_null(report.message);
    ck_assert_str_eq(report.unused, "-x");
    ck_assert(report.any_name);
    report_finish(&report);

    report =
        decode("{\"report\":\"classified\",\"id\":9,\"tests\":[],\"message\":\"bad\"}");
    ck_assert_uint_eq(report.path_count, 0);
    ck_assert_str_eq(report.message, "bad");
    ck_assert_ptr_null(report.unused);
    ck_assert(!report.any_name);
    report_finish(&report);
}
END_TEST

START_TEST(sources_are_told_block_by_block)
{
    struct report report = decode(
        "{\"report\":\"blocks\",\"id\":7,\"sources\":["
        "{\"path\":\"a.py\",\"seen\":[1,2,3,4,5,6],\"keys\":[\"<module>\",\"f\"],"
        "\"digests\":\"00112233445566778899aabbccddeeff\"},"
        "{\"path\":\"b.py\",\"seen\":null,\"message\":\"there is no such file\"}]}");
    ck_assert_int_eq(report.type, REPORT_BLOCKS);
    ck_assert_int_eq(report.id, 7);
    ck_assert_uint_eq(report.source_count, 2);
    const struct report_source *source = report.sources;
    ck_assert_str_eq(source->path, "a.py");
    ck_assert_int_eq(source->seen.mode, 6);
    ck_assert_uint_eq(source->count, 2);
    ck_assert_str_eq(source->keys[1], "f");
    ck_assert_uint_eq(source->digests[1], 0x11);
    ck_assert_uint_eq(source->digests[REPORT_DIGEST], 0x88);
    ck_assert_uint_eq(source->digests[2 * REPORT_DIGEST - 1], 0xff);
    ck_assert_ptr_null(report.sources[1].keys);
    ck_assert_int_eq(report.sources[1].seen.mode, 0);
    ck_assert_str_eq(report.sources[1].message, "there is no such file");
    report_finish(&report);

    report = decode("{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a.py\","
                    "\"seen\":[1,2,3,4,5,6],\"ran\":\"05\"}");
    ck_assert_str_eq(report.ran, "05");
    report_finish(&report);
}
END_TEST

START_TEST(files_that_share_a_process_are_ordered_together_and_told_apart)
{
    static const char *const files[] = {"a.py", "b.py", "caf\xe9.py", NULL};
    char *line = order_encode_run(17, files, NULL);
    ck_assert_str_eq(line, "{\"order\":\"run\",\"run\":17,\"file\":\"a.py\","
                           "\"company\":[\"b.py\",{\"b64\":\"Y2Fm6S5weQ==\"}]}");
    free(line);
    struct report report = decode("{\"report\":\"test\",\"run\":17,\"file\":\"b.py\","
                                  "\"test\":\"test_it\"}");
    ck_assert_str_eq(report.path, "b.py");
    report_finish(&report);
    report = decode("{\"report\":\"through\",\"run\":17,\"file\":\"b.py\"}");
    ck_assert_int_eq(report.type, REPORT_THROUGH);
    ck_assert_str_eq(report.path, "b.py");
    report_finish(&report);
    report = decode("{\"report\":\"test\",\"run\":17,\"test\":\"test_it\"}");
    ck_assert_ptr_null(report.path);
    report_finish(&report);
}
END_TEST

START_TEST(the_order_of_tests_is_asked_for_and_told)
{
    static const char *const first[] = {"T.test_b", "test_a", NULL};
    char *line = order_encode_run(17, (const char *const[]){"a.py", NULL}, first);
    ck_assert_str_eq(line, "{\"order\":\"run\",\"run\":17,\"file\":\"a.py\","
                           "\"first\":[\"T.test_b\",\"test_a\"]}");
    free(line);
    line = order_encode_run(17, (const char *const[]){"a.py", NULL}, first + 2);
    ck_assert_str_eq(line, "{\"order\":\"run\",\"run\":17,\"file\":\"a.py\"}");
    free(line);
    struct report report =
        decode("{\"report\":\"tested\",\"run\":1,\"path\":\"a.py\","
               "\"tests\":[[\"T.test_b\",\"05\"],[\"test_a\",\"01\"]]}");
    ck_assert_int_eq(report.type, REPORT_TESTED);
    ck_assert_str_eq(report.path, "a.py");
    ck_assert_uint_eq(report.ran_count, 2);
    ck_assert_str_eq(report.rans[1].test, "test_a");
    ck_assert_str_eq(report.rans[1].ran, "01");
    report_finish(&report);
}
END_TEST

START_TEST(ready_says_what_is_coarse)
{
    static const char common[] = "\"report\":\"ready\",\"protocol\":1,\"framework\":"
                                 "\"nose\",\"framework_version\":\"1\","
                                 "\"python\":\"3\",\"suffixes\":[],\"environment\":[]";
    char line[1024];
    snprintf(line, sizeof line, "{%s}", common);
    struct report report = decode(line);
    ck_assert(report.whole_files);
    ck_assert_uint_eq(report.distribution_count, 0);
    report_finish(&report);
    snprintf(line, sizeof line,
             "{%s,\"precision\":\"block\",\"tracing_why\":\"no library\","
             "\"distributions\":{\"package:yaml\":\"PyYAML 6\"}}",
             common);
    report = decode(line);
    ck_assert(!report.whole_files);
    ck_assert_ptr_null(report.precision_why);
    ck_assert_str_eq(report.tracing_why, "no library");
    ck_assert_uint_eq(report.distribution_count, 1);
    ck_assert_str_eq(report.distributions[0].name, "package:yaml");
    ck_assert_str_eq(report.distributions[0].value, "PyYAML 6");
    report_finish(&report);
}
END_TEST

START_TEST(a_run_is_told_step_by_step)
{
    struct report report = decode("{\"report\":\"started\",\"run\":17,\"pid\":1234}");
    ck_assert_int_eq(report.type, REPORT_STARTED);
    ck_assert_int_eq(report.run, 17);
    ck_assert_int_eq(report.pid, 1234);
    report_finish(&report);

    report = decode("{\"report\":\"test\",\"run\":17,\"test\":\"TestX.test_y\"}");
    ck_assert_int_eq(report.type, REPORT_TEST);
    ck_assert_str_eq(report.test, "TestX.test_y");
    report_finish(&report);

    report =
        decode("{\"report\":\"result\",\"run\":17,\"test\":\"t\",\"outcome\":\"failure\","
               "\"duration_ms\":1.25,\"exception\":\"AssertionError\","
               "\"report_text\":\"line\\nline\"}");
    ck_assert_int_eq(report.type, REPORT_RESULT);
    ck_assert_int_eq(report.outcome, OUTCOME_FAILURE);
    ck_assert_double_eq(report.duration_ms, 1.25);
    ck_assert_str_eq(report.exception, "AssertionError");
    ck_assert_str_eq(report.text, "line\nline");
    report_finish(&report);

    report =
        decode("{\"report\":\"result\",\"run\":17,\"test\":\"t\",\"outcome\":\"success\","
               "\"duration_ms\":2,\"exception\":null}");
    ck_assert_int_eq(report.outcome, OUTCOME_SUCCESS);
    ck_assert_double_eq(report.duration_ms, 2);
    ck_assert_ptr_null(report.exception);
    ck_assert_ptr_null(report.text);
    report_finish(&report);

    report = decode("{\"report\":\"done\",\"run\":17}");
    ck_assert_int_eq(report.type, REPORT_DONE);
    report_finish(&report);

    report = decode("{\"report\":\"exited\",\"run\":17,\"status\":-1,\"signal\":11}");
    ck_assert_int_eq(report.type, REPORT_EXITED);
    ck_assert_int_eq(report.status, -1);
    ck_assert_int_eq(report.signal, 11);
    report_finish(&report);
}
END_TEST

START_TEST(what_is_warm_is_counted)
{
    struct report report =
        decode("{\"report\":\"warm\",\"spares\":1,\"layers\":2,\"more\":4,\"without\":["
               "{\"folder\":{\"b64\":\"Y2Fm6Q==\"},\"why\":\"threads run\"}]}");
    ck_assert_int_eq(report.type, REPORT_WARM);
    ck_assert_int_eq(report.spares, 1);
    ck_assert_int_eq(report.layers, 2);
    ck_assert_int_eq(report.more, 4);
    ck_assert_uint_eq(report.cold_count, 1);
    ck_assert_str_eq(report.colds[0].folder, "caf\xe9");
    ck_assert_str_eq(report.colds[0].why, "threads run");
    report_finish(&report);
}
END_TEST

START_TEST(a_nul_that_a_test_said_costs_no_result)
{
    struct report report = decode(
        "{\"report\":\"result\",\"run\":1,\"test\":\"t[\\u0000]\",\"outcome\":\"error\","
        "\"duration_ms\":0,\"exception\":null,\"report_text\":\"a\\u0000b\"}");
    ck_assert_str_eq(report.test, "t[\\x00]");
    ck_assert_str_eq(report.text, "a\\x00b");
    report_finish(&report);
}
END_TEST

START_TEST(a_look_tells_absent_from_not_asked)
{
    struct report report = decode(
        "{\"report\":\"look\",\"run\":17,\"kind\":\"content\",\"path\":\"data/x.txt\","
        "\"seen\":[66310,-2,3,1795416400123456789,5,33188]}");
    ck_assert_int_eq(report.type, REPORT_LOOK);
    ck_assert_int_eq(report.evidence, EVIDENCE_CONTENT);
    ck_assert_str_eq(report.path, "data/x.txt");
    ck_assert(report.has_seen);
    ck_assert_int_eq(report.seen.device, 66310);
    ck_assert_int_eq(report.seen.inode, -2);
    ck_assert_int_eq(report.seen.size, 3);
    ck_assert_int_eq(report.seen.mtime_ns, 1795416400123456789);
    ck_assert_int_eq(report.seen.ctime_ns, 5);
    ck_assert_int_eq(report.seen.mode, 33188);
    report_finish(&report);

    report = decode("{\"report\":\"look\",\"run\":1,\"kind\":\"presence\",\"path\":\"a\","
                    "\"seen\":null}");
    ck_assert(report.has_seen);
    ck_assert_int_eq(report.seen.mode, 0);
    report_finish(&report);

    report = decode("{\"report\":\"look\",\"run\":1,\"kind\":\"listing\",\"path\":\"\"}");
    ck_assert(!report.has_seen);
    ck_assert_str_eq(report.path, "");
    report_finish(&report);

    report =
        decode("{\"report\":\"wrote\",\"run\":1,\"path\":{\"b64\":\"Y2Fm6S5weQ==\"}}");
    ck_assert_int_eq(report.type, REPORT_WROTE);
    ck_assert_str_eq(report.path, "caf\xe9.py");
    report_finish(&report);
}
END_TEST

/* Each lacks one thing, and is told which. */
static const struct {
    const char *line, *why;
} broken[] = {
    {"", "JSON"},
    {"{", "JSON"},
    {"[]", "JSON"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":[],\"message\":null,"
     "\"rests\":{\"there\":[1],\"kinds\":[],\"absent\":[]}}",
     "rests"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":[],\"message\":null,"
     "\"rests\":{\"there\":[]}}",
     "rests"},
    {"{\"report\":\"caf\xe9\"}", "JSON"},
    {"{}", "report"},
    {"{\"report\":7}", "report"},
    {"{\"report\":\"other\"}", "report"},
    {"{\"report\":\"done\"}", "run"},
    {"{\"report\":\"done\",\"run\":\"1\"}", "run"},
    {"{\"report\":\"done\",\"run\":1.5}", "run"},
    {"{\"report\":\"started\",\"run\":1}", "pid"},
    {"{\"report\":\"started\",\"run\":1,\"pid\":-1}", "pid"},
    {"{\"report\":\"started\",\"run\":1,\"pid\":0}", "pid"},
    {"{\"report\":\"started\",\"run\":1,\"pid\":4294967297}", "pid"},
    {"{\"report\":\"test\",\"run\":1}", "test"},
    {"{\"report\":\"result\",\"run\":1,\"test\":\"t\",\"outcome\":\"fine\",\"duration_"
     "ms\":1}",
     "outcome"},
    {"{\"report\":\"result\",\"run\":1,\"test\":\"t\",\"outcome\":\"error\"}",
     "duration_ms"},
    {"{\"report\":\"result\",\"run\":1,\"test\":\"t\",\"outcome\":\"error\",\"duration_"
     "ms\":-1}",
     "duration_ms"},
    {"{\"report\":\"result\",\"run\":1,\"test\":\"t\",\"outcome\":\"error\",\"duration_"
     "ms\":1,"
     "\"exception\":1}",
     "exception"},
    {"{\"report\":\"result\",\"run\":1,\"test\":\"t\",\"outcome\":\"error\",\"duration_"
     "ms\":1,"
     "\"report_text\":[]}",
     "report_text"},
    {"{\"report\":\"exited\",\"run\":1,\"status\":0}", "signal"},
    {"{\"report\":\"exited\",\"run\":1,\"signal\":0}", "status"},
    {"{\"report\":\"tested\",\"run\":1,\"path\":\"a.py\"}", "tests"},
    {"{\"report\":\"tested\",\"run\":1,\"path\":\"a.py\",\"tests\":[[\"t\"]]}", "tests"},
    {"{\"report\":\"tested\",\"run\":1,\"tests\":[]}", "path"},
    {"{\"report\":\"blocks\",\"id\":1}", "sources"},
    {"{\"report\":\"blocks\",\"id\":1,\"sources\":[{\"seen\":null}]}", "path"},
    {"{\"report\":\"blocks\",\"id\":1,\"sources\":[{\"path\":\"\",\"seen\":null}]}",
     "the root is no source"},
    {"{\"report\":\"blocks\",\"id\":1,\"sources\":[{\"path\":\"a\",\"seen\":[1]}]}",
     "seen"},
    {"{\"report\":\"blocks\",\"id\":1,\"sources\":[{\"path\":\"a\",\"seen\":null,"
     "\"keys\":[\"f\"],\"digests\":\"00\"}]}",
     "digests"},
    {"{\"report\":\"blocks\",\"id\":1,\"sources\":[{\"path\":\"a\",\"seen\":null,"
     "\"keys\":[7],\"digests\":\"0011223344556677\"}]}",
     "keys"},
    {"{\"report\":\"warm\",\"layers\":0,\"more\":0,\"without\":[]}", "spares"},
    {"{\"report\":\"warm\",\"spares\":0,\"layers\":-1,\"more\":0,\"without\":[]}",
     "layers"},
    {"{\"report\":\"warm\",\"spares\":0,\"layers\":0,\"more\":0}", "without"},
    {"{\"report\":\"warm\",\"spares\":0,\"layers\":0,\"more\":0,\"without\":[{"
     "\"folder\":\"t\"}]}",
     "without"},
    {"{\"report\":\"classified\",\"tests\":[]}", "id"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":{}}", "tests"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":[\"a\",7]}", "tests"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":[],\"message\":null,"
     "\"rests\":{\"there\":[1],\"kinds\":[],\"absent\":[]}}",
     "rests"},
    {"{\"report\":\"classified\",\"id\":1,\"tests\":[],\"message\":null,"
     "\"rests\":{\"there\":[]}}",
     "rests"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"smell\",\"path\":\"a\"}", "kind"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\"}", "path"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a\\u0000\"}", "path"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a\",\"seen\":[1,2,3,4,"
     "5]}",
     "seen"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a\",\"seen\":[1,2,3,4,"
     "5,6,7]}",
     "seen"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a\",\"seen\":[1,2,3,4,"
     "5,\"6\"]}",
     "seen"},
    {"{\"report\":\"look\",\"run\":1,\"kind\":\"code\",\"path\":\"a\",\"seen\":false}",
     "seen"},
    {"{\"report\":\"wrote\",\"run\":1,\"path\":null}", "path"},
    {"{\"report\":\"unfit\",\"kind\":\"broken\"}", "message"},
    {"{\"report\":\"ready\",\"protocol\":1,\"framework\":\"nose\",\"framework_version\":"
     "\"1\","
     "\"python\":\"3\",\"suffixes\":[\".py\",1],\"environment\":[]}",
     "suffixes"},
    {"{\"report\":\"ready\",\"protocol\":1,\"framework\":\"nose\",\"framework_version\":"
     "\"1\","
     "\"python\":\"3\",\"suffixes\":[],\"environment\":[[\"a\"]]}",
     "environment"},
    {"{\"report\":\"ready\",\"protocol\":1,\"framework\":\"nose\",\"framework_version\":"
     "\"1\","
     "\"python\":\"3\",\"suffixes\":[],\"environment\":[[\"a\",\"b\",\"c\"]]}",
     "environment"},
    {"{\"report\":\"ready\",\"protocol\":1,\"framework\":\"nose\",\"framework_version\":"
     "\"1\","
     "\"python\":\"3\",\"suffixes\":[]}",
     "environment"},
};

START_TEST(a_report_that_lacks_something_is_refused_by_name)
{
    struct report untouched = {.run = 77};
    const char *why = NULL;
    int r = report_decode(broken[_i].line, strlen(broken[_i].line), &untouched, &why);
    ck_assert_msg(r == -EINVAL, "%s was taken", broken[_i].line);
    ck_assert_msg(strstr(why, broken[_i].why) != NULL, "%s: %s", broken[_i].line, why);
    ck_assert_int_eq(untouched.run, 77);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    tcase_add_test(tests, orders_are_one_line_each);
    tcase_add_test(tests, a_ready_host_tells_what_it_is);
    tcase_add_test(tests, an_unfit_host_tells_why);
    tcase_add_test(tests, classified_names_the_test_files);
    tcase_add_test(tests, sources_are_told_block_by_block);
    tcase_add_test(tests, ready_says_what_is_coarse);
    tcase_add_test(tests, files_that_share_a_process_are_ordered_together_and_told_apart);
    tcase_add_test(tests, the_order_of_tests_is_asked_for_and_told);
    tcase_add_test(tests, a_run_is_told_step_by_step);
    tcase_add_test(tests, what_is_warm_is_counted);
    tcase_add_test(tests, a_nul_that_a_test_said_costs_no_result);
    tcase_add_test(tests, a_look_tells_absent_from_not_asked);
    tcase_add_loop_test(tests, a_report_that_lacks_something_is_refused_by_name, 0,
                        sizeof broken / sizeof *broken);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
