#include "daemon/serve/server.h"

#include "daemon/base/xalloc.h"
#include "daemon/serve/inside.h"

#include <string.h>
#include <utlist.h>

enum { DEAF_MS = 1000 }; /* then we try again to accept, also when no client has gone */

struct server *server_new(const struct server_settings *settings, struct poller *poller,
                          const struct server_sink *sink)
{
    struct server *server = xcalloc(1, sizeof *server);
    server->fd = settings->fd;
    server->root = xstrdup(settings->root);
    server->epoch = settings->epoch;
    server->poller = poller;
    server->sink = *sink;
    ring_init(&server->ring, settings->seq);
    clients_listen(server);
    return server;
}

static void say_goodbye(struct server *server, struct peer *peer, const char *reason)
{
    if (peer->subscribed) {
        autofree char *bye = notice_bye(server, reason);
        peer_tell(peer, bye);
    }
    peer_flush(peer);
}

void server_free(struct server *server, const char *reason)
{
    if (server == NULL)
        return;
    struct fault fault;
    fault_set(&fault, FAULT_SHUTTING_DOWN, "the daemon is shutting down: %s", reason);
    for (uint64_t open; (open = tickets_first(&server->tickets)) != 0;)
        server_refuse(server, open, &fault);
    struct peer *peer, *next;
    DL_FOREACH_SAFE(server->peers, peer, next)
    {
        say_goodbye(server, peer, reason);
        clients_close(server, peer);
    }
    if (!server->deaf)
        poller_drop(server->poller, server->fd);
    tickets_finish(&server->tickets);
    ring_finish(&server->ring);
    free(server->root);
    free(server);
}

/* ---- answers ---- */

/* Who waits for the answer to TICKET; NULL where nobody does any more. */
static struct peer *asker(struct server *server, uint64_t ticket, json_t **ret_id)
{
    struct peer *peer = tickets_redeem(&server->tickets, ticket, ret_id);
    if (peer != NULL)
        peer->waiting--;
    return peer;
}

void server_reply(struct server *server, uint64_t ticket, json_t *result)
{
    json_t *id = NULL;
    struct peer *peer = asker(server, ticket, &id);
    if (peer != NULL) {
        requests_answer(peer, id, result);
        clients_watch(server, peer);
        json_decref(id);
    }
    json_decref(result);
}

void server_refuse(struct server *server, uint64_t ticket, const struct fault *fault)
{
    json_t *id = NULL;
    struct peer *peer = asker(server, ticket, &id);
    if (peer == NULL)
        return;
    requests_refuse(peer, id, fault);
    clients_watch(server, peer);
    json_decref(id);
}

/* ---- news ---- */

void server_publish(struct server *server, enum topic topic, json_t *params)
{
    int64_t seq = server->ring.last + 1;
    json_object_set_new(params, "seq", json_integer(seq));
    autofree char *line = outgoing_line(notification_encode(topic_names[topic], params));
    json_decref(params);
    size_t length = strlen(line);
    ring_add(&server->ring, seq, topic, line, length);
    struct peer *peer;
    DL_FOREACH(server->peers, peer)
    {
        if (!peer->subscribed || !subscription_has(peer->topics, topic))
            continue;
        peer_notify(peer, line, length);
        clients_watch(server, peer);
    }
}

bool server_listened(const struct server *server, enum topic topic)
{
    const struct peer *peer;
    DL_FOREACH(server->peers, peer)
    if (peer->subscribed && subscription_has(peer->topics, topic))
        return true;
    return false;
}

int64_t server_seq(const struct server *server)
{
    return server->ring.last;
}

void server_resnapshot(struct server *server, const char *why)
{
    ring_clear(&server->ring, server->ring.last + 1);
    struct peer *peer;
    DL_FOREACH(server->peers, peer)
    {
        peer_fall_behind(peer, why);
        clients_watch(server, peer);
    }
}

/* ---- time ---- */

int64_t server_deadline(const struct server *server)
{
    int64_t deadline = INT64_MAX;
    if (server->deaf)
        deadline = server->deaf_from == PEER_UNTIMED ? 0 : server->deaf_from + DEAF_MS;
    const struct peer *peer;
    DL_FOREACH(server->peers, peer)
    {
        int64_t its = peer_deadline(peer);
        if (its < deadline)
            deadline = its;
    }
    return deadline;
}

/* A socket is called writable only when most of it is free; it may take some all the same. */
static bool still_takes(struct peer *peer)
{
    uint64_t before = peer->out.taken;
    peer_flush(peer);
    return peer->broken || peer->out.taken != before;
}

static void close_stuck(struct server *server, struct peer *peer)
{
    clients_log(
        server,
        "closed the client of process %ld: it took nothing for %d s while %zu bytes "
        "waited for it",
        (long)peer->pid, SERVER_STALL_MS / 1000, outgoing_pending(&peer->out));
    clients_close(server, peer);
}

static void send_bookmark(struct server *server, struct peer *peer)
{
    autofree char *line = notice_bookmark(server);
    peer_notify(peer, line, strlen(line));
    clients_watch(server, peer);
}

void server_tick(struct server *server, int64_t now)
{
    if (server->deaf && server->deaf_from == PEER_UNTIMED)
        server->deaf_from = now;
    else if (server->deaf && now - server->deaf_from >= DEAF_MS)
        clients_listen(server);
    struct peer *peer, *next;
    DL_FOREACH_SAFE(server->peers, peer, next)
    {
        switch (peer_tick(peer, now)) {
        case PEER_FINE:
            break;
        case PEER_QUIET:
            send_bookmark(server, peer);
            break;
        case PEER_STUCK:
            if (still_takes(peer))
                clients_watch(server, peer);
            else
                close_stuck(server, peer);
            break;
        }
    }
}
