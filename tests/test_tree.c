#include "daemon/base/path.h"
#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/tree/identity.h"
#include "daemon/tree/tree.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];
static struct tree *tree;

static void setup(void)
{
    strcpy(root, "/tmp/sniffer-tree-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(chdir(root),
                     0); /* so that the acts below name their paths as the tree does */
    umask(022);
    tree = tree_new(root);
}

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

static void teardown(void)
{
    tree_free(tree);
    ck_assert_int_eq(chdir("/"), 0);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- acts ---- */

/* Into the file that is there, or a new one. */
static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* As an editor saves: the new contents beside it, then over it. */
static void replace(const char *path, const char *text)
{
    put("new~", text);
    ck_assert_int_eq(rename("new~", path), 0);
}

static void set_mtime(const char *path, time_t seconds)
{
    const struct timespec times[] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

/* ---- questions ---- */

static struct digest state(enum evidence_kind kind, const char *path)
{
    return tree_state(tree, kind, path);
}

/* What a tree says that remembers nothing: the truth. */
static struct digest truth(enum evidence_kind kind, const char *path)
{
    struct tree *fresh = tree_new(root);
    struct digest digest = tree_state(fresh, kind, path);
    tree_free(fresh);
    return digest;
}

static bool same(struct digest a, struct digest b)
{
    return digest_equal(&a, &b);
}

#define assert_same(a, b) ck_assert_msg(same(a, b), "%s is not %s", #a, #b)
#define assert_differ(a, b) ck_assert_msg(!same(a, b), "%s is %s", #a, #b)
#define assert_refresh(path, bits) ck_assert_uint_eq(tree_refresh(tree, path), bits)

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

/* ---- presence ---- */

START_TEST(presence_is_kind_mode_size_and_mtime_but_not_contents)
{
    put("a", "text");
    set_mtime("a", 1000);
    struct digest before = state(EVIDENCE_PRESENCE, "a");
    put("a", "TEXT");
    set_mtime("a", 1000);
    assert_same(state(EVIDENCE_PRESENCE, "a"), before);
    set_mtime("a", 1001);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    put("a", "longer");
    set_mtime("a", 1000);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    put("a", "text");
    set_mtime("a", 1000);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    ck_assert_int_eq(unlink("a"), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
}
END_TEST

START_TEST(existence_is_kind_and_mode)
{
    put("a", "text");
    set_mtime("a", 1000);
    struct digest before = state(EVIDENCE_EXISTENCE, "a");
    put("a", "another text");
    set_mtime("a", 1001);
    assert_same(state(EVIDENCE_EXISTENCE, "a"), before);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), before);
    ck_assert_int_eq(unlink("a"), 0);
    struct digest absent = state(EVIDENCE_EXISTENCE, "a");
    assert_differ(absent, before);
    ck_assert(tree_was_absent(EVIDENCE_EXISTENCE, &absent));
    make("a");
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), before);
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), absent);
}
END_TEST

START_TEST(the_presence_of_a_directory_is_kind_and_mode)
{
    make("d");
    struct digest before = state(EVIDENCE_PRESENCE, "d");
    put("d/a", "");
    set_mtime("d", 1000);
    assert_same(state(EVIDENCE_PRESENCE, "d"), before);
    ck_assert_int_eq(chmod("d", 0700), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "d"), before);
}
END_TEST

START_TEST(presence_follows_links)
{
    ck_assert_int_eq(symlink("target", "link"), 0);
    struct digest before = state(EVIDENCE_PRESENCE, "link");
    assert_differ(before, state(EVIDENCE_PRESENCE, "absent"));
    put("target", "x");
    assert_differ(state(EVIDENCE_PRESENCE, "link"), before);
    /* lstat tells it from a file: so must we. */
    assert_differ(state(EVIDENCE_PRESENCE, "link"), state(EVIDENCE_PRESENCE, "target"));
}
END_TEST

/* ---- listing and search ---- */

