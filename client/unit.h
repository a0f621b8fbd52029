#ifndef CLIENT_UNIT_H
#define CLIENT_UNIT_H

/* The systemd user units of a project: what they are called, and the file that tells the socket unit
 * where clients look. Units are templates; the instance is the root's escaped path. */

#include <stdbool.h>

/* ROOT as systemd-escape --path writes it; the caller's. */
char *unit_instance(const char *root);

/* Writes sniffer@INSTANCE.socket.d/place.conf below the user's own units, which makes the unit listen at
 * SOCKET. 0 or -errno; *RET_PATH, the caller's, is the file in both cases. */
int unit_place(const char *instance, const char *socket, char **ret_path);
/* Removes it. 0 also where there was none. */
int unit_forget_place(const char *instance, char **ret_path);

#endif
