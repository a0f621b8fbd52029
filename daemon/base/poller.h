#ifndef BASE_POLLER_H
#define BASE_POLLER_H

/* How a room asks to be called when a descriptor is ready, without knowing the event loop: loop.c
 * gives a poller over libev, the tests one over poll(2). A room that registered a descriptor takes
 * it out again before it closes it. */

#include <stddef.h>

enum poller_events { POLLER_READ = 1, POLLER_WRITE = 2 };

typedef void poller_ready(void *owner, int fd, unsigned events);

struct poller {
    /* From now on READY(OWNER, fd, events) whenever one of EVENTS is true of FD. Asking again for
     * the same FD replaces what was asked; EVENTS 0 takes it out. Allowed from inside a READY. */
    void (*want)(struct poller *poller, int fd, unsigned events, poller_ready *ready, void *owner);
};

static inline void poller_want(struct poller *poller, int fd, unsigned events,
                               poller_ready *ready, void *owner)
{
    poller->want(poller, fd, events, ready, owner);
}

static inline void poller_drop(struct poller *poller, int fd)
{
    poller->want(poller, fd, 0, NULL, NULL);
}

#endif
