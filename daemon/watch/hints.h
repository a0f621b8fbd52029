#ifndef WATCH_HINTS_H
#define WATCH_HINTS_H

/* The FIFO into which other programs write which paths may have changed: one a line, relative to the
 * root or absolute. A hint like any change: told, never believed.
 *
 * The FIFO is made when it is opened and goes when it is closed, because a shell that writes into one
 * without a reader hangs. Writers come and go; a line that the last of them leaves without its end
 * counts as it is. Who removes or replaces the FIFO gets a new one in its place: what was there
 * instead may have hints in it that nobody read, so it is lost() that is called then. */

#include "daemon/base/poller.h"

struct hints_sink {
    void *owner;
    void (*hinted)(void *owner, const char *path);
    /* Hints may have been missed. */
    void (*lost)(void *owner, const char *why);
    /* A line was no path; said once. Or the FIFO is gone for good. */
    void (*complain)(void *owner, const char *what);
};

struct hints;

/* PATH is copied; POLLER and SINK are borrowed and outlive it. A FIFO that a daemon left behind is
 * taken over, what else is there is removed, but for a folder. 0 or -errno. */
int hints_open(struct hints **ret, const char *path, struct poller *poller,
               const struct hints_sink *sink);
void hints_close(struct hints *hints);

/* Everything written up to now is told before this returns. HINTS may be NULL. */
void hints_take(struct hints *hints);

#endif
