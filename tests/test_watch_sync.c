#include "tests/support/watch_scene.h"

#include <errno.h>

static struct scene scene;

static void set_up(void)
{
    scene_prepare(&scene);
}

static void tear_down(void)
{
    scene_finish(&scene);
}

/* ---- the root ---- */

START_TEST(a_root_that_goes_and_comes_back_is_watched_again)
{
    make_folders("root/a/b");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    remove_all("root");
    scene_drain(&scene);
    ck_assert_uint_eq(scene.gone, 1);
    ck_assert_uint_eq(scene.back, 0);
    ck_counts();
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), -ENOENT);
    scene_sync(&scene); /* without a state folder */
    make_folders("root/a/c");
    make_folders("root/.sniffer");
    write_file("root/a/c/x.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.gone, 1);
    ck_assert_uint_eq(scene.back, 1);
    ck_assert_uint_eq(scene.lost, 1);
    ck_entry("a/c/x.py");
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_counts();
    scene_forget(&scene);
    write_file("root/a/c/x.py", "2");
    scene_sync(&scene);
    ck_modified("a/c/x.py");
}
END_TEST

START_TEST(a_root_replaced_at_once_goes_and_comes_back)
{
    make_folders("other/new");
    scene_watch(&scene);
    rename("root", "aside");
    rename("other", "root");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.gone, 1);
    ck_assert_uint_eq(scene.back, 1);
    ck_assert_uint_eq(scene.lost, 1);
    ck_counts();
    scene_forget(&scene);
    write_file("root/new/x.py", "");
    write_file("aside/y.py", "");
    scene_sync(&scene);
    ck_entry("new/x.py");
    ck_no_entry("y.py");
}
END_TEST

/* ---- the state folder and cookies ---- */

START_TEST(all_that_was_done_before_a_sync_is_told_before_its_answer)
{
    scene_watch(&scene);
    for (uint64_t round = 1; round <= 100; round++) {
        scene_forget(&scene);
        make_folders("root/a/b");
        write_file("root/a/b/x.py", "");
        watcher_sync(scene.watcher, round);
        write_file("root/late.py", "");
        scene_await(&scene, round);
        bool told = false;
        for (size_t i = 0; i < scene.told_at_sync; i++)
            told |= strcmp(scene.told[i].path, "a/b/x.py") == 0;
        ck_assert(told);
        remove_all("root/a");
        scene_sync(&scene);
    }
    ck_counts();
}
END_TEST

START_TEST(each_sync_is_answered_once_and_in_order)
{
    scene_watch(&scene);
    for (uint64_t cookie = 1; cookie <= 50; cookie++)
        watcher_sync(scene.watcher, cookie);
    scene_await(&scene, 50);
    scene_drain(&scene);
    ck_assert_uint_eq(scene.synced_count, 50);
}
END_TEST

START_TEST(the_state_folder_is_never_told)
{
    scene_watch(&scene);
    write_file("root/.sniffer/index.db", "");
    make_folders("root/.sniffer/sub");
    chmod("root/.sniffer", 0750);
    scene_sync(&scene);
    remove_all("root/.sniffer");
    scene_drain(&scene);
    make_folders("root/.sniffer");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
    ck_counts();
    DIR *dir = opendir("root/.sniffer");
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;)
        ck_assert_msg(entry->d_name[0] == '.', "left behind: %s", entry->d_name);
    closedir(dir);
}
END_TEST

START_TEST(a_sync_is_answered_though_its_folder_is_gone)
{
    scene_watch(&scene);
    watcher_sync(scene.watcher, 1);
    remove_all("root/.sniffer");
    scene_await(&scene, 1);
    write_file("root/a.py", "");
    watcher_sync(scene.watcher, 2);
    scene_await(&scene, 2);
    ck_entry("a.py");
    /* A new folder, whose coming was not read yet. */
    make_folders("root/.sniffer");
    watcher_sync(scene.watcher, 3);
    rename("root/.sniffer", "root/.aside");
    make_folders("root/.sniffer");
    scene_await(&scene, 3);
    ck_assert_uint_eq(scene.synced_count, 3);
}
END_TEST

START_TEST(a_sync_is_answered_though_the_watch_for_its_file_is_given_up)
{
    scene_watch(&scene);
    rename("root/.sniffer", "aside");
    rename("aside", "root/.sniffer");
    for (int i = 0; i < 3000; i++) { /* more than one read */
        char path[64];
        snprintf(path, sizeof path, "root/f%d.py", i);
        write_file(path, "");
    }
    watcher_sync(scene.watcher, 1);
    remove_all("root/.sniffer");
    scene_await(&scene, 1);
    ck_entry("f2999.py");
    scene_drain(&scene);
    ck_assert_uint_eq(scene.synced_count, 1);
}
END_TEST

START_TEST(a_state_folder_of_any_name_is_left_out)
{
    make_folders("root/var/state/sub");
    free(scene.state);
    scene.state = xasprintf("%s/var/state", scene.root);
    scene_watch(&scene);
    ck_assert_uint_eq(strset_count(&scene.found), 1); /* var */
    write_file("root/var/state/x", "");
    write_file("root/var/state/sub/x", "");
    write_file("root/var/y", "");
    scene_sync(&scene);
    ck_entry("var/y");
    ck_assert_uint_eq(strset_count(&scene.entries), 1);
    rename("root/var", "aside");
    scene_sync(&scene);
    rename("aside", "root/var");
    scene_forget(&scene);
    scene_sync(&scene);
    ck_entry("var/y");
    ck_no_entry("var/state");
    ck_no_entry("var/state/x");
    ck_counts();
}
END_TEST

START_TEST(a_sync_asked_for_during_a_crawl_is_answered)
{
    make_folders("root/a/b");
    scene.sync_when_found = true;
    scene_watch(&scene);
    scene_await(&scene, 77);
    ck_counts();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sync");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, a_root_that_goes_and_comes_back_is_watched_again);
    tcase_add_test(tests, a_root_replaced_at_once_goes_and_comes_back);
    tcase_add_test(tests, all_that_was_done_before_a_sync_is_told_before_its_answer);
    tcase_add_test(tests, each_sync_is_answered_once_and_in_order);
    tcase_add_test(tests, the_state_folder_is_never_told);
    tcase_add_test(tests, a_sync_is_answered_though_its_folder_is_gone);
    tcase_add_test(tests, a_sync_is_answered_though_the_watch_for_its_file_is_given_up);
    tcase_add_test(tests, a_state_folder_of_any_name_is_left_out);
    tcase_add_test(tests, a_sync_asked_for_during_a_crawl_is_answered);
    Suite *suite = suite_create("watch_sync");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
