#include "daemon/base/xalloc.h"
#include "daemon/worker/host.h"
#include "daemon/worker/reap.h"

#include <string.h>

/* What a host says, and what follows from it. */

static void on_ready(struct host *host, const struct report *report)
{
    struct pool *pool = host->pool;
    if (host->state != HOST_STARTING)
        return;
    if (report->protocol != ORDER_PROTOCOL) {
        autofree char *message = xasprintf(
            "the worker host speaks protocol %lld, this daemon %d: install both "
            "from the same version",
            (long long)report->protocol, ORDER_PROTOCOL);
        host->told = true;
        host_dismiss(host);
        pool->sink.unfit(pool->sink.owner, host->team->package, message);
        return;
    }
    host->state = HOST_READY;
    host->was_ready = true;
    due_clear(&host->due);
    pool_ask(pool);
    pool->sink.ready(pool->sink.owner, host->team->package, report);
    if (host->state == HOST_READY && host->run != NULL && !host->run->given)
        host_give(host, NULL);
    pool_fill(pool); /* who waits for a place has one, if this host has nothing to do */
    pool_tell_room(pool);
}

static void on_unfit(struct host *host, const struct report *report)
{
    struct pool *pool = host->pool;
    if (host->state != HOST_STARTING)
        return;
    host->told = true;
    host_dismiss(host);
    pool->sink.unfit(pool->sink.owner, host->team->package, report->message);
}

static void on_classified(struct host *host, const struct report *report)
{
    struct pool *pool = host->pool;
    if (!pool_answered(pool, host, report))
        return;
    if (host->state == HOST_READY)
        pool_works(host->team);
    pool->sink.classified(pool->sink.owner, host->team->package, report);
    pool_fill(pool);
}

static void on_blocks(struct host *host, const struct report *report)
{
    struct pool *pool = host->pool;
    if (pool_answered(pool, host, report))
        pool->sink.blocks(pool->sink.owner, report);
    pool_fill(pool);
}

static void on_started(struct host *host, const struct report *report)
{
    struct run *run = host->run;
    run->child = report->pid;
    if (run->stop == RUN_ASKED) /* before we knew whom to ask */
        reap_term((pid_t)run->child, worker_pid(host->worker));
}

static void set_test(struct run *run, const char *test)
{
    free(run->test);
    run->test = test != NULL ? xstrdup(test) : NULL;
}

static void on_test(struct host *host, const struct report *report)
{
    set_test(host->run, report->test);
    if (report->path != NULL)
        host_file_begins(host, report->path);
}

static void on_exited(struct host *host, const struct report *report)
{
    struct run *run = host->run;
    run->status = report->status;
    run->signal = report->signal;
    /* Nobody of the run is left: what is in the pipes now is the rest of it. */
    if (worker_drain(host->worker, WORKER_LOOKS))
        run->lost = true;
    worker_drain(host->worker, WORKER_OUTPUT);
    if (host->state == HOST_READY) /* not where it died right after */
        pool_works(host->team);
    host_run_ends(host);
}

static void on_run_report(struct host *host, const struct report *report)
{
    struct run *run = host->run;
    if (run == NULL || !run->given || report->run != run->number)
        return;
    if (report->type == REPORT_EXITED) {
        on_exited(host, report);
        return;
    }
    if (report->type == REPORT_DONE) {
        run->done = true;
        return;
    }
    if (report->type == REPORT_STARTED)
        on_started(host, report);
    else if (report->type == REPORT_TEST)
        on_test(host, report);
    else if (report->type == REPORT_RESULT)
        set_test(run, NULL);
    host->pool->sink.report(host->pool->sink.owner, report);
}

/* Kept as it came. */
static void on_warm(struct host *host, struct report *report)
{
    report_finish(&host->warm);
    host->warm = *report;
    *report = (struct report){0};
}

static void on_report(struct host *host, struct report *report)
{
    switch (report->type) {
    case REPORT_READY:
        on_ready(host, report);
        break;
    case REPORT_UNFIT:
        on_unfit(host, report);
        break;
    case REPORT_CLASSIFIED:
        on_classified(host, report);
        break;
    case REPORT_BLOCKS:
        on_blocks(host, report);
        break;
    case REPORT_WARM:
        on_warm(host, report);
        break;
    case REPORT_STARTED:
    case REPORT_TEST:
    case REPORT_RESULT:
    case REPORT_TESTED:
    case REPORT_THROUGH:
    case REPORT_DONE:
    case REPORT_EXITED:
    case REPORT_LOOK:
    case REPORT_WROTE:
        on_run_report(host, report);
        break;
    }
}

/* A child that is killed while it writes leaves half a line, and what the host says next
 * is glued to it. Quotes inside a JSON string are escaped, so this can only be where a
 * report begins. */
static const char *last_beginning(const char *text, size_t length)
{
    static const char mark[] = "{\"report\":";
    const char *found = NULL;
    const char *end = text + length;
    for (const char *at = text; at < end; at++) {
        at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
        if (at == NULL)
            break;
        found = at;
    }
    return found != text ? found : NULL;
}

static int decode(struct host *host, const char *text, size_t length, struct report *ret)
{
    const char *why = NULL;
    int r = report_decode(text, length, ret, &why);
    if (r == 0)
        return 0;
    if (host->run != NULL)
        host->run->lost = true;
    const char *begin = last_beginning(text, length);
    return begin != NULL
               ? report_decode(begin, length - (size_t)(begin - text), ret, &why)
               : r;
}

void host_line(void *owner, enum worker_stream stream, const char *text, size_t length)
{
    struct host *host = owner;
    struct report report;
    if (text == NULL) {
        if (host->run != NULL)
            host->run->lost = true;
        return;
    }
    if (length == 0 || decode(host, text, length, &report) < 0)
        return;
    bool is_look = report.type == REPORT_LOOK || report.type == REPORT_WROTE;
    if (is_look == (stream == WORKER_LOOKS))
        on_report(host, &report);
    report_finish(&report);
}

void host_output(void *owner, const char *bytes, size_t length)
{
    struct host *host = owner;
    struct run *run = host->run;
    if (run == NULL || !run->given) {
        tail_add(&host->output, bytes, length);
        return;
    }
    tail_add(&run->output, bytes, length);
    host->pool->sink.output(host->pool->sink.owner, run->number, bytes, length);
}
