#ifndef INDEX_INSIDE_H
#define INDEX_INSIDE_H

/* What the files of this room share. The database is written first; what is in memory
 * follows only when the commit has succeeded, so that a failed write leaves both as
 * they were. */

#include "daemon/index/db.h"
#include "daemon/index/index.h"
#include "daemon/index/state.h"

#include <sys/types.h>

struct seen_item;
struct known_blocks;

struct index {
    struct db db;
    char *path;    /* NULL: in memory, as was asked for */
    char *trouble; /* why it is in memory all the same; NULL: it is not */
    ino_t inode;   /* of the file that is open */
    dev_t device;
    int64_t history; /* runs kept a file */
    bool renewed;
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
int fact_store(struct db *db, const struct index_evidence *evidence, int64_t *ret);
/* Nothing is current any more: what the counters say is no longer known to be true. */
void index_go_blind(struct index *index);

/* After a write that ended with R: true where the file cannot be written, and everything has moved
 * into memory: the write may be tried again. */
bool index_flee(struct index *index, int r);
/* The file was removed or replaced while it was open: it is written anew, whole. */
void index_find_lost(struct index *index);
/* Back from memory into the file, where that can be done now. */
void index_come_back(struct index *index);

void index_say_trouble(struct index *index, int why);
/* The file at index->path is the one that is open. */
void index_know_file(struct index *index);
/* All that came from the database goes, and the database is closed. */
void index_forget(struct index *index);
/* What is in memory is read anew from the database. */
int index_reload(struct index *index);
/* A database that is open may have been moved or copied here: then it holds what travels. */
int index_arrive(struct index *index);
/* From now on the open file is at home here. */
int index_settle(struct index *index);
/* Opens and loads: the file, else a new one, else memory. */
int index_open_somewhere(struct index *index, char **ret_aside);
int index_open_in_memory(struct index *index, int why);

/* Reads what audits found, after the files. */
int audits_load(struct index *index);

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
