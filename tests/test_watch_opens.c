#include "tests/support/suite.h"
#include "tests/support/watch_scene.h"

#include <errno.h>
#include <sched.h>
#include <sys/inotify.h>

static struct scene scene;

static void set_up(void)
{
    scene_prepare(&scene);
}

static void tear_down(void)
{
    scene_finish(&scene);
}

#define ck_listen(on) ck_assert_int_eq(watcher_listen(scene.watcher, on), 0)
#define ck_opened(path)                                                                  \
    ck_assert_msg(strset_has(&scene.opened, path), "not told: %s", path)
#define ck_not_opened(path)                                                              \
    ck_assert_msg(!strset_has(&scene.opened, path), "told: %s", path)

static void open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s", path);
    close(fd);
}

/* Runs a program over one file. */
static void run(const char *program, const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execl(program, program, path, (char *)NULL);
        _exit(127);
    }
    wait_for_child(child);
}

static void add_mask(void *owner, const char *line)
{
    char **text = owner;
    unsigned mask = 0;
    if (sscanf(line, "inotify wd:%*d ino:%*x sdev:%*x mask:%x", &mask) == 1 &&
        (mask & IN_OPEN))
        return;
    char *longer = xasprintf("%s%s", *text, line);
    free(*text);
    *text = longer;
}

/* The numbers and masks of all watches but those for opens. */
static char *masks(void)
{
    char *text = xstrdup("");
    each_kernel_watch(add_mask, &text);
    return text;
}

/* ---- what is told ---- */

START_TEST(an_open_is_told_while_listening_alone)
{
    write_file("root/a.py", "");
    write_file("root/b.py", "");
    write_file("root/c.py", "");
    scene_watch(&scene);
    open_file("root/a.py");
    scene_sync(&scene);
    ck_listen(true);
    open_file("root/b.py");
    scene_sync(&scene);
    open_file("root/a.py");
    ck_listen(true); /* takes it in, and it is dropped with the rest */
    ck_listen(false);
    open_file("root/c.py");
    scene_sync(&scene);
    ck_opened("b.py");
    ck_assert_uint_eq(strset_count(&scene.opened), 1);
    ck_assert_uint_eq(scene.told_count + scene.lost + scene.opens_lost, 0);
}
END_TEST

START_TEST(whoever_opens_and_however_it_is_told)
{
    static const char *const names[] = {"read", "write", "cat", "run", "asked", "path"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        autofree char *path = xasprintf("root/%s", names[i]);
        write_file(path, strcmp(names[i], "run") == 0 ? "#!/bin/true\n" : "");
        chmod(path, 0700);
    }
    scene_watch(&scene);
    ck_listen(true);
    open_file("root/read");
    write_file("root/write", "");
    write_file("root/new", "");
    run("/bin/cat", "root/cat");
    run("root/run", "");
    ck_assert_int_eq(access("root/asked", R_OK), 0);
    close(open("root/path", O_PATH | O_CLOEXEC));
    scene_sync(&scene);
    ck_opened("read");
    ck_opened("write");
    ck_opened("new");
    ck_opened("cat");
    ck_opened("run");
    ck_not_opened("asked");
}
END_TEST

