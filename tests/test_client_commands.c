#include "client/ctl.h"

#include "tests/support/fake_daemon.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GREEN                                                                            \
    "{\"state\":\"idle\",\"message\":\"\",\"stats\":{\"tests\":120,\"successes\":118,"   \
    "\"errors\":0,\"failures\":0,\"skipped\":2,\"to_be_run\":0},\"running\":[],"         \
    "\"queue\":[],"                                                                      \
    "\"root\":\"/p\",\"pid\":1,\"seen_ms\":3,\"waited_ms\":1500}"
#define RED                                                                              \
    "{\"state\":\"idle\",\"message\":\"\",\"stats\":{\"tests\":120,\"successes\":115,"   \
    "\"errors\":1,\"failures\":2,\"skipped\":2,\"to_be_run\":0},\"running\":[],"         \
    "\"queue\":[],"                                                                      \
    "\"root\":\"/p\",\"pid\":1,\"seen_ms\":3,\"waited_ms\":20}"
#define BUSY                                                                             \
    "{\"state\":\"running\",\"message\":\"hold "                                         \
    "on\",\"stats\":{\"tests\":120,\"successes\":"                                       \
    "117,\"errors\":1,\"failures\":2,\"skipped\":0,\"to_be_run\":5},\"running\":[{"      \
    "\"file\":"                                                                          \
    "\"tests/test_a.py\",\"test\":\"TestX.test_y\",\"since_ms\":2100}],\"queue\":["      \
    "\"t/1.py\",{\"b64\":\"/2EucHk=\"},\"t/3.py\",\"t/4.py\",\"t/5.py\",\"t/6.py\"],"    \
    "\"root\":\"/p\",\"pid\":1}"
#define FAILED                                                                           \
    "{\"file\":\"t/a.py\",\"test\":\"T.x\",\"outcome\":\"failure\",\"current\":true,"    \
    "\"duration_ms\":12,\"exception\":\"AssertionError\",\"report\":"                    \
    "\"one\\n\\ttwo\\u001B[m"                                                            \
    "\\nAssertionError: 1 != 2\\n\",\"package\":null}"
#define PASSED                                                                           \
    "{\"file\":\"t/a.py\",\"test\":\"T.y\",\"outcome\":\"success\",\"current\":false,"   \
    "\"duration_ms\":1234,\"exception\":null,\"report\":null,\"package\":null}"

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

static void expect_input(const char *args, const char *input, int code, const char *out,
                         const char *err)
{
    struct ran ran = fake_run(ctl_main, args, input);
    ck_assert_str_eq(ran.err, err);
    ck_assert_str_eq(ran.out, out);
    ck_assert_int_eq(ran.code, code);
    ran_finish(&ran);
}

static void expect(const char *args, int code, const char *out, const char *err)
{
    expect_input(args, NULL, code, out, err);
}

/* ---- status ---- */

START_TEST(status_as_json_is_what_the_daemon_said)
{
    fake_serve(&fake, "\"status\" => " BUSY "\n");
    expect("status --json", 0, BUSY "\n", "");
}
END_TEST

START_TEST(status_reads_well)
{
    fake_serve(&fake, "\"status\" => " BUSY "\n");
    expect("status", 0,
           "project   /p\n"
           "state     running: hold on\n"
           "tests     120, 117 passed, 2 failures, 1 error\n"
           "to run    5 test files\n"
           "running   tests/test_a.py TestX.test_y (2.1 s)\n"
           "next      t/1.py\n"
           "          \xff"
           "a.py\n"
           "          t/3.py\n"
           "          t/4.py\n"
           "          t/5.py\n"
           "          and 1 more\n",
           "");
}
END_TEST

#define SHORT(state, failures, to_be_run)                                                \
    "{\"state\":\"" state "\",\"message\":\"no python\",\"stats\":{\"tests\":120,"       \
    "\"successes\":1,\"errors\":0,\"failures\":" failures                                \
    ",\"skipped\":0,\"to_be_run\":" to_be_run "}}"

