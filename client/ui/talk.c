#include "client/ui/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { SLOTS = sizeof((struct talk *)0)->asked / sizeof(enum asked) };

int talk_open(struct talk *talk, const struct project *project, struct trouble *trouble)
{
    struct link link;
    int code = link_open(&link, project, trouble);
    if (code == 0)
        talk_take(talk, &link);
    return code;
}

void talk_take(struct talk *talk, const struct link *link)
{
    *talk = (struct talk){.up = true, .link = *link};
    int flags = fcntl(talk->link.fd, F_GETFL);
    fcntl(talk->link.fd, F_SETFL, flags | O_NONBLOCK);
    talk_ask(talk, ASKED_SUBSCRIBE, method_names[METHOD_SUBSCRIBE], NULL);
}

void talk_close(struct talk *talk)
{
    if (!talk->up)
        return;
    link_close(&talk->link);
    line_outbox_finish(&talk->outbox);
    talk->up = false;
}

void talk_ask(struct talk *talk, enum asked about, const char *method, json_t *params)
{
    int64_t id = ++talk->link.last_id;
    autofree char *line = must(request_encode(method, id, params));
    json_decref(params);
    talk->asked[id % SLOTS] = about;
    if (line_put(&talk->outbox, line, strlen(line)) < 0)
        must(NULL);
}

bool talk_turn(struct talk *talk, bool readable)
{
    int r = line_flush(&talk->outbox, talk->link.fd, NULL);
    if (r < 0 && r != -EAGAIN)
        return false;
    if (!readable)
        return true;
    ssize_t got = line_reader_fill(&talk->link.reader, talk->link.fd);
    return got > 0 || got == -EAGAIN || got == -EINTR;
}

bool talk_next(struct talk *talk, struct incoming *ret, enum asked *ret_about)
{
    size_t length = 0;
    char *line = NULL;
    while ((line = line_next(&talk->link.reader, &length)) != NULL) {
        if (incoming_decode(line, length, ret) != 0)
            continue; /* of a later version: not ours to understand */
        *ret_about =
            ret->is_reply && ret->id > 0 ? talk->asked[ret->id % SLOTS] : ASKED_NOTHING;
        return true;
    }
    return false;
}