START_TEST(the_paths_are_those_of_changes)
{
    make_folders("root/pkg/sub");
    make_folders("root/ignored/deep");
    make_folders("lib/sub");
    static const char *const paths[] = {
        "root/pkg/sub/a.py", "root/noise.log",         "root/a.py~",
        "root/ignored/x.py", "root/ignored/deep/x.py", "root/.sniffer/index.db",
        "lib/a.py",          "lib/sub/a.py",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        write_file(paths[i], "");
    autofree char *lib = xasprintf("%s/lib", scene.base);
    autofree char *in_lib = xasprintf("%s/lib/a.py", scene.base);
    scene_watch(&scene);
    ck_assert_int_eq(watcher_follow(scene.watcher, lib), 1);
    ck_listen(true);
    ck_assert_int_eq(watcher_follow(scene.watcher, "ignored/deep"), 1);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        open_file(paths[i]);
    scene_sync(&scene);
    ck_opened("pkg/sub/a.py");
    ck_opened("noise.log"); /* ignored, but in a watched folder */
    ck_opened("ignored/deep/x.py");
    ck_opened(in_lib);
    ck_assert_uint_eq(strset_count(&scene.opened), 4);
}
END_TEST

START_TEST(directories_are_not_told)
{
    make_folders("root/pkg/sub");
    scene_watch(&scene);
    ck_listen(true);
    static const char *const paths[] = {"root", "root/pkg", "root/pkg/sub"};
    for (size_t i = 0; i < 3; i++) {
        DIR *folder = opendir(paths[i]);
        ck_assert_ptr_nonnull(folder);
        closedir(folder);
    }
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(strset_count(&scene.opened), 0);
}
END_TEST

START_TEST(one_folder_with_two_names_is_told_by_both)
{
    make_folders("root/pkg");
    write_file("root/pkg/a.py", "");
    ck_assert_int_eq(symlink("root/pkg", "link"), 0);
    autofree char *link = xasprintf("%s/link", scene.base);
    autofree char *in_link = xasprintf("%s/link/a.py", scene.base);
    scene_watch(&scene);
    ck_assert_int_eq(watcher_follow(scene.watcher, link), 1);
    ck_listen(true);
    open_file("root/pkg/a.py");
    scene_sync(&scene);
    ck_opened("pkg/a.py");
    ck_opened(in_link);
    ck_assert_uint_eq(strset_count(&scene.opened), 2);
}
END_TEST

/* ---- in order ---- */

START_TEST(all_that_was_opened_before_a_sync_is_told_before_its_answer)
{
    write_file("root/a.py", "");
    write_file("root/late.py", "");
    scene_watch(&scene);
    ck_listen(true);
    for (uint64_t round = 1; round <= 100; round++) {
        if (round == 50)
            remove_all("root/.sniffer"); /* from now on without a cookie file */
        scene_sync(&scene);
        scene_forget(&scene);
        open_file("root/a.py");
        watcher_sync(scene.watcher, round);
        open_file("root/late.py");
        scene_await(&scene, round);
        ck_opened("a.py");
        ck_assert_uint_ge(scene.opened_at_sync, 1);
    }
}
END_TEST

START_TEST(an_open_wakes_nobody)
{
    write_file("root/a.py", "");
    scene_watch(&scene);
    ck_listen(true);
    scene_drain(&scene);
    open_file("root/a.py");
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 0), 0);
    write_file("root/new.py", "");
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 20000), 1);
    ck_opened("a.py");
}
END_TEST

START_TEST(listening_may_end_while_an_open_is_told)
{
    write_file("root/a.py", "");
    write_file("root/b.py", "");
    scene_watch(&scene);
    scene.deaf_when_opened = true;
    ck_listen(true);
    open_file("root/a.py");
    scene_sync(&scene);
    open_file("root/b.py");
    scene_sync(&scene);
    ck_opened("a.py");
    ck_not_opened("b.py");
}
END_TEST

/* ---- the watches for changes ---- */

START_TEST(listening_leaves_the_watches_for_changes_as_they_are)
{
    make_folders("root/a/b/c");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    autofree char *before = masks();
    for (int i = 0; i < 50; i++) {
        ck_listen(true);
        ck_listen(true);
        autofree char *during = masks();
        ck_assert_str_eq(during, before);
        ck_assert_uint_eq(kernel_watches(), count + 4);
        ck_listen(false);
        ck_listen(false);
    }
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_assert_uint_eq(kernel_watches(), count);
}
END_TEST

/* As many files as the queue holds for certain, while the watches for opens come and go. */
static void make_files_meanwhile(void)
{
    pid_t writer = fork();
    if (writer == 0) {
        for (int i = 0; i < 3000; i++) {
            char path[64];
            snprintf(path, sizeof path, "root/f%d", i);
            write_file(path, "");
        }
        _exit(0);
    }
    for (bool on = true; waitpid(writer, NULL, WNOHANG) == 0; on = !on)
        ck_listen(on);
}

START_TEST(no_change_is_missed_while_listening_begins_and_ends)
{
    scene_watch(&scene);
    for (int round = 0; round < 10; round++) {
        make_files_meanwhile();
        scene_sync(&scene);
        struct strset there;
        ck_assert_uint_eq(truth(&there), 3000);
        strset_each(&there, check_told, &scene.entries);
        for (int i = 0; i < 3000; i++) {
            char path[64];
            snprintf(path, sizeof path, "root/f%d", i);
            unlink(path);
        }
        strset_finish(&there);
        scene_sync(&scene);
        scene_forget(&scene);
    }
    ck_assert_uint_eq(scene.lost, 0);
}
END_TEST

/* ---- directories that come, move and go ---- */

START_TEST(what_is_opened_in_a_new_folder_is_told)
{
    scene_watch(&scene);
    ck_listen(true);
    for (int round = 0; round < 100; round++) {
        pid_t child = fork();
        if (child == 0) {
            make_folders("root/a/b");
            write_file("root/a/b/x.py", "");
            open_file("root/a/b/x.py");
            _exit(0);
        }
        while (waitpid(child, NULL, WNOHANG) == 0)
            poll_poller_dispatch(&scene.poller, 1);
        scene_sync(&scene);
        ck_opened("a/b/x.py");
        scene_forget(&scene);
        open_file("root/a/b/x.py");
        scene_sync(&scene);
        ck_opened("a/b/x.py");
        remove_all("root/a");
        scene_sync(&scene);
        scene_forget(&scene);
    }
}
END_TEST