START_TEST(a_listing_is_names_and_kinds)
{
    make("d");
    put("d/b", "");
    put("d/a", "");
    struct digest before = state(EVIDENCE_LISTING, "d");
    put("d/a", "other contents");
    assert_same(state(EVIDENCE_LISTING, "d"), before);
    put("d/c", "");
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(unlink("d/c"), 0);
    assert_same(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(unlink("d/a"), 0);
    make("d/a");
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(rmdir("d/a"), 0);
    ck_assert_int_eq(symlink("b", "d/a"), 0);
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    make("e");
    put("e/a", "");
    put("e/b", "");
    assert_same(state(EVIDENCE_LISTING, "e"), before);
}
END_TEST

START_TEST(a_listing_of_the_root_counts_no_passing_names)
{
    put("a", "");
    struct digest before = state(EVIDENCE_LISTING, "");
    make("__pycache__");
    make(".sniffer");
    put(".a.swp", "");
    put("a~", "");
    put("4913", "");
    assert_same(state(EVIDENCE_LISTING, ""), before);
    put("sedAbCdEf", "");
    assert_differ(state(EVIDENCE_LISTING, ""), before);
}
END_TEST

START_TEST(no_directory_lists_like_no_other)
{
    make("empty");
    put("file", "");
    struct digest empty = state(EVIDENCE_LISTING, "empty");
    assert_differ(empty, state(EVIDENCE_LISTING, "absent"));
    assert_differ(empty, state(EVIDENCE_LISTING, "file"));
    assert_differ(state(EVIDENCE_LISTING, "file"), state(EVIDENCE_LISTING, "absent"));
    ck_assert_int_eq(symlink("empty", "link"), 0);
    /* Whoever listed "link" when it was a folder did not list what it leads to now. */
    assert_differ(empty, state(EVIDENCE_LISTING, "link"));
}
END_TEST

START_TEST(behind_a_link_lies_another_path)
{
    make("real");
    put("real/a", "x");
    put("real/mod.py", "");
    struct digest content = state(EVIDENCE_CONTENT, "real/a");
    struct digest presence = state(EVIDENCE_PRESENCE, "real/a");
    struct digest listing = state(EVIDENCE_LISTING, "real");
    struct digest search = state(EVIDENCE_SEARCH, "real/mod");
    ck_assert_int_eq(rename("real", "moved"), 0);
    ck_assert_int_eq(symlink("moved", "real"), 0);
    assert_differ(state(EVIDENCE_CONTENT, "real/a"), content);
    assert_differ(state(EVIDENCE_PRESENCE, "real/a"), presence);
    assert_differ(state(EVIDENCE_LISTING, "real"), listing);
    assert_differ(state(EVIDENCE_SEARCH, "real/mod"), search);
    ck_assert_uint_eq(tree_identity(tree, "real/a").mode, 0);
    assert_same(state(EVIDENCE_CONTENT, "moved/a"), content);
}
END_TEST

START_TEST(in_a_survey_the_way_to_a_folder_is_gone_once)
{
    make("real");
    make("other");
    put("real/a", "x");
    put("other/b", "y");
    struct digest content = state(EVIDENCE_CONTENT, "real/a");
    struct digest presence = state(EVIDENCE_PRESENCE, "real/a");
    tree_survey(tree, true);
    assert_same(state(EVIDENCE_PRESENCE, "real/a"), presence);
    ck_assert_int_eq(rename("real", "moved"), 0);
    ck_assert_int_eq(symlink("moved", "real"), 0);
    assert_same(state(EVIDENCE_PRESENCE, "real/a"), presence);
    ck_assert_uint_ne(tree_identity(tree, "other/b").mode, 0);
    assert_differ(state(EVIDENCE_CONTENT, "real/a"), content);
    ck_assert_uint_eq(tree_identity(tree, "real/a").mode, 0);
    ck_assert_uint_ne(tree_identity(tree, "moved/a").mode, 0);
    ck_assert_int_eq(rename("moved", "real-again"), 0);
    tree_survey(tree, false); /* from here on it is asked anew each time */
    ck_assert_uint_eq(tree_identity(tree, "moved/a").mode, 0);
    assert_same(state(EVIDENCE_CONTENT, "real-again/a"), content);
}
END_TEST

START_TEST(names_made_at_once_are_listed)
{
    make("d");
    for (int i = 0; i < 100; i++) {
        struct digest before = state(EVIDENCE_LISTING, "d");
        autofree char *path = xasprintf("d/%d", i);
        put(path, "");
        assert_differ(state(EVIDENCE_LISTING, "d"), before);
    }
}
END_TEST

START_TEST(a_search_sees_what_could_be_that_module)
{
    static const struct {
        const char *path;
        bool offered;
    } cases[] = {
        {"lib/mod.py", true},     {"lib/mod.pyc", true},
        {"lib/mod.so", true},     {"lib/mod.cpython-311-x86_64-linux-gnu.so", true},
        {"lib/mod.txt", false},   {"lib/mod", false},
        {"lib/model.py", false},  {"lib/mo.py", false},
        {"lib/mod.py~", false},   {"lib/mod.py.swp", false},
        {"lib/mod_so.so", false},
    };
    make("lib");
    put("lib/moc.py", "");
    struct digest before = state(EVIDENCE_SEARCH, "lib/mod");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(cases[i].path, "");
        ck_assert_msg(!same(state(EVIDENCE_SEARCH, "lib/mod"), before) ==
                          cases[i].offered,
                      "%s", cases[i].path);
        ck_assert_int_eq(unlink(cases[i].path), 0);
    }
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), before);
}
END_TEST

