#include "daemon/tree/still.h"

#include "daemon/tree/hash.h"
#include "daemon/tree/identity.h"

/* Adding does not know an order. */
static void add(struct digest *sum, const struct digest *part)
{
    unsigned carry = 0;
    for (size_t i = sizeof sum->bytes; i-- > 0;) {
        carry += (unsigned)sum->bytes[i] + part->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

void still_add_text(struct digest *sum, const char *text)
{
    struct hash hash = hash_begin("still text");
    hash_text(&hash, text);
    struct digest part = hash_end(&hash);
    add(sum, &part);
}

bool still_add(const struct tree *tree, enum still_as as, const char *path,
               int64_t clock_ns, struct digest *sum)
{
    struct identity now = tree_identity(tree, path);
    if ((now.mode == 0) != (as == STILL_ABSENT))
        return false;
    if (as == STILL_WHOLE && !identity_settled(&now, clock_ns))
        return false;
    struct hash hash = hash_begin("still path");
    hash_text(&hash, path);
    hash_number(&hash, as);
    hash_number(&hash, now.mode);
    if (as == STILL_WHOLE) {
        hash_number(&hash, now.device);
        hash_number(&hash, now.inode);
        hash_number(&hash, (uint64_t)now.size);
        hash_number(&hash, (uint64_t)now.mtime_ns);
        hash_number(&hash, (uint64_t)now.ctime_ns);
    }
    struct digest part = hash_end(&hash);
    add(sum, &part);
    return true;
}