static const struct {
    const char *status, *line, *ascii;
} shorts[] = {
    {SHORT("idle", "0", "0"), "✔ 120\n", "ok 120\n"},
    {SHORT("idle", "3", "0"), "✘ 3 of 120\n", "FAIL 3 of 120\n"},
    {SHORT("halted", "3", "7"), "✘ 3 of 120\n", "FAIL 3 of 120\n"},
    {SHORT("running", "3", "5"), "… 5 to run, 3 of 120 failed\n",
     "... 5 to run, 3 of 120 failed\n"},
    {SHORT("running", "0", "5"), "… 5 to run\n", "... 5 to run\n"},
    {SHORT("checking", "0", "0"), "… checking\n", "... checking\n"},
    {SHORT("paused", "0", "2"), "… paused, 2 to run\n", "... paused, 2 to run\n"},
    {SHORT("error", "0", "0"), "✘ no python\n", "FAIL no python\n"},
};

START_TEST(status_short_is_one_line)
{
    char script[1024];
    snprintf(script, sizeof script, "status => %s\nstatus => %s\n", shorts[_i].status,
             shorts[_i].status);
    fake_serve(&fake, script);
    expect("status --short", 0, shorts[_i].line, "");
    setenv("LC_ALL", "C", 1);
    expect("status --short", 0, shorts[_i].ascii, "");
}
END_TEST

START_TEST(status_format_fills_in_what_is_named)
{
    fake_serve(&fake, "status => " BUSY "\n");
    expect(
        "status --format %{state}:%{tests}/%{failures}/%{errors}/%{successes}/%{skipped}/"
        "%{to_be_run}%%,%{failed},%{running},%{root},%{project},%{message}",
        0, "running:120/2/1/117/0/5%,3,1,/p,p,hold on\n", "");
}
END_TEST

static const struct {
    const char *status, *colour;
} colours[] = {
    {SHORT("idle", "0", "0"), "green\n"},      {SHORT("idle", "1", "0"), "red\n"},
    {SHORT("running", "1", "5"), "red\n"},     {SHORT("running", "0", "5"), "yellow\n"},
    {SHORT("checking", "0", "0"), "yellow\n"}, {SHORT("paused", "0", "0"), "yellow\n"},
    {SHORT("idle", "0", "1"), "yellow\n"},     {SHORT("error", "0", "0"), "red\n"},
};

START_TEST(the_colour_is_green_only_when_all_is_verified)
{
    char script[512];
    snprintf(script, sizeof script, "status => %s\n", colours[_i].status);
    fake_serve(&fake, script);
    expect("status --format %{colour}", 0, colours[_i].colour, "");
}
END_TEST

START_TEST(what_a_format_fills_in_cannot_command_the_terminal)
{
    fake_serve(&fake,
               "status => {\"state\":\"error\",\"message\":\"a\\u001b[2Jb\\nc\"}\n");
    expect("status --format <%{message}>", 0, "<a\\x1b[2Jb\\x0ac>\n", "");
    fake_serve(
        &fake,
        "status => {\"state\":\"error\",\"message\":\"\\u009b1m \\u202egnp.exe ü\"}\n");
    expect("status --format <%{message}>", 0, "<\\x9b1m \\u202egnp.exe ü>\n", "");
}
END_TEST

/* ---- wait ---- */

START_TEST(wait_is_0_when_all_is_green)
{
    fake_serve(&fake, "\"params\":{} => " GREEN "\n");
    expect("wait --json", 0, GREEN "\n", "");
}
END_TEST

START_TEST(wait_is_1_when_something_is_red)
{
    fake_serve(&fake, "\"wait\" => " RED "\n");
    expect(
        "wait", 1,
        "project   /p\nstate     idle\ntests     120, 115 passed, 2 failures, 1 error, 2 "
        "skipped\n",
        "");
}
END_TEST

START_TEST(wait_is_4_when_the_daemon_says_that_time_is_up)
{
    fake_serve(&fake, "\"timeout_ms\": => fault timeout not verified within 0 ms\n");
    expect("wait --timeout 0", 4, "", "snifferctl: not verified within 0 ms\n");
}
END_TEST

START_TEST(a_refusal_is_5_with_the_daemons_words)
{
    fake_serve(&fake,
               "wait => fault degraded too few watches\nstatus => fault busy later\n");
    expect("wait", 5, "", "snifferctl: too few watches\n");
    expect("status", 5, "", "snifferctl: later\n");
}
END_TEST

