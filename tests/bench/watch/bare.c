/* The limit: what a walk and inotify cost when nothing else is done. Each directory below ROOT is watched, then listed;
 * each event is read and its file asked for by one lstat; after an overflow the tree is walked again. What it knows is
 * one path a directory. It prints a line for each file named "probe*" that it sees.
 *
 * usage: bare ROOT */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MASK = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
           IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW |
           IN_EXCL_UNLINK,
    BUFFER_SIZE = 64 << 10,
};

static int queue;
static char **folders; /* by number of their watch */
static size_t capacity;

static void remember(int number, const char *path)
{
    size_t at = (size_t)number;
    if (at >= capacity) {
        size_t wider = 2 * at + 64;
        folders = realloc(folders, wider * sizeof *folders);
        if (folders == NULL)
            abort();
        memset(folders + capacity, 0, (wider - capacity) * sizeof *folders);
        capacity = wider;
    }
    free(folders[at]);
    folders[at] = strdup(path);
}

static void tell(const char *name)
{
    if (strncmp(name, "probe", 5) == 0)
        puts(name);
}

static void walk(const char *path)
{
    int number = inotify_add_watch(queue, path, MASK);
    if (number < 0)
        return;
    remember(number, path);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        tell(name);
        if (entry->d_type != DT_DIR || strcmp(name, ".") == 0 ||
            strcmp(name, "..") == 0 || strcmp(name, ".git") == 0 ||
            strcmp(name, ".sniffer") == 0)
            continue;
        char below[PATH_MAX];
        if (snprintf(below, sizeof below, "%s/%s", path, name) < (int)sizeof below)
            walk(below);
    }
    closedir(dir);
}

static void handle(const struct inotify_event *event)
{
    if (event->len == 0 || event->wd < 0 || (size_t)event->wd >= capacity ||
        folders[event->wd] == NULL)
        return;
    char path[PATH_MAX];
    struct stat status;
    if (snprintf(path, sizeof path, "%s/%s", folders[event->wd], event->name) >=
        (int)sizeof path)
        return;
    bool there = lstat(path, &status) == 0;
    if (there && S_ISDIR(status.st_mode) && (event->mask & (IN_CREATE | IN_MOVED_TO)))
        walk(path);
    if (there)
        tell(event->name);
}

int main(int argc, char **argv)
{
    queue = inotify_init1(IN_CLOEXEC);
    if (argc != 2 || queue < 0)
        return 2;
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    walk(argv[1]);
    puts("ready");
    for (;;) {
        fflush(stdout);
        alignas(struct inotify_event) static char buffer[BUFFER_SIZE];
        ssize_t length = read(queue, buffer, sizeof buffer);
        if (length <= 0)
            return 1;
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            if (event->mask & IN_Q_OVERFLOW)
                walk(argv[1]);
            else
                handle(event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}
