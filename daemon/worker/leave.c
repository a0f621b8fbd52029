#include "daemon/base/xalloc.h"
#include "daemon/worker/host.h"
#include "daemon/worker/reap.h"

#include <poll.h>
#include <string.h>

/* The end of hosts. First their process is gone, then all that it left, then they are. */

/* How long processes may take to die before we stop waiting for them. */
enum { REAP_LIMIT_MS = 2000 };

static void reap_forget(struct pool *pool)
{
    if (pool->reap_fd < 0)
        return;
    poller_drop(pool->poller, pool->reap_fd);
    close(pool->reap_fd);
    pool->reap_fd = -1;
}

static int reap_step(const struct pool *pool)
{
    autofree pid_t *spared = xcalloc(pool->count, sizeof *spared);
    size_t count = 0;
    for (size_t i = 0; i < pool->count; i++)
        if (pool->hosts[i]->state != HOST_GONE)
            spared[count++] = worker_pid(pool->hosts[i]->worker);
    return reap_adopted(spared, count);
}

/* Takes leave of hosts whose process is gone. Sinks may add hosts meanwhile: look from
 * the start. */
static void part(struct pool *pool)
{
    for (size_t i = 0; i < pool->count;) {
        struct host *host = pool->hosts[i];
        if (host->state != HOST_GONE) {
            i++;
            continue;
        }
        memmove(&pool->hosts[i], &pool->hosts[i + 1],
                (pool->count - i - 1) * sizeof(struct host *));
        pool->count--;
        pool_forget_asked(pool, host);
        host_gone(host);
        host_free(host);
        i = 0;
    }
    pool_ask(pool);
}

static void reap_ready(void *owner, int fd, unsigned events)
{
    (void)events;
    struct pool *pool = owner;
    if (fd == pool->reap_fd)
        pool_collect(pool);
}

void pool_collect(struct pool *pool)
{
    reap_forget(pool);
    pool->reap_fd = reap_step(pool);
    if (pool->reap_fd < 0) {
        due_clear(&pool->reap_limit);
        part(pool);
        return;
    }
    poller_want(pool->poller, pool->reap_fd, POLLER_READ, reap_ready, pool);
    if (!due_is_set(&pool->reap_limit))
        due_in(&pool->reap_limit, REAP_LIMIT_MS);
}

void pool_give_up(struct pool *pool)
{
    reap_forget(pool);
    part(pool);
}

void pool_clear(struct pool *pool)
{
    reap_forget(pool);
    for (int fd = reap_step(pool); fd >= 0; fd = reap_step(pool)) {
        struct pollfd dying = {.fd = fd, .events = POLLIN};
        int ended = poll(&dying, 1, REAP_LIMIT_MS);
        close(fd);
        if (ended == 0)
            break;
    }
}
