#ifndef CLIENT_UI_KEYS_H
#define CLIENT_UI_KEYS_H

/* From a key to what is to be done. What concerns the view alone is done here; what needs the daemon
 * or the terminal is told to the caller. */

#include "client/ui/view.h"

/* Keys without a character of their own; others are their code points. */
enum {
    KEY_OF_UI = 0x200000,
    UI_UP,
    UI_DOWN,
    UI_LEFT,
    UI_RIGHT,
    UI_PAGE_UP,
    UI_PAGE_DOWN,
    UI_HOME,
    UI_END,
    UI_BACKSPACE,
    UI_WHEEL_UP,
    UI_WHEEL_DOWN,
    UI_CLICK,
};

struct key {
    int code;
    int column, row; /* of the mouse */
};

enum act {
    ACT_NONE,
    ACT_QUIT,
    ACT_EDIT,
    ACT_DEBUG, /* the selected failure's test */
    ACT_COPY,
    ACT_RUN, /* the selected failure's file */
    ACT_RUN_ALL,
    ACT_PAUSE, /* or resume */
    ACT_FOCUS, /* on the selected one's file, or off */
    ACT_WHY,
    ACT_DEPS,
    ACT_START, /* the daemon */
    ACT_REDRAW,
};

enum act key_take(struct view *view, const struct model *model, const struct key *key);

#endif
