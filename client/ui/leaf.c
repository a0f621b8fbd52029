#include "client/ui/leaf.h"

#include <ctype.h>
#include <string.h>

struct leaf_reader leaf_text(const char *text, int columns, bool utf8)
{
    return (struct leaf_reader){
        .text = text, .columns = columns, .utf8 = utf8, .words = true};
}

struct leaf_reader leaf_report(const json_t *record, int columns, bool utf8)
{
    const char *report = json_string_value(json_object_get(record, "report"));
    struct leaf_reader reader = leaf_text(report != NULL ? report : "", columns, utf8);
    reader.words = false;
    const json_t *spans = json_object_get(record, "spans");
    if (json_is_array(spans))
        reader.spans = spans;
    else
        reader.guess = true;
    return reader;
}

/* ---- guessing ---- */

static bool begins(const char *line, size_t length, const char *with)
{
    return length >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* "package.SomeError: words", "AssertionError" */
static bool names_exception(const char *line, size_t length)
{
    size_t word = 0;
    while (word < length &&
           (isalnum((unsigned char)line[word]) || line[word] == '_' || line[word] == '.'))
        word++;
    if (word == 0 || (word < length && line[word] != ':'))
        return false;
    static const char *const ends[] = {"Error",   "Exception", "Exit",   "Interrupt",
                                       "Warning", "Failed",    "Timeout"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);
        if (word >= end && memcmp(line + word - end, ends[i], end) == 0)
            return true;
    }
    return false;
}

/* pytest's "tests/test_a.py:12: AssertionError" */
static bool is_place(const char *line, size_t length)
{
    const char *mark = memmem(line, length, ".py:", 4);
    return mark != NULL && line[0] != ' ' && isdigit((unsigned char)mark[4]);
}

static enum style guess(const char *line, size_t length)
{
    bool of_pytest = begins(line, length, "E ");
    size_t skip = of_pytest ? 1 : 0;
    while (skip < length && line[skip] == ' ')
        skip++;
    const char *word = line + skip;
    size_t rest = length - skip;
    if (begins(word, rest, "File \"") || is_place(line, length))
        return STYLE_PATH;
    if (begins(line, length, "Traceback (") ||
        begins(line, length, "--------------------"))
        return STYLE_DIM;
    if (of_pytest || skip == 0) {
        if (begins(word, rest, "+ ") || begins(word, rest, "+++"))
            return STYLE_ADDED;
        if (begins(word, rest, "- ") || begins(word, rest, "---"))
            return STYLE_REMOVED;
        if (begins(word, rest, "? "))
            return STYLE_DIM;
    }
    if (of_pytest || (skip == 0 && names_exception(word, rest)))
        return STYLE_ERROR;
    return begins(line, length, "> ") || begins(line, length, ">\t") ||
                   begins(line, length, "    ")
               ? STYLE_CODE
               : STYLE_PLAIN;
}

/* ---- rows ---- */

/* Gives back what follows the last blank; a word longer than a row stays broken. */
static void end_with_word(struct leaf_reader *reader, struct leaf *leaf)
{
    size_t end = leaf->length;
    while (end > 0 && leaf->text[end - 1] != ' ')
        end--;
    for (size_t i = end; end > 0 && i < leaf->length; i++)
        reader->character -= ((unsigned char)leaf->text[i] & 0xc0) != 0x80;
    leaf->length = end > 0 ? end : leaf->length;
}

bool leaf_next(struct leaf_reader *reader, struct leaf *ret)
{
    const char *text = reader->text;
    if (*text == '\0')
        return false;
    size_t length = strcspn(text, "\n"), whole = length;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    if (!reader->inside)
        reader->line = reader->guess ? guess(text, length) : STYLE_PLAIN;
    struct leaf leaf = {
        .text = text, .character = reader->character, .style = reader->line};
    int columns = 0;
    while (leaf.length < length) {
        struct glyph glyph =
            glyph_next(text + leaf.length, length - leaf.length, columns, reader->utf8);
        if (reader->columns > 0 && leaf.length > 0 &&
            columns + glyph.columns > reader->columns)
            break;
        columns += glyph.columns;
        leaf.length += glyph.bytes;
        reader->character++;
    }
    if (reader->words && leaf.length < length)
        end_with_word(reader, &leaf);
    reader->inside = leaf.length < length;
    reader->text = text + leaf.length;
    if (!reader->inside) {
        reader->character += whole - length + (text[whole] == '\n' ? 1 : 0);
        reader->text = text + whole + (text[whole] == '\n');
    }
    *ret = leaf;
    return true;
}

static enum style style_named(const char *name)
{
    static const struct {
        const char *name;
        enum style style;
    } styles[] = {{"error", STYLE_ERROR}, {"path", STYLE_PATH},
                  {"line", STYLE_PATH},   {"code", STYLE_CODE},
                  {"added", STYLE_ADDED}, {"removed", STYLE_REMOVED}};
    for (size_t i = 0; name != NULL && i < sizeof styles / sizeof *styles; i++)
        if (strcmp(name, styles[i].name) == 0)
            return styles[i].style;
    return STYLE_PLAIN;
}

/* The style of CHARACTER; they are asked for in growing order, as spans are sorted. */
static enum style span_style(struct leaf_reader *reader, size_t character)
{
    const json_t *span = NULL;
    while ((span = json_array_get(reader->spans, reader->span)) != NULL &&
           json_integer_value(json_array_get(span, 1)) <= (json_int_t)character)
        reader->span++;
    if (span == NULL ||
        json_integer_value(json_array_get(span, 0)) > (json_int_t)character)
        return STYLE_PLAIN;
    return style_named(json_string_value(json_array_get(span, 2)));
}

void leaf_put(struct leaf_reader *reader, const struct leaf *leaf, struct grid *grid,
              int column, int row, int end, int sideways)
{
    int begin = column, at = 0;
    size_t character = leaf->character;
    for (size_t i = 0; i < leaf->length; character++) {
        struct glyph glyph = glyph_next(leaf->text + i, leaf->length - i, at, grid->utf8);
        enum style style =
            reader->spans != NULL ? span_style(reader, character) : leaf->style;
        i += glyph.bytes;
        at += glyph.columns;
        if (at - glyph.columns < sideways)
            continue;
        if (glyph.columns == 0 && column > begin) /* with the one it joins */
            column = grid_join(grid, column, row, glyph.shown);
        else
            column =
                grid_put(grid, column, row, end, style, glyph.shown, strlen(glyph.shown));
    }
}
