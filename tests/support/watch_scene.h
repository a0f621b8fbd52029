#ifndef SUPPORT_WATCH_SCENE_H
#define SUPPORT_WATCH_SCENE_H

/* A watcher over a real folder, and what it told. The working directory of the test is the folder
 * that holds the root, "root", so that tests name paths shortly. */

#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/watcher.h"
#include "tests/support/poll_poller.h"
#include "tests/support/suite.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNUSED_OK __attribute__((unused))

struct telling {
    char *path;
    enum watcher_change change;
};

struct scene {
    char *base;
    char *root;
    char *state;
    const char *mounts; /* a list of them */
    struct ignore *ignore;
    struct poll_poller poller;
    struct watcher_sink sink;
    struct watcher *watcher;

    pid_t writer; /* of the last change told */
    struct telling *told;
    size_t told_count, told_capacity;
    struct strset entries, modified; /* every path told so */
    struct strset opened;
    size_t opens_lost;
    size_t opened_at_sync;
    bool deaf_when_opened; /* stops listening from inside the sink */
    struct strset found;
    uint64_t synced;     /* the last cookie answered */
    size_t synced_count; /* and how many were */
    size_t told_at_sync, lost_at_sync;
    size_t lost;
    size_t ruled;
    size_t gone, back; /* of the root */
    size_t degraded_count;
    char *degraded; /* the last message; NULL: mended or never told */
    bool crawl_when_lost;
    bool sync_when_found;
    const char
        *rename_when_told; /* when this path is told, FROM is renamed to TO, once */
    const char *rename_from, *rename_to;
};

static void scene_found(void *owner, const char *path, bool is_directory)
{
    struct scene *scene = owner;
    strset_put(&scene->found, path, is_directory);
    if (scene->sync_when_found) {
        scene->sync_when_found = false;
        watcher_sync(scene->watcher, 77);
    }
}

static void scene_changed(void *owner, const char *path, enum watcher_change change,
                          pid_t writer)
{
    struct scene *scene = owner;
    scene->writer = writer;
    scene->told =
        xgrow(scene->told, scene->told_count, &scene->told_capacity, sizeof *scene->told);
    scene->told[scene->told_count++] =
        (struct telling){.path = xstrdup(path), .change = change};
    strset_add(change == WATCHER_ENTRY ? &scene->entries : &scene->modified, path);
    if (scene->rename_when_told != NULL && strcmp(path, scene->rename_when_told) == 0) {
        scene->rename_when_told = NULL;
        ck_assert_int_eq(rename(scene->rename_from, scene->rename_to), 0);
    }
}

static void scene_opened(void *owner, const char *path)
{
    struct scene *scene = owner;
    strset_add(&scene->opened, path);
    if (scene->deaf_when_opened)
        ck_assert_int_eq(watcher_listen(scene->watcher, false), 0);
}

static void scene_opens_lost(void *owner, const char *why)
{
    struct scene *scene = owner;
    ck_assert_ptr_nonnull(why);
    scene->opens_lost++;
}

static void scene_synced(void *owner, uint64_t cookie)
{
    struct scene *scene = owner;
    scene->synced = cookie;
    scene->synced_count++;
    scene->told_at_sync = scene->told_count;
    scene->lost_at_sync = scene->lost;
    scene->opened_at_sync = strset_count(&scene->opened);
}

static void scene_lost(void *owner, const char *why)
{
    struct scene *scene = owner;
    ck_assert_ptr_nonnull(why);
    scene->lost++;
    if (scene->crawl_when_lost) {
        strset_finish(&scene->found);
        ck_assert_int_eq(watcher_crawl(scene->watcher, scene_found, scene), 0);
    }
}

static void scene_degraded(void *owner, const char *message)
{
    struct scene *scene = owner;
    free(scene->degraded);
    scene->degraded = message != NULL ? xstrdup(message) : NULL;
    scene->degraded_count++;
}

static void scene_ruled(void *owner)
{
    struct scene *scene = owner;
    scene->ruled++;
}

static void scene_root(void *owner, bool there)
{
    struct scene *scene = owner;
    if (there)
        scene->back++;
    else
        scene->gone++;
}

/* In memory where that can be had: ext4 is slow to make many files right after it removed
 * many, and these tests do little else. */
static UNUSED_OK const char *scene_folder(void)
{
    const char *folder = getenv("TMPDIR");
    if (folder == NULL)
        folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    return folder;
}

