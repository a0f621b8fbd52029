#ifndef CLIENT_DAEMON_H
#define CLIENT_DAEMON_H

/* The daemon's life as the client sees it: bring one up, be sure that it is gone. */

#include "client/link.h"

/* The program of sniffer's called NAME: the one beside this program, else the bare name for $PATH. The
 * caller's. */
char *daemon_program(const char *name);

/* Runs snifferd for PROJECT: the one beside this program, else the one in $PATH. OPTIONS
 * (NULL-terminated, may be NULL) are handed on. Returns once its socket answers. What snifferd says on
 * stderr is passed on; when it fails that is the reason. The first time in a root it is told on stderr
 * that tests run from now on. */
int daemon_start(const struct project *project, char *const *options,
                 struct trouble *trouble);

/* Has snifferd export the index to FILE, or import it (both where no daemon runs); *RET_SAID is what it
 * says of it, the caller's. */
int daemon_carry(const struct project *project, bool import, const char *file,
                 char **ret_said, struct trouble *trouble);

/* As link_open, but starts the daemon where none runs, with OPTIONS as daemon_start; *RET_STARTED says
 * whether. */
int daemon_open(struct link *ret, const struct project *project, char *const *options,
                bool *ret_started, struct trouble *trouble);

/* Where no daemon runs: what one would reply to "debug" for FILE, as snifferd --describe prints it. */
int daemon_describe(const struct project *project, const char *file, json_t **ret,
                    struct trouble *trouble);

/* Tells the daemon to leave and waits until its process is gone. */
int daemon_stop(struct link *link, struct trouble *trouble);

#endif
