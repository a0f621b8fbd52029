#ifndef CLIENT_PRINT_H
#define CLIENT_PRINT_H

/* How things look on a terminal and in a pipe: colour only on a terminal and never with NO_COLOR,
 * signs outside ASCII only where the locale has them, and nothing that a test printed or a file is
 * called can command the terminal. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct print {
    FILE *out;
    bool colour, utf8;
};

/* For OUT as it is; setlocale was called. */
void print_init(struct print *print, FILE *out);

enum colour {
    COLOUR_PLAIN,
    COLOUR_RED,
    COLOUR_GREEN,
    COLOUR_YELLOW,
    COLOUR_DIM,
    COLOUR_BOLD
};

/* TEXT with control characters, and those that hide or turn others around, as \xNN and \uNNNN. */
void print_text(const struct print *print, enum colour colour, const char *text);

/* Lines of TEXT, each after INDENT; tabs stay. The last one gets its newline. */
void print_block(const struct print *print, const char *indent, const char *text);

void print_json(const struct print *print, const json_t *json);
/* Each element on a line of its own. */
void print_json_lines(const struct print *print, const json_t *array);

/* The string under KEY: "" where it is null or missing; a path's {"b64": ...} as its bytes; a number as
 * digits. Owned by the caller. */
char *print_field(const json_t *record, const char *key);

/* 950 -> "950 ms", 2300 -> "2.3 s", 75000 -> "1:15 min". */
void print_duration(double ms, char ret[32]);

/* ---- columns ---- */

enum { TABLE_COLUMNS = 8 };

struct cell {
    char *text;
    enum colour colour;
};

/* {.columns = n} is an empty table. Each column is as wide as its widest cell, the last is free. */
struct table {
    size_t columns;
    struct cell *cells;
    size_t count, capacity;
};

/* The next cell; TEXT is stolen. */
void table_add(struct table *table, enum colour colour, char *text);
void table_print(struct table *table, const struct print *print);
void table_finish(struct table *table);

#endif
