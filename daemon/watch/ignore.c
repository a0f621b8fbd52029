#include "daemon/watch/ignore.h"

#include "daemon/base/path.h"
#include "daemon/base/strset.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pattern {
    char *text;            /* owns what the segments point into */
    const char **segments; /* the names between the slashes */
    size_t count;
    bool negated, directory_only, anchored;
};

struct ignore {
    struct pattern *patterns;
    size_t count;
    bool anchored; /* one of them at least: paths must be split */
    struct strset heeded;
};

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Also as files: .git is one in a linked work tree. */
static bool is_internal(const char *name)
{
    static const char *const names[] = {".git", ".hg",      ".svn", ".bzr",
                                        ".jj",  ".sniffer", NULL};
    return name[0] == '.' && is_one_of(name, names);
}

static bool is_cache(const char *name)
{
    static const char *const names[] = {
        "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache",
        ".hypothesis", ".tox",         ".nox",        ".venv",         NULL};
    return (name[0] == '.' || name[0] == '_' || name[0] == 'n') && is_one_of(name, names);
}

bool ignore_temporary(const struct ignore *ignore, const char *name)
{
    return name_is_temporary(name) && !strset_has(&ignore->heeded, name);
}

void ignore_heed(struct ignore *ignore, const char *name)
{
    if (name_is_temporary(name))
        strset_add(&ignore->heeded, name);
}

bool ignore_environment(const char *absolute_directory)
{
    autofree char *path = path_join(absolute_directory, "pyvenv.cfg");
    return access(path, F_OK) == 0;
}

/* ---- patterns ---- */

/* Blanks at the end do not count unless the last is escaped. */
static size_t trimmed(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ' &&
           (length < 2 || text[length - 2] != '\\'))
        length--;
    return length;
}

static void split(char *text, const char ***ret_segments, size_t *ret_count)
{
    size_t capacity = 0;
    size_t count = 0;
    const char **segments = NULL;
    char *rest = NULL;
    for (char *name = strtok_r(text, "/", &rest); name != NULL;
         name = strtok_r(NULL, "/", &rest)) {
        segments = xgrow(segments, count, &capacity, sizeof *segments);
        segments[count++] = name;
    }
    *ret_segments = segments;
    *ret_count = count;
}

/* False where TEXT can match nothing: a blank line, a comment. */
static bool parse(const char *text, struct pattern *ret)
{
    struct pattern pattern = {0};
    size_t length = trimmed(text);
    if (length == 0 || text[0] == '#')
        return false;
    if (text[0] == '!') {
        pattern.negated = true;
        text++;
        length--;
    }
    if (length > 0 && text[length - 1] == '/') {
        pattern.directory_only = true;
        length--;
    }
    if (length == 0)
        return false;
    pattern.text = xstrndup(text, length);
    pattern.anchored = strchr(pattern.text, '/') != NULL;
    split(pattern.text, &pattern.segments, &pattern.count);
    if (pattern.count == 0) {
        free(pattern.text);
        return false;
    }
    *ret = pattern;
    return true;
}

static void clear(struct ignore *ignore)
{
    for (size_t i = 0; i < ignore->count; i++) {
        free(ignore->patterns[i].text);
        free(ignore->patterns[i].segments);
    }
    free(ignore->patterns);
    *ignore = (struct ignore){.heeded = ignore->heeded};
}

void ignore_set(struct ignore *ignore, const char *const *patterns, size_t count)
{
    clear(ignore);
    ignore->patterns = xcalloc(count + 1, sizeof *ignore->patterns);
    for (size_t i = 0; i < count; i++) {
        if (!parse(patterns[i], &ignore->patterns[ignore->count]))
            continue;
        ignore->anchored |= ignore->patterns[ignore->count].anchored;
        ignore->count++;
    }
}

struct ignore *ignore_new(const char *const *patterns, size_t count)
{
    struct ignore *ignore = xcalloc(1, sizeof *ignore);
    ignore_set(ignore, patterns, count);
    return ignore;
}

void ignore_free(struct ignore *ignore)
{
    if (ignore == NULL)
        return;
    clear(ignore);
    strset_finish(&ignore->heeded);
    free(ignore);
}

/* "**" stands for any number of names, at the end for at least one: "a/" + "**" is what lies in a. */
static bool match(const char *const *segments, size_t segment_count,
                  const char *const *names, size_t name_count)
{
    for (; segment_count > 0; segments++, segment_count--, names++, name_count--) {
        if (strcmp(*segments, "**") == 0) {
            if (segment_count == 1)
                return name_count > 0;
            for (size_t i = 0; i <= name_count; i++)
                if (match(segments + 1, segment_count - 1, names + i, name_count - i))
                    return true;
            return false;
        }
        if (name_count == 0 || fnmatch(*segments, *names, 0) != 0)
            return false;
    }
    return name_count == 0;
}

bool ignore_matches_here(const struct ignore *ignore, const char *path, bool is_directory)
{
    const char *base = path_base(path);
    if (is_internal(base) || (!is_directory && ignore_temporary(ignore, base)))
        return true;
    bool ignored = is_directory && is_cache(base);
    if (ignore->count == 0)
        return ignored;

    autofree char *copy = NULL;
    autofree const char **names = NULL;
    size_t name_count = 0;
    if (ignore->anchored) {
        copy = xstrdup(path);
        split(copy, &names, &name_count);
    }
    for (size_t i = ignore->count; i-- > 0;) { /* the last that matches decides */
        const struct pattern *pattern = &ignore->patterns[i];
        if (pattern->directory_only && !is_directory)
            continue;
        bool matches = pattern->anchored
                           ? match(pattern->segments, pattern->count, names, name_count)
                           : fnmatch(pattern->segments[0], base, 0) == 0;
        if (matches)
            return !pattern->negated;
    }
    return ignored;
}

bool ignore_matches(const struct ignore *ignore, const char *path, bool is_directory)
{
    if (path[0] == '\0')
        return false;
    autofree char *prefix = xstrdup(path);
    for (char *slash = strchr(prefix, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (ignore_matches_here(ignore, prefix, true))
            return true;
        *slash = '/';
    }
    return ignore_matches_here(ignore, path, is_directory);
}
