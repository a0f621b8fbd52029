/* Files that are open, being written to, handed on and closed: what writers.c wants to know. */

#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

/* FD is written to, or may be from now on without our hearing it. */
#define WRITE(type, name, fd, parameters, arguments)                                     \
    PUBLIC type name parameters                                                          \
    {                                                                                    \
        REAL(name);                                                                      \
        writers_wrote(fd);                                                               \
        return real arguments;                                                           \
    }

WRITE(ssize_t, write, fd, (int fd, const void *from, size_t size), (fd, from, size))
WRITE(ssize_t, pwrite, fd, (int fd, const void *from, size_t size, off_t at),
      (fd, from, size, at))
WRITE(ssize_t, pwrite64, fd, (int fd, const void *from, size_t size, off64_t at),
      (fd, from, size, at))
WRITE(ssize_t, writev, fd, (int fd, const struct iovec *from, int count),
      (fd, from, count))
WRITE(ssize_t, pwritev, fd, (int fd, const struct iovec *from, int count, off_t at),
      (fd, from, count, at))
WRITE(ssize_t, pwritev64, fd, (int fd, const struct iovec *from, int count, off64_t at),
      (fd, from, count, at))
WRITE(ssize_t, pwritev2, fd,
      (int fd, const struct iovec *from, int count, off_t at, int flags),
      (fd, from, count, at, flags))
WRITE(ssize_t, pwritev64v2, fd,
      (int fd, const struct iovec *from, int count, off64_t at, int flags),
      (fd, from, count, at, flags))
WRITE(ssize_t, sendfile, to, (int to, int from, off_t *at, size_t size),
      (to, from, at, size))
WRITE(ssize_t, sendfile64, to, (int to, int from, off64_t *at, size_t size),
      (to, from, at, size))
WRITE(ssize_t, copy_file_range, to,
      (int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags),
      (from, from_at, to, to_at, size, flags))
WRITE(ssize_t, splice, to,
      (int from, off64_t *from_at, int to, off64_t *to_at, size_t size, unsigned flags),
      (from, from_at, to, to_at, size, flags))
WRITE(int, ftruncate, fd, (int fd, off_t size), (fd, size))
WRITE(int, ftruncate64, fd, (int fd, off64_t size), (fd, size))
WRITE(int, fallocate, fd, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRITE(int, fallocate64, fd, (int fd, int mode, off64_t at, off64_t size),
      (fd, mode, at, size))
WRITE(int, posix_fallocate, fd, (int fd, off_t at, off_t size), (fd, at, size))
WRITE(int, posix_fallocate64, fd, (int fd, off64_t at, off64_t size), (fd, at, size))

/* ---- other ways to it ---- */

WRITE(FILE *, fdopen, fd, (int fd, const char *mode), (fd, mode))

PUBLIC int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd,
                                            int to)
{
    REAL(posix_spawn_file_actions_adddup2);
    writers_handed(fd);
    return real(actions, fd, to);
}

PUBLIC int dup(int fd)
{
    REAL(dup);
    writers_handed(fd);
    return real(fd);
}

PUBLIC int dup2(int fd, int to)
{
    REAL(dup2);
    if (fd != to) {
        writers_handed(fd);
        writers_closing(to);
    }
    return real(fd, to);
}

PUBLIC int dup3(int fd, int to, int flags)
{
    REAL(dup3);
    writers_handed(fd);
    writers_closing(to);
    return real(fd, to, flags);
}

#define FCNTL(name)                                                                      \
    PUBLIC int name(int fd, int command, ...)                                            \
    {                                                                                    \
        REAL(name);                                                                      \
        va_list list;                                                                    \
        va_start(list, command);                                                         \
        void *argument = va_arg(list, void *);                                           \
        va_end(list);                                                                    \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)                            \
            writers_handed(fd);                                                          \
        return real(fd, command, argument);                                              \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

/* What is mapped for reading may be given the right to write later. */
#define MAP(name, offset)                                                                \
    PUBLIC void *name(void *at, size_t size, int rights, int flags, int fd,              \
                      offset from_byte)                                                  \
    {                                                                                    \
        REAL(name);                                                                      \
        if ((flags & MAP_TYPE) != MAP_PRIVATE && (flags & MAP_ANONYMOUS) == 0)           \
            writers_handed(fd);                                                          \
        return real(at, size, rights, flags, fd, from_byte);                             \
    }

MAP(mmap, off_t)
MAP(mmap64, off64_t)

/* ---- the end ---- */

PUBLIC int close(int fd)
{
    REAL(close);
    writers_closing(fd);
    return real(fd);
}

PUBLIC int fclose(FILE *file)
{
    REAL(fclose);
    int error = errno;
    (void)fflush(file); /* what comes of it, fclose tells itself */
    errno = error;
    writers_closing(fileno(file));
    return real(file);
}

PUBLIC int close_range(unsigned first, unsigned last, int flags)
{
    REAL(close_range);
    if (flags == 0)
        writers_closing_from(first < INT_MAX ? (int)first : INT_MAX,
                             last < INT_MAX ? (int)last : INT_MAX);
    return real(first, last, flags);
}
