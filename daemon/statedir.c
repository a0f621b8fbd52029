#include "daemon/statedir.h"

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/exit.h"
#include "daemon/index/index.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_LIMIT = 4 << 20 };

static int write_once(const char *folder, const char *name, const char *text)
{
    autofree char *path = path_join(folder, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* Who can write there could make us write elsewhere, or say what we know. */
static int check_state(const char *root, const char *state)
{
    struct stat entry, folder, above;
    if (lstat(state, &entry) < 0 || stat(state, &folder) < 0 || stat(root, &above) < 0)
        return -errno;
    const uid_t owners[] = {entry.st_uid, folder.st_uid};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (owners[i] != geteuid() && owners[i] != above.st_uid)
            return -EPERM;
    if (folder.st_uid == geteuid() && (folder.st_mode & 0777) != 0700 &&
        chmod(state, 0700) < 0)
        return -errno;
    return 0;
}

int statedir_make(const char *root, const char *state)
{
    if (mkdir(state, 0700) < 0 && errno != EEXIST)
        return -errno;
    int error = check_state(root, state);
    if (error == 0)
        error = write_once(state, ".gitignore", "*\n");
    if (error == 0)
        error =
            write_once(state, "CACHEDIR.TAG",
                       "Signature: 8a477f597d28d172789f06886806bc55\n"
                       "# This folder holds what sniffer knows of the tests; it can be "
                       "made again.\n");
    return error;
}

int statedir_open_log(const char *state)
{
    autofree char *path = path_join(state, "snifferd.log");
    autofree char *old = path_join(state, "snifferd.log.old");
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > LOG_LIMIT)
        rename(path, old);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

int statedir_open_index(const char *state, struct index **ret)
{
    autofree char *path = path_join(state, "index.sqlite");
    char *aside = NULL;
    int error = index_open(ret, path, &aside);
    if (aside != NULL)
        log_warning(
            "the index could not be used; it was set aside as %s and a new one begun",
            aside);
    free(aside);
    return error;
}

/* The first process that holds a lock of SQLite's there; 0: none, or not known. */
static pid_t holder(const char *path)
{
    autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK
               ? lock.l_pid
               : 0;
}

int statedir_fail_busy(const char *state)
{
    autofree char *path = path_join(state, "index.sqlite");
    pid_t pid = holder(path);
    if (pid > 0)
        fprintf(stderr,
                "snifferd: %s is held by process %d: a daemon with another socket, or a "
                "program that reads it; end that one first\n",
                path, (int)pid);
    else
        fprintf(stderr, "snifferd: %s is held by another program; end that one first\n",
                path);
    return EXIT_NO_START;
}
