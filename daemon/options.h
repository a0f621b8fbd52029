#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

/* What snifferd was told on its command line. All strings are argv's own. */

#include <stdbool.h>

struct options {
    const char *directory, *python, *backend;
    const char *describe; /* a test file, or NULL */
    int jobs;             /* 0: not given */
    bool foreground, pipe;
    bool fail_fast;
    int shard, shards; /* which part of how many; 0: all */
    const char *export, *import;
};

/* 0: go on; positive: leave with 0; negative: leave with its absolute value. What is wrong is said on
 * stderr. The log level is set at once: it counts from the first line. */
int options_parse(int argc, char **argv, struct options *ret);

#endif
