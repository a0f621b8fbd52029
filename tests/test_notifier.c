#include "daemon/notifier/notifier.h"
#include "tests/support/poll_poller.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* ---- when ---- */

#define MOMENTS 8

/* Each moment: failed, to be run, what is told. */
#define END                                                                              \
    {                                                                                    \
        -1, 0, JUDGE_NOTHING                                                             \
    }
static const struct {
    const char *why;
    struct {
        int64_t failed, to_be_run;
        enum judge_event told;
    } moments[MOMENTS];
} stories[] = {
    {"green from the start is no news",
     {{0, 3, JUDGE_NOTHING}, {0, 0, JUDGE_NOTHING}, END}},
    {"the first failure is told at once, the next ones are not",
     {{0, 3, JUDGE_NOTHING},
      {1, 2, JUDGE_RED},
      {2, 1, JUDGE_NOTHING},
      {2, 0, JUDGE_NOTHING},
      END}},
    {"what failed when the daemon began is told when it is verified",
     {{2, 3, JUDGE_NOTHING}, {2, 1, JUDGE_NOTHING}, {2, 0, JUDGE_RED}, END}},
    {"and not at all when it is not so any more",
     {{2, 3, JUDGE_NOTHING}, {0, 1, JUDGE_NOTHING}, {0, 0, JUDGE_NOTHING}, END}},
    {"green is told once all is verified",
     {{0, 0, JUDGE_NOTHING},
      {1, 0, JUDGE_RED},
      {1, 2, JUDGE_NOTHING},
      {0, 1, JUDGE_NOTHING},
      {0, 0, JUDGE_GREEN},
      {0, 0, JUDGE_NOTHING},
      END}},
    {"fewer counts from when all was verified last",
     {{1, 1, JUDGE_NOTHING},
      {3, 0, JUDGE_RED},
      {2, 1, JUDGE_NOTHING},
      {2, 0, JUDGE_FEWER},
      {4, 0, JUDGE_NOTHING},
      {3, 0, JUDGE_FEWER},
      {0, 0, JUDGE_GREEN},
      END}},
    {"red again after a green that was never verified is no news",
     {{1, 0, JUDGE_RED}, {0, 1, JUDGE_NOTHING}, {1, 0, JUDGE_NOTHING}, END}},
};

START_TEST(what_is_told_when)
{
    struct judge judge = {0};
    int64_t before = -1;
    for (size_t i = 0; stories[_i].moments[i].failed >= 0; i++) {
        int64_t failed = stories[_i].moments[i].failed;
        const struct judge_stats stats = {.tests = 9,
                                          .failures = failed / 2,
                                          .errors = failed - failed / 2,
                                          .to_be_run = stories[_i].moments[i].to_be_run};
        enum judge_event event = judge_stats(&judge, &stats, &before);
        ck_assert_msg(event == stories[_i].moments[i].told, "%s, moment %zu: %s",
                      stories[_i].why, i, judge_names[event]);
    }
}
END_TEST

/* ---- the command ---- */

static struct {
    char folder[64];
    struct poll_poller poller;
    struct notifier *notifier;
    char *failed; /* what the sink was told last */
    int failures;
} scene;

static void on_failed(void *owner, const char *message)
{
    (void)owner;
    free(scene.failed);
    scene.failed = strdup(message);
    scene.failures++;
}

