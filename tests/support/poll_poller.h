#ifndef SUPPORT_POLL_POLLER_H
#define SUPPORT_POLL_POLLER_H

/* A poller over poll(2), for tests of one room: dispatch after the act, no sleeping. */

#include "daemon/base/poller.h"

#include <stddef.h>

struct poll_poller {
    struct poller poller; /* first: the room sees this */
    struct poll_watch *watches;
    size_t count, capacity;
};

void poll_poller_init(struct poll_poller *poller);
void poll_poller_finish(struct poll_poller *poller);

/* Waits at most TIMEOUT_MS for something to be ready and calls it; the number of calls made. */
int poll_poller_dispatch(struct poll_poller *poller, int timeout_ms);

#endif
