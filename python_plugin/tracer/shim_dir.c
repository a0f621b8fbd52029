/* Folders being listed. libc's own walkers (glob, nftw, fts, scandir) call its inner functions,
 * which nobody hears; so each of them is followed by itself. */

#include "python_plugin/tracer/tracer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

PUBLIC DIR *opendir(const char *path)
{
    REAL(opendir);
    DIR *folder = real(path);
    look_listed(AT_FDCWD, path, folder != NULL ? dirfd(folder) : -1);
    return folder;
}

PUBLIC DIR *fdopendir(int fd)
{
    REAL(fdopendir);
    DIR *folder = real(fd);
    if (folder != NULL)
        look_listed(fd, "", fd);
    return folder;
}

PUBLIC ssize_t getdents64(int fd, void *to, size_t size)
{
    REAL(getdents64);
    ssize_t result = real(fd, to, size);
    if (result >= 0)
        look_listed(fd, "", fd);
    return result;
}

/* ---- scandir: the folder is open only inside it ---- */

static void listed_by_name(int folder, const char *path, int result)
{
    if (result < 0)
        look_listed(folder, path, -1);
    else
        look_changed(TRACE_LISTING, folder, path, LOOK_FOLLOW, 0);
}

#define SCANDIR(name, type)                                                              \
    PUBLIC int name(const char *restrict path, type ***restrict names,                   \
                    int (*select)(const type *),                                         \
                    int (*compare)(const type **, const type **))                        \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(path, names, select, compare);                                 \
        listed_by_name(AT_FDCWD, path, result);                                          \
        return result;                                                                   \
    }

#define SCANDIRAT(name, type)                                                            \
    PUBLIC int name(int folder, const char *restrict path, type ***restrict names,       \
                    int (*select)(const type *),                                         \
                    int (*compare)(const type **, const type **))                        \
    {                                                                                    \
        REAL(name);                                                                      \
        int result = real(folder, path, names, select, compare);                         \
        listed_by_name(folder, path, result);                                            \
        return result;                                                                   \
    }

SCANDIR(scandir, struct dirent)
SCANDIR(scandir64, struct dirent64)
SCANDIRAT(scandirat, struct dirent)
SCANDIRAT(scandirat64, struct dirent64)

/* ---- glob: it takes other functions for its questions, so it gets ours ---- */

static void *glob_open(const char *path)
{
    return opendir(path);
}

static struct dirent *glob_read(void *folder)
{
    return readdir(folder);
}

static void glob_close(void *folder)
{
    closedir(folder);
}

static int glob_stat(const char *restrict path, struct stat *restrict status)
{
    return stat(path, status);
}

static int glob_lstat(const char *restrict path, struct stat *restrict status)
{
    return lstat(path, status);
}

static struct dirent64 *glob_read64(void *folder)
{
    return readdir64(folder);
}

static int glob_stat64(const char *restrict path, struct stat64 *restrict status)
{
    return stat64(path, status);
}

static int glob_lstat64(const char *restrict path, struct stat64 *restrict status)
{
    return lstat64(path, status);
}