START_TEST(a_daemon_that_leaves_before_it_answers_is_3)
{
    fake_serve(&fake, "status => leave\n");
    char expected[512];
    snprintf(
        expected, sizeof expected,
        "snifferctl: the daemon left before it answered; see the log in %s/.sniffer and "
        "start it again with snifferctl start\n",
        fake.root);
    expect("status", 3, "", expected);
}
END_TEST

START_TEST(notifications_before_the_reply_are_passed_over)
{
    fake_serve(&fake, "say {\"method\":\"stats\",\"params\":{\"seq\":1}}\n"
                      "say {\"id\":99,\"result\":{}}\nstatus => " GREEN "\n");
    expect("status --short", 0, "✔ 120\n", "");
}
END_TEST

/* ---- hello ---- */

START_TEST(another_protocol_is_refused)
{
    fake_hello("{\"protocol\":{\"major\":2,\"minor\":0},\"root\":\"/\",\"pid\":1}");
    fake_serve(&fake, "");
    expect("status", 5, "",
           "snifferctl: the daemon speaks protocol 2, this program 1; use programs of "
           "one "
           "version and restart the daemon\n");
}
END_TEST

START_TEST(another_projects_daemon_is_refused)
{
    fake_hello("{\"protocol\":{\"major\":1,\"minor\":0},\"root\":\"/other\",\"pid\":1}");
    fake_serve(&fake, "");
    struct ran ran = fake_run(ctl_main, "run --all", NULL);
    ck_assert_int_eq(ran.code, 5);
    ck_assert_ptr_nonnull(strstr(ran.err, " is for /other, not for "));
    ran_finish(&ran);
}
END_TEST

START_TEST(a_refusal_in_place_of_the_hello_is_told)
{
    fake_hello(
        "{\"id\":null,\"error\":{\"code\":-32000,\"message\":\"too many clients; close "
        "some\",\"data\":{\"kind\":\"busy\"}}}");
    fake_serve(&fake, "");
    expect("status", 5, "", "snifferctl: too many clients; close some\n");
}
END_TEST

START_TEST(a_refusal_without_an_id_is_the_answer)
{
    fake_serve(&fake,
               "say {\"id\":null,\"error\":{\"code\":-32000,\"message\":\"too long\","
               "\"data\":{\"kind\":\"too_long\"}}}\nstatus => " GREEN "\n");
    expect("status", 5, "", "snifferctl: too long\n");
}
END_TEST

/* ---- lists ---- */

START_TEST(pages_become_one_list)
{
    fake_serve(&fake, "results\",\"params\":{}} => {\"results\":[" FAILED
                      "],\"next\":1,\"seq\":4}\n"
                      "\"offset\":1 => {\"results\":[" PASSED "],\"next\":2,\"seq\":4}\n"
                      "\"offset\":2 => {\"results\":[],\"next\":null,\"seq\":4}\n");
    expect("results --json", 0, FAILED "\n" PASSED "\n", "");
}
END_TEST

START_TEST(a_list_begins_again_when_the_state_moves_on)
{
    fake_serve(&fake,
               "results => {\"results\":[" FAILED "],\"next\":1,\"seq\":4}\n"
               "\"offset\":1 => {\"results\":[" FAILED "],\"next\":null,\"seq\":5}\n"
               "results => {\"results\":[" PASSED "],\"next\":1,\"seq\":5}\n"
               "\"offset\":1 => {\"results\":[" FAILED "],\"next\":null,\"seq\":5}\n");
    expect("results --json", 0, PASSED "\n" FAILED "\n", "");
}
END_TEST

START_TEST(pages_that_go_backwards_are_refused)
{
    fake_serve(&fake, "files => {\"files\":[],\"next\":5}\n"
                      "\"offset\":5 => {\"files\":[],\"next\":5}\n");
    expect("files", 5, "",
           "snifferctl: the daemon's list of files makes no sense; restart it with "
           "snifferctl "
           "restart\n");
}
END_TEST

START_TEST(results_read_well)
{
    fake_serve(&fake, "\"files\":[\"t/a.py\"],\"failed\":true => {\"results\":[" FAILED
                      "," PASSED "],\"next\":null,\"seq\":4}\n");
    expect("results --failed t/a.py", 0,
           "failure  t/a.py  T.x  12 ms  \n"
           "success  t/a.py  T.y  1.2 s  not verified\n",
           "");
}
END_TEST

