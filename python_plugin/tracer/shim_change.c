/* The tree being changed.
 *
 * What is told comes after the act: a failed one must not make an output of what is none. What was
 * there before is asked before. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

int __xmknod(int version, const char *path, mode_t mode, dev_t *device);
int __xmknodat(int version, int folder, const char *path, mode_t mode, dev_t *device);

/* A new or a lost name at FOLDER and PATH. */
#define CHANGE(name, kind, folder, parameters, arguments)                                \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real arguments;                                                     \
        look_changed(kind, folder, path, 0, result);                                     \
        return result;                                                                   \
    }

/* A folder or a link in the place of something else: names may lead elsewhere now. */
#define CHANGE_NAMES(name, kind, folder, parameters, arguments)                          \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real arguments;                                                     \
        if (result == 0)                                                                 \
            look_names_changed();                                                        \
        look_changed(kind, folder, path, 0, result);                                     \
        return result;                                                                   \
    }

/* A file that loses one of its names: that shows in its change time under the others. The descriptor of
 * what has others; -1: nothing has. */
static int kept_before(int folder, const char *path)
{
    struct stat status;
    if (!look_before(folder, path, 0, &status) || !S_ISREG(status.st_mode) ||
        status.st_nlink < 2)
        return -1;
    return (int)raw_call(SYS_openat, folder, (long)path, O_PATH | O_NOFOLLOW | O_CLOEXEC,
                         0, 0, 0);
}

static void kept_after(int kept, int folder, const char *path)
{
    struct stat status;
    if (kept < 0)
        return;
    if (raw_fstat(kept, &status) == 0)
        look_used(TRACE_LEFT, folder, path, 0, &status);
    raw_close(kept);
}

#define UNLINK(name, folder, parameters, arguments)                                      \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int kept = kept_before(folder, path);                                            \
        int result = real arguments;                                                     \
        look_changed(TRACE_REMOVED, folder, path, 0, result);                            \
        kept_after(kept, folder, path);                                                  \
        return result;                                                                   \
    }

UNLINK(unlink, AT_FDCWD, (const char *path), (path))
UNLINK(unlinkat, folder, (int folder, const char *path, int flags), (folder, path, flags))
UNLINK(remove, AT_FDCWD, (const char *path), (path))
CHANGE(rmdir, TRACE_REMOVED, AT_FDCWD, (const char *path), (path))
CHANGE(mknod, TRACE_WROTE, AT_FDCWD, (const char *path, mode_t mode, dev_t device),
       (path, mode, device))
CHANGE(mknodat, TRACE_WROTE, folder,
       (int folder, const char *path, mode_t mode, dev_t device),
       (folder, path, mode, device))
CHANGE(__xmknod, TRACE_WROTE, AT_FDCWD,
       (int version, const char *path, mode_t mode, dev_t *device),
       (version, path, mode, device))
CHANGE(__xmknodat, TRACE_WROTE, folder,
       (int version, int folder, const char *path, mode_t mode, dev_t *device),
       (version, folder, path, mode, device))
