#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/* The story without machinery: a path may have changed -> what really changed -> which verdicts no
 * longer rest on the truth -> what runs next -> what came of it -> who is told.
 *
 * The engine owns what is known (tree, index, queue) and knows the world only by its ports. It reads
 * no clock: `now` is monotonic milliseconds, engine_deadline says when engine_tick must be called.
 * Ports are never called back into the engine from inside themselves.
 *
 * How a verdict stays true through a run: every change that is told gets a growing number, a run
 * remembers the number at which it began. When the run is over, a cookie makes sure that every
 * change up to then was told; a path the run looked at that changed meanwhile, and that it did not
 * write itself, leaves its evidence unsure, and the file runs again. */

#include "daemon/index/index.h"
#include "daemon/tree/tree.h"
#include "proto/message.h"
#include "proto/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A package, as the house has chosen for it. */
struct engine_package {
    const char *path;                       /* "": the root */
    const char *python_why, *framework_why; /* each a sentence */
    bool
        changed_first; /* do the tests of a file that executed what has changed run before its others? */
};

struct engine_ports {
    void *owner;
    /* Workers, those of PACKAGE. start: FILES in one process; -EAGAIN where there is no place; classify:
     * -EAGAIN where no host is ready: one will be. */
    int (*start)(void *owner, const char *package, int64_t run, const char *const *files,
                 const char *const *first);
    void (*cancel)(void *owner, int64_t run);
    int (*classify)(void *owner, const char *package, int64_t id,
                    const char *const *paths, size_t count);
    int (*blocks)(void *owner, const char *package, int64_t id, const char *const *paths,
                  size_t count);
    /* All that decides how workers of PACKAGE are started, in words that are compared and never shown; NULL:
     * nobody knows. The caller's. */
    char *(*launch)(void *owner, const char *package);
    void (*warm)(
        void *owner,
        const char *package);     /* have a host ready; try now, whatever failed before */
    void (*refresh)(void *owner); /* hosts hold something that changed: replace them */
    struct warmth (*warmth)(void *owner);
    /* VISIT gets each folder whose runs do not share their beginning, and why, some more than once.
     * Returns how many there are beside them. */
    int64_t (*cold)(void *owner,
                    void (*visit)(void *visitor, const char *folder, const char *why),
                    void *visitor);
    /* Watcher. sync is answered by engine_synced; crawl calls FOUND before it returns. */
    void (*sync)(void *owner, uint64_t cookie);
    /* Tell engine_opened of each open of a watched file, or no longer. */
    void (*listen_opens)(void *owner, bool listen);
    int (*crawl)(void *owner,
                 void (*found)(void *engine, const char *path, bool is_directory),
                 void *engine);
    /* Tell what changes in FOLDER, ignored or not. True: until now nobody would have. */
    bool (*follow)(void *owner, const char *folder);
    /* VISIT gets each folder (absolute, real) where git keeps what it is about to do in a work tree that begins at
     * the root, below it, or above. */
    void (*repositories)(void *owner, void (*visit)(void *visitor, const char *folder),
                         void *visitor);
    void (*heed)(void *owner,
                 const char *path); /* though it is named like a temporary file */
    bool (*ignored)(void *owner,
                    const char *path); /* is it out of the question as a test file? */
    /* VISIT gets each file that a rule hides, BY itself or by a folder above it; SETTING: one of the ignore
     * setting. False where there was too much to see it all. */
    bool (*hidden)(void *owner,
                   void (*visit)(void *visitor, const char *path, const char *by,
                                 const char *rule, bool setting),
                   void *visitor);
    /* Clients. PARAMS and RESULT are stolen. */
    void (*publish)(void *owner, enum topic topic, json_t *params);
    bool (*listened)(void *owner, enum topic topic);
    /* How the user's own command for news does, a line; NULL where there is none. */
    const char *(*notifier)(void *owner, bool *ret_ok);
    void (*resnapshot)(void *owner, const char *why);
    void (*reply)(void *owner, uint64_t ticket, json_t *result);
    void (*refuse)(void *owner, uint64_t ticket, const struct fault *fault);
    int64_t (*seq)(void *owner);
    /* The house. */
    /* The reply to "debug": how a worker of PACKAGE would run FILE. NULL: there are none. */
    json_t *(*debug)(void *owner, const char *package, const char *file);
    /* Which packages there are, where MARKS are all files whose names may mark one: FOUND gets each before
     * this returns. Returns how they were found, a sentence that is the engine's then. */
    char *(*packages)(void *owner, const char *const *marks, size_t count,
                      void (*found)(void *engine, const struct engine_package *package),
                      void *engine);
    /* Can a change of PATH change the settings, or what follows from them? */
    bool (*decides)(void *owner, const char *path);
    void (*settings)(
        void *owner); /* a settings file changed: load it, call engine_configured */
    void (*stop)(void *owner);    /* a client asked the daemon to leave */
    int64_t (*wall)(void *owner); /* ms since the epoch */
    struct engine_machine (*machine)(void *owner);
};

