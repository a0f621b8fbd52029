#include "proto/line.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_ROOM = 16 << 10, /* free bytes that a read is given at least */
    KEPT = 256 << 10,     /* an empty buffer larger than this is given back */
};

/* Room for MORE bytes behind END: moves what is unread to the front first, grows only
 * when that is not enough. Doubling keeps the cost of a long line linear. */
static int make_room(char **buffer, size_t *begin, size_t *end, size_t *capacity,
                     size_t more)
{
    if (*capacity - *end >= more)
        return 0;
    size_t unread = *end - *begin;
    if (more > SIZE_MAX / 4 - unread)
        return -ENOMEM;
    size_t wanted = unread + more;
    /* Moving pays only where it frees at least as much as it moves. */
    if (wanted <= *capacity && *begin >= unread) {
        memmove(*buffer, *buffer + *begin, unread);
    } else {
        size_t larger = *capacity < READ_ROOM ? READ_ROOM : *capacity;
        while (larger < wanted)
            larger *= 2;
        char *fresh = malloc(larger);
        if (fresh == NULL)
            return -ENOMEM;
        if (unread > 0)
            memcpy(fresh, *buffer + *begin, unread);
        free(*buffer);
        *buffer = fresh;
        *capacity = larger;
    }
    *begin = 0;
    *end = unread;
    return 0;
}

/* ---- in ---- */

void line_reader_init(struct line_reader *reader, size_t limit)
{
    *reader = (struct line_reader){.limit = limit};
}

void line_reader_finish(struct line_reader *reader)
{
    if (reader == NULL)
        return;
    free(reader->buffer);
    *reader = (struct line_reader){0};
}

ssize_t line_reader_fill(struct line_reader *reader, int fd)
{
    if (reader->begin == reader->end) {
        reader->begin = reader->end = 0;
        if (reader->capacity > KEPT) {
            free(reader->buffer);
            reader->buffer = NULL;
            reader->capacity = 0;
        }
    }
    int r = make_room(&reader->buffer, &reader->begin, &reader->end, &reader->capacity,
                      READ_ROOM);
    if (r < 0)
        return r;
    ssize_t got;
    do
        got = read(fd, reader->buffer + reader->end, reader->capacity - reader->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    reader->end += (size_t)got;
    return got;
}

/* The newline that ends the line at BEGIN, or NULL. What was searched is not searched
 * again: a line of many megabytes arrives in thousands of reads. */
static char *find_newline(struct line_reader *reader)
{
    size_t from = reader->begin + reader->searched;
    if (from == reader->end)
        return NULL;
    char *newline = memchr(reader->buffer + from, '\n', reader->end - from);
    reader->searched = newline != NULL ? 0 : reader->end - reader->begin;
    return newline;
}

static void drop_unread(struct line_reader *reader)
{
    reader->begin = reader->end;
    reader->searched = 0;
}

char *line_next(struct line_reader *reader, size_t *ret_length)
{
    *ret_length = 0;
    char *newline = find_newline(reader);
    if (reader->skipping) {
        if (newline == NULL) {
            drop_unread(reader);
            return NULL;
        }
        reader->begin = (size_t)(newline - reader->buffer) + 1;
        reader->skipping = false;
        newline = find_newline(reader);
    }
    size_t end = newline != NULL ? (size_t)(newline - reader->buffer) : reader->end;
    size_t length = end - reader->begin;
    if (reader->limit != 0 && length > reader->limit) {
        reader->skipping = newline == NULL;
        if (newline != NULL)
            reader->begin = end + 1;
        else
            drop_unread(reader);
        *ret_length = SIZE_MAX;
        return NULL;
    }
    if (newline == NULL)
        return NULL;
    char *line = reader->buffer + reader->begin;
    *newline = '\0';
    reader->begin = end + 1;
    *ret_length = length;
    return line;
}

/* ---- out ---- */

void line_outbox_finish(struct line_outbox *outbox)
{
    if (outbox == NULL)
        return;
    free(outbox->buffer);
    *outbox = (struct line_outbox){0};
}

int line_put(struct line_outbox *outbox, const char *line, size_t length)
{
    assert(length == 0 || memchr(line, '\n', length) == NULL);
    if (length == SIZE_MAX)
        return -ENOMEM;
    int r = make_room(&outbox->buffer, &outbox->begin, &outbox->end, &outbox->capacity,
                      length + 1);
    if (r < 0)
        return r;
    if (length > 0)
        memcpy(outbox->buffer + outbox->end, line, length);
    outbox->end += length;
    outbox->buffer[outbox->end++] = '\n';
    return 0;
}

size_t line_pending(const struct line_outbox *outbox)
{
    return outbox->end - outbox->begin;
}

/* write() to something that is no socket, without SIGPIPE: only a socket can be asked to
 * leave it out, so the signal is held back, and taken away again where this write raised
 * it. */
static ssize_t write_quietly(int fd, const char *bytes, size_t length)
{
    sigset_t pipe_only, before, waiting;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&waiting);
    bool was_waiting = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t wrote = write(fd, bytes, length);
    int error = wrote < 0 ? errno : 0;
    if (error == EPIPE && !was_waiting)
        sigtimedwait(&pipe_only, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return wrote;
}

static ssize_t write_some(int fd, const char *bytes, size_t length)
{
    ssize_t wrote = send(fd, bytes, length, MSG_NOSIGNAL);
    return wrote < 0 && errno == ENOTSOCK ? write_quietly(fd, bytes, length) : wrote;
}

int line_flush(struct line_outbox *outbox, int fd, size_t *ret_taken)
{
    size_t before = line_pending(outbox);
    int r = 0;
    while (r == 0 && line_pending(outbox) > 0) {
        ssize_t wrote =
            write_some(fd, outbox->buffer + outbox->begin, line_pending(outbox));
        if (wrote >= 0)
            outbox->begin += (size_t)wrote;
        else if (errno != EINTR)
            r = -errno;
    }
    if (ret_taken != NULL)
        *ret_taken = before - line_pending(outbox);
    if (line_pending(outbox) == 0) {
        outbox->begin = outbox->end = 0;
        if (outbox->capacity > KEPT)
            line_outbox_finish(outbox);
    }
    return r;
}
