#include "proto/line.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static void open_pipe(void)
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void open_sockets(void)
{
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void close_both(void)
{
    close(ends[0]);
    close(ends[1]);
}

static void feed(struct line_reader *reader, const char *bytes, size_t length)
{
    ck_assert_int_eq(write(ends[1], bytes, length), (ssize_t)length);
    ck_assert_int_eq(line_reader_fill(reader, ends[0]), (ssize_t)length);
}

static void expect_line(struct line_reader *reader, const char *bytes, size_t length)
{
    size_t got_length;
    const char *got = line_next(reader, &got_length);
    ck_assert_ptr_nonnull(got);
    ck_assert_uint_eq(got_length, length);
    ck_assert_mem_eq(got, bytes, length);
    ck_assert_int_eq(got[length], '\0');
}

static void expect_none(struct line_reader *reader, size_t length)
{
    size_t got_length = 77;
    ck_assert_ptr_null(line_next(reader, &got_length));
    ck_assert_uint_eq(got_length, length);
}

START_TEST(lines_come_whole_however_they_are_cut)
{
    static const char text[] = "first\n\nthird\0with a nul\nlast\n";
    for (size_t step = 1; step < sizeof text; step++) {
        open_pipe();
        struct line_reader reader;
        line_reader_init(&reader, 0);
        size_t lines = 0;
        for (size_t at = 0; at < sizeof text - 1; at += step) {
            size_t left = sizeof text - 1 - at;
            feed(&reader, text + at, left < step ? left : step);
            static const struct {
                const char *bytes;
                size_t length;
            } expected[] = {
                {"first", 5}, {"", 0}, {"third\0with a nul", 16}, {"last", 4}};
            size_t length;
            const char *line;
            while ((line = line_next(&reader, &length)) != NULL) {
                ck_assert_uint_lt(lines, 4);
                ck_assert_uint_eq(length, expected[lines].length);
                ck_assert_mem_eq(line, expected[lines].bytes, length + 1);
                lines++;
            }
            ck_assert_uint_eq(length, 0);
        }
        ck_assert_uint_eq(lines, 4);
        line_reader_finish(&reader);
        close_both();
    }
}
END_TEST

START_TEST(nothing_there_and_the_end_are_told_apart)
{
    open_pipe();
    struct line_reader reader;
    line_reader_init(&reader, 0);
    ck_assert_int_eq(line_reader_fill(&reader, ends[0]), -EAGAIN);
    feed(&reader, "half", 4);
    expect_none(&reader, 0);
    close(ends[1]);
    ck_assert_int_eq(line_reader_fill(&reader, ends[0]), 0);
    expect_none(&reader, 0);
    close(ends[0]);
    ck_assert_int_eq(line_reader_fill(&reader, ends[0]), -EBADF);
    line_reader_finish(&reader);
    line_reader_finish(&reader);
    line_reader_finish(NULL);
}
END_TEST

START_TEST(a_line_over_the_limit_is_told_once_and_skipped_to_its_end)
{
    open_pipe();
    struct line_reader reader;
    line_reader_init(&reader, 4);
    feed(&reader, "four\nfives\nok\n", 14);
    expect_line(&reader, "four", 4);
    expect_none(&reader, SIZE_MAX);
    expect_line(&reader, "ok", 2);
    expect_none(&reader, 0);

    feed(&reader, "much", 4);
    expect_none(&reader, 0);
    feed(&reader, " too long", 9);
    expect_none(&reader, SIZE_MAX);
    feed(&reader, " and no end", 11);
    expect_none(&reader, 0);
    feed(&reader, " here\nok\nagain too long\n", 24);
    expect_line(&reader, "ok", 2);
    expect_none(&reader, SIZE_MAX);
    expect_none(&reader, 0);
    line_reader_finish(&reader);
    close_both();
}
END_TEST

START_TEST(skipping_a_line_needs_no_memory_for_it)
{
    open_pipe();
    struct line_reader reader;
    line_reader_init(&reader, 1000);
    char block[4096];
    memset(block, 'x', sizeof block);
    size_t told = 0;
    for (int i = 0; i < 1000; i++) {
        size_t length;
        feed(&reader, block, sizeof block);
        ck_assert_ptr_null(line_next(&reader, &length));
        told += length == SIZE_MAX;
    }
    ck_assert_uint_eq(told, 1);
    ck_assert_uint_le(reader.capacity, 64 << 10);
    line_reader_finish(&reader);
    close_both();
}
END_TEST

START_TEST(a_line_of_megabytes_passes_and_its_memory_is_given_back)
{
    open_sockets();
    enum { LENGTH = 5 << 20 };
    char *line = malloc(LENGTH);
    ck_assert_ptr_nonnull(line);
    for (size_t i = 0; i < LENGTH; i++)
        line[i] = (char)('a' + i % 23);
    struct line_outbox outbox = {0};
    struct line_reader reader;
    line_reader_init(&reader, 0);
    ck_assert_int_eq(line_put(&outbox, line, LENGTH), 0);
    size_t length, taken, sum = 0, refused = 0;
    const char *got = NULL;
    while (got == NULL) {
        int r = line_flush(&outbox, ends[1], &taken);
        ck_assert(r == 0 || r == -EAGAIN);
        ck_assert_int_eq(r == 0, line_pending(&outbox) == 0);
        refused += r == -EAGAIN;
        sum += taken;
        ck_assert_uint_eq(sum + line_pending(&outbox), LENGTH + 1);
        ck_assert_int_gt(line_reader_fill(&reader, ends[0]), 0);
        got = line_next(&reader, &length);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(length, LENGTH);
    ck_assert(memcmp(got, line, LENGTH) == 0);
    ck_assert_uint_eq(outbox.capacity, 0);
    ck_assert_int_eq(line_reader_fill(&reader, ends[0]), -EAGAIN);
    ck_assert_uint_lt(reader.capacity, LENGTH);
    line_outbox_finish(&outbox);
    line_reader_finish(&reader);
    free(line);
    close_both();
}
END_TEST

START_TEST(what_is_put_while_some_is_left_goes_out_behind_it)
{
    open_sockets();
    struct line_outbox outbox = {0};
    struct line_reader reader;
    line_reader_init(&reader, 0);
    char line[3000];
    size_t put = 0, got = 0, length;
    while (got < 2000) {
        for (int i = 0; i < 7 && put < 2000; i++, put++) {
            memset(line, 'a' + (int)(put % 26), sizeof line);
            ck_assert_int_eq(line_put(&outbox, line, 1 + put), 0);
        }
        int r = line_flush(&outbox, ends[1], NULL);
        ck_assert(r == 0 || r == -EAGAIN);
        ssize_t filled = line_reader_fill(&reader, ends[0]);
        ck_assert(filled > 0 || filled == -EAGAIN);
        const char *next;
        while ((next = line_next(&reader, &length)) != NULL) {
            ck_assert_uint_eq(length, 1 + got);
            ck_assert_int_eq(next[0], 'a' + (int)(got % 26));
            ck_assert_int_eq(next[length - 1], 'a' + (int)(got % 26));
            got++;
        }
    }
    ck_assert_uint_eq(line_pending(&outbox), 0);
    line_outbox_finish(&outbox);
    line_outbox_finish(NULL);
    line_reader_finish(&reader);
    close_both();
}
END_TEST

static bool is_pending(int number)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, number) == 1;
}

