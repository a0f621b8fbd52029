#ifndef CLIENT_UI_OUTPUT_H
#define CLIENT_UI_OUTPUT_H

/* The end of what the test runs print, with a headline where another test file speaks. However
 * much they print, it holds OUTPUT_KEPT bytes at most. */

#include <stddef.h>

enum { OUTPUT_KEPT = 128 << 10 };

struct output {
    char *text;
    size_t length;
    char *speaker; /* the test file that spoke last */
};

void output_finish(struct output *output);
void output_clear(struct output *output);
void output_add(struct output *output, const char *file, const char *text);

/* Where the last LINES lines begin; a newline at the end counts no line. */
const char *output_tail(const struct output *output, int lines);

/* The headline of the lines that begin at AT, or of the first that are still there; NULL: nothing was
 * printed. */
const char *output_speaker(const struct output *output, const char *at);

/* Headlines begin with this byte. */
enum { OUTPUT_HEAD = 0x01 };

#endif
