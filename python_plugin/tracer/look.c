/* From a call to records.
 *
 * A look has a key (what is asked, and what came of it) and a name as it was spelled. Key and name
 * are asked of the cache first: most looks end there. Else the name is followed, the identity
 * taken, and the records told. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>

struct look {
    int folder;
    const char *path;
    unsigned how;
    int fd;       /* what was opened, or -1 */
    unsigned key; /* tells this kind of look from others */
    uint8_t kinds[2];
    bool doubtful; /* kinds[0] is EXISTS where something is there, ABSENT where not */
    bool parent;   /* the folder is what matters, not the name in it */
    bool again;    /* it is told each time */
    bool lost;     /* what it is like is not known */
    const struct stat *status; /* identity for kinds[0]; NULL: to be asked */
};

enum {
    KEY_FOLDER = 1 << 28, /* "has no links in it" */
    KEY_OPENED = 1 << 29,
    KEY_MAKES = 1 << 30,
    KEY_FLAGS = O_ACCMODE | O_TRUNC | O_PATH | O_NOFOLLOW,
};
_Static_assert((KEY_FLAGS & (KEY_FOLDER | KEY_OPENED | KEY_MAKES)) == 0, "keys differ");

_Thread_local struct look_depths look_depths;

static uint64_t mark_of(const struct trace_log *log, unsigned key)
{
    return key | atomic_load_explicit(&log->epoch, memory_order_acquire) << 32;
}

void look_names_changed(void)
{
    struct trace_log *log = log_current();
    if (log != NULL)
        atomic_fetch_add(&log->epoch, 1);
}

static void tell_link(struct trace_log *log, const char *link, size_t length)
{
    struct stat status;
    if (raw_stat(AT_FDCWD, link, &status, AT_SYMLINK_NOFOLLOW) == 0)
        log_record(log, TRACE_LINK, 0, link, length, &status);
}

/* ---- the records of a look whose real name is known ---- */

static bool has_identity(enum trace_kind kind)
{
    return kind != TRACE_WROTE && kind != TRACE_ABSENT && kind != TRACE_LISTING &&
           kind != TRACE_REMOVED && kind != TRACE_MADE && kind != TRACE_UNSEEN;
}

static void tell_kinds(struct trace_log *log, const struct look *look, const char *real,
                       size_t length)
{
    struct stat status;
    const struct stat *seen = look->status;
    enum trace_kind kind = look->kinds[0];
    if (look->lost) {
        log_record(log, kind, 0, real, length, NULL);
        return;
    }
    if (seen == NULL && (look->doubtful || has_identity(kind))) {
        int result = raw_stat(AT_FDCWD, real, &status, AT_SYMLINK_NOFOLLOW);
        seen = result == 0 ? &status : NULL;
        if (look->doubtful)
            kind = result == 0 ? TRACE_EXISTS : TRACE_ABSENT;
        if (look->doubtful && result == 0 && S_ISLNK(status.st_mode))
            kind = TRACE_LINK;
    }
    log_record(log, kind, 0, real, length, has_identity(kind) ? seen : NULL);
    if (look->kinds[1] != 0)
        log_record(log, look->kinds[1], 0, real, length, NULL);
}

/* What an open that went well means, by what came of it. */
static void judge_open(struct look *look, const struct stat *status)
{
    look->kinds[0] = TRACE_READ;
    look->kinds[1] = 0;
    if ((look->key & O_PATH) != 0 || !S_ISREG(status->st_mode)) {
        look->kinds[0] = TRACE_EXISTS;
        look->kinds[1] = 0;
    } else if ((look->key & KEY_MAKES) != 0) {
        look->kinds[0] = TRACE_ABSENT;
        look->kinds[1] = TRACE_WROTE;
    } else if ((look->key & O_TRUNC) != 0) {
        look->kinds[0] = TRACE_WROTE;
        look->kinds[1] = 0;
    }
    look->status = status;
}

/* ---- following the name ---- */

static size_t parent_of(char *real, size_t length)
{
    while (length > 1 && real[length - 1] != '/')
        length--;
    if (length > 1)
        length--;
    real[length] = '\0';
    return length;
}

/* The real name into scratch->real; its length. For what is open the kernel is asked: when it says
 * what the caller spelled, there was no link on the way, and no more is to be done. */
static int find_real(struct trace_log *log, const struct look *look,
                     struct scratch *scratch, const struct stat *opened,
                     bool *ret_passing)
{
    struct spelled spelled;
    int result =
        name_spell(scratch->spelled, scratch->size, look->folder, look->path, &spelled);
    if (result < 0)
        return result;
    size_t kernel = 0;
    if (opened != NULL && opened->st_nlink > 0)
        kernel = name_of_fd(look->fd, scratch->kernel, scratch->size);
    if (kernel == 0 || kernel != spelled.length ||
        memcmp(scratch->kernel, scratch->spelled, kernel) != 0) {
        bool follow = (look->how & LOOK_FOLLOW) != 0 || spelled.slash;
        result = name_walk(log, scratch, &spelled, follow, mark_of(log, KEY_FOLDER),
                           tell_link, ret_passing);
    }
    if (kernel != 0 && result >= 0) {
        memcpy(scratch->real, scratch->kernel, kernel + 1);
        result = (int)kernel;
    }
    return result;
}