START_TEST(what_comes_with_a_folder_counts_as_opened)
{
    make_folders("outside/deep");
    write_file("outside/deep/x.py", "");
    write_file("outside/deep/x.py~", "");
    scene_watch(&scene);
    ck_listen(true);
    rename("outside", "root/in");
    open_file("root/in/deep/x.py"); /* before it is watched: nobody sees this */
    scene_sync(&scene);
    ck_opened("in/deep/x.py");
    ck_assert_uint_eq(strset_count(&scene.opened), 1);
    scene_forget(&scene);
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(strset_count(&scene.opened), 0);
    open_file("root/in/deep/x.py");
    scene_sync(&scene);
    ck_opened("in/deep/x.py");
}
END_TEST

START_TEST(what_was_opened_in_a_folder_that_went_is_told)
{
    make_folders("root/a");
    make_folders("root/b");
    write_file("root/a/x.py", "");
    write_file("root/b/y.py", "");
    scene_watch(&scene);
    ck_listen(true);
    open_file("root/a/x.py");
    open_file("root/b/y.py");
    rename("root/a", "aside");
    remove_all("root/b");
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    scene_sync(&scene);
    ck_opened("a/x.py");
    ck_opened("b/y.py");
}
END_TEST

START_TEST(what_is_opened_after_folders_changed_places_is_told)
{
    make_folders("root/a");
    make_folders("root/b");
    write_file("root/a/x.py", "");
    write_file("root/b/y.py", "");
    scene_watch(&scene);
    /* Unread when listening begins, and unread when they change again. */
    ck_assert_int_eq(renameat2(AT_FDCWD, "root/a", AT_FDCWD, "root/b", RENAME_EXCHANGE),
                     0);
    ck_listen(true);
    open_file("root/a/y.py");
    scene_sync(&scene);
    ck_opened("a/y.py");
    scene_forget(&scene);
    ck_assert_int_eq(renameat2(AT_FDCWD, "root/a", AT_FDCWD, "root/b", RENAME_EXCHANGE),
                     0);
    open_file("root/a/x.py");
    scene_sync(&scene);
    ck_opened("a/x.py");
    scene_forget(&scene);
    open_file("root/b/y.py");
    scene_sync(&scene);
    ck_opened("b/y.py");
}
END_TEST

START_TEST(a_folder_that_is_gone_when_listening_begins_is_no_trouble)
{
    make_folders("root/a/b");
    make_folders("root/c");
    write_file("root/c/x.py", "");
    scene_watch(&scene);
    remove_all("root/a");
    ck_listen(true);
    open_file("root/c/x.py");
    make_folders("root/a/b");
    write_file("root/a/b/y.py", "");
    scene_sync(&scene);
    ck_opened("c/x.py");
    ck_opened("a/b/y.py");
    ck_assert_uint_eq(scene.opens_lost, 0);
}
END_TEST

START_TEST(a_root_that_comes_back_is_listened_to)
{
    make_folders("root/a");
    scene_watch(&scene);
    ck_listen(true);
    remove_all("root");
    scene_drain(&scene);
    make_folders("root/a");
    make_folders("root/.sniffer");
    write_file("root/a/x.py", "");
    scene_sync(&scene);
    scene_forget(&scene);
    open_file("root/a/x.py");
    scene_sync(&scene);
    ck_opened("a/x.py");
}
END_TEST

/* ---- limits ---- */

static long queue_limit(void)
{
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    ck_assert_ptr_nonnull(file);
    char text[32] = "";
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    return strtol(text, NULL, 10);
}

/* More than the queue holds; by turns, or they would be one event. */
static void open_many(bool ask_again)
{
    write_file("root/a.py", "");
    write_file("root/b.py", "");
    write_file("root/changed.py", "");
    scene_watch(&scene);
    ck_listen(true);
    long limit = queue_limit();
    for (long i = 0; i < limit; i++) {
        open_file("root/a.py");
        open_file("root/b.py");
        if (ask_again && i % 1000 == 0)
            ck_listen(true);
    }
    write_file("root/changed.py", "2");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.lost, 0);
    ck_assert(strset_has(&scene.modified, "changed.py"));
}

START_TEST(a_flood_of_opens_loses_opens_but_no_change)
{
    open_many(false);
    ck_assert_uint_eq(scene.opens_lost, 1);
    ck_not_opened("changed.py");
    scene_forget(&scene);
    open_file("root/changed.py");
    scene_sync(&scene);
    ck_opened("changed.py");
    ck_assert_uint_eq(scene.opens_lost, 1);
}
END_TEST

