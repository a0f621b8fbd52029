/* snifferd: argv, the state folder, the lock, then loop_run. */

#include "daemon/base/log.h"
#include "daemon/base/notify.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/config.h"
#include "daemon/engine/engine.h"
#include "daemon/foreground.h"
#include "daemon/house.h"
#include "daemon/index/index.h"
#include "daemon/loop.h"
#include "proto/place.h"
#include "proto/version.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_NO_START = 3, EXIT_REFUSED = 5 };
enum { LOG_LIMIT = 4 << 20 };

struct options {
    const char *directory, *python, *backend;
    const char *describe; /* a test file, or NULL */
    int jobs;
    bool foreground, pipe;
    bool fail_fast;
    int shard, shards;
    const char *export, *import;
};

static const char usage[] =
    "Usage: snifferd [-C DIR] [--foreground] [--jobs N] [--python P]\n"
    "                [--backend auto|inotify|fanotify] [--log-level L] [--pipe]\n"
    "\n"
    "Watches the Python project in DIR, runs again the test files whose evidence no "
    "longer holds,\n"
    "and answers on a Unix socket; see snifferctl. Detaches unless --foreground.\n"
    "\n"
    "  -C DIR           the project; default: the nearest parent that looks like one\n"
    "  --foreground     stay, and log to stderr\n"
    "  --jobs N         test files at a time; default: one a processor\n"
    "  --python P       the interpreter that runs the tests\n"
    "  --backend B      how to watch; auto takes the best there is\n"
    "  --log-level L    error, warning, info or debug\n"
    "  --pipe           read from the FIFO .sniffer/changed which paths changed, one a "
    "line\n"
    "  --describe FILE  only print how a worker would run FILE, as snifferctl debug has "
    "it\n"
    "  --shard K/N      run part K of N alone, dealt out by the times that the index "
    "has\n"
    "  --export FILE    write what is known to FILE, and leave; no daemon may run\n"
    "  --import FILE    add what FILE knows, and leave; no daemon may run\n"
    "  --help, --version\n";

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    autofree char *message = xvasprintf(format, args);
    va_end(args);
    fprintf(stderr, "snifferd: %s; see snifferd --help\n", message);
    return -EXIT_USAGE;
}

static int parse_jobs(const char *text, int *ret)
{
    char *end = NULL;
    long jobs = strtol(text, &end, 10);
    if (end == text || *end != '\0' || jobs < 1 || jobs > 256)
        return refuse("--jobs must be a whole number from 1 to 256, not \"%s\"", text);
    *ret = (int)jobs;
    return 0;
}

static int parse_backend(const char *text, const char **ret)
{
    static const char *const known[] = {"auto", "inotify", "fanotify"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i]) == 0) {
            *ret = known[i];
            return 0;
        }
    return refuse("--backend must be auto, inotify or fanotify, not \"%s\"", text);
}

static int parse_shard(const char *text, struct options *ret)
{
    int part = 0;
    int of = 0;
    int length = 0;
    if (sscanf(text, "%4d/%4d%n", &part, &of, &length) == 2 && text[length] == '\0' &&
        part >= 1 && part <= of && of <= SHARDS_MOST) {
        ret->shard = part;
        ret->shards = of;
        return 0;
    }
    return refuse("--shard must be K/N, K from 1 to N and N at most %d, not \"%s\"",
                  SHARDS_MOST, text);
}

