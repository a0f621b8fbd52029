#include "daemon/tree/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

struct hash hash_begin(const char *tag)
{
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL || XXH3_128bits_reset(state) != XXH_OK)
        abort(); /* out of memory, as in xalloc */
    struct hash hash = {.state = state};
    hash_text(&hash, tag);
    return hash;
}

void hash_bytes(struct hash *hash, const void *bytes, size_t length)
{
    XXH_errorcode result = XXH3_128bits_update(hash->state, bytes, length);
    assert(result == XXH_OK);
    (void)result;
}

void hash_number(struct hash *hash, uint64_t number)
{
    uint8_t bytes[8]; /* the same on every machine: the index may be carried over */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    hash_bytes(hash, bytes, sizeof bytes);
}

void hash_text(struct hash *hash, const char *text)
{
    hash_bytes(hash, text, strlen(text) + 1);
}

struct digest hash_end(struct hash *hash)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hash->state));
    XXH3_freeState(hash->state);
    hash->state = NULL;
    struct digest digest;
    static_assert(sizeof canonical.digest == sizeof digest.bytes, "a digest is 128 bits");
    memcpy(digest.bytes, canonical.digest, sizeof digest.bytes);
    return digest;
}

struct digest hash_fresh(void)
{
    /* A counter alone would begin again with each daemon and then meet states that the
     * index kept from the last one. */
    static uint64_t salt[2];
    static uint64_t counter;
    if (counter == 0) {
        ssize_t got = getrandom(salt, sizeof salt, 0);
        if (got != (ssize_t)sizeof salt)
            abort(); /* so few bytes never fail */
    }
    struct hash hash = hash_begin("fresh");
    hash_number(&hash, salt[0]);
    hash_number(&hash, salt[1]);
    hash_number(&hash, ++counter);
    return hash_end(&hash);
}
