#include "client/ctl.h"

#include "tests/support/fake_daemon.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct fake fake;

static void open_fake(void)
{
    fake_open(&fake);
}

static void close_fake(void)
{
    fake_close(&fake);
}

static const char *const names[] = {
    "start", "stop",   "restart",  "status", "wait",  "check",  "results", "files",
    "deps",  "why",    "affected", "run",    "touch", "events", "socket",  "doctor",
    "pause", "resume", "service",  "focus",  "debug", "index",  "audit",
};

START_TEST(every_command_explains_itself)
{
    char args[64];
    snprintf(args, sizeof args, "%s --help", names[_i]);
    struct ran ran = fake_run(ctl_main, args, NULL);
    ck_assert_int_eq(ran.code, 0);
    ck_assert_str_eq(ran.err, "");
    char begin[64];
    snprintf(begin, sizeof begin, "usage: snifferctl [-C DIR] %s", names[_i]);
    ck_assert_msg(strncmp(ran.out, begin, strlen(begin)) == 0, "%s", ran.out);
    ran_finish(&ran);
}
END_TEST

START_TEST(the_whole_help_names_every_command)
{
    struct ran ran = fake_run(ctl_main, "--help", NULL);
    ck_assert_int_eq(ran.code, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %s ", names[i]);
        ck_assert_msg(strstr(ran.out, line) != NULL, "%s", names[i]);
    }
    ran_finish(&ran);
    ran = fake_run(ctl_main, "--version", NULL);
    ck_assert_int_eq(ran.code, 0);
    ck_assert_msg(strncmp(ran.out, "snifferctl 0.", 13) == 0, "%s", ran.out);
    ran_finish(&ran);
}
END_TEST

static char *read_source(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    char *text = calloc(1, 65536);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
    fclose(file);
    return text;
}

/* Is NAME a word of TEXT? */
static bool has_word(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) &&
            !isalnum((unsigned char)at[length]))
            return true;
    return false;
}

START_TEST(completions_and_manual_know_every_command_and_option)
{
    static const char *const sources[] = {
        "completions/snifferctl.bash", "completions/_snifferctl",
        "completions/snifferctl.fish", "docs/snifferctl.1"};
    char *text = read_source(sources[_i]), args[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_msg(has_word(text, names[i]), "%s lacks %s", sources[_i], names[i]);
        snprintf(args, sizeof args, "%s --help", names[i]);
        struct ran ran = fake_run(ctl_main, args, NULL);
        for (char *at = ran.out; (at = strstr(at, "\n  --")) != NULL;) {
            at +=
                5; /* the option's name: fish and the manual write it without the dashes */
            char option[32];
            snprintf(option, sizeof option, "%.*s", (int)strcspn(at, " \n"), at);
            ck_assert_msg(has_word(text, option), "%s lacks --%s", sources[_i], option);
        }
        ran_finish(&ran);
    }
    free(text);
}
END_TEST

