#include "daemon/base/xalloc.h"

#include <stdio.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("snifferd: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return must(malloc(size != 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

void *xrealloc(void *memory, size_t size)
{
    return must(realloc(memory, size != 0 ? size : 1));
}

char *xstrdup(const char *text)
{
    return must(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
    return must(strndup(text, length));
}

char *xvasprintf(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    return must(text);
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return text;
}

void xreplace(char **text, const char *with)
{
    char *copy = with != NULL ? xstrdup(with) : NULL;
    free(*text);
    *text = copy;
}

void *xgrow(void *array, size_t count, size_t *capacity, size_t element)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity != 0 ? *capacity * 2 : 8;
    return must(reallocarray(array, *capacity, element));
}
