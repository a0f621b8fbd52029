#ifndef LIBRARY_CLIENT_H
#define LIBRARY_CLIENT_H

/* Private to the library: the client, and its lines as slots. stream.c moves bytes and knows no meaning;
 * client.c finds, greets and asks. */

#include "library/sniffer/client.h"
#include "proto/line.h"
#include "proto/message.h"

#include <stdbool.h>

/* One message that came. */
struct slot {
    struct slot *next;
    char *line;
    size_t length;
    struct incoming incoming;
};

struct sniffer_client {
    char *root, *socket;
    int fd; /* -1: not connected */
    struct line_reader reader;
    struct line_outbox outbox;
    json_t *hello;
    int64_t last_id;
    struct slot *kept, **kept_end; /* came while something else was waited for */
    struct slot *shown;            /* what the caller looks at */
    json_t *topics;                /* subscribed to; NULL: never */
    bool informed;                 /* of TOPICS up to EPOCH and SEQ */
    int64_t epoch, seq;
    char kind[32];
    char error[1024];
};

/* Notes what failed and returns ERROR. The text becomes one line. */
int client_fail(struct sniffer_client *client, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void slot_free(struct slot *slot);

/* Milliseconds of a clock that only goes forward. */
int64_t stream_now(void);

/* Writes what the socket takes now. Errors show when reading: what the daemon said last is worth more. */
void stream_flush(struct sniffer_client *client);
/* The next message as it comes from the socket. stream_pull: 1, or 0 where there is none now; stream_wait:
 * 0, before DEADLINE (negative: whenever). */
int stream_pull(struct sniffer_client *client, struct slot **ret);
int stream_wait(struct sniffer_client *client, int64_t deadline, struct slot **ret);

#endif
