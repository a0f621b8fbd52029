#include "tests/support/poll_poller.h"

#include "daemon/base/xalloc.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct poll_watch {
    int fd;
    unsigned events;
    poller_ready *ready;
    void *owner;
};

static void want(struct poller *base, int fd, unsigned events, poller_ready *ready,
                 void *owner)
{
    struct poll_poller *poller = (struct poll_poller *)base;
    size_t i = 0;
    while (i < poller->count && poller->watches[i].fd != fd)
        i++;
    if (events == 0) {
        if (i < poller->count)
            poller->watches[i] = poller->watches[--poller->count];
        return;
    }
    if (i == poller->count) {
        poller->watches = xgrow(poller->watches, poller->count, &poller->capacity,
                                sizeof *poller->watches);
        poller->count++;
    }
    poller->watches[i] =
        (struct poll_watch){.fd = fd, .events = events, .ready = ready, .owner = owner};
}

void poll_poller_init(struct poll_poller *poller)
{
    *poller = (struct poll_poller){.poller.want = want};
}

void poll_poller_finish(struct poll_poller *poller)
{
    free(poller->watches);
    poller->watches = NULL;
    poller->count = poller->capacity = 0;
}

int poll_poller_dispatch(struct poll_poller *poller, int timeout_ms)
{
    size_t count = poller->count;
    autofree struct pollfd *fds = xcalloc(count, sizeof *fds);
    for (size_t i = 0; i < count; i++) {
        fds[i].fd = poller->watches[i].fd;
        if (poller->watches[i].events & POLLER_READ)
            fds[i].events |= POLLIN;
        if (poller->watches[i].events & POLLER_WRITE)
            fds[i].events |= POLLOUT;
    }
    if (poll(fds, count, timeout_ms) <= 0)
        return 0;
    int calls = 0;
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents == 0)
            continue;
        for (size_t j = 0; j < poller->count; j++) { /* an earlier call may have dropped it */
            struct poll_watch watch = poller->watches[j];
            if (watch.fd != fds[i].fd)
                continue;
            unsigned events = 0;
            if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
                events |= POLLER_READ;
            if (fds[i].revents & POLLOUT)
                events |= POLLER_WRITE;
            if ((events & watch.events) != 0) {
                watch.ready(watch.owner, watch.fd, events & watch.events);
                calls++;
            }
            break;
        }
    }
    return calls;
}
