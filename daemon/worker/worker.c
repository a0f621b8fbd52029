#include "daemon/worker/worker.h"

#include "daemon/base/xalloc.h"
#include "daemon/worker/launch.h"
#include "proto/line.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

enum {
    REPORT_LIMIT = 64 << 20, /* a test may print a lot into its report */
    LOOK_LIMIT = 64 << 10,
    OUTPUT_PIECE = 64 << 10,
    PIPE_SIZE = 256 << 10, /* a run that prints should not wait for us */
};

struct worker {
    struct poller *poller;
    struct worker_sink sink;
    char *program, *directory;
    pid_t pid;
    int pidfd;
    enum { WORKER_SPEAKS, WORKER_MUTE, WORKER_EXITED } life;
    siginfo_t end;
    int orders, failure;
    int streams[WORKER_STREAMS];
    struct line_reader readers[WORKER_OUTPUT]; /* of reports and looks */
    struct line_outbox outbox;
};

static void forget(struct worker *worker, int *fd)
{
    if (*fd < 0)
        return;
    poller_drop(worker->poller, *fd);
    close(*fd);
    *fd = -1;
}

static void become_mute(struct worker *worker)
{
    if (worker->life != WORKER_SPEAKS)
        return;
    worker->life = WORKER_MUTE;
    worker->sink.mute(worker->sink.owner);
}

/* ---- in ---- */

/* Reads once: bytes, 0 at the end, -EAGAIN. */
static ssize_t read_lines(struct worker *worker, enum worker_stream stream)
{
    struct line_reader *reader = &worker->readers[stream];
    ssize_t count = line_reader_fill(reader, worker->streams[stream]);
    if (count <= 0)
        return count;
    for (;;) {
        size_t length = 0;
        const char *text = line_next(reader, &length);
        if (text == NULL && length != SIZE_MAX)
            return count;
        worker->sink.line(worker->sink.owner, stream, text, text != NULL ? length : 0);
    }
}

static ssize_t read_output(struct worker *worker)
{
    char piece[OUTPUT_PIECE];
    ssize_t count = read(worker->streams[WORKER_OUTPUT], piece, sizeof piece);
    if (count < 0)
        return -errno;
    if (count > 0)
        worker->sink.output(worker->sink.owner, piece, (size_t)count);
    return count;
}

static ssize_t read_stream(struct worker *worker, enum worker_stream stream)
{
    ssize_t count =
        stream == WORKER_OUTPUT ? read_output(worker) : read_lines(worker, stream);
    return count == -EINTR ? -EAGAIN : count;
}

static void stream_ready(void *owner, int fd, unsigned events)
{
    (void)events;
    struct worker *worker = owner;
    enum worker_stream stream = WORKER_REPORTS;
    while (stream < WORKER_STREAMS && worker->streams[stream] != fd)
        stream++;
    if (stream == WORKER_STREAMS)
        return;
    ssize_t count = read_stream(worker, stream);
    if (count > 0 || count == -EAGAIN)
        return;
    forget(worker, &worker->streams[stream]);
    if (stream == WORKER_REPORTS)
        become_mute(worker);
}

bool worker_drain(struct worker *worker, enum worker_stream stream)
{
    /* What comes in while we read is not of this moment: a pipeful is the most there can
     * be. */
    int fd = worker->streams[stream];
    ssize_t left = fd >= 0 ? fcntl(fd, F_GETPIPE_SZ) : 0;
    while (left > 0) {
        ssize_t count = read_stream(worker, stream);
        if (count <= 0)
            break;
        left -= count;
    }
    if (stream == WORKER_OUTPUT)
        return false;
    struct line_reader *reader = &worker->readers[stream];
    bool torn = reader->skipping || reader->begin < reader->end;
    if (torn) {
        size_t limit = reader->limit;
        line_reader_finish(reader);
        line_reader_init(reader, limit);
    }
    return torn;
}

/* ---- out ---- */

static void orders_ready(void *owner, int fd, unsigned events);

static void flush(struct worker *worker)
{
    int r = line_flush(&worker->outbox, worker->orders, NULL);
    if (r == 0 || r == -EAGAIN) {
        poller_want(worker->poller, worker->orders, r == 0 ? 0 : POLLER_WRITE,
                    orders_ready, worker);
        return;
    }
    worker_dismiss(worker);
    become_mute(worker);
}

static void orders_ready(void *owner, int fd, unsigned events)
{
    (void)events;
    struct worker *worker = owner;
    if (worker->orders == fd)
        flush(worker);
}

void worker_order(struct worker *worker, const char *text)
{
    if (worker->orders < 0)
        return;
    if (line_put(&worker->outbox, text, strlen(text)) < 0)
        abort(); /* as xalloc does */
    flush(worker);
}

void worker_dismiss(struct worker *worker)
{
    forget(worker, &worker->orders);
}

/* ---- the process ---- */

pid_t worker_pid(const struct worker *worker)
{
    return worker->pid;
}

