#ifndef CLIENT_UI_TALK_H
#define CLIENT_UI_TALK_H

/* The conversation with the daemon, without ever waiting for it once it is connected: requests go out when the
 * socket takes them, and messages are handed out as they come. Nothing else here knows client/link. */

#include "client/link.h"

enum asked { /* what a reply is about */
             ASKED_NOTHING,
             ASKED_SUBSCRIBE,
             ASKED_FILES, /* a page that the snapshot left out */
             ASKED_RESULTS,
             ASKED_RUN,
             ASKED_PAUSE,
             ASKED_RESUME,
             ASKED_FOCUS,
             ASKED_WHY,
             ASKED_DEPS,
};

struct talk {
    bool up;
    bool gone; /* the daemon */
    struct link link;
    enum asked asked[64]; /* by id; the daemon takes no more at a time */
};

/* Connects to a daemon that runs and subscribes. 0, or the exit code that TROUBLE explains. */
int talk_open(struct talk *talk, const struct project *project, struct trouble *trouble);
/* LINK becomes the conversation's. */
void talk_take(struct talk *talk, const struct link *link);
void talk_close(struct talk *talk);

/* PARAMS is stolen (NULL: none). */
void talk_ask(struct talk *talk, enum asked about, const char *method, json_t *params);

/* What poll(2) is to wait for. */
int talk_fd(const struct talk *talk);
short talk_events(const struct talk *talk);
/* Sends and receives what can be: the next message, valid until the next call; *RET_ABOUT for a reply. False: there is
 * none now, or the daemon is GONE. */
bool talk_next(struct talk *talk, struct incoming *ret, enum asked *ret_about);

#endif