/* 0: go on; positive: leave with 0; negative: leave with its absolute value. */
static int parse(int argc, char **argv, struct options *ret)
{
    enum {
        FOREGROUND = 256,
        JOBS,
        PYTHON,
        BACKEND,
        LEVEL,
        PIPE,
        FAIL_FAST,
        DESCRIBE,
        SHARD,
        EXPORT,
        IMPORT,
        HELP,
        VERSION
    };
    static const struct option longs[] = {
        {"foreground", no_argument, NULL, FOREGROUND},
        {"jobs", required_argument, NULL, JOBS},
        {"python", required_argument, NULL, PYTHON},
        {"backend", required_argument, NULL, BACKEND},
        {"log-level", required_argument, NULL, LEVEL},
        {"pipe", no_argument, NULL, PIPE},
        {"fail-fast", no_argument, NULL, FAIL_FAST},
        {"describe", required_argument, NULL, DESCRIBE},
        {"shard", required_argument, NULL, SHARD},
        {"export", required_argument, NULL, EXPORT},
        {"import", required_argument, NULL, IMPORT},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    int level = 0;
    int error = 0;
    while (error == 0 && (option = getopt_long(argc, argv, "C:", longs, NULL)) != -1) {
        switch (option) {
        case 'C':
            ret->directory = optarg;
            break;
        case FOREGROUND:
            ret->foreground = true;
            break;
        case JOBS:
            error = parse_jobs(optarg, &ret->jobs);
            break;
        case PYTHON:
            ret->python = optarg;
            break;
        case BACKEND:
            error = parse_backend(optarg, &ret->backend);
            break;
        case LEVEL:
            level = log_level_parse(optarg);
            if (level < 0)
                error = refuse(
                    "--log-level must be error, warning, info or debug, not \"%s\"",
                    optarg);
            else
                log_set_level((enum log_level)level);
            break;
        case PIPE:
            ret->pipe = true;
            break;
        case FAIL_FAST:
            ret->fail_fast = true;
            break;
        case DESCRIBE:
            ret->describe = optarg;
            break;
        case SHARD:
            error = parse_shard(optarg, ret);
            break;
        case EXPORT:
            ret->export = optarg;
            break;
        case IMPORT:
            ret->import = optarg;
            break;
        case HELP:
            fputs(usage, stdout);
            return 1;
        case VERSION:
            puts("snifferd " SNIFFER_VERSION);
            return 1;
        default:
            return -EXIT_USAGE; /* getopt has said what */
        }
    }
    if (error == 0 && optind < argc)
        error = refuse("\"%s\" is one argument too many", argv[optind]);
    return error;
}

/* ---- ROOT/.sniffer ---- */

static int write_once(const char *folder, const char *name, const char *text)
{
    autofree char *path = path_join(folder, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno;
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* Who can write there could make us write elsewhere, or say what we know. */
static int check_state(const char *root, const char *state)
{
    struct stat entry, folder, above;
    if (lstat(state, &entry) < 0 || stat(state, &folder) < 0 || stat(root, &above) < 0)
        return -errno;
    const uid_t owners[] = {entry.st_uid, folder.st_uid};
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (owners[i] != geteuid() && owners[i] != above.st_uid)
            return -EPERM;
    if (folder.st_uid == geteuid() && (folder.st_mode & 0777) != 0700 &&
        chmod(state, 0700) < 0)
        return -errno;
    return 0;
}

/* What tests printed is nobody else's business: the folder is closed to others. */
static int make_state(const char *root, const char *state)
{
    if (mkdir(state, 0700) < 0 && errno != EEXIST)
        return -errno;
    int error = check_state(root, state);
    if (error == 0)
        error = write_once(state, ".gitignore", "*\n");
    if (error == 0)
        error =
            write_once(state, "CACHEDIR.TAG",
                       "Signature: 8a477f597d28d172789f06886806bc55\n"
                       "# This folder holds what sniffer knows of the tests; it can be "
                       "made again.\n");
    return error;
}

static int open_log(const char *state)
{
    autofree char *path = path_join(state, "snifferd.log");
    autofree char *old = path_join(state, "snifferd.log.old");
    struct stat status;
    if (stat(path, &status) == 0 && status.st_size > LOG_LIMIT)
        rename(path, old);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* Installed, the Python half is beside the program: P/bin/snifferd, P/lib/sniffer/python. */
static char *find_plugin(void)
{
    const char *given = getenv("SNIFFER_PLUGIN");
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    autofree char *found = NULL;
    if (given != NULL && given[0] != '\0') {
        found = xstrdup(given);
    } else if (length > 0) {
        self[length] = '\0';
        autofree char *bin = path_parent(self);
        autofree char *prefix = path_parent(bin);
        found = path_join(prefix, "lib/sniffer/python");
    }
    if (found == NULL)
        return NULL;
    autofree char *host = path_join(found, "sniffer_host.py");
    if (access(host, R_OK) < 0) {
        fprintf(
            stderr,
            "snifferd: %s is missing; install sniffer whole (cmake --install), or set "
            "SNIFFER_PLUGIN to the folder that holds sniffer_host.py\n",
            host);
        return NULL;
    }
    return xstrdup(found);
}

/* ---- detaching ---- */

/* The caller's shell gets its prompt back when the socket answers, or an exit code when it cannot.
 * The number written to the pipe is that code. */
struct birth {
    int pipe; /* to the waiting parent; -1: foreground */
    int log;  /* becomes stderr once all is well; -1: foreground */
    struct notify notify;
};

static int wait_for_child(int fd, pid_t child)
{
    unsigned char code = 0;
    ssize_t length = 0;
    do
        length = read(fd, &code, 1);
    while (length < 0 && errno == EINTR);
    if (length == 1)
        return code;
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NO_START;
}

/* In the child: 0; in the parent: does not return. */
static int detach(struct birth *birth)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        close(fds[1]);
        exit(wait_for_child(fds[0], child));
    }
    close(fds[0]);
    setsid();
    birth->pipe = fds[1];
    return 0;
}

static void started(void *owner)
{
    struct birth *birth = owner;
    if (birth->pipe >= 0) {
        autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(birth->log >= 0 ? birth->log : null,
             STDERR_FILENO); /* a sanitizer's or a library's last words, too */
    }
    if (birth->pipe >= 0) {
        unsigned char code = 0;
        if (write(birth->pipe, &code, 1) != 1)
            log_warning("nobody waits for the start");
        close(birth->pipe);
        birth->pipe = -1;
    }
    notify_ready(&birth->notify);
}

/* ---- the house, opened and closed in order ---- */

static int fail(const char *what, const char *path, int error)
{
    fprintf(stderr, "snifferd: cannot %s %s: %s\n", what, path, strerror(-error));
    return EXIT_NO_START;
}

static int open_index(const char *state, struct index **ret)
{
    autofree char *path = path_join(state, "index.sqlite");
    char *aside = NULL;
    int error = index_open(ret, path, &aside);
    if (aside != NULL)
        log_warning(
            "the index could not be used; it was set aside as %s and a new one begun",
            aside);
    free(aside);
    return error;
}

/* The first process that holds a lock of SQLite's there; 0: none, or not known. */
static pid_t holder(const char *path)
{
    autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK
               ? lock.l_pid
               : 0;
}

static int fail_busy(const char *state)
{
    autofree char *path = path_join(state, "index.sqlite");
    pid_t pid = holder(path);
    if (pid > 0)
        fprintf(stderr,
                "snifferd: %s is held by process %d: a daemon with another socket, or a "
                "program that reads it; end that one first\n",
                path, (int)pid);
    else
        fprintf(stderr, "snifferd: %s is held by another program; end that one first\n",
                path);
    return EXIT_NO_START;
}

static int with_index(const struct options *options, const char *root, const char *state,
                      const char *plugin, int socket, struct birth *birth)
{
    struct index *index = NULL;
    int error = open_index(state, &index);
    if (error == -EBUSY)
        return fail_busy(state);
    if (error < 0)
        return fail("open the index in", state, error);
    struct config config = {0};
    char *message = NULL;
    autofree char *failed = NULL;
    if (config_load(root, &config, &message) < 0) {
        /* There are no last good settings yet. */
        fprintf(stderr, "snifferd: %s\n", message);
        free(message);
        index_close(index);
        return EXIT_NO_START;
    }
    index_keep_history(index, config.history);
    error = loop_run(&(struct house_settings){.root = root,
                                              .state = state,
                                              .plugin = plugin,
                                              .socket = socket,
                                              .index = index,
                                              .config = config,
                                              .jobs = options->jobs,
                                              .python = options->python,
                                              .backend = options->backend,
                                              .fail_fast = options->fail_fast,
                                              .shard = options->shard,
                                              .shards = options->shards,
                                              .pipe = options->pipe,
                                              .notify = &birth->notify,
                                              .ret_failed = &failed},
                     started, birth);
    index_close(index);
    if (failed != NULL)
        return fail("make", failed, error);
    return error < 0 ? fail("watch", root, error) : EXIT_SUCCESS;
}

/* Where clients find the daemon. */
struct seat {
    char *path;
    int socket, lock; /* -1: not yet */
    bool passed;      /* systemd's: it goes on listening when we are gone */
};

static int fail_second(const char *root, const char *path)
{
    fprintf(stderr, "snifferd: a daemon already runs for %s (socket %s)\n", root, path);
    return EXIT_NO_START;
}

/* The socket that systemd may have passed, to this very process: before it detaches. */
static int find_seat(const char *root, struct seat *ret)
{
    *ret = (struct seat){.socket = -1, .lock = -1};
    int error = place_socket(root, &ret->path);
    if (error < 0)
        return fail("place a socket for", root, error);
    error = place_inherit(ret->path, &ret->socket, &ret->lock);
    ret->passed = error == 0;
    if (error == 0 || error == -ENOENT)
        return 0;
    if (error == -EADDRNOTAVAIL || error == -EINVAL)
        fprintf(stderr,
                "snifferd: what systemd passed is not the socket %s, where clients of %s "
                "look; see snifferctl service --help\n",
                ret->path, root);
    else if (error == -EADDRINUSE)
        return fail_second(root, ret->path);
    else
        return fail("take over the socket", ret->path, error);
    return EXIT_NO_START;
}

/* A daemon that is killed while it begins a worker leaves a child that holds its lock, and its socket,
 * until that child has noticed: nobody answers, and nobody will, whoever can connect. The kernel names
 * the process that began to listen, and that one is gone. */
enum { PATIENCE = 500, PAUSE_MS = 10 };

static bool is_answered(const char *path)
{
    autoclose int fd = -1;
    pid_t pid = 0;
    int error = place_connect(path, &fd);
    if (error == 0 && place_peer_trusted(fd, &pid))
        return kill(pid, 0) == 0 || errno != ESRCH;
    return error != -ECONNREFUSED && error != -ENOENT;
}

static int take_seat(const char *root, struct seat *seat)
{
    if (seat->passed)
        return 0;
    int error = place_listen(seat->path, &seat->socket, &seat->lock);
    for (int i = 0; error == -EADDRINUSE && i < PATIENCE && !is_answered(seat->path);
         i++) {
        poll(NULL, 0, PAUSE_MS);
        error = place_listen(seat->path, &seat->socket, &seat->lock);
    }
    if (error == 0)
        return 0;
    if (error == -EPERM) {
        fprintf(stderr,
                "snifferd: cannot listen on %s: its folder is a link, another user's, or "
                "one that others "
                "can write or rename; set XDG_RUNTIME_DIR or SNIFFER_SOCKET to a place "
                "of your own\n",
                seat->path);
        return EXIT_NO_START;
    }
    if (error != -EADDRINUSE)
        return fail("listen on", seat->path, error);
    return fail_second(root, seat->path);
}

static void leave_seat(struct seat *seat)
{
    if (seat->socket >= 0 && !seat->passed)
        unlink(seat->path);
    if (seat->socket >= 0)
        close(seat->socket);
    if (seat->lock >= 0)
        close(seat->lock);
    free(seat->path);
}

static int with_seat(const struct options *options, const char *root, struct seat *seat,
                     struct birth *birth)
{
    autofree char *plugin = find_plugin();
    if (plugin == NULL)
        return EXIT_NO_START;
    autofree char *state = path_join(root, ".sniffer");
    int error = make_state(root, state);
    if (error == -EPERM) {
        fprintf(stderr,
                "snifferd: %s is another user's, who could change what is in it; run "
                "snifferd as that user, or remove it\n",
                state);
        return EXIT_NO_START;
    }
    if (error < 0) /* then it lives in memory */
        log_warning("cannot write %s: %s", state, strerror(-error));
    int code = take_seat(root, seat);
    if (code != 0)
        return code;
    birth->log = options->foreground ? -1 : open_log(state);
    if (birth->log >= 0)
        log_set_fd(
            birth->log); /* what fails goes to stderr all the same, until it is started */
    log_info("snifferd %s for %s, pid %d", SNIFFER_VERSION, root, (int)getpid());
    return with_index(options, root, state, plugin, seat->socket, birth);
}

static int describe(const struct options *options, const char *root)
{
    autofree char *plugin = find_plugin();
    if (plugin == NULL)
        return EXIT_NO_START;
    int error = foreground_describe(&(struct house_settings){.root = root,
                                                             .plugin = plugin,
                                                             .python = options->python},
                                    options->describe);
    return error < 0 || fflush(stdout) != 0 ? EXIT_NO_START : EXIT_SUCCESS;
}

/* ---- the index as a file, where no daemon runs ---- */

static int carry(const struct options *options, const char *root)
{
    autofree char *state = path_join(root, ".sniffer");
    autofree char *path = path_join(state, "index.sqlite");
    if (options->import == NULL && access(path, R_OK) < 0) {
        fprintf(stderr, "snifferd: nothing is known of %s yet: %s: %s\n", root, path,
                strerror(errno));
        return EXIT_NO_START;
    }
    int error = make_state(root, state);
    if (error < 0)
        return fail("write", state, error);
    struct index *index = NULL;
    error = open_index(state, &index);
    if (error == -EBUSY)
        return fail_busy(state);
    if (error < 0)
        return fail("open the index in", state, error);
    struct index_merged merged = {0};
    if (options->import != NULL) {
        error = index_import(index, options->import, &merged);
        if (error < 0)
            fprintf(stderr, "snifferd: cannot import %s: %s\n", options->import,
                    index_why_not(error));
        else
            fprintf(stderr, "%lld verdicts of %lld test files were added\n",
                    (long long)merged.verdicts, (long long)merged.files);
    } else {
        error = index_export(index, options->export);
        if (error < 0)
            fail("write", options->export, error);
    }
    index_close(index);
    return error < 0 ? EXIT_REFUSED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options = {.directory = ".", .backend = "auto"};
    struct birth birth = {.pipe = -1, .log = -1, .notify = {.fd = -1}};
    int parsed = parse(argc, argv, &options);
    if (parsed != 0)
        return parsed > 0 ? EXIT_SUCCESS : -parsed;
    autofree char *root = place_root(options.directory);
    if (root == NULL) {
        fprintf(stderr, "snifferd: %s: %s\n", options.directory, strerror(errno));
        return EXIT_USAGE;
    }
    if (options.export != NULL || options.import != NULL)
        return carry(&options, root);
    if (chdir(root) < 0)
        return fail("enter", root, -errno);
    if (options.describe != NULL)
        return describe(&options, root);
    struct seat seat;
    int code = find_seat(root, &seat);
    int error = code == 0 ? notify_open(&birth.notify) : 0;
    if (error < 0)
        log_warning("cannot tell systemd anything: %s", strerror(-error));
    error = code == 0 && !options.foreground ? detach(&birth) : 0;
    if (error < 0)
        code = fail("detach from", "the terminal", error);
    if (code == 0)
        code = with_seat(&options, root, &seat, &birth);
    leave_seat(&seat);
    notify_close(&birth.notify);
    if (birth.pipe >= 0) {
        unsigned char byte = (unsigned char)code;
        if (write(birth.pipe, &byte, 1) != 1)
            code = EXIT_NO_START;
    }
    return code;
}
