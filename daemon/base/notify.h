#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* What a service manager is told, as sd_notify(3) has it: that the daemon is ready, what it has to
 * say in a line, that it reads its settings again, that it still turns, that it leaves. Where
 * nobody wants to know, all of this does nothing, and nobody is woken for it. */

#include <stdbool.h>
#include <stdint.h>

struct notify {
    int fd;           /* -1: nobody listens */
    int64_t every_ms; /* how often a sign of life is wanted; 0: never */
    int64_t due;
    char *status; /* told last */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child
 * speaks in our name. To be called by the process that was started. 0, or -errno where there is
 * somebody who cannot be told; RET is to be closed in both cases. */
int notify_open(struct notify *ret);
void notify_close(struct notify *notify);

void notify_ready(struct notify *notify);
/* Until the next notify_ready. NOW is monotonic. */
void notify_reloading(struct notify *notify, int64_t now);
void notify_stopping(struct notify *notify);
bool notify_is_heard(const struct notify *notify);
/* One line for people; sent when it is another one than before. */
void notify_status(struct notify *notify, const char *text);

/* When notify_tick must be called; INT64_MAX: never. */
int64_t notify_deadline(const struct notify *notify);
void notify_tick(struct notify *notify, int64_t now);

#endif
