#include "client/trouble.h"

#include <stdarg.h>
#include <stdio.h>

int trouble_set(struct trouble *trouble, int code, const char *format, ...)
{
    trouble->code = code;
    trouble->absent = false;
    va_list args;
    va_start(args, format);
    vsnprintf(trouble->text, sizeof trouble->text, format, args);
    va_end(args);
    for (char *c = trouble->text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) /* one line, and no escapes */
            *c = ' ';
    return code;
}

void *must(void *memory)
{
    if (memory == NULL) {
        fputs("snifferctl: out of memory\n", stderr);
        exit(CTL_REFUSED);
    }
    return memory;
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return must(text);
}
