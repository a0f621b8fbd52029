#include "proto/place.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/sniffer-place-XXXXXX";
static char socket_path[PATH_MAX], lock_path[PATH_MAX];

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static void make_folder(const char *name)
{
    ck_assert_int_eq(mkdir(in_folder(name), 0755), 0);
}

static void make_file(const char *name)
{
    int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    strcpy(socket_path, in_folder("run/s.sock"));
    strcpy(lock_path, in_folder("run/s.sock.lock"));
    unsetenv("SNIFFER_SOCKET");
    unsetenv("XDG_RUNTIME_DIR");
}

static void teardown(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

/* ---- the root ---- */

static void expect_root(const char *start, const char *expected)
{
    char *root = place_root(start);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(root, expected);
    free(root);
}

START_TEST(the_root_is_the_nearest_folder_that_was_a_root_before)
{
    make_folder("a");
    make_folder("a/.sniffer");
    make_folder("a/b");
    make_file("a/b/pyproject.toml");
    make_folder("a/b/c");
    make_file("a/b/c/.sniffer"); /* a file: no state of ours */
    expect_root(in_folder("a/b/c"), in_folder("a"));
    make_folder("a/b/.sniffer");
    expect_root(in_folder("a/b/c"), in_folder("a/b"));
    expect_root(in_folder("a"), in_folder("a"));
}
END_TEST

START_TEST(else_it_is_the_nearest_project)
{
    static const char *const marks[] = {"pyproject.toml", "setup.cfg", "setup.py",
                                        "tox.ini", ".git"};
    make_folder("a");
    make_folder("a/b");
    make_folder("a/b/c");
    expect_root(in_folder("a/b/c"), in_folder("a/b/c"));
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        char mark[64];
        snprintf(mark, sizeof mark, "a/%s", marks[i]);
        make_file(mark);
        expect_root(in_folder("a/b/c"), in_folder("a"));
        ck_assert_int_eq(unlink(in_folder(mark)), 0);
    }
    make_folder("a/.git");
    make_file("a/b/setup.py");
    expect_root(in_folder("a/b/c"), in_folder("a/b"));
}
END_TEST

START_TEST(the_root_has_no_links_and_may_be_asked_for_relatively)
{
    make_folder("a");
    make_file("a/setup.py");
    make_folder("a/b");
    ck_assert_int_eq(symlink("a/b", in_folder("link")), 0);
    expect_root(in_folder("link"), in_folder("a"));
    ck_assert_int_eq(chdir(in_folder("a/b")), 0);
    expect_root(".", in_folder("a"));
    expect_root("..//b/", in_folder("a"));
    expect_root("/", "/");
}
END_TEST

START_TEST(what_is_no_folder_has_no_root)
{
    make_file("file");
    errno = 0;
    ck_assert_ptr_null(place_root(in_folder("file")));
    ck_assert_int_eq(errno, ENOTDIR);
    ck_assert_ptr_null(place_root(in_folder("missing")));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_null(place_root(""));
}
END_TEST

/* ---- the socket's name ---- */

static void expect_socket(const char *root, const char *expected)
{
    char *path = NULL;
    ck_assert_int_eq(place_socket(root, &path), 0);
    ck_assert_str_eq(path, expected);
    free(path);
}

START_TEST(the_name_tells_the_root_and_is_never_long)
{
    setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
    /* 64-bit FNV-1a of "/a" and "/" */
    expect_socket("/a", "/run/user/1000/sniffer/a-07d66707b49cd92d.sock");
    expect_socket("/", "/run/user/1000/sniffer/-af63a24c860189fe.sock");
    char *path = NULL;
    ck_assert_int_eq(place_socket("/home/m\xc3\xbcller/my project (1)", &path), 0);
    ck_assert_ptr_nonnull(strstr(path, "/sniffer/my_project__1_-"));
    free(path);
    char root[3000];
    memset(root, 'x', sizeof root);
    root[0] = '/';
    root[sizeof root - 1] = '\0';
    ck_assert_int_eq(place_socket(root, &path), 0);
    ck_assert_uint_eq(strlen(path), strlen("/run/user/1000/sniffer/") + 32 + 1 + 16 + 5);
    free(path);
}
END_TEST

