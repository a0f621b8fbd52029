#ifndef INDEX_INDEX_H
#define INDEX_INDEX_H

/* What is known and survives: test files, their verdicts, and what each verdict rests
 * on.
 *
 * A fact is one observation: (kind, path, state seen there). A verdict is the outcome
 * of one run of one test file together with the set of facts it saw. Facts are shared:
 * the tree either still looks as a fact says (it holds) or it does not (it is broken),
 * and a verdict is current exactly while none of its facts is broken. Nobody stores
 * "stale": it is a question about facts, answered from counters in memory that
 * index_mark keeps. Each file keeps its last INDEX_VERDICTS distinct verdicts, so that
 * an edit undone, or a branch switched back, finds its old verdict again.
 *
 * After index_open every fact is unknown, and nothing is current before index_checked
 * says that all facts were looked at. So an opened index need not read what each
 * verdict rests on: a fact that holds, as most do, costs nothing, and one that is
 * broken looks up its verdicts.
 *
 * When a fact or the verdicts of one cannot be read from the file, nothing is current
 * until the index is opened anew: what cannot be known is not shown as known.
 *
 * Where the file cannot be written (a full disk, a file system that is read-only, a folder that is
 * not there), everything is kept in memory, and index_trouble says why; from time to time index_tidy
 * tries to come back. A file that is removed while it is open is written anew.
 *
 * The index is derived data: a file that is damaged, newer than this program or not
 * ours is set aside under another name (PATH.damaged, PATH.newer, PATH.foreign, and
 * -2, -3 ...) and a new one begun. A file that was closed is held
 * against the sum of its bytes (sum.h); one that was not, page by page against what SQLite expects. Writes go in transactions; a daemon that dies leaves the
 * old state or the new one. All times that are stored are milliseconds since the
 * epoch. */

#include "daemon/base/digest.h"
#include "proto/words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INDEX_VERDICTS = 8 };

struct index;

/* PATH NULL: in memory. *RET_ASIDE gets the new name of a file that was set aside
 * (owned by the caller), else NULL. -errno; -EBUSY where another program holds it. */
int index_open(struct index **ret, const char *path, char **ret_aside);
void index_close(struct index *index);

/* Why what is learnt is in memory alone; NULL: it is in the file. */
const char *index_trouble(const struct index *index);
/* Damage was met: what is answered may not be all there is. */
bool index_is_damaged(const struct index *index);
/* Instead of a damaged index an empty one, with nothing in it as after the very first index_open; the
 * file is set aside as in index_open. Where that does not help for long, the next one is in memory.
 * All ids are other ones now. */
int index_renew(struct index *index, char **ret_aside);

/* The last RUNS runs of each file are remembered, from the next one on; without this, 50. */
void index_keep_history(struct index *index, int64_t runs);

/* ---- an index that travels ----
 *
 * As one file, for other checkouts and machines: verdicts, their evidence and the history of test files,
 * under the sum of their bytes. What proves something on this machine alone is not in it: what the tree
 * remembers of contents, and of the environment what stands behind INDEX_HERE.
 *
 * A file of the index itself that was moved or copied (another place, another inode) travels the same
 * way, when it is opened. */

struct index_merged {
    int64_t files, verdicts; /* that were added */
};

/* Written beside PATH and renamed. */
int index_export(struct index *index, const char *path);
/* Adds what the file at PATH knows: of each test file the INDEX_VERDICTS that ran last stay, and its
 * history where it has none here. -EMEDIUMTYPE: no exported index; -EBADMSG: damaged; -EPROTONOSUPPORT: of
 * a newer program; then all is as before. After 0 as after index_open nothing is current before
 * index_checked. */
int index_import(struct index *index, const char *path, struct index_merged *ret);

/* What such an -errno means, in words. */
const char *index_why_not(int error);

/* ---- small values: epoch, sequence number ---- */
int index_number(struct index *index, const char *name, int64_t fallback, int64_t *ret);
int index_set_number(struct index *index, const char *name, int64_t value);

/* ---- test files ---- */

struct counts {
    int64_t successes, failures, errors, skipped;
};

/* What audits of a test file's verdicts found; see daemon/engine/audit.c. */
struct index_audit {
    int64_t verdict; /* the one that was audited last, or took its place; 0: none was */
    int64_t at;      /* ms since the epoch */
    enum audit_found found;       /* then */
    int64_t agreed, flaky, stale; /* how often */
};

struct index_file {
    int64_t id;
    const char *path;
    int64_t size;     /* bytes when last seen */
    int64_t runs;     /* real runs, ever */
    int64_t last_run; /* ms since the epoch; 0: never */
    int64_t verdict; /* the one shown: the newest current one, else the newest; 0: none */
    bool current;    /* the shown verdict's facts all hold */
    bool from_cache; /* not what the last run gave: an older verdict holds again */
    bool flaky;      /* two runs with the shown verdict's facts had different outcomes */
    bool
        unseen; /* the shown verdict rests on something unseen: it is never shown from the cache */
    double duration_ms;   /* of the shown verdict; negative: none */
    double last_ms;       /* of the one that was recorded last; negative: none */
    struct counts counts; /* of the shown verdict */
    struct index_audit audit;
};

