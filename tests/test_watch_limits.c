#include "tests/support/watch_scene.h"

#include "daemon/watch/limit.h"

#include <errno.h>
#include <sched.h>

static struct scene scene;

static void set_up(void)
{
    scene_prepare(&scene);
}

static void tear_down(void)
{
    scene_finish(&scene);
}

/* ---- limits ---- */

/* Few watches, in a user namespace of this test's own; false where that is not allowed. */
static bool limit_watches(const char *limit)
{
    if (unshare(CLONE_NEWUSER) != 0)
        return false;
    int fd = open("/proc/sys/user/max_inotify_watches", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = write(fd, limit, strlen(limit)) > 0;
    close(fd);
    return written;
}

START_TEST(at_the_limit_of_watches_it_says_what_to_do)
{
    for (int i = 0; i < 30; i++) {
        autofree char *path = xasprintf("root/d%d", i);
        make_folders(path);
    }
    if (!limit_watches("20"))
        return; /* not allowed here */
    scene_watch(&scene);
    ck_assert_uint_eq(strset_count(&scene.found), 30);
    ck_assert_uint_eq(watcher_count(scene.watcher), 20);
    ck_counts();
    ck_assert_uint_eq(scene.degraded_count, 1);
    size_t needed = 30 + 1 + 2; /* and: "/", root, state, and what lies between */
    for (const char *at = scene.base; *at != '\0'; at++)
        needed += *at == '/';
    autofree char *numbers = xasprintf("%zu of %zu directories", needed - 20, needed);
    ck_assert_ptr_nonnull(strstr(scene.degraded, numbers));
    ck_assert_ptr_nonnull(strstr(scene.degraded, "limit of 20 inotify watches"));
    ck_assert_ptr_nonnull(strstr(scene.degraded, "sysctl user.max_inotify_watches=1024"));
    scene_sync(&scene);
    ck_assert_uint_eq(scene.degraded_count, 1);
}
END_TEST

START_TEST(when_the_tree_fits_again_it_says_so)
{
    make_folders("root/a/b/c/d/e");
    /* Room for the way to the root, the state folder, and one more. */
    size_t way = 1 + 2 + 1;
    for (const char *at = scene.base; *at != '\0'; at++)
        way += *at == '/';
    autofree char *limit = xasprintf("%zu", way);
    if (!limit_watches(limit))
        return;
    scene_watch(&scene);
    ck_assert_ptr_nonnull(scene.degraded);
    ck_assert_int_eq(rename("root/a/b", "b"), 0);
    scene_sync(&scene);
    ck_assert_uint_eq(scene.degraded_count, 2);
    ck_assert_ptr_null(scene.degraded);
    ck_assert_uint_eq(scene.gone, 0);
    ck_counts();
}
END_TEST

START_TEST(the_message_names_the_limit_that_binds)
{
    struct limit_report report = {.watched = 8192,
                                  .blind = 3,
                                  .first = "/p/a",
                                  .error = ENOSPC,
                                  .fs = 8192,
                                  .user = 8192};
    autofree char *message = limit_message(&report);
    ck_assert_str_eq(
        message,
        "3 of 8195 directories cannot be watched, the first is /p/a: the limit of "
        "8192 inotify watches is reached and the tree needs 8195; raise it with: "
        "sysctl fs.inotify.max_user_watches=32768");
    report.error = EACCES;
    autofree char *other = limit_message(&report);
    ck_assert_str_eq(other,
                     "3 of 8195 directories cannot be watched, the first is /p/a: "
                     "Permission denied; changes there are seen only by a full check");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("limits");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, at_the_limit_of_watches_it_says_what_to_do);
    tcase_add_test(tests, when_the_tree_fits_again_it_says_so);
    tcase_add_test(tests, the_message_names_the_limit_that_binds);
    Suite *suite = suite_create("watch_limits");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
