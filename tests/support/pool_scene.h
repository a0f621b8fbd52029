#ifndef SUPPORT_POOL_SCENE_H
#define SUPPORT_POOL_SCENE_H

/* A pool with fake hosts, which are real processes. The sink's calls become a transcript, and tests wait
 * for words in it. */

#include "daemon/base/xalloc.h"
#include "daemon/worker/pool.h"
#include "tests/support/fake_host.h"
#include "tests/support/poll_poller.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

/* Time is what a test says it is. */
enum { TIMEOUT_MS = 30000, PATIENCE_MS = 20000 };

struct fixture {
    struct poll_poller poller;
    struct pool *pool;
    int64_t now;
    char *log;          /* a line for each call of the sink */
    int64_t output[64]; /* bytes told, by run */
    int looks, at_end;  /* AT_END: processes there when finished was told */
    char tail[16];
    char *all; /* what the last run printed, as far as it was kept */
    size_t tail_length;
    pid_t host;  /* the last that got ready */
    pid_t child; /* of the last run that was started */
    int chain;   /* runs still to be started from inside the sink */
    int64_t chained;
};

static char program[PATH_MAX];
static char mark[64];

/* ---- processes of this test ---- */

static inline bool is_marked(const char *pid)
{
    char path[300];
    static char text[1 << 16];
    snprintf(path, sizeof path, "/proc/%s/environ", pid);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text) : -1;
    return length > 0 && memmem(text, (size_t)length, mark, strlen(mark) + 1) != NULL;
}

/* Hosts and what came from them; the ended ones have no environment and do not count. */
static inline int count_marked(void)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    ck_assert_ptr_nonnull(proc);
    for (const struct dirent *entry = readdir(proc); entry != NULL; entry = readdir(proc))
        count += isdigit((unsigned char)entry->d_name[0]) && is_marked(entry->d_name);
    closedir(proc);
    return count;
}

/* ---- the sink ---- */

