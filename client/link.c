#include "client/link.h"

#include "proto/order.h"
#include "proto/place.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    HELLO_LIMIT_MS = 10000,
    LINE_LIMIT = 64 << 20, /* far above what a daemon sends; a bound against garbage */
    LIST_TRIES = 5,
};

int64_t link_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the project ---- */

int project_find(struct project *ret, const char *directory, struct trouble *trouble)
{
    struct project project = {0};
    project.root = place_root(directory != NULL ? directory : ".");
    if (project.root == NULL)
        return trouble_set(
            trouble, CTL_USAGE, "cannot use %s as the project's folder: %s",
            directory != NULL ? directory : "the working directory", strerror(errno));
    int r = place_socket(project.root, &project.socket);
    if (r < 0) {
        trouble_set(trouble, CTL_REFUSED,
                    r == -ENAMETOOLONG
                        ? "the socket's path is too long (%s); set "
                          "SNIFFER_SOCKET or XDG_RUNTIME_DIR to something shorter"
                        : "cannot tell where the socket is: %s",
                    strerror(-r));
        project_finish(&project);
        return trouble->code;
    }
    *ret = project;
    return 0;
}

void project_finish(struct project *project)
{
    free(project->root);
    free(project->socket);
    *project = (struct project){0};
}

/* ---- lines ---- */

static int left(struct link *link, struct trouble *trouble)
{
    return trouble_set(
        trouble, CTL_NO_DAEMON,
        "the daemon left before it answered; see the log in %s/.sniffer and "
        "start it again with snifferctl start",
        link->project->root);
}

/* The next message before DEADLINE (negative: whenever), to be finished. */
static int receive(struct link *link, int64_t deadline, struct incoming *ret,
                   struct trouble *trouble)
{
    for (;;) {
        size_t length = 0;
        char *line = line_next(&link->reader, &length);
        if (line != NULL) {
            if (incoming_decode(line, length, ret) == 0)
                return 0;
            return trouble_set(
                trouble, CTL_REFUSED,
                "%s sent what is no message of sniffer's; look what listens there",
                link->project->socket);
        }
        int64_t rest = deadline < 0 ? -1 : deadline - link_now();
        if (deadline >= 0 && rest < 0)
            rest = 0;
        struct pollfd poller = {.fd = link->fd, .events = POLLIN};
        int ready = poll(&poller, 1, rest > 1000000 ? 1000000 : (int)rest);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0 && rest > 1000000)
            continue;
        if (ready == 0)
            return trouble_set(
                trouble, CTL_TIMED_OUT,
                "the daemon did not answer in time; see the log in %s/.sniffer",
                link->project->root);
        ssize_t got = line_reader_fill(&link->reader, link->fd);
        if (got == -EAGAIN || got == -EINTR)
            continue;
        if (got <= 0)
            return left(link, trouble);
    }
}

static int send_line(struct link *link, const char *line, struct trouble *trouble)
{
    struct line_outbox outbox = {0};
    int r = line_put(&outbox, line, strlen(line));
    if (r == 0)
        r = line_flush(&outbox, link->fd, NULL);
    line_outbox_finish(&outbox);
    if (r == -EAGAIN)
        return trouble_set(trouble, CTL_TIMED_OUT,
                           "the daemon reads nothing; see the log in %s/.sniffer",
                           link->project->root);
    return r < 0 ? left(link, trouble) : 0;
}

static int take_reply(struct incoming *reply, json_t **ret_result,
                      struct trouble *trouble)
{
    if (reply->is_fault)
        return trouble_set(
            trouble, reply->fault.kind == FAULT_TIMEOUT ? CTL_TIMED_OUT : CTL_REFUSED,
            "%s", reply->fault.message);
    *ret_result = json_incref(reply->result);
    return 0;
}

/* ---- hello ---- */

static int check_hello(struct link *link, struct trouble *trouble)
{
    struct incoming hello;
    int code = receive(link, link_now() + HELLO_LIMIT_MS, &hello, trouble);
    if (code != 0) {
        trouble->absent = code == CTL_NO_DAEMON; /* it was just leaving */
        return code;
    }
    if (hello.is_reply || hello.method == NULL || strcmp(hello.method, "hello") != 0) {
        json_t *unasked = NULL;
        bool refused = hello.is_reply && hello.is_fault;
        if (refused) /* too many clients, or not this user's */
            take_reply(&hello, &unasked, trouble);
        incoming_finish(&hello);
        if (refused)
            return trouble->code;
        return trouble_set(trouble, CTL_REFUSED,
                           "%s is no sniffer's socket; it said no hello",
                           link->project->socket);
    }
    link->hello = json_incref(hello.params);
    incoming_finish(&hello);
    json_int_t major = -1, pid = 0;
    json_unpack(json_object_get(link->hello, "protocol"), "{s:I}", "major", &major);
    json_unpack(link->hello, "{s:I}", "pid", &pid);
    autofree char *root = wire_path_bytes(json_object_get(link->hello, "root"));
    link->pid = (pid_t)pid;
    if (major != MESSAGE_MAJOR)
        return trouble_set(
            trouble, CTL_REFUSED,
            "the daemon speaks protocol %lld, this snifferctl %d; use programs of "
            "one version and restart the daemon",
            (long long)major, MESSAGE_MAJOR);
    /* $SNIFFER_SOCKET can lead to another project's daemon: its answers would be about that one. */
    if (root != NULL && strcmp(root, link->project->root) != 0)
        return trouble_set(
            trouble, CTL_REFUSED,
            "the daemon at %s is for %s, not for %s; unset SNIFFER_SOCKET or use "
            "-C",
            link->project->socket, root, link->project->root);
    return 0;
}