static void begin(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* as the daemon is */
    snprintf(scene.folder, sizeof scene.folder, "/tmp/sniffer-notify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scene.folder));
    poll_poller_init(&scene.poller);
    scene.notifier = notifier_new(scene.folder, &scene.poller.poller,
                                  &(struct notifier_sink){.failed = on_failed});
}

static void end(void)
{
    notifier_free(scene.notifier);
    poll_poller_finish(&scene.poller);
    free(scene.failed);
    char remove[128];
    snprintf(remove, sizeof remove, "rm -rf %s", scene.folder);
    ck_assert_int_eq(system(remove), 0);
}

static void shell(const char *text)
{
    static char sh[] = "/bin/sh", c[] = "-c";
    char *copy = strdup(text);
    char *const command[] = {sh, c, copy, NULL};
    notifier_command(scene.notifier, command);
    free(copy);
}

static void stats(int64_t failed, int64_t now)
{
    notifier_stats(scene.notifier, &(struct judge_stats){.tests = 5, .failures = failed},
                   now);
}

/* Until the command, and what it left, are gone, and nothing waits. */
static void finish(int64_t now)
{
    while (notifier_deadline(scene.notifier) != INT64_MAX) {
        if (notifier_deadline(scene.notifier) <=
            now + 2000) { /* looking for what it left */
            if (notifier_deadline(scene.notifier) > now)
                now = notifier_deadline(scene.notifier);
            notifier_tick(scene.notifier, now);
        }
        poll_poller_dispatch(&scene.poller, 20);
    }
}

static char *written(void)
{
    char path[96];
    static char text[4096];
    snprintf(path, sizeof path, "%s/out", scene.folder);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

START_TEST(the_command_runs_in_the_root_and_gets_the_numbers)
{
    bool ok = false;
    ck_assert_ptr_null(notifier_health(scene.notifier, &ok));
    setenv("SNIFFER_EVENT", "nonsense", 1);
    shell("test \"$PWD\" = \"$SNIFFER_ROOT\" && echo $SNIFFER_EVENT $SNIFFER_FAILED of "
          "$SNIFFER_TESTS, before $SNIFFER_FAILED_BEFORE, $SNIFFER_FAILURES "
          "$SNIFFER_ERRORS >> out");
    ck_assert_str_eq(notifier_health(scene.notifier, &ok),
                     "there was nothing to tell yet");
    ck_assert(ok);
    stats(3, 1000);
    finish(1000);
    stats(2, 2000);
    finish(2000);
    stats(0, 3000);
    finish(3000);
    ck_assert_str_eq(written(), "red 3 of 5, before 0, 3 0\n"
                                "fewer 2 of 5, before 3, 2 0\n"
                                "green 0 of 5, before 2, 0 0\n");
    ck_assert_int_eq(scene.failures, 0);
    ck_assert_str_eq(notifier_health(scene.notifier, &ok), "the last one went well");
    ck_assert(ok);
}
END_TEST

START_TEST(what_happens_while_it_runs_is_told_afterwards_the_latest_alone)
{
    shell("read line < fifo; echo $SNIFFER_EVENT $SNIFFER_FAILED >> out");
    char path[96];
    snprintf(path, sizeof path, "mkfifo %s/fifo", scene.folder);
    ck_assert_int_eq(system(path), 0);
    stats(3, 1000);
    stats(2, 1001);
    stats(1, 1002);
    snprintf(path, sizeof path, "%s/fifo", scene.folder);
    for (int i = 0; i < 2; i++) {
        int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits until the command reads */
        ck_assert_int_eq(write(fd, "go\n", 3), 3);
        close(fd);
        if (i == 0)
            while (notifier_deadline(scene.notifier) > 2000) /* until it ended */
                poll_poller_dispatch(&scene.poller, -1);
        while (i == 0 && notifier_deadline(scene.notifier) < 5000)
            notifier_tick(scene.notifier, 3000);
    }
    finish(3000);
    ck_assert_str_eq(written(), "red 3\nfewer 1\n");
}
END_TEST

START_TEST(it_is_killed_after_the_limit_with_what_it_started)
{
    bool ok = true;
    shell("sleep 1000 & echo $! > out; wait");
    stats(1, 1000);
    char path[96];
    snprintf(path, sizeof path, "%s/out", scene.folder);
    while (access(path, F_OK) != 0 || written()[0] == '\0')
        poll_poller_dispatch(&scene.poller, 10);
    pid_t left = (pid_t)strtol(written(), NULL, 10);
    ck_assert_int_eq(kill(left, 0), 0);
    ck_assert_int_eq(notifier_deadline(scene.notifier), 1000 + NOTIFIER_LIMIT_MS);
    notifier_tick(scene.notifier, 1000 + NOTIFIER_LIMIT_MS - 1);
    ck_assert_int_eq(scene.failures, 0);
    notifier_tick(scene.notifier, 1000 + NOTIFIER_LIMIT_MS);
    while (scene.failures == 0)
        poll_poller_dispatch(&scene.poller, -1);
    ck_assert_str_eq(scene.failed, "/bin/sh was killed after 10 seconds");
    finish(20000);
    ck_assert_int_eq(kill(left, 0), -1);
    ck_assert_int_eq(errno, ESRCH);
    ck_assert_str_eq(notifier_health(scene.notifier, &ok), scene.failed);
    ck_assert(!ok);
}
END_TEST

START_TEST(what_it_leaves_behind_ends_with_it)
{
    shell("sleep 1000 & echo $! > out");
    stats(1, 1000);
    finish(1000);
    ck_assert_int_eq(kill((pid_t)strtol(written(), NULL, 10), 0), -1);
    ck_assert_int_eq(errno, ESRCH);
    ck_assert_int_eq(scene.failures, 0);
}
END_TEST

static const struct {
    const char *text, *said;
} failing[] = {
    {"exit 3", "/bin/sh ended with exit code 3"},
    {"echo >&2; echo 'no\033 display' >&2; echo more >&2; exit 1",
     "/bin/sh ended with exit code 1: no  display"},
    {"kill -9 $$", "/bin/sh was killed by signal 9"},
    /* More than a pipe holds: it does not wait for us. */
    {"i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
     "i=$((i + 1)); done >&2; exit 2",
     "/bin/sh ended with exit code 2: 0123456789012345678901234567890123456789"},
};

START_TEST(how_it_failed_is_said)
{
    shell(failing[_i].text);
    stats(1, 1000);
    finish(1000);
    ck_assert_str_eq(scene.failed, failing[_i].said);
}
END_TEST

START_TEST(one_that_cannot_be_run_is_said_and_the_next_one_is_tried)
{
    static char nothing[] = "/nowhere/beep";
    char *const command[] = {nothing, NULL};
    bool ok = true;
    notifier_command(scene.notifier, command);
    stats(1, 1000);
    ck_assert_str_eq(scene.failed,
                     "/nowhere/beep cannot be run: No such file or directory");
    ck_assert_int_eq(notifier_deadline(scene.notifier), INT64_MAX);
    stats(0, 1000);
    ck_assert_int_eq(scene.failures, 2);
    notifier_command(scene.notifier, NULL);
    ck_assert_ptr_null(notifier_health(scene.notifier, &ok));
    stats(1, 1000);
    ck_assert_int_eq(scene.failures, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notifier");
    TCase *when = tcase_create("when");
    tcase_add_loop_test(when, what_is_told_when, 0, sizeof stories / sizeof *stories);
    suite_add_tcase(suite, when);
    TCase *tests = tcase_create("command");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, the_command_runs_in_the_root_and_gets_the_numbers);
    tcase_add_test(tests, what_happens_while_it_runs_is_told_afterwards_the_latest_alone);
    tcase_add_test(tests, it_is_killed_after_the_limit_with_what_it_started);
    tcase_add_test(tests, what_it_leaves_behind_ends_with_it);
    tcase_add_loop_test(tests, how_it_failed_is_said, 0,
                        sizeof failing / sizeof *failing);
    tcase_add_test(tests, one_that_cannot_be_run_is_said_and_the_next_one_is_tried);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
