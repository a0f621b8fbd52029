#include "daemon/base/log.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static enum log_level threshold = LOG_LEVEL_INFO;
static int target = -1;

static const char *const names[] = {"error", "warning", "info", "debug"};

int log_level_parse(const char *name)
{
    for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -EINVAL;
}

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_set_fd(int fd)
{
    target = fd;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > threshold)
        return;
    va_list args;
    va_start(args, format);
    autofree char *text = xvasprintf(format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) /* one line an event, whatever a path contains */
        if (*c == '\n')
            *c = ' ';
    if (target < 0) {
        fprintf(stderr, "snifferd: %s\n", text);
        return;
    }
    struct timespec now;
    struct tm local;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &local);
    dprintf(target, "%s.%03ld %s %s\n", stamp, now.tv_nsec / 1000000, names[level], text);
}
