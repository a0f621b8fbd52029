#include "daemon/serve/inside.h"

#include "daemon/base/xalloc.h"
#include "proto/schema.h"

void requests_answer(struct peer *peer, const json_t *id, json_t *result)
{
    autofree char *line = outgoing_line(reply_encode(id, result));
    peer_reply(peer, line);
}

void requests_refuse(struct peer *peer, const json_t *id, const struct fault *fault)
{
    autofree char *line = outgoing_line(fault_encode(id, fault));
    peer_reply(peer, line);
}

/* RESULT is stolen. */
static void answer(struct peer *peer, const struct request *request, json_t *result)
{
    if (request->id != NULL)
        requests_answer(peer, request->id, result);
    json_decref(result);
}

static void replay(struct server *server, struct peer *peer, int64_t seq)
{
    const struct ring_note *note = ring_after(&server->ring, seq);
    for (; note != NULL; note = ring_after(&server->ring, note->seq))
        if (subscription_has(peer->topics, note->topic))
            peer_notify(peer, note->line, note->length);
}

static void subscribe(struct server *server, struct peer *peer,
                      const struct request *request)
{
    struct subscription asked;
    struct fault fault;
    if (subscription_decode(request->params, &asked, &fault) < 0) {
        if (request->id != NULL)
            requests_refuse(peer, request->id, &fault);
        return;
    }
    json_t *result = notice_position(server);
    json_object_set_new(result, "topics", subscription_names(asked.topics));
    answer(peer, request, result);
    if (!asked.has_since) {
        peer_subscribe(peer, asked.topics, "new");
    } else if (asked.epoch != server->epoch || !ring_reaches(&server->ring, asked.seq)) {
        peer_subscribe(peer, asked.topics, "gone");
    } else {
        peer_subscribe(peer, asked.topics, NULL);
        replay(server, peer, asked.seq);
    }
}

static void unsubscribe(struct peer *peer, const struct request *request)
{
    peer_unsubscribe(peer);
    answer(peer, request, json_object());
}

static void hand_on(struct server *server, struct peer *peer,
                    const struct request *request)
{
    uint64_t ticket = 0;
    if (request->id != NULL) {
        ticket = tickets_issue(&server->tickets, peer, request->id);
        peer->waiting++;
    }
    server->sink.request(server->sink.owner, ticket, request);
}

/* A notification is never answered, also when it means nothing to us. What could not even
 * be read may have been a request: that is answered. */
static bool wants_to_know(const json_t *id, const struct fault *fault)
{
    return id != NULL ||
           (fault->kind != FAULT_UNKNOWN_METHOD && fault->kind != FAULT_BAD_PARAMS);
}

void requests_obey(struct server *server, struct peer *peer, const char *line,
                   size_t length)
{
    struct request request;
    struct fault fault = {.kind = FAULT_INTERNAL, .message = "out of memory"};
    json_t *id = NULL;
    if (request_decode(line, length, &request, &fault, &id) < 0) {
        if (wants_to_know(id, &fault))
            requests_refuse(peer, id, &fault);
        json_decref(id);
        return;
    }
    if (request.method == METHOD_SUBSCRIBE)
        subscribe(server, peer, &request);
    else if (request.method == METHOD_UNSUBSCRIBE)
        unsubscribe(peer, &request);
    else if (request.method == METHOD_SCHEMA)
        answer(peer, &request, schema_all());
    else
        hand_on(server, peer, &request);
    request_finish(&request);
}
