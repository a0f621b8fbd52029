#include "daemon/worker/reap.h"

#include "daemon/base/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

enum { ROUNDS = 64 };

struct process {
    pid_t pid, parent, group, session;
    unsigned long long born; /* with the pid: which process it is, for all time */
    bool zombie;
    bool below;
};

struct census {
    struct process *processes; /* ordered by pid */
    size_t count, capacity;
};

/* 0, or -ESRCH where there is no such process. */
static int look(pid_t pid, struct process *ret)
{
    char path[32];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    ssize_t length = read(fd, text, sizeof text - 1);
    if (length <= 0)
        return -ESRCH;
    text[length] = '\0';
    /* The name is in parentheses and may itself contain some: the last one ends it. After it and a letter for
     * the state there are numbers alone. */
    enum { PARENT, GROUP, SESSION, BORN = 18, NUMBERS };
    unsigned long long numbers[NUMBERS];
    const char *rest = strrchr(text, ')');
    if (rest == NULL || strlen(rest) < strlen(") S "))
        return -ESRCH;
    char state = rest[2];
    rest += strlen(") S ");
    for (size_t i = 0; i < NUMBERS; i++) {
        char *end = NULL;
        numbers[i] =
            strtoull(rest, &end, 10); /* what is negative wraps: no one of ours */
        if (end == rest)
            return -ESRCH;
        rest = end;
    }
    *ret = (struct process){.pid = pid,
                            .parent = (pid_t)numbers[PARENT],
                            .group = (pid_t)numbers[GROUP],
                            .session = (pid_t)numbers[SESSION],
                            .born = numbers[BORN],
                            .zombie = state == 'Z' || state == 'X'};
    return 0;
}

bool reap_is_stranger(pid_t pid)
{
    struct process process;
    for (; pid > 1 && pid != getpid(); pid = process.parent)
        if (look(pid, &process) < 0)
            return false;
    return pid != getpid();
}

static int by_pid(const void *a, const void *b)
{
    const struct process *left = a;
    const struct process *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void census_take(struct census *ret)
{
    *ret = (struct census){0};
    DIR *proc = opendir("/proc");
    if (proc == NULL)
        return;
    for (const struct dirent *entry = readdir(proc); entry != NULL;
         entry = readdir(proc)) {
        char *end = NULL;
        long pid = strtol(entry->d_name, &end, 10);
        struct process process;
        if (pid <= 0 || *end != '\0' || look((pid_t)pid, &process) < 0)
            continue;
        ret->processes =
            xgrow(ret->processes, ret->count, &ret->capacity, sizeof process);
        ret->processes[ret->count++] = process;
    }
    closedir(proc);
    if (ret->count > 0)
        qsort(ret->processes, ret->count, sizeof *ret->processes, by_pid);
}

static void census_finish(const struct census *census)
{
    free(census->processes);
}

static const struct process *census_find(const struct census *census, pid_t pid)
{
    const struct process key = {.pid = pid};
    return census->count > 0
               ? bsearch(&key, census->processes, census->count, sizeof key, by_pid)
               : NULL;
}

/* Marks also what lies below the marked ones. Again until nothing is new: a pid may be
 * smaller than its parent's. */
static void census_spread(const struct census *census)
{
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t i = 0; i < census->count; i++) {
            struct process *process = &census->processes[i];
            const struct process *parent = census_find(census, process->parent);
            if (process->below || parent == NULL || !parent->below)
                continue;
            process->below = grown = true;
        }
    }
}

/* A pidfd for exactly PROCESS: its number may belong to another one by now. -1: it is
 * gone. */
static int open_exactly(const struct process *process)
{
    int fd = pidfd_open(process->pid, 0);
    struct process now;
    if (fd >= 0 && (look(process->pid, &now) < 0 || now.born != process->born)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool kill_exactly(const struct process *process)
{
    autoclose int fd = open_exactly(process);
    return fd >= 0 && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
}

int reap_crowd(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? info.procs : 0;
}

size_t reap_count_below(pid_t top)
{
    struct census census;
    size_t count = 0;
    census_take(&census);
    for (size_t i = 0; i < census.count; i++)
        census.processes[i].below = census.processes[i].parent == top;
    census_spread(&census);
    for (size_t i = 0; i < census.count; i++)
        count += census.processes[i].below;
    census_finish(&census);
    return count;
}

void reap_term(pid_t child, pid_t parent)
{
    struct process process;
    if (look(child, &process) < 0 || process.parent != parent)
        return;
    /* Ended or not, while it is unreaped its number is nobody else's, nor is that of its
     * group. */
    if (process.group == child)
        kill(-child, SIGTERM);
    else
        kill(child, SIGTERM);
}

/* One round; true where somebody was killed who was not in KILLED before. */
static bool kill_round(pid_t top, struct census *killed)
{
    struct census census;
    census_take(&census);
    bool new = false;
    for (size_t i = 0; i < census.count; i++)
        census.processes[i].below = census.processes[i].parent == top;
    census_spread(&census);
    for (size_t i = 0; i < census.count; i++) {
        const struct process *process = &census.processes[i];
        bool known = false;
        for (size_t j = 0; j < killed->count && !known; j++)
            known = killed->processes[j].pid == process->pid &&
                    killed->processes[j].born == process->born;
        if (!process->below || process->zombie || known || !kill_exactly(process))
            continue;
        killed->processes = xgrow(killed->processes, killed->count, &killed->capacity,
                                  sizeof *killed->processes);
        killed->processes[killed->count++] = *process;
        new = true;
    }
    census_finish(&census);
    return new;
}

void reap_kill_below(pid_t top)
{
    /* Who is found may just have forked: look again until a round finds nobody new. */
    struct census killed = {0};
    for (int round = 0; round < ROUNDS && kill_round(top, &killed); round++)
        ;
    census_finish(&killed);
}

static bool is_spared(const struct process *process, const pid_t *spared, size_t count)
{
    if (process->session == getsid(0))
        return true;
    for (size_t i = 0; i < count; i++)
        if (process->pid == spared[i])
            return true;
    return false;
}

/* True where the world was changed so that another look is worth it. */
static bool adopted_round(const pid_t *spared, size_t count, int *ret_fd)
{
    struct census census;
    census_take(&census);
    bool changed = false;
    for (size_t i = 0; i < census.count; i++) {
        struct process *process = &census.processes[i];
        process->below =
            process->parent == getpid() && !is_spared(process, spared, count);
    }
    census_spread(&census);
    for (size_t i = 0; i < census.count; i++) {
        const struct process *process = &census.processes[i];
        if (!process->below)
            continue;
        if (process->zombie)
            changed |= process->parent == getpid() &&
                       waitpid(process->pid, NULL, WNOHANG) == process->pid;
        else if (kill_exactly(process)) {
            changed = true;
            if (*ret_fd < 0)
                *ret_fd = open_exactly(process);
        }
    }
    census_finish(&census);
    return changed;
}

int reap_adopted(const pid_t *spared, size_t count)
{
    int fd = -1;
    for (int round = 0; round < ROUNDS && fd < 0; round++)
        if (!adopted_round(spared, count, &fd))
            break;
    return fd;
}