/* Adds the test file, or sets its size. Its id, or -errno. */
int64_t index_add_file(struct index *index, const char *path, int64_t size);
/* The file and all that is known of it. 0, also where it was not there. */
int index_remove_file(struct index *index, const char *path);
/* false where there is none. RET's strings live until the file is removed. */
bool index_file(struct index *index, const char *path, struct index_file *ret);
/* All files, by path. VISIT may not add or remove. */
void index_each_file(struct index *index,
                     void (*visit)(void *owner, const struct index_file *file),
                     void *owner);
/* Sums over the shown verdicts of all files, kept, not counted. */
struct counts index_totals(const struct index *index);

/* ---- facts ---- */

/* In the detail of a fact about the environment: what stands behind it is about one machine alone. */
#define INDEX_HERE " here: "

struct index_fact {
    int64_t id;
    enum evidence_kind kind;
    const char *path;
    const char *detail; /* "" where the kind has none */
    struct digest state;
    bool unsure; /* what the run saw is not known: never holds */
    bool holds;  /* as last marked */
};
typedef void index_visit_fact(void *owner, const struct index_fact *fact);

/* VISIT may call index_mark, index_blocks and index_set_blocks, nothing else of the index. */
void index_each_fact(struct index *index, index_visit_fact *visit, void *owner);
/* Facts about exactly PATH. */
void index_facts_at(struct index *index, const char *path, index_visit_fact *visit,
                    void *owner);
/* Facts about paths strictly below FOLDER ("" is the root: every relative path). Facts
 * about the environment have names, not paths, and are left out. */
void index_facts_below(struct index *index, const char *folder, index_visit_fact *visit,
                       void *owner);
/* The fact holds, or not. Files whose currency this changes are remembered for
 * index_each_turned. */
void index_mark(struct index *index, int64_t fact, bool holds);
/* True: every fact was marked since index_open; one that was not counts as broken from
 * now on. False: changes may have been missed; nothing is current, and all marks stay,
 * until it is true again. */
void index_checked(struct index *index, bool checked);
/* Each file that became current or stale, or shows another verdict, since the last
 * call; VISIT gets it as it is now, and may not touch the index. */
void index_each_turned(struct index *index,
                       void (*visit)(void *owner, const struct index_file *file),
                       void *owner);

/* ---- verdicts ---- */

struct index_result {
    const char *test;
    enum outcome outcome;
    double duration_ms;
    const char *exception; /* class name, or NULL */
    const char *report;    /* text, or NULL */
};

struct index_evidence {
    enum evidence_kind kind;
    const char *path;
    const char *detail; /* "" for none */
    struct digest state;
    bool unsure;      /* changed during the run */
    bool is_volatile; /* read and then written by the run itself */
    bool holds;       /* the tree shows this state now */
};

/* What the tests of a run executed of the source PATH, which was in STATE: for the order of the next
 * run, and no part of what is true. TESTS is whatever the caller makes of it. */
struct index_tested {
    const char *path;
    struct digest state;
    const char *tests;
    size_t size;
};

struct index_run {
    const char *file; /* must have been added */
    int64_t started;  /* ms since the epoch */
    double duration_ms;
    enum reason reason;
    const char *path, *detail; /* what called for the run; may be NULL */
    bool unseen;               /* a part of what it did was not told */
    /* The outcomes are not those of the verdict that was current: it and all others of the file
     * go, for what they rest on is not all, and whether it is flaky, somebody else says. */
    bool disproves;
    const struct index_result *results;
    size_t result_count;
    const struct index_evidence *evidence;
    size_t evidence_count;
    const struct index_tested
        *tested; /* replaces what was known of the file, unless there is none */
    size_t tested_count;
};

/* Verdict, results, evidence and history in one transaction. A verdict of the same
 * file with exactly the same facts is replaced, and marked flaky where an outcome
 * differs, unless one of the facts is unsure: then the runs may have seen different
 * things. The mark is the verdict's: another one is shown without it. The oldest
 * verdict beyond INDEX_VERDICTS goes. All facts of the run, also those that were
 * known, are marked as the evidence says. -ENOENT: no such file. After an error all is
 * as before. */
int index_record(struct index *index, const struct index_run *run);

/* Another run rewrote PATH: volatile evidence about it now means STATE (and holds), as far as it
 * was true before that run: WAS is asked of each fact (HOLDS as last marked). Evidence that is unsure
 * stays so. Other facts about PATH keep their marks: the caller looks at index_facts_at. */