START_TEST(files_read_well)
{
    fake_serve(
        &fake,
        "files => {\"files\":[{\"file\":\"t/a.py\",\"state\":\"current\",\"runs\":3,"
        "\"outcome\":\"success\",\"duration_ms\":5,\"tests\":1,\"last_run\":null},"
        "{\"file\":\"t/\\u001bb.py\",\"state\":\"never_run\",\"runs\":0,\"outcome\":"
        "null,\"duration_ms\":0,\"tests\":0}],\"next\":null}\n");
    expect("files", 0,
           "success  t/a.py      current    1 test   5 ms\n"
           "-        t/\\x1bb.py  never_run  0 tests  0 ms\n",
           "");
}
END_TEST

START_TEST(what_a_verdict_rests_on_reads_well)
{
    fake_serve(
        &fake,
        "\"deps\",\"params\":{\"files\":[\"t/a.py\"]} => {\"deps\":[{\"file\":"
        "\"t/a.py\",\"path\":\"m.py\",\"kind\":\"code\",\"detail\":\"f\",\"holds\":"
        "true},{\"file\":\"t/a.py\",\"path\":\"data\",\"kind\":\"content\","
        "\"detail\":null,\"holds\":false}],\"next\":null}\n"
        "\"affected\",\"params\":{\"paths\":[\"m.py\",\"/etc/hosts\"]} => "
        "{\"affected\":[{\"file\":\"t/a.py\",\"path\":\"m.py\"}]}\n"
        "\"why\",\"params\":{\"files\":[\"t/a.py\"]} => {\"why\":[{\"file\":"
        "\"t/a.py\",\"reason\":\"changed\",\"path\":\"m.py\",\"detail\":\"f\"}]}\n");
    expect("deps t/a.py", 0,
           "holds    t/a.py  code     m.py  f\n"
           "changed  t/a.py  content  data  \n",
           "");
    expect("affected m.py /etc/hosts", 0, "t/a.py  m.py\n", "");
    expect("why ./t/../t//a.py", 0, "t/a.py  ran  changed  m.py  f\n", "");
}
END_TEST

/* ---- orders ---- */

START_TEST(orders_reach_the_daemon)
{
    fake_serve(&fake, "\"run\",\"params\":{\"all\":true} => {\"wanted\":12}\n"
                      "\"run\",\"params\":{\"files\":[\"t/a.py\"]} => {\"wanted\":1}\n"
                      "pause => " GREEN "\nresume => " GREEN "\n");
    expect("run --all", 0, "12 test files will run\n", "");
    expect("run t/a.py", 0, "1 test file will run\n", "");
    expect("pause", 0, "", "");
    expect("resume --json", 0, GREEN "\n", "");
}
END_TEST

START_TEST(touch_tells_the_paths_named_or_on_stdin)
{
    fake_serve(&fake,
               "\"touch\",\"params\":{\"paths\":[\"a\",\"b\"]} => {\"touched\":2}\n"
               "{\"paths\":[\"a b\",\"-c\"]} => {\"touched\":2}\n"
               "{\"paths\":[\"a\\nb\",{\"b64\":\"/w==\"}]} => {\"touched\":2}\n");
    expect("touch a ./b", 0, "", "");
    expect_input("touch -", "a b\n\n-c", 0, "", "");
    int pipes[2];
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], "a\nb\0\xff", 5), 5); /* with a NUL inside */
    close(pipes[1]);
    ck_assert_int_eq(dup2(pipes[0], 0), 0);
    static char name[] = "snifferctl", touch[] = "touch", null[] = "-0", dash[] = "-";
    char *argv[] = {name, touch, null, dash, NULL};
    ck_assert_int_eq(ctl_main(4, argv), 0);
}
END_TEST

START_TEST(touch_sends_many_paths_in_batches)
{
    char *input = malloc(5000 * 8 + 1), *at = input;
    ck_assert_ptr_nonnull(input);
    for (int i = 0; i < 5000; i++)
        at += sprintf(at, "f%d\n", i);
    fake_serve(&fake, "\"f4095\"]} => {\"touched\":4096}\n"
                      "[\"f4096\", => {\"touched\":904}\nleave");
    expect_input("touch -", input, 0, "", "");
    free(input);
}
END_TEST

