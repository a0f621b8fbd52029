#include "daemon/config/setting.h"

#include "daemon/base/xalloc.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

struct reading {
    const char *rest; /* of the text */
    long line;        /* of the line that inih has now */
    bool ours;        /* inside [sniffer] */
    bool indented;    /* that line goes on with the value before */
    setting_visit *visit;
    void *owner;
    bool found, stopped;
    struct setting_fault *fault;
    bool broken;
    /* The setting read so far: its value can go on with the next line. */
    char *key, *value;
    long key_line;
};

static bool is_header(const char *line, size_t length)
{
    return length > 0 && line[0] == '[';
}

static bool is_our_header(const char *line, size_t length)
{
    static const char name[] = "[sniffer]";
    return length >= sizeof name - 1 && memcmp(line, name, sizeof name - 1) == 0;
}

static void broken(struct reading *reading, long line, const char *text)
{
    if (reading->broken)
        return;
    reading->broken = true;
    *reading->fault = (struct setting_fault){.line = line};
    snprintf(reading->fault->text, sizeof reading->fault->text, "%s", text);
}

/* inih asks for a line. It is given ours as they are and the others empty, so its line
 * numbers are the file's and the rest of setup.cfg cannot be in the way. A line longer
 * than inih's buffer is an error: inih would read its end as a line of its own. */
static char *next_line(char *buffer, int size, void *stream)
{
    struct reading *reading = stream;
    if (reading->rest[0] == '\0' || size < 2)
        return NULL;
    size_t length = strcspn(reading->rest, "\n");
    const char *line = reading->rest;
    reading->rest += length + (line[length] == '\n');
    reading->line++;
    if (is_header(line, length)) {
        reading->ours = is_our_header(line, length);
        reading->found |= reading->ours;
    }
    if (reading->ours && length > (size_t)size - 2)
        broken(reading, reading->line,
               "this line is too long; put each item on its own line");
    else if (reading->ours) {
        reading->indented = line[0] == ' ' || line[0] == '\t';
        memcpy(buffer, line, length);
        buffer[length] = '\0';
        return buffer;
    }
    buffer[0] = '\0';
    return buffer;
}

static void tell(struct reading *reading)
{
    if (reading->key == NULL)
        return;
    struct setting setting = {.key = reading->key,
                              .line = reading->key_line,
                              .kind = SETTING_RAW,
                              .text = reading->value};
    if (!reading->stopped && !reading->broken)
        reading->stopped = !reading->visit(reading->owner, &setting);
    free(reading->key);
    free(reading->value);
    reading->key = reading->value = NULL;
}

static int handle(void *owner, const char *section, const char *name, const char *value)
{
    (void)section;
    struct reading *reading = owner;
    if (reading->key != NULL && reading->indented && strcmp(reading->key, name) == 0) {
        char *longer = xasprintf("%s\n%s", reading->value, value);
        free(reading->value);
        reading->value = longer;
        return 1;
    }
    tell(reading);
    reading->key = xstrdup(name);
    reading->value = xstrdup(value);
    reading->key_line = reading->line;
    return 1;
}

enum setting_found ini_settings(const char *text, setting_visit *visit, void *owner,
                                struct setting_fault *ret_fault)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        text += 3;
    struct reading reading = {
        .rest = text, .visit = visit, .owner = owner, .fault = ret_fault};
    /* As configparser: no comments behind a value. And lines of more than inih's 200
     * bytes. */
    ini_allow_inline_comments = false;
    ini_use_stack = false;
    ini_initial_alloc = ini_max_line = 16384;
    int wrong = ini_parse_stream(next_line, &reading, handle, &reading);
    tell(&reading);
    if (wrong > 0)
        broken(&reading, wrong, "this line is no setting; write \"key = value\"");
    else if (wrong < 0)
        broken(&reading, 0, "out of memory");
    if (reading.broken)
        return SETTINGS_BROKEN;
    return reading.found ? SETTINGS_FOUND : SETTINGS_NONE;
}