/* SIGPIPE has its default here: it would end the test. */
START_TEST(nobody_at_the_other_end_is_an_error_and_no_signal)
{
    for (int with_pipe = 0; with_pipe < 2; with_pipe++) {
        if (with_pipe)
            open_pipe();
        else
            open_sockets();
        close(ends[0]);
        struct line_outbox outbox = {0};
        size_t taken = 77;
        ck_assert_int_eq(line_put(&outbox, "{}", 2), 0);
        ck_assert_int_eq(line_flush(&outbox, ends[1], &taken), -EPIPE);
        ck_assert_uint_eq(taken, 0);
        ck_assert_uint_eq(line_pending(&outbox), 3);
        sigset_t mask;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        ck_assert(!sigismember(&mask, SIGPIPE));
        ck_assert(!is_pending(SIGPIPE));
        line_outbox_finish(&outbox);
        close(ends[1]);
    }
}
END_TEST

START_TEST(a_signal_that_waited_before_still_waits)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGPIPE);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    raise(SIGPIPE);
    open_pipe();
    close(ends[0]);
    struct line_outbox outbox = {0};
    ck_assert_int_eq(line_put(&outbox, "{}", 2), 0);
    ck_assert_int_eq(line_flush(&outbox, ends[1], NULL), -EPIPE);
    ck_assert(is_pending(SIGPIPE));
    line_outbox_finish(&outbox);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line");
    TCase *tests = tcase_create("line");
    tcase_add_test(tests, lines_come_whole_however_they_are_cut);
    tcase_add_test(tests, nothing_there_and_the_end_are_told_apart);
    tcase_add_test(tests, a_line_over_the_limit_is_told_once_and_skipped_to_its_end);
    tcase_add_test(tests, skipping_a_line_needs_no_memory_for_it);
    tcase_add_test(tests, a_line_of_megabytes_passes_and_its_memory_is_given_back);
    tcase_add_test(tests, what_is_put_while_some_is_left_goes_out_behind_it);
    tcase_add_test(tests, nobody_at_the_other_end_is_an_error_and_no_signal);
    tcase_add_test(tests, a_signal_that_waited_before_still_waits);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
