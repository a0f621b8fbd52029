#include "tests/support/watch_scene.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static struct scene scene;

static void set_up(void)
{
    scene_prepare(&scene);
}

static void tear_down(void)
{
    scene_finish(&scene);
}

/* ---- the crawl ---- */

START_TEST(a_crawl_finds_all_that_is_not_ignored)
{
    make_folders("root/pkg/sub");
    make_folders("root/.git/objects");
    make_folders("root/ignored/sub");
    make_folders("root/env/lib");
    write_file("root/env/pyvenv.cfg", "");
    write_file("root/a.py", "");
    write_file("root/a.py~", "");
    write_file("root/noise.log", "");
    write_file("root/pkg/sub/b.py", "");
    write_file("root/.sniffer/index.db", "");
    ck_assert_int_eq(symlink("pkg", "root/link"), 0);
    scene_watch(&scene);
    ck_assert_str_eq(watcher_backend(scene.watcher), scene_backend());
    ck_assert_int_eq(strset_get(&scene.found, "a.py", -1), 0);
    ck_assert_int_eq(strset_get(&scene.found, "pkg", -1), 1);
    ck_assert_int_eq(strset_get(&scene.found, "pkg/sub", -1), 1);
    ck_assert_int_eq(strset_get(&scene.found, "pkg/sub/b.py", -1), 0);
    ck_assert_int_eq(strset_get(&scene.found, "link", -1), 0);
    ck_assert_uint_eq(strset_count(&scene.found), 5);
    ck_assert_uint_eq(scene.told_count, 0);
    ck_counts();
}
END_TEST

START_TEST(a_second_crawl_changes_nothing)
{
    make_folders("root/a/b/c");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    strset_finish(&scene.found);
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    ck_assert_uint_eq(strset_count(&scene.found), 3);
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
    ck_assert_uint_eq(scene.gone + scene.lost + scene.degraded_count, 0);
}
END_TEST

START_TEST(a_root_that_is_not_there_cannot_be_opened)
{
    struct watcher *watcher = NULL;
    struct watcher_place place = scene_place(&scene);
    place.root = "/tmp/nowhere/root";
    place.state = "/tmp/nowhere/root/.sniffer";
    ck_assert_int_eq(watcher_open(&watcher, &place), -ENOENT);
    ck_assert_ptr_null(watcher);
    ck_assert_uint_eq(scene.poller.count, 0);
}
END_TEST

/* ---- files ---- */

START_TEST(files_come_change_and_go)
{
    write_file("root/old.py", "1");
    write_file("root/mode.py", "1");
    scene_watch(&scene);
    write_file("root/new.py", "1");
    scene_sync(&scene);
    ck_entry("new.py");
    scene_forget(&scene);
    write_file("root/old.py", "2");
    chmod("root/mode.py", 0755);
    scene_sync(&scene);
    ck_modified("old.py");
    ck_modified("mode.py");
    ck_no_entry("old.py");
    scene_forget(&scene);
    unlink("root/old.py");
    rename("root/new.py", "root/newer.py");
    scene_sync(&scene);
    ck_entry("old.py");
    ck_entry("new.py");
    ck_entry("newer.py");
    ck_assert_uint_eq(scene.told_count, 3);
}
END_TEST

START_TEST(who_wrote_is_told_where_the_kernel_says_it)
{
    scene_watch(&scene);
    pid_t child = fork();
    if (child == 0) {
        write_file("root/a.py", "");
        _exit(0);
    }
    wait_for_child(child);
    scene_sync(&scene);
    ck_entry("a.py");
    bool knows = strcmp(watcher_backend(scene.watcher), "fanotify") == 0;
    ck_assert_int_eq(scene.writer, knows ? child : 0);
}
END_TEST

START_TEST(an_ignored_name_in_a_watched_folder_is_told)
{
    make_folders("root/ignored");
    scene_watch(&scene);
    write_file("root/noise.log", "");
    write_file("root/ignored/x.py", "");
    scene_sync(&scene);
    ck_entry("noise.log");
    ck_no_entry("ignored/x.py");
}
END_TEST

START_TEST(a_file_written_in_many_pieces_is_told_few_times)
{
    write_file("root/a.py", "");
    scene_watch(&scene);
    for (int i = 0; i < 1000; i++) {
        int fd = open("root/a.py", O_WRONLY | O_APPEND | O_CLOEXEC);
        ck_assert_int_eq(write(fd, "x", 1), 1);
        close(fd);
    }
    scene_sync(&scene);
    ck_assert_uint_ge(scene.told_count, 1);
    ck_assert_uint_le(scene.told_count, 10);
}
END_TEST

START_TEST(an_atomic_save_is_an_entry_of_the_target)
{
    write_file("root/a.py", "1");
    scene_watch(&scene);
    write_file("root/a.py~", "2");
    rename("root/a.py~", "root/a.py");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 1);
    ck_entry("a.py");
}
END_TEST

