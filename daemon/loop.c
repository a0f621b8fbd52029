#include "daemon/loop.h"

#include "daemon/base/poller.h"
#include "daemon/base/xalloc.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

struct slot {
    ev_io io;
    poller_ready *ready;
    void *owner;
};

struct loop {
    struct poller poller; /* first: rooms see this */
    struct ev_loop *ev;
    ev_timer timer;
    ev_periodic never;
    ev_prepare prepare;
    struct slot **slots; /* by descriptor */
    size_t slot_count;
    int signals;
    struct house *house;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

static int64_t wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

/* The clock that goes on while the machine sleeps, without the one that does not. */
static int64_t asleep_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME) - clock_ms(CLOCK_MONOTONIC);
}

/* ---- the poller that rooms see ---- */

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    struct slot *slot = io->data;
    unsigned events = 0;
    if (revents & EV_READ)
        events |= POLLER_READ;
    if (revents & EV_WRITE)
        events |= POLLER_WRITE;
    if (events != 0 && slot->ready != NULL)
        slot->ready(slot->owner, io->fd, events);
}

static void want(struct poller *poller, int fd, unsigned events, poller_ready *ready,
                 void *owner)
{
    struct loop *loop = (struct loop *)poller;
    while ((size_t)fd >= loop->slot_count) {
        size_t count = loop->slot_count != 0 ? loop->slot_count * 2 : 64;
        loop->slots = xrealloc(loop->slots, count * sizeof *loop->slots);
        for (size_t i = loop->slot_count; i < count; i++)
            loop->slots[i] = NULL;
        loop->slot_count = count;
    }
    struct slot *slot = loop->slots[fd];
    if (slot == NULL) {
        if (events == 0)
            return;
        slot = loop->slots[fd] = xcalloc(1, sizeof *slot);
        ev_init(&slot->io, on_io);
        slot->io.data = slot;
    }
    ev_io_stop(loop->ev, &slot->io);
    slot->ready = ready;
    slot->owner = owner;
    if (events == 0)
        return;
    int mask = 0;
    if (events & POLLER_READ)
        mask |= EV_READ;
    if (events & POLLER_WRITE)
        mask |= EV_WRITE;
    ev_io_set(&slot->io, fd, mask);
    ev_io_start(loop->ev, &slot->io);
}

/* ---- waiting ---- */

static void on_prepare(struct ev_loop *ev, ev_prepare *prepare, int revents)
{
    (void)revents;
    struct loop *loop = prepare->data;
    house_catch_up(loop->house);
    if (house_stopping(loop->house)) {
        ev_break(ev, EVBREAK_ALL);
        ev_timer_stop(ev, &loop->timer);
        ev_timer_set(&loop->timer, 0., 0.);
        ev_timer_start(ev, &loop->timer);
        return;
    }
    ev_timer_stop(ev, &loop->timer);
    int64_t deadline = house_deadline(loop->house);
    if (deadline == INT64_MAX)
        return;
    int64_t left = deadline - now_ms();
    ev_now_update(ev);
    ev_timer_set(&loop->timer, left > 0 ? (double)left / 1000. : 0., 0.);
    ev_timer_start(ev, &loop->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev;
    (void)revents;
    struct loop *loop = timer->data;
    house_tick(loop->house);
}

/* With a periodic, due or not, libev has the kernel wake it when the wall clock jumps, as it does after a sleep of the
 * machine. So it need not look for itself once a minute, and an idle daemon stays asleep. */
static ev_tstamp in_a_year(ev_periodic *never, ev_tstamp now)
{
    (void)never;
    return now + 365. * 24. * 3600.;
}

static void on_never(struct ev_loop *ev, ev_periodic *never, int revents)
{
    (void)ev;
    (void)never;
    (void)revents;
}

static void on_signal(void *owner, int fd, unsigned events)
{
    (void)events;
    struct loop *loop = owner;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            house_reload(loop->house);
        else
            house_stop(loop->house);
    }
}

/* ---- life ---- */

static int open_signals(struct loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signals < 0)
        return -errno;
    poller_want(&loop->poller, loop->signals, POLLER_READ, on_signal, loop);
    return 0;
}

static void close_loop(struct loop *loop)
{
    house_close(loop->house);
    if (loop->signals >= 0) {
        poller_drop(&loop->poller, loop->signals);
        close(loop->signals);
    }
    for (size_t i = 0; i < loop->slot_count; i++)
        free(loop->slots[i]);
    free(loop->slots);
    ev_loop_destroy(loop->ev);
}

int loop_run(const struct house_settings *settings, void (*started)(void *owner),
             void *owner)
{
    static const struct house_clock clock = {
        .now = now_ms, .wall = wall_ms, .asleep = asleep_ms};
    struct loop loop = {.poller.want = want, .signals = -1};
    /* Not the default loop: that one reaps every child itself, and statuses would be lost. */
    loop.ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (loop.ev == NULL)
        return -ENOMEM;
    ev_timer_init(&loop.timer, on_timer, 0., 0.);
    loop.timer.data = &loop;
    ev_periodic_init(&loop.never, on_never, 0., 0., in_a_year);
    ev_prepare_init(&loop.prepare, on_prepare);
    loop.prepare.data = &loop;
    int error = open_signals(&loop);
    if (error == 0)
        error = house_open(&loop.house, settings, &loop.poller, &clock);
    if (error == 0) {
        house_begin(loop.house);
        started(owner);
        ev_periodic_start(loop.ev, &loop.never);
        ev_prepare_start(loop.ev, &loop.prepare);
        ev_run(loop.ev, 0);
        ev_prepare_stop(loop.ev, &loop.prepare);
        ev_periodic_stop(loop.ev, &loop.never);
        ev_timer_stop(loop.ev, &loop.timer);
    }
    close_loop(&loop);
    return error;
}
