#include "client/trouble.h"

#include "client/letter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int trouble_set(struct trouble *trouble, int code, const char *format, ...)
{
    trouble->code = code;
    trouble->absent = false;
    va_list args;
    va_start(args, format);
    vsnprintf(trouble->text, sizeof trouble->text, format, args);
    va_end(args);
    for (char *c = trouble->text; *c != '\0';) { /* one line, and no escapes */
        size_t bytes = 0;
        uint32_t letter = letter_decode(c, strlen(c), &bytes);
        bytes += bytes == 0;
        if (letter_is_sly(letter))
            memset(c, ' ', bytes);
        c += bytes;
    }
    return code;
}

void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
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
