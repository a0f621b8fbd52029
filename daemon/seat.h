#ifndef DAEMON_SEAT_H
#define DAEMON_SEAT_H

#include <stdbool.h>

/* Where clients find the daemon. */
struct seat {
    char *path;
    int socket, lock; /* -1: not yet */
    bool passed;      /* systemd's: it goes on listening when we are gone */
};

/* Takes over the socket that systemd may have passed to this very process: before it detaches. 0; or an exit code,
 * and why was said on stderr. RET is to be left in both cases. */
int seat_find(const char *root, struct seat *ret);
/* Listens there, where systemd did not. 0; or an exit code, and why was said. */
int seat_take(const char *root, struct seat *seat);
void seat_leave(struct seat *seat);

#endif
