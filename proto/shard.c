#include "proto/shard.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A number that fits and has neither blanks nor a sign before it. */
static bool read_number(const char *text, char end, const char **ret_rest, int *ret)
{
    char *rest = NULL;
    size_t digits = strspn(text, "0123456789");
    long number = strtol(text, &rest, 10);
    if (digits == 0 || text[digits] != end || number < 1 || number > SHARDS_MOST)
        return false;
    *ret_rest = rest + 1;
    *ret = (int)number;
    return true;
}

bool shard_parse(const char *text, int *ret_part, int *ret_of)
{
    int part = 0;
    int of = 0;
    if (!read_number(text, '/', &text, &part) || !read_number(text, '\0', &text, &of) ||
        part > of)
        return false;
    *ret_part = part;
    *ret_of = of;
    return true;
}
