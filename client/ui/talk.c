#include "client/ui/talk.h"

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
    talk_ask(talk, ASKED_SUBSCRIBE, method_names[METHOD_SUBSCRIBE], NULL);
}

void talk_close(struct talk *talk)
{
    if (!talk->up)
        return;
    link_close(&talk->link);
    talk->up = false;
}

int talk_fd(const struct talk *talk)
{
    return talk->up ? sniffer_client_fd(talk->link.client) : -1;
}

short talk_events(const struct talk *talk)
{
    if (!talk->up)
        return 0;
    return sniffer_client_events(talk->link.client);
}

void talk_ask(struct talk *talk, enum asked about, const char *method, json_t *params)
{
    int64_t id = 0;
    if (sniffer_client_send(talk->link.client, method, params, &id) == 0)
        talk->asked[id % SLOTS] = about;
}

bool talk_next(struct talk *talk, struct incoming *ret, enum asked *ret_about)
{
    struct sniffer_message message;
    int r = sniffer_client_dispatch(talk->link.client, &message);
    talk->gone = r < 0;
    if (r <= 0)
        return false;
    *ret = (struct incoming){.is_reply = message.method == NULL,
                             .id = message.id,
                             .result = message.result,
                             .is_fault = message.kind != NULL,
                             .method = message.method,
                             .params = message.params};
    if (ret->is_fault)
        fault_set(&ret->fault, FAULT_INTERNAL, "%s", message.text);
    *ret_about =
        ret->is_reply && ret->id > 0 ? talk->asked[ret->id % SLOTS] : ASKED_NOTHING;
    return true;
}