static inline void note(struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void note(struct fixture *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    autofree char *line = xvasprintf(format, args);
    va_end(args);
    autofree char *before = f->log;
    f->log = xasprintf("%s%s\n", before, line);
}

static inline void start_next(struct fixture *f)
{
    if (f->chain == 0 || pool_places(f->pool) == 0)
        return;
    f->chain--;
    ck_assert_int_eq(pool_start(f->pool, "", ++f->chained,
                                (const char *const[]){"passes", NULL}, NULL, f->now),
                     0);
    /* One that is taken back at once, too. */
    if (f->chain % 5 == 0)
        pool_cancel(f->pool, f->chained, f->now);
}

static inline void on_ready(void *owner, const char *package, const struct report *report)
{
    struct fixture *f = owner;
    f->host = (pid_t)strtol(report->python, NULL, 10);
    note(f, "ready %s%s%s", report->framework, package[0] != '\0' ? " of " : "", package);
    start_next(f);
}

static inline void on_unfit(void *owner, const char *package, const char *message)
{
    note(owner, "unfit %s%s%s", message, package[0] != '\0' ? " of " : "", package);
}

static inline void on_classified(void *owner, const char *package,
                                 const struct report *report)
{
    (void)package;
    note(owner, "classified %d %zu %s", (int)report->id, report->path_count,
         report->path_count > 0 ? report->paths[0] : "-");
}

static inline void on_blocks(void *owner, const struct report *report)
{
    note(owner, "blocks %d %zu %s", (int)report->id, report->source_count,
         report->source_count > 0 ? report->sources[0].path : "-");
}

static inline void on_report(void *owner, const struct report *report)
{
    struct fixture *f = owner;
    int run = (int)report->run;
    if (report->type == REPORT_LOOK) {
        f->looks++;
        return;
    }
    if (report->type == REPORT_STARTED) {
        f->child = (pid_t)report->pid;
        note(f, "started %d", run);
    } else if (report->type == REPORT_TEST)
        note(f, "test %d %s", run, report->test);
    else if (report->type == REPORT_RESULT)
        note(f, "result %d %s %s", run, report->test, outcome_names[report->outcome]);
    else
        note(f, "surprise %d", (int)report->type);
}

static inline void on_output(void *owner, int64_t run, const char *bytes, size_t length)
{
    struct fixture *f = owner;
    ck_assert_ptr_nonnull(bytes);
    f->output[run] += (int64_t)length;
}

static inline void on_finished(void *owner, const struct pool_finished *finished)
{
    static const char *const ends[] = {"exited",    "timeout",   "crowd",
                                       "cancelled", "host_died", "unstarted"};
    struct fixture *f = owner;
    f->at_end = count_marked();
    f->tail_length = finished->output_length;
    ck_assert_uint_eq(strlen(finished->output), finished->output_length);
    ck_assert_int_eq(finished->output_total, f->output[finished->run]);
    size_t shown = finished->output_length < 10 ? finished->output_length : 10;
    snprintf(f->tail, sizeof f->tail, "%s",
             finished->output + finished->output_length - shown);
    free(f->all);
    f->all = xstrdup(finished->output);
    note(f, "finished %d %s%s%s status %d signal %d test %s", (int)finished->run,
         ends[finished->end], finished->done ? " done" : "",
         finished->lost ? " lost" : "", (int)finished->status, (int)finished->signal,
         finished->test != NULL ? finished->test : "-");
    if (f->chain > 0)
        start_next(f);
    /* It is still all there, though the host may have another run by now. */
    ck_assert_uint_eq(strlen(finished->output), finished->output_length);
}

static inline void on_room(void *owner)
{
    struct fixture *f = owner;
    note(f, "room");
    start_next(f);
}

/* ---- the fixture ---- */

static inline void setup_with(struct fixture *f, const char *const *argv,
                              const char *directory, int jobs)
{
    *f = (struct fixture){.now = 1000000, .log = xstrdup("")};
    /* Not the pid: it may come again, and a test that failed may have left somebody. */
    uint64_t number = 0;
    ck_assert_int_eq(getrandom(&number, sizeof number, 0), sizeof number);
    snprintf(mark, sizeof mark, "SNIFFER_TEST_MARK=%016" PRIx64, number);
    ck_assert_int_eq(putenv(mark), 0);
    poll_poller_init(&f->poller);
    const struct pool_settings settings = {"", argv, directory, NULL, TIMEOUT_MS, 0};
    const struct pool_sink sink = {f,         on_ready,  on_unfit,  on_classified,
                                   on_blocks, on_report, on_output, on_finished,
                                   on_room};
    f->pool = pool_new(jobs, &f->poller.poller, &sink);
    pool_configure(f->pool, &settings);
}

static inline void setup(struct fixture *f, const char *mode, int jobs)
{
    const char *const argv[] = {program, "host", mode, NULL};
    setup_with(f, argv, "/", jobs);
}

/* Whatever a test did: nothing is left of it, no process and no zombie. */
static inline void teardown(struct fixture *f)
{
    pool_free(f->pool);
    ck_assert_uint_eq(f->poller.count, 0);
    ck_assert_int_eq(count_marked(), 0);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    poll_poller_finish(&f->poller);
    free(f->all);
    free(f->log);
}

static inline void tick_if_due(struct fixture *f)
{
    while (pool_deadline(f->pool) <= f->now)
        pool_tick(f->pool, f->now);
}

static inline int count_text(const struct fixture *f, const char *text)
{
    int count = 0;
    for (const char *at = strstr(f->log, text); at != NULL; at = strstr(at + 1, text))
        count++;
    return count;
}

/* Until TEXT is in the transcript COUNT times. */
static inline void wait_for(struct fixture *f, const char *text, int count)
{
    for (tick_if_due(f); count_text(f, text) < count; tick_if_due(f))
        if (poll_poller_dispatch(&f->poller, PATIENCE_MS) == 0)
            ck_abort_msg("no \"%s\" (%d) in:\n%s", text, count, f->log);
}

static inline void expect(const struct fixture *f, const char *text)
{
    ck_assert_msg(strstr(f->log, text) != NULL, "no \"%s\" in:\n%s", text, f->log);
}

static inline void expect_not(const struct fixture *f, const char *text)
{
    ck_assert_msg(strstr(f->log, text) == NULL, "\"%s\" in:\n%s", text, f->log);
}

static inline void run(struct fixture *f, int number, const char *file)
{
    ck_assert_int_eq(
        pool_start(f->pool, "", number, (const char *const[]){file, NULL}, NULL, f->now),
        0);
}

static inline void pass_time(struct fixture *f, int64_t ms)
{
    tick_if_due(f);
    f->now += ms;
    tick_if_due(f);
}

/* What main returns: this program is the host as well. */
static inline int pool_scene_run(int argc, char **argv, const char *name,
                                 void (*add_tests)(TCase *tests))
{
    if (fake_host_wanted(argc, argv))
        return fake_host(argc, argv);
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 60);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

/* Until the pool waits for no moment. */
static inline void wait_until_quiet(struct fixture *f)
{
    for (tick_if_due(f); pool_deadline(f->pool) != INT64_MAX; tick_if_due(f))
        ck_assert_int_gt(poll_poller_dispatch(&f->poller, PATIENCE_MS), 0);
}

#endif
