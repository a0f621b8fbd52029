#include "client/link.h"

#include "proto/place.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HELLO_LIMIT_MS = 10000 };

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

/* ---- failures ---- */

static int explain(const struct link *link, int error, struct trouble *trouble)
{
    int code = CTL_REFUSED;
    if (error == -ENOMEM)
        must(NULL);
    if (error == -ECONNRESET)
        code = CTL_NO_DAEMON;
    else if (error == -ETIMEDOUT ||
             (error == -EREMOTEIO &&
              strcmp(sniffer_client_kind(link->client), "timeout") == 0))
        code = CTL_TIMED_OUT;
    return trouble_set(trouble, code, "%s", sniffer_client_error(link->client));
}

static int explain_open(const struct link *link, int error, struct trouble *trouble)
{
    int code = explain(link, error, trouble);
    bool heard = error == -EREMOTEIO || error == -EPROTO || error == -EPROTONOSUPPORT ||
                 error == -EXDEV || error == -ETIMEDOUT;
    if (!heard)
        code = trouble->code = CTL_NO_DAEMON;
    /* Also one that was just leaving. */
    trouble->absent = error == -ENOENT || error == -ECONNRESET;
    return code;
}

/* ---- life ---- */

int link_open(struct link *ret, const struct project *project, struct trouble *trouble)
{
    struct link link = {.project = project};
    int r = sniffer_client_new(project->root, &link.client);
    if (r < 0)
        return trouble_set(trouble, CTL_REFUSED, "cannot use %s: %s", project->root,
                           strerror(-r));
    r = sniffer_client_connect(link.client, HELLO_LIMIT_MS);
    if (r < 0) {
        int code = explain_open(&link, r, trouble);
        link_close(&link);
        return code;
    }
    json_int_t pid = 0;
    json_unpack(sniffer_client_hello(link.client), "{s:I}", "pid", &pid);
    link.pid = (pid_t)pid;
    *ret = link;
    return 0;
}

void link_close(struct link *link)
{
    sniffer_client_free(link->client);
    *link = (struct link){0};
}

/* ---- asking ---- */

int link_call(struct link *link, enum method method, json_t *params, int64_t limit_ms,
              json_t **ret_result, struct trouble *trouble)
{
    int r = sniffer_client_call(link->client, method_names[method], params, limit_ms,
                                ret_result);
    return r < 0 ? explain(link, r, trouble) : 0;
}

int link_list(struct link *link, enum method method, json_t *params, json_t **ret_records,
              struct trouble *trouble)
{
    int r = sniffer_client_list(link->client, method_names[method], params, LINK_LIMIT_MS,
                                ret_records);
    return r < 0 ? explain(link, r, trouble) : 0;
}

int link_follow(struct link *link, enum topic topic, enum method method, json_t *params,
                void (*tell)(void *owner, json_t *params), void *owner,
                json_t **ret_result, struct trouble *trouble)
{
    const char *const topics[] = {topic_names[topic], NULL};
    struct sniffer_message message = {0};
    int64_t id = 0;
    int r = sniffer_client_subscribe(link->client, topics, LINK_LIMIT_MS);
    if (r < 0) {
        json_decref(params);
        return explain(link, r, trouble);
    }
    r = sniffer_client_send(link->client, method_names[method], params, &id);
    while (r >= 0 && message.id != id) {
        r = sniffer_client_next(link->client, -1, &message);
        if (r >= 0 && message.method != NULL && strcmp(message.method, topics[0]) == 0)
            tell(owner, message.params);
    }
    if (r < 0)
        return explain(link, r, trouble);
    if (message.result == NULL)
        return trouble_set(trouble, CTL_REFUSED, "%s", message.text);
    *ret_result = json_incref(message.result);
    return 0;
}

int link_next(struct link *link, int out, const char **ret_line)
{
    for (;;) {
        struct sniffer_message message;
        int r = sniffer_client_dispatch(link->client, &message);
        if (r == 1)
            *ret_line = message.line;
        if (r != 0)
            return r > 0 ? 1 : 0; /* reset: it left in a hurry */
        struct pollfd pollers[] = {{.fd = sniffer_client_fd(link->client),
                                    .events = sniffer_client_events(link->client)},
                                   {.fd = out}};
        if (poll(pollers, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (pollers[1].revents & POLLERR)
            return -EPIPE;
    }
}
