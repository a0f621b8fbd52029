#include "tests/support/watch_scene.h"

#include "daemon/watch/limit.h"
#include "tests/support/suite.h"

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

#define ck_entry(path)                                                                   \
    ck_assert_msg(strset_has(&scene.entries, path), "not told: %s", path)
#define ck_no_entry(path)                                                                \
    ck_assert_msg(!strset_has(&scene.entries, path), "told: %s", path)
#define ck_modified(path)                                                                \
    ck_assert_msg(strset_has(&scene.modified, path), "not told: %s", path)

static void ck_counts(void)
{
    ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches());
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
    tcase_add_test(tests, whatever_is_made_in_new_folders_is_told);
    tcase_add_test(tests, a_directory_that_moves_away_and_back_meanwhile_is_whole);
    tcase_add_test(tests,
                   a_directory_that_moves_away_and_back_meanwhile_is_whole_far_below);
    tcase_add_test(tests, after_a_storm_of_moves_the_watches_are_those_of_the_tree);
    tcase_add_test(tests, after_an_overflow_a_crawl_makes_all_right);
    tcase_add_test(tests, a_root_that_goes_and_comes_back_is_watched_again);
    tcase_add_test(tests, a_root_replaced_at_once_goes_and_comes_back);
    tcase_add_test(tests, all_that_was_done_before_a_sync_is_told_before_its_answer);
    tcase_add_test(tests, each_sync_is_answered_once_and_in_order);
    tcase_add_test(tests, the_state_folder_is_never_told);
    tcase_add_test(tests, a_sync_is_answered_though_its_folder_is_gone);
    tcase_add_test(tests, a_sync_is_answered_though_the_watch_for_its_file_is_given_up);
    tcase_add_test(tests, a_state_folder_of_any_name_is_left_out);
    tcase_add_test(tests, a_sync_asked_for_during_a_crawl_is_answered);
    tcase_add_test(tests, at_the_limit_of_watches_it_says_what_to_do);
    tcase_add_test(tests, when_the_tree_fits_again_it_says_so);
    tcase_add_test(tests, the_message_names_the_limit_that_binds);
    Suite *suite = suite_create("watch_inotify");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
