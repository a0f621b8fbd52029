/* Bytes to messages and back. */

#include "library/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { POLL_LONGEST_MS = 1000000 };

int64_t stream_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int client_fail(struct sniffer_client *client, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(client->error, sizeof client->error, format, args);
    va_end(args);
    for (char *c = client->error; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) /* one line, and no escapes */
            *c = ' ';
    client->kind[0] = '\0';
    return error;
}

void slot_free(struct slot *slot)
{
    if (slot == NULL)
        return;
    incoming_finish(&slot->incoming);
    free(slot->line);
    free(slot);
}

void stream_flush(struct sniffer_client *client)
{
    if (line_pending(&client->outbox) == 0)
        return;
    int r = line_flush(&client->outbox, client->fd, NULL);
    if (r < 0 && r != -EAGAIN)
        line_outbox_finish(&client->outbox);
}

static int read_line(struct sniffer_client *client, struct slot **ret)
{
    size_t length = 0;
    const char *line = line_next(&client->reader, &length);
    if (line == NULL && length == 0)
        return 0;
    struct slot *slot = calloc(1, sizeof *slot);
    char *copy = line != NULL ? malloc(length + 1) : NULL;
    int r = slot == NULL || (line != NULL && copy == NULL) ? -ENOMEM : -EPROTO;
    if (r == -EPROTO && line != NULL)
        r = incoming_decode(line, length, &slot->incoming);
    if (r < 0) {
        free(copy);
        free(slot);
        if (r == -ENOMEM)
            return client_fail(client, r, "out of memory");
        return client_fail(
            client, -EPROTO,
            "%s sent what is no message of sniffer's; look what listens there",
            client->socket);
    }
    memcpy(copy, line, length + 1);
    slot->line = copy;
    slot->length = length;
    *ret = slot;
    return 1;
}

int stream_pull(struct sniffer_client *client, struct slot **ret)
{
    if (client->fd < 0)
        return client_fail(client, -ENOTCONN, "not connected to the daemon of %s",
                           client->root);
    for (;;) {
        int r = read_line(client, ret);
        if (r != 0)
            return r;
        ssize_t got = line_reader_fill(&client->reader, client->fd);
        if (got == -EAGAIN)
            return 0;
        if (got == -ENOMEM)
            return client_fail(client, -ENOMEM, "out of memory");
        if (got <= 0 && got != -EINTR)
            return client_fail(
                client, -ECONNRESET,
                "the daemon left before it answered; see the log in %s/.sniffer and "
                "start it again with snifferctl start",
                client->root);
    }
}

int stream_wait(struct sniffer_client *client, int64_t deadline, struct slot **ret)
{
    for (;;) {
        if (client->fd >= 0)
            stream_flush(client);
        int r = stream_pull(client, ret);
        if (r != 0)
            return r < 0 ? r : 0;
        int64_t rest = deadline < 0 ? -1 : deadline - stream_now();
        if (deadline >= 0 && rest < 0)
            rest = 0;
        struct pollfd poller = {.fd = client->fd,
                                .events = sniffer_client_events(client)};
        int ready =
            poll(&poller, 1, rest > POLL_LONGEST_MS ? POLL_LONGEST_MS : (int)rest);
        if (ready != 0 || rest > POLL_LONGEST_MS)
            continue; /* ready, or a signal: look again */
        bool deaf = line_pending(&client->outbox) > 0;
        return client_fail(
            client, -ETIMEDOUT, "the daemon %s; see the log in %s/.sniffer",
            deaf ? "reads nothing" : "did not answer in time", client->root);
    }
}
