#ifndef WATCH_INSIDE_H
#define WATCH_INSIDE_H

/* The watcher's parts: watcher.c is its life, events.c hears events and answers cookies, folders.c keeps
 * nodes and kernel watches in step with the directories that are there, listen.c has opened files told
 * while somebody wants to know. The kernel is asked by a backend. Private to the room.
 *
 * An event is only a doubt about a name. Doubts about directories collect in nodes.doubts and are
 * looked at once per read: asking the kernel for a watch on a path answers at the same time whether
 * the path is a directory and whether it is the same one as before, because one directory has one
 * watch. So whatever order moves, removals and new directories come in, the path as it is now
 * decides, and a later event mends what changed meanwhile.
 *
 * Each directory on the way from "/" to a wanted one is watched too, for names that come and go
 * alone: by that a root or a followed folder that is missing, replaced or renamed together with a
 * folder far above it is found again. */

#include "daemon/watch/backend.h"
#include "daemon/watch/cookies.h"
#include "daemon/watch/listing.h"
#include "daemon/watch/mounts.h"
#include "daemon/watch/nodes.h"
#include "daemon/watch/opens.h"
#include "daemon/watch/watcher.h"

struct crawl {
    watcher_found *found; /* NULL: no crawl is on */
    void *owner;
    uint64_t number;
    int error; /* the root could not be listed */
};

struct watcher {
    struct watcher_place place;
    const struct backend *backend; /* NULL: not open */
    void *ears;                    /* what it gave */
    char *refused;                 /* why not the one that was asked for; or NULL */
    char *state_path;              /* absolute */
    int fd;
    int wake; /* eventfd: makes a turn where no event is sure to come */
    struct nodes nodes;
    struct node *root, *state;
    size_t skip; /* bytes of an absolute path before its part relative to the root */
    struct cookies cookies;
    struct crawl crawl;
    struct listing listing; /* of the directory that is looked at */
    struct opens opens;
    struct mounts mounts; /* as the last crawl found them */
    char *mounted;        /* those at our nodes, a line each, as last seen */

    /* What was told last, until the end of a read: neighbours that are alike are told once. */
    char *told;
    enum watcher_change told_change;
    pid_t told_writer;

    pid_t writer; /* of the event that is being handled; 0: not known, or none is */

    /* To be told when all doubts are settled. */
    const char *lost;   /* why, static; NULL: nothing was */
    bool root_there;    /* as it is */
    bool root_told;     /* as the sink knows it */
    bool root_replaced; /* went and came back since it was told */
    bool heard;         /* something, since it rested */
    bool retry_cookies; /* the event of a cookie file may have been lost */
    int blind_error;    /* of the first that got no watch */
    char *blind_path;
    char *silent_path;              /* the first that is */
    size_t blind_told, silent_told; /* how many the last message was about */
};

/* ---- events.c ---- */

void watcher_tell(struct watcher *watcher, const char *path, enum watcher_change change);
void watcher_forget_told(struct watcher *watcher);
/* Have a turn soon, even without an event. */
void watcher_wake(struct watcher *watcher);
/* What waits until the doubts are settled. CRAWLED: also when only the number is another. */
void watcher_tell_root(struct watcher *watcher);
void watcher_tell_degraded(struct watcher *watcher, bool crawled);
/* For the poller; OWNER is the watcher. */
void watcher_readable(void *owner, int fd, unsigned events);
void watcher_woken(void *owner, int fd, unsigned events);

/* ---- watcher.c ---- */

/* Are other file systems mounted at our nodes than when it was asked last? */
bool watcher_note_mounted(struct watcher *watcher);

/* ---- folders.c ---- */

/* Are names in NODE told? */
bool watcher_tells(const struct node *node);
/* The path of NODE as the sink is told it; points into PATH, which is its absolute path. */
const char *watcher_told_path(const struct watcher *watcher, const struct node *node,
                              const char *path);
/* Makes NODE's kernel watch that of the directory that is at its path now. */
enum armed { ARMED_SAME, ARMED_FRESH, ARMED_ABSENT, ARMED_BLIND };
enum armed watcher_arm(struct watcher *watcher, struct node *node, const char *path);
/* Arms all on the way to NODE, top first, and NODE; silent. */
enum armed watcher_arm_way(struct watcher *watcher, struct node *node);
/* A directory NAME came into NODE: from now on part of the tree, unless it is ignored. */
void watcher_enter(struct watcher *watcher, struct node *node, const char *name);
/* Looks at all doubted nodes, and at those whose doubt arises from it. */
void watcher_settle(struct watcher *watcher);

/* ---- listen.c ---- */

/* Files opened in NODE, which is at PATH and watched, are told from now on, where that is wanted. */
void watcher_listen_to(struct watcher *watcher, const struct node *node,
                       const char *path);
/* Leaves the watches for opened files to those for changes, and tells that opens are lost; false
 * where there are none. */
bool watcher_listen_no_more(struct watcher *watcher);
void watcher_tell_opens(struct watcher *watcher);

#endif
