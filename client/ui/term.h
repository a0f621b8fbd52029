#ifndef CLIENT_UI_TERM_H
#define CLIENT_UI_TERM_H

/* The real terminal, and the only room that knows curses. It shows grids (curses sends no more than
 * what differs), reads keys, and hands the terminal over for a while. */

#include "client/ui/grid.h"
#include "client/ui/keys.h"

#include <stdbool.h>

/* Takes the terminal. False: it cannot show pictures (TERM=dumb, unknown, not a terminal). */
bool term_start(void);
void term_stop(void);

void term_size(int *ret_columns, int *ret_rows);
/* The window has another size now. */
void term_resized(void);
void term_show(const struct grid *grid);
/* As if nothing were known of what the terminal shows. */
void term_forget(void);

/* The next key that was pressed. False: none is there. */
bool term_key(struct key *ret);

/* The terminal is somebody else's until term_back: as it was before. */
void term_lend(void);
void term_back(void);

/* Has the terminal put TEXT into its clipboard (OSC 52). */
void term_copy(const char *text);

#endif
