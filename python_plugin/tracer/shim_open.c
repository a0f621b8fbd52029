/* Files being opened. */

#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Entries behind the headers' inline functions, and an old name. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

/* The mode is there only where a file may be made. */
#define TAKE_MODE(flags, mode)                                                           \
    mode_t mode = 0;                                                                     \
    if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {                    \
        va_list list;                                                                    \
        va_start(list, flags);                                                           \
        mode = va_arg(list, mode_t);                                                     \
        va_end(list);                                                                    \
    }                                                                                    \
    (void)0

#define OPEN(name)                                                                       \
    PUBLIC int name(const char *path, int flags, ...)                                    \
    {                                                                                    \
        TAKE_MODE(flags, mode);                                                          \
        REAL(name);                                                                      \
        bool makes = look_makes(AT_FDCWD, path, flags);                                  \
        int fd = real(path, flags, mode);                                                \
        look_opened(AT_FDCWD, path, flags, makes, fd);                                   \
        return fd;                                                                       \
    }

#define OPENAT(name)                                                                     \
    PUBLIC int name(int folder, const char *path, int flags, ...)                        \
    {                                                                                    \
        TAKE_MODE(flags, mode);                                                          \
        REAL(name);                                                                      \
        bool makes = look_makes(folder, path, flags);                                    \
        int fd = real(folder, path, flags, mode);                                        \
        look_opened(folder, path, flags, makes, fd);                                     \
        return fd;                                                                       \
    }

#define OPEN_2(name)                                                                     \
    PUBLIC int name(const char *path, int flags)                                         \
    {                                                                                    \
        REAL(name);                                                                      \
        int fd = real(path, flags);                                                      \
        look_opened(AT_FDCWD, path, flags, false, fd);                                   \
        return fd;                                                                       \
    }

#define OPENAT_2(name)                                                                   \
    PUBLIC int name(int folder, const char *path, int flags)                             \
    {                                                                                    \
        REAL(name);                                                                      \
        int fd = real(folder, path, flags);                                              \
        look_opened(folder, path, flags, false, fd);                                     \
        return fd;                                                                       \
    }

#define CREAT(name)                                                                      \
    PUBLIC int name(const char *path, mode_t mode)                                       \
    {                                                                                    \
        REAL(name);                                                                      \
        int fd = real(path, mode);                                                       \
        look_opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, false, fd);            \
        return fd;                                                                       \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)
CREAT(creat)
CREAT(creat64)

/* ---- streams ---- */

/* The flags that stdio opens with; -1: not a mode. */
static int flags_of(const char *mode)
{
    int flags = 0;
    if (mode == NULL)
        return -1;
    if (mode[0] == 'r')
        flags = O_RDONLY;
    else if (mode[0] == 'w')
        flags = O_WRONLY | O_CREAT | O_TRUNC;
    else if (mode[0] == 'a')
        flags = O_WRONLY | O_CREAT | O_APPEND;
    else
        return -1;
    for (const char *at = mode + 1; *at != '\0' && *at != ','; at++) {
        if (*at == '+')
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        if (*at == 'x')
            flags |= O_EXCL;
    }
    return flags;
}

/* What is written to it later, libc writes by itself. */
static void stream_opened(const char *path, int flags, bool makes, FILE *file)
{
    int fd = file != NULL ? fileno(file) : -1;
    look_opened(AT_FDCWD, path, flags, makes, fd);
    if (fd >= 0)
        writers_wrote(fd);
}

#define FOPEN(name)                                                                      \
    PUBLIC FILE *name(const char *restrict path, const char *restrict mode)              \
    {                                                                                    \
        REAL(name);                                                                      \
        int flags = flags_of(mode);                                                      \
        bool makes = flags >= 0 && look_makes(AT_FDCWD, path, flags);                    \
        FILE *file = real(path, mode);                                                   \
        if (flags >= 0)                                                                  \
            stream_opened(path, flags, makes, file);                                     \
        return file;                                                                     \
    }

/* Without a path only the mode is changed, or the same file opened anew. */
#define FREOPEN(name)                                                                    \
    PUBLIC FILE *name(const char *restrict path, const char *restrict mode,              \
                      FILE *restrict stream)                                             \
    {                                                                                    \
        REAL(name);                                                                      \
        int flags = path != NULL ? flags_of(mode) : -1;                                  \
        bool makes = flags >= 0 && look_makes(AT_FDCWD, path, flags);                    \
        FILE *file = real(path, mode, stream);                                           \
        if (flags >= 0)                                                                  \
            stream_opened(path, flags, makes, file);                                     \
        return file;                                                                     \
    }

FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

/* ---- temporary files: the template has its name once they are made ---- */

#define MADE(name, parameters, arguments)                                                \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int fd = real arguments;                                                         \
        look_opened(AT_FDCWD, path, O_CREAT | O_EXCL | O_RDWR, true, fd);                \
        return fd;                                                                       \
    }

MADE(mkstemp, (char *path), (path))
MADE(mkstemp64, (char *path), (path))
MADE(mkostemp, (char *path, int flags), (path, flags))
MADE(mkostemp64, (char *path, int flags), (path, flags))
MADE(mkstemps, (char *path, int suffix), (path, suffix))
MADE(mkstemps64, (char *path, int suffix), (path, suffix))
MADE(mkostemps, (char *path, int suffix, int flags), (path, suffix, flags))
MADE(mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags))

/* What posix_spawn will open in the child, where nobody hears it: told now, as it is now. */
PUBLIC int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions,
                                            int fd, const char *restrict path, int flags,
                                            mode_t mode)
{
    REAL(posix_spawn_file_actions_addopen);
    int result = real(actions, fd, path, flags, mode);
    struct stat status;
    if (result != 0)
        return result;
    bool there = look_before(AT_FDCWD, path, LOOK_FOLLOW, &status);
    int error = errno;
    if (there && (flags & O_TRUNC) == 0)
        look_used(TRACE_READ, AT_FDCWD, path, LOOK_FOLLOW, &status);
    if (!there) {
        errno = ENOENT;
        look_asked(AT_FDCWD, path, LOOK_FOLLOW, -1, NULL);
    }
    if ((flags & (O_ACCMODE | O_CREAT)) != O_RDONLY)
        look_used(TRACE_WROTE, AT_FDCWD, path, LOOK_FOLLOW, NULL); /* and left later */
    errno = error;
    return result;
}
