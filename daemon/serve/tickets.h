#ifndef SERVE_TICKETS_H
#define SERVE_TICKETS_H

/* Requests that were handed on and are not answered yet: a number for each, never used
 * twice. A ticket whose client has gone is forgotten; its number then stands for nobody.
 * {0} is empty. */

#include <jansson.h>
#include <stdint.h>

struct peer;
struct ticket;

struct tickets {
    struct ticket *open;
    uint64_t last;
};

void tickets_finish(struct tickets *tickets);

/* A new number for PEER's request ID, of which a reference is taken. */
uint64_t tickets_issue(struct tickets *tickets, struct peer *peer, json_t *id);
/* Who asked, with *RET_ID (now the caller's reference), and the ticket is gone; NULL
 * where NUMBER stands for nobody. */
struct peer *tickets_redeem(struct tickets *tickets, uint64_t number, json_t **ret_id);
/* The oldest number that is open; 0: none. */
uint64_t tickets_first(const struct tickets *tickets);
/* PEER has gone. */
void tickets_forget(struct tickets *tickets, const struct peer *peer);

#endif