START_TEST(a_search_sees_a_package_and_what_makes_it_one)
{
    make("lib");
    struct digest nothing = state(EVIDENCE_SEARCH, "lib/mod");
    assert_same(nothing, state(EVIDENCE_SEARCH, "absent/mod"));
    make("lib/mod");
    struct digest space = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(space, nothing);
    put("lib/mod/other.py", "");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), space);
    put("lib/mod/__init__.py", "");
    struct digest package = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(package, space);
    put("lib/mod/__init__.py", "x = 1");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), package);
    ck_assert_int_eq(rename("lib/mod", "lib/elsewhere"), 0);
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    ck_assert_int_eq(symlink("elsewhere", "lib/mod"), 0);
    struct digest linked = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(linked, nothing);
    ck_assert_int_eq(unlink("lib/mod"), 0);
    make("lib/other");
    ck_assert_int_eq(symlink("other", "lib/mod"), 0);
    assert_differ(state(EVIDENCE_SEARCH, "lib/mod"), linked);
}
END_TEST

START_TEST(what_a_folder_offers_is_asked_once_while_it_is_held)
{
    make("lib");
    struct digest nothing = state(EVIDENCE_SEARCH, "lib/mod");
    struct digest empty = state(EVIDENCE_LISTING, "lib");
    tree_hold(tree);
    assert_same(state(EVIDENCE_SEARCH, "lib/other"), nothing);
    put("lib/mod.py", "");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    assert_same(state(EVIDENCE_LISTING, "lib"), empty);
    tree_release(tree);
    assert_differ(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    tree_hold(tree);
    assert_differ(state(EVIDENCE_LISTING, "lib"), empty);
    tree_release(tree);
}
END_TEST

START_TEST(a_search_works_at_the_root)
{
    struct digest before = state(EVIDENCE_SEARCH, "mod");
    put("mod.py", "");
    assert_differ(state(EVIDENCE_SEARCH, "mod"), before);
    autofree char *absolute = path_join(root, "mod");
    assert_same(state(EVIDENCE_SEARCH, absolute), state(EVIDENCE_SEARCH, "mod"));
}
END_TEST

/* ---- refresh ---- */

START_TEST(a_new_file_appears_and_a_deleted_one_vanishes)
{
    assert_differ(state(EVIDENCE_CONTENT, "asked"), truth(EVIDENCE_CONTENT, ""));
    put("asked", "x");
    put("new", "x");
    assert_refresh("asked", TREE_APPEARED | TREE_CHANGED);
    assert_refresh("new", TREE_APPEARED | TREE_CHANGED);
    ck_assert(tree_knows(tree, "new"));
    assert_refresh("asked", TREE_SAME);
    ck_assert_int_eq(unlink("asked"), 0);
    ck_assert_int_eq(unlink("new"), 0);
    assert_refresh("asked", TREE_VANISHED | TREE_CHANGED);
    assert_refresh("new", TREE_VANISHED | TREE_CHANGED);
    ck_assert(!tree_knows(tree, "new"));
    assert_refresh("asked", TREE_SAME);
}
END_TEST

START_TEST(a_modified_file_changes_once)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a", TREE_SAME);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_refresh("a", TREE_CHANGED);
}
END_TEST

