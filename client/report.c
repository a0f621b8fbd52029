#include "client/report.h"

#include "client/name.h"
#include "client/print.h"
#include "client/trouble.h"

#include <ctype.h>
#include <string.h>

bool report_is_red(const json_t *record)
{
    const char *outcome = json_string_value(json_object_get(record, "outcome"));
    return outcome != NULL &&
           (strcmp(outcome, "failure") == 0 || strcmp(outcome, "error") == 0);
}

/* What the test printed stands below a line of dashes (pytest: "Captured stdout call", nose: "begin captured
 * stdout") or a word (unittest). It can look like anything: the report is what is above it. */
static const char *report_end(const char *text)
{
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if ((strncmp(line, "-----", 5) == 0 &&
             memmem(line, length, "aptured ", 8) != NULL) ||
            (length == 7 &&
             (memcmp(line, "Stdout:", 7) == 0 || memcmp(line, "Stderr:", 7) == 0)))
            return line;
        line += length + (line[length] == '\n');
    }
    return text + strlen(text);
}

/* pytest marks the lines of the exception with an E: what stands behind it, else NULL. */
static const char *marked(const char *line, const char *end)
{
    if (end - line < 2 || line[0] != 'E' || line[1] != ' ')
        return NULL;
    return line + 1 + strspn(line + 1, " ");
}

/* Does LINE tell of exception NAME? "module.Name: text" counts as well as "Name: text". */
static const char *exception_line(const char *line, const char *end, const char *name)
{
    const char *inside = marked(line, end);
    if (inside != NULL)
        line = inside;
    const char *word = line;
    while (word < end && (isalnum((unsigned char)*word) || *word == '_' || *word == '.'))
        word++;
    size_t length = strlen(name);
    if ((size_t)(word - line) < length || memcmp(word - length, name, length) != 0)
        return NULL;
    bool whole = (size_t)(word - line) == length || word[-(ptrdiff_t)length - 1] == '.';
    return whole && (word == end || *word == ':') ? line : NULL;
}

char *report_message(const json_t *record)
{
    autofree char *name = print_field(record, "exception");
    const char *text = json_string_value(json_object_get(record, "report"));
    if (name[0] == '\0' || text == NULL)
        return text_format("%s", name[0] != '\0' ? name : "failed");
    const char *stop = report_end(text), *found = NULL;
    const char *first =
        NULL; /* of the last lines with an E: "assert 1 == 2" has no name */
    bool inside = false;
    while (text < stop) {
        const char *end = text + strcspn(text, "\r\n");
        const char *line = exception_line(text, end, name), *mark = marked(text, end);
        if (line != NULL)
            found = line;
        if (mark != NULL && !inside)
            first = mark;
        inside = mark != NULL;
        text = end + strspn(end, "\r\n");
    }
    if (found != NULL)
        return must(strndup(found, strcspn(found, "\r\n")));
    if (first != NULL)
        return text_format("%s: %.*s", name, (int)strcspn(first, "\r\n"), first);
    return text_format("%s", name);
}

/* Our own file at [PATH, PATH + LENGTH): its name below ROOT, else NULL. Relative names are relative
 * to the root: there the tests ran. */
static char *own_file(const char *path, size_t length, const char *root)
{
    autofree char *given = must(strndup(path, length));
    if (given[0] == '<' || given[0] == '\0')
        return NULL;
    autofree char *whole =
        given[0] == '/' ? must(strdup(given)) : text_format("%s/%s", root, given);
    char *name = name_for_daemon(root, whole);
    bool own = name[0] != '/' && name[0] != '\0';
    /* An environment inside the root has the standard library in it, or what was installed. */
    static const char *const others[] = {"site-packages/", "dist-packages/",
                                         "lib/python3."};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        own &= strstr(name, others[i]) == NULL;
    if (own)
        return name;
    free(name);
    return NULL;
}

/* One place of the report: [PATH, PATH + LENGTH) and LINE. */
struct frame {
    const char *path;
    size_t length;
    long line;
};

/* 'File "PATH", line N', as Python has it; behind an E, too, and indented. */
static bool python_frame(const char *line, const char *end, struct frame *ret)
{
    static const char mark[] = "File \"", after[] = "\", line ";
    const char *path = memmem(line, (size_t)(end - line), mark, sizeof mark - 1);
    if (path == NULL)
        return false;
    path += sizeof mark - 1;
    const char *rest = memmem(path, (size_t)(end - path), after, sizeof after - 1);
    if (rest == NULL || !isdigit((unsigned char)rest[sizeof after - 1]))
        return false;
    *ret = (struct frame){path, (size_t)(rest - path),
                          strtol(rest + sizeof after - 1, NULL, 10)};
    return true;
}

/* "PATH:N: what" or "PATH:N", at the beginning of the line: pytest's own styles. Other lines that begin
 * there are "name = value". */
static bool pytest_frame(const char *line, const char *end, struct frame *ret)
{
    const char *colon = line;
    while ((colon = memchr(colon, ':', (size_t)(end - colon))) != NULL) {
        const char *digits = ++colon;
        const char *rest = digits + strspn(digits, "0123456789");
        size_t length = (size_t)(digits - 1 - line);
        if (rest == digits || (rest != end && *rest != ':'))
            continue;
        bool python = length > 3 && memcmp(digits - 4, ".py", 3) == 0;
        bool doctest = memmem(rest, (size_t)(end - rest), "DocTestFailure", 14) != NULL;
        if ((!python && !doctest) || isspace((unsigned char)line[0]) ||
            memmem(line, length, " = ", 3) != NULL)
            return false;
        *ret = (struct frame){line, length, strtol(digits, NULL, 10)};
        return true;
    }
    return false;
}

bool report_frame(const json_t *record, const char *root, char **ret_path, long *ret_line)
{
    const char *text = json_string_value(json_object_get(record, "report"));
    const char *stop = text != NULL ? report_end(text) : NULL;
    char *best = NULL;
    long number = 0;
    while (text < stop) {
        const char *end = text + strcspn(text, "\r\n");
        struct frame frame;
        bool found = python_frame(text, end, &frame) || pytest_frame(text, end, &frame);
        char *own = found ? own_file(frame.path, frame.length, root) : NULL;
        if (own != NULL) {
            free(best);
            best = own;
            number = frame.line;
        }
        text = end + strspn(end, "\r\n");
    }
    if (best == NULL)
        return false;
    *ret_path = best;
    *ret_line = number;
    return true;
}
