#ifndef PROTO_LINE_H
#define PROTO_LINE_H

/* Lines in, lines out, over non-blocking or blocking descriptors; no meaning. Everything
 * there is to know about partial reads and writes is in these functions. Errors are
 * negative errnos. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* ---- in ---- */

struct line_reader {
    char *buffer;
    size_t begin, end, capacity; /* unread bytes are [begin, end) */
    size_t limit;    /* longest line in bytes, without its newline; 0: no limit */
    size_t searched; /* unread bytes known to hold no newline */
    bool skipping;   /* inside a line that was too long */
};

void line_reader_init(struct line_reader *reader, size_t limit);
void line_reader_finish(struct line_reader *reader);

/* Reads what is there, once. Bytes read; 0 at the end of the stream; -EAGAIN; other
 * -errno. */
ssize_t line_reader_fill(struct line_reader *reader, int fd);

/* The next whole line, without newline, terminated by a NUL (bytes may contain NULs: use
 * *RET_LENGTH); NULL with *RET_LENGTH 0 when there is none yet. Valid until the next
 * fill. A line over the limit is skipped to its end and reported once, as NULL with
 * *RET_LENGTH == SIZE_MAX: more lines may follow. */
char *line_next(struct line_reader *reader, size_t *ret_length);

/* ---- out ---- */

struct line_outbox {
    char *buffer;
    size_t begin, end, capacity;
};

void line_outbox_finish(struct line_outbox *outbox);
/* Queues LENGTH bytes and a newline. 0 or -ENOMEM. */
int line_put(struct line_outbox *outbox, const char *line, size_t length);
size_t line_pending(const struct line_outbox *outbox);
/* Writes what the descriptor takes; no SIGPIPE. 0: all written; -EAGAIN: some is left;
 * -errno. *RET_TAKEN (may be NULL) is how many bytes went out, whatever is returned. */
int line_flush(struct line_outbox *outbox, int fd, size_t *ret_taken);

#endif