static int explain_connect(const struct project *project, int error,
                           struct trouble *trouble)
{
    if (error == -ENOENT || error == -ECONNREFUSED || error == -ENOTDIR) {
        trouble_set(trouble, CTL_NO_DAEMON,
                    "no daemon runs for %s; start it with snifferctl start",
                    project->root);
        trouble->absent = true;
        return trouble->code;
    }
    if (error == -EPERM)
        return trouble_set(trouble, CTL_NO_DAEMON,
                           "%s belongs to another user; remove it or set SNIFFER_SOCKET",
                           project->socket);
    return trouble_set(trouble, CTL_NO_DAEMON, "cannot connect to %s: %s",
                       project->socket, strerror(-error));
}

int link_open(struct link *ret, const struct project *project, struct trouble *trouble)
{
    struct link link = {.fd = -1, .project = project};
    int r = place_connect(project->socket, &link.fd);
    if (r < 0)
        return explain_connect(project, r, trouble);
    struct timeval limit = {.tv_sec = LINK_LIMIT_MS / 1000};
    setsockopt(link.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    line_reader_init(&link.reader, LINE_LIMIT);
    int code = check_hello(&link, trouble);
    if (code != 0) {
        link_close(&link);
        return code;
    }
    *ret = link;
    return 0;
}

void link_close(struct link *link)
{
    if (link->project == NULL)
        return;
    if (link->fd >= 0)
        close(link->fd);
    line_reader_finish(&link->reader);
    json_decref(link->hello);
    *link = (struct link){.fd = -1};
}

/* ---- asking ---- */

int link_call(struct link *link, enum method method, json_t *params, int64_t limit_ms,
              json_t **ret_result, struct trouble *trouble)
{
    int64_t id = ++link->last_id;
    autofree char *line = must(request_encode(method_names[method], id, params));
    json_decref(params);
    int code = send_line(link, line, trouble);
    int64_t deadline = limit_ms < 0 ? -1 : link_now() + limit_ms;
    while (code == 0) {
        struct incoming incoming;
        code = receive(link, deadline, &incoming, trouble);
        if (code != 0)
            break;
        /* One request is open at a time: a fault without an id is about it, or about us. */
        bool answer = incoming.is_reply &&
                      (incoming.id == id || (incoming.is_fault && incoming.id < 0));
        if (answer)
            code = take_reply(&incoming, ret_result, trouble);
        incoming_finish(&incoming);
        if (answer)
            break;
    }
    return code;
}

/* One way through all pages. -EAGAIN: the state moved on meanwhile. */
static int list_once(struct link *link, enum method method, json_t *params, bool strict,
                     json_t *records, struct trouble *trouble)
{
    json_int_t seq = -1;
    for (json_int_t offset = 0;;) {
        json_t *asked = must(json_copy(params)), *page = NULL;
        if (offset > 0)
            json_object_set_new(asked, "offset", json_integer(offset));
        int code = link_call(link, method, asked, LINK_LIMIT_MS, &page, trouble);
        if (code != 0)
            return code;
        json_t *listed = json_object_get(page, method_names[method]);
        const json_t *next = json_object_get(page, "next"),
                     *now = json_object_get(page, "seq");
        bool moved = offset > 0 && json_is_integer(now) && json_integer_value(now) != seq;
        seq = json_integer_value(now);
        json_int_t step = json_is_integer(next) ? json_integer_value(next) : 0;
        bool sane = json_is_array(listed) && (step == 0 || step > offset);
        if (sane)
            json_array_extend(records, listed);
        json_decref(page);
        if (!sane)
            return trouble_set(trouble, CTL_REFUSED,
                               "the daemon's list of %s makes no sense; restart it with "
                               "snifferctl restart",
                               method_names[method]);
        if (moved && strict)
            return -EAGAIN;
        if (step == 0)
            return 0;
        offset = step;
    }
}

int link_list(struct link *link, enum method method, json_t *params, json_t **ret_records,
              struct trouble *trouble)
{
    if (params == NULL)
        params = must(json_object());
    json_t *records = must(json_array());
    int code = -EAGAIN;
    for (int i = 1; code == -EAGAIN; i++) {
        json_array_clear(records);
        code = list_once(link, method, params, i < LIST_TRIES, records, trouble);
    }
    json_decref(params);
    if (code != 0) {
        json_decref(records);
        return code;
    }
    *ret_records = records;
    return 0;
}

int link_next(struct link *link, int out, const char **ret_line)
{
    for (;;) {
        size_t length;
        const char *line = line_next(&link->reader, &length);
        if (line != NULL) {
            *ret_line = line;
            return 1;
        }
        struct pollfd pollers[] = {{.fd = link->fd, .events = POLLIN}, {.fd = out}};
        if (poll(pollers, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (pollers[1].revents & POLLERR)
            return -EPIPE;
        if (pollers[0].revents == 0)
            continue;
        ssize_t got = line_reader_fill(&link->reader, link->fd);
        if (got == 0)
            return 0;
        if (got < 0 && got != -EAGAIN && got != -EINTR)
            return 0; /* reset: it left in a hurry */
    }
}