START_TEST(events_are_printed_as_they_came_until_the_daemon_leaves)
{
    fake_serve(&fake,
               "\"subscribe\",\"params\":{\"topics\":[\"stats\",\"green\"]} => {}\n"
               "say {\"method\":\"snapshot\",  \"params\":{\"seq\":1}}\n"
               "say {\"method\":\"bye\",\"params\":{}}\n"
               "leave");
    expect("events stats green", 0,
           "{\"method\":\"snapshot\",  \"params\":{\"seq\":1}}\n"
           "{\"method\":\"bye\",\"params\":{}}\n",
           "");
}
END_TEST

START_TEST(doctor_tells_the_daemons_checks_too)
{
    fake_serve(
        &fake,
        "doctor => {\"checks\":[{\"name\":\"interpreter\",\"ok\":false,\"message\":"
        "\"none; install python3\"}]}\n");
    struct ran ran = fake_run(ctl_main, "doctor", NULL);
    ck_assert_int_eq(ran.code, 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "mend  interpreter"));
    ck_assert_ptr_nonnull(strstr(ran.out, "none; install python3\n"));
    ran_finish(&ran);
}
END_TEST

/* ---- check ---- */

#define CHECKED                                                                          \
    "failure  t/a.py  T.x  AssertionError\n"                                             \
    "    one\n    \ttwo\\x1b[m\n    AssertionError: 1 != 2\n\n"                          \
    "✘ 3 of 120 tests failed: 2 failures, 1 error, 2 skipped (waited 20 ms)\n"

START_TEST(check_shows_the_failures_and_a_summary)
{
    fake_serve(&fake,
               "wait => " RED "\n"
               "\"failed\":true => {\"results\":[" FAILED "],\"next\":null,\"seq\":1}\n"
               "wait => " RED "\n"
               "\"failed\":true => {\"results\":[" FAILED "],\"next\":null,\"seq\":1}\n");
    expect("check", 1, CHECKED, "");
    expect("check --json", 1, FAILED "\n", "");
}
END_TEST

START_TEST(a_green_check_is_0_and_writes_all_results_as_junit)
{
    fake_serve(&fake, "\"timeout_ms\": => " GREEN "\n"
                      "results\",\"params\":{}} => {\"results\":[" PASSED
                      "],\"next\":null,\"seq\":1}\n");
    expect("check --timeout 9 --junit-xml out.xml", 0,
           "✔ 118 tests passed, 2 skipped (waited 1.5 s)\n", "");
    ck_assert_int_eq(system("grep -q '<testcase classname=\"t.a.T\" name=\"y\"' out.xml"),
                     0);
    ck_assert_int_eq(
        system("test \"$(stat -c %a out.xml)\" = \"$(printf %o $((0666 & ~0$(umask"
               "))))\""),
        0);
    ck_assert_int_eq(system("test -z \"$(ls out.xml.* 2>/dev/null)\""), 0);
}
END_TEST

START_TEST(a_check_that_times_out_leaves_the_old_junit_file)
{
    ck_assert_int_eq(system("echo old > out.xml"), 0);
    fake_serve(&fake, "wait => fault timeout too slow\n");
    expect("check --junit-xml out.xml", 4, "", "snifferctl: too slow\n");
    ck_assert_int_eq(
        system("test \"$(cat out.xml)\" = old -a \"$(ls out.xml*)\" = out.xml"), 0);
}
END_TEST

