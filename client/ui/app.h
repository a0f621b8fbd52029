#ifndef CLIENT_UI_APP_H
#define CLIENT_UI_APP_H

/* sniffer: joins the conversation, the model, the view and the terminal, with one poll(). A picture is
 * made when something has changed, at most one in FRAME_MS, but at once after a key: however fast the
 * daemon tells, the terminal gets what a person can see. */

#include "client/print.h"
#include "client/ui/grid.h"
#include "client/ui/keys.h"
#include "client/ui/model.h"
#include "client/ui/talk.h"
#include "client/ui/view.h"

struct app {
    struct project project;
    struct talk talk;
    struct model model;
    struct view view;
    struct grid grid;
    struct print print; /* of the plain lines */
    bool pictures, quit;
    bool paused; /* by us, and not gone on: with a focus the state does not tell */
    bool dirty;
    int64_t next_frame;
    int64_t reconnect; /* when to try again, while there is no daemon */
    /* The rest of a snapshot that came in pages. */
    int64_t page_seq, page_again;
    bool pages_moved;
    int pages_open;
    int signals; /* signalfd */
    int code;    /* to leave with */
    struct trouble trouble;
};

/* act.c: does what a key asks for. */
void app_act(struct app *app, enum act act);
/* A reply that is shown, or not. */
void app_reply(struct app *app, const struct incoming *reply, enum asked about);
/* While F runs signals reach whom they would reach without us. */
void app_unblock(void);
void app_block(struct app *app);

int app_main(int argc, char **argv);

#endif
