#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

/* Bytes as JSON, for both conversations. A JSON string is UTF-8 and nothing else, but
 * paths are bytes and so is what tests print. A path must come back as it was, so it has
 * a second form for bytes that are not UTF-8; a text is only read by people, so its odd
 * bytes are shown as \xNN. New references; NULL when out of memory. */

#include <jansson.h>
#include <stddef.h>

/* A JSON string, or {"b64": ...} where PATH is not UTF-8. */
json_t *wire_path(const char *path);
/* The bytes behind either form, owned by the caller; NULL where VALUE is neither, or
 * holds a NUL. */
char *wire_path_bytes(const json_t *value);

/* A JSON string of TEXT, bytes that are not UTF-8 shown as \xNN. */
json_t *wire_text(const char *text);
/* The same for LENGTH bytes; a NUL among them is shown as \x00. */
json_t *wire_text_bytes(const char *bytes, size_t length);
/* wire_text, or JSON null where TEXT is NULL; the same for a path. */
json_t *wire_text_or_null(const char *text);
json_t *wire_path_or_null(const char *path);

/* How many bytes of TEXT to keep, at most LIMIT, so that no character is cut in two. */
size_t wire_text_fit(const char *text, size_t limit);

#endif
