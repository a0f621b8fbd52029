/* One mark a directory, as inotify has one watch: a mark for a whole file system would wake us for all that
 * anybody writes anywhere on it. What it has over inotify: the process that made the change, and no limit
 * of watches. What it has not: a number for each directory, word of a watch that ended, and of a file
 * system that came or went. Events name a directory by its file handle, so a table leads from handles to
 * numbers; and the list of mounts is listened to. */

#include "daemon/watch/backend.h"
#include "daemon/watch/mounts.h"
#include "daemon/watch/watcher.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <uthash.h>

/* One read: some thousand events. */
enum { BUFFER_SIZE = 64 << 10 };

enum {
    SHARED = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
             IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF,
    ON_CHILDREN = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB,
};
static_assert(FAN_CREATE == IN_CREATE && FAN_DELETE == IN_DELETE &&
                  FAN_MODIFY == IN_MODIFY && FAN_CLOSE_WRITE == IN_CLOSE_WRITE &&
                  FAN_ATTRIB == IN_ATTRIB && FAN_MOVED_FROM == IN_MOVED_FROM &&
                  FAN_MOVED_TO == IN_MOVED_TO && FAN_MOVE_SELF == IN_MOVE_SELF &&
                  FAN_ONDIR == IN_ISDIR && FAN_Q_OVERFLOW == IN_Q_OVERFLOW,
              "the bits of both are the same");

/* Which directory: laid out as in the kernel's events. */
struct handle {
    fsid_t file_system;
    unsigned size;
    int type;
    unsigned char bytes[MAX_HANDLE_SZ];
};

struct directory {
    int number;
    UT_hash_handle by_number, by_handle;
    struct handle handle; /* as much of it as it needs */
};

struct fanotify {
    int fd;
    int both; /* readable when there are events, or mounts */
    /* The list of mounts, twice: who asks whether it is another has his answer once, and what is in BOTH is
     * asked by others. */
    int wake, mounts;
    const char *root;
    int last; /* number given */
    struct directory *by_number, *by_handle;
    char *mount; /* of a file system that the root was not on, or could not be found on */
    char buffer[BUFFER_SIZE];
};

/* ---- handles ---- */

static size_t handle_length(const struct handle *handle)
{
    return offsetof(struct handle, bytes) + handle->size;
}

/* Of what FD, which may be a mere path, leads to. */
static int handle_of(int fd, struct handle *ret)
{
    struct statfs status;
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } named = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount = 0;
    *ret = (struct handle){.size = 0};
    if (name_to_handle_at(fd, "", &named.handle, &mount, AT_EMPTY_PATH) < 0 ||
        fstatfs(fd, &status) < 0)
        return -errno;
    *ret = (struct handle){.file_system = status.f_fsid,
                           .size = named.handle.handle_bytes,
                           .type = named.handle.handle_type};
    memcpy(ret->bytes, named.handle.f_handle, ret->size);
    return 0;
}

static bool same_file_system(const fsid_t *a, const fsid_t *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* A descriptor on FILE_SYSTEM, by PATH; -1: PATH leads elsewhere by now. */
static int reach_by(const char *path, const fsid_t *file_system)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    struct statfs status;
    if (fd < 0)
        return -1;
    if (fstatfs(fd, &status) == 0 && same_file_system(&status.f_fsid, file_system))
        return fd;
    close(fd);
    return -1;
}

struct reaching {
    struct fanotify *fanotify;
    const fsid_t *file_system;
    int found;
};

static void reach_mount(void *owner, const char *id, const char *path, bool silent)
{
    (void)id;
    struct reaching *reaching = owner;
    if (silent || reaching->found >= 0) /* a server may not answer */
        return;
    reaching->found = reach_by(path, reaching->file_system);
    if (reaching->found < 0)
        return;
    free(reaching->fanotify->mount);
    reaching->fanotify->mount = xstrdup(path);
}

/* A path descriptor for the directory, wherever it is by now; -1: it is gone, or nobody can say. */
static int open_handle(struct fanotify *fanotify, const struct handle *handle)
{
    autoclose int on = reach_by(fanotify->root, &handle->file_system);
    if (on < 0 && fanotify->mount != NULL)
        on = reach_by(fanotify->mount, &handle->file_system);
    if (on < 0) {
        struct reaching reaching = {fanotify, &handle->file_system, -1};
        mounts_each(WATCHER_MOUNTS, reach_mount, &reaching);
        on = reaching.found;
    }
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } named = {.handle.handle_bytes = handle->size, .handle.handle_type = handle->type};
    memcpy(named.handle.f_handle, handle->bytes, handle->size);
    return on < 0 ? -1
                  : open_by_handle_at(on, &named.handle,
                                      O_PATH | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
}

/* ---- directories ---- */

static struct directory *find(const struct fanotify *fanotify,
                              const struct handle *handle)
{
    struct directory *directory = NULL;
    HASH_FIND(by_handle, fanotify->by_handle, handle, handle_length(handle), directory);
    return directory;
}

