#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

/* Joins the rooms: descriptors, the one timer and signals on one side, watcher, workers, server and
 * engine on the other. The only file that knows libev. */

#include "daemon/config/config.h"

#include <stdbool.h>

struct loop_settings {
    const char *root;
    const char *state;  /* ROOT/.sniffer */
    const char *plugin; /* folder with sniffer_host.py */
    int socket;         /* listening; the caller's */
    struct index *index;
    struct config config; /* taken over by loop_run */
    /* Given on the command line: they beat the settings. 0 and NULL: not given. */
    int jobs;
    const char *python;
    /* Called once, when the socket answers and the watcher is armed. */
    void (*started)(void *owner);
    void *owner;
};

/* Runs until a client or a signal ends it. 0, or -errno where it could not begin. */
int loop_run(const struct loop_settings *settings);

#endif
