#include "tests/support/fake_host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int orders, reports, looks;
static const char *mode;

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(int fd, const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (const char *at = line; length > 0;) {
        ssize_t wrote = write(fd, at, (size_t)length);
        if (wrote < 0)
            _exit(99);
        at += wrote;
        length -= (int)wrote;
    }
}

static void sleep_forever(void)
{
    for (;;)
        pause();
}

/* A process that leaves its session and its parent, ignores TERM and keeps all pipes open. It is
 * there when this returns. */
static void leave_daemon(void)
{
    int there[2];
    char byte;
    if (pipe(there) < 0)
        _exit(99);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            signal(SIGTERM, SIG_IGN);
            close(there[0]);
            say(there[1], "x");
            sleep_forever();
        }
        _exit(0);
    }
    wait(NULL);
    if (read(there[0], &byte, 1) != 1)
        _exit(99);
}

/* ---- what a child does ---- */

static void test_begins(int run)
{
    say(reports, "{\"report\":\"test\",\"run\":%d,\"test\":\"T.a\"}\n", run);
}

static void test_ends(int run)
{
    say(reports,
        "{\"report\":\"result\",\"run\":%d,\"test\":\"T.a\",\"outcome\":\"success\","
        "\"duration_ms\":1.5,\"exception\":null,\"report_text\":null}\n",
        run);
}

static void done(int run)
{
    say(reports, "{\"report\":\"done\",\"run\":%d}\n", run);
}

static void look(int run, int number)
{
    say(looks,
        "{\"report\":\"look\",\"run\":%d,\"kind\":\"content\",\"path\":\"data/%d\","
        "\"seen\":[1,2,3,4,5,6]}\n",
        run, number);
}

static void pass(int run)
{
    test_begins(run);
    look(run, 0);
    say(STDOUT_FILENO, "hello\n");
    test_ends(run);
    done(run);
}

static void print_much(void)
{
    static char block[1 << 20];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 50; i++)
        for (size_t at = 0; at < sizeof block;) {
            ssize_t wrote = write(STDOUT_FILENO, block + at, sizeof block - at);
            if (wrote < 0)
                _exit(99);
            at += (size_t)wrote;
        }
    say(STDERR_FILENO, "the end");
}

/* What the host was given by who started it, as the kernel tells it. */
static void show_surroundings(void)
{
    char path[64];
    char line[256];
    pid_t host = getppid();
    snprintf(path, sizeof path, "/proc/%d/status", host);
    FILE *status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0)
            say(STDOUT_FILENO, "%s", line);
    if (status != NULL)
        fclose(status);
    say(STDOUT_FILENO, "leader %d\n", getsid(host) == host);
    for (int fd = 0; fd < 100; fd++) {
        char target[256] = "";
        snprintf(path, sizeof path, "/proc/%d/fd/%d", host, fd);
        if (readlink(path, target, sizeof target - 1) > 0)
            say(STDOUT_FILENO, "fd %d %s\n", fd, fd == 0 ? target : "");
    }
    if (getcwd(line, sizeof line) != NULL)
        say(STDOUT_FILENO, "cwd %s\n", line);
}

static void close_all(void)
{
    const int fds[] = {STDOUT_FILENO, STDERR_FILENO, orders, reports, looks};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
}

static void ignore_term(void)
{
    signal(SIGTERM, SIG_IGN);
    leave_daemon();
}

/* The files X and Y in one process; Y's test begins once somebody sends USR1, and has no end. */
static void play_two(int run)
{
    sigset_t awaited;
    int signal = 0;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGUSR1);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    say(reports, "{\"report\":\"test\",\"run\":%d,\"file\":\"X\",\"test\":\"T.a\"}\n",
        run);
    sigwait(&awaited, &signal);
    for (int i = 0; i < 2; i++)
        say(reports, "{\"report\":\"test\",\"run\":%d,\"file\":\"Y\",\"test\":\"T.b\"}\n",
            run);
    sleep_forever();
}

static int play(int run, const char *file)
{
    if (strcmp(file, "two_files") == 0)
        play_two(run);
    if (strcmp(file, "passes") == 0) {
        pass(run);
    } else if (strcmp(file, "exits_3") == 0) {
        test_begins(run);
        return 3;
    } else if (strcmp(file, "hangs") == 0) {
        test_begins(run);
        sleep_forever();
    } else if (strcmp(file, "hangs_deaf") == 0) {
        ignore_term();
        test_begins(run);
        sleep_forever();
    } else if (strcmp(file, "hangs_done") == 0) {
        pass(run);
        test_begins(run);
        sleep_forever();
    } else if (strcmp(file, "leaves_daemon") == 0) {
        leave_daemon();
        pass(run);
    } else if (strcmp(file, "prints") == 0) {
        print_much();
        done(run);
    } else if (strcmp(file, "looks") == 0) {
        for (int i = 1; i <= 1000; i++)
            look(run, i);
        done(run);
    } else if (strcmp(file, "tears_line") == 0) {
        test_begins(run);
        say(reports, "{\"report\":\"result\",\"run\":%d,\"te", run);
        kill(getpid(), SIGKILL);
    } else if (strcmp(file, "tears_look") == 0) {
        pass(run);
        say(looks, "{\"report\":\"look\",\"ru");
    } else if (strcmp(file, "garbles_look") == 0) {
        say(looks, "nonsense\n");
        pass(run);
    } else if (strcmp(file, "kills_host") == 0) {
        ignore_term();
        test_begins(run);
        look(run, 7);
        say(STDOUT_FILENO, "last words");
        kill(getppid(), SIGKILL);
        sleep_forever();
    } else if (strcmp(file, "floods_and_kills_host") == 0) {
        for (int i = 1; i <= 1500; i++) {
            test_ends(run);
            look(run, i);
        }
        say(looks, "{\"report\":\"look\",\"ru");
        kill(getppid(), SIGKILL);
        sleep_forever();
    } else if (strcmp(file, "closes") == 0) {
        close_all();
    } else if (strcmp(file, "strays") == 0) {
        test_ends(run + 1);
        look(run - 1, 5);
        say(looks, "{\"report\":\"done\",\"run\":%d}\n", run);
    } else if (strcmp(file, "surroundings") == 0) {
        show_surroundings();
        done(run);
    }
    return 0;
}

