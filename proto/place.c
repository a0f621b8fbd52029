#include "proto/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the root ---- */

/* OWNER: whose entries count besides ours and root's; NULL: everybody's. A link is whose it is, not
 * whose what it leads to is. */
static bool has_entry(const char *folder, const char *name, bool must_be_folder,
                      const uid_t *owner)
{
    char path[PATH_MAX];
    struct stat entry, target;
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path || lstat(path, &entry) < 0 ||
        stat(path, &target) < 0)
        return false;
    if (owner != NULL && entry.st_uid != *owner && entry.st_uid != geteuid() &&
        entry.st_uid != 0)
        return false;
    return !must_be_folder || S_ISDIR(target.st_mode);
}

static bool has_state(const char *folder, const uid_t *owner)
{
    return has_entry(folder, ".sniffer", true, owner);
}

static bool has_project(const char *folder, const uid_t *owner)
{
    static const char *const marks[] = {"pyproject.toml", "setup.cfg", "setup.py",
                                        "tox.ini",        ".git",      NULL};
    for (size_t i = 0; marks[i] != NULL; i++)
        if (has_entry(folder, marks[i], false, owner))
            return true;
    return false;
}

/* Cuts FOLDER, absolute, to the nearest folder upward that IS_IT likes; false where none
 * is. OWNER is that of the first, whose entries count whoever made them. */
static bool climb(char *folder, const uid_t *owner,
                  bool (*is_it)(const char *folder, const uid_t *owner))
{
    for (const uid_t *whose = NULL; !is_it(folder, whose); whose = owner) {
        if (folder[1] == '\0')
            return false;
        char *slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
    }
    return true;
}

char *place_root(const char *start)
{
    char here[PATH_MAX], folder[PATH_MAX];
    struct stat stat_buffer;
    if (realpath(start, here) == NULL || stat(here, &stat_buffer) < 0)
        return NULL;
    if (!S_ISDIR(stat_buffer.st_mode)) {
        errno = ENOTDIR;
        return NULL;
    }
    if (climb(strcpy(folder, here), &stat_buffer.st_uid, has_state) ||
        climb(strcpy(folder, here), &stat_buffer.st_uid, has_project))
        return strdup(folder);
    return strdup(here);
}

/* ---- the socket's name ---- */

static uint64_t fnv1a(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++) {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(1099511628211);
    }
    return hash;
}

static void plain_name(const char *root, char ret[33])
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *slash = strrchr(root, '/');
    const char *base = slash != NULL ? slash + 1 : root;
    size_t length = 0;
    for (; length < 32 && base[length] != '\0'; length++)
        ret[length] = strchr(plain, base[length]) != NULL ? base[length] : '_';
    ret[length] = '\0';
}

static bool is_set(const char *value)
{
    return value != NULL && value[0] != '\0';
}

int place_socket(const char *root, char **ret)
{
    const char *named = getenv("SNIFFER_SOCKET");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char base[33];
    plain_name(root, base);
    unsigned long long hash = fnv1a(root);
    char *path = NULL;
    int length;
    if (is_set(named))
        length = asprintf(&path, "%s", named);
    else if (is_set(runtime) && runtime[0] == '/')
        length = asprintf(&path, "%s/sniffer/%s-%016llx.sock", runtime, base, hash);
    else
        length =
            asprintf(&path, "/tmp/sniffer-%u/%s-%016llx.sock", geteuid(), base, hash);
    if (length < 0)
        return -ENOMEM;
    if ((size_t)length >= sizeof(struct sockaddr_un){0}.sun_path) {
        free(path);
        return -ENAMETOOLONG;
    }
    *ret = path;
    return 0;
}

/* ---- the socket ---- */

static int fill_address(const char *path, struct sockaddr_un *ret)
{
    size_t length = strlen(path);
    if (length >= sizeof ret->sun_path)
        return -ENAMETOOLONG;
    if (length == 0 || path[length - 1] == '/')
        return -EINVAL;
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, length + 1);
    return 0;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Can anybody at all put another folder where FOLDER, a descriptor, is? In /tmp the sticky bit keeps them from it. */