START_TEST(a_save_by_vim_is_told_for_the_file_alone)
{
    write_file("root/a.py", "1");
    scene_watch(&scene);
    write_file("root/.a.py.swp", "swap");
    write_file("root/4913", "");
    unlink("root/4913");
    rename("root/a.py", "root/a.py~");
    write_file("root/a.py", "2");
    unlink("root/a.py~");
    unlink("root/.a.py.swp");
    scene_sync(&scene);
    ck_entry("a.py");
    for (size_t i = 0; i < scene.told_count; i++)
        ck_assert_str_eq(scene.told[i].path, "a.py");
}
END_TEST

START_TEST(a_save_by_emacs_is_told_for_the_file_alone)
{
    write_file("root/a.py", "1");
    scene_watch(&scene);
    ck_assert_int_eq(symlink("me@here:1", "root/.#a.py"), 0);
    write_file("root/#a.py#", "2");
    rename("root/a.py", "root/a.py~");
    write_file("root/a.py", "2");
    unlink("root/#a.py#");
    unlink("root/.#a.py");
    scene_sync(&scene);
    ck_entry("a.py");
    for (size_t i = 0; i < scene.told_count; i++)
        ck_assert_str_eq(scene.told[i].path, "a.py");
}
END_TEST

/* ---- directories ---- */

START_TEST(a_directory_that_vanishes_is_told_once)
{
    make_folders("root/a/b/c");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    rename("root/a", "aside");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 1);
    ck_assert_uint_eq(scene_times(&scene, "a", WATCHER_ENTRY), 1);
    ck_assert_uint_eq(watcher_count(scene.watcher), count - 3);
    ck_counts();
    scene_forget(&scene);
    write_file("aside/b/c/x.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
    ck_assert_int_eq(mkdir("root/d", 0700), 0);
    scene_sync(&scene);
    scene_forget(&scene);
    ck_assert_int_eq(rmdir("root/d"), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 1);
    ck_counts();
}
END_TEST

START_TEST(a_directory_moved_in_is_watched_with_all_in_it)
{
    make_folders("outside/x/y");
    write_file("outside/x/y/a.py", "");
    write_file("outside/top.log", "");
    make_folders("outside/ignored");
    write_file("outside/ignored/b.py", "");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    rename("outside", "root/in");
    scene_sync(&scene);
    ck_entry("in");
    ck_entry("in/x");
    ck_entry("in/x/y/a.py");
    ck_entry("in/top.log");
    ck_no_entry("in/ignored/b.py");
    ck_assert_uint_eq(watcher_count(scene.watcher), count + 3);
    ck_counts();
    scene_forget(&scene);
    write_file("root/in/x/y/a.py", "2");
    scene_sync(&scene);
    ck_modified("in/x/y/a.py");
}
END_TEST

START_TEST(a_directory_moved_inside_is_told_under_its_new_name)
{
    make_folders("root/a/b");
    make_folders("root/c");
    write_file("root/a/b/x.py", "");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    rename("root/a", "root/c/d");
    scene_sync(&scene);
    ck_entry("a");
    ck_entry("c/d");
    ck_entry("c/d/b/x.py");
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
    scene_forget(&scene);
    write_file("root/c/d/b/x.py", "2");
    scene_sync(&scene);
    ck_modified("c/d/b/x.py");
    ck_assert_uint_eq(scene.told_count, 1);
}
END_TEST

START_TEST(a_directory_in_the_place_of_another_is_watched)
{
    make_folders("root/a/old");
    make_folders("root/b/new");
    scene_watch(&scene);
    rename("root/a", "aside");
    rename("root/b", "root/a");
    scene_sync(&scene);
    ck_entry("a");
    ck_entry("a/new");
    ck_counts();
    scene_forget(&scene);
    write_file("root/a/new/x.py", "");
    write_file("aside/old/x.py", "");
    scene_sync(&scene);
    ck_entry("a/new/x.py");
    ck_no_entry("a/old/x.py");
}
END_TEST

