/* An index that travels: as a file of its own, or moved and copied with the project. */

#include "daemon/index/inside.h"
#include "daemon/index/merge.h"
#include "daemon/index/sum.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An exported index: this line, the sum of the rest in a line of its own, and the rest is a database. */
#define HEADER "sniffer index\n"
enum { HEAD = sizeof HEADER - 1, REST = HEAD + SUM_DIGITS + 1 };

/* ---- out ---- */

static int write_whole(int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno != EINTR)
            return -errno;
        at += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static int write_export(int fd, const unsigned char *bytes, size_t size)
{
    char sum[SUM_DIGITS + 1];
    sum_bytes(bytes, size, sum);
    autofree char *head = xasprintf(HEADER "%s\n", sum);
    int r = write_whole(fd, head, REST);
    if (r == 0)
        r = write_whole(fd, bytes, size);
    return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int save(const char *path, const unsigned char *bytes, size_t size)
{
    autofree char *beside = xasprintf("%s.XXXXXX", path);
    autoclose int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_export(fd, bytes, size);
    if (r == 0 && rename(beside, path) < 0)
        r = -errno;
    if (r < 0)
        unlink(beside);
    return r;
}

/* All that FROM knows and that means the same elsewhere. */
static int portable(struct db *from, struct db *ret)
{
    struct index_merged merged;
    int r = db_open(ret, NULL);
    if (r < 0)
        return r;
    r = db_begin_write(ret);
    if (r == 0)
        r = db_end_write(ret, merge(from, ret, &merged));
    if (r < 0)
        db_close(ret);
    return r;
}

int index_export(struct index *index, const char *path)
{
    struct db db;
    size_t size = 0;
    int r = portable(&index->db, &db);
    if (r < 0)
        return r;
    unsigned char *bytes = db_bytes(&db, &size);
    r = bytes != NULL ? save(path, bytes, size) : -ENOMEM;
    sqlite3_free(bytes);
    db_close(&db);
    return r;
}

/* ---- in ---- */

static int read_whole(const char *path, unsigned char **ret, size_t *ret_size)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode) || status.st_size < REST)
        return -EMEDIUMTYPE;
    size_t size = (size_t)status.st_size;
    unsigned char *bytes = malloc(size); /* as large as somebody else's file says */
    size_t length = 0;
    ssize_t got = 1;
    while (bytes != NULL && length < size && got > 0) {
        got = read(fd, bytes + length, size - length);
        length += got > 0 ? (size_t)got : 0;
    }
    int r = bytes == NULL ? -ENOMEM : got < 0 ? -errno : 0;
    if (r == 0) {
        *ret = bytes;
        *ret_size = length;
    } else {
        free(bytes);
    }
    return r;
}

static int open_export(const char *path, struct db *ret)
{
    autofree unsigned char *bytes = NULL;
    size_t size = 0;
    int r = read_whole(path, &bytes, &size);
    if (r < 0)
        return r;
    if (size < REST || memcmp(bytes, HEADER, HEAD) != 0)
        return -EMEDIUMTYPE;
    char sum[SUM_DIGITS + 1];
    sum_bytes(bytes + REST, size - REST, sum);
    if (memcmp(bytes + HEAD, sum, SUM_DIGITS) != 0)
        return -EBADMSG;
    return db_open_bytes(ret, bytes + REST, size - REST);
}

const char *index_why_not(int error)
{
    switch (-error) {
    case EMEDIUMTYPE:
        return "it is no index that snifferctl index export has written";
    case EBADMSG:
        return "it is damaged; export it again";
    case EPROTONOSUPPORT:
        return "it was written by a newer sniffer; install that one";
    default:
        return strerror(-error);
    }
}

static int take(struct index *index, struct db *from, struct index_merged *ret)
{
    int r = 0;
    do {
        r = db_begin_write(&index->db);
        if (r == 0)
            r = db_end_write(&index->db, merge(from, &index->db, ret));
    } while (index_flee(index, r));
    return r;
}

/* What speaks for the moment alone, as a verdict that rests on something unseen, goes on to do so. */
static void reload(struct index *index)
{
    int64_t *fresh = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (const struct verdict *one = index->state.verdicts; one != NULL;
         one = one->hh.next) {
        fresh = xgrow(fresh, count, &capacity, sizeof *fresh);
        fresh[count] = one->id;
        count += one->fresh;
    }
    if (index_reload(index) < 0)
        index_go_blind(index); /* the next turn begins a new one */
    for (size_t i = 0; i < count; i++) {
        struct verdict *verdict = state_verdict(&index->state, fresh[i]);
        if (verdict != NULL)
            verdict->fresh = true;
    }
    free(fresh);
}

int index_import(struct index *index, const char *path, struct index_merged *ret)
{
    struct db from;
    struct index_merged merged = {0};
    int r = open_export(path, &from);
    if (r < 0)
        return r;
    index_flush(index);
    index_find_lost(index);
    r = take(index, &from, &merged);
    db_close(&from);
    if (r < 0)
        return r;
    *ret = merged;
    reload(index);
    return 0;
}

/* ---- moved and copied ---- */

/* A number for the place of the open file and for the file itself. When a file was made tells a copy
 * that got the number of the original, as on machines that are all made alike. */
static int64_t home_of(const char *path)
{
    char real[PATH_MAX];
    struct statx status;
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &status) < 0 ||
        realpath(path, real) == NULL)
        return 0;
    char sum[SUM_DIGITS + 1];
    autofree char *place =
        xasprintf("%s %llu %lld %u        ", real, (unsigned long long)status.stx_ino,
                  (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
    sum_bytes((const unsigned char *)place, strlen(place), sum);
    return (int64_t)(strtoull(sum, NULL, 16) & INT64_MAX);
}

int index_settle(struct index *index)
{
    return index_set_number(index, "home", home_of(index->path));
}

/* What it knows is merged into an empty one, which takes its place. */
static int travel(struct index *index)
{
    struct db db;
    int r = portable(&index->db, &db);
    if (r == 0)
        r = merge_numbers(&index->db, &db);
    if (r < 0)
        return r;
    db_close(&index->db);
    r = db_move(&db, index->path);
    if (r == 0)
        index->db = db;
    else
        db_close(&db);
    return r;
}

int index_arrive(struct index *index)
{
    int64_t home = 0;
    int64_t here = home_of(index->path);
    int r = index_number(index, "home", 0, &home);
    if (r < 0 || (home == here && here != 0))
        return r;
    if (home != 0)
        r = travel(index);
    return r == 0 ? index_settle(index) : r;
}