PUBLIC int glob(const char *restrict pattern, int flags, int (*failed)(const char *, int),
                glob_t *restrict found)
{
    REAL(glob);
    if ((flags & GLOB_ALTDIRFUNC) != 0 || log_current() == NULL)
        return real(pattern, flags, failed, found);
    found->gl_opendir = glob_open;
    found->gl_readdir = glob_read;
    found->gl_closedir = glob_close;
    found->gl_stat = glob_stat;
    found->gl_lstat = glob_lstat;
    int result = real(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
    found->gl_flags &= ~GLOB_ALTDIRFUNC;
    return result;
}

PUBLIC int glob64(const char *restrict pattern, int flags,
                  int (*failed)(const char *, int), glob64_t *restrict found)
{
    REAL(glob64);
    if ((flags & GLOB_ALTDIRFUNC) != 0 || log_current() == NULL)
        return real(pattern, flags, failed, found);
    found->gl_opendir = glob_open;
    found->gl_readdir = glob_read64;
    found->gl_closedir = glob_close;
    found->gl_stat = glob_stat64;
    found->gl_lstat = glob_lstat64;
    int result = real(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
    found->gl_flags &= ~GLOB_ALTDIRFUNC;
    return result;
}

/* Its globbing and its shell commands are out of reach. */
PUBLIC int wordexp(const char *restrict words, wordexp_t *restrict found, int flags)
{
    REAL(wordexp);
    if (strpbrk(words, "*?[`$") != NULL)
        look_unseen(TRACE_INSIDE, "wordexp");
    return real(words, found, flags);
}

/* ---- ftw, nftw: each thing they visit passes through their caller's function ---- */

/* What the caller gave, per thread: it must be had back inside the function that ftw calls. */
static __thread __ftw_func_t ftw_function;
static __thread __nftw_func_t nftw_function;
static __thread int walk_base;

/* Paths are told as seen from where the walk began, wherever it has gone since (FTW_CHDIR). */
static void visited(const char *path, int type)
{
    if (type == FTW_D || type == FTW_DP)
        look_changed(TRACE_LISTING, walk_base, path, LOOK_FOLLOW, 0);
    else if (type != FTW_NS)
        look_asked(walk_base, path, type == FTW_SL || type == FTW_SLN ? 0 : LOOK_FOLLOW,
                   0, NULL);
}

static int ftw_visit(const char *path, const struct stat *status, int type)
{
    visited(path, type);
    return ftw_function(path, status, type);
}

static int nftw_visit(const char *path, const struct stat *status, int type,
                      struct FTW *where)
{
    visited(path, type);
    return nftw_function(path, status, type, where);
}

static int base_open(void)
{
    return log_current() != NULL ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void base_close(int base, int outer)
{
    int error = errno;
    if (base >= 0)
        close(base);
    walk_base = outer;
    errno = error;
}

#define FTW(name, function_type, keep, visit, parameters, arguments)                     \
    PUBLIC int name parameters                                                           \
    {                                                                                    \
        REAL(name);                                                                      \
        int base = base_open();                                                          \
        if (base < 0)                                                                    \
            return real arguments;                                                       \
        __typeof__(keep) outer = keep; /* a walk within a walk */                        \
        int outer_base = walk_base;                                                      \
        keep = (__typeof__(keep))function;                                               \
        walk_base = base;                                                                \
        function = (function_type)visit;                                                 \
        int result = real arguments;                                                     \
        keep = outer;                                                                    \
        base_close(base, outer_base);                                                    \
        if (result < 0)                                                                  \
            look_listed(AT_FDCWD, path, -1);                                             \
        return result;                                                                   \
    }

FTW(ftw, __ftw_func_t, ftw_function, ftw_visit,
    (const char *path, __ftw_func_t function, int depth), (path, function, depth))
FTW(ftw64, __ftw64_func_t, ftw_function, ftw_visit,
    (const char *path, __ftw64_func_t function, int depth), (path, function, depth))
FTW(nftw, __nftw_func_t, nftw_function, nftw_visit,
    (const char *path, __nftw_func_t function, int depth, int flags),
    (path, function, depth, flags))
FTW(nftw64, __nftw64_func_t, nftw_function, nftw_visit,
    (const char *path, __nftw64_func_t function, int depth, int flags),
    (path, function, depth, flags))

/* ---- fts: hands out one thing after the other, seen from the folder it is in now ---- */

static void fts_visited(const char *path, int info)
{
    if (info == FTS_D)
        look_changed(TRACE_LISTING, AT_FDCWD, path, LOOK_FOLLOW, 0);
    else if (info != FTS_DP && info != FTS_NS)
        look_asked(AT_FDCWD, path, info == FTS_SL || info == FTS_SLNONE ? 0 : LOOK_FOLLOW,
                   0, NULL);
}

#define FTS_READ(name, tree, entry_type)                                                 \
    PUBLIC entry_type *name(tree *walk)                                                  \
    {                                                                                    \
        REAL(name);                                                                      \
        entry_type *entry = real(walk);                                                  \
        if (entry == NULL)                                                               \
            return entry;                                                                \
        fts_visited(entry->fts_accpath, entry->fts_info);                                \
        return entry;                                                                    \
    }

FTS_READ(fts_read, FTS, FTSENT)
FTS_READ(fts64_read, FTS64, FTSENT64)
