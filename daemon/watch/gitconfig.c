#include "daemon/watch/gitconfig.h"

#include "daemon/base/glob.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEEPEST = 10 }; /* files that include each other */

struct reading {
    const struct reader *reader;
    const char *at;
    const char *path; /* of the file */
    const char *repository;
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

/* ---- conditions for including a file ---- */

static char *lowered(char *text)
{
    for (char *at = text; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return text;
}

/* The pattern that GIVEN means, as git-config(1) has it; the caller's. NULL: it cannot match. */
static char *folder_pattern(const struct reading *reading, const char *given)
{
    const char *rest = given;
    autofree char *base = NULL;
    if (strncmp(given, "~/", 2) == 0) {
        const char *home = getenv("HOME");
        base = home != NULL ? realpath(home, NULL) : NULL;
        rest += 2;
    } else if (strncmp(given, "./", 2) == 0) {
        autofree char *folder = path_parent(reading->path);
        base = realpath(folder, NULL);
        rest += 2;
    } else {
        base = xstrdup(given[0] == '/' ? "" : "**");
        rest += given[0] == '/';
    }
    size_t length = strlen(rest);
    bool below = length == 0 || rest[length - 1] == '/';
    return base != NULL ? xasprintf("%s/%s%s", base, rest, below ? "**" : "") : NULL;
}

/* Which branch is checked out, and what remotes there are, is not asked: that changes without a change of any
 * settings. */
static bool condition_holds(const struct reading *reading, const char *condition)
{
    bool any_case = strncmp(condition, "gitdir/i:", 9) == 0;
    if (!any_case && strncmp(condition, "gitdir:", 7) != 0)
        return false;
    autofree char *pattern = folder_pattern(reading, condition + (any_case ? 9 : 7));
    autofree char *folder = xstrdup(reading->repository);
    if (pattern == NULL)
        return false;
    if (any_case)
        return glob_matches(lowered(pattern), lowered(folder));
    return glob_matches(pattern, folder);
}

/* ---- parsing ---- */

/* [section], or [section "part"], which is another one; includeIf with its condition is include, where that holds. */
static bool read_section(struct reading *reading)
{
    const char *name = ++reading->at;
    size_t length = strcspn(name, "] \t\"\n");
    reading->section[0] = '\0';
    if (length < sizeof reading->section) {
        memcpy(reading->section, name, length);
        reading->section[length] = '\0';
        lowered(reading->section);
    }
    reading->at = name + length;
    bool whole = name[length] == ']';
    autofree char *part = xmalloc(strcspn(name, "\n") + 1);
    char *end = part;
    bool quoted = false;
    for (; *reading->at != '\0' && *reading->at != '\n'; reading->at++) {
        if (*reading->at == '"') {
            quoted = !quoted;
            continue;
        }
        if (*reading->at == ']' && !quoted)
            break;
        if (*reading->at == '\\' && reading->at[1] != '\0' && reading->at[1] != '\n')
            reading->at++;
        if (quoted)
            *end++ = *reading->at;
    }
    *end = '\0';
    if (!whole) {
        bool included =
            strcmp(reading->section, "includeif") == 0 && condition_holds(reading, part);
        strcpy(reading->section, included ? "include" : "");
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

static void read_file(const struct reading *from, const char *path);

static void take(const struct reading *reading, const char *key, const char *value)
{
    autofree char *path = resolved(value);
    if (strcmp(reading->section, "core") == 0 && strcasecmp(key, "excludesfile") == 0) {
        free(*reading->found);
        *reading->found = xstrdup(path);
    } else if (strcmp(reading->section, "include") == 0 && strcasecmp(key, "path") == 0) {
        autofree char *folder = path_parent(reading->path);
        autofree char *other = path_absolute(folder, path);
        read_file(reading, other);
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

/* As FROM reads, one deeper. */
static void read_file(const struct reading *from, const char *path)
{
    size_t length = 0;
    autofree char *text =
        from->depth < DEEPEST ? reader_text(from->reader, path, true, &length) : NULL;
    if (text == NULL)
        return;
    struct reading reading = *from;
    reading.at = text;
    reading.path = path;
    reading.section[0] = '\0';
    reading.depth++;
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

void gitconfig_excludes(const struct reader *reader, const char *path,
                        const char *repository, char **found)
{
    const struct reading none = {
        .reader = reader, .repository = repository, .found = found, .depth = -1};
    if (path != NULL)
        read_file(&none, path);
}