START_TEST(two_directories_that_change_places_are_both_watched)
{
    make_folders("root/a/x");
    make_folders("root/b/y");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    ck_assert_int_eq(renameat2(AT_FDCWD, "root/a", AT_FDCWD, "root/b", RENAME_EXCHANGE),
                     0);
    scene_sync(&scene);
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
    scene_forget(&scene);
    write_file("root/a/y/1.py", "");
    write_file("root/b/x/2.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(strset_count(&scene.entries), 2);
    ck_entry("a/y/1.py");
    ck_entry("b/x/2.py");
}
END_TEST

START_TEST(a_directory_that_becomes_a_link_is_not_entered)
{
    make_folders("root/a");
    make_folders("elsewhere");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    ck_assert_int_eq(rmdir("root/a"), 0);
    ck_assert_int_eq(symlink("../elsewhere", "root/a"), 0);
    scene_sync(&scene);
    ck_entry("a");
    ck_assert_uint_eq(watcher_count(scene.watcher), count - 1);
    ck_counts();
    scene_forget(&scene);
    write_file("elsewhere/x.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
    unlink("root/a");
    ck_assert_int_eq(mkdir("root/a", 0700), 0);
    write_file("root/a/y.py", "");
    scene_sync(&scene);
    ck_entry("a/y.py");
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
}
END_TEST

START_TEST(a_directory_made_a_virtual_environment_is_left)
{
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    make_folders("root/env/lib");
    scene_sync(&scene);
    ck_assert_uint_eq(watcher_count(scene.watcher), count + 2);
    write_file("root/env/pyvenv.cfg", "");
    scene_sync(&scene);
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
    ck_assert_uint_eq(scene.lost, 1);
    scene_forget(&scene);
    write_file("root/env/lib/x.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
}
END_TEST

START_TEST(a_new_mode_of_a_directory_is_told_once)
{
    make_folders("root/a");
    scene_watch(&scene);
    chmod("root/a", 0750);
    chmod("root", 0750);
    scene_sync(&scene);
    ck_assert_uint_eq(scene_times(&scene, "a", WATCHER_MODIFIED), 1);
    ck_assert_uint_eq(scene_times(&scene, "", WATCHER_MODIFIED), 1);
    ck_assert_uint_eq(scene.told_count, 2);
}
END_TEST

START_TEST(a_new_mode_of_a_directory_that_is_not_watched_is_told)
{
    make_folders("root/a/ignored");
    scene_watch(&scene);
    chmod("root/a/ignored", 0750);
    scene_sync(&scene);
    ck_assert_uint_eq(scene_times(&scene, "a/ignored", WATCHER_MODIFIED), 1);
    ck_assert_uint_eq(scene.told_count, 1);
}
END_TEST

START_TEST(what_happens_elsewhere_wakes_nobody)
{
    make_folders("elsewhere");
    make_folders("root/ignored");
    make_folders("root/moved/out");
    scene_watch(&scene);
    rename("root/moved", "moved");
    scene_sync(&scene);
    write_file("elsewhere/a.py", "");
    write_file("root/ignored/a.py", "");
    write_file("moved/out/a.py", "");
    make_folders("elsewhere/a/b");
    remove_all("elsewhere");
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 0), 1); /* "elsewhere" itself */
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 0), 0);
}
END_TEST

/* In a mount namespace of its own; false where that is not allowed. */
static bool mount_alone(void)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

START_TEST(a_file_system_that_comes_and_goes_is_told)
{
    if (!mount_alone())
        return;
    make_folders("root/a/below");
    make_folders("elsewhere");
    scene_watch(&scene);
    bool tells = strcmp(watcher_backend(scene.watcher), "fanotify") == 0;
    ck_assert_int_eq(mount("none", "elsewhere", "tmpfs", 0, NULL), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(scene.lost, 0);
    scene.crawl_when_lost = true;
    ck_assert_int_eq(mount("none", "root/a", "tmpfs", 0, NULL), 0);
    scene_drain(&scene);
    ck_assert_uint_eq(scene.lost, tells ? 1 : 0); /* inotify does not hear of it */
    if (!tells)
        ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    ck_counts();
    write_file("root/a/x.py", "");
    scene_sync(&scene);
    ck_entry("a/x.py");
    ck_assert_int_eq(umount("root/a"), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(scene.lost, tells ? 2 : 1);
    ck_counts();
    write_file("root/a/below/x.py", "");
    scene_sync(&scene);
    ck_entry("a/below/x.py");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("inotify");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, a_crawl_finds_all_that_is_not_ignored);
    tcase_add_test(tests, a_second_crawl_changes_nothing);
    tcase_add_test(tests, a_root_that_is_not_there_cannot_be_opened);
    tcase_add_test(tests, files_come_change_and_go);
    tcase_add_test(tests, who_wrote_is_told_where_the_kernel_says_it);
    tcase_add_test(tests, an_ignored_name_in_a_watched_folder_is_told);
    tcase_add_test(tests, a_file_written_in_many_pieces_is_told_few_times);
    tcase_add_test(tests, an_atomic_save_is_an_entry_of_the_target);
    tcase_add_test(tests, a_save_by_vim_is_told_for_the_file_alone);
    tcase_add_test(tests, a_save_by_emacs_is_told_for_the_file_alone);
    tcase_add_test(tests, a_directory_that_vanishes_is_told_once);
    tcase_add_test(tests, a_directory_moved_in_is_watched_with_all_in_it);
    tcase_add_test(tests, a_directory_moved_inside_is_told_under_its_new_name);
    tcase_add_test(tests, a_directory_in_the_place_of_another_is_watched);
    tcase_add_test(tests, two_directories_that_change_places_are_both_watched);
    tcase_add_test(tests, a_directory_that_becomes_a_link_is_not_entered);
    tcase_add_test(tests, a_directory_made_a_virtual_environment_is_left);
    tcase_add_test(tests, a_new_mode_of_a_directory_is_told_once);
    tcase_add_test(tests, a_new_mode_of_a_directory_that_is_not_watched_is_told);
    tcase_add_test(tests, what_happens_elsewhere_wakes_nobody);
    tcase_add_test(tests, a_file_system_that_comes_and_goes_is_told);
    Suite *suite = suite_create("watch_inotify");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
