#ifndef ENGINE_ASKING_H
#define ENGINE_ASKING_H

/* One request on its way to an answer: what answer.c and lists.c share. */

#include "daemon/engine/room.h"

struct asking {
    struct engine *engine;
    uint64_t ticket;
    const json_t *params;
    int64_t now;
};

/* RESULT is stolen. */
void asking_reply(const struct asking *asking, json_t *result);
void asking_refuse(const struct asking *asking, enum fault_kind kind, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));
/* The paths under KEY, in the rooms' form, into RET; false after a refusal. A missing key is an
 * empty list unless MUST. */
bool asking_paths(const struct asking *asking, const char *key, bool must,
                  struct strset *ret);
/* The same for "files", each of which must be a test file. */
bool asking_files(const struct asking *asking, bool must, struct strset *ret);

/* The package under "package", or NULL for all of them; false after a refusal. */
bool asking_package(const struct asking *asking, const struct package **ret);

/* carry.c */
void answer_export(const struct asking *asking);
void answer_import(const struct asking *asking);

/* The part under "shard"; false after a refusal. */
bool asking_shard(const struct asking *asking, struct shard *ret);

/* lists.c */
void answer_results(const struct asking *asking);
void answer_files(const struct asking *asking);
void answer_deps(const struct asking *asking);
void answer_affected(const struct asking *asking);
void answer_why(const struct asking *asking);

#endif
