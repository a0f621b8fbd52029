#ifndef TRACER_RAW_H
#define TRACER_RAW_H

/* System calls as they are: they set no errno, are no cancellation points, take no locks, and are
 * heard by no shim, our own least of all. What fails returns a negative errno. */

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static inline long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
#error "the tracer knows no system call for this machine: build without it"
#endif
}

static inline int raw_open(const char *path, int flags)
{
    return (int)raw_call(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, 0, 0, 0);
}

static inline void raw_close(int fd)
{
    raw_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline long raw_pread(int fd, void *to, size_t size, uint64_t at)
{
    return raw_call(SYS_pread64, fd, (long)to, (long)size, (long)at, 0, 0);
}

static inline long raw_read(int fd, void *to, size_t size)
{
    return raw_call(SYS_read, fd, (long)to, (long)size, 0, 0, 0);
}

static inline long raw_readlink(const char *path, char *to, size_t size)
{
    return raw_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)to, (long)size, 0, 0);
}

static inline int raw_stat(int folder, const char *path, struct stat *ret_status,
                           int flags)
{
    return (int)raw_call(SYS_newfstatat, folder, (long)path, (long)ret_status, flags, 0,
                         0);
}

static inline int raw_fstat(int fd, struct stat *ret_status)
{
    return raw_stat(fd, "", ret_status, AT_EMPTY_PATH);
}

static inline int raw_access(const char *path, int mode)
{
    return (int)raw_call(SYS_faccessat, AT_FDCWD, (long)path, mode, 0, 0, 0);
}

/* The length with its zero byte. */
static inline long raw_getcwd(char *to, size_t size)
{
    return raw_call(SYS_getcwd, (long)to, (long)size, 0, 0, 0, 0);
}

/* NULL where it fails. FD -1: memory of our own. */
static inline void *raw_mmap(size_t size, int flags, int fd)
{
    long at = raw_call(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return at < 0 && at > -4096 ? NULL : (void *)at;
}

static inline void raw_munmap(void *at, size_t size)
{
    raw_call(SYS_munmap, (long)at, (long)size, 0, 0, 0, 0);
}

static inline uint32_t raw_getpid(void)
{
    return (uint32_t)raw_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

#endif
