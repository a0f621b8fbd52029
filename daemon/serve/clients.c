#include "daemon/serve/inside.h"

#include "daemon/base/xalloc.h"
#include "proto/place.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

enum {
    ACCEPT_AT_ONCE = 16, /* connections a turn */
};

static poller_ready connection_waits, peer_ready;

void clients_log(struct server *server, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    autofree char *text = xvasprintf(format, args);
    va_end(args);
    server->sink.log(server->sink.owner, text);
}

void clients_watch(struct server *server, struct peer *peer)
{
    unsigned events = peer_events(peer);
    if (events == peer->wanted)
        return;
    poller_want(server->poller, peer->fd, events, peer_ready, peer);
    peer->wanted = events;
}

void clients_listen(struct server *server)
{
    server->deaf = false;
    poller_want(server->poller, server->fd, POLLER_READ, connection_waits, server);
}

void clients_close(struct server *server, struct peer *peer)
{
    if (peer->wanted != 0)
        poller_drop(server->poller, peer->fd);
    tickets_forget(&server->tickets, peer);
    DL_DELETE(server->peers, peer);
    server->peer_count--;
    peer_free(peer);
    if (server->deaf)
        clients_listen(server);
}

/* One line's worth; false when there is none. */
static bool listen_to(struct server *server, struct peer *peer)
{
    const char *line = NULL;
    size_t length = 0;
    struct fault fault;
    switch (peer_take(peer, &line, &length)) {
    case PEER_NO_LINE:
        return false;
    case PEER_LINE:
        requests_obey(server, peer, line, length);
        return true;
    case PEER_LINE_TOO_LONG:
        fault_set(&fault, FAULT_TOO_LONG, "a line may have %d bytes", MESSAGE_LINE_LIMIT);
        break;
    case PEER_LINE_UNFINISHED:
        fault_set(&fault, FAULT_PARSE, "the last line does not end in a newline");
        break;
    }
    requests_refuse(peer, NULL, &fault);
    return true;
}

static void speak_to(struct server *server, struct peer *peer)
{
    peer_flush(peer);
    if (!peer_needs_snapshot(peer))
        return;
    autofree char *line = notice_snapshot(server, peer->behind);
    peer_snapshot(peer, line);
    peer_flush(peer);
}

static void peer_ready(void *owner, int fd, unsigned events)
{
    struct peer *peer = owner;
    struct server *server = peer->owner;
    (void)fd;
    if (events & POLLER_READ)
        peer_fill(peer);
    for (int i = 0; i < SERVER_UNANSWERED && listen_to(server, peer); i++)
        ; /* no more than that in one turn: others wait */
    speak_to(server, peer);
    if (peer_done(peer))
        clients_close(server, peer);
    else
        clients_watch(server, peer);
}

/* ---- connections ---- */

static void turn_away(struct server *server, int fd, pid_t pid, enum fault_kind kind,
                      const char *why)
{
    struct peer *peer = peer_new(fd, pid, server);
    struct fault fault;
    fault_set(&fault, kind, "%s", why);
    requests_refuse(peer, NULL, &fault);
    peer_flush(peer);
    peer_free(peer);
    clients_log(server, "turned away process %ld: %s", (long)pid, why);
}

static void welcome(struct server *server, int fd)
{
    pid_t pid = 0;
    if (!place_peer_trusted(fd, &pid)) {
        turn_away(server, fd, pid, FAULT_DENIED, "this daemon serves another user");
        return;
    }
    if (server->peer_count >= SERVER_PEERS) {
        turn_away(server, fd, pid, FAULT_BUSY, "too many clients; close some");
        return;
    }
    struct peer *peer = peer_new(fd, pid, server);
    autofree char *hello = notice_hello(server);
    DL_APPEND(server->peers, peer);
    server->peer_count++;
    peer_tell(peer, hello);
    peer_flush(peer);
    clients_watch(server, peer);
}

/* Nothing can be accepted now, and the waiting connection would make us ready again and
 * again. */
static void go_deaf(struct server *server, int error)
{
    poller_drop(server->poller, server->fd);
    server->deaf = true;
    server->deaf_from = PEER_UNTIMED;
    if (!server->deaf_logged)
        clients_log(server, "cannot accept clients for now: %s", strerror(error));
    server->deaf_logged = true;
}

static void connection_waits(void *owner, int fd, unsigned events)
{
    struct server *server = owner;
    (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0) {
            welcome(server, connection);
        } else if (errno == EAGAIN) {
            server->deaf_logged = false; /* all who waited are in */
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            go_deaf(server, errno);
            return;
        }
    }
}
