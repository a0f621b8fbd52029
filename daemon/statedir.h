#ifndef DAEMON_STATEDIR_H
#define DAEMON_STATEDIR_H

/* ROOT/.sniffer, where the index and the log live. */

struct index;

/* Makes it where it is missing, closed to others: what tests printed is nobody else's business. 0; -EPERM where it
 * is another user's, who could change what is in it; another negative errno. */
int statedir_make(const char *root, const char *state);
/* A descriptor to append to; the caller's. Or a negative errno. */
int statedir_open_log(const char *state);
/* 0; -EBUSY where another program holds it; another negative errno. One that is damaged is set aside. */
int statedir_open_index(const char *state, struct index **ret);
/* Says on stderr who holds the index. EXIT_NO_START. */
int statedir_fail_busy(const char *state);

#endif