static bool is_movable(int folder)
{
    struct stat above;
    return fstatat(folder, "..", &above, 0) < 0 ||
           (above.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH;
}

/* The socket's folder, made where it is missing; a descriptor or -errno. Whoever can
 * write there can put another socket in our place, so a folder that anybody but us can
 * write is refused, and so is a link: /tmp is everybody's, and a link there could be
 * anybody's. */
static int open_folder(const char *socket_path)
{
    char folder[sizeof(struct sockaddr_un){0}.sun_path];
    size_t length = (size_t)(last_name(socket_path) - socket_path);
    memcpy(folder, socket_path, length);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    folder[length] = '\0';
    if (length == 0)
        strcpy(folder, ".");
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? -EPERM : -errno;
    struct stat stat_buffer;
    int r = fstat(fd, &stat_buffer) < 0 ? -errno : 0;
    if (r == 0 && (stat_buffer.st_uid != geteuid() || (stat_buffer.st_mode & 022) != 0 ||
                   is_movable(fd)))
        r = -EPERM;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

static int take_lock(int folder, const char *socket_name)
{
    char name[sizeof(struct sockaddr_un){0}.sun_path + sizeof ".lock"];
    snprintf(name, sizeof name, "%s.lock", socket_name);
    /* The sticky bit tells those who tidy up run-time folders to leave an old file alone.
     * It is never removed by us either: two daemons would lock two files of one name. */
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                    S_ISVTX | 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
    close(fd);
    return r;
}

/* Without the lock somebody may listen all the same: systemd, for us. */
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    int r =
        connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? errno : 0;
    close(fd);
    return r != ECONNREFUSED && r != ENOENT;
}

/* Called with the lock held: what is there now is a dead daemon's, or none of our
 * business. */
static int remove_leftover(int folder, const struct sockaddr_un *address)
{
    const char *name = last_name(address->sun_path);
    struct stat stat_buffer;
    if (fstatat(folder, name, &stat_buffer, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(stat_buffer.st_mode))
        return -EEXIST;
    if (is_alive(address))
        return -EADDRINUSE;
    return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

static int bind_and_listen(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
    umask(before);
    if (r == 0 && listen(fd, SOMAXCONN) < 0) {
        r = -errno;
        unlink(address->sun_path);
    }
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int place_listen(const char *path, int *ret_fd, int *ret_lock)
{
    struct sockaddr_un address;
    int r = fill_address(path, &address);
    if (r < 0)
        return r;
    int folder = open_folder(path);
    if (folder < 0)
        return folder;
    int lock = take_lock(folder, last_name(path));
    r = lock < 0 ? lock : remove_leftover(folder, &address);
    int fd = r < 0 ? r : bind_and_listen(&address);
    close(folder);
    if (fd < 0) {
        if (lock >= 0)
            close(lock);
        return fd;
    }
    *ret_fd = fd;
    *ret_lock = lock;
    return 0;
}

/* ---- a socket from systemd ---- */

enum { FIRST_PASSED = 3, MOST_PASSED = 1024 };

static long number_of(const char *name)
{
    const char *value = getenv(name);
    char *end = NULL;
    long number = value != NULL ? strtol(value, &end, 10) : 0;
    return end == NULL || *end != '\0' ? 0 : number;
}

/* How many descriptors were passed to this process. */
static int take_passed(void)
{
    long count = number_of("LISTEN_PID") == getpid() ? number_of("LISTEN_FDS") : 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count < 0 || count > MOST_PASSED ? 0 : (int)count;
}

static bool has_option(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

static bool is_same_place(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return strcmp(a, b) == 0 ||
           (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
            of_a.st_ino == of_b.st_ino);
}

static int check_passed(int fd, const char *path)
{
    struct sockaddr_un bound = {0};
    socklen_t size = sizeof bound - 1; /* a NUL stays behind it */
    if (!has_option(fd, SO_DOMAIN, AF_UNIX) || !has_option(fd, SO_TYPE, SOCK_STREAM) ||
        !has_option(fd, SO_ACCEPTCONN, 1))
        return -EINVAL;
    if (getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
        return -errno;
    if (!is_same_place(bound.sun_path, path))
        return -EADDRNOTAVAIL;
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

int place_inherit(const char *path, int *ret_fd, int *ret_lock)
{
    int count = take_passed();
    if (count == 0)
        return -ENOENT;
    for (int i = 0; i < count; i++)
        fcntl(FIRST_PASSED + i, F_SETFD, FD_CLOEXEC);
    int r = count == 1 ? check_passed(FIRST_PASSED, path) : -EINVAL;
    int folder = r < 0 ? r : open_folder(path);
    int lock = folder < 0 ? folder : take_lock(folder, last_name(path));
    if (folder >= 0)
        close(folder);
    if (lock < 0) {
        for (int i = 0; i < count; i++)
            close(FIRST_PASSED + i);
        return lock;
    }
    *ret_fd = FIRST_PASSED;
    *ret_lock = lock;
    return 0;
}

int place_connect(const char *path, int *ret_fd)
{
    struct sockaddr_un address;
    int r = fill_address(path, &address);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    do
        r = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno
                                                                               : 0;
    while (r == -EINTR);
    if (r == 0 && !place_peer_trusted(fd, NULL))
        r = -EPERM;
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

bool place_peer_trusted(int fd, pid_t *ret_pid)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof peer)
        return false;
    if (ret_pid != NULL)
        *ret_pid = peer.pid;
    return peer.uid == geteuid() || peer.uid == 0;
}
