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

/* Does LINE tell of exception NAME? "module.Name: text" counts as well as "Name: text"; pytest
 * puts "E   " before it. */
static const char *exception_line(const char *line, const char *end, const char *name)
{
    if (line[0] == 'E' && line[1] == ' ')
        line += 1 + strspn(line + 1, " ");
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
    char *message = NULL;
    while (name[0] != '\0' && text != NULL && *text != '\0') {
        size_t length = strcspn(text, "\r\n");
        const char *found = exception_line(text, text + length, name);
        if (found != NULL) {
            free(message);
            message = must(strndup(found, (size_t)(text + length - found)));
        }
        text += length + strspn(text + length, "\r\n");
    }
    if (message == NULL)
        message = text_format("%s", name[0] != '\0' ? name : "failed");
    return message;
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
    if (name[0] == '/' || name[0] == '\0' || strstr(name, "site-packages/") != NULL) {
        free(name);
        return NULL;
    }
    return name;
}

bool report_frame(const json_t *record, const char *root, char **ret_path, long *ret_line)
{
    static const char mark[] = "File \"", after[] = "\", line ";
    const char *text = json_string_value(json_object_get(record, "report"));
    char *best = NULL;
    long line = 0;
    while (text != NULL && (text = strstr(text, mark)) != NULL) {
        text += sizeof mark - 1;
        size_t length = strcspn(text, "\n");
        const char *end = memmem(text, length, after, sizeof after - 1);
        if (end == NULL || !isdigit((unsigned char)end[sizeof after - 1]))
            continue;
        char *own = own_file(text, (size_t)(end - text), root);
        if (own == NULL)
            continue;
        free(best);
        best = own;
        line = strtol(end + sizeof after - 1, NULL, 10);
    }
    if (best == NULL)
        return false;
    *ret_path = best;
    *ret_line = line;
    return true;
}
