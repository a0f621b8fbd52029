#include "daemon/base/xalloc.h"
#include "daemon/tree/identity.h"
#include "tests/support/suite.h"
#include "tests/support/tree_scene.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- content ---- */

START_TEST(content_is_bytes_and_permission_bits_and_nothing_else)
{
    put("a", "text");
    put("b", "text");
    set_mtime("b", 1000);
    assert_same(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_CONTENT, "b"));
    assert_same(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_CODE, "a"));
    struct digest before = state(EVIDENCE_CONTENT, "a");
    ck_assert_int_eq(chmod("a", 0755), 0);
    assert_differ(state(EVIDENCE_CONTENT, "a"), before);
    ck_assert_int_eq(chmod("a", 0644), 0);
    assert_same(state(EVIDENCE_CONTENT, "a"), before);
    put("a", "texT");
    assert_differ(state(EVIDENCE_CONTENT, "a"), before);
    put("a", "");
    assert_differ(state(EVIDENCE_CONTENT, "a"), before);
}
END_TEST

START_TEST(a_file_of_many_chunks_counts_to_its_last_byte)
{
    enum { SIZE = 3 * (64 << 10) + 5 };
    autofree char *text = xmalloc(SIZE + 1);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    put("big", text);
    struct digest before = state(EVIDENCE_CONTENT, "big");
    text[SIZE - 1] = 'y';
    put("big", text);
    assert_differ(state(EVIDENCE_CONTENT, "big"), before);
    text[SIZE - 1] = 'x';
    put("big", text);
    assert_same(state(EVIDENCE_CONTENT, "big"), before);
}
END_TEST

START_TEST(a_link_is_the_text_of_its_target)
{
    put("target", "one");
    ck_assert_int_eq(symlink("target", "link"), 0);
    ck_assert_int_eq(symlink("target", "other"), 0);
    struct digest before = state(EVIDENCE_CONTENT, "link");
    assert_same(before, state(EVIDENCE_CONTENT, "other"));
    assert_differ(before, state(EVIDENCE_CONTENT, "target"));
    put("target", "two");
    assert_same(state(EVIDENCE_CONTENT, "link"), before);
    ck_assert_int_eq(unlink("link"), 0);
    ck_assert_int_eq(symlink("./target", "link"), 0);
    assert_differ(state(EVIDENCE_CONTENT, "link"), before);
    put("file", "target"); /* a file with that text is no link */
    assert_differ(state(EVIDENCE_CONTENT, "file"), state(EVIDENCE_CONTENT, "other"));
}
END_TEST

START_TEST(what_is_no_file_is_known_by_its_kind_and_never_opened)
{
    make("folder");
    ck_assert_int_eq(mkfifo("fifo", 0644), 0);
    ck_assert_int_eq(mkfifo("fifo2", 0600), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    const char *paths[] = {"folder", "fifo", "socket", "/dev/null", "absent"};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_differ(state(EVIDENCE_CONTENT, paths[i]),
                          state(EVIDENCE_CONTENT, paths[j]));
    assert_same(state(EVIDENCE_CONTENT, "fifo"), state(EVIDENCE_CONTENT, "fifo2"));
    /* Had anybody the pipe open for reading, a writer would not be refused. */
    ck_assert_int_lt(open("fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_eq(errno, ENXIO);
    struct digest folder = state(EVIDENCE_CONTENT, "folder");
    put("folder/a", "");
    ck_assert_int_eq(chmod("folder", 0700), 0);
    assert_same(state(EVIDENCE_CONTENT, "folder"), folder);
}
END_TEST

START_TEST(absence_is_one_state_wherever_it_is)
{
    put("file", "");
    assert_same(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_CONTENT, "b/c"));
    assert_same(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_CONTENT, "file/c"));
    assert_differ(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_CONTENT, "file"));
    assert_same(state(EVIDENCE_PRESENCE, "a"), state(EVIDENCE_PRESENCE, "b/c"));
    assert_same(state(EVIDENCE_SEARCH, "a"), state(EVIDENCE_SEARCH, "b/c"));
    assert_same(state(EVIDENCE_LISTING, "a"), state(EVIDENCE_LISTING, "b"));
    assert_differ(state(EVIDENCE_CONTENT, "a"), state(EVIDENCE_PRESENCE, "a"));
}
END_TEST

