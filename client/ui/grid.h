#ifndef CLIENT_UI_GRID_H
#define CLIENT_UI_GRID_H

/* A picture of the terminal in memory: cells with a glyph and a style. The view draws here, the
 * tests read here, and term.c alone carries it to a real terminal. What is put is UTF-8 that
 * anybody may have written: each character takes the columns that wcwidth says, combining ones join
 * the cell before, and what could command a terminal or turn the direction of writing around is
 * shown as \xNN. */

#include <stdbool.h>
#include <stddef.h>

/* What a cell means; term.c knows how it looks with as many colours as there are. */
enum style {
    STYLE_PLAIN,
    STYLE_DIM,
    STYLE_BOLD,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_ERROR, /* in reports: the words of the exception */
    STYLE_PATH,
    STYLE_CODE,
    STYLE_ADDED,
    STYLE_REMOVED,
    STYLE_SELECTED,
    STYLE_BAR_RED, /* the line that is seen from across the room */
    STYLE_BAR_GREEN,
    STYLE_BAR_YELLOW,
    STYLE_BAR_BLUE,
    STYLE_BAR_GREY,
    STYLE_COUNT,
};

enum { GLYPH_BYTES = 20 };

struct cell_of_grid {
    char glyph
        [GLYPH_BYTES]; /* UTF-8, NUL-terminated; "" is the right half of a wide one */
    unsigned char style;
};

struct grid {
    int columns, rows;
    bool utf8; /* signs outside ASCII can be shown */
    struct cell_of_grid *cells;
};

/* All blank. */
void grid_resize(struct grid *grid, int columns, int rows);
void grid_clear(struct grid *grid);
void grid_finish(struct grid *grid);

const struct cell_of_grid *grid_at(const struct grid *grid, int column, int row);

/* TEXT[0..LENGTH) from COLUMN up to but not including END; the column after it. A character that
 * does not fit whole is left out, and so is what follows. Newlines must not be in it. */
int grid_put(struct grid *grid, int column, int row, int end, enum style style,
             const char *text, size_t length);
/* The same for a string. What is too long ends with an ellipsis. */
int grid_say(struct grid *grid, int column, int row, int end, enum style style,
             const char *text);
/* The combining character GLYPH joins the one that ends before COLUMN > 0; too many are cut. Returns COLUMN. */
int grid_join(struct grid *grid, int column, int row, const char *glyph);
/* Blanks in STYLE. */
void grid_fill(struct grid *grid, int column, int row, int end, enum style style);

/* The next character at TEXT, of LENGTH > 0 bytes, at COLUMN of its line: how it is shown (a
 * string), how many columns that takes (0: it joins the one before), and how many bytes it was. */
struct glyph {
    char shown[GLYPH_BYTES];
    int columns;
    size_t bytes;
};
struct glyph glyph_next(const char *text, size_t length, int column, bool utf8);

/* Columns that TEXT takes. */
int text_columns(const char *text, bool utf8);

/* As text, a line a row, blanks at the ends cut; the caller's. */
char *grid_text(const struct grid *grid);
/* The same with a letter for each cell's style ('.': plain). */
char *grid_styles(const struct grid *grid);

#endif
