#ifndef CLIENT_UI_VIEW_H
#define CLIENT_UI_VIEW_H

/* What is on the screen and where one is in it. view_draw makes the picture anew each time from the
 * model and this; keys.c changes it. What one reads stays where it is: the selected failure keeps its
 * row whatever comes above it. */

#include "client/ui/grid.h"
#include "client/ui/model.h"

enum page {
    PAGE_MAIN,
    PAGE_OUTPUT, /* what the tests print, as it comes */
    PAGE_TEXT,   /* help, why, what a verdict rests on */
};

struct view {
    enum page page;
    char *title, *text; /* of PAGE_TEXT */
    int scroll;         /* its first row; on PAGE_OUTPUT rows up from the end */
    char filter[128];
    bool typing;  /* the filter */
    char *notice; /* one line in place of the keys, until the next key; or NULL */
    bool unwrapped;
    int sideways;      /* columns, where lines are not wrapped */
    bool touched;      /* something was selected: else the first is */
    uint64_t selected; /* a test's id */
    size_t index;      /* where it stood */
    int anchor;        /* the row of its headline, counted from the area's first */

    /* of the last picture */
    struct known_test **reds;
    size_t red_count;
    int area_row, area_rows, area_columns;
    bool area_utf8;
    bool unsure; /* no daemon says that it is still so */
    size_t *
        clicked; /* for each row of the area 1 + the index of what is there; 0: nothing */
};

void view_finish(struct view *view);
void view_draw(struct view *view, const struct model *model, struct grid *grid,
               int64_t now);

/* The selected failure, or NULL. To be asked after view_look. */
struct known_test *view_selected(const struct view *view);
/* Brings the list of failures up to the model. */
void view_look(struct view *view, const struct model *model);

/* Rows of failure INDEX with its headline and the blank row after it. */
int view_height(const struct view *view, size_t index);
void view_select(struct view *view, size_t index, int anchor);

void view_notice(struct view *view, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* TEXT is stolen. */
void view_page(struct view *view, enum page page, const char *title, char *text);

/* draw_*.c: parts of the picture, below row ROW; the first row behind them. */
int draw_head(const struct model *model, struct grid *grid);
int draw_queue(const struct model *model, struct grid *grid, int row, int rows,
               int64_t now);
int draw_output(const struct model *model, struct grid *grid, int row, int rows,
                int scroll);
void draw_foot(const struct view *view, const struct model *model, struct grid *grid);

#endif