START_TEST(the_environment_decides_where)
{
    char expected[100];
    snprintf(expected, sizeof expected, "/tmp/sniffer-%u/a-07d66707b49cd92d.sock",
             geteuid());
    expect_socket("/a", expected);
    setenv("XDG_RUNTIME_DIR", "", 1);
    expect_socket("/a", expected);
    setenv("XDG_RUNTIME_DIR", "not/absolute", 1);
    expect_socket("/a", expected);
    setenv("XDG_RUNTIME_DIR", "/run/me", 1);
    expect_socket("/a", "/run/me/sniffer/a-07d66707b49cd92d.sock");
    setenv("SNIFFER_SOCKET", "", 1);
    expect_socket("/a", "/run/me/sniffer/a-07d66707b49cd92d.sock");
    setenv("SNIFFER_SOCKET", "/run/me/own.sock", 1);
    expect_socket("/a", "/run/me/own.sock");
}
END_TEST

START_TEST(a_name_that_no_socket_can_have_is_refused)
{
    char name[109];
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[108] = '\0';
    char *path = NULL;
    int fd, lock;
    setenv("SNIFFER_SOCKET", name, 1);
    ck_assert_int_eq(place_socket("/a", &path), -ENAMETOOLONG);
    ck_assert_int_eq(place_listen(name, &fd, &lock), -ENAMETOOLONG);
    ck_assert_int_eq(place_connect(name, &fd), -ENAMETOOLONG);
    ck_assert_ptr_null(path);
    name[107] = '\0';
    setenv("SNIFFER_SOCKET", name, 1);
    expect_socket("/a", name);
    ck_assert_int_eq(place_listen("", &fd, &lock), -EINVAL);
    ck_assert_int_eq(place_listen("/tmp/", &fd, &lock), -EINVAL);
}
END_TEST

/* ---- the socket ---- */

static void close_pair(int fd, int lock)
{
    close(fd);
    close(lock);
}

START_TEST(who_listens_is_found)
{
    int fd = -1, lock = -1, client = -1;
    umask(0);
    ck_assert_int_eq(place_connect(socket_path, &client), -ENOENT);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    ck_assert_int_eq(umask(0), 0); /* it is as it was */

    struct stat stat_buffer;
    ck_assert_int_eq(stat(in_folder("run"), &stat_buffer), 0);
    ck_assert_int_eq(stat_buffer.st_mode & 07777, 0700);
    ck_assert_int_eq(stat(socket_path, &stat_buffer), 0);
    ck_assert(S_ISSOCK(stat_buffer.st_mode));
    ck_assert_int_eq(stat_buffer.st_mode & 07777, 0600);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    ck_assert_int_eq(fcntl(lock, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

    ck_assert_int_eq(place_connect(socket_path, &client), 0);
    ck_assert_int_eq(fcntl(client, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    int server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    pid_t pid = 0;
    ck_assert(place_peer_trusted(server, &pid));
    ck_assert_int_eq(pid, getpid());
    char byte = 0;
    ck_assert_int_eq(send(server, "x", 1, 0), 1);
    ck_assert_int_eq(recv(client, &byte, 1, 0), 1);
    ck_assert_int_eq(byte, 'x');
    close_pair(server, client);
    close_pair(fd, lock);
    ck_assert_int_eq(place_connect(socket_path, &client), -ECONNREFUSED);
}
END_TEST

START_TEST(a_leftover_socket_is_removed)
{
    int fd, lock, client;
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    close_pair(fd, lock); /* as a daemon that was killed leaves it */
    ck_assert_int_eq(access(socket_path, F_OK), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    ck_assert_int_eq(place_connect(socket_path, &client), 0);
    close(client);
    close_pair(fd, lock);
}
END_TEST

START_TEST(a_second_daemon_is_refused_and_does_no_harm)
{
    int fd, lock, second = -7, second_lock = -7, client;
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), -EADDRINUSE);
    ck_assert_int_eq(second, -7);
    ck_assert_int_eq(second_lock, -7);
    /* The lock alone decides, also when its holder is no longer, or not yet, listening. */
    close(fd);
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), -EADDRINUSE);
    ck_assert_int_eq(access(socket_path, F_OK), 0);
    ck_assert_int_eq(place_connect(socket_path, &client), -ECONNREFUSED);
    close(lock);
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), 0);
    close_pair(second, second_lock);
}
END_TEST

