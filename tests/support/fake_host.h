#ifndef SUPPORT_FAKE_HOST_H
#define SUPPORT_FAKE_HOST_H

/* A worker host without Python: a test program starts itself as one, by "PROGRAM host MODE ...".
 * MODE says how it fails to become ready, or "normal"; what a run then does is the name of its file. */

#include <stdbool.h>

/* Is this process to be a host? Call it first in main, and return fake_host. */
bool fake_host_wanted(int argc, char **argv);
int fake_host(int argc, char **argv);

#endif
