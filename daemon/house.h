#ifndef DAEMON_HOUSE_H
#define DAEMON_HOUSE_H

/* All rooms of one daemon, joined: the watcher tells the engine, the engine asks the workers, the
 * server answers clients. Knows no event loop and no clock: loop.c gives it both.
 *
 * A room is never entered twice: what one tells while another is being called is noted, and done by
 * house_catch_up before the next wait. */

#include "daemon/base/notify.h"
#include "daemon/base/poller.h"
#include "daemon/config/config.h"

#include <stdbool.h>
#include <stdint.h>

struct house_settings {
    const char *root;
    const char *state;  /* ROOT/.sniffer */
    const char *plugin; /* folder with sniffer_host.py */
    int socket;         /* listening; the caller's */
    struct index *index;
    struct config config; /* taken over */
    /* Given on the command line: they beat the settings. 0 and NULL: not given. */
    int jobs;
    const char *python;
    bool fail_fast;
    int shard, shards;     /* which part of how many is run; 0: all */
    const char *backend;   /* "auto", "inotify" or "fanotify" */
    bool pipe;             /* read hints from a FIFO in the state folder */
    struct notify *notify; /* who is told that all is well; the caller's */
    /* What could not be opened, where it was not the root; the caller's. */
    char **ret_failed;
};

struct house_clock {
    int64_t (*now)(void);    /* monotonic ms */
    int64_t (*wall)(void);   /* ms since the epoch */
    int64_t (*asleep)(void); /* ms that the machine has slept in all */
};

struct house;

/* SETTINGS' strings and POLLER are borrowed. 0 or -errno; RET is to be closed in both cases. */
int house_open(struct house **ret, const struct house_settings *settings,
               struct poller *poller, const struct house_clock *clock);
/* Look at everything; from then on descriptors are served through the poller. */
void house_begin(struct house *house);
void house_close(struct house *house);

/* Before each wait: whatever is left to do. */
void house_catch_up(struct house *house);
/* When house_tick must be called; INT64_MAX: never. */
int64_t house_deadline(const struct house *house);
void house_tick(struct house *house);

void house_reload(struct house *house); /* the settings, at the next catch-up */
void house_stop(struct house *house);
bool house_stopping(const struct house *house);

#endif
