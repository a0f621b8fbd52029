#ifndef WATCH_OPENS_H
#define WATCH_OPENS_H

/* Who opens files in which folder, seen by inotify. Off, or on for a while; on it has watches of its
 * own, beside those that see changes, in an inotify instance of its own. Not one more bit in the
 * masks of those: to take a bit out again the mask must be replaced, and the kernel (6.18: one time
 * in two thousand under constant writing) loses a change that falls into the replacing. Two queues
 * have another good: a flood of opens overflows its own alone.
 *
 * Not by fanotify, though that could name the process, so that an editor's opens were not counted as a run's. Most
 * of those who open what no log tells are over when the event is read, and count all the same; and the number of one
 * that is over may be an editor's by then, whose word would drop what a run did read. To be sure of that the kernel
 * would have to give a descriptor of the process with each event (FAN_REPORT_PIDFD), thousands of them in a run.
 * Who is wrongly counted costs a run in vain, should that file be edited later.
 *
 * While it is on, a folder keeps every name under which it was entered: what is opened in it after
 * a move is told under the old name too. So the order in which the two queues are read does not
 * matter. Private to the room. */

#include "daemon/base/strset.h"

#include <stdbool.h>

struct opens_folder;

struct opens {
    int fd; /* -1: off */
    struct opens_folder *folders;
    struct strset heard; /* as they are to be told, and not told yet */
    const char *lost;    /* why there may have been more, static; NULL: there were not */
};

void opens_init(struct opens *opens);
void opens_finish(struct opens *opens);

/* -EMFILE where no inotify instance is left for this user. */
int opens_start(struct opens *opens);
/* What was heard stays. */
void opens_stop(struct opens *opens);

/* From now on files opened in the folder at PATH are heard as TOLD/name; FOLLOW: also if the last
 * step of PATH is a link. 0 also where nothing is there; -ENOSPC at the limit of watches. */
int opens_enter(struct opens *opens, const char *path, const char *told, bool follow);
/* TOLD may have been opened before its folder was entered. */
void opens_assume(struct opens *opens, const char *told);

/* Takes in what the kernel has queued. */
void opens_hear(struct opens *opens);

#endif
