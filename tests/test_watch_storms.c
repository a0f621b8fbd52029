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

/* ---- races and storms ---- */

/* A child makes folders and files as fast as it can while the watcher reads. */
static void grow_tree(unsigned seed)
{
    for (int i = 0; i < 4; i++) {
        char path[256] = "root";
        unsigned depth = 1 + (unsigned)rand_r(&seed) % 5;
        for (unsigned level = 0; level < depth; level++)
            snprintf(path + strlen(path), sizeof path - strlen(path), "/%c%d",
                     'a' + rand_r(&seed) % 3, rand_r(&seed) % 40);
        make_folders(path);
        strncat(path, "/f.py", sizeof path - strlen(path) - 1);
        write_file(path, "x");
    }
}

START_TEST(whatever_is_made_in_new_folders_is_told)
{
    scene_watch(&scene);
    size_t empty = watcher_count(scene.watcher);
    for (unsigned tree = 0; tree < 300; tree++) {
        pid_t child = fork();
        if (child == 0) {
            grow_tree(tree);
            _exit(0);
        }
        while (waitpid(child, NULL, WNOHANG) == 0)
            poll_poller_dispatch(&scene.poller, 1);
        scene_sync(&scene);
        struct strset there;
        ck_assert_uint_gt(truth(&there), 0);
        strset_each(&there, check_told, &scene.entries);
        strset_finish(&there);
        ck_assert_uint_eq(watcher_count(scene.watcher), empty + directories());
        ck_counts();
        /* Every few trees from the beginning: removal races too. */
        if (tree % 10 != 9)
            continue;
        child = fork();
        if (child == 0) {
            DIR *dir = opendir("root");
            if (dir == NULL)
                _exit(1);
            for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;)
                if (entry->d_name[0] != '.') {
                    autofree char *path = xasprintf("root/%s", entry->d_name);
                    remove_all(path);
                }
            closedir(dir);
            _exit(0);
        }
        while (waitpid(child, NULL, WNOHANG) == 0)
            poll_poller_dispatch(&scene.poller, 1);
        scene_sync(&scene);
        ck_assert_uint_eq(watcher_count(scene.watcher), empty);
        ck_counts();
        scene_forget(&scene);
    }
    ck_assert_uint_eq(scene.lost, 0);
}
END_TEST

/* While the watcher looks at what is new, all of it moves away, and comes back before it reads on. */
static void move_away_when_told(const char *path)
{
    make_folders("outside/x/y/z");
    scene_watch(&scene);
    size_t count = watcher_count(scene.watcher);
    scene.rename_when_told = path;
    scene.rename_from = "root/in";
    scene.rename_to = "outside";
    ck_assert_int_eq(rename("outside", "root/in"), 0);
    ck_assert_int_eq(poll_poller_dispatch(&scene.poller, 20000), 1);
    ck_assert_ptr_null(scene.rename_when_told);
    ck_assert_int_eq(rename("outside", "root/in"), 0);
    scene_sync(&scene);
    ck_entry("in/x/y/z");
    ck_assert_uint_eq(watcher_count(scene.watcher), count + 4);
    ck_counts();
}

START_TEST(a_directory_that_moves_away_and_back_meanwhile_is_whole)
{
    move_away_when_told("in/x");
}
END_TEST

START_TEST(a_directory_that_moves_away_and_back_meanwhile_is_whole_far_below)
{
    move_away_when_told("in/x/y");
}
END_TEST

static void storm(unsigned seed, int moves)
{
    for (int i = 0; i < moves; i++) {
        char from[64];
        char to[64];
        const char *const places[] = {"root/a", "root/b", "root/c", "aside",
                                      "root/ignored"};
        snprintf(from, sizeof from, "%s/%d", places[rand_r(&seed) % 5],
                 rand_r(&seed) % 6);
        snprintf(to, sizeof to, "%s/%d", places[rand_r(&seed) % 5], rand_r(&seed) % 6);
        if (rand_r(&seed) % 3 == 0)
            strncat(to, "/deep", sizeof to - strlen(to) - 1);
        if (rand_r(&seed) % 4 == 0)
            renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
        else
            rename(from, to);
    }
}

static void count_watched(void *owner, const char *text, int64_t value)
{
    *(size_t *)owner += value == 1 && !ignore_matches(scene.ignore, text, true);
}

