#include "daemon/worker/tail.h"

#include "daemon/base/xalloc.h"
#include "daemon/worker/pool.h"

#include <string.h>

enum { LINES_SHOWN = 10, BYTES_SHOWN = 2000 };

void tail_add(struct tail *tail, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    tail->total += (int64_t)length;
    if (length > POOL_OUTPUT_KEPT) {
        bytes += length - POOL_OUTPUT_KEPT;
        length = POOL_OUTPUT_KEPT;
    }
    /* Twice the room: so bytes move once in POOL_OUTPUT_KEPT, not with each piece. */
    if (tail->bytes == NULL)
        tail->bytes = xmalloc(2 * (size_t)POOL_OUTPUT_KEPT + 1);
    if (tail->length + length > 2 * (size_t)POOL_OUTPUT_KEPT) {
        size_t keep = POOL_OUTPUT_KEPT - length;
        memmove(tail->bytes, tail->bytes + tail->length - keep, keep);
        tail->length = keep;
    }
    memcpy(tail->bytes + tail->length, bytes, length);
    tail->length += length;
    tail->bytes[tail->length] = '\0';
}

void tail_finish(struct tail *tail)
{
    free(tail->bytes);
    *tail = (struct tail){0};
}

const char *tail_kept(const struct tail *tail, size_t *ret_length)
{
    size_t length = tail->length < POOL_OUTPUT_KEPT ? tail->length : POOL_OUTPUT_KEPT;
    *ret_length = length;
    return tail->bytes != NULL ? tail->bytes + tail->length - length : "";
}

char *tail_last_lines(const struct tail *tail)
{
    size_t length = 0;
    const char *kept = tail_kept(tail, &length);
    while (length > 0 && kept[length - 1] == '\n')
        length--;
    size_t begin = length;
    for (int lines = 0; begin > 0 && length - begin < BYTES_SHOWN; begin--)
        if (kept[begin - 1] == '\n' && ++lines == LINES_SHOWN)
            break;
    return xstrndup(kept + begin, length - begin);
}
