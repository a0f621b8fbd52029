#ifndef WATCH_WATCHER_H
#define WATCH_WATCHER_H

/* Sees how files below a root change, and tells too much rather than too little.
 *
 * A watcher follows every directory below the root that is not ignored. What it tells is a
 * hint: "look at this path again", never a proof of change. Order of life: watcher_open arms the
 * root; watcher_crawl walks the tree once, each directory watched before it is listed, and tells
 * every file and directory found; from then on watcher events arrive through the poller and go to
 * the sink. A directory that appears later is watched, then listed, and everything in it told as an
 * entry, so nothing that was put into it before the watch was there is missed. When the kernel's
 * queue overflowed, or a watch got lost, the watcher goes on and calls sink.lost: whoever listens
 * compares everything again, followed folders outside the root included.
 *
 * WATCHER_ENTRY for a path that is or was a directory puts everything known below it in doubt: it
 * may be gone, or another directory by now, and what was in the old one is not told name by name.
 *
 * Ignored names prune directories; they are not watched and not told. A path in a directory that is
 * watched is always told, ignored or not: a run may have read it. Temporary files of editors are
 * the exception: they are never told (see ignore.h). So is the state folder. The rules are read as
 * folders are listed, and again when their files change; then sink.ruled asks for a crawl.
 *
 * The sink is called from the poller's turn, and by watcher_crawl for what happened to watches
 * meanwhile; never from inside open, sync or follow. From inside sink.changed a caller may sync and
 * follow; from inside synced, lost, degraded and root it may crawl too. */

#include "daemon/base/poller.h"
#include "daemon/watch/ignore.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum watcher_change {
    WATCHER_MODIFIED, /* contents or attributes of an existing path may have changed */
    WATCHER_ENTRY,    /* the name came, went or was replaced */
};

struct watcher_sink {
    void *owner;
    /* PATH relative to the root, or absolute where it lies in a followed directory outside. WRITER: the
     * process that did it, which may be over by now; 0: not known. Inotify never knows. */
    void (*changed)(void *owner, const char *path, enum watcher_change change,
                    pid_t writer);
    /* Every change and open made before watcher_sync(COOKIE) was called has now been told. */
    void (*synced)(void *owner, uint64_t cookie);
    /* Something may have been missed: compare the whole tree. */
    void (*lost)(void *owner, const char *why);
    /* From now on a part of the tree cannot be watched, or others change it where nobody tells; MESSAGE says which, why, and the mend. NULL: mended. */
    void (*degraded)(void *owner, const char *message);
    /* Somebody opened the file at PATH (as in changed): while watcher_listen is on. */
    void (*opened)(void *owner, const char *path);
    /* Since listening began files may have been opened that were not told and will not be. */
    void (*opens_lost)(void *owner, const char *why);
    /* Rules were changed: from now on other paths are ignored. Crawl again, soon. */
    void (*ruled)(void *owner);
    /* The root itself went away or came back. */
    void (*root)(void *owner, bool there);
};

/* One thing found by a crawl. */
typedef void watcher_found(void *owner, const char *path, bool is_directory);

struct watcher;

#define WATCHER_MOUNTS "/proc/self/mountinfo"

/* All borrowed until watcher_close. */
struct watcher_place {
    const char *root; /* absolute and real */
    const char
        *state; /* the folder for cookie files (ROOT/.sniffer): watched, but never told */
    const char *mounts;  /* where the mounted file systems are listed: WATCHER_MOUNTS */
    const char *backend; /* "inotify", "fanotify", or "auto" for the best there is */
    struct ignore *ignore;
    struct poller *poller;
    const struct watcher_sink *sink;
};

/* -ENOENT where the root is not there, -EMFILE where no inotify instance is left for this user. */
int watcher_open(struct watcher **ret, const struct watcher_place *place);
void watcher_close(struct watcher *watcher);

/* "inotify" or "fanotify": which of them does the work. */
const char *watcher_backend(const struct watcher *watcher);
/* Why it is not the one that was asked for, in words; NULL: it is. */
const char *watcher_refused(const struct watcher *watcher);

/* Walks the tree and (re)builds the watches to match it; every file and directory that is not ignored goes to FOUND.
 * Used at start and after sink.lost. 0 or -errno where not even the root could be read. */
int watcher_crawl(struct watcher *watcher, watcher_found *found, void *owner);

/* Asks that sink.synced(COOKIE) be called once all changes up to now have been told: creates a
 * cookie file and waits for its event. Never fails: where no cookie can be made, it reads what the
 * kernel has queued and answers from the next dispatch. */
void watcher_sync(struct watcher *watcher, uint64_t cookie);

/* Also watch FOLDER (not what lies below it; absolute, or relative to the root), which is ignored
 * or outside the root, because a run depends on something in it. Idempotent, and no system call when
 * repeated. Where FOLDER is not there the nearest existing ancestor is watched for it, and FOLDER
 * is told as an entry when it comes. 0; 1 where nothing of it was told until now; -EINVAL for a path
 * with "." or ".."; -ENAMETOOLONG. */
int watcher_follow(struct watcher *watcher, const char *folder);

/* ON: from now on tells which files are opened, until it is called with false. Costs a system call
 * for each directory, so it is for the time in which somebody wants to know. May be called from
 * inside the sink, and for nothing where it is so already.
 *
 * Told is every path that changed would be told for, whoever opened it: this process too, because
 * the kernel does not say who it was. Files in a directory that comes meanwhile are told, because
 * they may have been opened. Not told are opens by another name (a hard link elsewhere), those of
 * directories, and those in what sink.degraded is about.
 *
 * An open wakes nobody, for there are many: it is told with the next change, with the answer of a
 * sync at the latest. The kernel keeps some sixteen thousand until then. To be called with true
 * again every now and then takes them in, and so keeps sink.opens_lost from being called.
 *
 * 0; -EMFILE or -ENOSPC where the user has no inotify instance or too few watches left for it: it is
 * off then. It also goes off, with sink.opens_lost, where a directory that comes needs a watch that
 * it has. Called with true again it tries again. */
int watcher_listen(struct watcher *watcher, bool on);

/* ON: nothing is read until it is called with false. For while who makes changes is known to go on: thousands
 * are heard in one turn then, not each in a turn of its own. False where nothing was heard since the
 * last time, or more waits to be heard: then it does not rest. */
bool watcher_rest(struct watcher *watcher, bool on);

/* Directories watched now, those on the way from "/" to the root and to followed folders
 * included; always the kernel's own number (grep -c -e 'inotify wd' -e 'fanotify ino' /proc/PID/fdinfo/N).
 * What listening has is not in it. */
size_t watcher_count(const struct watcher *watcher);

#endif
