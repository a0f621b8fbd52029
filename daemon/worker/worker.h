#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

/* One host process and its pipes; knows lines, not their meaning.
 *
 * It is started with /dev/null as stdin, stdout and stderr in one pipe, and three more
 * pipes for orders, reports and looks. It leads a session, adopts the orphans below it,
 * is told to end when this process dies, and has none of our descriptors, signal masks
 * and handlers.
 *
 * "It exited" and "its pipes ended" come in either order. Exited is what counts:
 * sink.exited is the end, and what is still in the pipes is then to be had by
 * worker_drain. Pipes that end first make it mute: nothing will be heard of it any more,
 * and the owner should see to its end. */

#include "daemon/base/poller.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum worker_stream { WORKER_REPORTS, WORKER_LOOKS, WORKER_OUTPUT, WORKER_STREAMS };

struct worker_sink {
    void *owner;
    /* On reports or looks. TEXT is NULL where a line was too long: it is lost. */
    void (*line)(void *owner, enum worker_stream stream, const char *text, size_t length);
    void (*output)(void *owner, const char *bytes, size_t length);
    /* No more reports, or no orders taken. It may be called inside worker_order. */
    void (*mute)(void *owner);
    /* The process is gone, its exit status taken. Processes that it left may still write.
     * The last call: the worker may be freed in it. */
    void (*exited)(void *owner);
};

struct worker;

/* Starts ARGV with "--orders N --reports N --looks N" in DIRECTORY, with the library PRELOAD
 * (NULL: none) loaded into it. Everything but POLLER
 * is copied. 0 or -errno; that ARGV cannot be executed is told by its exit, see
 * worker_fate. */
int worker_start(struct worker **ret, const char *const *argv, const char *directory,
                 const char *preload, struct poller *poller,
                 const struct worker_sink *sink);
/* Kills the process, without sink calls, and waits for it. */
void worker_free(struct worker *worker);

pid_t worker_pid(const struct worker *worker);

/* Sends TEXT as a line, now or when the pipe has room. */
void worker_order(struct worker *worker, const char *text);
/* No more orders: it should leave. */
void worker_dismiss(struct worker *worker);
void worker_kill(struct worker *worker);

/* Tells what is in STREAM's pipe at this moment, without waiting. True where the stream
 * then ends inside a line, which is thrown away. */
bool worker_drain(struct worker *worker, enum worker_stream stream);

/* How it ended: "exit status 3", "signal 9 (Killed)", or why it was never executed. After
 * sink.exited. Owned by the caller. */
char *worker_fate(const struct worker *worker, bool *ret_executed);
/* Did it end by itself, with STATUS? After sink.exited. */
bool worker_exited_with(const struct worker *worker, int status);

#endif
