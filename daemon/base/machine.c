#include "daemon/base/machine.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AVERAGE "avg60="

/* The first line of FOLDER/NAME; "" where it cannot be read. */
static char *first_line(const char *folder, const char *name)
{
    autofree char *path = path_join(folder, name);
    char text[256] = "";
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return xstrdup(text);
}

static bool number_at(const char *text, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    return end != text;
}

static double busy(const char *proc)
{
    autofree char *pressure = first_line(proc, "pressure/cpu");
    autofree char *load = first_line(proc, "loadavg");
    double percent = 0;
    const char *minute = strstr(pressure, AVERAGE);
    if (minute != NULL && number_at(minute + strlen(AVERAGE), &percent))
        return percent;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (number_at(load, &percent) && processors > 0)
        return percent * 100 / (double)processors;
    return 100;
}

/* A plug that says that it is in beats whatever batteries say; a machine without either hangs on a wire. */
static bool mains(const char *power)
{
    bool plug = false;
    bool plugged = false;
    bool draining = false;
    DIR *folder = opendir(power);
    if (folder == NULL)
        return true;
    const struct dirent *entry = NULL;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        autofree char *supply = path_join(power, entry->d_name);
        autofree char *type = first_line(supply, "type");
        autofree char *online = first_line(supply, "online");
        autofree char *status = first_line(supply, "status");
        autofree char *scope = first_line(supply, "scope");
        if (strcmp(scope, "Device") == 0)
            continue; /* of a mouse, say */
        if (strcmp(type, "Battery") == 0) {
            draining |= strcmp(status, "Discharging") == 0;
        } else if (online[0] != '\0') {
            plug = true;
            plugged |= strcmp(online, "0") != 0;
        }
    }
    closedir(folder);
    return plug ? plugged : !draining;
}

struct machine machine_look(const char *proc, const char *power)
{
    return (struct machine){.busy = busy(proc), .mains = mains(power)};
}
