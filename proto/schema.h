#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

/* The JSON Schemas of proto/schema, as they were when this was built: what PROTOCOL.md says in
 * words, for programs. */

#include <jansson.h>

/* {"client": schema, "worker": schema}, a key for each file. A new reference; NULL when out of
 * memory. */
json_t *schema_all(void);

#endif