CHANGE(mkfifo, TRACE_WROTE, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
CHANGE(mkfifoat, TRACE_WROTE, folder, (int folder, const char *path, mode_t mode),
       (folder, path, mode))
CHANGE_NAMES(mkdir, TRACE_MADE, AT_FDCWD, (const char *path, mode_t mode), (path, mode))
CHANGE_NAMES(mkdirat, TRACE_MADE, folder, (int folder, const char *path, mode_t mode),
             (folder, path, mode))
CHANGE_NAMES(symlink, TRACE_WROTE, AT_FDCWD, (const char *target, const char *path),
             (target, path))
CHANGE_NAMES(symlinkat, TRACE_WROTE, folder,
             (const char *target, int folder, const char *path), (target, folder, path))

PUBLIC char *mkdtemp(char *path)
{
    REAL(mkdtemp);
    char *result = real(path);
    if (result != NULL)
        look_names_changed();
    look_changed(TRACE_MADE, AT_FDCWD, path, 0, result != NULL ? 0 : -1);
    return result;
}

/* ---- two names ---- */

struct pair {
    int from_folder, to_folder;
    const char *from, *to;
    struct stat before, replaced;
    bool known, swaps;
    int kept; /* what is replaced and has other names */
};

static struct pair pair_before(int from_folder, const char *from, int to_folder,
                               const char *to)
{
    struct pair pair = {
        .from_folder = from_folder, .from = from, .to_folder = to_folder, .to = to};
    pair.known = look_before(from_folder, from, 0, &pair.before);
    pair.kept = -1;
    return pair;
}

static struct pair rename_before(int from_folder, const char *from, int to_folder,
                                 const char *to)
{
    struct pair pair = pair_before(from_folder, from, to_folder, to);
    pair.kept = kept_before(to_folder, to);
    return pair;
}

static void pair_failed(const struct pair *pair)
{
    look_asked(pair->from_folder, pair->from, LOOK_WEAK, -1, NULL);
    look_changed(TRACE_RENAMED_TO, pair->to_folder, pair->to, 0, -1);
}

static void renamed(const struct pair *pair, int result)
{
    if (result < 0) {
        pair_failed(pair);
        kept_after(pair->kept, pair->to_folder, pair->to);
        return;
    }
    kept_after(pair->kept, pair->to_folder, pair->to);
    if (pair->known && !S_ISREG(pair->before.st_mode))
        look_names_changed();
    look_used(TRACE_RENAMED_FROM, pair->from_folder, pair->from, 0,
              pair->known ? &pair->before : NULL);
    look_changed(TRACE_RENAMED_TO, pair->to_folder, pair->to, 0, 0);
    if (pair->swaps) {
        look_used(TRACE_RENAMED_FROM, pair->to_folder, pair->to, 0, &pair->replaced);
        look_changed(TRACE_RENAMED_TO, pair->from_folder, pair->from, 0, 0);
        look_names_changed();
    }
}

PUBLIC int rename(const char *from, const char *to)
{
    REAL(rename);
    struct pair pair = rename_before(AT_FDCWD, from, AT_FDCWD, to);
    int result = real(from, to);
    renamed(&pair, result);
    return result;
}

PUBLIC int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    REAL(renameat);
    struct pair pair = rename_before(from_folder, from, to_folder, to);
    int result = real(from_folder, from, to_folder, to);
    renamed(&pair, result);
    return result;
}

PUBLIC int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags)
{
    REAL(renameat2);
    struct pair pair = rename_before(from_folder, from, to_folder, to);
    if ((flags & RENAME_EXCHANGE) != 0)
        pair.swaps = look_before(to_folder, to, 0, &pair.replaced);
    int result = real(from_folder, from, to_folder, to, flags);
    renamed(&pair, result);
    return result;
}

/* What the old name holds is what the new one holds. */
static void linked(const struct pair *pair, unsigned how, int result)
{
    if (result < 0) {
        pair_failed(pair);
        return;
    }
    look_names_changed(); /* it may be a link to a link */
    look_used(TRACE_READ, pair->from_folder, pair->from, how,
              pair->known ? &pair->before : NULL);
    /* It has one more name: that shows in its change time. */
    look_changed(TRACE_WROTE, pair->from_folder, pair->from, how, 0);
    look_changed(TRACE_WROTE, pair->to_folder, pair->to, 0, 0);
}

PUBLIC int link(const char *from, const char *to)
{
    REAL(link);
    struct pair pair = pair_before(AT_FDCWD, from, AT_FDCWD, to);
    int result = real(from, to);
    linked(&pair, 0, result);
    return result;
}

PUBLIC int linkat(int from_folder, const char *from, int to_folder, const char *to,
                  int flags)
{
    REAL(linkat);
    unsigned how = (flags & AT_SYMLINK_FOLLOW) != 0 ? LOOK_FOLLOW : 0;
    struct pair pair = pair_before(from_folder, from, to_folder, to);
    if (how == LOOK_FOLLOW || (flags & AT_EMPTY_PATH) != 0)
        pair.known = look_before(from_folder, from, how, &pair.before);
    int result = real(from_folder, from, to_folder, to, flags);
    linked(&pair, how, result);
    return result;
}

