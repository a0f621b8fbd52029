#include "daemon/serve/outgoing.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

char *outgoing_line(char *encoded)
{
    if (encoded == NULL) {
        fputs("snifferd: out of memory\n", stderr);
        abort();
    }
    return encoded;
}

void outgoing_finish(struct outgoing *outgoing)
{
    line_outbox_finish(&outgoing->outbox);
    *outgoing = (struct outgoing){0};
}

void outgoing_put(struct outgoing *outgoing, enum outgoing_kind kind, const char *line,
                  size_t length)
{
    size_t before = line_pending(&outgoing->outbox);
    if (line_put(&outgoing->outbox, line, length) < 0)
        outgoing_line(NULL);
    size_t added = line_pending(&outgoing->outbox) - before;
    outgoing->queued += added;
    if (kind == OUTGOING_NOTE)
        return;
    assert(outgoing->count < OUTGOING_SPANS);
    unsigned last = (outgoing->first + outgoing->count++) % OUTGOING_SPANS;
    outgoing->spans[last] =
        (struct outgoing_span){.end = outgoing->queued, .length = added, .kind = kind};
    if (kind == OUTGOING_REPLY)
        outgoing->replies++;
}

static void forget_spans_that_are_out(struct outgoing *outgoing)
{
    while (outgoing->count > 0 &&
           outgoing->spans[outgoing->first].end <= outgoing->taken) {
        if (outgoing->spans[outgoing->first].kind == OUTGOING_REPLY)
            outgoing->replies--;
        outgoing->first = (outgoing->first + 1) % OUTGOING_SPANS;
        outgoing->count--;
    }
}

int outgoing_flush(struct outgoing *outgoing, int fd)
{
    if (line_pending(&outgoing->outbox) == 0)
        return 0;
    int result = line_flush(&outgoing->outbox, fd, NULL);
    outgoing->taken = outgoing->queued - line_pending(&outgoing->outbox);
    forget_spans_that_are_out(outgoing);
    return result;
}

size_t outgoing_pending(const struct outgoing *outgoing)
{
    return line_pending(&outgoing->outbox);
}

size_t outgoing_notes(const struct outgoing *outgoing)
{
    size_t notes = line_pending(&outgoing->outbox);
    for (unsigned i = 0; i < outgoing->count; i++) {
        const struct outgoing_span *span =
            &outgoing->spans[(outgoing->first + i) % OUTGOING_SPANS];
        uint64_t waiting = span->end - outgoing->taken;
        notes -= waiting < span->length ? (size_t)waiting : span->length;
    }
    return notes;
}
