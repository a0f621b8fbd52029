#ifndef SNIFFER_CLIENT_H
#define SNIFFER_CLIENT_H

/* libsniffer-client: talk to the daemon that keeps a Python project's tests verified.
 *
 * A client stands for one project. It finds the project's socket, connects, checks the daemon's hello, and
 * then either asks and waits (sniffer_client_call, _list, _next: they block, each with a limit), or lives
 * in an event loop of yours (sniffer_client_fd, _events, _send, _dispatch: they never block). Both can be
 * mixed: what arrives while a call waits for its reply is kept, in order, for the next _next or _dispatch.
 *
 * What can be asked, and what comes back, is in PROTOCOL.md; JSON values are those of Jansson.
 *
 * Functions that can fail return 0 or a negative errno; sniffer_client_error then says in one line
 * what failed and what to do. The same numbers mean the same everywhere:
 *
 *   -ENOENT           no daemon runs for this project (start one: snifferctl start)
 *   -ECONNRESET       the daemon left; connect again when it is back
 *   -ETIMEDOUT        the limit is over
 *   -EREMOTEIO        the daemon answered with an error; sniffer_client_kind has its word
 *   -EPERM            the socket is another user's
 *   -EXDEV            the daemon at $SNIFFER_SOCKET is another project's
 *   -EPROTO           what listens there is no sniffer
 *   -EPROTONOSUPPORT  it speaks another major version of the protocol
 *   -ENOTCONN         sniffer_client_connect was not called, or failed
 *   -ENOMEM           out of memory
 *
 * Limits are milliseconds; negative: none. A client belongs to one thread at a time; any number of
 * clients can be had. The library prints nothing, installs no signal handler, and no call raises SIGPIPE. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct sniffer_client;

/* What came from the daemon: a notification, or the reply to a request of sniffer_client_send. All of it is
 * the client's and valid until its next _next, _dispatch, _disconnect or _free; json_incref what you keep. */
struct sniffer_message {
    int64_t id; /* of the request; 0: a notification; -1: a refusal of no known request */
    const char *method; /* notification: its name, "snapshot", "stats", ...; else NULL */
    json_t *params;     /* notification: an object, or NULL where it had none */
    json_t *result;     /* reply: NULL where it is a refusal */
    const char *kind;   /* refusal: data.kind, "bad_params", ...; else NULL */
    const char *text;   /* refusal: a sentence for people; else NULL */
    const char *line;   /* the line as it came, ended by a NUL byte */
    size_t length;      /* of the line */
};

/* ---- life ---- */

/* A client for the project of DIRECTORY (NULL: the working directory), not yet connected. -ENOENT and
 * the like: DIRECTORY is no folder; -ENAMETOOLONG: the socket's path would be too long. */
int sniffer_client_new(const char *directory, struct sniffer_client **ret);
/* Disconnects and frees; CLIENT may be NULL. */
void sniffer_client_free(struct sniffer_client *client);

/* The project's root and its socket, absolute; the client's. */
const char *sniffer_client_root(const struct sniffer_client *client);
const char *sniffer_client_socket(const struct sniffer_client *client);

/* Connects and waits for the hello; what was connected before is disconnected first. Call it again after
 * -ECONNRESET: the client remembers up to where it was informed. */
int sniffer_client_connect(struct sniffer_client *client, int64_t limit_ms);
void sniffer_client_disconnect(struct sniffer_client *client);

/* The params of the hello; the client's, until it is disconnected. NULL: not connected. */
json_t *sniffer_client_hello(const struct sniffer_client *client);

/* The last failure: a line for people, and for -EREMOTEIO the word of the protocol's closed list, else
 * "". Valid until the next failure. */
const char *sniffer_client_error(const struct sniffer_client *client);
const char *sniffer_client_kind(const struct sniffer_client *client);

/* ---- asking, blocking ---- */

/* One request and its reply. PARAMS (an object, or NULL) is taken over, whatever comes of it; *RET_RESULT is
 * the caller's to json_decref. */
int sniffer_client_call(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t limit_ms, json_t **ret_result);

/* All records of a method that answers in pages ("results", "files", ...), as one array, the caller's. When
 * the state moves on between two pages it begins again, a few times at most. The limit is for each page. */
int sniffer_client_list(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t limit_ms, json_t **ret_records);

/* ---- notifications ---- */

/* Asks for the notifications of TOPICS (ended by NULL; NULL itself: all). Where this client was subscribed to the same topics
 * before, over this connection or an earlier one, the daemon goes on where it was, as far as it
 * remembers; else a "snapshot" comes first. */
int sniffer_client_subscribe(struct sniffer_client *client, const char *const *topics,
                             int64_t limit_ms);

/* Waits for the next message. */
int sniffer_client_next(struct sniffer_client *client, int64_t limit_ms,
                        struct sniffer_message *ret);

/* ---- in an event loop ---- */

/* Call sniffer_client_dispatch until it returns 0; then wait until the descriptor is ready for
 * the events (POLLIN, POLLOUT, of poll(2)), and do so again. Ask for both anew each time: after a
 * reconnect the descriptor is another one. -1: not connected. */
int sniffer_client_fd(const struct sniffer_client *client);
short sniffer_client_events(const struct sniffer_client *client);

/* Queues a request and sends what can be sent at once; the reply comes by dispatch, with the id
 * that *RET_ID (may be NULL) is set to. PARAMS is taken over. */
int sniffer_client_send(struct sniffer_client *client, const char *method, json_t *params,
                        int64_t *ret_id);

/* Reads and writes what can be without waiting. 1: *RET is the next message; 0: there is none now. */
int sniffer_client_dispatch(struct sniffer_client *client, struct sniffer_message *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
