/* The watcher and files with rules: what they name is not watched, and what they say counts as soon as
 * it is written. */

#include "tests/support/suite.h"
#include "tests/support/watch_scene.h"

static struct scene scene;

static void open_scene(void)
{
    scene_prepare(&scene);
    setenv("HOME", scene.base, 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("GIT_CONFIG_GLOBAL");
    make_folders("root/a/b");
    write_file("root/a/b/x.dat", "");
}

static void close_scene(void)
{
    scene_finish(&scene);
}

static void make_repository(const char *folder)
{
    autofree char *info = xasprintf("%s/.git/info", folder);
    autofree char *head = xasprintf("%s/.git/HEAD", folder);
    make_folders(info);
    write_file(head, "ref: refs/heads/main\n");
}

/* What came of the last act, once it is told, and after the crawl that it may ask for. */
static void expect(size_t ruled, const char *path, bool found)
{
    size_t before = scene.ruled;
    scene_sync(&scene);
    ck_assert_uint_eq(scene.ruled - before, ruled);
    strset_finish(&scene.found);
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    ck_assert_msg(strset_has(&scene.found, path) == found, "%s", path);
    ck_assert_uint_eq(scene.ruled - before, ruled);
    scene_forget(&scene);
}

START_TEST(an_ignored_folder_is_neither_watched_nor_found)
{
    write_file("root/.gitignore", "/b\n");
    write_file("root/a/.gitignore", "b/\n");
    scene_watch(&scene);
    size_t watches = kernel_watches();
    ck_assert(strset_has(&scene.found, "a"));
    ck_assert(!strset_has(&scene.found, "a/b"));
    write_file("root/a/b/y.dat", "");
    scene_sync(&scene);
    ck_assert(!strset_has(&scene.entries, "a/b/y.dat"));
    ck_assert_int_eq(unlink("root/a/.gitignore"), 0);
    expect(1, "a/b/y.dat", true);
    ck_assert_uint_eq(kernel_watches(), watches + 1);
}
END_TEST

START_TEST(rules_count_as_soon_as_they_are_written)
{
    scene_watch(&scene);
    size_t watches = kernel_watches();
    write_file("root/a/.gitignore", "*.dat\n");
    expect(1, "a/b/x.dat", false);
    ck_assert_uint_eq(kernel_watches(), watches);
    write_file("root/a/b/.gitignore", "!x.dat\n");
    expect(1, "a/b/x.dat", true);
    write_file("root/.gitignore", "a/\n");
    expect(1, "a", false);
    ck_assert_uint_eq(kernel_watches(), watches - 2);
    ck_assert_int_eq(rename("root/.gitignore", "root/.gitignored"), 0);
    expect(1, "a/b/x.dat", true);
    ck_assert_uint_eq(kernel_watches(), watches);
}
END_TEST

START_TEST(the_same_rules_written_again_are_no_news)
{
    write_file("root/.gitignore", "*.dat\n");
    scene_watch(&scene);
    write_file("root/new", "*.dat\n");
    ck_assert_int_eq(rename("root/new", "root/.gitignore"), 0);
    expect(0, "a/b/x.dat", false);
}
END_TEST

START_TEST(a_folder_that_comes_brings_its_rules)
{
    make_folders("new/sub");
    write_file("new/.gitignore", "sub/\n");
    scene_watch(&scene);
    size_t watches = kernel_watches();
    ck_assert_int_eq(rename("new", "root/new"), 0);
    expect(0, "new/sub", false);
    ck_assert_uint_eq(kernel_watches(), watches + 1);
    ck_assert_int_eq(rename("root/new", "new"), 0);
    make_folders("root/new/sub");
    expect(0, "new/sub", true);
}
END_TEST

START_TEST(the_repository_has_excludes_of_its_own)
{
    make_repository("root");
    scene_watch(&scene);
    write_file("root/.git/info/exclude", "/a/b\n");
    expect(1, "a/b", false);
    write_file("root/.gitignore", "!b\n");
    expect(1, "a/b", true);
    ck_assert_int_eq(unlink("root/.git/info/exclude"), 0);
    ck_assert_int_eq(unlink("root/.gitignore"), 0);
    expect(1, "a/b", true);
}
END_TEST

START_TEST(the_user_has_excludes_for_every_repository)
{
    make_folders(".config/git");
    write_file(".config/git/ignore", "a\n");
    scene_watch(&scene);
    ck_assert(strset_has(&scene.found, "a"));
    make_repository("root");
    scene_sync(&scene);
    expect(0, "a", false);
    write_file(".gitconfig", "[core]\n\texcludesFile = \"~/mine\" ; not the usual one\n");
    write_file("mine", "b\n");
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    expect(0, "a", true);
    expect(0, "a/b", false);
}
END_TEST

START_TEST(rules_above_the_root_count_in_one_work_tree)
{
    make_repository(".");
    write_file(".gitignore", "/root/a/b\n");
    scene_watch(&scene);
    ck_assert(!strset_has(&scene.found, "a/b"));
    write_file(".gitignore", "/a/b\n");
    expect(1, "a/b", true);
    write_file(".git/info/exclude", "*.dat\n");
    expect(1, "a/b/x.dat", false);
    make_repository("root");
    scene_sync(&scene);
    expect(0, "a/b/x.dat", true);
}
END_TEST

START_TEST(a_root_that_is_ignored_is_not)
{
    make_repository(".");
    write_file(".gitignore", "*\n");
    scene_watch(&scene);
    ck_assert(strset_has(&scene.found, "a/b/x.dat"));
    write_file(".gitignore", "*\n!*/\n");
    expect(1, "a/b/x.dat", false);
}
END_TEST

START_TEST(a_work_tree_within_another_has_its_own_rules)
{
    make_repository("root");
    make_repository("root/a");
    write_file("root/.gitignore", "*.dat\n");
    make_folders("root/c");
    write_file("root/c/x.dat", "");
    scene_watch(&scene);
    ck_assert(strset_has(&scene.found, "a/b/x.dat"));
    ck_assert(!strset_has(&scene.found, "c/x.dat"));
    write_file("root/a/.git/info/exclude", "*.dat\n");
    expect(1, "a/b/x.dat", false);
}
END_TEST

START_TEST(a_linked_work_tree_shares_its_repositorys_excludes)
{
    make_repository("main");
    make_folders("main/.git/worktrees/root");
    write_file("main/.git/worktrees/root/HEAD", "ref: refs/heads/other\n");
    write_file("main/.git/worktrees/root/commondir", "../..\n");
    write_file("root/.git", "gitdir: ../main/.git/worktrees/root\n");
    write_file("main/.git/info/exclude", "b\n");
    scene_watch(&scene);
    ck_assert(!strset_has(&scene.found, "a/b"));
    write_file("main/.git/info/exclude", "c\n");
    expect(1, "a/b", true);
}
END_TEST

START_TEST(what_is_ignored_later_stays_watched_where_somebody_asks)
{
    scene_watch(&scene);
    write_file("root/.gitignore", "b/\n");
    expect(1, "a/b", false);
    ck_assert_int_eq(watcher_follow(scene.watcher, "a/b"), 1);
    ck_assert_int_eq(watcher_follow(scene.watcher, "a/b"), 0);
    write_file("root/a/b/x.dat", "2");
    scene_sync(&scene);
    ck_assert(strset_has(&scene.modified, "a/b/x.dat"));
}
END_TEST

START_TEST(a_gitignore_that_is_a_link_is_not_read)
{
    write_file("rules", "a\n");
    ck_assert_int_eq(symlink("../rules", "root/.gitignore"), 0);
    scene_watch(&scene);
    ck_assert(strset_has(&scene.found, "a"));
}
END_TEST

START_TEST(an_environment_is_known_by_what_is_in_it)
{
    make_folders("root/c/conda-meta");
    write_file("root/a/b/pyvenv.cfg", "");
    scene_watch(&scene);
    ck_assert(!strset_has(&scene.found, "c"));
    ck_assert(!strset_has(&scene.found, "a/b"));
}
END_TEST

START_TEST(global_excludes_count_as_soon_as_they_are_written)
{
    make_repository("root");
    make_folders(".config/git");
    make_folders("far");
    scene_watch(&scene);
    ck_assert(strset_has(&scene.found, "a/b"));
    write_file(".config/git/ignore", "b/\n");
    expect(1, "a/b", false);
    autofree char *settings =
        xasprintf("[core]\n\texcludesFile = %s/far/rules\n", scene.base);
    write_file(".config/git/config", settings);
    expect(1, "a/b", true);
    write_file("far/rules", "b/\n");
    expect(1, "a/b", false);
    ck_assert_int_eq(unlink("far/rules"), 0);
    expect(1, "a/b", true);
    write_file("root/.git/config", "[core]\n\texcludesFile = a/mine\n");
    write_file("root/a/mine", "b/\n");
    expect(1, "a/b", false);
}
END_TEST

static void take_repository(void *owner, const char *folder)
{
    strset_add(owner, folder);
}

static void expect_repository(const char *folder, bool known)
{
    struct strset repositories = {0};
    ignore_each_repository(scene.ignore, take_repository, &repositories);
    autofree char *path = xasprintf("%s/%s", scene.base, folder);
    ck_assert_msg(strset_has(&repositories, path) == known, "%s", folder);
    strset_finish(&repositories);
}

START_TEST(where_git_does_its_work_is_known_for_each_work_tree)
{
    make_repository("main");
    make_folders("main/.git/worktrees/root");
    write_file("main/.git/worktrees/root/HEAD", "ref: refs/heads/two\n");
    write_file("main/.git/worktrees/root/commondir", "../..\n");
    write_file("root/.git", "gitdir: ../main/.git/worktrees/root\n");
    make_repository("root/a/b");
    scene_watch(&scene);
    expect_repository("main/.git/worktrees/root", true);
    expect_repository("root/a/b/.git", true);
    make_folders("main/.git/modules/sub");
    write_file("main/.git/modules/sub/HEAD", "ref: refs/heads/main\n");
    make_folders("root/sub");
    expect_repository("main/.git/modules/sub", false);
    write_file("root/sub/.git", "gitdir: ../../main/.git/modules/sub\n");
    scene_sync(&scene);
    expect_repository("main/.git/modules/sub", true);
}
END_TEST

START_TEST(the_repository_above_the_root_is_known)
{
    autofree char *git = xstrdup(".git");
    write_file("HEAD", "");
    make_folders(".git");
    write_file(".git/HEAD", "ref: refs/heads/main\n");
    scene_watch(&scene);
    expect_repository(git, true);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, open_scene, close_scene);
    tcase_add_test(tests, an_ignored_folder_is_neither_watched_nor_found);
    tcase_add_test(tests, rules_count_as_soon_as_they_are_written);
    tcase_add_test(tests, the_same_rules_written_again_are_no_news);
    tcase_add_test(tests, a_folder_that_comes_brings_its_rules);
    tcase_add_test(tests, the_repository_has_excludes_of_its_own);
    tcase_add_test(tests, the_user_has_excludes_for_every_repository);
    tcase_add_test(tests, rules_above_the_root_count_in_one_work_tree);
    tcase_add_test(tests, a_root_that_is_ignored_is_not);
    tcase_add_test(tests, a_work_tree_within_another_has_its_own_rules);
    tcase_add_test(tests, a_linked_work_tree_shares_its_repositorys_excludes);
    tcase_add_test(tests, what_is_ignored_later_stays_watched_where_somebody_asks);
    tcase_add_test(tests, a_gitignore_that_is_a_link_is_not_read);
    tcase_add_test(tests, an_environment_is_known_by_what_is_in_it);
    tcase_add_test(tests, global_excludes_count_as_soon_as_they_are_written);
    tcase_add_test(tests, where_git_does_its_work_is_known_for_each_work_tree);
    tcase_add_test(tests, the_repository_above_the_root_is_known);
    Suite *suite = suite_create("watch_rules");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