/* -ENAMETOOLONG: does not fit into SCRATCH. */
static int tell_with(struct trace_log *log, struct look *look, struct scratch *scratch,
                     bool *ret_passing)
{
    struct stat opened;
    bool is_open = look->fd >= 0 && raw_fstat(look->fd, &opened) == 0;
    if (look->fd >= 0 && !is_open)
        return 0; /* somebody closed it already */
    int length = find_real(log, look, scratch, is_open ? &opened : NULL, ret_passing);
    if (length == -ENAMETOOLONG)
        return length;
    if (length <= 0)
        return 0;
    size_t real = (size_t)length;
    if (look->parent)
        real = parent_of(scratch->real, real);
    if (is_open && (look->key & KEY_OPENED) != 0)
        judge_open(look, &opened);
    tell_kinds(log, look, scratch->real, real);
    return 0;
}

static bool tell_slowly(struct trace_log *log, struct look *look)
{
    bool passing = false;
    int result = -ENAMETOOLONG;
    for (int large = 0; large < 2 && result == -ENAMETOOLONG; large++) {
        struct scratch scratch = scratch_take(large != 0);
        if (scratch.spelled != NULL)
            result = tell_with(log, look, &scratch, &passing);
        scratch_give(&scratch);
    }
    if (result < 0)
        log_lose(log);
    return result == 0 && !passing;
}

/* What is started or loaded tells its own looks, and is evidence whoever asked for it. */
static bool is_hushed(const struct look *look)
{
    return look_depths.quiet > 0 && look->kinds[0] != TRACE_EXEC &&
           look->kinds[0] != TRACE_LIBRARY;
}

static void look_do(struct look *look)
{
    struct trace_log *log = log_current();
    if (log == NULL || look->path == NULL || is_hushed(look))
        return;
    int error = errno;
    _Alignas(8) char text[256];
    struct spelled spelled;
    uint64_t mark = mark_of(log, look->key);
    bool fits =
        name_spell_quickly(text, sizeof text, look->folder, look->path, &spelled) == 0;
    if (fits)
        mark ^= (uint64_t)spelled.slash << 27; /* "link" and "link/" differ to lstat */
    if (!fits || look->again || !cache_has(mark, text, spelled.length))
        if (tell_slowly(log, look) && fits && !look->again)
            cache_add(mark, text, spelled.length);
    errno = error;
}

/* ---- which look is it ---- */

enum error_means { MEANS_NOTHING, MEANS_ABSENT, MEANS_THERE };

/* Errors that were told before the path was read at all, or for want of something else, say nothing
 * about the path: it may not even be readable memory. */
static enum error_means error_means(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return MEANS_ABSENT;
    case EACCES:
    case EPERM:
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case EROFS:
    case ENXIO:
    case ETXTBSY:
    case ENOTEMPTY:
    case EBUSY:
    case EXDEV:
    case EMLINK:
    case ENOEXEC:
        return MEANS_THERE;
    default:
        return MEANS_NOTHING;
    }
}

static unsigned key_of(const struct look *look)
{
    return (unsigned)look->kinds[0] | (unsigned)look->kinds[1] << 6 | look->how << 12 |
           (unsigned)look->doubtful << 16 | (unsigned)look->parent << 17;
}

static void look_kinds(struct look *look)
{
    look->key = key_of(look);
    look_do(look);
}

