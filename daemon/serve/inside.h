#ifndef SERVE_INSIDE_H
#define SERVE_INSIDE_H

/* What the files of this room share: the server itself, and one section for each of them.
 *
 * Nobody is written to, and no client is closed, but in its own turn (clients.c) or by
 * the clock: whoever answers or publishes only queues and asks the poller for a turn. So
 * the room can be called from inside its own calls to the sink, and a snapshot is never
 * made in the middle of a change. */

#include "daemon/serve/peer.h"
#include "daemon/serve/ring.h"
#include "daemon/serve/server.h"
#include "daemon/serve/tickets.h"

struct server {
    int fd;     /* listening; not owned */
    char *root; /* owned */
    int64_t epoch;
    struct poller *poller;
    struct server_sink sink;
    struct peer *peers;
    size_t peer_count;
    struct tickets tickets;
    struct ring ring;
    bool deaf; /* accept failed: the listening descriptor is out of the poller for a while
                */
    bool deaf_logged;
    int64_t deaf_from;
};

/* ---- notices.c: the notifications that belong to a connection; the caller frees them
 * ---- */

char *notice_hello(const struct server *server);
char *notice_snapshot(const struct server *server, const char *why);
char *notice_bookmark(const struct server *server);
char *notice_bye(const struct server *server, const char *reason);
/* {"epoch", "seq"}: where the stream is. */
json_t *notice_position(const struct server *server);

/* ---- requests.c: what a line means ---- */

void requests_obey(struct server *server, struct peer *peer, const char *line,
                   size_t length);
void requests_answer(struct peer *peer, const json_t *id, json_t *result);
void requests_refuse(struct peer *peer, const json_t *id, const struct fault *fault);

/* ---- clients.c: they come, have their turns, and go ---- */

void clients_listen(struct server *server);
/* Lets the poller call when PEER can have a turn, as it is now. */
void clients_watch(struct server *server, struct peer *peer);
void clients_close(struct server *server, struct peer *peer);
void clients_log(struct server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
