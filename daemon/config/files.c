#include "daemon/config/files.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/config.h"
#include "daemon/config/toml.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 4 << 20 };

/* The one thing here that lasts: a process has one project, and who looks for an interpreter far below need not
 * know that somebody listens. */
static struct {
    void (*tell)(void *owner, const char *path);
    void *owner;
} listener;

void config_on_read(void (*tell)(void *owner, const char *path), void *owner)
{
    listener.tell = tell;
    listener.owner = owner;
}

/* An open regular file, or -errno. NONBLOCK: a FIFO of that name must not hold the daemon
 * up. */
static int open_file(const char *folder, const char *name, struct stat *ret_stat)
{
    autofree char *path = path_join(folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOTDIR ? -ENOENT : -errno;
    if (listener.tell != NULL)
        listener.tell(listener.owner, path);
    int r = 0;
    if (fstat(fd, ret_stat) < 0)
        r = -errno;
    else if (!S_ISREG(ret_stat->st_mode))
        r = -ENOENT;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

/* Up to MOST bytes. To the file's end, not to its size: it may be written right now. */
static int read_up_to(int fd, size_t most, char **ret, size_t *ret_length)
{
    autofree char *text = NULL;
    size_t length = 0;
    size_t room = 0;
    for (;;) {
        if (length == room) {
            room = room == 0 ? 4096 : room * 2;
            text = xrealloc(text, room + 1);
        }
        size_t wanted = room < most ? room - length : most - length;
        ssize_t got = wanted > 0 ? read(fd, text + length, wanted) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    text[length] = '\0';
    *ret = text;
    text = NULL;
    *ret_length = length;
    return 0;
}

int files_read(const char *folder, const char *name, char **ret, size_t *ret_length)
{
    struct stat stat = {0};
    autoclose int fd = open_file(folder, name, &stat);
    if (fd < 0)
        return fd;
    if (stat.st_size > FILE_MAX)
        return -EFBIG;
    return read_up_to(fd, FILE_MAX, ret, ret_length);
}

char *files_text(const char *folder, const char *name)
{
    char *text = NULL;
    size_t length = 0;
    return files_read(folder, name, &text, &length) == 0 ? text : NULL;
}

char *files_head(const char *folder, const char *name, size_t most)
{
    struct stat stat = {0};
    autoclose int fd = open_file(folder, name, &stat);
    char *text = NULL;
    size_t length = 0;
    if (fd < 0 || read_up_to(fd, most, &text, &length) < 0)
        return NULL;
    return text;
}

bool files_exist(const char *folder, const char *name)
{
    autofree char *path = path_join(folder, name);
    return access(path, F_OK) == 0;
}

bool files_runs(const char *path)
{
    struct stat stat_of;
    return stat(path, &stat_of) == 0 && S_ISREG(stat_of.st_mode) &&
           access(path, X_OK) == 0;
}

static int is_plain(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

char **files_names(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_plain, alphasort);
    if (count < 0)
        count = 0;
    char **names = xcalloc((size_t)count + 1, sizeof *names);
    for (int i = 0; i < count; i++) {
        names[i] = xstrdup(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return names;
}

void files_names_free(char **names)
{
    for (char **name = names; name != NULL && *name != NULL; name++)
        free(*name);
    free(names);
}

struct lookup {
    const char *path;
    char *found;
};

static void look_up(void *owner, const char *path, const char *text)
{
    struct lookup *lookup = owner;
    if (lookup->found == NULL && text != NULL && strcmp(path, lookup->path) == 0)
        lookup->found = xstrdup(text);
}

char *files_toml(const char *folder, const char *name, const char *path)
{
    autofree char *text = files_text(folder, name);
    struct lookup lookup = {.path = path};
    if (text != NULL)
        toml_each(text, look_up, &lookup);
    return lookup.found;
}