/* Is it PATH itself that is no folder, and not one on the way to it? */
static bool is_there(int folder, const char *path, unsigned how)
{
    struct stat status;
    return raw_stat(folder, path, &status,
                    (how & LOOK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
}

static void look_failed(int folder, const char *path, unsigned how, bool creates)
{
    enum error_means means = error_means(errno);
    if (errno == ENOTDIR && path != NULL && is_there(folder, path, how))
        means = MEANS_THERE;
    if (means == MEANS_NOTHING || path == NULL || path[0] == '\0')
        return;
    struct look look = {.folder = folder, .path = path, .how = how, .fd = -1};
    look.kinds[0] = means == MEANS_ABSENT ? TRACE_ABSENT : TRACE_EXISTS;
    look.doubtful = means == MEANS_THERE;
    if (creates &&
        means == MEANS_ABSENT) { /* it cannot be made there: that was the answer */
        look.how = 0;
        look.parent = true;
        look.doubtful = true;
    }
    look_kinds(&look);
}

void look_asked(int folder, const char *path, unsigned how, long result,
                const struct stat *status)
{
    if (result < 0) {
        look_failed(folder, path, how, false);
        return;
    }
    if (path == NULL || path[0] == '\0') /* of a descriptor */
        return;
    if (look_depths.weak > 0)
        how |= LOOK_WEAK;
    struct look look = {
        .folder = folder, .path = path, .how = how, .fd = -1, .status = status};
    look.kinds[0] = (how & LOOK_WEAK) != 0 ? TRACE_EXISTS : TRACE_FOUND;
    look_kinds(&look);
}

/* EINVAL: no link, or no room for an answer; the path was not read then, and may be none. */
static bool is_path(int folder, const char *path)
{
    return raw_call(SYS_faccessat, folder, (long)path, 0, 0, 0, 0) != -EFAULT;
}

void look_read_link(int folder, const char *path, long result)
{
    if (result < 0 && (errno != EINVAL || !is_path(folder, path))) {
        look_failed(folder, path, 0, false);
        return;
    }
    struct look look = {.folder = folder, .path = path, .fd = -1, .doubtful = true};
    look.kinds[0] = TRACE_LINK;
    look_kinds(&look);
}

void look_listed(int folder, const char *path, int fd)
{
    if (fd < 0) {
        look_failed(folder, path, LOOK_FOLLOW, false);
        return;
    }
    struct look look = {.folder = folder, .path = path, .how = LOOK_FOLLOW, .fd = fd};
    look.kinds[0] = TRACE_LISTING;
    look_kinds(&look);
}

static bool is_nameless(int flags)
{
    return (flags & O_TMPFILE) == O_TMPFILE;
}

bool look_makes(int folder, const char *path, int flags)
{
    struct stat status;
    if ((flags & O_CREAT) == 0 || (flags & O_TRUNC) != 0 || is_nameless(flags) ||
        log_current() == NULL)
        return false;
    return (flags & O_EXCL) != 0 || raw_stat(folder, path, &status, 0) == -ENOENT;
}

void look_opened(int folder, const char *path, int flags, bool makes, int fd)
{
    bool exclusive = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    unsigned how =
        (flags & O_NOFOLLOW) != 0 || exclusive ? LOOK_WEAK : LOOK_FOLLOW | LOOK_WEAK;
    if (is_nameless(flags))
        return;
    if (fd < 0) {
        look_failed(folder, path, how, (flags & O_CREAT) != 0);
        return;
    }
    struct look look = {.folder = folder, .path = path, .how = how, .fd = fd};
    if (exclusive) /* O_TRUNC says nothing then */
        makes = true;
    look.key = KEY_OPENED | ((unsigned)flags & KEY_FLAGS) | (makes ? KEY_MAKES : 0u);
    look_do(&look);
    if ((flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0)
        writers_opened(fd, makes || (flags & O_TRUNC) != 0);
}

void look_of_open(enum trace_kind kind, int fd, const struct stat *status)
{
    struct look look = {.folder = fd,
                        .path = "",
                        .fd = -1,
                        .status = status,
                        .again = kind == TRACE_LEFT,
                        .lost = status == NULL};
    look.kinds[0] = (uint8_t)kind;
    look_kinds(&look);
}

/* It was written to or altered by its name, and is like this now. */
static void look_left(int folder, const char *path, unsigned how)
{
    struct look look = {
        .folder = folder, .path = path, .how = how, .fd = -1, .again = true};
    look.kinds[0] = TRACE_LEFT;
    look_kinds(&look);
}

void look_changed(enum trace_kind kind, int folder, const char *path, unsigned how,
                  long result)
{
    if (result < 0) {
        look_failed(folder, path, how, kind != TRACE_REMOVED);
        return;
    }
    struct look look = {.folder = folder, .path = path, .how = how, .fd = -1};
    look.kinds[0] = (uint8_t)kind;
    look_kinds(&look);
    if (kind == TRACE_WROTE || kind == TRACE_RENAMED_TO)
        look_left(folder, path, how);
}

bool look_before(int folder, const char *path, unsigned how, struct stat *ret_status)
{
    int flags = (how & LOOK_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW;
    return log_current() != NULL && path != NULL &&
           raw_stat(folder, path, ret_status, flags | AT_EMPTY_PATH) == 0;
}

void look_altered(int folder, const char *path, unsigned how, long result,
                  const struct stat *before)
{
    if (result < 0) {
        look_failed(folder, path, how, false);
        return;
    }
    struct look look = {
        .folder = folder, .path = path, .how = how, .fd = -1, .status = before};
    look.kinds[0] =
        before != NULL && S_ISREG(before->st_mode) ? TRACE_READ : TRACE_EXISTS;
    look.kinds[1] = TRACE_WROTE;
    look_kinds(&look);
    look_left(folder, path, how);
}

void look_used(enum trace_kind kind, int folder, const char *path, unsigned how,
               const struct stat *before)
{
    struct look look = {.folder = folder,
                        .path = path,
                        .how = how,
                        .fd = -1,
                        .status = before,
                        .again = kind == TRACE_LEFT};
    look.kinds[0] = (uint8_t)kind;
    look_kinds(&look);
}

void look_unseen(enum trace_unseen why, const char *path)
{
    struct trace_log *log = log_current();
    if (log != NULL)
        log_record(log, TRACE_UNSEEN, why, path, strlen(path), NULL);
}
