#include "daemon/serve/tickets.h"

#include "daemon/base/xalloc.h"

#include <stddef.h>
#include <uthash.h>

struct ticket {
    uint64_t number;
    struct peer *peer;
    json_t *id;
    UT_hash_handle hh;
};

static void discard(struct tickets *tickets, struct ticket *ticket)
{
    HASH_DEL(tickets->open, ticket);
    json_decref(ticket->id);
    free(ticket);
}

void tickets_finish(struct tickets *tickets)
{
    struct ticket *ticket, *next;
    HASH_ITER(hh, tickets->open, ticket, next)
    discard(tickets, ticket);
}

uint64_t tickets_issue(struct tickets *tickets, struct peer *peer, json_t *id)
{
    struct ticket *ticket = xcalloc(1, sizeof *ticket);
    ticket->number = ++tickets->last;
    ticket->peer = peer;
    ticket->id = json_incref(id);
    HASH_ADD(hh, tickets->open, number, sizeof ticket->number, ticket);
    return ticket->number;
}

struct peer *tickets_redeem(struct tickets *tickets, uint64_t number, json_t **ret_id)
{
    struct ticket *ticket;
    HASH_FIND(hh, tickets->open, &number, sizeof number, ticket);
    if (ticket == NULL)
        return NULL;
    struct peer *peer = ticket->peer;
    *ret_id = json_incref(ticket->id);
    discard(tickets, ticket);
    return peer;
}

uint64_t tickets_first(const struct tickets *tickets)
{
    return tickets->open != NULL ? tickets->open->number : 0;
}

void tickets_forget(struct tickets *tickets, const struct peer *peer)
{
    struct ticket *ticket, *next;
    HASH_ITER(hh, tickets->open, ticket, next)
    if (ticket->peer == peer)
        discard(tickets, ticket);
}
