#ifndef SERVE_OUTGOING_H
#define SERVE_OUTGOING_H

/* What one client still has to be told: a queue of lines that knows which of its bytes
 * are what.
 *
 * Replies are owed, and bounded by the number of requests that a client may have open; a
 * snapshot is one of a kind; notes (all other notifications) are what grows without end
 * when a client does not read. So the queue can say how many replies have not gone out in
 * full, and how many bytes of notes wait. {0} is an empty queue. */

#include "daemon/serve/server.h"
#include "proto/line.h"

#include <stddef.h>
#include <stdint.h>

enum outgoing_kind { OUTGOING_NOTE, OUTGOING_REPLY, OUTGOING_SNAPSHOT };

/* A line that is not a note: [end - length, end) in the stream of all bytes ever queued.
 */
struct outgoing_span {
    uint64_t end;
    size_t length;
    enum outgoing_kind kind;
};

enum { OUTGOING_SPANS = SERVER_UNANSWERED + 1 }; /* all replies, and one snapshot */

struct outgoing {
    struct line_outbox outbox;
    uint64_t queued, taken; /* bytes since the beginning */
    struct outgoing_span spans[OUTGOING_SPANS];
    unsigned first, count;
    unsigned replies; /* that have not gone out in full */
};

void outgoing_finish(struct outgoing *outgoing);

/* Queues LINE, which comes without its newline. */
void outgoing_put(struct outgoing *outgoing, enum outgoing_kind kind, const char *line,
                  size_t length);
/* Writes what FD takes. 0: all is out; -EAGAIN: some is left; other -errno: it takes no
 * more. */
int outgoing_flush(struct outgoing *outgoing, int fd);

size_t outgoing_pending(const struct outgoing *outgoing);
size_t outgoing_notes(const struct outgoing *outgoing); /* bytes of notes that wait */

/* ENCODED as it is. Without memory an encoder returns NULL; this ends the daemon then, as
 * xalloc does. */
char *outgoing_line(char *encoded);

#endif