/* ---- the host ---- */

/* All that is below us, also what left its session: orphans come to us. */
static void kill_rest(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    do {
        FILE *children = fopen(path, "re");
        int pid = 0;
        while (children != NULL && fscanf(children, "%d", &pid) == 1)
            if (strcmp(mode, "lazy") != 0) /* it only waits: others have to kill */
                kill(pid, SIGKILL);
        if (children != NULL)
            fclose(children);
    } while (waitpid(-1, NULL, 0) > 0);
}

static void do_run(int run, const char *file)
{
    if (strcmp(file, "finds_no_process") == 0) {
        say(STDERR_FILENO, "cannot start a process\n");
        _exit(4);
    }
    pid_t child = fork();
    if (child == 0) {
        setsid();
        _exit(play(run, file));
    }
    if (strcmp(mode, "tardy") == 0)
        raise(SIGSTOP); /* until the test lets us go on */
    say(reports, "{\"report\":\"started\",\"run\":%d,\"pid\":%d}\n", run, child);
    int status = 0;
    waitpid(child, &status, 0);
    kill_rest();
    if (strcmp(mode, "stuck") == 0)
        sleep_forever();
    if (strcmp(file, "warms") == 0)
        say(reports,
            "{\"report\":\"warm\",\"spares\":1,\"layers\":%d,\"without\":"
            "[{\"folder\":\"t\",\"why\":\"threads run\"}],\"more\":%d}\n",
            run + 1, run);
    say(reports, "{\"report\":\"exited\",\"run\":%d,\"status\":%d,\"signal\":%d}\n", run,
        WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void obey(char *line)
{
    int number = 0;
    char file[64];
    char *paths = strstr(line, "\"paths\":");
    if (sscanf(line, "{\"order\":\"run\",\"run\":%d,\"file\":\"%63[^\"]", &number,
               file) == 2)
        do_run(number, file);
    else if (sscanf(line, "{\"order\":\"classify\",\"id\":%d,", &number) == 1 &&
             paths != NULL)
        say(reports,
            "{\"report\":\"classified\",\"id\":%d,\"message\":null,\"tests\":%s\n",
            number, paths + strlen("\"paths\":"));
    else if (sscanf(line, "{\"order\":\"blocks\",\"id\":%d,\"paths\":[\"%63[^\"]",
                    &number, file) == 2)
        say(reports,
            "{\"report\":\"blocks\",\"id\":%d,\"sources\":[{\"path\":\"%s\",\"seen\":"
            "null}]}\n",
            number, file);
    else
        _exit(98);
}

static void fail_to_be_ready(void)
{
    if (strcmp(mode, "crash") == 0) {
        say(STDERR_FILENO, "Traceback:\n  first\nImportError: no module named spam\n");
        _exit(1);
    }
    if (strcmp(mode, "unfit") == 0) {
        say(reports, "{\"report\":\"unfit\",\"kind\":\"framework_missing\","
                     "\"message\":\"nose is not installed; install it\"}\n");
        _exit(3);
    }
    if (strcmp(mode, "silent") == 0)
        close_all();
    if (strcmp(mode, "silent") == 0 || strcmp(mode, "hangs") == 0)
        sleep_forever();
}

bool fake_host_wanted(int argc, char **argv)
{
    return argc > 2 && strcmp(argv[1], "host") == 0;
}

int fake_host(int argc, char **argv)
{
    mode = argv[2];
    if (argc != 9 || strcmp(argv[3], "--orders") != 0 ||
        strcmp(argv[5], "--reports") != 0 || strcmp(argv[7], "--looks") != 0)
        return 97;
    orders = (int)strtol(argv[4], NULL, 10);
    reports = (int)strtol(argv[6], NULL, 10);
    looks = (int)strtol(argv[8], NULL, 10);
    fail_to_be_ready();
    say(reports,
        "{\"report\":\"ready\",\"protocol\":%d,\"framework\":\"fake\",\"framework_"
        "version\":"
        "\"1\",\"python\":\"%d\",\"suffixes\":[\".py\"],\"environment\":[]}\n",
        strcmp(mode, "old") == 0 ? 0 : 1, getpid());
    if (strcmp(mode, "deaf") == 0)
        sleep_forever();
    FILE *in = fdopen(orders, "r");
    char line[4096];
    while (in != NULL && fgets(line, sizeof line, in) != NULL)
        obey(line);
    _exit(0);
}
