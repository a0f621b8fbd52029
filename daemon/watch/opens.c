#include "daemon/watch/opens.h"

#include "daemon/base/path.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <uthash.h>

enum { BUFFER_SIZE = 16 << 10 };

struct opens_folder {
    int number; /* of its watch */
    char **names;
    size_t count, capacity;
    UT_hash_handle hh;
};

void opens_init(struct opens *opens)
{
    *opens = (struct opens){.fd = -1};
}

void opens_finish(struct opens *opens)
{
    opens_stop(opens);
    strset_finish(&opens->heard);
    opens->lost = NULL;
}

int opens_start(struct opens *opens)
{
    opens->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return opens->fd < 0 ? -errno : 0;
}

static void forget(struct opens *opens, struct opens_folder *folder)
{
    HASH_DEL(opens->folders, folder);
    for (size_t i = 0; i < folder->count; i++)
        free(folder->names[i]);
    free(folder->names);
    free(folder);
}

void opens_stop(struct opens *opens)
{
    if (opens->fd >= 0)
        close(opens->fd);
    opens->fd = -1;
    struct opens_folder *folder = NULL;
    struct opens_folder *next = NULL;
    HASH_ITER(hh, opens->folders, folder, next)
    {
        forget(opens, folder);
    }
}

/* ---- folders ---- */

static struct opens_folder *find(const struct opens *opens, int number)
{
    struct opens_folder *folder = NULL;
    HASH_FIND_INT(opens->folders, &number, folder);
    return folder;
}

static struct opens_folder *make(struct opens *opens, int number)
{
    struct opens_folder *folder = find(opens, number);
    if (folder != NULL)
        return folder;
    folder = xcalloc(1, sizeof *folder);
    folder->number = number;
    HASH_ADD_INT(opens->folders, number, folder);
    return folder;
}

static void add_name(struct opens_folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->count; i++)
        if (strcmp(folder->names[i], name) == 0)
            return;
    folder->names =
        xgrow(folder->names, folder->count, &folder->capacity, sizeof *folder->names);
    folder->names[folder->count++] = xstrdup(name);
}

int opens_enter(struct opens *opens, const char *path, const char *told, bool follow)
{
    if (opens->fd < 0)
        return 0;
    uint32_t mask = IN_OPEN | IN_ONLYDIR | IN_EXCL_UNLINK | (follow ? 0 : IN_DONT_FOLLOW);
    int number = inotify_add_watch(opens->fd, path, mask);
    if (number < 0)
        return errno == ENOSPC || errno == ENOMEM ? -errno : 0;
    add_name(make(opens, number), told);
    return 0;
}

/* ---- events ---- */

void opens_assume(struct opens *opens, const char *told)
{
    if (opens->fd >= 0)
        strset_add(&opens->heard, told);
}

static void handle(struct opens *opens, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW) {
        opens->lost = "the kernel's queue of opened files overflowed";
        return;
    }
    struct opens_folder *folder = find(opens, event->wd);
    if (folder == NULL)
        return;
    if (event->mask & IN_IGNORED) {
        forget(opens, folder);
        return;
    }
    if ((event->mask & IN_ISDIR) != 0 || event->len == 0 ||
        name_is_temporary(event->name))
        return;
    for (size_t i = 0; i < folder->count; i++) {
        autofree char *path = path_join(folder->names[i], event->name);
        strset_add(&opens->heard, path);
    }
}

void opens_hear(struct opens *opens)
{
    int queued = 0;
    if (opens->fd < 0 || ioctl(opens->fd, FIONREAD, &queued) < 0)
        return;
    alignas(struct inotify_event) char buffer[BUFFER_SIZE];
    for (ssize_t left = queued, length = 0; left > 0; left -= length) {
        length = read(opens->fd, buffer, sizeof buffer);
        if (length <= 0)
            return;
        for (size_t at = 0; at < (size_t)length;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            at += sizeof *event + event->len;
            handle(opens, event);
        }
    }
}
