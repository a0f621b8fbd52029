#ifndef CLIENT_NAME_H
#define CLIENT_NAME_H

/* Paths between the user and the daemon. Users name things from where they stand; the daemon
 * knows them relative to the root, or absolute where they lie outside. */

/* GIVEN as the daemon names it: resolved against the working directory, "." and ".." folded, the links of its
 * folder part resolved where it exists; the last name is left as it is, it may be a link that is
 * meant itself. Owned by the caller. */
char *name_for_daemon(const char *root, const char *given);

#endif