START_TEST(a_touch_or_a_save_of_the_same_is_no_change_but_another_presence)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    struct digest before = state(EVIDENCE_PRESENCE, "a");
    set_mtime("a", 1000);
    assert_refresh("a", TREE_SAME);
    struct digest touched = state(EVIDENCE_PRESENCE, "a");
    assert_differ(touched, before);
    replace("a", "one");
    assert_refresh("a", TREE_SAME);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), touched);
    replace("a", "two");
    assert_refresh("a", TREE_CHANGED);
}
END_TEST

START_TEST(a_file_nobody_asked_for_changes_whenever_it_is_named)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    assert_refresh("a", TREE_CHANGED);
    state(EVIDENCE_PRESENCE, "a");
    assert_refresh("a", TREE_CHANGED);
    state(EVIDENCE_CONTENT, "a");
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(a_name_of_which_nothing_was_known_may_have_been_there)
{
    assert_refresh("gone", TREE_CHANGED);
    state(EVIDENCE_PRESENCE, "gone");
    assert_refresh("gone", TREE_SAME);
    put("asked", "x"); /* never learned, but its presence was told */
    state(EVIDENCE_PRESENCE, "asked");
    ck_assert_int_eq(unlink("asked"), 0);
    assert_refresh("asked", TREE_VANISHED | TREE_CHANGED);
}
END_TEST

START_TEST(asking_for_a_state_does_not_swallow_the_change)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    state(EVIDENCE_CONTENT, "a");
    assert_refresh("a", TREE_CHANGED);
    /* Two answers went out: back at the first, the second is wrong. */
    put("a", "three");
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a", TREE_SAME);
    ck_assert_int_eq(unlink("a"), 0);
    state(EVIDENCE_PRESENCE, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED | TREE_APPEARED);
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(a_file_that_became_a_directory_changed_and_back_again)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    ck_assert_int_eq(unlink("a"), 0);
    make("a");
    put("a/b", "");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a/b", TREE_APPEARED | TREE_CHANGED);
    ck_assert_int_eq(unlink("a/b"), 0);
    ck_assert_int_eq(rmdir("a"), 0);
    put("a", "one");
    assert_refresh("a", TREE_CHANGED);
    ck_assert(!tree_knows(tree, "a/b"));
}
END_TEST

static void collect(void *owner, const char *path)
{
    ck_assert(strset_add(owner, path));
}

static size_t count_below(const char *folder)
{
    struct strset set = {0};
    tree_each(tree, folder, collect, &set);
    size_t count = strset_count(&set);
    strset_finish(&set);
    return count;
}

START_TEST(a_directory_vanishes_with_all_below_it)
{
    tree_learn(tree, "d", true);
    tree_learn(tree, "d/e", true);
    tree_learn(tree, "d/e/a", false);
    tree_learn(tree, "d/b", false);
    tree_learn(tree, "da", false);
    state(EVIDENCE_CONTENT, "d/e/a");
    ck_assert_uint_eq(count_below("d"), 2);
    assert_refresh("d", TREE_VANISHED | TREE_CHANGED);
    ck_assert_uint_eq(count_below("d"), 0);
    ck_assert(!tree_knows(tree, "d/e"));
    ck_assert(!tree_knows(tree, "d/e/a"));
    ck_assert(tree_knows(tree, "da"));
    ck_assert_uint_eq(count_below(""), 1);
}
END_TEST

