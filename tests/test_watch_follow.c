#include "tests/support/suite.h"
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

/* PATH outside the root, absolute; lives until the next call. */
static const char *outside(const char *path)
{
    static char absolute[PATH_MAX];
    snprintf(absolute, sizeof absolute, "%s/%s", scene.base, path);
    return absolute;
}

#define ck_follow(path) ck_assert_int_ge(watcher_follow(scene.watcher, path), 0)

START_TEST(a_followed_folder_outside_is_told_by_absolute_paths)
{
    make_folders("lib/sub");
    write_file("lib/a.py", "");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    ck_follow(outside("lib"));
    ck_follow(outside("lib"));
    ck_assert_uint_eq(watcher_count(scene.watcher), count + 1);
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    write_file("lib/a.py", "2");
    write_file("lib/b.py", "");
    write_file("lib/sub/c.py", "");
    scene_sync(&scene);
    ck_modified(outside("lib/a.py"));
    ck_entry(outside("lib/b.py"));
    ck_assert(!strset_has(&scene.entries, outside("lib/sub/c.py")));
}
END_TEST

START_TEST(a_followed_folder_in_an_ignored_one_is_told_by_its_relative_path)
{
    make_folders("root/.venv/lib/pkg/sub");
    scene_watch(&scene);
    ck_follow(".venv/lib/pkg");
    write_file("root/.venv/lib/pkg/a.py", "");
    write_file("root/.venv/lib/b.py", "");
    scene_sync(&scene);
    ck_assert_uint_eq(strset_count(&scene.entries), 1);
    ck_entry(".venv/lib/pkg/a.py");
    /* A crawl keeps it. */
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    ck_assert_uint_eq(strset_count(&scene.found), 0);
    scene_forget(&scene);
    write_file("root/.venv/lib/pkg/a.py", "2");
    scene_sync(&scene);
    ck_modified(".venv/lib/pkg/a.py");
}
END_TEST

START_TEST(a_followed_folder_that_is_missing_is_told_when_it_comes)
{
    scene_watch(&scene);
    ck_follow(outside("far/away/lib"));
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    make_folders("far/beside");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.told_count, 0);
    make_folders("far/away/lib");
    write_file("far/away/lib/a.py", "");
    scene_sync(&scene);
    ck_entry(outside("far/away/lib"));
    ck_entry(outside("far/away/lib/a.py"));
    scene_forget(&scene);
    write_file("far/away/lib/a.py", "2");
    scene_sync(&scene);
    ck_modified(outside("far/away/lib/a.py"));
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
}
END_TEST

START_TEST(a_followed_folder_that_comes_during_a_race_is_not_missed)
{
    scene_watch(&scene);
    ck_follow(outside("far/away/lib"));
    for (int round = 0; round < 100; round++) {
        scene_forget(&scene);
        pid_t child = fork();
        if (child == 0) {
            make_folders("far/away/lib");
            write_file("far/away/lib/a.py", "");
            _exit(0);
        }
        while (waitpid(child, NULL, WNOHANG) == 0)
            poll_poller_dispatch(&scene.poller, 1);
        scene_sync(&scene);
        ck_entry(outside("far/away/lib"));
        ck_entry(outside("far/away/lib/a.py"));
        scene_forget(&scene);
        remove_all("far");
        scene_sync(&scene);
        ck_entry(outside("far/away/lib"));
        ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    }
}
END_TEST

START_TEST(a_followed_folder_is_told_when_a_folder_above_it_moves)
{
    make_folders("opt/lib/pkg");
    make_folders("opt2/lib/pkg");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    ck_follow(outside("opt/lib/pkg"));
    rename("opt", "aside");
    scene_sync(&scene);
    ck_assert_uint_eq(scene_times(&scene, outside("opt/lib/pkg"), WATCHER_ENTRY), 1);
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    scene_forget(&scene);
    rename("opt2", "opt");
    write_file("aside/lib/pkg/old.py", "");
    scene_sync(&scene);
    write_file("opt/lib/pkg/new.py", "");
    scene_sync(&scene);
    ck_entry(outside("opt/lib/pkg"));
    ck_entry(outside("opt/lib/pkg/new.py"));
    ck_assert(!strset_has(&scene.entries, outside("opt/lib/pkg/old.py")));
}
END_TEST

START_TEST(a_followed_folder_survives_the_tree_around_it)
{
    make_folders("root/a/ignored");
    scene_watch(&scene);
    ck_follow("a/ignored");
    remove_all("root/a");
    scene_sync(&scene);
    ck_entry("a");
    make_folders("root/a/ignored");
    write_file("root/a/ignored/x.py", "");
    scene_sync(&scene);
    scene_forget(&scene);
    write_file("root/a/ignored/x.py", "2");
    write_file("root/a/y.py", "");
    scene_sync(&scene);
    ck_modified("a/ignored/x.py");
    ck_entry("a/y.py");
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
}
END_TEST

