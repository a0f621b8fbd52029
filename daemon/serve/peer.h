#ifndef SERVE_PEER_H
#define SERVE_PEER_H

/* One client: its lines in, what it still has to be told, and how patient we are with it.
 * What the lines mean is the server's business.
 *
 * Two rules bound what a client can cost. A request counts until its reply has gone out
 * in full; at SERVER_UNANSWERED of them nothing more is read. And a subscriber that has
 * more than SERVER_QUEUE_LIMIT bytes of notes waiting is behind: it gets no more of them,
 * but one snapshot when its queue is empty. The same holds for one that has just
 * subscribed: a snapshot is only ever made for an empty queue, so there is never more
 * than one of them in it.
 *
 * A client that takes no more bytes (broken) may have said something before it went: its
 * lines are read to the end, its replies go nowhere. One that has sent its last line
 * (ended) still gets its answers, and a subscriber keeps its stream. */

#include "daemon/serve/outgoing.h"
#include "daemon/serve/subscription.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEER_UNTIMED = -1 }; /* since a moment that the next tick will name */

struct peer {
    struct peer *prev, *next; /* the server's list */
    void *owner;              /* the server */
    int fd;                   /* owned */
    pid_t pid;

    struct line_reader in;
    bool more;        /* IN may hold lines that were not looked at yet */
    bool ended;       /* it will send nothing more */
    bool broken;      /* it will take nothing more */
    unsigned waiting; /* requests that nobody has answered yet */
    struct outgoing out;
    unsigned wanted; /* what the poller was last asked for */

    bool subscribed;
    unsigned topics;
    const char
        *behind; /* why it must get a snapshot before any note (static text), or NULL */

    int64_t stuck_from; /* no byte was taken since, though some waited */
    int64_t quiet_from; /* no note was queued since */
};

struct peer *peer_new(int fd, pid_t pid, void *owner);
/* Closes so that what was written before still arrives. */
void peer_free(struct peer *peer);

/* ---- in ---- */

enum peer_line {
    PEER_NO_LINE, /* none, or it has to wait until answers have gone out */
    PEER_LINE,
    PEER_LINE_TOO_LONG,
    PEER_LINE_UNFINISHED, /* the stream ended within it */
};

/* Reads once. */
void peer_fill(struct peer *peer);
/* The next line; valid until the next peer_fill. */
enum peer_line peer_take(struct peer *peer, const char **ret_line, size_t *ret_length);

/* ---- out ---- */

void peer_reply(struct peer *peer, const char *line);
/* BEHIND: static text, or NULL where it can be told in steps what it has missed. */
void peer_subscribe(struct peer *peer, unsigned topics, const char *behind);
void peer_unsubscribe(struct peer *peer);
/* To a subscriber; dropped where it is behind, or is so now. */
void peer_notify(struct peer *peer, const char *line, size_t length);
/* Queued whatever waits before it: hello, bye. */
void peer_tell(struct peer *peer, const char *line);
/* A subscriber gets a snapshot before anything else. */
void peer_fall_behind(struct peer *peer, const char *why);
bool peer_needs_snapshot(const struct peer *peer);
void peer_snapshot(struct peer *peer, const char *line);
void peer_flush(struct peer *peer);

/* Nothing is to be expected from it, nor does it expect anything. */
bool peer_done(const struct peer *peer);
/* What it waits for: POLLER_READ, POLLER_WRITE. */
unsigned peer_events(const struct peer *peer);

/* ---- time ---- */

enum peer_patience {
    PEER_FINE,
    PEER_QUIET, /* it heard nothing for SERVER_BOOKMARK_MS */
    PEER_STUCK, /* it took nothing for SERVER_STALL_MS */
};

/* When to call peer_tick; 0: at once, INT64_MAX: never. */
int64_t peer_deadline(const struct peer *peer);
enum peer_patience peer_tick(struct peer *peer, int64_t now);

#endif
