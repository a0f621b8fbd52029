#ifndef DAEMON_JOINTS_H
#define DAEMON_JOINTS_H

/* What house.c, ports.c and sinks.c share and nobody else sees. */

#include "daemon/engine/engine.h"
#include "daemon/house.h"
#include "daemon/index/index.h"
#include "daemon/notifier/notifier.h"
#include "daemon/serve/server.h"
#include "daemon/watch/hints.h"
#include "daemon/watch/watcher.h"
#include "daemon/worker/pool.h"

struct house {
    struct house_settings settings;
    struct house_clock clock;
    struct poller *poller;
    struct config config;
    struct lodging *lodgings; /* see lodgings.c */
    size_t lodging_count;
    struct ignore *ignore;
    struct watcher *watcher;
    struct hints *hints; /* NULL: nobody wants to give any */
    struct pool *pool;
    struct server *server;
    struct notifier *notifier;
    struct engine *engine;
    int64_t rested; /* when the watcher has rested enough; INT64_MAX: it does not rest */
    int64_t reserved; /* sequence numbers up to here are marked as used in the index */
    struct watcher_sink watcher_sink;
    struct hints_sink hints_sink;
    struct pool_sink pool_sink;
    struct server_sink server_sink;
    struct notifier_sink notifier_sink;

    /* What a room told while another one was being called. */
    struct unfit {
        char *package, *message;
    } * unfit;
    size_t unfit_count;
    char *lost;
    char *mistaken; /* settings of a package that cannot be taken */
    pid_t stranger; /* who wrote last and is no worker; 0: nobody */
    bool room, root_changed, root_there, reload, stop;
    bool summary; /* what can be said in a line may be something else now */
};

/* ports.c: what the engine asks of the other rooms */
struct engine_ports ports_of(struct house *house);
void ports_reserve_seq(struct house *house);

/* lodgings.c: packages, and how their workers are started */
int lodgings_jobs(const struct house *house);
/* See engine_ports.packages. */
char *lodgings_find(struct house *house, const char *const *marks, size_t count,
                    void (*found)(void *engine, const struct engine_package *package),
                    void *engine);
/* How SCRIPT of the Python half is started for PACKAGE as its workers are, for config_packages_free; NULL
 * where there is no such package. *RET_DIRECTORY is the caller's. */
char **lodgings_words(const struct house *house, const char *package, const char *script,
                      char **ret_directory);
/* In a house without rooms: provides for the package that FILE belongs to, of those that MARKS may mark,
 * and returns its path, the house's. */
const char *lodgings_lodge(struct house *house, const char *file,
                           const char *const *marks, size_t count);
/* See engine_ports.launch. */
char *lodgings_launch(const struct house *house, const char *package);
/* Can a change of PATH make or unmake a package, or change what was chosen for one? */
bool lodgings_decide(const struct house *house, const char *path);
void lodgings_finish(struct house *house);

/* foreground.c: the command that runs FILE as a worker of PACKAGE would, as the protocol has it */
json_t *foreground_command(const struct house *house, const char *package,
                           const char *file);
/* launched.c: ARGV run in DIRECTORY with PRELOAD (or NULL), and all that an interpreter may go by besides
 * files. NULL: nobody can say. The caller's. */
char *launched_words(const char *const *argv, const char *directory, const char *preload);

/* sinks.c: what the other rooms tell */
void sinks_fill(struct house *house);
/* Passes on what was noted of workers that cannot be had; true where there was something. */
bool sinks_tell_unfit(struct house *house);
/* The same for the root, and for changes that nobody knows. */
bool sinks_tell_lost(struct house *house);
/* The daemon opened the file GIVEN itself, for rules or settings in it. */
void sinks_own_open(void *owner, const char *given);
void sinks_note(char **text, const char *what);

#endif
