#ifndef CLIENT_UI_MODEL_H
#define CLIENT_UI_MODEL_H

/* What the daemon has told so far. The model takes messages as they come from the socket and answers
 * the view's questions; it does no I/O and reads no clock. NOW is milliseconds of a clock that only
 * goes forward, WALL those since the epoch. */

#include "client/ui/output.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct known_file;

struct known_test {
    uint64_t id; /* never another test's, also when this one is gone */
    char *name;
    struct known_file *file;
    enum outcome outcome;
    bool current;
    bool folded;
    uint64_t told;  /* grows with each message: which test was told last */
    uint64_t round; /* the snapshot that it is part of */
    json_t *record; /* as the method "results" has it; NULL where it is not red */
    json_t *fresh;  /* how it failed in the run that is on; NULL: it did not, so far */
    uint64_t fresh_told;
    UT_hash_handle hh;
};

struct known_file {
    char *path;
    struct known_test *tests;
    int64_t expected; /* how many tests it has; -1: not told */
    enum file_state state;
    double duration_ms; /* of its last run; negative: none */
    char last_run[32];  /* "" never */
    bool flaky, unseen;
    bool running;
    int64_t started; /* where it runs */
    char *reason;    /* why it ran last, as far as we heard; or NULL */
    char *test;      /* the one that runs, where it takes a while; or NULL */
    uint64_t fresh;  /* how many of its tests have failed in the run that is on */
    uint64_t round;
    UT_hash_handle hh;
};

enum contact { CONTACT_NONE, CONTACT_UP, CONTACT_LOST };

/* From the first run of a burst to the rest after it. */
struct burst {
    bool on;
    int64_t began, ended;
    int64_t done;     /* test files */
    int64_t together; /* the most that ran at a time */
};

struct model {
    enum contact contact;
    char *lost; /* why; or NULL */
    struct stats stats;
    enum daemon_state state;
    char *message, *root, *framework, *python, *degraded, *focus; /* "" none */
    struct known_file *files;
    char **queue;
    size_t queue_count;
    struct burst burst;
    struct output output;
    int64_t verified; /* WALL when all was last known to be current; 0: not yet */
    uint64_t version; /* grows with each change */
    uint64_t told, round, last_id;
    bool snapshot;  /* one has come */
    bool broken_in; /* a snapshot came in pages: the rest is to be asked for */
};

void model_init(struct model *model);
void model_finish(struct model *model);

/* A notification. True: something is to be drawn. */
bool model_take(struct model *model, const char *topic, const json_t *params, int64_t now,
                int64_t wall);
/* A page of what a snapshot left out: "files" or "results". */
void model_take_page(struct model *model, const char *key, const json_t *page);
/* The last page has come: what was not in it is gone. */
void model_whole(struct model *model);
/* There is no daemon any more, or again; WHY may be NULL. */
void model_contact(struct model *model, enum contact contact, const char *why);

bool model_is_red(const struct known_test *test);
/* Its failure: that of the run that is on before the verdict's. */
const json_t *model_failure(const struct known_test *test);
/* How many tests have failed in the runs that are on. */
int64_t model_fresh(const struct model *model);
/* The red tests whose "FILE TEST" holds FILTER (no matter the case): those of files where tests have
 * failed in the run that is on, then those of the files that ran last; the caller frees. */
size_t model_reds(const struct model *model, const char *filter,
                  struct known_test ***ret);
/* The files that run, longest first; the caller frees. */
size_t model_running(const struct model *model, struct known_file ***ret);
const struct known_file *model_file(const struct model *model, const char *path);

/* How far a burst is, 0 to 1, and how long the rest will take by the files' history; negative: not
 * known. */
double model_progress(const struct model *model, int64_t now, double *ret_rest_ms);

bool text_holds(const char *text, const char *part);

#endif
