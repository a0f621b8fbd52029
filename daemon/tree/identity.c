#include "daemon/tree/identity.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000 };
static const int64_t NS_PER_SECOND = 1000000000;

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static int answer(int result, const struct stat *stat, struct identity *ret)
{
    if (result < 0)
        return -errno;
    *ret = (struct identity){
        .device = stat->st_dev,
        .inode = stat->st_ino,
        .size = stat->st_size,
        .mtime_ns = nanoseconds(stat->st_mtim),
        .ctime_ns = nanoseconds(stat->st_ctim),
        .mode = stat->st_mode,
        .links = (uint32_t)stat->st_nlink,
    };
    return 0;
}

void survey_set(struct survey *survey, bool on)
{
    if (survey->folder != NULL)
        close(survey->fd);
    free(survey->folder);
    *survey = (struct survey){.on = on};
}

/* FOLDER, where no link leads to it: a look names the real folder, and a link that stands there now
 * is something else, whatever it leads to. A descriptor, or -errno. */
static int open_folder(const char *folder)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    if (errno != ENOSYS) /* before Linux 5.6 */
        return -errno;
    int plain = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return plain >= 0 ? plain : -errno;
}

static bool is_open(const struct survey *survey, const char *folder)
{
    return survey->folder != NULL && strcmp(survey->folder, folder) == 0;
}

static int ask_in(int folder, const char *base, int flags, struct identity *ret)
{
    struct stat told;
    return answer(fstatat(folder, base, &told, flags), &told, ret);
}

static int ask(struct survey *survey, const char *absolute, int flags,
               struct identity *ret)
{
    struct stat told;
    const char *base = path_base(absolute);
    if (base[0] == '\0')
        return answer(stat(absolute, &told), &told, ret);
    if (is_open(survey, absolute))
        return identity_ask_open(survey->fd, ret);
    autofree char *folder = path_parent(absolute);
    if (is_open(survey, folder))
        return ask_in(survey->fd, base, flags, ret);
    int fd = open_folder(folder);
    if (fd < 0)
        return fd;
    int error = ask_in(fd, base, flags, ret);
    if (!survey->on) {
        close(fd);
        return error;
    }
    survey_set(survey, true);
    survey->folder = xstrdup(folder);
    survey->fd = fd;
    return error;
}

int identity_ask(struct survey *survey, const char *absolute, struct identity *ret)
{
    return ask(survey, absolute, AT_SYMLINK_NOFOLLOW, ret);
}

int identity_ask_through(struct survey *survey, const char *absolute,
                         struct identity *ret)
{
    return ask(survey, absolute, 0, ret);
}

int identity_ask_open(int fd, struct identity *ret)
{
    struct stat stat;
    return answer(fstat(fd, &stat), &stat, ret);
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->mode == b->mode;
}

bool identity_error_is_absence(int error)
{
    return error == -ENOENT || error == -ENOTDIR;
}

bool identity_error_is_answer(int error)
{
    return identity_error_is_absence(error) || error == -EACCES || error == -EPERM ||
           error == -ELOOP || error == -ENAMETOOLONG;
}

int64_t identity_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return nanoseconds(now);
}

bool identity_settled(const struct identity *identity, int64_t taken_ns)
{
    int64_t racy = (int64_t)TREE_RACY_MS * NS_PER_MS;
    /* A file system that stamps in whole seconds (FAT: every other one) leaves no trace
     * for as long. A ctime in the future is never settled, and rightly so. */
    if (identity->ctime_ns % NS_PER_SECOND == 0)
        racy = 2 * NS_PER_SECOND;
    return taken_ns - identity->ctime_ns >= racy;
}
