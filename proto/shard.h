#ifndef PROTO_SHARD_H
#define PROTO_SHARD_H

/* A part of the test files, as it is written: K/N, K from 1 to N. */

#include <stdbool.h>

enum { SHARDS_MOST = 1000 };

/* Is TEXT one, with N at most SHARDS_MOST? */
bool shard_parse(const char *text, int *ret_part, int *ret_of);

#endif
