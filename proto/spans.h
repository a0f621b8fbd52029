#ifndef PROTO_SPANS_H
#define PROTO_SPANS_H

/* What stands where in the report of a test: which piece is a path, which a line number, which
 * the error. A report is plain text and stays so; its spans are a list beside it, so that a
 * terminal, a page and an editor can each show the same pieces in a way of their own. A span
 * says what a piece is and never how it looks.
 *
 * They are read off the text each time that it is sent, in one pass over its lines, and are
 * stored nowhere. The layouts that are known are those of Python's tracebacks (which nose and
 * unittest report, groups of exceptions among them) and of pytest's. A line that is none of
 * their lines has no span: what is not understood is shown as it is. */

#include <jansson.h>

enum span_style {
    SPAN_ERROR,    /* what went wrong: the exception and its message */
    SPAN_PATH,     /* of a source */
    SPAN_LINE,     /* a line's number in it */
    SPAN_FUNCTION, /* what was executed there */
    SPAN_CODE,     /* a line of source */
    SPAN_MARK,     /* points at a piece of the line before, or at this line */
    SPAN_ADDED,    /* a line of a comparison: only in the one text */
    SPAN_REMOVED,  /* only in the other */
    SPAN_HEADING,  /* what comes next: the next part of the report begins here */
};
extern const char *const span_names[]; /* "error" ..., NULL at the end */

enum { SPANS_LIMIT = 2000 }; /* what stands behind so many of them has none */

/* A list of {"start", "end", "style"} in the order of the text, none in another, offsets in
 * characters; REPORT is UTF-8. A new reference; NULL when out of memory. */
json_t *spans_encode(const char *report);

#endif
