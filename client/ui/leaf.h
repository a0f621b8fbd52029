#ifndef CLIENT_UI_LEAF_H
#define CLIENT_UI_LEAF_H

/* A report, or any text, row by row as it is shown: broken at the width, and each character with its
 * style. Styles come with the report ("spans"); from a daemon that sends none they are guessed,
 * line by line, from what Python's tracebacks and the frameworks' diffs look like. */

#include "client/ui/grid.h"

#include <jansson.h>

struct leaf_reader {
    const char *text;
    int columns; /* where rows are broken; 0: nowhere */
    bool utf8, guess;
    bool words;          /* rows end between words */
    const json_t *spans; /* or NULL */
    size_t character;    /* how many are behind us */
    size_t span;         /* the first that does not end before */
    enum style line;     /* guessed for the line that TEXT is in */
    bool inside;         /* TEXT is not at a line's beginning */
};

/* A row: LENGTH bytes that begin with CHARACTER of the whole. */
struct leaf {
    const char *text;
    size_t length, character;
    enum style style;
};

/* RECORD's report; one without is empty. */
struct leaf_reader leaf_report(const json_t *record, int columns, bool utf8);
struct leaf_reader leaf_text(const char *text, int columns, bool utf8);
bool leaf_next(struct leaf_reader *reader, struct leaf *ret);

/* Puts LEAF, without its first SIDEWAYS columns. */
void leaf_put(struct leaf_reader *reader, const struct leaf *leaf, struct grid *grid,
              int column, int row, int end, int sideways);

#endif
