#include "proto/spans.h"

#include <stdbool.h>
#include <string.h>

const char *const span_names[] = {
    [SPAN_ERROR] = "error",     [SPAN_PATH] = "path",
    [SPAN_LINE] = "line",       [SPAN_FUNCTION] = "function",
    [SPAN_CODE] = "code",       [SPAN_MARK] = "mark",
    [SPAN_ADDED] = "added",     [SPAN_REMOVED] = "removed",
    [SPAN_HEADING] = "heading", NULL,
};

/* Where in a report a line stands: the same words mean another thing elsewhere. */
enum place {
    AMONG_CODE,   /* pytest's excerpts of sources; a report begins here */
    IN_TRACEBACK, /* between its heading and the exception */
    BELOW_FRAME,  /* what is indented more than the frame is its source */
    IN_MESSAGE,   /* the exception was told; its message may go on */
    IN_OUTPUT,    /* what the test printed: it can look like anything */
};

struct reader {
    json_t *spans;
    bool failed; /* no memory */
    enum place place;
    size_t frame_indent;
    bool error_before; /* the line before was one of pytest's E lines */
    /* The line, without its newline. */
    const char *line;
    size_t length;
    size_t from; /* characters before it */
};

/* A part of the line, in bytes. */
struct part {
    size_t begin, end;
};

static size_t characters(const char *bytes, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    return count;
}

static void mark(struct reader *reader, struct part part, enum span_style style)
{
    if (part.begin >= part.end || json_array_size(reader->spans) >= SPANS_LIMIT)
        return;
    size_t start = reader->from + characters(reader->line, part.begin);
    size_t end = start + characters(reader->line + part.begin, part.end - part.begin);
    json_t *span = json_pack("{s:I, s:I, s:s}", "start", (json_int_t)start, "end",
                             (json_int_t)end, "style", span_names[style]);
    if (json_array_append_new(reader->spans, span) < 0)
        reader->failed = true;
}

/* ---- questions about a line ---- */

static bool begins(const struct reader *reader, size_t at, const char *words)
{
    size_t length = strlen(words);
    return at <= reader->length && reader->length - at >= length &&
           memcmp(reader->line + at, words, length) == 0;
}

static bool holds(const struct reader *reader, const char *words)
{
    return memmem(reader->line, reader->length, words, strlen(words)) != NULL;
}

static size_t after_all(const struct reader *reader, size_t at, const char *letters)
{
    while (at < reader->length && strchr(letters, reader->line[at]) != NULL &&
           reader->line[at] != '\0')
        at++;
    return at;
}

static size_t after_spaces(const struct reader *reader, size_t at)
{
    return after_all(reader, at, " ");
}

/* From AT to the end, without what is blank at either end. */
static struct part rest(const struct reader *reader, size_t at)
{
    struct part part = {after_spaces(reader, at), reader->length};
    while (part.end > part.begin && strchr(" \r", reader->line[part.end - 1]) != NULL)
        part.end--;
    return part;
}

/* A group of exceptions draws its tree at the left of each line: where the line itself begins. */
static size_t after_tree(const struct reader *reader)
{
    size_t at = after_spaces(reader, 0);
    while (begins(reader, at, "| ") || begins(reader, at, "+ Exception Group Traceback"))
        at = begins(reader, at, "+") ? at + 2 : after_spaces(reader, at + 1);
    return at;
}

static bool is_tree_rule(const struct reader *reader)
{
    size_t at = after_all(reader, 0, " |");
    return begins(reader, at, "+-");
}

