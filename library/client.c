/* Finds, greets and asks. */

#include "library/client.h"

#include "proto/place.h"
#include "proto/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_LIMIT = 64 << 20, /* far above what a daemon sends; a bound against garbage */
    LIST_TRIES = 5,
};

static int no_memory(struct sniffer_client *client)
{
    return client_fail(client, -ENOMEM, "out of memory");
}

/* ---- life ---- */

int sniffer_client_new(const char *directory, struct sniffer_client **ret)
{
    struct sniffer_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return -ENOMEM;
    client->fd = -1;
    client->kept_end = &client->kept;
    client->root = place_root(directory != NULL ? directory : ".");
    int r = client->root == NULL ? -errno : place_socket(client->root, &client->socket);
    if (r < 0) {
        sniffer_client_free(client);
        return r;
    }
    *ret = client;
    return 0;
}

void sniffer_client_disconnect(struct sniffer_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    line_reader_finish(&client->reader);
    line_outbox_finish(&client->outbox);
    json_decref(client->hello);
    client->hello = NULL;
    while (client->kept != NULL) {
        struct slot *slot = client->kept;
        client->kept = slot->next;
        slot_free(slot);
    }
    client->kept_end = &client->kept;
    slot_free(client->shown);
    client->shown = NULL;
}

void sniffer_client_free(struct sniffer_client *client)
{
    if (client == NULL)
        return;
    sniffer_client_disconnect(client);
    json_decref(client->topics);
    free(client->root);
    free(client->socket);
    free(client);
}

const char *sniffer_client_root(const struct sniffer_client *client)
{
    return client->root;
}

const char *sniffer_client_socket(const struct sniffer_client *client)
{
    return client->socket;
}

json_t *sniffer_client_hello(const struct sniffer_client *client)
{
    return client->hello;
}

const char *sniffer_client_error(const struct sniffer_client *client)
{
    return client->error;
}

const char *sniffer_client_kind(const struct sniffer_client *client)
{
    return client->kind;
}

/* ---- hello ---- */

static int refused(struct sniffer_client *client, const struct fault *fault)
{
    client_fail(client, -EREMOTEIO, "%s", fault->message);
    snprintf(client->kind, sizeof client->kind, "%s", fault_names[fault->kind]);
    return -EREMOTEIO;
}

static int check_hello(struct sniffer_client *client)
{
    json_int_t major = -1;
    json_unpack(json_object_get(client->hello, "protocol"), "{s:I}", "major", &major);
    if (major != MESSAGE_MAJOR)
        return client_fail(
            client, -EPROTONOSUPPORT,
            "the daemon speaks protocol %lld, this program %d; use programs of "
            "one version and restart the daemon",
            (long long)major, MESSAGE_MAJOR);
    /* $SNIFFER_SOCKET can lead to another project's daemon: its answers would be about that one. */
    char *root = wire_path_bytes(json_object_get(client->hello, "root"));
    int r = 0;
    if (root != NULL && strcmp(root, client->root) != 0)
        r = client_fail(client, -EXDEV,
                        "the daemon at %s is for %s, not for %s; unset SNIFFER_SOCKET or "
                        "use -C",
                        client->socket, root, client->root);
    free(root);
    return r;
}

static int take_hello(struct sniffer_client *client, int64_t deadline)
{
    struct slot *slot = NULL;
    int r = stream_wait(client, deadline, &slot);
    if (r < 0)
        return r;
    const struct incoming *hello = &slot->incoming;
    if (hello->is_reply && hello->is_fault) /* too many clients, or not this user's */
        r = refused(client, &hello->fault);
    else if (hello->is_reply || strcmp(hello->method, "hello") != 0)
        r = client_fail(client, -EPROTO, "%s is no sniffer's socket; it said no hello",
                        client->socket);
    else
        client->hello = json_incref(hello->params);
    slot_free(slot);
    return r < 0 ? r : check_hello(client);
}

static int explain_connect(struct sniffer_client *client, int error)
{
    if (error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR)
        return client_fail(client, -ENOENT,
                           "no daemon runs for %s; start it with snifferctl start",
                           client->root);
    if (error == -EPERM)
        return client_fail(client, error,
                           "%s belongs to another user; remove it or set SNIFFER_SOCKET",
                           client->socket);
    return client_fail(client, error, "cannot connect to %s: %s", client->socket,
                       strerror(-error));
}

