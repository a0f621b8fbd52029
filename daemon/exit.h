#ifndef DAEMON_EXIT_H
#define DAEMON_EXIT_H

/* How snifferd ends before it is a daemon: one line on stderr, and a code. */

enum { EXIT_USAGE = 2, EXIT_NO_START = 3, EXIT_REFUSED = 5 };

/* Says that WHAT could not be done to PATH, and why: ERROR is a negative errno. EXIT_NO_START. */
int exit_fail(const char *what, const char *path, int error);

#endif