static const struct {
    const char *args, *hint;
} mistakes[] = {
    {"", "no command given; see snifferctl --help"},
    {"stauts",
     "unknown command \"stauts\"; did you mean \"status\"? See snifferctl --help"},
    {"frobnicate", "unknown command \"frobnicate\"; see snifferctl --help"},
    {"--bogus status", "unknown option \"--bogus\"; see snifferctl --help"},
    {"-C", "-C needs a folder; see snifferctl --help"},
    {"-C /nowhere/at/all status",
     "cannot use /nowhere/at/all as the project's folder: No such "
     "file or directory"},
    {"status -C x",
     "-C DIR stands before the command: snifferctl -C DIR status; see snifferctl "
     "status --help"},
    {"status --bogus", "unknown option \"--bogus\"; see snifferctl status --help"},
    {"status -x", "unknown option \"-x\"; see snifferctl status --help"},
    {"status --json=1", "--json=1 takes no value; see snifferctl status --help"},
    {"status --json --short",
     "--json, --short and --format exclude each other; see snifferctl status --help"},
    {"status --format %{bogus}",
     "--format has no field \"bogus\"; there are: tests, successes, failures, errors, "
     "failed, skipped, to_be_run, running, state, message, colour, root, project; see "
     "snifferctl status --help"},
    {"status --format 100%",
     "--format has a \"%\" that begins no %{field}; write %% for a percent sign; see "
     "snifferctl status --help"},
    {"status --format %{tests",
     "--format has a \"%\" that begins no %{field}; write %% for a percent sign; see "
     "snifferctl status --help"},
    {"status --format %d%{tests}",
     "--format has a \"%\" that begins no %{field}; write %% for a percent sign; see "
     "snifferctl status --help"},
    {"status x", "status takes no \"x\"; see snifferctl status --help"},
    {"start x", "start takes no \"x\"; see snifferctl start --help"},
    {"start --jobs", "--jobs needs a value; see snifferctl start --help"},
    {"restart x", "restart takes no \"x\"; see snifferctl restart --help"},
    {"stop x", "stop takes no \"x\"; see snifferctl stop --help"},
    {"stop --now", "unknown option \"--now\"; see snifferctl stop --help"},
    {"wait x", "wait takes no \"x\"; see snifferctl wait --help"},
    {"wait --timeout", "--timeout needs a value; see snifferctl wait --help"},
    {"wait --timeout soon",
     "--timeout takes a number of seconds such as 30 or 0.5, not \"soon\"; "
     "see snifferctl wait --help"},
    {"wait --timeout -1",
     "--timeout takes a number of seconds such as 30 or 0.5, not \"-1\"; see "
     "snifferctl wait --help"},
    {"wait --timeout nan",
     "--timeout takes a number of seconds such as 30 or 0.5, not \"nan\"; "
     "see snifferctl wait --help"},
    {"check x", "check takes no \"x\"; see snifferctl check --help"},
    {"check --timeout x",
     "--timeout takes a number of seconds such as 30 or 0.5, not \"x\"; see "
     "snifferctl check --help"},
    {"check --shard", "--shard needs a value; see snifferctl check --help"},
    {"check --shard 3/2",
     "--shard takes K/N, K from 1 to N and N at most 1000, not \"3/2\"; see snifferctl "
     "check --help"},
    {"index", "say export FILE or import FILE; see snifferctl index --help"},
    {"index export", "say export FILE or import FILE; see snifferctl index --help"},
    {"index move a", "say export FILE or import FILE; see snifferctl index --help"},
    {"check --junit-xml /nowhere/a.xml", "cannot write /nowhere/a.xml: No such file or "
                                         "directory; name a file in a folder that "
                                         "exists and that you may write"},
    {"results --format vim",
     "there is no format \"vim\", only quickfix and json; see snifferctl results --help"},
    {"results --json --format quickfix",
     "--json and --format quickfix exclude each other; see snifferctl results --help"},
    {"files x", "files takes no \"x\"; see snifferctl files --help"},
    {"deps", "name at least one test file; see snifferctl deps --help"},
    {"affected --json", "name at least one path; see snifferctl affected --help"},
    {"why", "name at least one test file; see snifferctl why --help"},
    {"run", "name the test files to run, or give --all alone; see snifferctl run --help"},
    {"run --all a.py",
     "name the test files to run, or give --all alone; see snifferctl run --help"},
    {"touch",
     "name at least one path, or - to read them from stdin; see snifferctl touch --help"},
    {"touch -0 a", "-0 goes with - alone; see snifferctl touch --help"},
    {"socket x", "socket takes no \"x\"; see snifferctl socket --help"},
    {"doctor x", "doctor takes no \"x\"; see snifferctl doctor --help"},
    {"pause x", "pause takes no \"x\"; see snifferctl pause --help"},
    {"resume x", "resume takes no \"x\"; see snifferctl resume --help"},
};

START_TEST(wrong_usage_is_2_with_a_hint_on_one_line)
{
    struct ran ran = fake_run(ctl_main, mistakes[_i].args, NULL);
    char expected[512];
    snprintf(expected, sizeof expected, "snifferctl: %s\n", mistakes[_i].hint);
    ck_assert_str_eq(ran.err, expected);
    ck_assert_int_eq(ran.code, 2);
    ck_assert_str_eq(ran.out, "");
    ran_finish(&ran);
}
END_TEST