START_TEST(one_folder_with_two_names_is_told_by_both)
{
    make_folders("root/pkg");
    make_folders("lib");
    ck_assert_int_eq(symlink("root/pkg", "link"), 0);
    ck_assert_int_eq(symlink("lib", "lib64"), 0);
    scene_watch(&scene);
    ck_follow(outside("link"));
    ck_follow(outside("lib"));
    ck_follow(outside("lib64"));
    scene_sync(&scene);
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    scene_forget(&scene);
    write_file("root/pkg/a.py", "");
    write_file("lib/b.py", "");
    scene_sync(&scene);
    ck_entry("pkg/a.py");
    ck_entry(outside("link/a.py"));
    ck_entry(outside("lib/b.py"));
    ck_entry(outside("lib64/b.py"));
    /* The link leads elsewhere: the folder keeps its own watch. */
    make_folders("other");
    unlink("lib64");
    ck_assert_int_eq(symlink("other", "lib64"), 0);
    scene_sync(&scene);
    ck_entry(outside("lib64"));
    scene_forget(&scene);
    write_file("lib/c.py", "");
    write_file("other/d.py", "");
    scene_sync(&scene);
    ck_entry(outside("lib/c.py"));
    ck_entry(outside("lib64/d.py"));
    ck_assert_uint_eq(strset_count(&scene.entries), 2);
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
}
END_TEST

START_TEST(a_step_through_a_watched_folder_leaves_it_watched)
{
    make_folders("root/pkg/sub");
    ck_assert_int_eq(symlink("root/pkg", "step"), 0);
    write_file("root/pkg/old.py", "");
    scene_watch(&scene);
    ck_follow(outside("step/sub"));
    write_file("root/pkg/old.py", "2");
    scene_sync(&scene);
    ck_modified("pkg/old.py");
    ck_assert(!strset_has(&scene.modified, outside("step/old.py")));
}
END_TEST

START_TEST(a_root_found_again_after_a_folder_above_it_moved)
{
    make_folders("up/mid/proj/.sniffer");
    make_folders("up/mid/proj/a");
    free(scene.root);
    free(scene.state);
    scene.root = xasprintf("%s/up/mid/proj", scene.base);
    scene.state = xasprintf("%s/.sniffer", scene.root);
    scene_watch(&scene);
    rename("up", "aside");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.gone, 1);
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
    rename("aside", "up");
    scene_sync(&scene);
    ck_assert_uint_eq(scene.back, 1);
    write_file("up/mid/proj/a/x.py", "");
    scene_sync(&scene);
    ck_entry("a/x.py");
}
END_TEST

START_TEST(a_path_that_is_not_plain_is_refused)
{
    scene_watch(&scene);
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[0] = '/';
    name[sizeof name - 1] = '\0';
    size_t count = watcher_count(scene.watcher);
    ck_assert_int_eq(watcher_follow(scene.watcher, "../lib"), -EINVAL);
    ck_assert_int_eq(watcher_follow(scene.watcher, "/tmp/./lib"), -EINVAL);
    ck_assert_int_eq(watcher_follow(scene.watcher, name), -ENAMETOOLONG);
    ck_assert_uint_eq(watcher_count(scene.watcher), count);
}
END_TEST

START_TEST(what_comes_during_a_rest_is_told_after_it)
{
    make_folders("root/a");
    scene_watch(&scene);
    ck_assert(!watcher_rest(scene.watcher, true)); /* nothing was heard */
    write_file("root/a/x.py", "");
    scene_sync(&scene);
    write_file("root/a/y.py", "");
    ck_assert(!watcher_rest(scene.watcher, true)); /* more waits */
    scene_sync(&scene);
    scene_forget(&scene);
    ck_assert(watcher_rest(scene.watcher, true));
    write_file("root/a/x.py", "1");
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 0), 0);
    watcher_rest(scene.watcher, false);
    ck_assert_int_gt(poll_poller_dispatch(&scene.poller, 0), 0);
    ck_assert(strset_has(&scene.modified, "a/x.py"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("follow");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, a_followed_folder_outside_is_told_by_absolute_paths);
    tcase_add_test(tests,
                   a_followed_folder_in_an_ignored_one_is_told_by_its_relative_path);
    tcase_add_test(tests, a_followed_folder_that_is_missing_is_told_when_it_comes);
    tcase_add_test(tests, a_followed_folder_that_comes_during_a_race_is_not_missed);
    tcase_add_test(tests, a_followed_folder_is_told_when_a_folder_above_it_moves);
    tcase_add_test(tests, a_followed_folder_survives_the_tree_around_it);
    tcase_add_test(tests, one_folder_with_two_names_is_told_by_both);
    tcase_add_test(tests, a_step_through_a_watched_folder_leaves_it_watched);
    tcase_add_test(tests, a_root_found_again_after_a_folder_above_it_moved);
    tcase_add_test(tests, what_comes_during_a_rest_is_told_after_it);
    tcase_add_test(tests, a_path_that_is_not_plain_is_refused);
    Suite *suite = suite_create("watch_follow");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
