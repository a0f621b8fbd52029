#include "daemon/base/path.h"

#include "daemon/base/xalloc.h"

#include <limits.h>
#include <string.h>

char *path_join(const char *folder, const char *name)
{
    if (folder[0] == '\0')
        return xstrdup(name);
    if (name[0] == '\0')
        return xstrdup(folder);
    bool slash = folder[strlen(folder) - 1] == '/';
    return xasprintf("%s%s%s", folder, slash ? "" : "/", name);
}

char *path_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup("");
    if (slash == path)
        return xstrdup("/");
    return xstrndup(path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool path_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    if (length == 0)
        return path[0] != '/';
    if (strncmp(path, folder, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/' || folder[length - 1] == '/';
}

char *path_stem(const char *path)
{
    const char *base = path_base(path);
    /* A leading dot belongs to the name: no module is called "". */
    const char *dot = base[0] != '\0' ? strchr(base + 1, '.') : NULL;
    return dot != NULL ? xstrndup(path, (size_t)(dot - path)) : xstrdup(path);
}

char *path_absolute(const char *root, const char *path)
{
    return path[0] == '/' ? xstrdup(path) : path_join(root, path);
}

/* Folds "//", "." and ".." of an absolute path, in place. */
static void fold(char *path)
{
    char *out = path;
    const char *in = path;
    while (*in != '\0') {
        while (*in == '/')
            in++;
        size_t length = strcspn(in, "/");
        if (length == 0)
            break;
        if (length == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/')
                ;
        } else if (length != 1 || in[0] != '.') {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

char *path_in_root(const char *root, const char *cwd, const char *given)
{
    autofree char *absolute = path_absolute(cwd, given);
    autofree char *folder = path_parent(absolute);
    const char *base = path_base(absolute);
    char resolved[PATH_MAX];
    autofree char *whole = NULL;
    bool plain = base[0] != '\0' && strcmp(base, ".") != 0 && strcmp(base, "..") != 0;
    if (plain && realpath(folder, resolved) != NULL)
        whole = path_join(resolved, base);
    else if (!plain && realpath(absolute, resolved) != NULL)
        whole = xstrdup(resolved);
    else
        whole = xstrdup(absolute);
    fold(whole);
    size_t length = strlen(root);
    if (strcmp(root, "/") == 0)
        return xstrdup(whole + 1);
    if (strncmp(whole, root, length) == 0 && whole[length] == '/')
        return xstrdup(whole + length + 1);
    return strcmp(whole, root) == 0 ? xstrdup("") : xstrdup(whole);
}