/* The machine, for work that can wait. */
struct engine_machine {
    double busy; /* percent of the last minute in which somebody waited for a processor */
    bool mains;  /* it does not live on a battery */
};

/* How a run ended, as the workers saw it. */
enum engine_end {
    ENGINE_EXITED,
    ENGINE_TIMEOUT,
    ENGINE_CROWD,
    ENGINE_CANCELLED,
    ENGINE_HOST_DIED
};
struct engine_finished {
    int64_t run; /* the number that ports.start gave */
    enum engine_end end;
    bool done;              /* all results had been told */
    bool lost;              /* something it told could not be read */
    int64_t status, signal; /* of the child */
    const char *test;       /* was running then, or NULL */
    const char *output;     /* the last of what it printed */
    int64_t output_total;
    int64_t timeout_ms; /* the limits it was under */
    int processes;
};

struct engine;

/* ROOT, BACKEND are copied; INDEX is the caller's and outlives the engine; PORTS are copied. */
struct engine *engine_new(const char *root, const char *backend, struct index *index,
                          const struct engine_ports *ports);
void engine_free(struct engine *engine);

/* The watcher is armed: look at everything, decide what is stale, have a worker started. */
void engine_begin(struct engine *engine, int64_t now);

/* ---- from the watcher ---- */
/* ENTRY: the name came or went; else contents or attributes. */
void engine_changed(struct engine *engine, const char *path, bool entry, int64_t now);
/* The same, and no worker's process did it: also where a run says that it wrote there, too. */
void engine_changed_by_others(struct engine *engine, const char *path, bool entry,
                              int64_t now);
/* Is a run on, so that it matters who writes? */
bool engine_runs(const struct engine *engine);
/* Somebody opened PATH; or, of some opens nobody knows. */
void engine_opened(struct engine *engine, const char *path);
/* It will be told that somebody did, and it was the daemon itself. */
void engine_opens_itself(struct engine *engine, const char *path);
void engine_opens_lost(struct engine *engine, const char *why);
/* Is git at work, so that more changes come? */
bool engine_waits_for_git(const struct engine *engine);
void engine_synced(struct engine *engine, uint64_t cookie, int64_t now);
void engine_lost(struct engine *engine, const char *why, int64_t now);
/* Other paths are ignored from now on. */
void engine_ruled(struct engine *engine, int64_t now);
void engine_degraded(struct engine *engine, const char *message);
void engine_root(struct engine *engine, bool there, int64_t now);
/* The machine has slept ASLEEP ms in all so far; to be told in each turn. */
void engine_asleep(struct engine *engine, int64_t asleep, int64_t now);

/* ---- from the workers ---- */
void engine_ready(struct engine *engine, const char *package, const struct report *report,
                  int64_t now);
void engine_unfit(struct engine *engine, const char *package, const char *message,
                  int64_t now);
void engine_classified(struct engine *engine, const char *package,
                       const struct report *report, int64_t now);
/* An answer to ports.blocks: what sources are made of. */
void engine_blocks(struct engine *engine, const struct report *report, int64_t now);
void engine_report(struct engine *engine, const struct report *report, int64_t now);
void engine_output(struct engine *engine, int64_t run, const char *bytes, size_t length);
void engine_finished(struct engine *engine, const struct engine_finished *finished,
                     int64_t now);
void engine_room(struct engine *engine, int64_t now);

/* ---- from clients ---- */
/* TICKET 0: nobody waits for an answer. */
void engine_request(struct engine *engine, uint64_t ticket, const struct request *request,
                    int64_t now);
/* The whole present state: status, files, results. A new reference. */
json_t *engine_snapshot(struct engine *engine, int64_t now);

/* ---- from the house ---- */
/* Settings were loaded (MESSAGE NULL) or are wrong (the last good ones stay). */
void engine_configured(struct engine *engine, const char *message, int64_t now);

/* What is evidence of which test files though they never look at it; config.h says what the patterns
 * mean. Copied. TESTS ends with NULL. After engine_begin to be
 * followed by engine_ruled. */
struct engine_trigger {
    const char *pattern;
    const char *const *tests;
};
void engine_triggers(struct engine *engine, const struct engine_trigger *triggers,
                     size_t count);

/* Packages came or went, or what was chosen for them: ports.packages is asked. */
void engine_repackage(struct engine *engine, int64_t now);
/* Only part PART (from 1) of OF parts is run, from engine_begin on. */
void engine_shard(struct engine *engine, int64_t part, int64_t of);
/* Is no other test file started after one has failed, until something changes or somebody says so? */
void engine_fail_fast(struct engine *engine, bool fail_fast);

/* Are verdicts audited by and by while the machine rests? */
void engine_audits(struct engine *engine, bool idle, int64_t now);

/* Why the watcher's backend is not the one that was asked for, in words. */
void engine_refused(struct engine *engine, const char *why);

/* How it stands, in one line for people; the caller's. */
char *engine_summary(struct engine *engine);

int64_t engine_deadline(const struct engine *engine);
void engine_tick(struct engine *engine, int64_t now);

#endif
