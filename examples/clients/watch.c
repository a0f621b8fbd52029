/* A client in C: prints the counts whenever everything is verified, and the tests that fail, for as long
 * as you like. When the daemon leaves it waits for the next one and goes on where it was.
 *
 *   cc watch.c -o watch $(pkg-config --cflags --libs sniffer-client)
 *   ./watch [DIR]
 */

#include <errno.h>
#include <poll.h>
#include <sniffer/client.h>
#include <stdio.h>
#include <string.h>

static void print_stats(json_t *stats)
{
    json_int_t tests = 0, failures = 0, errors = 0, to_be_run = 0;
    json_unpack(stats, "{s:I, s:I, s:I, s:I}", "tests", &tests, "failures", &failures,
                "errors", &errors, "to_be_run", &to_be_run);
    if (to_be_run == 0)
        printf("%lld tests, %lld failed\n", (long long)tests,
               (long long)(failures + errors));
}

static void print_result(json_t *result)
{
    const char *file = "?", *test = "", *outcome = "", *exception = NULL;
    json_unpack(result, "{s:s, s:s, s:s, s?:s}", "file", &file, "test", &test, "outcome",
                &outcome, "exception", &exception);
    if (strcmp(outcome, "failure") == 0 || strcmp(outcome, "error") == 0)
        printf("%s %s: %s\n", file, test, exception != NULL ? exception : outcome);
}

static void print_message(const struct sniffer_message *message)
{
    if (message->method == NULL)
        return;
    if (strcmp(message->method, "snapshot") == 0)
        print_stats(json_object_get(json_object_get(message->params, "status"), "stats"));
    else if (strcmp(message->method, "stats") == 0)
        print_stats(message->params);
    else if (strcmp(message->method, "result") == 0)
        print_result(message->params);
}

/* Until the daemon leaves. A program with an event loop of its own gives it the descriptor instead. */
static int follow(struct sniffer_client *client)
{
    for (;;) {
        struct sniffer_message message;
        int r = sniffer_client_dispatch(client, &message);
        if (r < 0)
            return r;
        if (r > 0) {
            print_message(&message);
            continue;
        }
        fflush(stdout);
        struct pollfd poller = {.fd = sniffer_client_fd(client),
                                .events = sniffer_client_events(client)};
        if (poll(&poller, 1, -1) < 0 && errno != EINTR)
            return -errno;
    }
}

int main(int argc, char **argv)
{
    static const char *const topics[] = {"stats", "result", NULL};
    struct sniffer_client *client = NULL;
    int r = sniffer_client_new(argc > 1 ? argv[1] : NULL, &client);
    if (r < 0) {
        fprintf(stderr, "watch: %s: %s\n", argc > 1 ? argv[1] : ".", strerror(-r));
        return 1;
    }
    while ((r = sniffer_client_connect(client, 10000)) == 0) {
        r = sniffer_client_subscribe(client, topics, 10000);
        if (r == 0)
            r = follow(client);
        if (r != -ECONNRESET)
            break;
        printf("the daemon left\n");
        fflush(stdout);
        do { /* until there is one again */
            poll(NULL, 0, 500);
            r = sniffer_client_connect(client, 10000);
        } while (r == -ENOENT || r == -ECONNRESET);
        if (r < 0)
            break;
    }
    fprintf(stderr, "watch: %s\n", sniffer_client_error(client));
    sniffer_client_free(client);
    return 1;
}
