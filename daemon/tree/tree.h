#ifndef TREE_TREE_H
#define TREE_TREE_H

/* What a path is now. The tree room answers two questions about the files below a root
 * (and those outside that a run looked at): did this path really change, and what is its
 * state, as one digest that is equal exactly when everything a run could have seen there
 * is equal.
 *
 * Identity first, contents second: a file is read and hashed only where its identity
 * (device, inode, size, mtime, ctime, mode) is not the one that was hashed before. A hash
 * taken within TREE_RACY_MS of the file's ctime is not trusted by identity later, because
 * a second write within one tick of the kernel's clock leaves no trace there. A file that
 * changes while it is hashed is hashed again.
 *
 * What could not be found out (it never held still, no descriptor was left) has a state
 * that equals no other: what rests on it does not hold.
 *
 * The tree reads files and directories; it watches nothing and decides nothing. Every
 * answer is looked up at the time of asking, with one lstat at least: it is right without
 * any event. The tree reads a clock for one purpose alone, the rule about TREE_RACY_MS.
 */

#include "daemon/base/digest.h"
#include "proto/words.h"

#include <stdbool.h>
#include <stdint.h>

enum { TREE_RACY_MS = 50 };

/* mode is st_mode; 0: the path is absent. Times in nanoseconds since the epoch. */
struct identity {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
    uint32_t mode;
    uint32_t
        links; /* names it has; 0: not known. No part of what identity_equal compares */
};

bool identity_equal(const struct identity *a, const struct identity *b);

enum tree_change {
    TREE_SAME = 0,
    TREE_CHANGED = 1, /* contents, mode or kind differ from what was known, or nothing was
                       * known; always set beside the other two */
    TREE_APPEARED = 2, /* was not known to exist, and exists */
    TREE_VANISHED = 4, /* was known to exist, and does not */
};

struct tree;

/* ROOT absolute and real, copied. */
struct tree *tree_new(const char *root);
void tree_free(struct tree *tree);

/* TELL is called for each time the tree opens a file itself, which others may see happen. */
void tree_on_open(struct tree *tree, void (*tell)(void *owner, const char *path),
                  void *owner);

/* A crawl found PATH. Costs no system call. */
void tree_learn(struct tree *tree, const char *path, bool is_directory);
/* Forget every path learned (before a new crawl); digests stay. */
void tree_unlearn(struct tree *tree);
bool tree_knows(const struct tree *tree, const char *path);
/* Each known file (no directories) strictly below FOLDER; VISIT may not change the tree. */
void tree_each(const struct tree *tree, const char *folder,
               void (*visit)(void *owner, const char *path), void *owner);

/* PATH may have changed: what really did? A bit set of enum tree_change, against what
 * the last tree_refresh found, or the first tree_state where there was none. Where
 * tree_state gave another answer since, PATH has changed even if it is back at the first:
 * some caller holds the other. TREE_SAME is about contents, mode and kind: the presence of a
 * file that was only touched is another all the same.
 *
 * A path that was learned, but whose contents nobody ever asked for, counts as changed
 * when it is there, and is not read. A path of which nothing at all was known counts as
 * changed also when it is not there: it may have been until now. What is there is known
 * from now on. When a directory vanished, all known paths below it go with it (ask
 * tree_each before). */
unsigned tree_refresh(struct tree *tree, const char *path);

/* The state of PATH as KIND sees it:
 *   code, content  kind, permission bits and contents; of a link: its target's text
 *   listing        names and kinds of the entries; editors' temporaries, "__pycache__"
 *                  and ".sniffer" do not count; a file or absent path has a state of its
 *                  own
 *   presence       absent; a file's kind, mode, size, mtime; a directory's kind and mode;
 *                  links are followed
 *   existence      absent; kind and mode; links are followed
 *   search         what the folder offers under that name: PATH.py, PATH.<anything>.so,
 *                  PATH.pyc, PATH/ as directory, PATH/__init__.*
 *
 * EVIDENCE_ENVIRONMENT is not for the tree. */
struct digest tree_state(struct tree *tree, enum evidence_kind kind, const char *path);

/* ON: many states are asked for in a row, and what becomes of a folder meanwhile is told later, as a
 * change. So the way to a folder is gone once for all neighbours. */
void tree_survey(struct tree *tree, bool on);

/* Does STATE say that a code, content, presence or existence look found nothing there? */
bool tree_was_absent(enum evidence_kind kind, const struct digest *state);

/* From here to tree_release all searches and listings of one folder see what the first of them found
 * there: those of a run are many, of few folders, and as if asked at once. Not for longer than it
 * takes to ask them: nobody hears of what changes until then. */
void tree_hold(struct tree *tree);
void tree_release(struct tree *tree);

/* Has the file that tree_state saw at PATH last another name? Nobody tells what is written through
 * that one. */
bool tree_is_shared(const struct tree *tree, const char *path);

/* The identity PATH has now (lstat), freshly asked. Absent: mode 0. */
struct identity tree_identity(const struct tree *tree, const char *path);

/* The clock that files are stamped with, in ns. */
int64_t tree_clock_ns(void);
/* Somebody saw PATH as THEN, at CLOCK_NS (of that clock) or later. Has it been left alone since? True
 * only where every change would show. */
bool tree_is_untouched(const struct tree *tree, const char *path,
                       const struct identity *then, int64_t clock_ns);

/* What survives a restart: the digest of PATH's contents and the identity it was taken
 * at. */
struct tree_memory {
    const char *path;
    struct identity identity;
    struct digest digest;
};
/* Take over what an earlier daemon knew; believed only while the identity is the same. */
void tree_remember(struct tree *tree, const struct tree_memory *memory);
/* What is worth storing for PATH; false where nothing trustworthy is known or it was
 * recalled since without change. RET's path is the tree's own, until tree_free. */
bool tree_recall(struct tree *tree, const char *path, struct tree_memory *ret);

#endif
