#include "daemon/watch/limit.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

static long read_number(const char *path)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[32];
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return -1;
    text[length] = '\0';
    return strtol(text, NULL, 10);
}

void limit_read(struct limit_report *report)
{
    report->fs = read_number("/proc/sys/fs/inotify/max_user_watches");
    report->user = read_number("/proc/sys/user/max_inotify_watches");
}

char *limit_message(const struct limit_report *report)
{
    size_t needed = report->watched + report->blind;
    autofree char *head = xasprintf(
        "%zu of %zu directories cannot be watched, the first is %s: ", report->blind,
        needed, report->first);
    if (report->error != ENOSPC)
        return xasprintf("%s%s; changes there are seen only by a full check", head,
                         strerror(report->error));
    /* In a container the user namespace can have a smaller limit of its own: name that one. */
    bool of_namespace =
        report->user >= 0 && (report->fs < 0 || report->user < report->fs);
    long limit = of_namespace ? report->user : report->fs;
    /* The user's other programs share the limit: what they hold is within LIMIT, so LIMIT plus
     * what is missing is enough, and twice that lets the tree grow. */
    unsigned long better = 1024;
    while (better < 2 * ((unsigned long)(limit > 0 ? limit : 0) + report->blind))
        better *= 2;
    return xasprintf(
        "%sthe limit of %ld inotify watches is reached and the tree needs %zu; "
        "raise it with: sysctl %s=%lu",
        head, limit, needed,
        of_namespace ? "user.max_inotify_watches" : "fs.inotify.max_user_watches",
        better);
}
