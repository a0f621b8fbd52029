#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

/* libsniffer-client as commands want it: methods by number, and of each failure the exit code that
 * *TROUBLE explains. All of it blocks, with a limit, and prints nothing; what shall not block calls the
 * library itself. */

#include "client/trouble.h"
#include "library/sniffer/client.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct project {
    char *root;   /* absolute, links resolved */
    char *socket; /* where its daemon listens, whether one runs or not */
};

/* The project of DIRECTORY as -C names it; NULL: the working directory's. */
int project_find(struct project *ret, const char *directory, struct trouble *trouble);
void project_finish(struct project *project);

struct link {
    struct sniffer_client *client;
    const struct project *project;
    pid_t pid; /* the daemon's */
};

/* Connects and checks the hello. Where no daemon runs TROUBLE is CTL_NO_DAEMON and absent. */
int link_open(struct link *ret, const struct project *project, struct trouble *trouble);
void link_close(struct link *link);

/* Milliseconds of a clock that only goes forward. */
int64_t link_now(void);

enum { LINK_LIMIT_MS = 60000 };

/* One request and its reply; PARAMS is stolen (NULL: none). Gives up after LIMIT_MS (negative:
 * never) with CTL_TIMED_OUT. A refusal is CTL_TIMED_OUT for the fault "timeout", else CTL_REFUSED. */
int link_call(struct link *link, enum method method, json_t *params, int64_t limit_ms,
              json_t **ret_result, struct trouble *trouble);

/* All records that METHOD lists under its own name, page after page, as one array. When the state
 * moves on between two pages ("seq") the listing begins again, a few times at most. */
int link_list(struct link *link, enum method method, json_t *params, json_t **ret_records,
              struct trouble *trouble);

/* Subscribes to TOPIC, then calls METHOD; until the reply is there, however long that takes, TELL gets the
 * params of each notification of TOPIC. PARAMS is stolen. */
int link_follow(struct link *link, enum topic topic, enum method method, json_t *params,
                void (*tell)(void *owner, json_t *params), void *owner,
                json_t **ret_result, struct trouble *trouble);

/* The next notification, whatever it is: *RET_LINE is the line as it came, valid until the next
 * call. 1; 0 when the daemon left; -EPIPE when nobody reads descriptor OUT any more. */
int link_next(struct link *link, int out, const char **ret_line);

#endif