START_TEST(the_lock_is_held_across_a_fork_until_the_last_is_gone)
{
    int fd, lock, second, second_lock, gate[2];
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(gate[0]);
    close_pair(fd, lock);
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), -EADDRINUSE);
    close(gate[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), 0);
    close_pair(second, second_lock);
}
END_TEST

START_TEST(who_listens_without_the_lock_is_left_alone)
{
    int fd, lock;
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    close(lock); /* as a socket that systemd made */
    int second, second_lock, client;
    ck_assert_int_eq(place_listen(socket_path, &second, &second_lock), -EADDRINUSE);
    ck_assert_int_eq(place_connect(socket_path, &client), 0);
    close_pair(fd, client);
}
END_TEST

/* In a child, as systemd passes descriptors: from 3 on. Returns what place_inherit did. */
static int inherit(int fd, const char *count, bool to_us, const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        char number[24];
        snprintf(number, sizeof number, "%d", to_us ? (int)getpid() : 1);
        setenv("LISTEN_PID", number, 1);
        setenv("LISTEN_FDS", count, 1);
        setenv("LISTEN_FDNAMES", "x", 1);
        int given, lock;
        int r = dup2(fd, 3) < 0 ? -errno : place_inherit(path, &given, &lock);
        bool cleared = getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL &&
                       getenv("LISTEN_FDNAMES") == NULL;
        if (r == 0)
            cleared = cleared && (fcntl(given, F_GETFD) & FD_CLOEXEC) != 0 &&
                      (fcntl(given, F_GETFL) & O_NONBLOCK) != 0;
        _exit(cleared ? -r : 255);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

START_TEST(a_socket_from_systemd_is_taken_over_where_clients_look)
{
    int fd, lock, ends[2];
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    ck_assert_int_eq(inherit(fd, "1", true, socket_path), -EADDRINUSE);
    close(lock);
    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    ck_assert_int_eq(inherit(fd, "1", true, socket_path), 0);
    ck_assert_int_eq(inherit(fd, "1", false, socket_path), -ENOENT);
    ck_assert_int_eq(inherit(fd, "2", true, socket_path), -EINVAL);
    ck_assert_int_eq(inherit(fd, "0", true, socket_path), -ENOENT);
    ck_assert_int_eq(inherit(fd, "x", true, socket_path), -ENOENT);
    ck_assert_int_eq(inherit(fd, "1", true, in_folder("run/other.sock")), -EADDRNOTAVAIL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(inherit(ends[0], "1", true, socket_path), -EINVAL);
    close_pair(ends[0], ends[1]);
    close(fd);
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
    int fd, lock;
    ck_assert_int_eq(mkdir(in_folder("run"), 0700), 0);
    make_file("run/s.sock");
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), -EEXIST);
    ck_assert_int_eq(access(socket_path, F_OK), 0);
    ck_assert_int_eq(unlink(socket_path), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    close_pair(fd, lock);
}
END_TEST

START_TEST(a_folder_that_others_can_write_is_refused)
{
    static const mode_t modes[] = {0720, 0702, 0777, 01777};
    int fd, lock;
    ck_assert_int_eq(mkdir(in_folder("run"), 0700), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(in_folder("run"), modes[i]), 0);
        ck_assert_int_eq(place_listen(socket_path, &fd, &lock), -EPERM);
    }
    ck_assert_int_eq(access(lock_path, F_OK), -1);
    ck_assert_int_eq(chmod(in_folder("run"), 0755), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), 0);
    close_pair(fd, lock);
}
END_TEST

