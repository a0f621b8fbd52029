#include "daemon/plugin.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Installed, the Python half is beside the program: P/bin/snifferd, P/lib/sniffer/python. */
char *plugin_find(void)
{
    const char *given = getenv("SNIFFER_PLUGIN");
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    autofree char *found = NULL;
    if (given != NULL && given[0] != '\0') {
        found = xstrdup(given);
    } else if (length > 0) {
        self[length] = '\0';
        autofree char *bin = path_parent(self);
        autofree char *prefix = path_parent(bin);
        found = path_join(prefix, "lib/sniffer/python");
    }
    if (found == NULL)
        return NULL;
    autofree char *host = path_join(found, "sniffer_host.py");
    if (access(host, R_OK) < 0) {
        fprintf(
            stderr,
            "snifferd: %s is missing; install sniffer whole (cmake --install), or set "
            "SNIFFER_PLUGIN to the folder that holds sniffer_host.py\n",
            host);
        return NULL;
    }
    return xstrdup(found);
}
