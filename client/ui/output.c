#include "client/ui/output.h"

#include "client/trouble.h"

#include <string.h>

void output_finish(struct output *output)
{
    free(output->text);
    free(output->speaker);
    *output = (struct output){0};
}

void output_clear(struct output *output)
{
    output_finish(output);
}

/* Keeps the second half, from a line's beginning on. */
static void forget_the_old(struct output *output)
{
    const char *half = output->text + output->length - OUTPUT_KEPT / 2;
    const char *line = memchr(half, '\n', OUTPUT_KEPT / 2);
    if (line != NULL && line[1] != '\0')
        half = line + 1;
    while (((unsigned char)*half & 0xc0) == 0x80) /* never in the middle of a character */
        half++;
    output->length -= (size_t)(half - output->text);
    memmove(output->text, half, output->length + 1);
    free(output->speaker); /* its headline may be gone */
    output->speaker = NULL;
}

static void append(struct output *output, const char *text, size_t length)
{
    memcpy(output->text + output->length, text, length);
    output->length += length;
    output->text[output->length] = '\0';
}

void output_add(struct output *output, const char *file, const char *text)
{
    static const char head[] = {OUTPUT_HEAD, '\0'};
    enum { MOST = OUTPUT_KEPT / 4 };
    size_t name = strlen(file), length = strlen(text);
    if (name > MOST)
        return;
    if (length > MOST) {
        text += length - MOST;
        length = MOST;
    }
    if (output->text == NULL) {
        output->text = must(malloc(OUTPUT_KEPT + 1));
        output->text[0] = '\0';
    }
    if (output->length + name + length + 3 > OUTPUT_KEPT)
        forget_the_old(output);
    if (output->speaker == NULL || strcmp(output->speaker, file) != 0) {
        if (output->length > 0 && output->text[output->length - 1] != '\n')
            append(output, "\n", 1);
        append(output, head, 1);
        append(output, file, name);
        append(output, "\n", 1);
        free(output->speaker);
        output->speaker = must(strdup(file));
    }
    append(output, text, length);
}

const char *output_speaker(const struct output *output, const char *at)
{
    if (output->length == 0)
        return NULL;
    for (const char *line = at; line >= output->text; line--)
        if (*line == OUTPUT_HEAD && (line == output->text || line[-1] == '\n'))
            return line;
    for (const char *line = at; (line = strchr(line, OUTPUT_HEAD)) != NULL; line++)
        if (line == output->text || line[-1] == '\n')
            return line;
    return NULL;
}

const char *output_tail(const struct output *output, int lines)
{
    if (output->length == 0)
        return "";
    const char *at = output->text + output->length;
    if (at[-1] == '\n')
        at--;
    while (at > output->text)
        if (*--at == '\n' && --lines <= 0)
            return at + 1;
    return at;
}
