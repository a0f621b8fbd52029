#include "daemon/index/sum.h"

#include "daemon/base/xalloc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, DIGITS = SUM_DIGITS };

/* The file is a row of whole pages, and so of words. */
static uint64_t add(uint64_t sum, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i + sizeof sum <= size; i += sizeof sum) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}

void sum_bytes(const unsigned char *bytes, size_t size, char ret[SUM_DIGITS + 1])
{
    snprintf(ret, DIGITS + 1, "%016" PRIx64, add(size, bytes, size));
}

static bool sum_file(const char *path, char *ret)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    autofree unsigned char *block = xmalloc(BLOCK);
    uint64_t sum = 0;
    ssize_t size = 0;
    while (fd >= 0 && (size = read(fd, block, BLOCK)) > 0)
        sum = add(sum ^ (uint64_t)size, block, (size_t)size);
    snprintf(ret, DIGITS + 1, "%016" PRIx64, sum);
    return fd >= 0 && size == 0;
}

bool sum_is_wrong(const char *path)
{
    autofree char *name = xasprintf("%s-sum", path);
    char told[DIGITS + 1] = "";
    char now[DIGITS + 1] = "";
    autoclose int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || read(fd, told, DIGITS) != DIGITS)
        return false;
    struct stat status; /* an empty file has nothing wrong in it: it is a new index */
    return stat(path, &status) == 0 && status.st_size > 0 && sum_file(path, now) &&
           strcmp(told, now) != 0;
}

void sum_write(const char *path)
{
    autofree char *name = xasprintf("%s-sum", path);
    char now[DIGITS + 1] = "";
    if (!sum_file(path, now))
        return;
    autoclose int fd =
        open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd >= 0 && write(fd, now, DIGITS) != DIGITS)
        unlink(name);
}

void sum_remove(const char *path)
{
    autofree char *name = xasprintf("%s-sum", path);
    unlink(name);
}