int sniffer_client_connect(struct sniffer_client *client, int64_t limit_ms)
{
    sniffer_client_disconnect(client);
    int r = place_connect(client->socket, &client->fd);
    if (r < 0) {
        client->fd = -1;
        return explain_connect(client, r);
    }
    line_reader_init(&client->reader, LINE_LIMIT);
    int flags = fcntl(client->fd, F_GETFL);
    if (flags < 0 || fcntl(client->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        r = explain_connect(client, -errno);
    else
        r = take_hello(client, limit_ms < 0 ? -1 : stream_now() + limit_ms);
    if (r < 0)
        sniffer_client_disconnect(client);
    return r;
}

/* ---- messages ---- */

/* Up to where the caller is informed. */
static void follow(struct sniffer_client *client, const struct incoming *news)
{
    const json_t *seq = json_object_get(news->params, "seq"),
                 *epoch = json_object_get(news->params, "epoch");
    bool whole = json_is_integer(epoch);
    if (news->is_reply || !json_is_integer(seq) || (!whole && !client->informed))
        return;
    client->informed = true;
    client->seq = json_integer_value(seq);
    if (whole)
        client->epoch = json_integer_value(epoch);
}

static void show(struct sniffer_client *client, struct slot *slot,
                 struct sniffer_message *ret)
{
    const struct incoming *incoming = &slot->incoming;
    client->shown = slot;
    follow(client, incoming);
    bool fault = incoming->is_reply && incoming->is_fault;
    *ret = (struct sniffer_message){
        .id = incoming->is_reply ? incoming->id : 0,
        .method = incoming->is_reply ? NULL : incoming->method,
        .params = incoming->is_reply ? NULL : incoming->params,
        .result = incoming->is_reply && !fault ? incoming->result : NULL,
        .kind = fault ? fault_names[incoming->fault.kind] : NULL,
        .text = fault ? incoming->fault.message : NULL,
        .line = slot->line,
        .length = slot->length,
    };
}

/* Forgets what was shown last; the oldest message that was kept, or NULL. */
static struct slot *turn_over(struct sniffer_client *client)
{
    slot_free(client->shown);
    client->shown = NULL;
    struct slot *slot = client->kept;
    if (slot == NULL)
        return NULL;
    client->kept = slot->next;
    if (client->kept == NULL)
        client->kept_end = &client->kept;
    return slot;
}

static void keep(struct sniffer_client *client, struct slot *slot)
{
    *client->kept_end = slot;
    client->kept_end = &slot->next;
}

int sniffer_client_next(struct sniffer_client *client, int64_t limit_ms,
                        struct sniffer_message *ret)
{
    struct slot *slot = turn_over(client);
    int64_t deadline = limit_ms < 0 ? -1 : stream_now() + limit_ms;
    int r = slot != NULL ? 0 : stream_wait(client, deadline, &slot);
    if (r == 0)
        show(client, slot, ret);
    return r;
}

int sniffer_client_dispatch(struct sniffer_client *client, struct sniffer_message *ret)
{
    struct slot *slot = turn_over(client);
    if (client->fd >= 0)
        stream_flush(client);
    int r = slot != NULL ? 1 : stream_pull(client, &slot);
    if (r == 1)
        show(client, slot, ret);
    return r;
}

int sniffer_client_fd(const struct sniffer_client *client)
{
    return client->fd;
}

short sniffer_client_events(const struct sniffer_client *client)
{
    return line_pending(&client->outbox) > 0 ? POLLIN | POLLOUT : POLLIN;
}

/* ---- asking ---- */

int sniffer_client_send(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t *ret_id)
{
    int r = 0;
    if (client->fd < 0) {
        r = client_fail(client, -ENOTCONN, "not connected to the daemon of %s",
                        client->root);
    } else {
        char *line = request_encode(method, client->last_id + 1, params);
        if (line == NULL || line_put(&client->outbox, line, strlen(line)) < 0)
            r = no_memory(client);
        free(line);
    }
    json_decref(params);
    if (r < 0)
        return r;
    client->last_id++;
    if (ret_id != NULL)
        *ret_id = client->last_id;
    stream_flush(client);
    return 0;
}

int sniffer_client_call(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t limit_ms, json_t **ret_result)
{
    int64_t id = 0;
    int r = sniffer_client_send(client, method, params, &id);
    int64_t deadline = limit_ms < 0 ? -1 : stream_now() + limit_ms;
    while (r == 0) {
        struct slot *slot = NULL;
        r = stream_wait(client, deadline, &slot);
        if (r < 0)
            break;
        const struct incoming *reply = &slot->incoming;
        /* A fault without an id is about this request, or about us. */
        if (!reply->is_reply ||
            (reply->id != id && !(reply->is_fault && reply->id < 0))) {
            keep(client, slot);
            continue;
        }
        if (reply->is_fault)
            r = refused(client, &reply->fault);
        else
            *ret_result = json_incref(reply->result);
        slot_free(slot);
        break;
    }
    return r;
}

/* One way through all pages. -EAGAIN: the state moved on meanwhile. */
static int list_once(struct sniffer_client *client, const char *method, json_t *params,
                     int64_t limit_ms, bool strict, json_t *records)
{
    json_int_t seq = -1;
    for (json_int_t offset = 0;;) {
        json_t *asked = json_copy(params), *page = NULL;
        if (asked == NULL ||
            (offset > 0 &&
             json_object_set_new(asked, "offset", json_integer(offset)) < 0)) {
            json_decref(asked);
            return no_memory(client);
        }
        int r = sniffer_client_call(client, method, asked, limit_ms, &page);
        if (r < 0)
            return r;
        json_t *listed = json_object_get(page, method);
        const json_t *next = json_object_get(page, "next"),
                     *now = json_object_get(page, "seq");
        bool moved = offset > 0 && json_is_integer(now) && json_integer_value(now) != seq;
        seq = json_integer_value(now);
        json_int_t step = json_is_integer(next) ? json_integer_value(next) : 0;
        bool sane = json_is_array(listed) && (step == 0 || step > offset);
        if (sane && json_array_extend(records, listed) < 0)
            r = no_memory(client);
        json_decref(page);
        if (!sane)
            return client_fail(client, -EPROTO,
                               "the daemon's list of %s makes no sense; restart it with "
                               "snifferctl restart",
                               method);
        if (r < 0 || (moved && strict))
            return r < 0 ? r : -EAGAIN;
        if (step == 0)
            return 0;
        offset = step;
    }
}

int sniffer_client_list(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t limit_ms, json_t **ret_records)
{
    if (params == NULL)
        params = json_object();
    json_t *records = json_array();
    int r = params != NULL && records != NULL ? -EAGAIN : no_memory(client);
    for (int i = 1; r == -EAGAIN; i++) {
        json_array_clear(records);
        r = list_once(client, method, params, limit_ms, i < LIST_TRIES, records);
    }
    json_decref(params);
    if (r < 0)
        json_decref(records);
    else
        *ret_records = records;
    return r;
}

/* ---- subscribing ---- */

static json_t *list_of(const char *const *topics)
{
    json_t *list = topics != NULL ? json_array() : json_null();
    for (size_t i = 0; topics != NULL && topics[i] != NULL; i++)
        if (json_array_append_new(list, json_string(topics[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

int sniffer_client_subscribe(struct sniffer_client *client, const char *const *topics,
                             int64_t limit_ms)
{
    json_t *list = list_of(topics), *params = json_object(), *result = NULL;
    if (list == NULL || params == NULL) {
        json_decref(list);
        json_decref(params);
        return no_memory(client);
    }
    if (client->topics == NULL || !json_equal(client->topics, list))
        client->informed = false; /* of these it knows nothing */
    json_decref(client->topics);
    client->topics = list;
    int r = 0;
    if (topics != NULL)
        r = json_object_set(params, "topics", list);
    if (r == 0 && client->informed)
        r = json_object_set_new(params, "since",
                                json_pack("{s:I, s:I}", "epoch",
                                          (json_int_t)client->epoch, "seq",
                                          (json_int_t)client->seq));
    if (r < 0) {
        json_decref(params);
        return no_memory(client);
    }
    r = sniffer_client_call(client, "subscribe", params, limit_ms, &result);
    json_decref(result);
    return r;
}