START_TEST(a_flood_that_is_taken_in_now_and_then_loses_nothing)
{
    open_many(true);
    ck_assert_uint_eq(scene.opens_lost, 0);
    ck_opened("a.py");
    ck_opened("changed.py");
}
END_TEST

/* In a user namespace of this test's own; false where that is not allowed. */
static bool limit_user(const char *what, size_t limit)
{
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    autofree char *path = xasprintf("/proc/sys/user/%s", what);
    autofree char *text = xasprintf("%zu", limit);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = write(fd, text, strlen(text)) > 0;
    close(fd);
    return written;
}

/* Of the way to the root, the root and the state folder. */
static size_t watches_of_an_empty_root(void)
{
    size_t count = 1 + 2;
    for (const char *at = scene.base; *at != '\0'; at++)
        count += *at == '/';
    return count;
}

START_TEST(without_watches_for_all_nothing_is_listened_to)
{
    make_folders("root/a/b/c");
    size_t count = watches_of_an_empty_root() + 3;
    if (!limit_user("max_inotify_watches", count + 2))
        return;
    scene_watch(&scene);
    ck_assert_int_eq(watcher_listen(scene.watcher, true), -ENOSPC);
    ck_assert_uint_eq(kernel_watches(), count);
    write_file("root/a/b/c/x.py", "");
    make_folders("root/d");
    scene_sync(&scene);
    ck_assert(strset_has(&scene.entries, "a/b/c/x.py"));
    ck_assert_uint_eq(strset_count(&scene.opened), 0);
    ck_assert_uint_eq(scene.degraded_count, 0);
}
END_TEST

START_TEST(a_watch_for_changes_comes_before_those_for_opens)
{
    size_t count = watches_of_an_empty_root();
    write_file("root/x.py", "");
    if (!limit_user("max_inotify_watches", count + 1))
        return;
    scene_watch(&scene);
    ck_listen(true);
    open_file("root/x.py");
    make_folders("root/a");
    scene_sync(&scene);
    scene_drain(&scene);
    ck_opened("x.py");
    ck_assert_uint_eq(scene.opens_lost, 1);
    ck_assert_uint_eq(scene.degraded_count, 0);
    ck_assert_uint_eq(watcher_count(scene.watcher), count + 1);
    ck_assert_uint_eq(kernel_watches(), count + 1);
    ck_assert_int_eq(watcher_listen(scene.watcher, true), -ENOSPC);
}
END_TEST

START_TEST(without_an_instance_nothing_is_listened_to)
{
    if (!limit_user("max_inotify_instances", 1))
        return;
    scene_watch(&scene);
    ck_assert_int_eq(watcher_listen(scene.watcher, true), -EMFILE);
    ck_listen(false);
    write_file("root/x.py", "");
    scene_sync(&scene);
    ck_assert(strset_has(&scene.entries, "x.py"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("opens");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, an_open_is_told_while_listening_alone);
    tcase_add_test(tests, whoever_opens_and_however_it_is_told);
    tcase_add_test(tests, the_paths_are_those_of_changes);
    tcase_add_test(tests, directories_are_not_told);
    tcase_add_test(tests, one_folder_with_two_names_is_told_by_both);
    tcase_add_test(tests, all_that_was_opened_before_a_sync_is_told_before_its_answer);
    tcase_add_test(tests, an_open_wakes_nobody);
    tcase_add_test(tests, listening_may_end_while_an_open_is_told);
    tcase_add_test(tests, listening_leaves_the_watches_for_changes_as_they_are);
    tcase_add_test(tests, no_change_is_missed_while_listening_begins_and_ends);
    tcase_add_test(tests, what_is_opened_in_a_new_folder_is_told);
    tcase_add_test(tests, what_comes_with_a_folder_counts_as_opened);
    tcase_add_test(tests, what_was_opened_in_a_folder_that_went_is_told);
    tcase_add_test(tests, what_is_opened_after_folders_changed_places_is_told);
    tcase_add_test(tests, a_folder_that_is_gone_when_listening_begins_is_no_trouble);
    tcase_add_test(tests, a_root_that_comes_back_is_listened_to);
    tcase_add_test(tests, a_flood_of_opens_loses_opens_but_no_change);
    tcase_add_test(tests, a_flood_that_is_taken_in_now_and_then_loses_nothing);
    tcase_add_test(tests, without_watches_for_all_nothing_is_listened_to);
    tcase_add_test(tests, a_watch_for_changes_comes_before_those_for_opens);
    tcase_add_test(tests, without_an_instance_nothing_is_listened_to);
    Suite *suite = suite_create("watch_opens");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