static struct directory *learn(struct fanotify *fanotify, const struct handle *handle)
{
    struct directory *directory = find(fanotify, handle);
    if (directory != NULL)
        return directory;
    size_t length = handle_length(handle);
    directory = xcalloc(1, offsetof(struct directory, handle) + length);
    memcpy(&directory->handle, handle, length);
    directory->number = ++fanotify->last;
    HASH_ADD(by_number, fanotify->by_number, number, sizeof directory->number, directory);
    HASH_ADD_KEYPTR(by_handle, fanotify->by_handle, &directory->handle, length,
                    directory);
    return directory;
}

static void forget(struct fanotify *fanotify, struct directory *directory)
{
    HASH_DELETE(by_number, fanotify->by_number, directory);
    HASH_DELETE(by_handle, fanotify->by_handle, directory);
    free(directory);
}

static int fanotify_watch(void *self, const char *path, uint32_t mask)
{
    struct fanotify *fanotify = self;
    bool follow = (mask & IN_DONT_FOLLOW) == 0;
    autoclose int fd =
        open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    struct handle handle;
    if (fd < 0)
        return -errno;
    /* FAN_DELETE_SELF stands for IN_IGNORED. */
    uint64_t marks = (mask & SHARED) | FAN_DELETE_SELF | FAN_ONDIR |
                     ((mask & ON_CHILDREN) != 0 ? FAN_EVENT_ON_CHILD : 0);
    if (fanotify_mark(fanotify->fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, marks, fd, ".") < 0)
        return -errno;
    int error = handle_of(fd, &handle);
    if (error < 0)
        return error;
    return learn(fanotify, &handle)->number;
}

static void fanotify_unwatch(void *self, int number)
{
    struct fanotify *fanotify = self;
    struct directory *directory = NULL;
    HASH_FIND(by_number, fanotify->by_number, &number, sizeof number, directory);
    if (directory == NULL)
        return;
    /* The mark of one that is gone is gone with it. */
    autoclose int fd = open_handle(fanotify, &directory->handle);
    if (fd >= 0)
        fanotify_mark(fanotify->fd, FAN_MARK_REMOVE | FAN_MARK_ONLYDIR,
                      SHARED | FAN_DELETE_SELF | FAN_ONDIR | FAN_EVENT_ON_CHILD, fd, ".");
    forget(fanotify, directory);
}

/* ---- events ---- */

struct hearing {
    struct fanotify *fanotify;
    backend_heard *heard;
    void *owner;
};

/* A directory that nobody watches has another mode: told as a name in the one above, if that is watched. */
static void hear_unwatched(const struct hearing *hearing, const struct handle *handle,
                           struct backend_event *event)
{
    struct fanotify *fanotify = hearing->fanotify;
    autoclose int fd = open_handle(fanotify, handle);
    autoclose int above =
        fd < 0 ? -1 : openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct handle parent;
    if (above < 0 || handle_of(above, &parent) < 0)
        return;
    const struct directory *directory = find(fanotify, &parent);
    autofree char *link = xasprintf("/proc/self/fd/%d", fd);
    char path[PATH_MAX];
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (directory == NULL || length <= 0)
        return;
    path[length] = '\0';
    event->number = directory->number;
    event->name = strrchr(path, '/') + 1;
    if (event->name[0] != '\0')
        hearing->heard(hearing->owner, event);
}

static void hear_one(const struct hearing *hearing, const struct handle *handle,
                     const char *name, struct backend_event *event)
{
    struct fanotify *fanotify = hearing->fanotify;
    struct directory *directory = find(fanotify, handle);
    bool itself = strcmp(name, ".") == 0;
    if (directory == NULL) {
        if (itself && (event->mask & IN_ATTRIB) != 0)
            hear_unwatched(hearing, handle, event);
        return;
    }
    bool gone = itself && (event->mask & IN_DELETE_SELF) != 0;
    int number = event->number = directory->number;
    event->name = itself ? "" : name;
    event->mask &= ~(uint32_t)IN_DELETE_SELF;
    if ((event->mask & SHARED) != 0)
        hearing->heard(hearing->owner, event);
    if (!gone)
        return;
    event->mask = IN_IGNORED;
    hearing->heard(hearing->owner, event);
    fanotify_unwatch(fanotify, number); /* it may have been given up since */
}

/* Nothing in the buffer is aligned: names have the length that they have. */
struct told {
    struct fanotify_event_metadata head;
    struct fanotify_event_info_header info;
    struct handle handle;
    const char *name;
};

/* Bytes that the event at AT takes of LEFT; 0: it is not whole. */
static size_t parse(const char *at, size_t left, struct told *ret)
{
    const size_t fixed =
        sizeof ret->head + sizeof ret->info + offsetof(struct handle, bytes);
    *ret = (struct told){.name = NULL};
    if (left < sizeof ret->head)
        return 0;
    memcpy(&ret->head, at, sizeof ret->head);
    size_t length = ret->head.event_len;
    if (length < sizeof ret->head || length > left)
        return 0;
    if (length < fixed)
        return length;
    memcpy(&ret->info, at + sizeof ret->head, sizeof ret->info);
    const char *handle = at + sizeof ret->head + sizeof ret->info;
    memcpy(&ret->handle, handle, offsetof(struct handle, bytes));
    if (ret->info.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME ||
        ret->handle.size > sizeof ret->handle.bytes || ret->handle.size >= length - fixed)
        return length;
    memcpy(ret->handle.bytes, handle + offsetof(struct handle, bytes), ret->handle.size);
    ret->name = handle + handle_length(&ret->handle);
    return length;
}

