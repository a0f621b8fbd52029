#ifndef WORKER_REAP_H
#define WORKER_REAP_H

/* Finds processes by their chain of parents, and ends them.
 *
 * A host adopts the orphans of its runs, so while it lives all that its runs started lies
 * below it, whatever they did with sessions and groups. When a host is gone, all of that
 * lies below us: this process must be a "child subreaper" too. A process can only leave
 * the chain by starting with other rights; such a one cannot be killed and is left alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Does PID live, and is it neither this process nor below it, and so no run's and no host's? */
bool reap_is_stranger(pid_t pid);

/* Processes on the whole machine, threads too: quick, and never less than there are below. */
int reap_crowd(void);
/* Processes below TOP. */
size_t reap_count_below(pid_t top);

/* SIGTERM to CHILD and its process group, provided that it is still a child of PARENT. */
void reap_term(pid_t child, pid_t parent);

/* SIGKILL to everything below TOP, not to TOP itself. They are gone when their parents
 * saw it. */
void reap_kill_below(pid_t top);

/* SIGKILL to all processes that this one adopted, and to everything below them; takes
 * their exit statuses. The COUNT pids in SPARED are children of our own and stay, as do
 * those in our session. -1: none is left. Else some are still dying: a pidfd, the
 * caller's, readable when to call again. */
int reap_adopted(const pid_t *spared, size_t count);

#endif
