/* File systems that tell nothing: who is on one, by a list of mounts as the kernel writes it. */

#include "daemon/base/path.h"
#include "daemon/watch/mounts.h"
#include "tests/support/suite.h"
#include "tests/support/watch_scene.h"

static struct scene scene;

static void set_up(void)
{
    scene_prepare(&scene);
}

static void tear_down(void)
{
    scene_finish(&scene);
}

/* "PATH KIND PATH KIND ...", each PATH in the folder of the test unless it begins with a slash. */
static void put_mounts(const char *list)
{
    autofree char *text = xstrdup("22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n");
    autofree char *copy = xstrdup(list);
    char *rest = NULL;
    for (const char *path = strtok_r(copy, " ", &rest); path != NULL;
         path = strtok_r(NULL, " ", &rest)) {
        const char *kind = strtok_r(NULL, " ", &rest);
        char *longer = xasprintf("%s23 22 0:9 / %s%s%s rw - %s server:/x rw,a - b\n",
                                 text, path[0] == '/' ? "" : scene.base,
                                 path[0] == '/' ? "" : "/", path, kind);
        free(text);
        text = longer;
    }
    write_file("mounts", text);
    scene.mounts = "mounts";
}

static void crawl(void)
{
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
}

static const struct {
    const char *mounts, *path, *kind;
} where[] = {
    {"", "root", NULL},
    {"root nfs4", "root", "nfs4"},
    {"root nfs4", "root/a/b", "nfs4"},
    {"root nfs4", "rooted", NULL},
    {"root/a cifs", "root", NULL},
    {"root/a cifs root/a/b ext4", "root/a/b/c", NULL},
    {"root/a ext4 root/a 9p", "root/a", "9p"},
    {"root/a 9p root/a ext4", "root/a", NULL},
    {"root/a\\040b fuse.sshfs", "root/a b", "fuse.sshfs"},
    {"root fuse", "root", "fuse"},
    {"root fuseblk", "root", NULL},
    {"root fuse.fuse-overlayfs", "root", NULL},
    {"root overlay", "root", NULL},
    {"/ virtiofs", "root", "virtiofs"},
};

START_TEST(a_path_is_on_the_nearest_mount)
{
    put_mounts(where[_i].mounts);
    autofree char *path = path_join(scene.base, where[_i].path);
    struct mounts mounts = {0};
    mounts_read(&mounts, "mounts");
    const struct mount *mount = mounts_silent(&mounts, path);
    ck_assert_pstr_eq(mount != NULL ? mount->kind : NULL, where[_i].kind);
    mounts_finish(&mounts);
}
END_TEST

START_TEST(lines_that_are_none_are_passed_over)
{
    write_file("mounts", "\nx\na b - nfs\n1 2 3 4\n23 22 0:9 / /m rw - nfs s rw");
    struct mounts mounts = {0};
    mounts_read(&mounts, "mounts");
    ck_assert_ptr_nonnull(mounts_silent(&mounts, "/m/x"));
    ck_assert_ptr_null(mounts_silent(&mounts, "/"));
    mounts_read(&mounts, "nowhere");
    ck_assert_ptr_null(mounts_silent(&mounts, "/m/x"));
}
END_TEST

START_TEST(a_root_on_one_is_degraded_and_says_so)
{
    make_folders("root/a");
    put_mounts("root nfs4");
    scene_watch(&scene);
    ck_assert_uint_eq(scene.degraded_count, 1);
    autofree char *part = xasprintf("2 directories lie on a file system that does not "
                                    "tell what others change there, the first is %s "
                                    "(nfs4 at %s); ",
                                    scene.root, scene.root);
    ck_assert_msg(strstr(scene.degraded, part) != NULL, "%s", scene.degraded);
    ck_assert_ptr_nonnull(strstr(scene.degraded, "snifferctl touch"));
    /* What the kernel does tell is told all the same. */
    write_file("root/a/x.py", "");
    scene_sync(&scene);
    ck_assert(strset_has(&scene.entries, "a/x.py"));
    crawl();
    ck_assert_uint_eq(scene.degraded_count, 1);
}
END_TEST

START_TEST(a_folder_below_and_one_that_is_followed_count)
{
    make_folders("root/a/data");
    make_folders("else/lib");
    put_mounts("root/a cifs else 9p");
    scene_watch(&scene);
    ck_assert_ptr_nonnull(strstr(scene.degraded, "2 directories lie"));
    ck_assert_ptr_nonnull(strstr(scene.degraded, "cifs at"));
    autofree char *other = path_join(scene.base, "else/lib");
    ck_assert_int_eq(watcher_follow(scene.watcher, other), 1);
    scene_sync(&scene);
    crawl();
    ck_assert_ptr_nonnull(strstr(scene.degraded, "3 directories lie"));
    put_mounts("else 9p");
    crawl();
    ck_assert_ptr_nonnull(strstr(scene.degraded, "1 directory lies"));
    ck_assert_ptr_nonnull(strstr(scene.degraded, "9p at"));
    put_mounts("");
    crawl();
    ck_assert_ptr_null(scene.degraded);
}
END_TEST

START_TEST(a_followed_folder_alone_is_told_without_a_crawl)
{
    make_folders("else");
    put_mounts("else nfs");
    scene_watch(&scene);
    ck_assert_uint_eq(scene.degraded_count, 0);
    autofree char *other = path_join(scene.base, "else");
    ck_assert_int_eq(watcher_follow(scene.watcher, other), 1);
    while (scene.degraded_count == 0)
        ck_assert_int_gt(poll_poller_dispatch(&scene.poller, 20000), 0);
    ck_assert_ptr_nonnull(strstr(scene.degraded, "nfs at"));
}
END_TEST

START_TEST(it_is_over_when_the_folder_is_gone)
{
    make_folders("root/a");
    put_mounts("root/a cifs");
    scene_watch(&scene);
    ck_assert_ptr_nonnull(scene.degraded);
    ck_assert_int_eq(rmdir("root/a"), 0);
    scene_sync(&scene);
    ck_assert_ptr_null(scene.degraded);
    make_folders("root/a");
    scene_sync(&scene);
    ck_assert_ptr_nonnull(scene.degraded);
    ck_assert_int_eq(rename("root/a", "a"), 0);
    scene_sync(&scene);
    ck_assert_ptr_null(scene.degraded);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("mounts");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_path_is_on_the_nearest_mount, 0,
                        (int)(sizeof where / sizeof *where));
    tcase_add_test(tests, lines_that_are_none_are_passed_over);
    tcase_add_test(tests, a_root_on_one_is_degraded_and_says_so);
    tcase_add_test(tests, a_folder_below_and_one_that_is_followed_count);
    tcase_add_test(tests, a_followed_folder_alone_is_told_without_a_crawl);
    tcase_add_test(tests, it_is_over_when_the_folder_is_gone);
    Suite *suite = suite_create("watch_mounts");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
