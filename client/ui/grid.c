#include "client/ui/grid.h"

#include "client/letter.h"
#include "client/trouble.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum { TAB = 8 };

void grid_resize(struct grid *grid, int columns, int rows)
{
    size_t count = (size_t)columns * (size_t)rows;
    grid->cells = must(reallocarray(grid->cells, count + 1, sizeof *grid->cells));
    grid->columns = columns;
    grid->rows = rows;
    grid_clear(grid);
}

void grid_clear(struct grid *grid)
{
    for (int row = 0; row < grid->rows; row++)
        grid_fill(grid, 0, row, grid->columns, STYLE_PLAIN);
}

void grid_finish(struct grid *grid)
{
    free(grid->cells);
    *grid = (struct grid){0};
}

static struct cell_of_grid *at(const struct grid *grid, int column, int row)
{
    return &grid->cells[(size_t)row * (size_t)grid->columns + (size_t)column];
}

const struct cell_of_grid *grid_at(const struct grid *grid, int column, int row)
{
    return at(grid, column, row);
}

/* ---- characters ---- */

struct glyph glyph_next(const char *text, size_t length, int column, bool utf8)
{
    struct glyph glyph = {.bytes = 1};
    uint32_t code = letter_decode(text, length, &glyph.bytes);
    if (code == '\t') {
        snprintf(glyph.shown, sizeof glyph.shown, "%*s", TAB - column % TAB, "");
    } else if (glyph.bytes == 0 || letter_is_sly(code)) {
        char escaped[LETTER_ESCAPED];
        letter_escape(code, escaped);
        snprintf(glyph.shown, sizeof glyph.shown, "%s", escaped);
        if (glyph.bytes == 0)
            glyph.bytes = 1;
    } else {
        int columns = code < 0x7f ? 1 : utf8 ? wcwidth((wchar_t)code) : -1;
        if (columns < 0) { /* unknown to this locale: as good as we can */
            glyph.shown[0] = '?';
            columns = 1;
        } else {
            memcpy(glyph.shown, text, glyph.bytes);
        }
        glyph.columns = columns;
        return glyph;
    }
    glyph.columns = (int)strlen(glyph.shown);
    return glyph;
}

int text_columns(const char *text, bool utf8)
{
    int columns = 0;
    for (size_t length = strlen(text); length > 0;) {
        struct glyph glyph = glyph_next(text, length, columns, utf8);
        columns += glyph.columns;
        text += glyph.bytes;
        length -= glyph.bytes;
    }
    return columns;
}

/* ---- putting ---- */

static void set(struct grid *grid, int column, int row, enum style style,
                const char *glyph)
{
    struct cell_of_grid *cell = at(grid, column, row);
    snprintf(cell->glyph, sizeof cell->glyph, "%s", glyph);
    cell->style = (unsigned char)style;
}

int grid_join(struct grid *grid, int column, int row, const char *glyph)
{
    if (row < 0 || row >= grid->rows)
        return column;
    int before = column - 1;
    while (before > 0 && grid_at(grid, before, row)->glyph[0] == '\0')
        before--;
    struct cell_of_grid *cell = at(grid, before, row);
    if (strlen(cell->glyph) + strlen(glyph) < sizeof cell->glyph)
        strcat(cell->glyph, glyph);
    return column;
}

int grid_put(struct grid *grid, int column, int row, int end, enum style style,
             const char *text, size_t length)
{
    int begin = column;
    if (row < 0 || row >= grid->rows)
        return column;
    if (end > grid->columns)
        end = grid->columns;
    while (length > 0) {
        struct glyph glyph = glyph_next(text, length, column - begin, grid->utf8);
        if (column + glyph.columns > end)
            break;
        if (glyph.columns == 0 && column > begin) {
            grid_join(grid, column, row, glyph.shown);
        } else if (glyph.columns == 2 && (unsigned char)glyph.shown[0] >= 0x80) {
            set(grid, column, row, style, glyph.shown);
            set(grid, column + 1, row, style, "");
        } else if ((unsigned char)glyph.shown[0] >= 0x80) {
            set(grid, column, row, style, glyph.shown);
        } else { /* ASCII: an escape stands for itself, a cell each */
            for (int i = 0; i < glyph.columns; i++) {
                char one[] = {glyph.shown[i], '\0'};
                set(grid, column + i, row, style, one);
            }
        }
        column += glyph.columns;
        text += glyph.bytes;
        length -= glyph.bytes;
    }
    return column;
}

int grid_say(struct grid *grid, int column, int row, int end, enum style style,
             const char *text)
{
    if (end > grid->columns)
        end = grid->columns;
    if (column >= end)
        return column;
    if (text_columns(text, grid->utf8) <= end - column)
        return grid_put(grid, column, row, end, style, text, strlen(text));
    const char *ellipsis = grid->utf8 ? "…" : "~";
    column = grid_put(grid, column, row, end - 1, style, text, strlen(text));
    return grid_put(grid, column, row, end, style, ellipsis, strlen(ellipsis));
}

void grid_fill(struct grid *grid, int column, int row, int end, enum style style)
{
    if (row < 0 || row >= grid->rows)
        return;
    for (; column < end && column < grid->columns; column++)
        set(grid, column, row, style, " ");
}

/* ---- as text ---- */

static char *dump(const struct grid *grid, bool styles)
{
    static const char letters[STYLE_COUNT + 1] = ".dbrgyuepcamsRGYBX";
    size_t room = (size_t)grid->rows * ((size_t)grid->columns * GLYPH_BYTES + 1) + 1;
    char *text = must(malloc(room)), *out = text;
    for (int row = 0; row < grid->rows; row++) {
        char *end = out;
        for (int column = 0; column < grid->columns; column++) {
            const struct cell_of_grid *cell = grid_at(grid, column, row);
            if (styles)
                *out++ = letters[cell->style];
            else
                out = stpcpy(out, cell->glyph);
            if (styles ? cell->style != STYLE_PLAIN : strcmp(cell->glyph, " ") != 0)
                end = out;
        }
        out = end;
        *out++ = '\n';
    }
    *out = '\0';
    return text;
}

char *grid_text(const struct grid *grid)
{
    return dump(grid, false);
}

char *grid_styles(const struct grid *grid)
{
    return dump(grid, true);
}