START_TEST(a_folder_that_everybody_can_rename_is_refused)
{
    static const mode_t modes[] = {0777, 0703};
    int fd, lock;
    ck_assert_int_eq(mkdir(in_folder("open"), 0700), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(in_folder("open"), modes[i]), 0);
        ck_assert_int_eq(place_listen(in_folder("open/run/s.sock"), &fd, &lock), -EPERM);
    }
    ck_assert_int_eq(chmod(in_folder("open"), 01777), 0); /* as /tmp is */
    ck_assert_int_eq(place_listen(in_folder("open/run/s.sock"), &fd, &lock), 0);
    close_pair(fd, lock);
}
END_TEST

START_TEST(a_link_or_a_file_is_no_folder_for_it)
{
    int fd, lock;
    ck_assert_int_eq(mkdir(in_folder("real"), 0700), 0);
    ck_assert_int_eq(symlink("real", in_folder("run")), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), -EPERM);
    ck_assert_int_eq(unlink(in_folder("run")), 0);
    make_file("run");
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), -EPERM);
    ck_assert_int_eq(place_listen(in_folder("none/run/s.sock"), &fd, &lock), -ENOENT);
}
END_TEST

/* ---- other users; only root can play them ---- */

enum { NOBODY = 65534 };

START_TEST(a_folder_of_somebody_else_is_refused)
{
    if (geteuid() != 0)
        return;
    int fd, lock;
    ck_assert_int_eq(mkdir(in_folder("run"), 0700), 0);
    ck_assert_int_eq(chown(in_folder("run"), NOBODY, NOBODY), 0);
    ck_assert_int_eq(place_listen(socket_path, &fd, &lock), -EPERM);
}
END_TEST

START_TEST(a_daemon_of_somebody_else_is_not_trusted)
{
    if (geteuid() != 0)
        return;
    int ready[2], gate[2], fd = -1, lock = -1;
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
    ck_assert_int_eq(chmod(folder, 0711), 0);
    ck_assert_int_eq(mkdir(in_folder("run"), 0755), 0);
    ck_assert_int_eq(chown(in_folder("run"), NOBODY, NOBODY), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(gate[1]);
        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
            place_listen(socket_path, &fd, &lock) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        ssize_t end = read(gate[0], &byte, 1);
        /* The other way round: root is trusted. */
        int server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        _exit(end == 0 && place_peer_trusted(server, NULL) ? 0 : 2);
    }
    close(gate[0]);
    close(ready[1]);
    char byte;
    int status, client = -1;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(place_connect(socket_path, &client), -EPERM);
    ck_assert_int_eq(client, -1);
    close(gate[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    close(ready[0]);
}
END_TEST

START_TEST(what_is_no_socket_has_no_trusted_peer)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert(!place_peer_trusted(ends[0], NULL));
    close_pair(ends[0], ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place");
    TCase *tests = tcase_create("place");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_root_is_the_nearest_folder_that_was_a_root_before);
    tcase_add_test(tests, else_it_is_the_nearest_project);
    tcase_add_test(tests, the_root_has_no_links_and_may_be_asked_for_relatively);
    tcase_add_test(tests, what_is_no_folder_has_no_root);
    tcase_add_test(tests, the_name_tells_the_root_and_is_never_long);
    tcase_add_test(tests, the_environment_decides_where);
    tcase_add_test(tests, a_name_that_no_socket_can_have_is_refused);
    tcase_add_test(tests, who_listens_is_found);
    tcase_add_test(tests, a_leftover_socket_is_removed);
    tcase_add_test(tests, a_second_daemon_is_refused_and_does_no_harm);
    tcase_add_test(tests, the_lock_is_held_across_a_fork_until_the_last_is_gone);
    tcase_add_test(tests, who_listens_without_the_lock_is_left_alone);
    tcase_add_test(tests, a_socket_from_systemd_is_taken_over_where_clients_look);
    tcase_add_test(tests, what_is_no_socket_is_left_alone);
    tcase_add_test(tests, a_folder_that_others_can_write_is_refused);
    tcase_add_test(tests, a_folder_that_everybody_can_rename_is_refused);
    tcase_add_test(tests, a_link_or_a_file_is_no_folder_for_it);
    tcase_add_test(tests, a_folder_of_somebody_else_is_refused);
    tcase_add_test(tests, a_daemon_of_somebody_else_is_not_trusted);
    tcase_add_test(tests, what_is_no_socket_has_no_trusted_peer);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
