#include "daemon/base/temporary.h"

#include <stddef.h>
#include <string.h>

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

/* Every name of a crawl is asked about: what is not one of them mostly shows by one byte. */
static bool may_be_temporary(const char *name, size_t length)
{
    return length > 1 && (name[0] == '.' || strchr("pox_~#3", name[length - 1]) != NULL);
}

bool name_is_temporary(const char *name)
{
    static const char *const suffixes[] = {".swp",         ".swo",         ".swx",
                                           "___jb_tmp___", "___jb_old___", ".kate-swp"};
    static const char *const prefixes[] = {".#", ".goutputstream-"};
    size_t length = strlen(name);
    if (!may_be_temporary(name, length))
        return false;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ends_with(name, length, suffixes[i]))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (length > strlen(prefixes[i]) &&
            strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    if (length > 1 && name[length - 1] == '~')
        return true;
    if (length > 2 && name[0] == '#' && name[length - 1] == '#')
        return true;
    return strcmp(name, "4913") ==
           0; /* vim asks by it whether it may write in the folder */
}
