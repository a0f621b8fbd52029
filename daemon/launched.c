/* How workers of a package are started, in words, and on what system: what one told before is told again by
 * one that is started in the same way, as far as it depends on that. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/joints.h"
#include "proto/version.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Of a terminal, a session or a service, and other ones in each: no interpreter and no framework goes by
 * them. */
static bool is_of_session(const char *entry)
{
    static const char *const names[] = {
        "_=",
        "COLUMNS=",
        "INVOCATION_ID=",
        "JOURNAL_STREAM=",
        "LINES=",
        "LISTEN_",
        "MANAGERPID=",
        "NOTIFY_SOCKET=",
        "OLDPWD=",
        "PWD=",
        "SHLVL=",
        "SSH_",
        "STY=",
        "SYSTEMD_EXEC_PID=",
        "TERM=",
        "TERM_",
        "TMUX",
        "WATCHDOG_",
        "WINDOWID=",
        "XDG_SESSION_ID=",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_environment(FILE *file)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    autofree const char **entries = xcalloc(count + 1, sizeof *entries);
    memcpy(entries, environ, count * sizeof *entries);
    qsort(entries, count, sizeof *entries, by_text);
    for (size_t i = 0; i < count; i++)
        if (!is_of_session(entries[i]))
            fprintf(file, "%zu %s\n", strlen(entries[i]), entries[i]);
}

/* The first NAME in $PATH; or as it is, where it says where. The caller's, or NULL. */
static char *find_program(const char *directory, const char *name)
{
    if (strchr(name, '/') != NULL)
        return path_absolute(directory, name);
    const char *path = getenv("PATH");
    for (const char *rest = path != NULL ? path : ""; *rest != '\0';) {
        size_t length = strcspn(rest, ":");
        autofree char *given = xstrndup(rest, length);
        autofree char *folder = path_absolute(directory, given);
        char *program = path_join(folder, name);
        if (access(program, X_OK) == 0)
            return program;
        free(program);
        rest += length + (rest[length] == ':');
    }
    return NULL;
}

/* A script in its place (of pyenv, of asdf, somebody's own) chooses an interpreter by rules of its own. */
static bool is_binary(const char *program)
{
    char magic[4] = {0};
    autoclose int fd = open(program, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, magic, sizeof magic) == (ssize_t)sizeof magic &&
           memcmp(magic, "\177ELF", sizeof magic) == 0;
}

char *launched_words(const char *const *argv, const char *directory, const char *preload)
{
    autofree char *program = find_program(directory, argv[0]);
    if (program == NULL || !is_binary(program))
        return NULL;
    char *words = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&words, &size);
    if (file == NULL)
        return NULL;
    struct utsname machine;
    if (uname(&machine) < 0)
        machine.machine[0] = '\0';
    fprintf(file, "%s\n%s\n%s\n%s\n%s %s\n", SNIFFER_VERSION, program, directory,
            preload != NULL ? preload : "", machine.machine, gnu_get_libc_version());
    for (; *argv != NULL; argv++)
        fprintf(file, "%zu %s\n", strlen(*argv), *argv);
    print_environment(file);
    if (fclose(file) == 0)
        return words;
    free(words);
    return NULL;
}