void worker_kill(struct worker *worker)
{
    if (worker->life != WORKER_EXITED)
        pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

/* True once the exit status is there. */
static bool take_exit(struct worker *worker, int options)
{
    siginfo_t end = {0};
    int r = 0;
    do
        r = waitid(P_PIDFD, (id_t)worker->pidfd, &end, WEXITED | options);
    while (r < 0 && errno == EINTR);
    if (r == 0 && end.si_pid == 0)
        return false;
    /* ECHILD: somebody ignores SIGCHLD and the status is lost; it is gone all the same.
     */
    worker->end = end;
    worker->life = WORKER_EXITED;
    return true;
}

static void process_ready(void *owner, int fd, unsigned events)
{
    (void)events;
    struct worker *worker = owner;
    if (worker->pidfd != fd || !take_exit(worker, WNOHANG))
        return;
    forget(worker, &worker->pidfd);
    worker_dismiss(worker);
    worker->sink.exited(worker->sink.owner);
}

static char *launch_fate(const struct worker *worker,
                         const struct launch_failure *failure)
{
    const char *error = strerror(failure->error);
    switch (failure->step) {
    case LAUNCH_ENTER:
        return xasprintf("cannot start %s in %s: %s", worker->program, worker->directory,
                         error);
    case LAUNCH_EXECUTE:
        return xasprintf(
            "cannot start %s: %s; set python in [tool.sniffer] or install it",
            worker->program, error);
    case LAUNCH_PREPARE:
        break;
    }
    return xasprintf("cannot start %s: %s", worker->program, error);
}

char *worker_fate(const struct worker *worker, bool *ret_executed)
{
    assert(worker->life == WORKER_EXITED);
    struct launch_failure failure;
    bool failed = read(worker->failure, &failure, sizeof failure) == sizeof failure;
    *ret_executed = !failed;
    if (failed)
        return launch_fate(worker, &failure);
    int status = worker->end.si_status;
    if (worker->end.si_code == CLD_EXITED)
        return xasprintf("exit status %d", status);
    return xasprintf("signal %d (%s)", status, strsignal(status));
}

bool worker_exited_with(const struct worker *worker, int status)
{
    assert(worker->life == WORKER_EXITED);
    return worker->end.si_code == CLD_EXITED && worker->end.si_status == status;
}

/* ---- start ---- */

/* OUR end does not wait, the host's does: nobody writes a program for the other kind. */
static int make_pipe(int *ret_read, int *ret_write, bool we_read)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[we_read ? 0 : 1], F_SETFL, O_NONBLOCK | (we_read ? 0 : O_WRONLY));
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_SIZE); /* the default size does as well */
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

static int make_pipes(struct worker *worker, struct launch *launch)
{
    int r = make_pipe(&launch->orders, &worker->orders, false);
    if (r == 0)
        r = make_pipe(&worker->streams[WORKER_REPORTS], &launch->reports, true);
    if (r == 0)
        r = make_pipe(&worker->streams[WORKER_LOOKS], &launch->looks, true);
    if (r == 0)
        r = make_pipe(&worker->streams[WORKER_OUTPUT], &launch->output, true);
    if (r == 0)
        r = make_pipe(&worker->failure, &launch->failure, true);
    return r;
}

static void close_ends(const struct launch *launch)
{
    const int ends[] = {launch->orders, launch->reports, launch->looks, launch->output,
                        launch->failure};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

static int start_process(struct worker *worker, const struct launch *launch)
{
    /* No handler of ours may run in the child before it has put them away. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        launch_exec(launch);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return -error;
    worker->pid = pid;
    worker->pidfd = pidfd_open(pid, 0);
    if (worker->pidfd >= 0)
        return 0;
    error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    worker->life = WORKER_EXITED;
    return -error;
}

/* ARGV with the numbers of the pipes behind it. The array is the caller's. */
static const char **whole_argv(const char *const *argv)
{
    static const char *const pipes[] = {"--orders", "5", "--reports", "6",
                                        "--looks",  "7", NULL};
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    const char **whole = xcalloc(count + sizeof pipes / sizeof *pipes, sizeof *whole);
    memcpy(whole, argv, count * sizeof *whole);
    memcpy(whole + count, pipes, sizeof pipes);
    return whole;
}

int worker_start(struct worker **ret, const char *const *argv, const char *directory,
                 const char *preload, struct poller *poller,
                 const struct worker_sink *sink)
{
    autofree const char **whole = whole_argv(argv);
    char **environment = launch_environment(preload);
    struct launch launch = {whole, directory, environment, getpid(), -1, -1, -1, -1, -1};
    struct worker *worker = xcalloc(1, sizeof *worker);
    *worker = (struct worker){.poller = poller,
                              .sink = *sink,
                              .program = xstrdup(argv[0]),
                              .directory = xstrdup(directory),
                              .pidfd = -1,
                              .life = WORKER_EXITED, /* until there is one */
                              .orders = -1,
                              .failure = -1,
                              .streams = {-1, -1, -1}};
    line_reader_init(&worker->readers[WORKER_REPORTS], REPORT_LIMIT);
    line_reader_init(&worker->readers[WORKER_LOOKS], LOOK_LIMIT);
    int r = make_pipes(worker, &launch);
    if (r == 0)
        r = start_process(worker, &launch);
    close_ends(&launch);
    launch_environment_free(environment);
    if (r < 0) {
        worker_free(worker);
        return r;
    }
    worker->life = WORKER_SPEAKS;
    for (int i = 0; i < WORKER_STREAMS; i++)
        poller_want(poller, worker->streams[i], POLLER_READ, stream_ready, worker);
    poller_want(poller, worker->pidfd, POLLER_READ, process_ready, worker);
    *ret = worker;
    return 0;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->life != WORKER_EXITED) {
        worker_kill(worker);
        take_exit(worker, 0);
    }
    forget(worker, &worker->pidfd);
    forget(worker, &worker->orders);
    for (int i = 0; i < WORKER_STREAMS; i++)
        forget(worker, &worker->streams[i]);
    for (int i = 0; i < WORKER_OUTPUT; i++)
        line_reader_finish(&worker->readers[i]);
    line_outbox_finish(&worker->outbox);
    if (worker->failure >= 0)
        close(worker->failure);
    free(worker->program);
    free(worker->directory);
    free(worker);
}
