#include "daemon/serve/peer.h"

#include "daemon/base/poller.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { PARTING_READS = 64, PARTING_BYTES = 16 << 10 };

struct peer *peer_new(int fd, pid_t pid, void *owner)
{
    struct peer *peer = xcalloc(1, sizeof *peer);
    peer->fd = fd;
    peer->pid = pid;
    peer->owner = owner;
    peer->stuck_from = peer->quiet_from = PEER_UNTIMED;
    line_reader_init(&peer->in, MESSAGE_LINE_LIMIT);
    return peer;
}

/* A Unix socket that is closed while something in it is unread resets the connection, and
 * the other side can lose the last lines that it was sent. */
static void part(int fd)
{
    char unread[PARTING_BYTES];
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < PARTING_READS; i++)
        if (recv(fd, unread, sizeof unread, MSG_DONTWAIT) <= 0)
            break;
    close(fd);
}

void peer_free(struct peer *peer)
{
    if (peer == NULL)
        return;
    part(peer->fd);
    line_reader_finish(&peer->in);
    outgoing_finish(&peer->out);
    free(peer);
}

/* ---- in ---- */

static void break_off(struct peer *peer)
{
    peer->broken = true;
    peer_unsubscribe(peer);
    outgoing_finish(&peer->out);
}

/* The end of its stream can mean that it only finished talking, or that it is gone. */
static bool hung_up(int fd)
{
    struct pollfd look = {.fd = fd};
    return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) != 0;
}

void peer_fill(struct peer *peer)
{
    if (peer->ended)
        return;
    ssize_t length = line_reader_fill(&peer->in, peer->fd);
    if (length == -EAGAIN)
        return;
    peer->more = true;
    peer->ended = length <= 0;
    if (length < 0 || (peer->ended && hung_up(peer->fd)))
        break_off(peer);
}

static bool has_patience(const struct peer *peer)
{
    return peer->waiting + peer->out.replies < SERVER_UNANSWERED;
}

static bool has_unfinished_line(const struct peer *peer)
{
    return peer->ended && peer->in.end > peer->in.begin;
}

enum peer_line peer_take(struct peer *peer, const char **ret_line, size_t *ret_length)
{
    size_t length = 0;
    if (!peer->more || !has_patience(peer))
        return PEER_NO_LINE;
    const char *line = line_next(&peer->in, &length);
    if (line != NULL) {
        *ret_line = line;
        *ret_length = length;
        return PEER_LINE;
    }
    if (length == SIZE_MAX)
        return PEER_LINE_TOO_LONG;
    peer->more = false;
    return has_unfinished_line(peer) ? PEER_LINE_UNFINISHED : PEER_NO_LINE;
}

/* ---- out ---- */

static void put(struct peer *peer, enum outgoing_kind kind, const char *line,
                size_t length)
{
    if (peer->broken)
        return;
    if (outgoing_pending(&peer->out) == 0)
        peer->stuck_from = PEER_UNTIMED;
    if (kind != OUTGOING_REPLY)
        peer->quiet_from = PEER_UNTIMED;
    outgoing_put(&peer->out, kind, line, length);
}

void peer_reply(struct peer *peer, const char *line)
{
    put(peer, OUTGOING_REPLY, line, strlen(line));
}

void peer_tell(struct peer *peer, const char *line)
{
    put(peer, OUTGOING_NOTE, line, strlen(line));
}

void peer_subscribe(struct peer *peer, unsigned topics, const char *behind)
{
    if (peer->broken)
        return;
    peer->subscribed = true;
    peer->topics = topics;
    peer->behind = behind;
    peer->quiet_from = PEER_UNTIMED;
}

void peer_unsubscribe(struct peer *peer)
{
    peer->subscribed = false;
    peer->topics = 0;
    peer->behind = NULL;
}

/* A single note of any length is let through to a client with an empty queue: it did
 * nothing wrong. */
static bool has_room(const struct peer *peer, size_t length)
{
    size_t notes = outgoing_notes(&peer->out);
    return notes == 0 || notes + length <= SERVER_QUEUE_LIMIT;
}

void peer_notify(struct peer *peer, const char *line, size_t length)
{
    if (peer->behind != NULL)
        return;
    /* Many notes in one turn: it may never have had the chance to take them. */
    if (!has_room(peer, length))
        peer_flush(peer);
    if (peer->broken)
        return;
    if (has_room(peer, length))
        put(peer, OUTGOING_NOTE, line, length);
    else
        peer->behind = "lagged";
}

void peer_fall_behind(struct peer *peer, const char *why)
{
    if (peer->subscribed && peer->behind == NULL)
        peer->behind = why;
}

bool peer_needs_snapshot(const struct peer *peer)
{
    return peer->behind != NULL && outgoing_pending(&peer->out) == 0;
}

void peer_snapshot(struct peer *peer, const char *line)
{
    peer->behind = NULL;
    put(peer, OUTGOING_SNAPSHOT, line, strlen(line));
}

void peer_flush(struct peer *peer)
{
    uint64_t before = peer->out.taken;
    int error = outgoing_flush(&peer->out, peer->fd);
    if (peer->out.taken != before)
        peer->stuck_from = PEER_UNTIMED;
    if (error < 0 && error != -EAGAIN)
        break_off(peer);
}

bool peer_done(const struct peer *peer)
{
    if (!peer->ended || peer->more)
        return false;
    return peer->broken ||
           (peer->waiting == 0 && !peer->subscribed && outgoing_pending(&peer->out) == 0);
}

unsigned peer_events(const struct peer *peer)
{
    unsigned events = 0;
    if (!peer->ended && !peer->more)
        events |= POLLER_READ;
    /* Lines left for the next turn, a snapshot and the end have no event of their own. */
    if (outgoing_pending(&peer->out) > 0 || (peer->more && has_patience(peer)) ||
        peer_needs_snapshot(peer) || peer_done(peer))
        events |= POLLER_WRITE;
    return events;
}

/* ---- time ---- */

int64_t peer_deadline(const struct peer *peer)
{
    int64_t deadline = INT64_MAX;
    if (outgoing_pending(&peer->out) > 0)
        deadline =
            peer->stuck_from == PEER_UNTIMED ? 0 : peer->stuck_from + SERVER_STALL_MS;
    if (peer->subscribed) {
        int64_t bookmark =
            peer->quiet_from == PEER_UNTIMED ? 0 : peer->quiet_from + SERVER_BOOKMARK_MS;
        if (bookmark < deadline)
            deadline = bookmark;
    }
    return deadline;
}

enum peer_patience peer_tick(struct peer *peer, int64_t now)
{
    if (peer->stuck_from == PEER_UNTIMED)
        peer->stuck_from = now;
    if (peer->quiet_from == PEER_UNTIMED)
        peer->quiet_from = now;
    if (outgoing_pending(&peer->out) > 0 && now - peer->stuck_from >= SERVER_STALL_MS)
        return PEER_STUCK;
    if (peer->subscribed && now - peer->quiet_from >= SERVER_BOOKMARK_MS) {
        peer->quiet_from = now;
        return PEER_QUIET;
    }
    return PEER_FINE;
}
