#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

/* All clients of the socket: who they are, what they asked, what they still have to be
 * told.
 *
 * A connection begins with hello, unasked. A request gets exactly one reply: the server
 * decodes it, answers what is its own (subscribe, unsubscribe, schema, parse errors), and hands
 * everything else to sink.request with a ticket; whoever got the ticket answers it once
 * with server_reply or server_refuse, at once or later. A ticket outlives its client
 * harmlessly.
 *
 * Notifications are numbered by server_publish, kept in a ring for those who come back,
 * and queued per subscriber. A subscriber that does not drain is never allowed to hold
 * memory or to slow down others: above SERVER_QUEUE_LIMIT it is marked lagged and gets
 * one snapshot once it drains; after SERVER_STALL_MS without a byte taken it is closed.
 * Rules, limits and examples: PROTOCOL.md.
 *
 * `now` is monotonic milliseconds; nothing here reads a clock. */

#include "daemon/base/poller.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SERVER_QUEUE_LIMIT = 256 << 10, /* bytes queued to a subscriber */
    SERVER_RING_LIMIT = 1 << 20,    /* bytes of past notifications kept for resuming */
    SERVER_STALL_MS = 10000,
    SERVER_UNANSWERED = 64,
    SERVER_BOOKMARK_MS = 30000,
    SERVER_PEERS = 256,
};

struct server_sink {
    void *owner;
    /* REQUEST is borrowed. TICKET 0: a notification, not to be answered. */
    void (*request)(void *owner, uint64_t ticket, const struct request *request);
    /* The whole present state as one object (a new reference), for a snapshot. */
    json_t *(*snapshot)(void *owner);
    /* WHY: a line for the log, e.g. that a peer was closed. */
    void (*log)(void *owner, const char *why);
};

struct server_settings {
    int fd; /* listening, non-blocking; the caller closes it after server_free */
    const char *root;
    int64_t epoch; /* random, kept in the index */
    int64_t seq;   /* the last number given out */
};

struct server;

struct server *server_new(const struct server_settings *settings, struct poller *poller,
                          const struct server_sink *sink);
/* Refuses what is unanswered (shutting_down), says bye (REASON, e.g. "stop") to all
 * subscribers, flushes what goes out at once, closes. Not from inside a sink call. */
void server_free(struct server *server, const char *reason);

/* RESULT and PARAMS are stolen. */
void server_reply(struct server *server, uint64_t ticket, json_t *result);
void server_refuse(struct server *server, uint64_t ticket, const struct fault *fault);

/* A change of state: number it, tell who subscribed to TOPIC. Adds "seq" to PARAMS. */
void server_publish(struct server *server, enum topic topic, json_t *params);
/* Does anybody listen? A message nobody wants need not be built; but it must be given all
 * the same where it changes state, so that numbers have no gaps: ask only for run.output,
 * run.test and run.result. */
bool server_listened(const struct server *server, enum topic topic);
int64_t server_seq(const struct server *server);
/* Tells all subscribers by a snapshot instead of numbered steps; WHY as in PROTOCOL.md
 * ("rescan"), static text. It takes one number, and nobody can resume from before it. The
 * snapshot is asked for later, each subscriber's in its own turn: what was published
 * until then is in it. */
void server_resnapshot(struct server *server, const char *why);

/* When to call server_tick: INT64_MAX for never, 0 for at once (something began whose
 * time only the caller knows). Without subscribers and waiting data: never. */
int64_t server_deadline(const struct server *server);
void server_tick(struct server *server, int64_t now);

#endif