START_TEST(an_unknown_topic_is_told_with_those_there_are)
{
    struct ran ran = fake_run(ctl_main, "events stats nonsense", NULL);
    ck_assert_int_eq(ran.code, 2);
    ck_assert_ptr_nonnull(
        strstr(ran.err, "no topic \"nonsense\"; there are: stats, result, "));
    ran_finish(&ran);
}
END_TEST

static const char *const asking[] = {
    "stop",     "status",    "results", "files",  "deps a.py", "affected a.py",
    "why a.py", "run --all", "touch a", "events", "pause",     "resume",
};

START_TEST(without_a_daemon_asking_is_3)
{
    struct ran ran = fake_run(ctl_main, asking[_i], NULL);
    char expected[256];
    snprintf(expected, sizeof expected,
             "snifferctl: no daemon runs for %s; start it with snifferctl start\n",
             fake.root);
    ck_assert_str_eq(ran.err, expected);
    ck_assert_str_eq(ran.out, "");
    ck_assert_int_eq(ran.code, 3);
    ran_finish(&ran);
}
END_TEST

START_TEST(the_socket_is_told_without_a_daemon)
{
    struct ran ran = fake_run(ctl_main, "socket", NULL);
    char expected[256];
    snprintf(expected, sizeof expected, "%s/fake.sock\n", fake.root);
    ck_assert_str_eq(ran.out, expected);
    ck_assert_int_eq(ran.code, 0);
    ran_finish(&ran);
}
END_TEST

START_TEST(doctor_tells_a_leftover_socket_without_a_daemon)
{
    struct ran ran = fake_run(ctl_main, "doctor", NULL);
    ck_assert_ptr_nonnull(strstr(ran.out, "max_user_watches"));
    ck_assert_ptr_nonnull(strstr(ran.out, "fake.sock is free"));
    ck_assert_ptr_nonnull(strstr(ran.out, "none answers"));
    ran_finish(&ran);
    ck_assert_int_eq(system("touch fake.sock"), 0);
    ran = fake_run(ctl_main, "doctor --json", NULL);
    ck_assert_int_eq(ran.code, 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "{\"name\":\"socket\",\"ok\":false"));
    ck_assert_ptr_nonnull(strstr(ran.out, "left over"));
    ran_finish(&ran);
}
END_TEST

START_TEST(doctor_tells_a_folder_that_others_can_write)
{
    ck_assert_int_eq(chmod(fake.root, 0777), 0);
    struct ran ran = fake_run(ctl_main, "doctor --json", NULL);
    ck_assert_int_eq(ran.code, 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "{\"name\":\"socket folder\",\"ok\":false"));
    ran_finish(&ran);
}
END_TEST

int main(int argc, char **argv)
{
    fake_snifferd_main(argc, argv);
    Suite *suite = suite_create("client usage");
    TCase *tests = tcase_create("usage");
    tcase_add_checked_fixture(tests, open_fake, close_fake);
    tcase_add_loop_test(tests, every_command_explains_itself, 0,
                        sizeof names / sizeof names[0]);
    tcase_add_test(tests, the_whole_help_names_every_command);
    tcase_add_loop_test(tests, completions_and_manual_know_every_command_and_option, 0,
                        4);
    tcase_add_loop_test(tests, wrong_usage_is_2_with_a_hint_on_one_line, 0,
                        sizeof mistakes / sizeof mistakes[0]);
    tcase_add_test(tests, an_unknown_topic_is_told_with_those_there_are);
    tcase_add_loop_test(tests, without_a_daemon_asking_is_3, 0,
                        sizeof asking / sizeof asking[0]);
    tcase_add_test(tests, the_socket_is_told_without_a_daemon);
    tcase_add_test(tests, doctor_tells_a_leftover_socket_without_a_daemon);
    tcase_add_test(tests, doctor_tells_a_folder_that_others_can_write);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
