/* Questions that open nothing. */

#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Before 2.33 the headers made these of stat and its like; programs built then still call them. */
int __xstat(int version, const char *path, struct stat *status);
int __xstat64(int version, const char *path, struct stat64 *status);
int __lxstat(int version, const char *path, struct stat *status);
int __lxstat64(int version, const char *path, struct stat64 *status);
int __fxstatat(int version, int folder, const char *path, struct stat *status, int flags);
int __fxstatat64(int version, int folder, const char *path, struct stat64 *status,
                 int flags);
/* Behind the headers' inline functions. */
ssize_t __readlink_chk(const char *path, char *to, size_t size, size_t room);
ssize_t __readlinkat_chk(int folder, const char *path, char *to, size_t size,
                         size_t room);
char *__realpath_chk(const char *path, char *to, size_t room);

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "one layout for both");

static unsigned how_of(int flags)
{
    return (flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : LOOK_FOLLOW;
}

#define STAT(name, type, how)                                                            \
    PUBLIC int name(const char *restrict path, type *restrict status)                    \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(path, status);                                                 \
        look_asked(AT_FDCWD, path, how, result, (const void *)status);                   \
        return result;                                                                   \
    }

#define FSTATAT(name, type)                                                              \
    PUBLIC int name(int folder, const char *restrict path, type *restrict status,        \
                    int flags)                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(folder, path, status, flags);                                  \
        look_asked(folder, path, how_of(flags), result, (const void *)status);           \
        return result;                                                                   \
    }

#define XSTAT(name, type, how)                                                           \
    PUBLIC int name(int version, const char *path, type *status)                         \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(version, path, status);                                        \
        look_asked(AT_FDCWD, path, how, result, (const void *)status);                   \
        return result;                                                                   \
    }

#define FXSTATAT(name, type)                                                             \
    PUBLIC int name(int version, int folder, const char *path, type *status, int flags)  \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(version, folder, path, status, flags);                         \
        look_asked(folder, path, how_of(flags), result, (const void *)status);           \
        return result;                                                                   \
    }

/* Called by PATH alone, sees no time stamps. */
#define WEAK(name, parameters, arguments)                                                \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real arguments;                                                     \
        look_asked(AT_FDCWD, path, LOOK_FOLLOW | LOOK_WEAK, result, NULL);               \
        return result;                                                                   \
    }

STAT(stat, struct stat, LOOK_FOLLOW)
STAT(stat64, struct stat64, LOOK_FOLLOW)
STAT(lstat, struct stat, 0)
STAT(lstat64, struct stat64, 0)
FSTATAT(fstatat, struct stat)
FSTATAT(fstatat64, struct stat64)
XSTAT(__xstat, struct stat, LOOK_FOLLOW)
XSTAT(__xstat64, struct stat64, LOOK_FOLLOW)
XSTAT(__lxstat, struct stat, 0)
XSTAT(__lxstat64, struct stat64, 0)
FXSTATAT(__fxstatat, struct stat)
FXSTATAT(__fxstatat64, struct stat64)

/* It fills in only what was asked for: the identity is taken anew. */
PUBLIC int statx(int folder, const char *restrict path, int flags, unsigned mask,
                 struct statx *restrict status)
{
    REAL(statx);
    int result = real(folder, path, flags, mask, status);
    look_asked(folder, path, how_of(flags), result, NULL);
    return result;
}

WEAK(access, (const char *path, int mode), (path, mode))
WEAK(euidaccess, (const char *path, int mode), (path, mode))
WEAK(eaccess, (const char *path, int mode), (path, mode))
WEAK(statfs, (const char *path, struct statfs *status), (path, status))
WEAK(statfs64, (const char *path, struct statfs64 *status), (path, status))
WEAK(statvfs, (const char *restrict path, struct statvfs *restrict status),
     (path, status))
WEAK(statvfs64, (const char *restrict path, struct statvfs64 *restrict status),
     (path, status))

/* Told before: afterwards a relative PATH would be seen from the new folder. */
PUBLIC int chdir(const char *path)
{
    REAL(chdir);
    struct stat status;
    if (look_before(AT_FDCWD, path, LOOK_FOLLOW, &status))
        look_asked(AT_FDCWD, path, LOOK_FOLLOW | LOOK_WEAK, 0, &status);
    int result = real(path);
    if (result < 0)
        look_asked(AT_FDCWD, path, LOOK_FOLLOW | LOOK_WEAK, result, NULL);
    return result;
}

PUBLIC int faccessat(int folder, const char *path, int mode, int flags)
{
    REAL(faccessat);
    int result = real(folder, path, mode, flags);
    look_asked(folder, path, how_of(flags) | LOOK_WEAK, result, NULL);
    return result;
}

/* ---- links ---- */

PUBLIC ssize_t readlink(const char *restrict path, char *restrict to, size_t size)
{
    REAL(readlink);
    ssize_t result = real(path, to, size);
    look_read_link(AT_FDCWD, path, result);
    return result;
}

PUBLIC ssize_t readlinkat(int folder, const char *restrict path, char *restrict to,
                          size_t size)
{
    REAL(readlinkat);
    ssize_t result = real(folder, path, to, size);
    look_read_link(folder, path, result);
    return result;
}

PUBLIC ssize_t __readlink_chk(const char *path, char *to, size_t size, size_t room)
{
    REAL(__readlink_chk);
    ssize_t result = real(path, to, size, room);
    look_read_link(AT_FDCWD, path, result);
    return result;
}

PUBLIC ssize_t __readlinkat_chk(int folder, const char *path, char *to, size_t size,
                                size_t room)
{
    REAL(__readlinkat_chk);
    ssize_t result = real(folder, path, to, size, room);
    look_read_link(folder, path, result);
    return result;
}

/* Each link on the way is told when the name is followed. */
static char *resolved(const char *path, char *result)
{
    look_asked(AT_FDCWD, path, LOOK_FOLLOW | LOOK_WEAK, result != NULL ? 0 : -1, NULL);
    return result;
}

PUBLIC char *realpath(const char *restrict path, char *restrict to)
{
    REAL(realpath);
    return resolved(path, real(path, to));
}

PUBLIC char *__realpath_chk(const char *path, char *to, size_t room)
{
    REAL(__realpath_chk);
    return resolved(path, real(path, to, room));
}

PUBLIC char *canonicalize_file_name(const char *path)
{
    REAL(canonicalize_file_name);
    return resolved(path, real(path));
}