START_TEST(after_a_storm_of_moves_the_watches_are_those_of_the_tree)
{
    const char *const places[] = {"root/a", "root/b", "root/c", "aside", "root/ignored"};
    scene_watch(&scene);
    size_t empty = watcher_count(scene.watcher);
    for (int place = 0; place < 5; place++)
        for (int i = 0; i < 6; i += place == 0 ? 1 : 2) {
            autofree char *path = xasprintf("%s/%d/x/y", places[place], i);
            make_folders(path);
        }
    for (unsigned round = 0; round < 40; round++) {
        pid_t child = fork();
        if (child == 0) {
            storm(round, 200);
            _exit(0);
        }
        while (waitpid(child, NULL, WNOHANG) == 0)
            poll_poller_dispatch(&scene.poller, 1);
        scene_sync(&scene);
        struct strset there;
        truth(&there);
        size_t expected = 0;
        strset_each(&there, count_watched, &expected);
        ck_assert_uint_eq(watcher_count(scene.watcher), empty + expected);
        ck_counts();
        strset_finish(&there);
    }
    /* And each watch leads to the right name. */
    scene_forget(&scene);
    struct strset there;
    truth(&there);
    struct strset made = {0};
    strset_finish(&scene.found);
    ck_assert_int_eq(watcher_crawl(scene.watcher, scene_found, &scene), 0);
    strset_each(&scene.found, check_exists, &there);
    strset_finish(&there);
    scene_forget(&scene);
    for (int place = 0; place < 3; place++)
        for (int i = 0; i < 6; i++) {
            autofree char *path = xasprintf("%s/%d/mark.py", places[place], i);
            int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0)
                continue;
            close(fd);
            strset_add(&made, path + strlen("root/"));
        }
    scene_sync(&scene);
    strset_each(&made, check_told, &scene.entries);
    strset_finish(&made);
}
END_TEST

static long queue_limit(void)
{
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    ck_assert_ptr_nonnull(file);
    char text[32] = "";
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    return strtol(text, NULL, 10);
}

START_TEST(after_an_overflow_a_crawl_makes_all_right)
{
    make_folders("root/gone/deep");
    make_folders("root/moved/deep");
    make_folders("lib");
    autofree char *lib = xasprintf("%s/lib", scene.base);
    autofree char *in_lib = xasprintf("%s/x.py", lib);
    scene_watch(&scene);
    ck_assert_int_eq(watcher_follow(scene.watcher, lib), 1);
    scene.crawl_when_lost = true;
    long files = queue_limit() + 100;
    for (long i = 0; i < files; i++) {
        char path[64];
        snprintf(path, sizeof path, "root/f%ld.py", i);
        write_file(path, "");
    }
    /* These events are dropped by the kernel. */
    remove_all("root/gone");
    rename("root/moved", "root/there");
    rename("lib", "aside");
    make_folders("lib");
    make_folders("root/new/deep");
    write_file("root/new/deep/x.py", "");
    scene_sync(&scene);
    ck_assert_uint_ge(scene.lost, 1);
    ck_assert_uint_ge(scene.lost_at_sync, 1);
    struct strset there;
    ck_assert_uint_eq(truth(&there), strset_count(&scene.found));
    strset_each(&scene.found, check_exists, &there);
    strset_finish(&there);
    ck_counts();
    scene_forget(&scene);
    write_file("root/new/deep/y.py", "");
    write_file("root/there/deep/y.py", "");
    scene_sync(&scene);
    ck_entry("new/deep/y.py");
    ck_entry("there/deep/y.py");
    write_file(in_lib, "");
    scene_sync(&scene);
    ck_entry(in_lib);
    ck_counts();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("storms");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests,
                      60); /* run by hand: the default of 4 s is for idle machines */
    tcase_add_test(tests, whatever_is_made_in_new_folders_is_told);
    tcase_add_test(tests, a_directory_that_moves_away_and_back_meanwhile_is_whole);
    tcase_add_test(tests,
                   a_directory_that_moves_away_and_back_meanwhile_is_whole_far_below);
    tcase_add_test(tests, after_a_storm_of_moves_the_watches_are_those_of_the_tree);
    tcase_add_test(tests, after_an_overflow_a_crawl_makes_all_right);
    Suite *suite = suite_create("watch_storms");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
