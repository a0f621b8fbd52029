#include "daemon/base/notify.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Removes NAME from the environment; what it was, the caller's, or NULL. */
static char *take(const char *name)
{
    const char *value = getenv(name);
    char *taken = value != NULL && value[0] != '\0' ? xstrdup(value) : NULL;
    unsetenv(name);
    return taken;
}

static int64_t whole_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = text != NULL ? strtoll(text, &end, 10) : 0;
    return end == NULL || *end != '\0' || errno != 0 || value < 0 ? 0 : value;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (path[0] != '/' && path[0] != '@')
        return -EAFNOSUPPORT;
    if (length >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (connect(fd, (const struct sockaddr *)&address, size) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int notify_open(struct notify *ret)
{
    *ret = (struct notify){.fd = -1};
    autofree char *path = take("NOTIFY_SOCKET");
    autofree char *watchdog = take("WATCHDOG_USEC");
    autofree char *pid = take("WATCHDOG_PID");
    if (path == NULL)
        return 0;
    int fd = connect_to(path);
    if (fd < 0)
        return fd;
    ret->fd = fd;
    /* Twice as often as it must be: one sign may come late. */
    if (pid == NULL || whole_number(pid) == getpid())
        ret->every_ms = whole_number(watchdog) / 1000 / 2;
    return 0;
}

void notify_close(struct notify *notify)
{
    if (notify == NULL)
        return;
    if (notify->fd >= 0)
        close(notify->fd);
    free(notify->status);
    *notify = (struct notify){.fd = -1};
}

/* A manager that does not listen is no reason to stop working. */
static void say(const struct notify *notify, const char *text)
{
    if (notify->fd < 0)
        return;
    ssize_t sent = send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
    (void)sent;
}

void notify_ready(struct notify *notify)
{
    say(notify, "READY=1");
}

void notify_reloading(struct notify *notify, int64_t now)
{
    /* Rounded up: it must not lie before the signal that asked for it. */
    autofree char *text =
        xasprintf("RELOADING=1\nMONOTONIC_USEC=%lld", ((long long)now + 1) * 1000);
    say(notify, text);
}

void notify_stopping(struct notify *notify)
{
    say(notify, "STOPPING=1");
}

bool notify_is_heard(const struct notify *notify)
{
    return notify->fd >= 0;
}

void notify_status(struct notify *notify, const char *text)
{
    if (notify->fd < 0 || (notify->status != NULL && strcmp(notify->status, text) == 0))
        return;
    free(notify->status);
    notify->status = xstrdup(text);
    autofree char *line = xasprintf("STATUS=%s", text);
    for (char *c = line; *c != '\0'; c++) /* a line more would be another assignment */
        if (*c == '\n')
            *c = ' ';
    say(notify, line);
}

int64_t notify_deadline(const struct notify *notify)
{
    return notify->fd >= 0 && notify->every_ms > 0 ? notify->due : INT64_MAX;
}

void notify_tick(struct notify *notify, int64_t now)
{
    say(notify, "WATCHDOG=1");
    notify->due = now + notify->every_ms;
}
