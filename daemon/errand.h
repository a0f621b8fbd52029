#ifndef DAEMON_ERRAND_H
#define DAEMON_ERRAND_H

/* What snifferd is asked to do and leave, without being a daemon. Each is an exit code; what failed was said on
 * stderr. */

struct options;

/* The index as a file, where no daemon runs: options->import or options->export. */
int errand_carry(const struct options *options, const char *root);
/* Prints how a worker would run options->describe. */
int errand_describe(const struct options *options, const char *root);

#endif
