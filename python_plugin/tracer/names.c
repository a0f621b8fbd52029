/* From what a caller spelled to what the kernel means by it.
 *
 * "//" and "." go by the letter; ".." never does: the kernel takes it of the folder that a link led
 * to. So names are walked as the kernel walks them, link by link, and each link is told: whoever
 * changes it changes what was found behind it. Folders without links in them are remembered, which
 * leaves one readlink for most names. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <limits.h>

enum { LINKS_MAX = 40 }; /* as the kernel does */

/* ---- buffers ---- */

enum { BUFFERS = 5, POOL = 8, SMALL = 816, LARGE = 2 * PATH_MAX };

/* A page each: most names are short, and each page touched costs a short process a fault. */
static _Alignas(4096) char pool[POOL][4096];
static _Atomic bool taken[POOL];
_Static_assert(BUFFERS *SMALL <= 4096, "the small buffers share a page");

static struct scratch scratch_over(char *memory, size_t size)
{
    struct scratch scratch = {.size = size, .large = size == LARGE};
    if (memory == NULL)
        return scratch;
    scratch.spelled = memory;
    scratch.real = memory + size;
    scratch.rest = memory + 2 * size;
    scratch.target = memory + 3 * size;
    scratch.kernel = memory + 4 * size;
    return scratch;
}

/* spelled is NULL where there is no memory. A buffer that a killed vfork child had stays taken. */
struct scratch scratch_take(bool large)
{
    for (int i = 0; !large && i < POOL; i++)
        if (!atomic_exchange(&taken[i], true))
            return scratch_over(pool[i], SMALL);
    return scratch_over(
        raw_mmap((size_t)BUFFERS * LARGE, MAP_PRIVATE | MAP_ANONYMOUS, -1), LARGE);
}

void scratch_give(struct scratch *scratch)
{
    if (scratch->spelled == NULL)
        return;
    if (scratch->large)
        raw_munmap(scratch->spelled, (size_t)BUFFERS * LARGE);
    else
        atomic_store(&taken[(scratch->spelled - pool[0]) / 4096], false);
}

/* ---- spelling ---- */

