#include "daemon/watch/cookies.h"

#include "daemon/base/xalloc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 64 };

void cookies_finish(struct cookies *cookies)
{
    free(cookies->waiting);
    cookies->waiting = NULL;
    cookies->count = cookies->capacity = 0;
}

/* With the process's number: two daemons may share a folder for a moment. */
static void file_name(uint64_t number, char ret[NAME_SIZE])
{
    snprintf(ret, NAME_SIZE, "cookie-%ld-%llu", (long)getpid(),
             (unsigned long long)number);
}

static void add(struct cookies *cookies, uint64_t cookie, uint64_t number)
{
    cookies->waiting = xgrow(cookies->waiting, cookies->count, &cookies->capacity,
                             sizeof *cookies->waiting);
    cookies->waiting[cookies->count++] =
        (struct cookie){.cookie = cookie, .number = number};
}

bool cookies_make(struct cookies *cookies, uint64_t cookie)
{
    char name[NAME_SIZE];
    file_name(++cookies->numbers, name);
    autofree char *path = xasprintf("%s/%s", cookies->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return false;
    close(fd);
    unlink(path);
    add(cookies, cookie, cookies->numbers);
    return true;
}

void cookies_add_bare(struct cookies *cookies, uint64_t cookie)
{
    add(cookies, cookie, 0);
}

bool cookies_take(struct cookies *cookies, const char *name, uint64_t *ret)
{
    for (size_t i = 0; i < cookies->count; i++) {
        char expected[NAME_SIZE];
        file_name(cookies->waiting[i].number, expected);
        if (cookies->waiting[i].number == 0 || strcmp(name, expected) != 0)
            continue;
        *ret = cookies->waiting[i].cookie;
        cookies->count--;
        memmove(cookies->waiting + i, cookies->waiting + i + 1,
                (cookies->count - i) * sizeof *cookies->waiting);
        return true;
    }
    return false;
}

static size_t take(struct cookies *cookies, bool bare_only, uint64_t **ret)
{
    uint64_t *taken = xcalloc(cookies->count + 1, sizeof *taken);
    size_t count = 0;
    size_t kept = 0;
    for (size_t i = 0; i < cookies->count; i++) {
        if (bare_only && cookies->waiting[i].number != 0)
            cookies->waiting[kept++] = cookies->waiting[i];
        else
            taken[count++] = cookies->waiting[i].cookie;
    }
    cookies->count = kept;
    *ret = taken;
    return count;
}

size_t cookies_take_bare(struct cookies *cookies, uint64_t **ret)
{
    return take(cookies, true, ret);
}

size_t cookies_take_all(struct cookies *cookies, uint64_t **ret)
{
    return take(cookies, false, ret);
}