/* A folder "root" with a state folder, nothing watched yet. */
static UNUSED_OK void scene_prepare(struct scene *scene)
{
    *scene = (struct scene){.base = xasprintf("%s/test_watch.XXXXXX", scene_folder())};
    ck_assert_ptr_nonnull(mkdtemp(scene->base));
    ck_assert_int_eq(chdir(scene->base), 0);
    scene->root = xasprintf("%s/root", scene->base);
    scene->mounts = WATCHER_MOUNTS;
    scene->state = xasprintf("%s/.sniffer", scene->root);
    ck_assert_int_eq(mkdir("root", 0700), 0);
    ck_assert_int_eq(mkdir("root/.sniffer", 0700), 0);
    static const char *const patterns[] = {"ignored/", "*.log"};
    scene->ignore = ignore_new(scene->root);
    ignore_set(scene->ignore, patterns, 2);
    poll_poller_init(&scene->poller);
    scene->sink = (struct watcher_sink){.owner = scene,
                                        .changed = scene_changed,
                                        .synced = scene_synced,
                                        .lost = scene_lost,
                                        .degraded = scene_degraded,
                                        .opened = scene_opened,
                                        .opens_lost = scene_opens_lost,
                                        .ruled = scene_ruled,
                                        .root = scene_root};
}

/* Which kernel interface these tests are to use. */
static UNUSED_OK const char *scene_backend(void)
{
    const char *name = getenv("WATCH_BACKEND");
    return name != NULL ? name : "inotify";
}

static UNUSED_OK struct watcher_place scene_place(struct scene *scene)
{
    return (struct watcher_place){.root = scene->root,
                                  .state = scene->state,
                                  .mounts = scene->mounts,
                                  .backend = scene_backend(),
                                  .ignore = scene->ignore,
                                  .poller = &scene->poller.poller,
                                  .sink = &scene->sink};
}

static UNUSED_OK void scene_watch(struct scene *scene)
{
    struct watcher_place place = scene_place(scene);
    ck_assert_int_eq(watcher_open(&scene->watcher, &place), 0);
    ck_assert_int_eq(watcher_crawl(scene->watcher, scene_found, scene), 0);
}

static void scene_forget(struct scene *scene)
{
    for (size_t i = 0; i < scene->told_count; i++)
        free(scene->told[i].path);
    free(scene->told);
    scene->told = NULL;
    scene->told_count = scene->told_capacity = 0;
    strset_finish(&scene->entries);
    strset_finish(&scene->modified);
    strset_finish(&scene->opened);
}

static int scene_remove_one(const char *path, const struct stat *status, int type,
                            struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, scene_remove_one, 64, FTW_DEPTH | FTW_PHYS);
}

static UNUSED_OK void scene_finish(struct scene *scene)
{
    watcher_close(scene->watcher);
    ck_assert_uint_eq(scene->poller.count, 0);
    poll_poller_finish(&scene->poller);
    ignore_free(scene->ignore);
    scene_forget(scene);
    strset_finish(&scene->found);
    free(scene->degraded);
    free(scene->root);
    free(scene->state);
    ck_assert_int_eq(chdir("/"), 0);
    remove_all(scene->base);
    free(scene->base);
}

/* Until COOKIE is answered: everything done before has then been told. */
static void scene_await(struct scene *scene, uint64_t cookie)
{
    while (scene->synced != cookie)
        ck_assert_msg(poll_poller_dispatch(&scene->poller, 20000) > 0, "no answer comes");
}

static UNUSED_OK void scene_sync(struct scene *scene)
{
    static uint64_t cookie = 1000;
    watcher_sync(scene->watcher, ++cookie);
    scene_await(scene, cookie);
}

/* What is queued now, in one turn after another. */
static UNUSED_OK void scene_drain(struct scene *scene)
{
    while (poll_poller_dispatch(&scene->poller, 0) > 0)
        ;
}

static UNUSED_OK size_t scene_times(const struct scene *scene, const char *path,
                                    enum watcher_change change)
{
    size_t times = 0;
    for (size_t i = 0; i < scene->told_count; i++)
        times +=
            scene->told[i].change == change && strcmp(scene->told[i].path, path) == 0;
    return times;
}

