/* Preloaded into a daemon: SIGKILL at the N-th change of its index, before it is made or with half of
 * it done, as when the power of the process goes. SNIFFER_KILL_AT=N, or N/2 for the half.
 *
 * A change is a write to a file named index.sqlite*, a cut, a sync, or the removal of such a name: all
 * that SQLite does between two of them is memory, so this is each point at which a kill can leave
 * something else than before. What the daemon starts is left alone. */

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long left; /* 0: never */
static bool half;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("SNIFFER_KILL_AT");
    if (at != NULL) {
        char *end = NULL;
        left = strtol(at, &end, 10);
        half = strcmp(end, "/2") == 0;
    }
    unsetenv("SNIFFER_KILL_AT");
    unsetenv("LD_PRELOAD");
}

static bool is_index(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && strncmp(slash, "/index.sqlite", strlen("/index.sqlite")) == 0;
}

static bool is_index_fd(int fd)
{
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return is_index(path);
}

/* Is this the one? */
static bool now(bool concerned)
{
    return left > 0 && concerned && --left == 0;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
}

typedef ssize_t pwrite_function(int fd, const void *data, size_t size, off64_t at);
typedef int fd_function(int fd);
typedef int truncate_function(int fd, off64_t size);
typedef int path_function(const char *path);

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    pwrite_function *real = (pwrite_function *)(__INTPTR_TYPE__)next("pwrite64");
    if (now(is_index_fd(fd))) {
        if (half)
            real(fd, data, size / 2, at);
        die();
    }
    return real(fd, data, size, at);
}

int ftruncate64(int fd, off64_t size)
{
    truncate_function *real = (truncate_function *)(__INTPTR_TYPE__)next("ftruncate64");
    if (now(is_index_fd(fd)))
        die();
    return real(fd, size);
}

int fdatasync(int fd)
{
    fd_function *real = (fd_function *)(__INTPTR_TYPE__)next("fdatasync");
    if (now(is_index_fd(fd)))
        die();
    return real(fd);
}

int unlink(const char *path)
{
    path_function *real = (path_function *)(__INTPTR_TYPE__)next("unlink");
    if (now(is_index(path)))
        die();
    return real(path);
}
