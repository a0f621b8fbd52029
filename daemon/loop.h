#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

/* The event loop: descriptors, the one timer, signals and the clock on one side, the house on the
 * other. The only file that knows libev. */

#include "daemon/house.h"

/* Runs until a client or a signal ends it. STARTED(OWNER) is called once, when the socket answers
 * and the watcher is armed. 0, or -errno where it could not begin. */
int loop_run(const struct house_settings *settings, void (*started)(void *owner),
             void *owner);

#endif
