#include "client/print.h"

#include "client/letter.h"
#include "client/trouble.h"
#include "proto/order.h"

#include <langinfo.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

void print_init(struct print *print, FILE *out)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    *print = (struct print){
        .out = out,
        .colour = isatty(fileno(out)) && !dumb && (none == NULL || none[0] == '\0'),
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

/* ---- text ---- */

/* TEXT[0..LENGTH), made harmless. Owned by the caller. */
static char *harmless(const char *text, size_t length, bool keep_tabs)
{
    char *safe = must(malloc(4 * length + 1)), *out = safe;
    for (size_t i = 0, bytes = 0; i < length; i += bytes) {
        char escaped[LETTER_ESCAPED];
        uint32_t code = letter_decode(text + i, length - i, &bytes);
        bytes +=
            bytes ==
            0; /* a name may be of any bytes; there are C1 controls among those, too */
        if (letter_is_sly(code) && !(keep_tabs && code == '\t'))
            out = mempcpy(out, escaped, letter_escape(code, escaped));
        else
            out = mempcpy(out, text + i, bytes);
    }
    *out = '\0';
    return safe;
}

static const char *const sequences[] = {
    [COLOUR_PLAIN] = "",          [COLOUR_RED] = "\033[31m", [COLOUR_GREEN] = "\033[32m",
    [COLOUR_YELLOW] = "\033[33m", [COLOUR_DIM] = "\033[2m",  [COLOUR_BOLD] = "\033[1m",
};

void print_text(const struct print *print, enum colour colour, const char *text)
{
    bool painted = print->colour && colour != COLOUR_PLAIN && text[0] != '\0';
    autofree char *safe = harmless(text, strlen(text), false);
    fprintf(print->out, "%s%s%s", painted ? sequences[colour] : "", safe,
            painted ? "\033[0m" : "");
}

void print_block(const struct print *print, const char *indent, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t shown = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
        autofree char *safe = harmless(text, shown, true);
        fprintf(print->out, "%s%s\n", safe[0] != '\0' ? indent : "", safe);
        text += length + (text[length] == '\n');
    }
}

void print_json(const struct print *print, const json_t *json)
{
    char *text = must(json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY));
    fprintf(print->out, "%s\n", text);
    free(text);
}

void print_json_lines(const struct print *print, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        print_json(print, json_array_get(array, i));
}

char *print_field(const json_t *record, const char *key)
{
    const json_t *value = json_object_get(record, key);
    if (json_is_string(value))
        return must(strdup(json_string_value(value)));
    if (json_is_integer(value))
        return text_format("%lld", (long long)json_integer_value(value));
    if (json_is_object(value)) {
        char *bytes = wire_path_bytes(value);
        if (bytes != NULL)
            return bytes;
    }
    return must(strdup(""));
}

void print_duration(double ms, char ret[32])
{
    if (ms < 999.5)
        snprintf(ret, 32, "%.0f ms", ms < 0 ? 0 : ms);
    else if (ms < 59950)
        snprintf(ret, 32, "%.1f s", ms / 1000);
    else {
        long long seconds = (long long)(ms / 1000 + 0.5);
        snprintf(ret, 32, "%lld:%02lld min", seconds / 60, seconds % 60);
    }
}

/* ---- columns ---- */

/* How many columns of a terminal TEXT takes. */
static size_t width(const char *text)
{
    size_t columns = 0;
    mbstate_t state = {0};
    while (*text != '\0') {
        wchar_t wide;
        size_t length = mbrtowc(&wide, text, strlen(text), &state);
        if (length == (size_t)-1 || length == (size_t)-2) {
            memset(&state, 0, sizeof state);
            length = 1;
            wide = L'?';
        }
        int cells = wcwidth(wide);
        columns += cells > 0 ? (size_t)cells : 0;
        text += length;
    }
    return columns;
}

void table_add(struct table *table, enum colour colour, char *text)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity > 0 ? 2 * table->capacity : 64;
        table->cells =
            must(reallocarray(table->cells, table->capacity, sizeof *table->cells));
    }
    /* Made harmless at once: an escaped name is wider. */
    struct cell cell = {.text = harmless(text, strlen(text), false), .colour = colour};
    free(text);
    table->cells[table->count++] = cell;
}

void table_print(struct table *table, const struct print *print)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t here = width(table->cells[i].text);
        if (here > widths[i % table->columns])
            widths[i % table->columns] = here;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        const struct cell *cell = &table->cells[i];
        print_text(print, cell->colour, cell->text);
        if (column + 1 == table->columns)
            fputc('\n', print->out);
        else
            fprintf(print->out, "%*s", (int)(widths[column] - width(cell->text) + 2), "");
    }
}

void table_finish(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){.columns = table->columns};
}
