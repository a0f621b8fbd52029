/* Lines: what arrives in pieces of any size comes out as the lines that it is; one that is longer
 * than the limit is told once and left out; and what was put out comes in again. */

#include "proto/line.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct text {
    const uint8_t *data;
    size_t size, at;
};

/* The next line as anybody would find it; its end is the text's where no newline is left. */
static const uint8_t *expect(struct text *text, size_t *ret_length)
{
    const uint8_t *line = text->data + text->at;
    const uint8_t *newline = memchr(line, '\n', text->size - text->at);
    *ret_length = newline != NULL ? (size_t)(newline - line) : text->size - text->at;
    text->at += *ret_length + (newline != NULL);
    return line;
}

static void take(struct line_reader *reader, struct text *text, size_t limit)
{
    size_t length = 0;
    const char *line = NULL;
    while ((line = line_next(reader, &length)) != NULL || length != 0) {
        size_t wanted = 0;
        const uint8_t *expected = expect(text, &wanted);
        if (line == NULL) {
            REQUIRE(length == SIZE_MAX && limit != 0 && wanted > limit);
            continue;
        }
        REQUIRE(limit == 0 || length <= limit);
        REQUIRE(length == wanted && memcmp(line, expected, length) == 0);
        REQUIRE(line[length] == '\0');
    }
}

static void read_in_pieces(const uint8_t *data, size_t size, size_t limit, size_t piece)
{
    int fds[2];
    REQUIRE(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    struct line_reader reader;
    line_reader_init(&reader, limit);
    struct text text = {.data = data, .size = size};
    for (size_t sent = 0, now = 0; sent < size; sent += now) {
        now = size - sent < piece ? size - sent : piece;
        REQUIRE(write(fds[1], data + sent, now) == (ssize_t)now);
        REQUIRE(line_reader_fill(&reader, fds[0]) == (ssize_t)now);
        take(&reader, &text, limit);
    }
    size_t rest = 0;
    if (text.at < size) {
        expect(&text, &rest);
        REQUIRE(text.at == size && data[size - 1] != '\n');
        REQUIRE(limit == 0 || rest <= limit);
    }
    line_reader_finish(&reader);
    close(fds[0]);
    close(fds[1]);
}

static void put_and_read(const uint8_t *data, size_t size)
{
    int fds[2];
    REQUIRE(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    struct line_outbox outbox = {0};
    struct text out = {.data = data, .size = size};
    size_t lines = 0;
    for (size_t length = 0; out.at < size; lines++) {
        const uint8_t *line = expect(&out, &length);
        REQUIRE(line_put(&outbox, (const char *)line, length) == 0);
    }
    size_t pending = line_pending(&outbox);
    size_t taken = 0;
    REQUIRE(line_flush(&outbox, fds[1], &taken) == 0 && taken == pending);
    close(fds[1]);
    struct line_reader reader;
    line_reader_init(&reader, 0);
    struct text in = {.data = data, .size = size};
    while (line_reader_fill(&reader, fds[0]) > 0)
        take(&reader, &in, 0);
    REQUIRE(in.at == size);
    line_reader_finish(&reader);
    line_outbox_finish(&outbox);
    close(fds[0]);
}

/* The first two bytes: the limit, and the size of a piece. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
        return -1;
    read_in_pieces(data + 2, size - 2, data[0], 1 + (size_t)data[1]);
    put_and_read(data + 2, size - 2);
    return 0;
}
