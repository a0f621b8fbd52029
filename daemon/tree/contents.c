#include "daemon/tree/contents.h"

#include "daemon/base/xalloc.h"
#include "daemon/tree/hash.h"
#include "daemon/tree/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { TRIES = 4, CHUNK = 64 << 10 };

static struct digest state_of_number(const char *tag, uint64_t number)
{
    struct hash hash = hash_begin(tag);
    hash_number(&hash, number);
    return hash_end(&hash);
}

struct digest contents_absent(void)
{
    return state_of_number("absent", 0);
}

static struct digest state_of_error(int error)
{
    if (!identity_error_is_answer(error))
        return hash_fresh();
    if (identity_error_is_absence(error))
        return contents_absent();
    return state_of_number("error", (uint64_t)-error);
}

static struct digest state_of_unreadable(const struct identity *identity)
{
    struct hash hash = hash_begin("unreadable");
    hash_number(&hash, identity->device);
    hash_number(&hash, identity->inode);
    hash_number(&hash, (uint64_t)identity->size);
    hash_number(&hash, (uint64_t)identity->mtime_ns);
    hash_number(&hash, (uint64_t)identity->ctime_ns);
    hash_number(&hash, identity->mode);
    return hash_end(&hash);
}

/* All bytes of FD into HASH. The length; -EAGAIN: not BEFORE any more; -errno. */
static int64_t hash_rest(struct hash *hash, int fd, const struct identity *before)
{
    uint8_t chunk[CHUNK];
    int64_t length = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return length;
        hash_bytes(hash, chunk, (size_t)got);
        length += got;
        if (length <= before->size)
            continue;
        /* Longer than it said: somebody may append faster than we read, without end. */
        struct identity now;
        int error = identity_ask_open(fd, &now);
        if (error < 0)
            return error;
        if (!identity_equal(before, &now))
            return -EAGAIN;
    }
}

/* 0; -EAGAIN: it changed meanwhile, or is no file now; -errno. */
static int read_file(const char *absolute, struct contents *ret, int *opened)
{
    /* Taken first: a write after this moment is one that the digest may lack. */
    int64_t taken = identity_clock_ns();
    autoclose int fd =
        open(absolute, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? -EAGAIN : -errno;
    ++*opened;
    struct identity before;
    int error = identity_ask_open(fd, &before);
    if (error < 0)
        return error;
    if (!S_ISREG(before.mode))
        return -EAGAIN;
    struct hash hash = hash_begin("file");
    hash_number(&hash, before.mode & 07777);
    int64_t length = hash_rest(&hash, fd, &before);
    struct digest digest = hash_end(&hash);
    if (length < 0)
        return (int)length;
    struct identity after;
    error = identity_ask_open(fd, &after);
    if (error < 0)
        return error;
    if (!identity_equal(&before, &after))
        return -EAGAIN;
    *ret = (struct contents){
        .identity = before,
        .digest = digest,
        /* Files that the kernel makes up (/proc, /sys) have a size that is not their
         * length and change without a trace. */
        .sure = length == before.size && identity_settled(&before, taken),
    };
    return 0;
}

static int look_at_file(const char *absolute, const struct identity *identity,
                        struct contents *memory, struct sight *sight)
{
    struct digest *ret = &sight->digest;
    if (memory->sure && identity_equal(&memory->identity, identity)) {
        memory->identity.links = identity->links;
        *ret = memory->digest;
        return 0;
    }
    struct contents now;
    int error = read_file(absolute, &now, &sight->opened);
    if (error == -EAGAIN)
        return error;
    *memory = error == 0 ? now : (struct contents){0};
    if (error == 0)
        *ret = now.digest;
    else if (error == -EACCES || error == -EPERM)
        *ret = state_of_unreadable(identity);
    else
        *ret = hash_fresh();
    return 0;
}

static int look_at_link(const char *absolute, struct digest *ret)
{
    char target[PATH_MAX];
    ssize_t length = readlink(absolute, target, sizeof target);
    if (length < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EINVAL ? -EAGAIN : -errno;
    struct hash hash = hash_begin("link");
    hash_bytes(&hash, target, (size_t)length);
    *ret = hash_end(&hash);
    return 0;
}

/* 0; -EAGAIN: it became something else while we looked; -errno. KIND is set in every
 * case. */
static int look_once(struct survey *survey, const char *absolute, struct contents *memory,
                     struct sight *sight)
{
    sight->kind = 0;
    struct identity identity;
    int error = identity_ask(survey, absolute, &identity);
    if (error < 0) {
        sight->digest = state_of_error(error);
        return 0;
    }
    sight->kind = identity.mode & S_IFMT;
    if (S_ISREG(identity.mode))
        return look_at_file(absolute, &identity, memory, sight);
    if (S_ISLNK(identity.mode))
        return look_at_link(absolute, &sight->digest);
    sight->digest = state_of_number("kind", sight->kind);
    return 0;
}

struct sight contents_look(struct survey *survey, const char *absolute,
                           struct contents *memory)
{
    struct sight sight = {.opened = 0};
    for (int i = 0; i < TRIES; i++)
        if (look_once(survey, absolute, memory, &sight) == 0)
            return sight;
    *memory = (struct contents){0};
    sight.digest = hash_fresh(); /* it never holds still: nothing may rest on it */
    return sight;
}
