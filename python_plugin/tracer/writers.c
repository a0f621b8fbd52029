/* What is done to a file that is open for writing.
 *
 * To open a file for writing is not to write: a database is opened so by whoever only asks it. So an
 * open that changes nothing by itself is a read, and the first write through its descriptor is what is
 * told. When the descriptor is closed, what is written is told as it was left: whoever finds it
 * different later knows that somebody else was there.
 *
 * A descriptor whose further way is not followed (duplicated, handed to a program, mapped) counts as written to, and nobody knows how it is left. A forked child has marks of its own, and after vfork those are the
 * parent's: only who made a mark takes it away. A mark that outlived its descriptor does no harm: it
 * says something of regular files only, and those are marked anew when they are opened. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <stdatomic.h>

enum {
    DESCRIPTORS = 1024,
    OPENED = 1,
    WRITTEN = 2,
    HANDED = 3,
    STATES = 3,
    PID_SHIFT = 2
};

/* By descriptor: who opened it, and its state; 0: nothing. */
static _Atomic uint32_t marks[DESCRIPTORS];
static _Atomic int highest = -1; /* that ever had a mark */

static bool is_file(int fd, struct stat *ret_status)
{
    return raw_fstat(fd, ret_status) == 0 && S_ISREG(ret_status->st_mode) &&
           ret_status->st_nlink > 0;
}

static void tell(enum trace_kind kind, int fd)
{
    struct stat status;
    if (is_file(fd, &status))
        look_of_open(kind, fd, &status);
}

/* How it is left, nobody knows. */
static void tell_lost(int fd)
{
    struct stat status;
    if (is_file(fd, &status))
        look_of_open(TRACE_LEFT, fd, NULL);
}

static void mark(int fd, unsigned state)
{
    uint32_t value = raw_getpid() << PID_SHIFT | state;
    atomic_store_explicit(&marks[fd], value, memory_order_relaxed);
    int known = atomic_load_explicit(&highest, memory_order_relaxed);
    while (fd > known && !atomic_compare_exchange_weak(&highest, &known, fd))
        ;
}

void writers_opened(int fd, bool written)
{
    if (log_current() == NULL || look_depths.quiet > 0)
        return;
    if (fd < DESCRIPTORS)
        mark(fd, written ? WRITTEN : OPENED);
    else if (!written)
        tell(TRACE_WROTE, fd);
}

static uint32_t mark_at(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS
               ? atomic_load_explicit(&marks[fd], memory_order_relaxed)
               : 0;
}

void writers_wrote(int fd)
{
    if ((mark_at(fd) & STATES) != OPENED)
        return;
    mark(fd, WRITTEN);
    tell(TRACE_WROTE, fd);
}

void writers_handed(int fd)
{
    unsigned state = mark_at(fd) & STATES;
    writers_wrote(fd);
    if (state == 0 || state == HANDED)
        return;
    mark(fd, HANDED);
    tell_lost(fd);
}

void writers_closing(int fd)
{
    uint32_t was = mark_at(fd);
    if (was == 0 || was >> PID_SHIFT != raw_getpid())
        return;
    if ((was & STATES) == WRITTEN)
        tell(TRACE_LEFT, fd);
    atomic_store_explicit(&marks[fd], 0, memory_order_relaxed);
}

void writers_closing_from(int first, int last)
{
    int known = atomic_load_explicit(&highest, memory_order_relaxed);
    for (int fd = first; fd <= last && fd <= known; fd++)
        writers_closing(fd);
}

void writers_handed_on(void)
{
    int known = atomic_load_explicit(&highest, memory_order_relaxed);
    for (int fd = 0; fd <= known; fd++)
        if (mark_at(fd) != 0 &&
            (raw_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) & FD_CLOEXEC) == 0)
            writers_handed(fd);
}
