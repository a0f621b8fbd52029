#include "client/name.h"

#include "client/trouble.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Folds "//", "." and ".." of an absolute path, in place. */
static void fold(char *path)
{
    size_t end =
        0; /* of what is kept, which is path[0..end) and has no slash at its end */
    for (const char *part = path; *part != '\0';) {
        part += strspn(part, "/");
        size_t length = strcspn(part, "/");
        bool up = length == 2 && memcmp(part, "..", 2) == 0;
        bool stay = length == 0 || (length == 1 && part[0] == '.');
        const char *next = part + length;
        while (up && end > 0 && path[--end] != '/')
            ;
        if (!up && !stay) {
            path[end++] = '/';
            memmove(path + end, part, length);
            end += length;
        }
        part = next;
    }
    if (end == 0)
        path[end++] = '/';
    path[end] = '\0';
}

/* PATH with the links of as much of it resolved as exists; the rest stays as it is, folded. */
static char *resolve(const char *path)
{
    char *head = must(strdup(path));
    char real[PATH_MAX];
    while (realpath(head, real) == NULL) {
        char *slash = strrchr(head, '/');
        if (slash == NULL || slash == head) {
            real[0] = '\0';
            *head = '\0';
            break;
        }
        *slash = '\0';
    }
    char *whole = text_format("%s/%s", real, path + strlen(head));
    free(head);
    fold(whole);
    return whole;
}

static char *absolute(const char *given)
{
    if (given[0] == '/')
        return must(strdup(given));
    autofree char *here = must(getcwd(NULL, 0));
    return text_format("%s/%s", here, given);
}

char *name_for_daemon(const char *root, const char *given)
{
    autofree char *path = absolute(given);
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    const char *base = strrchr(path, '/') + 1;
    autofree char *whole = NULL;
    if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
        whole = resolve(path);
    } else {
        autofree char *folder = must(strndup(path, (size_t)(base - path)));
        autofree char *real = resolve(folder);
        whole = text_format("%s/%s", real, base);
        fold(whole);
    }
    size_t length = strlen(root);
    if (strcmp(root, "/") == 0)
        return must(strdup(whole + 1));
    if (strcmp(whole, root) == 0)
        return must(strdup(""));
    if (strncmp(whole, root, length) == 0 && whole[length] == '/')
        return must(strdup(whole + length + 1));
    return must(strdup(whole));
}