/* "/proc/self/fd/N" of up to 10 digits. */
static void descriptor_name(int fd, char to[32])
{
    char digits[12];
    size_t count = 0;
    memcpy(to, "/proc/self/fd/", 14);
    do {
        digits[count++] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    for (size_t i = 0; i < count; i++)
        to[14 + i] = digits[count - 1 - i];
    to[14 + count] = '\0';
}

size_t name_of_fd(int fd, char *to, size_t size)
{
    char name[32];
    if (fd < 0)
        return 0;
    descriptor_name(fd, name);
    long length = raw_readlink(name, to, size - 1);
    if (length <= 0 || (size_t)length >= size - 1 || to[0] != '/')
        return 0;
    to[length] = '\0';
    return (size_t)length;
}

static int name_of_folder(int folder, char *to, size_t size)
{
    if (folder != AT_FDCWD) {
        char name[32];
        if (folder < 0)
            return -EBADF;
        descriptor_name(folder, name);
        long length = raw_readlink(name, to, size);
        if (length < 0 || to[0] != '/')
            return -EBADF;
        return (size_t)length == size ? -ENAMETOOLONG : (int)length;
    }
    long length = raw_getcwd(to, size);
    if (length == -ERANGE)
        return -ENAMETOOLONG;
    return length <= 1 || to[0] != '/' ? -ENOENT : (int)length - 1;
}

static bool is_dot(const char *name, size_t length)
{
    return length == 1 && name[0] == '.';
}

static bool is_up(const char *name, size_t length)
{
    return length == 2 && name[0] == '.' && name[1] == '.';
}

/* The next name in *AT, past slashes; its length, 0 at the end. *AT moves behind it. */
static size_t next_name(const char **at, const char **ret_name)
{
    while (**at == '/')
        (*at)++;
    *ret_name = *at;
    while (**at != '\0' && **at != '/')
        (*at)++;
    return (size_t)(*at - *ret_name);
}

static bool put_name(char *to, size_t *length, size_t size, const char *name,
                     size_t name_length)
{
    if (*length + name_length + 2 > size)
        return false;
    to[*length] = '/';
    memcpy(to + *length + 1, name, name_length);
    *length += name_length + 1;
    to[*length] = '\0';
    return true;
}

static void pad(char *to, size_t length)
{
    do
        to[length++] = '\0';
    while (length % 8 != 0);
}

int name_spell(char *to, size_t size, int folder, const char *path,
               struct spelled *ret_spelled)
{
    size_t length = 0;
    const char *name = path;
    size_t name_length = 0;
    bool slash = false;
    size -= 8; /* for the zeros */
    if (path[0] != '/') {
        int result = name_of_folder(folder, to, size);
        if (result < 0)
            return result;
        length = result == 1
                     ? 0
                     : (size_t)result; /* "/" is written as nothing while it grows */
    }
    const char *at = path;
    while ((name_length = next_name(&at, &name)) != 0) {
        slash = is_dot(name, name_length) || is_up(name, name_length) || *at == '/';
        if (!is_dot(name, name_length) && !put_name(to, &length, size, name, name_length))
            return -ENAMETOOLONG;
    }
    if (length == 0)
        to[length++] = '/';
    pad(to, length);
    ret_spelled->length = length;
    ret_spelled->slash = slash;
    return 0;
}

/* The folder's name costs a readlink in /proc, its number much less; and it keeps its name unless
 * that is told (epoch). */
static int spell_by_number(char *to, size_t size, int folder, const char *path,
                           struct spelled *ret_spelled)
{
    struct stat status;
    size_t length = strlen(path);
    size_t head = 1 + sizeof status.st_dev + sizeof status.st_ino;
    if (head + length + 8 > size)
        return -ENAMETOOLONG;
    if (raw_fstat(folder, &status) != 0)
        return -EBADF;
    to[0] = '#'; /* no path begins like this */
    memcpy(to + 1, &status.st_dev, sizeof status.st_dev);
    memcpy(to + 1 + sizeof status.st_dev, &status.st_ino, sizeof status.st_ino);
    memcpy(to + head, path, length);
    pad(to, head + length);
    *ret_spelled = (struct spelled){.length = head + length};
    return 0;
}

int name_spell_quickly(char *to, size_t size, int folder, const char *path,
                       struct spelled *ret_spelled)
{
    if (folder != AT_FDCWD && path[0] != '/' && path[0] != '\0')
        return spell_by_number(to, size, folder, path, ret_spelled);
    return name_spell(to, size, folder, path, ret_spelled);
}

/* ---- walking ---- */

struct walk {
    struct trace_log *log;
    struct scratch *scratch;
    size_t length;  /* of scratch->real */
    const char *at; /* in scratch->rest: what is still to go */
    int links;
    bool passing;
};

static void go_up(struct walk *walk)
{
    while (walk->length > 0 && walk->scratch->real[--walk->length] != '/')
        ;
    walk->scratch->real[walk->length] = '\0';
}

/* What a link says goes before what is still to go. 1: there is more to do. */
static int follow_link(struct walk *walk, size_t target)
{
    struct scratch *scratch = walk->scratch;
    size_t left = strlen(walk->at);
    if (target + left + 2 > scratch->size)
        return -ENAMETOOLONG;
    if (scratch->target[0] == '/') {
        walk->length = 0;
        scratch->real[0] = '\0';
    } else {
        go_up(walk);
    }
    memmove(scratch->rest + target + 1, walk->at, left + 1);
    memcpy(scratch->rest, scratch->target, target);
    scratch->rest[target] = '/';
    walk->at = scratch->rest;
    return 1;
}

static bool more_to_go(const char *at)
{
    const char *name = at;
    return next_name(&at, &name) != 0;
}

/* Nothing is there: what follows is only a name. With ".." in it that name would lie, and as long
 * as this much is absent the whole is. */
static int put_the_rest(struct walk *walk)
{
    const char *name = walk->at;
    size_t length = 0;
    for (const char *at = walk->at; (length = next_name(&at, &name)) != 0;)
        if (is_up(name, length))
            return 0;
    while ((length = next_name(&walk->at, &name)) != 0)
        if (!is_dot(name, length) && !put_name(walk->scratch->real, &walk->length,
                                               walk->scratch->size, name, length))
            return -ENAMETOOLONG;
    return 0;
}

/* 1: go on; 0: at the end. */
static int step(struct walk *walk, bool follow, name_link *tell)
{
    struct scratch *scratch = walk->scratch;
    const char *name = NULL;
    size_t length = next_name(&walk->at, &name);
    if (length == 0)
        return 0;
    if (is_dot(name, length))
        return 1;
    if (is_up(name, length)) {
        go_up(walk);
        return 1;
    }
    if (!put_name(scratch->real, &walk->length, scratch->size, name, length))
        return -ENAMETOOLONG;
    if (!follow && !more_to_go(walk->at))
        return 0;
    long target = raw_readlink(scratch->real, scratch->target, scratch->size);
    if (target == -EINVAL)
        return 1;
    if (target < 0 || walk->links == LINKS_MAX)
        return put_the_rest(walk);
    if ((size_t)target == scratch->size)
        return -ENAMETOOLONG;
    walk->links++;
    if (strncmp(scratch->real, "/proc/", 6) == 0) {
        walk->passing = true;
        if (scratch->target[0] != '/' && strchr(scratch->target, ':') != NULL)
            return put_the_rest(walk); /* a pipe, a socket: "pipe:[4711]" */
    }
    tell(walk->log, scratch->real, walk->length);
    return follow_link(walk, (size_t)target);
}

static const char *last_slash(const char *text, size_t length)
{
    while (length > 0 && text[length] != '/')
        length--;
    return text + length;
}

/* Starts at the folder where it is known to be without links. */
static void start(struct walk *walk, const struct spelled *spelled, uint64_t mark)
{
    struct scratch *scratch = walk->scratch;
    const char *slash = last_slash(scratch->spelled, spelled->length);
    size_t length = (size_t)(slash - scratch->spelled);
    memcpy(scratch->target, scratch->spelled, length);
    pad(scratch->target, length);
    walk->length = 0;
    walk->at = scratch->spelled;
    if (length > 0 && cache_has(mark, scratch->target, length)) {
        memcpy(scratch->real, scratch->spelled, length);
        walk->length = length;
        walk->at = slash;
    }
    scratch->real[walk->length] = '\0';
    memmove(scratch->rest, walk->at, strlen(walk->at) + 1);
    walk->at = scratch->rest;
}

/* The walk met no link in the folder, and the folder is there. */
static void remember_folder(const struct walk *walk, const struct spelled *spelled,
                            uint64_t mark)
{
    struct scratch *scratch = walk->scratch;
    size_t length =
        (size_t)(last_slash(scratch->spelled, spelled->length) - scratch->spelled);
    if (length == 0 || walk->length <= length ||
        memcmp(scratch->spelled, scratch->real, walk->length) != 0)
        return;
    memcpy(scratch->target, scratch->spelled, length);
    pad(scratch->target, length);
    if (!cache_has(mark, scratch->target, length))
        cache_add(mark, scratch->target, length);
}

int name_walk(struct trace_log *log, struct scratch *scratch,
              const struct spelled *spelled, bool follow, uint64_t mark, name_link *tell,
              bool *ret_passing)
{
    struct walk walk = {.log = log, .scratch = scratch};
    int result = 0;
    start(&walk, spelled, mark);
    bool whole = walk.length == 0;
    do
        result = step(&walk, follow, tell);
    while (result > 0);
    if (result < 0)
        return result;
    if (walk.length == 0) {
        scratch->real[walk.length++] = '/';
        scratch->real[1] = '\0';
    }
    if (whole && walk.links == 0 && !walk.passing)
        remember_folder(&walk, spelled, mark);
    *ret_passing = walk.passing;
    return (int)walk.length;
}
