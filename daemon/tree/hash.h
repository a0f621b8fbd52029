#ifndef TREE_HASH_H
#define TREE_HASH_H

/* How a state becomes a digest; private to the tree. Each state begins with a tag, so
 * that states of different sorts never meet, and each part has a fixed length or an end
 * of its own, so that different parts never run together to the same bytes. */

#include "daemon/base/digest.h"

#include <stddef.h>
#include <stdint.h>

struct hash {
    void *state;
};

struct hash hash_begin(const char *tag);
void hash_number(struct hash *hash, uint64_t number);
void hash_text(struct hash *hash, const char *text);
/* No end of its own: for the last part only. */
void hash_bytes(struct hash *hash, const void *bytes, size_t length);
/* Ends HASH in every case; the result may be ignored. */
struct digest hash_end(struct hash *hash);

/* A state that equals no other, of this process or an earlier one: for what could not be
 * found out. Whatever rests on it does not hold. */
struct digest hash_fresh(void);

#endif