/* ---- altered, not replaced: what was there before is still in it ---- */

#define ALTER(name, folder, path, how, parameters, arguments)                            \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        struct stat before;                                                              \
        bool known = look_before(folder, path, how, &before);                            \
        int result = real arguments;                                                     \
        look_altered(folder, path, how, result, known ? &before : NULL);                 \
        return result;                                                                   \
    }

static unsigned how_of(int flags)
{
    return (flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : LOOK_FOLLOW;
}

ALTER(truncate, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, off_t length),
      (path, length))
ALTER(truncate64, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, off64_t length),
      (path, length))
ALTER(chmod, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, mode_t mode), (path, mode))
ALTER(lchmod, AT_FDCWD, path, 0, (const char *path, mode_t mode), (path, mode))
ALTER(fchmodat, folder, path, how_of(flags),
      (int folder, const char *path, mode_t mode, int flags), (folder, path, mode, flags))
ALTER(fchmod, fd, "", 0, (int fd, mode_t mode), (fd, mode))
ALTER(chown, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, uid_t user, gid_t group),
      (path, user, group))
ALTER(lchown, AT_FDCWD, path, 0, (const char *path, uid_t user, gid_t group),
      (path, user, group))
ALTER(fchownat, folder, path, how_of(flags),
      (int folder, const char *path, uid_t user, gid_t group, int flags),
      (folder, path, user, group, flags))
ALTER(fchown, fd, "", 0, (int fd, uid_t user, gid_t group), (fd, user, group))
ALTER(utime, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, const struct utimbuf *times),
      (path, times))
ALTER(utimes, AT_FDCWD, path, LOOK_FOLLOW,
      (const char *path, const struct timeval times[2]), (path, times))
ALTER(lutimes, AT_FDCWD, path, 0, (const char *path, const struct timeval times[2]),
      (path, times))
ALTER(futimesat, folder, path, LOOK_FOLLOW,
      (int folder, const char *path, const struct timeval times[2]),
      (folder, path, times))
ALTER(utimensat, folder, path, how_of(flags),
      (int folder, const char *path, const struct timespec times[2], int flags),
      (folder, path, times, flags))
ALTER(futimens, fd, "", 0, (int fd, const struct timespec times[2]), (fd, times))
ALTER(futimes, fd, "", 0, (int fd, const struct timeval times[2]), (fd, times))
ALTER(setxattr, AT_FDCWD, path, LOOK_FOLLOW,
      (const char *path, const char *name, const void *value, size_t size, int flags),
      (path, name, value, size, flags))
ALTER(lsetxattr, AT_FDCWD, path, 0,
      (const char *path, const char *name, const void *value, size_t size, int flags),
      (path, name, value, size, flags))
ALTER(fsetxattr, fd, "", 0,
      (int fd, const char *name, const void *value, size_t size, int flags),
      (fd, name, value, size, flags))
ALTER(removexattr, AT_FDCWD, path, LOOK_FOLLOW, (const char *path, const char *name),
      (path, name))
ALTER(lremovexattr, AT_FDCWD, path, 0, (const char *path, const char *name), (path, name))
ALTER(fremovexattr, fd, "", 0, (int fd, const char *name), (fd, name))

/* ---- a socket has a name in the tree too ---- */

/* The header has its address as a union of all kinds. */
PUBLIC int bind(int fd, __CONST_SOCKADDR_ARG given, socklen_t length)
{
    REAL(bind);
    const struct sockaddr *address = given.__sockaddr__;
    int result = real(fd, given, length);
    struct sockaddr_un name = {0};
    if (result != 0 || log_current() == NULL || length > sizeof name ||
        length <= offsetof(struct sockaddr_un, sun_path) || address->sa_family != AF_UNIX)
        return result;
    char path[sizeof name.sun_path + 1] = ""; /* a full one has no zero byte of its own */
    memcpy(&name, address, length);
    memcpy(path, name.sun_path, sizeof name.sun_path);
    look_changed(TRACE_WROTE, AT_FDCWD, path, 0,
                 0); /* an abstract name begins with a zero */
    return result;
}
