#include "client/unit.h"

#include "client/trouble.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == ':' || c == '_' || c == '.';
}

char *unit_instance(const char *root)
{
    char *instance = must(malloc(4 * strlen(root) + 2));
    char *to = instance;
    const char *from = root + strspn(root, "/");
    if (*from == '\0')
        *to++ = '-';
    for (const char *c = from; *c != '\0'; c++) {
        if (*c == '/')
            *to++ = '-';
        else if (is_plain(*c) && !(*c == '.' && c == from))
            *to++ = *c;
        else
            to += sprintf(to, "\\x%02x", (unsigned char)*c);
    }
    *to = '\0';
    return instance;
}

static char *place_folder(const char *instance)
{
    const char *settings = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    bool set = settings != NULL && settings[0] == '/';
    return text_format("%s%s/systemd/user/sniffer@%s.socket.d",
                       set            ? settings
                       : home != NULL ? home
                                      : "",
                       set ? "" : "/.config", instance);
}

static int make_folders(const char *path)
{
    autofree char *folder = must(strdup(path));
    for (char *slash = strchr(folder + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (slash == NULL)
            return 0;
        *slash = '/';
    }
}

int unit_place(const char *instance, const char *socket, char **ret_path)
{
    autofree char *folder = place_folder(instance);
    *ret_path = text_format("%s/place.conf", folder);
    int error = make_folders(folder);
    if (error < 0)
        return error;
    FILE *file = fopen(*ret_path, "we");
    if (file == NULL)
        return -errno;
    fputs("# By snifferctl service enable: where clients of the project look.\n"
          "[Socket]\nListenStream=",
          file);
    for (const char *c = socket; *c != '\0'; c++)
        fputs(*c == '%' ? "%%" : (char[]){*c, '\0'}, file);
    fputc('\n', file);
    bool failed = ferror(file) != 0;
    return fclose(file) != 0 || failed ? -EIO : 0;
}

int unit_forget_place(const char *instance, char **ret_path)
{
    autofree char *folder = place_folder(instance);
    *ret_path = text_format("%s/place.conf", folder);
    if (unlink(*ret_path) < 0 && errno != ENOENT)
        return -errno;
    rmdir(folder); /* what else is in it is somebody's own */
    return 0;
}