/* A line of /proc for each watch that the kernel keeps for this process. */
static UNUSED_OK void each_kernel_watch(void (*visit)(void *owner, const char *line),
                                        void *owner)
{
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;) {
        char target[64] = "";
        if (readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) < 0 ||
            (strcmp(target, "anon_inode:inotify") != 0 &&
             strcmp(target, "anon_inode:[fanotify]") != 0))
            continue;
        autofree char *path = xasprintf("/proc/self/fdinfo/%s", entry->d_name);
        FILE *file = fopen(path, "re");
        ck_assert_ptr_nonnull(file);
        char line[512];
        while (fgets(line, sizeof line, file) != NULL)
            if (strncmp(line, "inotify wd", 10) == 0 ||
                strncmp(line, "fanotify ino", 12) == 0)
                visit(owner, line);
        fclose(file);
    }
    closedir(dir);
}

static UNUSED_OK void count_kernel_watch(void *owner, const char *line)
{
    (void)line;
    (*(size_t *)owner)++;
}

static UNUSED_OK size_t kernel_watches(void)
{
    size_t count = 0;
    each_kernel_watch(count_kernel_watch, &count);
    return count;
}

/* Of what a test's own "scene" was told. */
#define ck_entry(path)                                                                   \
    ck_assert_msg(strset_has(&scene.entries, path), "not told: %s", path)
#define ck_no_entry(path)                                                                \
    ck_assert_msg(!strset_has(&scene.entries, path), "told: %s", path)
#define ck_modified(path)                                                                \
    ck_assert_msg(strset_has(&scene.modified, path), "not told: %s", path)

/* The watcher counts its watches as the kernel does. */
#define ck_counts() ck_assert_uint_eq(watcher_count(scene.watcher), kernel_watches())

static UNUSED_OK void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_msg(fd >= 0, "%s", path);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

/* mkdir -p */
static UNUSED_OK void make_folders(const char *path)
{
    autofree char *prefix = xstrdup(path);
    for (char *slash = strchr(prefix + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(prefix, 0700);
        *slash = '/';
    }
    mkdir(prefix, 0700);
}

/* Everything below "root", relative to it, without the state folder; value 1: a directory. */
static struct strset *truth_set;
static int truth_one(const char *path, const struct stat *status, int type,
                     struct FTW *walk)
{
    (void)status;
    (void)walk;
    if (strcmp(path, "root") != 0 && strncmp(path, "root/.sniffer", 13) != 0)
        strset_put(truth_set, path + strlen("root/"), type == FTW_D || type == FTW_DP);
    return 0;
}

static UNUSED_OK size_t truth(struct strset *ret)
{
    *ret = (struct strset){0};
    truth_set = ret;
    ck_assert_int_eq(nftw("root", truth_one, 64, FTW_PHYS), 0);
    return strset_count(ret);
}

static UNUSED_OK void check_told(void *owner, const char *text, int64_t value)
{
    (void)value;
    ck_assert_msg(strset_has(owner, text), "never told: %s", text);
}

static UNUSED_OK void check_exists(void *owner, const char *text, int64_t value)
{
    ck_assert_msg(strset_get(owner, text, -1) == value, "not there: %s", text);
}

static UNUSED_OK void count_directory(void *owner, const char *text, int64_t value)
{
    (void)text;
    *(size_t *)owner += value == 1;
}

static UNUSED_OK size_t directories(void)
{
    struct strset there;
    truth(&there);
    size_t count = 0;
    strset_each(&there, count_directory, &count);
    strset_finish(&there);
    return count;
}

static UNUSED_OK void wait_for_child(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* suite_run; 77, which means skipped, where the backend cannot be had. */
static UNUSED_OK int scene_suite_run(Suite *suite)
{
    struct poll_poller poller;
    struct watcher_sink sink = {0};
    struct watcher *watcher = NULL;
    struct ignore *ignore = ignore_new(scene_folder());
    poll_poller_init(&poller);
    watcher_open(&watcher, &(struct watcher_place){.root = scene_folder(),
                                                   .state = "",
                                                   .mounts = WATCHER_MOUNTS,
                                                   .backend = scene_backend(),
                                                   .ignore = ignore,
                                                   .poller = &poller.poller,
                                                   .sink = &sink});
    const char *refused = watcher != NULL ? watcher_refused(watcher) : NULL;
    bool skip = refused != NULL;
    if (skip)
        fprintf(stderr, "skipped: %s\n", refused);
    watcher_close(watcher);
    poll_poller_finish(&poller);
    ignore_free(ignore);
    if (!skip)
        return suite_run(suite);
    srunner_free(srunner_create(suite));
    return 77;
}

#endif
