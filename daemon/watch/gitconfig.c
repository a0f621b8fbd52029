#include "daemon/watch/gitconfig.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 10 }; /* files that include each other */

struct reading {
    const struct reader *reader;
    const char *at;
    const char *path; /* of the file */
    char section[32]; /* in lower case; "" for those that nobody asks for */
    char **found;
    int depth;
};

static void skip(struct reading *reading, const char *bytes)
{
    reading->at += strspn(reading->at, bytes);
}

static void skip_line(struct reading *reading)
{
    reading->at += strcspn(reading->at, "\n");
}

/* [section], or [section "part"], which is another one. */
static bool read_section(struct reading *reading)
{
    const char *name = ++reading->at;
    size_t length = strcspn(name, "] \t\"\n");
    bool whole = name[length] == ']';
    reading->section[0] = '\0';
    if (whole && length < sizeof reading->section) {
        for (size_t i = 0; i < length; i++)
            reading->section[i] = (char)tolower((unsigned char)name[i]);
        reading->section[length] = '\0';
    }
    reading->at = name + length;
    if (!whole) {
        bool quoted = false;
        for (; *reading->at != '\0' && *reading->at != '\n'; reading->at++) {
            if (*reading->at == '"')
                quoted = !quoted;
            else if (*reading->at == '\\' && reading->at[1] != '\0')
                reading->at++;
            else if (*reading->at == ']' && !quoted)
                break;
        }
    }
    if (*reading->at != ']')
        return false;
    reading->at++;
    return true;
}

/* What BYTE stands for behind a backslash; NUL: nothing. */
static char unescaped(char byte)
{
    switch (byte) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case '\\':
    case '"':
        return byte;
    default:
        return '\0';
    }
}

/* What stands behind "=": quotes, escapes, comments, and lines that go on. NULL: a mistake. The
 * caller's. */
static char *read_value(struct reading *reading)
{
    skip(reading, " \t");
    char *value = xmalloc(strlen(reading->at) + 1);
    size_t length = 0;
    size_t kept = 0; /* without the blanks at the end */
    bool quoted = false;
    for (; *reading->at != '\0' && *reading->at != '\n'; reading->at++) {
        char byte = *reading->at;
        if (byte == '"') {
            quoted = !quoted;
            kept = length;
            continue;
        }
        if (!quoted && (byte == '#' || byte == ';')) {
            skip_line(reading);
            break;
        }
        bool escaped = byte == '\\';
        if (escaped) {
            byte = *++reading->at;
            if (byte == '\r' && reading->at[1] == '\n')
                byte = *++reading->at;
            if (byte == '\n')
                continue;
            byte = unescaped(byte);
            if (byte == '\0') {
                free(value);
                return NULL;
            }
        }
        value[length++] = byte;
        if (escaped || quoted || !isspace((unsigned char)byte))
            kept = length;
    }
    value[kept] = '\0';
    return value;
}

static char *resolved(const char *value)
{
    const char *home = getenv("HOME");
    if (strncmp(value, "~/", 2) == 0 && home != NULL)
        return path_join(home, value + 2);
    return xstrdup(value);
}

static void read_file(const struct reader *reader, const char *path, char **found,
                      int depth);

static void take(const struct reading *reading, const char *key, const char *value)
{
    autofree char *path = resolved(value);
    if (strcmp(reading->section, "core") == 0 && strcasecmp(key, "excludesfile") == 0) {
        free(*reading->found);
        *reading->found = xstrdup(path);
    } else if (strcmp(reading->section, "include") == 0 && strcasecmp(key, "path") == 0) {
        autofree char *folder = path_parent(reading->path);
        autofree char *other = path_absolute(folder, path);
        read_file(reading->reader, other, reading->found, reading->depth + 1);
    }
}

/* key, or key = value */
static bool read_key(struct reading *reading)
{
    size_t length =
        strspn(reading->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789-");
    if (length == 0)
        return false;
    autofree char *key = xstrndup(reading->at, length);
    reading->at += length;
    skip(reading, " \t");
    if (*reading->at != '=') {
        skip_line(reading);
        return true;
    }
    reading->at++;
    autofree char *value = read_value(reading);
    if (value != NULL)
        take(reading, key, value);
    return value != NULL;
}

static void read_file(const struct reader *reader, const char *path, char **found,
                      int depth)
{
    size_t length = 0;
    autofree char *text =
        depth <= DEEPEST ? reader_text(reader, path, true, &length) : NULL;
    if (text == NULL)
        return;
    struct reading reading = {
        .reader = reader, .at = text, .path = path, .found = found, .depth = depth};
    for (bool fine = true; fine;) {
        skip(&reading, " \t\r\n\xef\xbb\xbf");
        if (*reading.at == '\0')
            return;
        if (*reading.at == '#' || *reading.at == ';')
            skip_line(&reading);
        else
            fine = *reading.at == '[' ? read_section(&reading) : read_key(&reading);
    }
}

void gitconfig_excludes(const struct reader *reader, const char *path, char **found)
{
    if (path != NULL)
        read_file(reader, path, found, 0);
}
