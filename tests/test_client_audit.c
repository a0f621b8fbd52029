#include "client/ctl.h"

#include "tests/support/fake_daemon.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

#define WAITED "\"wait\" => {}\n"
#define SUBSCRIBED "\"subscribe\",\"params\":{\"topics\":[\"audit\"]} => {}\n"
#define AGREED                                                                           \
    "{\"file\":\"t/a.py\",\"found\":\"agreed\",\"detail\":\"a fresh run agrees\","       \
    "\"runs\":1,\"tests\":[],\"only_now\":[],\"only_before\":[],\"moved\":[],\"more\":0" \
    ",\"package\":\".\""
#define STALE                                                                            \
    "{\"file\":\"t/b.py\",\"found\":\"stale\",\"detail\":\"5 fresh runs agree\","        \
    "\"runs\":5,\"tests\":[{\"test\":\"T.x\",\"was\":{\"outcome\":\"success\","          \
    "\"exception\":null},\"now\":{\"outcome\":\"error\",\"exception\":\"E\\u001B\"}},"   \
    "{\"test\":\"T.y\",\"was\":null,\"now\":{\"outcome\":\"success\",\"exception\":null" \
    "}}],\"only_now\":[{\"kind\":\"content\",\"path\":\"data.txt\",\"detail\":\"\"}],"   \
    "\"only_before\":[{\"kind\":\"code\",\"path\":\"a.py\",\"detail\":\"f, g\"}],"       \
    "\"moved\":[],\"more\":0,\"package\":\".\""
#define SAY(RECORD) "say {\"method\":\"audit\",\"params\":" RECORD ",\"seq\":7}}\n"
#define SUM(STALE_ONES, DISTURBED)                                                       \
    "{\"audited\":2,\"agreed\":1,\"flaky\":0,\"stale\":" STALE_ONES                      \
    ",\"disturbed\":" DISTURBED "}\n"

static struct fake fake;

static void open_fake(void)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    fake_open(&fake);
}

static void close_fake(void)
{
    fake_close(&fake);
}

static void expect(const char *args, int code, const char *out, const char *err)
{
    struct ran ran = fake_run(ctl_main, args, NULL);
    ck_assert_str_eq(ran.err, err);
    ck_assert_str_eq(ran.out, out);
    ck_assert_int_eq(ran.code, code);
    ran_finish(&ran);
}

START_TEST(a_stale_verdict_is_1_and_told_with_what_it_lacked)
{
    fake_serve(&fake, WAITED SUBSCRIBED SAY(AGREED)
                          SAY(STALE) "\"audit\",\"params\":{} => " SUM("1", "0"));
    expect("audit", 1,
           "agreed    t/a.py\n"
           "stale     t/b.py: 5 fresh runs agree\n"
           "    T.x: was success, is error (E\\x1b)\n"
           "    T.y: was nothing, is success\n"
           "    only now: content data.txt\n"
           "    only before: code a.py, f, g\n"
           "2 audited: 1 agreed, 0 flaky, 1 stale\n",
           "");
}
END_TEST

START_TEST(json_is_a_record_a_file_and_green_is_0)
{
    fake_serve(&fake, WAITED SUBSCRIBED
               "say {\"method\":\"snapshot\",\"params\":{\"seq\":1}}\n" SAY(
                   AGREED) "\"audit\",\"params\":{\"all\":true} => " SUM("0", "0"));
    expect("audit --json --all", 0, AGREED "}\n", "");
}
END_TEST

START_TEST(a_number_or_files_are_what_is_asked_for)
{
    fake_serve(&fake, WAITED SUBSCRIBED
               "\"audit\",\"params\":{\"count\":3} => " SUM("0", "1") WAITED SUBSCRIBED
               "\"audit\",\"params\":{\"files\":[\"3\",\"a.py\"]} => fault bad_params no "
               "such file\n");
    expect("audit 3", 0, "2 audited: 1 agreed, 0 flaky, 0 stale; 1 disturbed\n", "");
    expect("audit 3 a.py", 5, "", "snifferctl: no such file\n");
    expect("audit --all 3", 2, "",
           "snifferctl: give a number, or test files, or --all; see snifferctl audit "
           "--help\n");
}
END_TEST

START_TEST(a_daemon_that_leaves_meanwhile_is_3)
{
    fake_serve(&fake, WAITED SUBSCRIBED "\"audit\" => leave\n");
    struct ran ran = fake_run(ctl_main, "audit", NULL);
    ck_assert_int_eq(ran.code, 3);
    ran_finish(&ran);
}
END_TEST

START_TEST(status_and_files_tell_what_was_found)
{
    fake_serve(
        &fake,
        "\"status\" => {\"state\":\"idle\",\"root\":\"/p\",\"stats\":{\"tests\":1,"
        "\"successes\":1},\"audit\":{\"audited\":7,\"agreed\":4,\"flaky\":1,\"stale\":2,"
        "\"last\":null}}\n"
        "\"files\" => {\"files\":[{\"file\":\"a.py\",\"state\":\"current\",\"outcome\":"
        "\"success\",\"tests\":1,\"duration_ms\":1,\"unseen\":true,\"audit\":\"stale\"}],"
        "\"next\":null,\"seq\":1}\n");
    expect("status", 0,
           "project   /p\nstate     idle\ntests     1, 1 passed\n"
           "audits    7, 2 stale, 1 flaky\n",
           "");
    expect("files", 0,
           "success  a.py  current, partly unseen, was found stale  1 test  1 ms\n", "");
}
END_TEST

int main(int argc, char **argv)
{
    fake_snifferd_main(argc, argv);
    Suite *suite = suite_create("client_audit");
    TCase *tests = tcase_create("audit");
    tcase_add_checked_fixture(tests, open_fake, close_fake);
    tcase_add_test(tests, a_stale_verdict_is_1_and_told_with_what_it_lacked);
    tcase_add_test(tests, json_is_a_record_a_file_and_green_is_0);
    tcase_add_test(tests, a_number_or_files_are_what_is_asked_for);
    tcase_add_test(tests, a_daemon_that_leaves_meanwhile_is_3);
    tcase_add_test(tests, status_and_files_tell_what_was_found);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