static void hear(const struct hearing *hearing, const struct told *told)
{
    struct backend_event event = {.number = -1,
                                  .mask = (uint32_t)told->head.mask,
                                  .name = "",
                                  .writer = told->head.pid};
    if (told->head.mask & FAN_Q_OVERFLOW)
        hearing->heard(hearing->owner, &event);
    else if (told->name != NULL)
        hear_one(hearing, &told->handle, told->name, &event);
}

/* Events, and the list of mounts as one: the kernel counts those that wait by the bytes of their heads. */
static size_t fanotify_queued(void *self)
{
    const struct fanotify *fanotify = self;
    int queued = 0;
    return ioctl(fanotify->fd, FIONREAD, &queued) < 0
               ? INT_MAX
               : 1 + (size_t)queued / FAN_EVENT_METADATA_LEN;
}

static size_t hear_mounts(const struct hearing *hearing)
{
    struct pollfd mounts = {.fd = hearing->fanotify->mounts, .events = POLLPRI};
    if (poll(&mounts, 1, 0) <= 0)
        return 0;
    hearing->heard(hearing->owner,
                   &(struct backend_event){.number = -1, .mask = IN_UNMOUNT, .name = ""});
    return 1;
}

static size_t fanotify_read(void *self, backend_heard *heard, void *owner)
{
    struct fanotify *fanotify = self;
    struct hearing hearing = {.fanotify = fanotify, .heard = heard, .owner = owner};
    ssize_t length = read(fanotify->fd, fanotify->buffer, BUFFER_SIZE);
    size_t count = hear_mounts(&hearing);
    struct told told = {0};
    for (size_t at = 0, step = 0; length > 0 && at < (size_t)length; at += step) {
        step = parse(fanotify->buffer + at, (size_t)length - at, &told);
        if (step == 0)
            break;
        hear(&hearing, &told);
        count++;
    }
    return count;
}

/* ---- life ---- */

static void fanotify_close(void *self)
{
    struct fanotify *fanotify = self;
    const int fds[] = {fanotify->fd, fanotify->wake, fanotify->mounts, fanotify->both};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    struct directory *directory = NULL;
    struct directory *next = NULL;
    HASH_ITER(by_number, fanotify->by_number, directory, next)
    {
        forget(fanotify, directory);
    }
    free(fanotify->mount);
    free(fanotify);
}

/* Can the directories on the way to the root be watched, and found by their handles? Some file systems have
 * none, and each of the two takes a capability of its own. */
static int try(struct fanotify *fanotify)
{
    int number = 0;
    autofree char *path = xstrdup(fanotify->root);
    for (char *slash = path; number >= 0 && slash != NULL; slash = strrchr(path, '/')) {
        number = fanotify_watch(fanotify, path[0] != '\0' ? path : "/", 0);
        if (number == -ENOENT || number == -ENOTDIR)
            return 0; /* that is told by who opens it */
        if (path[0] != '\0')
            *strrchr(path, '/') = '\0';
        else
            break;
    }
    if (number < 0)
        return number;
    struct directory *directory = NULL;
    HASH_FIND(by_number, fanotify->by_number, &number, sizeof number, directory);
    assert(directory != NULL);
    autoclose int fd = open_handle(fanotify, &directory->handle);
    return fd < 0 ? -errno : 0;
}

static int add(int both, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(both, EPOLL_CTL_ADD, fd, &event);
}

static int fanotify_open(void **ret, const char *root, int *ret_fd)
{
    struct fanotify *fanotify = xcalloc(1, sizeof *fanotify);
    fanotify->root = root;
    fanotify->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
                                     FAN_REPORT_DFID_NAME | FAN_UNLIMITED_MARKS,
                                 O_RDONLY | O_CLOEXEC);
    fanotify->wake = fanotify->fd < 0 ? -1 : open(WATCHER_MOUNTS, O_RDONLY | O_CLOEXEC);
    fanotify->mounts =
        fanotify->wake < 0 ? -1 : open(WATCHER_MOUNTS, O_RDONLY | O_CLOEXEC);
    fanotify->both = fanotify->mounts < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    int error = fanotify->both < 0 || add(fanotify->both, fanotify->fd, EPOLLIN) < 0 ||
                        add(fanotify->both, fanotify->wake, EPOLLPRI) < 0
                    ? -errno
                    : try(fanotify);
    if (error < 0) {
        fanotify_close(fanotify);
        return error;
    }
    *ret_fd = fanotify->both;
    *ret = fanotify;
    return 0;
}

const struct backend backend_fanotify = {
    .name = "fanotify",
    .tells_above = false,
    .open = fanotify_open,
    .close = fanotify_close,
    .watch = fanotify_watch,
    .unwatch = fanotify_unwatch,
    .queued = fanotify_queued,
    .read = fanotify_read,
};
