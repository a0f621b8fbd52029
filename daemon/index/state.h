#ifndef INDEX_STATE_H
#define INDEX_STATE_H

/* What the index keeps in memory, and all that it decides there: which facts hold, how
 * many broken facts each verdict has, which verdict each file shows, and the sums over
 * them. Knows no SQL.
 *
 * The number of a verdict's broken facts counts facts marked MARK_BROKEN or MARK_NEVER
 * alone. A fact that is still unknown is in no counter: instead the whole state is not
 * trusted until none is left. So a fact that holds costs nothing when an index is
 * opened, and most do. */

#include "daemon/index/index.h"

#include <uthash.h>

enum mark {
    MARK_NONE,    /* there is no such fact */
    MARK_UNKNOWN, /* not looked at since the index was opened */
    MARK_BROKEN,
    MARK_HOLDS,
    MARK_NEVER, /* unsure: broken for good */
};

struct file;

struct verdict {
    int64_t id;
    struct file *file;
    struct digest fingerprint; /* of its set of facts */
    struct counts counts;
    double duration_ms;
    int64_t broken;
    bool flaky;
    bool unseen; /* it rests on something that nobody saw */
    bool fresh;  /* recorded since the index was opened */
    UT_hash_handle hh;
};

struct file {
    int64_t id;
    char *path;
    int64_t size, runs, last_run;
    struct index_audit audit;
    struct verdict *verdicts[INDEX_VERDICTS]; /* the last recorded one first */
    size_t verdict_count;
    struct verdict *shown; /* NULL: none */
    bool current;
    bool touched; /* is in the state's list of those that may have turned */
    bool told_current;
    int64_t told_verdict;
};

struct state {
    struct file **files; /* by path */
    size_t file_count, file_capacity;
    struct verdict *verdicts; /* by id */
    uint8_t *marks;           /* enum mark of each fact, by its id */
    size_t mark_count;
    size_t unknown; /* facts marked MARK_UNKNOWN */
    struct counts totals;
    bool trusted; /* every fact was looked at, and nothing is in doubt */
    struct file **touched;
    size_t touched_count, touched_capacity;
};

void state_finish(struct state *state);

/* ---- facts ---- */

enum mark state_mark(const struct state *state, int64_t fact);
void state_set_mark(struct state *state, int64_t fact, enum mark mark);

static inline bool mark_is_broken(enum mark mark)
{
    return mark == MARK_BROKEN || mark == MARK_NEVER;
}

/* Adds BY to the broken facts of verdict ID; one that is not known here is left out. */
void state_count_broken(struct state *state, int64_t id, int64_t by);

/* While TRUSTED is false nothing is current. */
void state_trust(struct state *state, bool trusted);

/* ---- files and verdicts ---- */

struct file *state_file(const struct state *state, const char *path);
/* PATH is copied; it is not there yet. */
struct file *state_add_file(struct state *state, const char *path, int64_t id,
                            int64_t size);
void state_remove_file(struct state *state, struct file *file);

struct verdict *state_verdict(const struct state *state, int64_t id);
/* A new verdict of FILE, its last recorded one. One beyond INDEX_VERDICTS pushes the
 * oldest out, which is not shown (see state_hide). The caller fills in the rest and
 * calls state_reshow. */
struct verdict *state_add_verdict(struct state *state, struct file *file, int64_t id);
/* VERDICT was recorded again. */
void state_renew_verdict(struct verdict *verdict);
/* VERDICT is not shown: see state_hide. */
void state_remove_verdict(struct state *state, struct verdict *verdict);
/* The last recorded verdict of FILE with FINGERPRINT, but not BUT; or NULL. */
struct verdict *state_same_facts(const struct file *file,
                                 const struct digest *fingerprint,
                                 const struct verdict *but);

/* Subtracts the counts of the verdict shown, before they change or the verdict goes. */
void state_hide(struct state *state, struct file *file);
/* Chooses anew what FILE shows, keeps the totals, and remembers that FILE may have
 * turned. */
void state_reshow(struct state *state, struct file *file);

void state_describe(const struct file *file, struct index_file *ret);
void state_each_turned(struct state *state,
                       void (*visit)(void *owner, const struct index_file *file),
                       void *owner);

#endif
