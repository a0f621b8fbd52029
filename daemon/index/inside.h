#ifndef INDEX_INSIDE_H
#define INDEX_INSIDE_H

/* What the files of this room share. The database is written first; what is in memory
 * follows only when the commit has succeeded, so that a failed write leaves both as
 * they were. */

#include "daemon/index/db.h"
#include "daemon/index/index.h"
#include "daemon/index/state.h"

struct seen_item;
struct known_blocks;

struct index {
    struct db db;
    struct state state;
    struct seen_item *pending;    /* memories that wait for the next commit, by path */
    struct known_blocks *sources; /* states whose blocks are stored */
    int64_t recorded;             /* the highest verdict.recorded */
    bool checked;                 /* as the caller said, see index_checked */
    bool blind;                   /* a read that the counters need has failed */
    char *why_path, *why_detail;
};

/* A fact from the first six columns of FACT_COLUMNS; its strings live until the next
 * step. */
struct index_fact fact_read(const struct index *index, sqlite3_stmt *ask);
/* Inside a transaction: the fact's id, a new one where there was none. */
int fact_store(struct index *index, const struct index_evidence *evidence, int64_t *ret);
/* Nothing is current any more: what the counters say is no longer known to be true. */
void index_go_blind(struct index *index);

/* Reads again which states have blocks; forgets it. */
int blocks_load(struct index *index);
void blocks_forget(struct index *index);

/* Inside a transaction: writes the pending memories; seen_written when it was
 * committed. */
int seen_write(struct index *index);
void seen_written(struct index *index);

/* The sum of one such number for each fact of a set stands for the set: adding and
 * taking out a fact is one addition. */
void fingerprint_add(struct digest *fingerprint, int64_t fact);
void fingerprint_remove(struct digest *fingerprint, int64_t fact);

#endif
