/* A real FIFO in a temporary folder, and what was told. */

#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/hints.h"
#include "tests/support/poll_poller.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct poll_poller poller;
static struct hints *hints;
static char folder[] = "/tmp/test_hints.XXXXXX";
static char *told; /* paths in their order, each with a newline */
static size_t lost, complaints;

static void hinted(void *owner, const char *path)
{
    (void)owner;
    char *longer = xasprintf("%s%s\n", told, path);
    free(told);
    told = longer;
}

static void was_lost(void *owner, const char *why)
{
    (void)owner;
    ck_assert_ptr_nonnull(why);
    lost++;
}

static void complain(void *owner, const char *what)
{
    (void)owner;
    ck_assert_ptr_nonnull(strstr(what, "changed"));
    complaints++;
}

static const struct hints_sink sink = {
    .hinted = hinted, .lost = was_lost, .complain = complain};

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    poll_poller_init(&poller);
    told = xstrdup("");
    ck_assert_int_eq(hints_open(&hints, "changed", &poller.poller, &sink), 0);
}

static void tear_down(void)
{
    hints_close(hints);
    ck_assert_uint_eq(poller.count, 0);
    poll_poller_finish(&poller);
    free(told);
    ck_assert_int_eq(access("changed", F_OK), -1);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_bytes(int fd, const char *bytes, size_t length)
{
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
}

/* As "printf TEXT > changed" in a shell. */
static void put(const char *text)
{
    autoclose int fd = open("changed", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    write_bytes(fd, text, strlen(text));
}

static void dispatch(void)
{
    while (poll_poller_dispatch(&poller, 0) > 0)
        ;
}

static void assert_is_fifo(void)
{
    struct stat status;
    ck_assert_int_eq(lstat("changed", &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
    ck_assert_int_eq(status.st_mode & 07777, 0600);
}

START_TEST(each_line_is_a_path)
{
    assert_is_fifo();
    put("a.py\nb c/\xff.txt\n\n/etc/hosts\n");
    dispatch();
    ck_assert_str_eq(told, "a.py\nb c/\xff.txt\n/etc/hosts\n");
    ck_assert_uint_eq(complaints, 0);
}
END_TEST

START_TEST(writers_come_and_go_and_nobody_is_woken_between)
{
    for (int i = 0; i < 3; i++) {
        put("a\n");
        dispatch();
        ck_assert_int_eq(poll_poller_dispatch(&poller, 0), 0);
    }
    ck_assert_str_eq(told, "a\na\na\n");
}
END_TEST

START_TEST(a_line_comes_in_pieces)
{
    autoclose int fd = open("changed", O_WRONLY | O_CLOEXEC);
    write_bytes(fd, "one", 3);
    dispatch();
    ck_assert_str_eq(told, "");
    write_bytes(fd, "two\nthree", 9);
    dispatch();
    ck_assert_str_eq(told, "onetwo\n");
    hints_take(hints);
    ck_assert_str_eq(told, "onetwo\n");
}
END_TEST

START_TEST(the_last_line_needs_no_end)
{
    put("a");
    dispatch();
    put("b");
    dispatch();
    ck_assert_str_eq(told, "a\nb\n");
}
END_TEST

START_TEST(what_was_written_is_told_when_it_is_taken)
{
    put("a\nb");
    hints_take(hints);
    ck_assert_str_eq(told, "a\nb\n");
    hints_take(hints);
    ck_assert_int_eq(poll_poller_dispatch(&poller, 0), 0);
}
END_TEST

START_TEST(more_than_one_read_is_taken_whole)
{
    autoclose int fd = open("changed", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    for (int i = 0; i < 4000; i++)
        write_bytes(fd, "0123456789\n", 11);
    hints_take(hints);
    ck_assert_uint_eq(strlen(told), 44000);
    ck_assert_int_eq(poll_poller_dispatch(&poller, 0), 0);
}
END_TEST

START_TEST(what_is_no_path_is_told_once_and_left_out)
{
    autofree char *longer = xmalloc(20000);
    memset(longer, 'x', 20000);
    autoclose int fd = open("changed", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    write_bytes(fd, longer, 20000);
    write_bytes(fd, "\na\0b\nc\n", 7);
    dispatch();
    ck_assert_str_eq(told, "c\n");
    ck_assert_uint_eq(complaints, 1);
}
END_TEST

START_TEST(a_fifo_that_is_removed_is_made_again)
{
    autoclose int old = open("changed", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    write_bytes(old, "before\n", 7);
    ck_assert_int_eq(unlink("changed"), 0);
    dispatch();
    assert_is_fifo();
    put("after\n");
    dispatch();
    ck_assert_str_eq(told, "before\nafter\n");
    ck_assert_uint_eq(lost, 0);
    /* Who wrote to the old one learns that nobody reads it. */
    ck_assert_int_eq(write(old, "x\n", 2), -1);
    ck_assert_int_eq(errno, EPIPE);
    /* And the new one is looked after as well. */
    ck_assert_int_eq(unlink("changed"), 0);
    dispatch();
    assert_is_fifo();
}
END_TEST

START_TEST(what_takes_its_place_is_replaced_and_hints_are_lost)
{
    ck_assert_int_eq(rename("changed", "other"), 0);
    autoclose int fd = open("changed", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    write_bytes(fd, "unread\n", 7);
    dispatch();
    assert_is_fifo();
    ck_assert_uint_eq(lost, 1);
    ck_assert_int_eq(unlink("other"), 0);
    put("a\n");
    dispatch();
    ck_assert_str_eq(told, "a\n");
}
END_TEST

START_TEST(a_folder_in_its_place_is_left_and_told)
{
    ck_assert_int_eq(rename("changed", "other"), 0);
    ck_assert_int_eq(mkdir("changed", 0700), 0);
    dispatch();
    ck_assert_uint_eq(complaints, 1);
    hints_take(hints);
    ck_assert_int_eq(unlink("other"), 0);
    ck_assert_int_eq(rmdir("changed"), 0);
}
END_TEST

START_TEST(one_left_behind_is_taken_over_and_what_else_is_there_replaced)
{
    hints_close(hints);
    ck_assert_int_eq(mkfifo("changed", 0644), 0);
    ck_assert_int_eq(chmod("changed", 0644), 0);
    struct stat before;
    struct stat after;
    ck_assert_int_eq(stat("changed", &before), 0);
    ck_assert_int_eq(hints_open(&hints, "changed", &poller.poller, &sink), 0);
    ck_assert_int_eq(stat("changed", &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    assert_is_fifo();
    hints_close(hints);
    ck_assert_int_eq(symlink("nowhere", "changed"), 0);
    ck_assert_int_eq(hints_open(&hints, "changed", &poller.poller, &sink), 0);
    assert_is_fifo();
    hints_close(hints);
    hints = NULL;
    ck_assert_int_eq(mkdir("changed", 0700), 0);
    ck_assert_int_eq(hints_open(&hints, "changed", &poller.poller, &sink), -EISDIR);
    ck_assert_int_eq(rmdir("changed"), 0);
}
END_TEST

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    TCase *tests = tcase_create("hints");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_line_is_a_path);
    tcase_add_test(tests, writers_come_and_go_and_nobody_is_woken_between);
    tcase_add_test(tests, a_line_comes_in_pieces);
    tcase_add_test(tests, the_last_line_needs_no_end);
    tcase_add_test(tests, what_was_written_is_told_when_it_is_taken);
    tcase_add_test(tests, more_than_one_read_is_taken_whole);
    tcase_add_test(tests, what_is_no_path_is_told_once_and_left_out);
    tcase_add_test(tests, a_fifo_that_is_removed_is_made_again);
    tcase_add_test(tests, what_takes_its_place_is_replaced_and_hints_are_lost);
    tcase_add_test(tests, a_folder_in_its_place_is_left_and_told);
    tcase_add_test(tests, one_left_behind_is_taken_over_and_what_else_is_there_replaced);
    Suite *suite = suite_create("watch_hints");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