START_TEST(quickfix_names_the_innermost_own_frame)
{
    char script[2048];
    snprintf(
        script, sizeof script,
        "\"failed\":true => "
        "{\"results\":[{\"file\":\"t/a.py\",\"test\":\"T.x\",\"outcome\":"
        "\"failure\",\"exception\":\"AssertionError\",\"report\":\"Traceback:\\n  File "
        "\\\"%s/t/a.py\\\", line 3, in x\\n  File \\\"%s/m.py\\\", line 12, in f\\n  "
        "File "
        "\\\"/usr/lib/python3/unittest/case.py\\\", line 9, in y\\nAssertionError: 1 != "
        "2\\n"
        "\"},{\"file\":\"t/b.py\",\"test\":\"\",\"outcome\":\"error\",\"exception\":null,"
        "\"report\":null}],\"next\":null,\"seq\":1}\n",
        fake.root, fake.root);
    char twice[4096], absolute[512];
    snprintf(twice, sizeof twice, "%s%s", script, script);
    fake_serve(&fake, twice);
    expect("results --format quickfix", 0,
           "m.py:12: T.x: AssertionError: 1 != 2\nt/b.py:1: failed\n", "");
    ck_assert_int_eq(chdir(".sniffer"), 0);
    snprintf(absolute, sizeof absolute,
             "%s/m.py:12: T.x: AssertionError: 1 != 2\n%s/t/b.py:1: failed\n", fake.root,
             fake.root);
    expect("results --format quickfix", 0, absolute, "");
    ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

/* ---- the daemon's life ---- */

START_TEST(start_runs_snifferd_with_the_options_given)
{
    fake_snifferd(&fake, "serve", "");
    expect("start --jobs 3 --pipe --jobs 4 --log-level debug --pipe", 0, "", "");
    char *called = fake_snifferd_called(&fake), expected[256];
    snprintf(expected, sizeof expected, "-C %s --jobs 4 --log-level debug --pipe",
             fake.root);
    ck_assert_str_eq(called, expected);
    free(called);
}
END_TEST

START_TEST(start_on_a_running_daemon_is_0_and_runs_nothing)
{
    fake_snifferd(&fake, "fail", NULL);
    fake_serve(&fake, "");
    expect("start", 0, "", "");
    ck_assert_ptr_null(fake_snifferd_called(&fake));
}
END_TEST

START_TEST(a_daemon_that_cannot_start_is_3_with_the_reason)
{
    char expected[512];
    fake_snifferd(&fake, "fail", NULL);
    expect("start", 3, "",
           "snifferd: python3 cannot be found; set python in [tool.sniffer]\n");
    expect("wait", 3, "",
           "snifferd: python3 cannot be found; set python in [tool.sniffer]\n");
    fake_snifferd(&fake, "silent", NULL);
    snprintf(expected, sizeof expected,
             "snifferctl: snifferd could not start and said nothing (exit 7); try "
             "snifferd -C %s "
             "--foreground\n",
             fake.root);
    expect("check", 3, "", expected);
    fake_snifferd(&fake, "crash", NULL);
    snprintf(expected, sizeof expected,
             "snifferctl: snifferd was killed by signal 9 while it started; try snifferd "
             "-C %s "
             "--foreground\n",
             fake.root);
    expect("start", 3, "", expected);
    fake_snifferd(&fake, "mute", NULL);
    snprintf(
        expected, sizeof expected,
        "snifferctl: snifferd started but does not answer; see the log in %s/.sniffer\n",
        fake.root);
    expect("restart", 3, "", expected);
    setenv("PATH", "/usr/bin:/bin", 1);
    expect(
        "start", 3, "",
        "snifferctl: cannot run snifferd: No such file or directory; install it beside "
        "snifferctl or in PATH\n");
}
END_TEST

START_TEST(wait_starts_the_daemon_where_none_runs)
{
    fake_snifferd(&fake, "serve", "wait => " GREEN "\nstatus => " GREEN "\n");
    expect("wait --json", 0, GREEN "\n", "");
    expect("status --short", 0, "✔ 120\n", ""); /* it stays */
}
END_TEST

START_TEST(check_once_stops_the_daemon_that_it_started)
{
    fake_snifferd(&fake, "serve",
                  "wait => " RED "\n"
                  "\"failed\":true => {\"results\":[" FAILED
                  "],\"next\":null,\"seq\":1}\n"
                  "\"stop\" => exit {}\n");
    expect("check --once", 1, CHECKED, "");
    struct ran ran = fake_run(ctl_main, "status", NULL);
    ck_assert_int_eq(ran.code, 3);
    ran_finish(&ran);
}
END_TEST

START_TEST(check_once_leaves_the_daemon_that_ran_before)
{
    fake_serve(&fake, "wait => " GREEN "\n"
                      "\"failed\":true => {\"results\":[],\"next\":null,\"seq\":1}\n"
                      "status => " GREEN "\n");
    expect("check --once", 0, "✔ 118 tests passed, 2 skipped (waited 1.5 s)\n", "");
    expect("status --short", 0, "✔ 120\n", "");
}
END_TEST

START_TEST(after_stop_the_process_is_gone)
{
    fake_serve(&fake, "\"method\":\"stop\"} => exit {}\n");
    expect("stop", 0, "", "");
    /* Not "soon": it is dead by now, and only its parent has not yet asked for it. */
    ck_assert_int_eq(waitpid(fake.pid, NULL, WNOHANG), fake.pid);
    fake.pid = 0;
}
END_TEST

START_TEST(stop_is_content_with_a_daemon_that_leaves_without_a_word)
{
    fake_serve(&fake, "stop => leave\n");
    expect("stop", 0, "", "");
}
END_TEST

START_TEST(restart_stops_the_old_one_first)
{
    fake_snifferd(&fake, "serve", "status => " GREEN "\n");
    fake_serve(&fake, "stop => exit {}\n");
    expect("restart", 0, "", "");
    char *called = fake_snifferd_called(&fake);
    ck_assert_ptr_nonnull(called);
    free(called);
    expect("status --short", 0, "✔ 120\n", "");
}
END_TEST

int main(int argc, char **argv)
{
    fake_snifferd_main(argc, argv);
    static char name[] = "snifferctl"; /* whose commands these are */
    program_invocation_short_name = name;
    Suite *suite = suite_create("client commands");
    TCase *tests = tcase_create("commands");
    tcase_add_checked_fixture(tests, open_fake, close_fake);
    tcase_add_test(tests, status_as_json_is_what_the_daemon_said);
    tcase_add_test(tests, status_reads_well);
    tcase_add_loop_test(tests, status_short_is_one_line, 0,
                        sizeof shorts / sizeof shorts[0]);
    tcase_add_test(tests, status_format_fills_in_what_is_named);
    tcase_add_loop_test(tests, the_colour_is_green_only_when_all_is_verified, 0,
                        sizeof colours / sizeof colours[0]);
    tcase_add_test(tests, what_a_format_fills_in_cannot_command_the_terminal);
    tcase_add_test(tests, wait_is_0_when_all_is_green);
    tcase_add_test(tests, wait_is_1_when_something_is_red);
    tcase_add_test(tests, wait_is_4_when_the_daemon_says_that_time_is_up);
    tcase_add_test(tests, a_refusal_is_5_with_the_daemons_words);
    tcase_add_test(tests, a_daemon_that_leaves_before_it_answers_is_3);
    tcase_add_test(tests, notifications_before_the_reply_are_passed_over);
    tcase_add_test(tests, another_protocol_is_refused);
    tcase_add_test(tests, another_projects_daemon_is_refused);
    tcase_add_test(tests, a_refusal_in_place_of_the_hello_is_told);
    tcase_add_test(tests, a_refusal_without_an_id_is_the_answer);
    tcase_add_test(tests, pages_become_one_list);
    tcase_add_test(tests, a_list_begins_again_when_the_state_moves_on);
    tcase_add_test(tests, pages_that_go_backwards_are_refused);
    tcase_add_test(tests, results_read_well);
    tcase_add_test(tests, files_read_well);
    tcase_add_test(tests, what_a_verdict_rests_on_reads_well);
    tcase_add_test(tests, orders_reach_the_daemon);
    tcase_add_test(tests, touch_tells_the_paths_named_or_on_stdin);
    tcase_add_test(tests, touch_sends_many_paths_in_batches);
    tcase_add_test(tests, events_are_printed_as_they_came_until_the_daemon_leaves);
    tcase_add_test(tests, doctor_tells_the_daemons_checks_too);
    tcase_add_test(tests, check_shows_the_failures_and_a_summary);
    tcase_add_test(tests, a_green_check_is_0_and_writes_all_results_as_junit);
    tcase_add_test(tests, a_check_that_times_out_leaves_the_old_junit_file);
    tcase_add_test(tests, quickfix_names_the_innermost_own_frame);
    tcase_add_test(tests, start_runs_snifferd_with_the_options_given);
    tcase_add_test(tests, start_on_a_running_daemon_is_0_and_runs_nothing);
    tcase_add_test(tests, a_daemon_that_cannot_start_is_3_with_the_reason);
    tcase_add_test(tests, wait_starts_the_daemon_where_none_runs);
    tcase_add_test(tests, check_once_stops_the_daemon_that_it_started);
    tcase_add_test(tests, check_once_leaves_the_daemon_that_ran_before);
    tcase_add_test(tests, after_stop_the_process_is_gone);
    tcase_add_test(tests, stop_is_content_with_a_daemon_that_leaves_without_a_word);
    tcase_add_test(tests, restart_stops_the_old_one_first);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