START_TEST(each_visits_the_known_files_below_a_folder)
{
    static const char *const files[] = {"a", "d/a", "d/e/a", "d2/a", "/outside/a"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        tree_learn(tree, files[i], false);
    tree_learn(tree, "d/e", true);
    state(EVIDENCE_CONTENT, "d/asked_but_not_known");
    ck_assert_uint_eq(count_below(""), 4);
    ck_assert_uint_eq(count_below("d"), 2);
    ck_assert_uint_eq(count_below("d/e"), 1);
    ck_assert_uint_eq(count_below("d/a"), 0);
    ck_assert_uint_eq(count_below("nowhere"), 0);
    ck_assert_uint_eq(count_below("/outside"), 1);
    ck_assert_uint_eq(count_below("/"), 1);
}
END_TEST

START_TEST(what_is_unlearned_is_forgotten_but_not_its_digests)
{
    put("a", "one");
    tree_learn(tree, "", true);
    tree_learn(tree, "a", false);
    tree_learn(tree, "b/c", false);
    tree_learn(tree, "/outside/a", false);
    state(EVIDENCE_CONTENT, "a");
    tree_unlearn(tree);
    ck_assert(!tree_knows(tree, "a"));
    ck_assert(!tree_knows(tree, "b/c"));
    ck_assert(!tree_knows(tree, ""));
    ck_assert(!tree_knows(tree, "/outside/a"));
    ck_assert_uint_eq(count_below(""), 0);
    tree_learn(tree, "a", false);
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(absolute_paths_work_the_same)
{
    char outside[] = "/tmp/sniffer-outside-XXXXXX";
    int fd = mkstemp(outside);
    ck_assert_int_ge(fd, 0);
    close(fd);
    state(EVIDENCE_CONTENT, outside);
    assert_refresh(outside, TREE_SAME);
    put(outside, "more");
    assert_refresh(outside, TREE_CHANGED);
    ck_assert_int_eq(unlink(outside), 0);
    assert_refresh(outside, TREE_VANISHED | TREE_CHANGED);
    ck_assert_uint_eq(count_below(""), 0);
}
END_TEST

/* ---- memory ---- */

/* Old enough to be trusted, and nobody writes to it. */
static const char old_file[] = SOURCE_DIR "/LICENSE";

START_TEST(a_memory_is_believed_while_the_identity_is_the_same)
{
    struct tree_memory memory = {.path = old_file,
                                 .identity = tree_identity(tree, old_file)};
    memset(&memory.digest, 7, sizeof memory.digest);
    tree_remember(tree, &memory);
    assert_same(state(EVIDENCE_CONTENT, old_file), memory.digest); /* without reading */
    struct tree_memory recalled;
    ck_assert(!tree_recall(tree, old_file, &recalled)); /* who told us has it */
}
END_TEST

START_TEST(a_memory_of_another_identity_is_not_believed)
{
    struct digest right = truth(EVIDENCE_CONTENT, old_file);
    struct identity now = tree_identity(tree, old_file);
    struct identity others[6];
    for (size_t i = 0; i < 6; i++)
        others[i] = now;
    others[0].device++;
    others[1].inode++;
    others[2].size++;
    others[3].mtime_ns++;
    others[4].ctime_ns++;
    others[5].mode ^= 1;
    for (size_t i = 0; i < 6; i++) {
        struct tree *fresh = tree_new(root);
        struct tree_memory memory = {.path = old_file, .identity = others[i]};
        tree_remember(fresh, &memory);
        struct digest digest = tree_state(fresh, EVIDENCE_CONTENT, old_file);
        struct tree_memory recalled;
        bool news = tree_recall(fresh, old_file, &recalled);
        tree_free(fresh);
        assert_same(digest, right);
        ck_assert(news);
    }
}
END_TEST

START_TEST(a_trusted_digest_is_recalled_once)
{
    struct tree_memory memory;
    ck_assert(!tree_recall(tree, old_file, &memory));
    struct digest digest = state(EVIDENCE_CONTENT, old_file);
    ck_assert(tree_recall(tree, old_file, &memory));
    ck_assert_str_eq(memory.path, old_file);
    assert_same(memory.digest, digest);
    struct identity now = tree_identity(tree, old_file);
    ck_assert(identity_equal(&memory.identity, &now));
    state(EVIDENCE_CONTENT, old_file);
    ck_assert(!tree_recall(tree, old_file, &memory));
}
END_TEST

START_TEST(there_is_no_memory_of_what_is_no_file)
{
    make("d");
    ck_assert_int_eq(symlink("d", "link"), 0);
    const char *paths[] = {"d", "link", "absent"};
    struct tree_memory memory;
    for (size_t i = 0; i < 3; i++) {
        state(EVIDENCE_CONTENT, paths[i]);
        ck_assert(!tree_recall(tree, paths[i], &memory));
    }
    struct identity absent = tree_identity(tree, "absent");
    ck_assert_uint_eq(absent.mode, 0);
    struct identity link = tree_identity(tree, "link");
    ck_assert(S_ISLNK(link.mode));
}
END_TEST

static void add_content_tests(Suite *suite)
{
    TCase *tests = tcase_create("states");
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
    tcase_add_test(tests, presence_is_kind_mode_size_and_mtime_but_not_contents);
    tcase_add_test(tests, existence_is_kind_and_mode);
    tcase_add_test(tests, the_presence_of_a_directory_is_kind_and_mode);
    tcase_add_test(tests, presence_follows_links);
    tcase_add_test(tests, a_listing_is_names_and_kinds);
    tcase_add_test(tests, a_listing_of_the_root_counts_no_passing_names);
    tcase_add_test(tests, no_directory_lists_like_no_other);
    tcase_add_test(tests, behind_a_link_lies_another_path);
    tcase_add_test(tests, in_a_survey_the_way_to_a_folder_is_gone_once);
    tcase_add_test(tests, names_made_at_once_are_listed);
    tcase_add_test(tests, a_search_sees_what_could_be_that_module);
    tcase_add_test(tests, a_search_sees_a_package_and_what_makes_it_one);
    tcase_add_test(tests, what_a_folder_offers_is_asked_once_while_it_is_held);
    tcase_add_test(tests, a_search_works_at_the_root);
    suite_add_tcase(suite, tests);
}

static void add_refresh_tests(Suite *suite)
{
    TCase *tests = tcase_create("refresh");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_new_file_appears_and_a_deleted_one_vanishes);
    tcase_add_test(tests, a_modified_file_changes_once);
    tcase_add_test(tests,
                   a_touch_or_a_save_of_the_same_is_no_change_but_another_presence);
    tcase_add_test(tests, a_file_nobody_asked_for_changes_whenever_it_is_named);
    tcase_add_test(tests, a_name_of_which_nothing_was_known_may_have_been_there);
    tcase_add_test(tests, asking_for_a_state_does_not_swallow_the_change);
    tcase_add_test(tests, a_file_that_became_a_directory_changed_and_back_again);
    tcase_add_test(tests, a_directory_vanishes_with_all_below_it);
    tcase_add_test(tests, each_visits_the_known_files_below_a_folder);
    tcase_add_test(tests, what_is_unlearned_is_forgotten_but_not_its_digests);
    tcase_add_test(tests, absolute_paths_work_the_same);
    suite_add_tcase(suite, tests);
}

static void add_memory_tests(Suite *suite)
{
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_memory_is_believed_while_the_identity_is_the_same);
    tcase_add_test(tests, a_memory_of_another_identity_is_not_believed);
    tcase_add_test(tests, a_trusted_digest_is_recalled_once);
    tcase_add_test(tests, there_is_no_memory_of_what_is_no_file);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("tree");
    add_content_tests(suite);
    add_refresh_tests(suite);
    add_memory_tests(suite);
    return suite_run(suite);
}