int index_rebase(struct index *index, enum evidence_kind kind, const char *path,
                 struct digest state, bool (*was)(void *owner, int64_t fact, bool holds),
                 void *owner);

/* Runs with the facts of FILE's shown verdict had different outcomes. */
int index_mark_flaky(struct index *index, const char *file);
/* FILE's shown verdict was audited AT; WORDS (may be NULL) tell what was found. -ENOENT: no such file. */
int index_set_audit(struct index *index, const char *file, int64_t at,
                    enum audit_found found, const char *words);
/* The words of the last audit, or NULL. The caller's. */
char *index_audit_words(struct index *index, const char *file);
/* Sums over all files; at and verdict are of the last one. */
struct index_audit index_audits(const struct index *index);

/* The verdict that was recorded last for FILE; 0: none. */
int64_t index_last_verdict(const struct index *index, const char *file);
/* VERDICT of FILE rests on EVIDENCE too, as was found out later. 0, also where it is no longer kept. */
int index_add_evidence(struct index *index, const char *file, int64_t verdict,
                       const struct index_evidence *evidence);

void index_each_tested(struct index *index, const char *file,
                       void (*visit)(void *owner, const struct index_tested *tested),
                       void *owner);

/* Results of FILE's shown verdict, in the order in which they were recorded. */
void index_results(struct index *index, const char *file,
                   void (*visit)(void *owner, const struct index_result *result),
                   void *owner);
/* Evidence of FILE's shown verdict. IS_VOLATILE belongs to the pair. */
void index_evidence(struct index *index, const char *file,
                    void (*visit)(void *owner, const struct index_fact *fact,
                                  bool is_volatile),
                    void *owner);
/* Broken facts of FILE's shown verdict. */
void index_broken(struct index *index, const char *file,
                  void (*visit)(void *owner, const struct index_fact *fact,
                                bool is_volatile),
                  void *owner);
/* Test files whose shown verdict has a fact about PATH (no name of the environment),
 * by path. */
void index_affected(struct index *index, const char *path,
                    void (*visit)(void *owner, const char *file), void *owner);
/* Files whose shown verdict has a result with exception NAME, by path. */
void index_raised(struct index *index, const char *exception,
                  void (*visit)(void *owner, const char *file), void *owner);

/* The last run's reason; false where it never ran. Strings live until the next call. */
struct index_why {
    enum reason reason;
    const char *path, *detail; /* NULL where there was none */
    int64_t started;
};
bool index_why(struct index *index, const char *file, struct index_why *ret);

/* ---- what sources are made of ---- */

/* The blocks of a Python source, as an interpreter told them: names, and a digest for each. A source
 * that does not compile has none. */
enum { INDEX_BLOCK_DIGEST = 8 };
struct index_blocks {
    char **keys;
    unsigned char *digests; /* INDEX_BLOCK_DIGEST bytes a key */
    size_t count;
    char *data; /* owns the keys */
};

/* The blocks of the source whose state (as code evidence) is STATE. 0, or -errno. */
int index_set_blocks(struct index *index, const struct digest *state,
                     const char *const *keys, const unsigned char *digests, size_t count);
bool index_has_blocks(const struct index *index, const struct digest *state);
/* -ENOENT: nobody told yet. */
int index_blocks(struct index *index, const struct digest *state,
                 struct index_blocks *ret);
void index_blocks_finish(struct index_blocks *blocks);
/* Blocks hold for one interpreter: those told by another than MAKER are forgotten. */
int index_blocks_maker(struct index *index, const char *maker);
/* Whose they are; NULL: nobody's yet. The caller's. */
char *index_blocks_made_by(struct index *index);

/* ---- what workers told of a package ---- */

/* Their answers, as they came, and the state of all that these rest on. What is in it is the caller's
 * business. */
struct index_told {
    const char *package;
    const char *ready, *answer;
    struct digest state;
};
/* Instead of what was told of the package before. */
int index_tell(struct index *index, const struct index_told *told);
int index_untell(struct index *index, const char *package);
/* VISIT may not touch the index. */
void index_each_told(struct index *index,
                     void (*visit)(void *owner, const struct index_told *told),
                     void *owner);

/* ---- what the tree remembers of contents ---- */

struct index_seen {
    const char *path;
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
    uint32_t mode;
    struct digest digest;
};
/* Stored with the next commit: index_record's, or index_flush's. */
int index_see(struct index *index, const struct index_seen *seen);
int index_flush(struct index *index);
void index_each_seen(struct index *index,
                     void (*visit)(void *owner, const struct index_seen *seen),
                     void *owner);
/* Drops facts, blocks, and memories of paths, that no verdict rests on, and gives a part of the room
 * that is free in the file back. For when there is time. */
int index_tidy(struct index *index);

#endif
