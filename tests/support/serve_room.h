#ifndef SUPPORT_SERVE_ROOM_H
#define SUPPORT_SERVE_ROOM_H

/* A real server on a real socket in a temporary folder, and clients of it, all in one process: what
 * the server does happens inside settle() and hear(), so nothing has to be waited for. */

#include "daemon/base/xalloc.h"
#include "daemon/serve/server.h"
#include "proto/line.h"
#include "proto/place.h"
#include "tests/support/poll_poller.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { ROOM_EPOCH = 7, ROOM_SEQ = 40, ROOM_TICKETS = 4096 };

struct room {
    char folder[32];
    char *path;
    int fd, lock;
    struct poll_poller poller;
    struct server *server;
    bool answers;                   /* every request at once, with REPLY */
    const char *reply;              /* NULL: {} */
    const char *state;              /* what a snapshot holds; NULL: {} */
    uint64_t tickets[ROOM_TICKETS]; /* those that wait, and those that were answered */
    size_t ticket_count;
    size_t requests; /* that reached us, notifications too */
    int snapshots;
    size_t log_count;
    char log[256]; /* the last line */
};

static inline json_t *room_json(const char *text)
{
    json_t *json = json_loads(text != NULL ? text : "{}", 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

static inline void room_requested(void *owner, uint64_t ticket,
                                  const struct request *request)
{
    struct room *room = owner;
    (void)request;
    room->requests++;
    if (ticket == 0)
        return;
    if (room->ticket_count < ROOM_TICKETS)
        room->tickets[room->ticket_count++] = ticket;
    if (room->answers)
        server_reply(room->server, ticket, room_json(room->reply));
}

static inline json_t *room_snapshot(void *owner)
{
    struct room *room = owner;
    room->snapshots++;
    return room_json(room->state);
}

static inline void room_log(void *owner, const char *why)
{
    struct room *room = owner;
    room->log_count++;
    snprintf(room->log, sizeof room->log, "%s", why);
}

static inline void room_start(struct room *room, int64_t seq)
{
    const struct server_sink sink = {.owner = room,
                                     .request = room_requested,
                                     .snapshot = room_snapshot,
                                     .log = room_log};
    const struct server_settings settings = {
        .fd = room->fd, .root = "/project", .epoch = ROOM_EPOCH, .seq = seq};
    room->server = server_new(&settings, &room->poller.poller, &sink);
}

static inline void room_stop(struct room *room)
{
    server_free(room->server, "stop");
    room->server = NULL;
    ck_assert_uint_eq(room->poller.count, 0);
}

static inline void room_init(struct room *room)
{
    *room = (struct room){.folder = "/tmp/sniffer-serve-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(room->folder));
    room->path = xasprintf("%s/s", room->folder);
    ck_assert_int_eq(place_listen(room->path, &room->fd, &room->lock), 0);
    poll_poller_init(&room->poller);
    room_start(room, ROOM_SEQ);
}

static inline void room_finish(struct room *room)
{
    room_stop(room);
    poll_poller_finish(&room->poller);
    close(room->fd);
    close(room->lock);
    unlink(room->path);
    free(room->path);
    autofree char *lock = xasprintf("%s/s.lock", room->folder);
    unlink(lock);
    rmdir(room->folder);
}

/* Until the server has nothing to do; one that never has is spinning. */
static inline void settle(struct room *room)
{
    for (int turns = 0; poll_poller_dispatch(&room->poller, 0) > 0; turns++)
        ck_assert_int_lt(turns, 100000);
}

static inline void publish(struct room *room, enum topic topic, const char *params)
{
    server_publish(room->server, topic, room_json(params));
}

/* ---- clients ---- */

struct client {
    int fd;
    struct line_reader in;
    char *line;   /* the last one heard */
    size_t bytes; /* all that was heard */
};

static inline void client_connect(struct client *client, struct room *room)
{
    *client = (struct client){0};
    ck_assert_int_eq(place_connect(room->path, &client->fd), 0);
    ck_assert_int_eq(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
    line_reader_init(&client->in, 0);
}

static inline void client_leave(struct client *client)
{
    close(client->fd);
    line_reader_finish(&client->in);
    free(client->line);
}

/* All of TEXT, the server reading meanwhile; false when it reads no more. */
static inline bool say_bytes(struct room *room, struct client *client, const char *text,
                             size_t length)
{
    size_t sent = 0;
    for (int tries = 0; sent < length && tries < 3;) {
        ssize_t step = send(client->fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (step > 0) {
            sent += (size_t)step;
            tries = 0;
        } else if (errno == EAGAIN) {
            tries++;
        } else {
            return false;
        }
        settle(room);
    }
    return sent == length;
}

static inline void say(struct room *room, struct client *client, const char *text)
{
    autofree char *line = xasprintf("%s\n", text);
    ck_assert(say_bytes(room, client, line, strlen(line)));
}

enum heard { HEARD_LINE, HEARD_NOTHING, HEARD_END, HEARD_RESET };

static inline enum heard listen_for(struct room *room, struct client *client)
{
    for (bool again = true;; again = true) {
        size_t length = 0;
        const char *line = line_next(&client->in, &length);
        if (line != NULL) {
            free(client->line);
            client->line = xstrndup(line, length);
            return HEARD_LINE;
        }
        if (room->server != NULL)
            settle(room);
        ssize_t got = line_reader_fill(&client->in, client->fd);
        if (got == 0)
            return HEARD_END;
        if (got == -EAGAIN)
            again = false;
        else if (got < 0)
            return HEARD_RESET;
        else
            client->bytes += (size_t)got;
        if (!again)
            return HEARD_NOTHING;
    }
}

static inline const char *hear(struct room *room, struct client *client)
{
    ck_assert_int_eq(listen_for(room, client), HEARD_LINE);
    return client->line;
}

#define expect(room, client, text) ck_assert_str_eq(hear(room, client), text)
#define expect_silence(room, client)                                                     \
    ck_assert_int_eq(listen_for(room, client), HEARD_NOTHING)
#define expect_end(room, client) ck_assert_int_eq(listen_for(room, client), HEARD_END)

static inline void expect_method(struct room *room, struct client *client,
                                 const char *method)
{
    struct incoming incoming;
    const char *line = hear(room, client);
    ck_assert_int_eq(incoming_decode(line, strlen(line), &incoming), 0);
    ck_assert_msg(!incoming.is_reply && strcmp(incoming.method, method) == 0,
                  "not %s: %.200s", method, line);
    incoming_finish(&incoming);
}

/* ID -1: null. The message must hold TEXT. */
static inline void expect_fault(struct room *room, struct client *client, int64_t id,
                                enum fault_kind kind, const char *text)
{
    struct incoming incoming;
    const char *line = hear(room, client);
    ck_assert_int_eq(incoming_decode(line, strlen(line), &incoming), 0);
    ck_assert_msg(incoming.is_fault, "no error: %.200s", line);
    ck_assert_int_eq(incoming.id, id);
    ck_assert_str_eq(fault_names[incoming.fault.kind], fault_names[kind]);
    ck_assert_msg(strstr(incoming.fault.message, text) != NULL, "\"%s\" lacks \"%s\"",
                  incoming.fault.message, text);
    incoming_finish(&incoming);
}

/* A connection that is past its hello. */
static inline void client_join(struct client *client, struct room *room)
{
    client_connect(client, room);
    expect_method(room, client, "hello");
}

/* One that has subscribed to TOPICS and has had its snapshot. */
static inline void client_subscribe(struct client *client, struct room *room,
                                    const char *topics)
{
    client_join(client, room);
    autofree char *line = xasprintf(
        "{\"id\":0,\"method\":\"subscribe\",\"params\":{\"topics\":%s}}", topics);
    say(room, client, line);
    hear(room, client);
    expect_method(room, client, "snapshot");
}

static inline int descriptors_open(void)
{
    DIR *folder = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(folder);
    int count = 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

#define STATUS(id) "{\"id\":" #id ",\"method\":\"status\"}"

#endif
