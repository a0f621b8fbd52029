/* Programs being started.
 *
 * Whatever environment the child is given, it gets the two variables that make it heard:
 * LD_PRELOAD, ours behind what the user has there (some, as the address sanitizer's, insist on being
 * first), and the log's path. execl and its like take lists, so they are built anew from execve. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="
#define LOG "SNIFFER_TRACE_LOG="
#define SANITIZER "ASAN_OPTIONS="
#define SIZE_OF(prefix) (sizeof(prefix) - 1)

/* ---- the child's environment ---- */

enum { FEW = 256 };

/* Vectors that fit are on the stack. Others are mapped: between vfork and exec nothing may be freed
 * that the parent still has, and an exec that goes well frees them by itself. */
struct vector {
    const char **items;
    size_t mapped; /* bytes */
    const char *few[FEW];
};

static bool vector_make(struct vector *vector, size_t count)
{
    vector->mapped = 0;
    vector->items = vector->few;
    if (count <= FEW)
        return true;
    vector->mapped = count * sizeof *vector->items;
    vector->items = raw_mmap(vector->mapped, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    return vector->items != NULL;
}

static void vector_drop(struct vector *vector)
{
    if (vector->mapped != 0 && vector->items != NULL)
        raw_munmap(vector->items, vector->mapped);
}

/* Small enough for a stack. Nothing in it is mapped in the usual case: a vfork child whose exec
 * goes well would leave that behind in its parent. */
struct environment {
    struct vector vector;
    char *preload;
    size_t mapped;
    char few[512];
    char options[512]; /* of the address sanitizer */
};

static bool is_variable(const char *text, const char *prefix, size_t length)
{
    return strncmp(text, prefix, length) == 0;
}

/* Does LIST (names parted by colons or blanks) have NAME? */
static bool list_has(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; *at != '\0';) {
        size_t this = strcspn(at, ": ");
        if (this == length && memcmp(at, name, length) == 0)
            return true;
        at += this;
        at += strspn(at, ": ");
    }
    return false;
}