/* "----- Captured stdout call -----", "_ _ _ _ _", "==== FAILURES ====" */
static bool is_rule(const struct reader *reader)
{
    static const char *const rules[] = {"-----", "=====", "_____", "_ _ _"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (begins(reader, 0, rules[i]))
            return true;
    return false;
}

static bool begins_output(const struct reader *reader)
{
    return holds(reader, " Captured ") || holds(reader, ">> begin captured ");
}

static bool is_heading(const struct reader *reader, size_t at)
{
    static const char *const headings[] = {
        "Traceback (most recent call last):",
        "Exception Group Traceback (most recent call last):",
        "The above exception was the direct cause of the following exception:",
        "During handling of the above exception, another exception occurred:",
        "Traceback:",
    };
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        if (begins(reader, at, headings[i]))
            return true;
    return false;
}

/* ---- lines ---- */

/* One line of a comparison, or of what the exception says. A "+" can also explain a value:
 * pytest's "+  where 3 = len(...)". */
static void read_message(struct reader *reader, size_t at, bool first)
{
    struct part part = rest(reader, at);
    enum span_style style = SPAN_ERROR;
    size_t word = after_spaces(reader, part.begin + 1);
    bool explains = word > part.begin + 2 &&
                    (begins(reader, word, "where ") || begins(reader, word, "and "));
    if (!first && !explains && begins(reader, part.begin, "+ "))
        style = SPAN_ADDED;
    else if (!first && begins(reader, part.begin, "- "))
        style = SPAN_REMOVED;
    else if (!first && begins(reader, part.begin, "? "))
        style = SPAN_MARK;
    mark(reader, part, style);
}

static bool is_number(const struct reader *reader, struct part part)
{
    return part.begin < part.end &&
           after_all(reader, part.begin, "0123456789") >= part.end;
}

/* File "PATH", line N, in FUNCTION */
static bool read_frame(struct reader *reader, size_t at)
{
    static const char opening[] = "File \"", middle[] = "\", line ", name[] = ", in ";
    if (!begins(reader, at, opening))
        return false;
    struct part path = {at + strlen(opening), 0};
    const char *found = memmem(reader->line + path.begin, reader->length - path.begin,
                               middle, strlen(middle));
    if (found == NULL)
        return false;
    path.end = (size_t)(found - reader->line);
    struct part line = {path.end + strlen(middle), 0};
    line.end = after_all(reader, line.begin, "0123456789");
    if (!is_number(reader, line))
        return false;
    mark(reader, path, SPAN_PATH);
    mark(reader, line, SPAN_LINE);
    if (begins(reader, line.end, name))
        mark(reader, rest(reader, line.end + strlen(name)), SPAN_FUNCTION);
    reader->frame_indent = at;
    reader->place = BELOW_FRAME;
    return true;
}

/* PATH:N: in FUNCTION, or PATH:N: Exception */
static bool read_location(struct reader *reader)
{
    if (reader->length == 0 || reader->line[0] == ' ')
        return false;
    for (size_t at = 0; at < reader->length; at++) {
        struct part number = {at + 1, after_all(reader, at + 1, "0123456789")};
        if (at == 0 || reader->line[at] != ':' || !is_number(reader, number) ||
            !begins(reader, number.end, ":"))
            continue;
        mark(reader, (struct part){0, at}, SPAN_PATH);
        mark(reader, number, SPAN_LINE);
        if (begins(reader, number.end, ": in "))
            mark(reader, rest(reader, number.end + strlen(": in ")), SPAN_FUNCTION);
        else
            mark(reader, rest(reader, number.end + 1), SPAN_ERROR);
        reader->place = AMONG_CODE;
        return true;
    }
    return false;
}

static void read_source(struct reader *reader, size_t at)
{
    bool points = after_all(reader, at, " ^~") == reader->length;
    mark(reader, rest(reader, at), points ? SPAN_MARK : SPAN_CODE);
}

/* pytest's "E   ..." and ">   ..."; the second stands before the line that failed. */
static bool read_margin(struct reader *reader)
{
    bool alone = reader->length == 1;
    if (begins(reader, 0, "E ") || (alone && begins(reader, 0, "E"))) {
        read_message(reader, 1, !reader->error_before);
        reader->error_before = true;
        reader->place = AMONG_CODE;
        return true;
    }
    reader->error_before = false;
    if (!begins(reader, 0, "> ") || reader->place != AMONG_CODE)
        return false;
    mark(reader, (struct part){0, 1}, SPAN_MARK);
    mark(reader, rest(reader, 1), SPAN_CODE);
    return true;
}

static void read_traceback(struct reader *reader, size_t at)
{
    bool indented = at > reader->frame_indent;
    if (reader->place == BELOW_FRAME && indented) {
        read_source(reader, at);
    } else if (at < reader->length && !begins(reader, at, "[Previous line repeated ")) {
        read_message(reader, at, reader->place != IN_MESSAGE);
        reader->place = IN_MESSAGE;
    }
}

static void read_line(struct reader *reader)
{
    if (is_rule(reader) || is_tree_rule(reader)) {
        mark(reader, rest(reader, 0), SPAN_HEADING);
        reader->place = begins_output(reader) ? IN_OUTPUT
                        : is_rule(reader)     ? AMONG_CODE
                                              : IN_TRACEBACK;
        reader->frame_indent = 0;
        reader->error_before = false;
        return;
    }
    if (reader->place == IN_OUTPUT)
        return;
    size_t at = after_tree(reader);
    if (is_heading(reader, at)) {
        mark(reader, rest(reader, at), SPAN_HEADING);
        reader->place = begins(reader, at, "Traceback:") ? AMONG_CODE : IN_TRACEBACK;
        reader->error_before = false;
        return;
    }
    if (read_frame(reader, at) || read_margin(reader))
        return;
    if (reader->place != AMONG_CODE)
        read_traceback(reader, at);
    else if (!read_location(reader) && begins(reader, 0, "    "))
        read_source(reader, 4);
}

json_t *spans_encode(const char *report)
{
    struct reader reader = {.spans = json_array(), .line = report};
    reader.failed = reader.spans == NULL;
    while (*reader.line != '\0' && !reader.failed &&
           json_array_size(reader.spans) < SPANS_LIMIT) {
        reader.length = strcspn(reader.line, "\n");
        read_line(&reader);
        reader.from += characters(reader.line, reader.length) + 1;
        reader.line += reader.length + (reader.line[reader.length] == '\n');
    }
    if (!reader.failed)
        return reader.spans;
    json_decref(reader.spans);
    return NULL;
}
