#include "daemon/serve/inside.h"

#include "proto/order.h"
#include "proto/version.h"

#include <unistd.h>

/* PARAMS is stolen. */
static char *encode_note(const char *method, json_t *params)
{
    char *line = outgoing_line(notification_encode(method, params));
    json_decref(params);
    return line;
}

json_t *notice_position(const struct server *server)
{
    return json_pack("{s:I, s:I}", "epoch", (json_int_t)server->epoch, "seq",
                     (json_int_t)server->ring.last);
}

char *notice_hello(const struct server *server)
{
    json_t *params =
        json_pack("{s:{s:i, s:i}, s:s, s:o, s:I}", "protocol", "major", MESSAGE_MAJOR,
                  "minor", MESSAGE_MINOR, "version", SNIFFER_VERSION, "root",
                  wire_path(server->root), "pid", (json_int_t)getpid());
    json_t *methods = json_array();
    json_t *here = notice_position(server);
    json_object_update(params, here);
    json_decref(here);
    for (const char *const *name = method_names; *name != NULL; name++)
        json_array_append_new(methods, json_string(*name));
    json_object_set_new(params, "capabilities",
                        json_pack("{s:o, s:o}", "methods", methods, "topics",
                                  subscription_names((1U << TOPIC_COUNT) - 1)));
    json_object_set_new(params, "limits",
                        json_pack("{s:i, s:i, s:i, s:i}", "line", MESSAGE_LINE_LIMIT,
                                  "unanswered", SERVER_UNANSWERED, "queue",
                                  SERVER_QUEUE_LIMIT, "clients", SERVER_PEERS));
    return encode_note("hello", params);
}

char *notice_snapshot(const struct server *server, const char *why)
{
    json_t *params = notice_position(server);
    json_t *state = server->sink.snapshot(server->sink.owner);
    json_object_set_new(params, "why", json_string(why));
    json_object_update_missing(params, state);
    json_decref(state);
    return encode_note("snapshot", params);
}

char *notice_bookmark(const struct server *server)
{
    return encode_note("bookmark", notice_position(server));
}

char *notice_bye(const struct server *server, const char *reason)
{
    json_t *params = notice_position(server);
    json_object_set_new(params, "reason", json_string(reason));
    return encode_note(topic_names[TOPIC_BYE], params);
}
