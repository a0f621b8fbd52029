#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

/* Runs the user's own command when the tests turn red or green, or are still red with fewer failures.
 *
 * The daemon never waits for it: the command runs beside everything else, one at a time, in the project's
 * root, with the numbers in its environment. What happens meanwhile is told afterwards, the
 * latest alone. It is killed after NOTIFIER_LIMIT_MS, and what it left running goes with it. */

#include "daemon/base/poller.h"
#include "daemon/notifier/judge.h"

enum { NOTIFIER_LIMIT_MS = 10000 };

struct notifier_sink {
    void *owner;
    void (*failed)(void *owner, const char *message); /* each time; a line */
};

struct notifier;

/* ROOT, POLLER and SINK are borrowed. No command yet. */
struct notifier *notifier_new(const char *root, struct poller *poller,
                              const struct notifier_sink *sink);
/* Ends what runs. */
void notifier_free(struct notifier *notifier);

/* Program and arguments, ended by NULL, copied; NULL or an empty list: none. */
void notifier_command(struct notifier *notifier, char *const *command);

void notifier_stats(struct notifier *notifier, const struct judge_stats *stats,
                    int64_t now);

/* When notifier_tick must be called; INT64_MAX: never. */
int64_t notifier_deadline(const struct notifier *notifier);
void notifier_tick(struct notifier *notifier, int64_t now);

/* How the last run went, for doctor: NULL where there is no command; else a line, and whether all is well. */
const char *notifier_health(const struct notifier *notifier, bool *ret_ok);

#endif
