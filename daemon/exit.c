#include "daemon/exit.h"

#include <stdio.h>
#include <string.h>

int exit_fail(const char *what, const char *path, int error)
{
    fprintf(stderr, "snifferd: cannot %s %s: %s\n", what, path, strerror(-error));
    return EXIT_NO_START;
}
