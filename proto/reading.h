#ifndef PROTO_READING_H
#define PROTO_READING_H

/* A JSON object being taken apart, a key at a time. The first thing found wrong stays; what is
 * taken after it does nothing, so that a message's reader is a plain list of its parts. WHY is
 * static text for the log. */

#include "proto/wire.h"

#include <jansson.h>
#include <stdint.h>

struct reading {
    json_t *json;
    int error; /* 0 or -errno */
    const char *why;
};

void reading_refuse(struct reading *reading, const char *why);
void reading_run_out(struct reading *reading);

void reading_integer(struct reading *reading, const char *key, const char *why,
                     int64_t *ret);
/* Not below 0. */
void reading_number(struct reading *reading, const char *key, const char *why,
                    double *ret);
/* The text lives as long as the object. */
void reading_text(struct reading *reading, const char *key, const char *why,
                  const char **ret);
void reading_text_or_null(struct reading *reading, const char *key, const char *why,
                          const char **ret);
/* Its number in NAMES. */
void reading_word(struct reading *reading, const char *key, const char *why,
                  const char *const *names, int *ret);
/* The bytes of a path, the caller's; NULL where VALUE is none. */
char *reading_path(struct reading *reading, const json_t *value, const char *why);
/* A string that is used as it is; NULL where VALUE is none. */
const char *reading_plain(const json_t *value);

#endif