/* USERS, whole, and then ours. */
static bool make_preload(struct environment *to, const char *users)
{
    const char *own = attach_library();
    size_t length = strlen(users);
    size_t own_length = strlen(own);
    size_t size = SIZE_OF(PRELOAD) + length + own_length + 2;
    to->preload = to->few;
    if (size > sizeof to->few) {
        to->mapped = size;
        to->preload = raw_mmap(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    }
    if (to->preload == NULL)
        return false;
    char *at = to->preload;
    memcpy(at, PRELOAD, SIZE_OF(PRELOAD));
    at += SIZE_OF(PRELOAD);
    memcpy(at, users, length + 1);
    at += length;
    if (list_has(users, own))
        return true;
    if (length > 0)
        *at++ = ':';
    memcpy(at, own, own_length + 1);
    return true;
}

/* It ends a program in which its own library is not the first, unless it is told not to look. */
static bool make_options(struct environment *to, const char *users)
{
    static const char own[] = ":verify_asan_link_order=0";
    size_t length = strlen(users);
    if (length + sizeof own > sizeof to->options)
        return false;
    memcpy(to->options, users, length);
    memcpy(to->options + length, own, sizeof own);
    return true;
}

static size_t count_of(char *const *items)
{
    size_t count = 0;
    while (items != NULL && items[count] != NULL)
        count++;
    return count;
}

/* The parts may be made or not; environment_drop takes both. */
static bool environment_make(struct environment *to, char *const *given, bool sanitized)
{
    const char *users = "";
    const char *options = SANITIZER;
    size_t count = 0;
    to->mapped = 0;
    if (!vector_make(&to->vector, count_of(given) + 4))
        return false;
    for (char *const *at = given; at != NULL && *at != NULL; at++) {
        if (is_variable(*at, PRELOAD, SIZE_OF(PRELOAD)))
            users = users[0] != '\0' ? users : *at + SIZE_OF(PRELOAD);
        else if (sanitized && is_variable(*at, SANITIZER, SIZE_OF(SANITIZER)))
            options = *at;
        else if (!is_variable(*at, LOG, SIZE_OF(LOG)))
            to->vector.items[count++] = *at;
    }
    if (!make_preload(to, users))
        return false;
    to->vector.items[count++] = to->preload;
    to->vector.items[count++] = log_variable();
    if (sanitized)
        to->vector.items[count++] = make_options(to, options) ? to->options : options;
    to->vector.items[count] = NULL;
    return true;
}

static void environment_drop(struct environment *environment)
{
    vector_drop(&environment->vector);
    if (environment->mapped != 0 && environment->preload != NULL)
        raw_munmap(environment->preload, environment->mapped);
}

static bool is_ours(char *const *given)
{
    bool preload = false;
    bool log = false;
    for (char *const *at = given; at != NULL && *at != NULL; at++) {
        if (is_variable(*at, PRELOAD, SIZE_OF(PRELOAD)))
            preload = list_has(*at + SIZE_OF(PRELOAD), attach_library());
        if (is_variable(*at, LOG, SIZE_OF(LOG)))
            log = strcmp(*at, log_variable()) == 0;
    }
    return preload && log;
}

/* ---- starting with it ---- */

typedef int start_function(void *call, char *const *environment);

/* START gets an environment in which the child is heard. Nearly always it is the given one. */
static __attribute__((noinline)) int start_in_another(start_function *start, void *call,
                                                      char *const *given, bool sanitized)
{
    struct environment environment;
    int result = 0;
    if (environment_make(&environment, given, sanitized)) {
        result = start(call, (char *const *)(void *)environment.vector.items);
    } else {
        look_unseen(TRACE_UNREADABLE, "environment");
        result = start(call, given);
    }
    int error = errno;
    environment_drop(&environment);
    errno = error;
    return result;
}

static int start_heard(start_function *start, void *call, char *const *given,
                       unsigned program)
{
    bool sanitized = (program & PROGRAM_SANITIZED) != 0;
    if (log_current() == NULL || attach_library()[0] == '\0' ||
        (is_ours(given) && !sanitized))
        return start(call, given);
    return start_in_another(start, call, given, sanitized);
}

/* ---- exec ---- */

struct exec {
    const char *path;
    int folder, flags;
    char *const *arguments;
};

static int start_execve(void *call, char *const *environment)
{
    const struct exec *exec = call;
    REAL(execve);
    return real(exec->path, exec->arguments, environment);
}

static int start_execvpe(void *call, char *const *environment)
{
    const struct exec *exec = call;
    REAL(execvpe);
    return real(exec->path, exec->arguments, environment);
}

static int start_fexecve(void *call, char *const *environment)
{
    const struct exec *exec = call;
    REAL(fexecve);
    return real(exec->folder, exec->arguments, environment);
}

static int start_execveat(void *call, char *const *environment)
{
    const struct exec *exec = call;
    REAL(execveat);
    return real(exec->folder, exec->path, exec->arguments, environment, exec->flags);
}

/* What this process loaded can be asked only now. The count goes up before: the program may be
 * there before we could say so. */
static int exec_do(start_function *start, struct exec *exec, char *const *given,
                   unsigned program)
{
    attach_tell_libraries();
    writers_handed_on();
    program_launched(program, 1);
    int result = start_heard(start, exec, given, program);
    program_launched(program, -1);
    return result;
}

PUBLIC int execve(const char *path, char *const arguments[], char *const environment[])
{
    struct exec exec = {.path = path, .arguments = arguments};
    return exec_do(start_execve, &exec, environment,
                   program_starts(AT_FDCWD, path, arguments));
}

PUBLIC int execvpe(const char *name, char *const arguments[], char *const environment[])
{
    struct exec exec = {.path = name, .arguments = arguments};
    return exec_do(start_execvpe, &exec, environment,
                   program_starts_by_name(name, arguments));
}

PUBLIC int fexecve(int fd, char *const arguments[], char *const environment[])
{
    struct exec exec = {.folder = fd, .arguments = arguments};
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return exec_do(start_fexecve, &exec, environment,
                   program_starts(AT_FDCWD, name, arguments));
}

PUBLIC int execveat(int folder, const char *path, char *const arguments[],
                    char *const environment[], int flags)
{
    struct exec exec = {
        .folder = folder, .path = path, .arguments = arguments, .flags = flags};
    if ((flags & AT_EMPTY_PATH) != 0 && raw_access(path, F_OK) != -EFAULT &&
        path[0] == '\0')
        return fexecve(folder, arguments, environment);
    return exec_do(start_execveat, &exec, environment,
                   program_starts(folder, path, arguments));
}

PUBLIC int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

PUBLIC int execvp(const char *name, char *const arguments[])
{
    return execvpe(name, arguments, environ);
}

/* ---- exec with a list ---- */

/* FIRST and what follows in LIST, up to NULL; the list stands behind it afterwards. */
static bool collect(struct vector *vector, const char *first, va_list list)
{
    size_t count = 1;
    va_list copy;
    va_copy(copy, list);
    while (first != NULL && va_arg(copy, const char *) != NULL)
        count++;
    va_end(copy);
    if (!vector_make(vector, count + 1))
        return false;
    vector->items[0] = first;
    for (size_t i = 1; first != NULL && i <= count; i++)
        vector->items[i] = va_arg(list, const char *);
    return true;
}

static int exec_list(bool by_name, const char *name, struct vector *vector,
                     char *const *environment)
{
    char *const *arguments = (char *const *)(void *)vector->items;
    int result = by_name ? execvpe(name, arguments, environment)
                         : execve(name, arguments, environment);
    vector_drop(vector);
    return result;
}

static int no_memory(void)
{
    errno = ENOMEM;
    return -1;
}

PUBLIC int execl(const char *path, const char *first, ...)
{
    struct vector vector;
    va_list list;
    va_start(list, first);
    bool made = collect(&vector, first, list);
    va_end(list);
    return made ? exec_list(false, path, &vector, environ) : no_memory();
}

PUBLIC int execlp(const char *name, const char *first, ...)
{
    struct vector vector;
    va_list list;
    va_start(list, first);
    bool made = collect(&vector, first, list);
    va_end(list);
    return made ? exec_list(true, name, &vector, environ) : no_memory();
}

PUBLIC int execle(const char *path, const char *first, ...)
{
    struct vector vector;
    va_list list;
    va_start(list, first);
    bool made = collect(&vector, first, list);
    char *const *environment = made ? va_arg(list, char *const *) : NULL;
    va_end(list);
    return made ? exec_list(false, path, &vector, environment) : no_memory();
}

/* ---- posix_spawn ---- */

struct spawn {
    pid_t *pid;
    const char *path;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *arguments;
};

static int start_spawn(void *call, char *const *environment)
{
    const struct spawn *spawn = call;
    REAL(posix_spawn);
    return real(spawn->pid, spawn->path, spawn->actions, spawn->attributes,
                spawn->arguments, environment);
}

static int start_spawnp(void *call, char *const *environment)
{
    const struct spawn *spawn = call;
    REAL(posix_spawnp);
    return real(spawn->pid, spawn->path, spawn->actions, spawn->attributes,
                spawn->arguments, environment);
}

static int spawn_do(start_function *start, struct spawn *spawn, char *const *given,
                    unsigned program)
{
    writers_handed_on();
    program_launched(program, 1);
    int result = start_heard(start, spawn, given, program);
    if (result != 0)
        program_launched(program, -1);
    return result;
}

PUBLIC int posix_spawn(pid_t *restrict pid, const char *restrict path,
                       const posix_spawn_file_actions_t *restrict actions,
                       const posix_spawnattr_t *restrict attributes,
                       char *const arguments[restrict], char *const environment[restrict])
{
    struct spawn spawn = {pid, path, actions, attributes, arguments};
    return spawn_do(start_spawn, &spawn, environment,
                    program_starts(AT_FDCWD, path, arguments));
}

PUBLIC int posix_spawnp(pid_t *restrict pid, const char *restrict name,
                        const posix_spawn_file_actions_t *restrict actions,
                        const posix_spawnattr_t *restrict attributes,
                        char *const arguments[restrict],
                        char *const environment[restrict])
{
    struct spawn spawn = {pid, name, actions, attributes, arguments};
    return spawn_do(start_spawnp, &spawn, environment,
                    program_starts_by_name(name, arguments));
}

/* ---- the shell, which libc starts by itself with the environment of this process ---- */

static int set_environment(void *call, char *const *environment)
{
    (void)call;
    for (char *const *at = environment; at != environ && *at != NULL; at++) {
        if (is_variable(*at, PRELOAD, SIZE_OF(PRELOAD)))
            setenv("LD_PRELOAD", *at + SIZE_OF(PRELOAD), 1);
        if (is_variable(*at, LOG, SIZE_OF(LOG)))
            setenv("SNIFFER_TRACE_LOG", *at + SIZE_OF(LOG), 1);
    }
    return 0;
}

static unsigned shell_starts(void)
{
    writers_handed_on();
    start_heard(set_environment, NULL, environ, 0);
    unsigned program = program_starts(AT_FDCWD, "/bin/sh", NULL);
    program_launched(program, 1);
    return program;
}

PUBLIC int system(const char *command)
{
    REAL(system);
    if (command == NULL)
        return real(command);
    unsigned program = shell_starts();
    int result = real(command);
    if (result == -1)
        program_launched(program, -1);
    return result;
}

PUBLIC FILE *popen(const char *command, const char *mode)
{
    REAL(popen);
    unsigned program = shell_starts();
    FILE *file = real(command, mode);
    if (file == NULL)
        program_launched(program, -1);
    return file;
}