START_TEST(an_unreadable_file_has_a_state_made_of_its_identity)
{
    put("secret", "one");
    put("secret2", "one");
    ck_assert_int_eq(chmod(root, 0755), 0);
    ck_assert_int_eq(chmod("secret", 0), 0);
    ck_assert_int_eq(chmod("secret2", 0), 0);
    bool super = geteuid() == 0;
    if (super)
        ck_assert_int_eq(seteuid(65534), 0);
    struct digest first = state(EVIDENCE_CONTENT, "secret");
    struct digest again = state(EVIDENCE_CONTENT, "secret");
    struct digest other = state(EVIDENCE_CONTENT, "secret2");
    if (super) {
        ck_assert_int_eq(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* or the leak check cannot look */
    }
    assert_same(first, again);
    assert_differ(first, other);
    assert_differ(first, state(EVIDENCE_CONTENT, "absent"));
    struct tree_memory memory;
    ck_assert(!tree_recall(tree, "secret2", &memory));
    ck_assert_int_eq(chmod("secret", 0600), 0);
    assert_differ(first, state(EVIDENCE_CONTENT, "secret"));
}
END_TEST

START_TEST(what_cannot_be_read_now_equals_nothing)
{
    /* Who holds a lease delays every open of the file; an open that does not wait is told to try
     * again: it behaves like a file that never holds still. */
    put("held", "text");
    signal(SIGIO, SIG_IGN);
    int fd = open("held", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
    struct digest first = state(EVIDENCE_CONTENT, "held");
    struct digest second = state(EVIDENCE_CONTENT, "held");
    struct digest third = truth(EVIDENCE_CONTENT, "held");
    assert_differ(first, second);
    assert_differ(second, third);
    assert_refresh("held", TREE_CHANGED);
    ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
    close(fd);
    assert_refresh("held", TREE_CHANGED);
    assert_refresh("held", TREE_SAME);
    assert_same(state(EVIDENCE_CONTENT, "held"), truth(EVIDENCE_CONTENT, "held"));
}
END_TEST

START_TEST(states_without_equal_differ_between_two_daemons)
{
    put("held", "text");
    signal(SIGIO, SIG_IGN);
    int fd = open("held", O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
    int pipes[2];
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        struct digest digest = state(EVIDENCE_CONTENT, "held");
        _exit(write(pipes[1], &digest, sizeof digest) != sizeof digest);
    }
    struct digest theirs;
    struct digest ours = state(EVIDENCE_CONTENT, "held");
    ck_assert_int_eq(read(pipes[0], &theirs, sizeof theirs), sizeof theirs);
    assert_differ(ours, theirs);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
}
END_TEST

static atomic_bool stop_writing;

static void *write_on(void *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    for (int i = 0; !stop_writing && i < 100000; i++)
        if (write(fd, "x", 1) != 1)
            break;
    close(fd);
    return NULL;
}

START_TEST(a_file_that_grows_while_it_is_read_comes_out_right_in_the_end)
{
    put("log", "");
    pthread_t writer;
    char path[] = "log";
    ck_assert_int_eq(pthread_create(&writer, NULL, write_on, path), 0);
    for (int i = 0; i < 200; i++)
        state(EVIDENCE_CONTENT, "log");
    stop_writing = true;
    pthread_join(writer, NULL);
    assert_same(state(EVIDENCE_CONTENT, "log"), truth(EVIDENCE_CONTENT, "log"));
}
END_TEST

START_TEST(a_second_write_at_once_is_seen)
{
    put("a", "0");
    for (int i = 1; i < 200; i++) {
        char text[] = {(char)('0' + i % 10), '\0'};
        struct digest before = state(EVIDENCE_CONTENT, "a");
        put("a", text);
        assert_differ(state(EVIDENCE_CONTENT, "a"), before);
    }
}
END_TEST

START_TEST(a_digest_taken_right_after_a_write_is_not_trusted)
{
    for (int i = 0; i < 20; i++) {
        put("a", "text");
        state(EVIDENCE_CONTENT, "a");
        struct tree_memory memory;
        bool trusted = tree_recall(tree, "a", &memory);
        struct identity identity = tree_identity(tree, "a");
        /* Only where this process was held up in between is it old enough by now. */
        if (trusted)
            ck_assert(identity_settled(&identity, identity_clock_ns()));
    }
}
END_TEST

START_TEST(contents_are_settled_when_a_later_write_must_leave_a_trace)
{
    static const int64_t ms = 1000000;
    static const int64_t second = 1000000000;
    static const struct {
        int64_t ctime_ns, taken_ns;
        bool settled;
    } cases[] = {
        {7 * second + 1, 7 * second + 1, false},
        {7 * second + 1, 7 * second + TREE_RACY_MS * ms, false},
        {7 * second + 1, 7 * second + TREE_RACY_MS * ms + 1, true},
        {7 * second + 1, 6 * second, false}, /* the clock was set back */
        {7 * second, 9 * second - 1, false}, /* stamped in whole seconds */
        {7 * second, 9 * second, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identity identity = {.ctime_ns = cases[i].ctime_ns};
        ck_assert_msg(identity_settled(&identity, cases[i].taken_ns) == cases[i].settled,
                      "case %zu", i);
    }
}
END_TEST

START_TEST(a_file_of_the_kernel_is_read_each_time)
{
    /* It is as old as the machine is up, says that it is empty, and is not. */
    struct tree_memory memory;
    assert_same(state(EVIDENCE_CONTENT, "/proc/version"),
                truth(EVIDENCE_CONTENT, "/proc/version"));
    ck_assert(!tree_recall(tree, "/proc/version", &memory));
    autofree char *self = xasprintf("/proc/%d", (int)getpid());
    struct tree *other = tree_new(self);
    ck_assert_int_eq(prctl(PR_SET_NAME, "one"), 0);
    struct digest one = tree_state(other, EVIDENCE_CONTENT, "comm");
    ck_assert_int_eq(prctl(PR_SET_NAME, "two"), 0);
    struct digest two = tree_state(other, EVIDENCE_CONTENT, "comm");
    tree_free(other);
    assert_differ(one, two);
}
END_TEST

static void add_content_tests(Suite *suite)
{
    TCase *tests = tcase_create("content");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, content_is_bytes_and_permission_bits_and_nothing_else);
    tcase_add_test(tests, a_file_of_many_chunks_counts_to_its_last_byte);
    tcase_add_test(tests, a_link_is_the_text_of_its_target);
    tcase_add_test(tests, what_is_no_file_is_known_by_its_kind_and_never_opened);
    tcase_add_test(tests, absence_is_one_state_wherever_it_is);
    tcase_add_test(tests, an_unreadable_file_has_a_state_made_of_its_identity);
    tcase_add_test(tests, what_cannot_be_read_now_equals_nothing);
    tcase_add_test(tests, states_without_equal_differ_between_two_daemons);
    tcase_add_test(tests, a_file_that_grows_while_it_is_read_comes_out_right_in_the_end);
    tcase_add_test(tests, a_second_write_at_once_is_seen);
    tcase_add_test(tests, a_digest_taken_right_after_a_write_is_not_trusted);
    tcase_add_test(tests, contents_are_settled_when_a_later_write_must_leave_a_trace);
    tcase_add_test(tests, a_file_of_the_kernel_is_read_each_time);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("tree_states");
    add_content_tests(suite);
    return suite_run(suite);
}
