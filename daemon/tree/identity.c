#include "daemon/tree/identity.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

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
    };
    return 0;
}

int identity_ask(const char *absolute, struct identity *ret)
{
    struct stat stat;
    return answer(lstat(absolute, &stat), &stat, ret);
}

int identity_ask_through(const char *absolute, struct identity *ret)
{
    struct stat told;
    return answer(stat(absolute, &told), &told, ret);
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
