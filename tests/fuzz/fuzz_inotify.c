/* Events: whatever the kernel may say about the watches, in any order, and whatever happens to the
 * folders meanwhile, is translated without harm. The events are made here from the bytes; the folders
 * are real, and the kernel's own events stay unread. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/inside.h"
#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the bytes ---- */

struct input {
    const uint8_t *data;
    size_t left;
};

static uint8_t next(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

/* ---- the folders ---- */

static char *base;
static const char *const folders[] = {"root",       "root/a", "root/a/b",
                                      "root/a/b/c", "root/c", "root/d",
                                      "aside/a",    "aside",  "root/.venv"};
enum { FOLDERS = sizeof folders / sizeof *folders };

static int remove_one(const char *path, const struct stat *stat, int type,
                      struct FTW *walk)
{
    (void)stat;
    (void)type;
    return walk->level > 0 ? remove(path) : 0;
}

static void tidy(void)
{
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    rmdir(base);
    free(base);
}

static void make_folders(void)
{
    static const char *const first[] = {"aside", "root", "root/.sniffer", "root/a",
                                        "root/a/b"};
    if (base == NULL) {
        base = fuzz_folder();
        REQUIRE(chdir(base) == 0);
        atexit(tidy);
    }
    nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        REQUIRE(mkdir(first[i], 0700) == 0);
}

static void change_folders(struct input *input)
{
    uint8_t what = next(input);
    const char *one = folders[what / 4 % FOLDERS];
    if (what % 4 == 0)
        mkdir(one, 0700);
    else if (what % 4 == 1)
        rmdir(one);
    else if (what % 4 == 2)
        rename(one, folders[next(input) % FOLDERS]);
    else if (symlink("a", one) < 0)
        unlink(one);
}

/* ---- the events ---- */

static uint32_t mask_of(uint8_t byte)
{
    static const uint32_t masks[] = {IN_CREATE,      IN_DELETE,      IN_MODIFY,
                                     IN_CLOSE_WRITE, IN_ATTRIB,      IN_MOVED_FROM,
                                     IN_MOVED_TO,    IN_DELETE_SELF, IN_MOVE_SELF,
                                     IN_IGNORED,     IN_UNMOUNT,     IN_Q_OVERFLOW};
    return masks[byte % (sizeof masks / sizeof *masks)] | (byte >= 128 ? IN_ISDIR : 0);
}

/* The kernel's names are never empty, nor "." or "..", and have no slash in them. */
static size_t name_of(struct input *input, char ret[32])
{
    static const char *const names[] = {"a",          "b",     "c",        "root",
                                        "d",          ".venv", ".sniffer", ".gitignore",
                                        "pyvenv.cfg", "x~"};
    uint8_t which = next(input);
    memset(ret, 0, 32);
    if (which < 200) {
        strcpy(ret, names[which % (sizeof names / sizeof *names)]);
    } else {
        size_t length = which % 16u;
        for (size_t i = 0; i < length; i++)
            ret[i] = (char)next(input);
        for (char *c = ret; *c != '\0'; c++)
            if (*c == '/')
                *c = 'x';
        if (strcmp(ret, ".") == 0 || strcmp(ret, "..") == 0)
            ret[0] = 'y';
    }
    if (ret[0] == '\0')
        return 0;
    return strlen(ret) < 16 ? 16 : 32;
}

static struct backend_event make_event(struct input *input, char name[32])
{
    struct backend_event event = {
        .number = (int8_t)next(input), .mask = mask_of(next(input)), .name = name};
    bool bare = (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT |
                               IN_Q_OVERFLOW)) != 0;
    if (name_of(input, name) == 0 || bare)
        event.name = "";
    return event;
}

/* A backend that watches as inotify does, and tells what the bytes say. */
static struct input *told;
static int events_left;

static size_t told_queued(void *self)
{
    (void)self;
    return (size_t)events_left;
}

static size_t told_read(void *self, backend_heard *heard, void *owner)
{
    (void)self;
    size_t count = 0;
    while (events_left > 0 && told != NULL && told->left > 0) {
        char name[32];
        struct backend_event event = make_event(told, name);
        events_left--;
        count++;
        heard(owner, &event);
    }
    events_left = 0;
    return count;
}

/* ---- who is told ---- */

static void on_path(const char *path)
{
    REQUIRE(path != NULL && strstr(path, "//") == NULL); /* empty: the root itself */
}

static void changed(void *owner, const char *path, enum watcher_change change,
                    pid_t writer)
{
    (void)owner;
    (void)change;
    (void)writer;
    on_path(path);
}

static void synced(void *owner, uint64_t cookie)
{
    (void)owner;
    REQUIRE(cookie == 1 || cookie == 2);
}

static void worded(void *owner, const char *text)
{
    (void)owner;
    REQUIRE(text == NULL || text[0] != '\0');
}

static void opened(void *owner, const char *path)
{
    (void)owner;
    on_path(path);
}

static void ruled(void *owner)
{
    (void)owner;
}

static void root(void *owner, bool there)
{
    bool *was = owner;
    REQUIRE(there != *was);
    *was = there;
}

static void found(void *owner, const char *path, bool is_directory)
{
    (void)owner;
    (void)is_directory;
    on_path(path);
}

static void want(struct poller *poller, int fd, unsigned events, poller_ready *ready,
                 void *owner)
{
    (void)poller;
    (void)fd;
    (void)events;
    (void)ready;
    (void)owner;
}

/* ---- one round ---- */

static void play(struct watcher *watcher, struct input *input)
{
    enum { MOST = 64 };
    while (input->left > 0) {
        uint8_t what = next(input);
        if (what >= 240) {
            change_folders(input);
            continue;
        }
        if (what >= 230) {
            watcher_crawl(watcher, found, NULL);
            continue;
        }
        if (what >= 220) {
            watcher_follow(watcher, folders[next(input) % FOLDERS]);
            continue;
        }
        events_left = 1 + what % MOST;
        watcher_readable(watcher, watcher->fd, POLLER_READ);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1024)
        return -1;
    make_folders();
    autofree char *at = path_join(base, "root");
    autofree char *state = path_join(at, ".sniffer");
    bool there = true;
    struct poller poller = {.want = want};
    struct watcher_sink sink = {.owner = &there,
                                .changed = changed,
                                .synced = synced,
                                .lost = worded,
                                .degraded = worded,
                                .opened = opened,
                                .opens_lost = worded,
                                .ruled = ruled,
                                .root = root};
    struct watcher_place place = {.root = at,
                                  .state = state,
                                  .mounts = WATCHER_MOUNTS,
                                  .backend = "inotify",
                                  .ignore = ignore_new(NULL),
                                  .poller = &poller,
                                  .sink = &sink};
    struct watcher *watcher = NULL;
    REQUIRE(watcher_open(&watcher, &place) == 0);
    struct backend fuzzed = *watcher->backend;
    fuzzed.queued = told_queued;
    fuzzed.read = told_read;
    watcher->backend = &fuzzed;
    struct input input = {.data = data, .left = size};
    told = &input;
    watcher_crawl(watcher, found, NULL);
    watcher_sync(watcher, 1);
    play(watcher, &input);
    watcher_sync(watcher, 2);
    watcher_crawl(watcher, found, NULL);
    told = NULL;
    watcher_close(watcher);
    ignore_free(place.ignore);
    return 0;
}
