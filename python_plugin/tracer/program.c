/* What will run when a program is started, and will it be heard?
 *
 * The file's first bytes say it: a script names its interpreter, an ELF file its dynamic linker.
 * Where nothing can be preloaded, that is told as TRACE_UNSEEN. */

#include "python_plugin/tracer/elf.h"
#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { INTERPRETERS_MAX = 5, HEAD = 256 };

/* The dynamic linker drops what is preloaded where the program gets rights its caller lacks. */
static bool is_privileged(int fd, const struct stat *status)
{
    char value[64];
    long user = raw_call(SYS_getuid, 0, 0, 0, 0, 0, 0);
    long group = raw_call(SYS_getgid, 0, 0, 0, 0, 0, 0);
    if ((status->st_mode & S_ISUID) != 0 && (long)status->st_uid != user)
        return true;
    if ((status->st_mode & S_ISGID) != 0 && (long)status->st_gid != group)
        return true;
    return raw_call(SYS_fgetxattr, fd, (long)"security.capability", (long)value,
                    sizeof value, 0, 0) > 0;
}

/* The path behind "#!", in HEAD itself; NULL: none. */
static char *script_interpreter(char *head)
{
    char *name = head + 2;
    while (*name == ' ' || *name == '\t')
        name++;
    size_t length = strcspn(name, " \t\n\r");
    name[length] = '\0';
    return length > 0 ? name : NULL;
}

struct program {
    unsigned unseen;   /* why; 0: heard */
    char *interpreter; /* of a script, in head; else NULL */
    bool runs;         /* as far as we see */
    bool sanitized;    /* insists on its own library being the first */
    _Alignas(8) char head[HEAD];
};

static void program_read(int fd, struct program *ret_program)
{
    struct stat status;
    long size = raw_read(fd, ret_program->head, sizeof ret_program->head - 1);
    if (size < 2 || raw_fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    ret_program->head[size] = '\0';
    ret_program->runs = true;
    if (ret_program->head[0] == '#' && ret_program->head[1] == '!')
        ret_program->interpreter = script_interpreter(ret_program->head);
    else if (is_privileged(fd, &status))
        ret_program->unseen = TRACE_PRIVILEGED;
    else if (size >= (long)sizeof(Elf64_Ehdr) &&
             memcmp(ret_program->head, ELFMAG, SELFMAG) == 0) {
        const Elf64_Ehdr *elf = (const void *)ret_program->head;
        ret_program->unseen = elf_unseen(fd, elf);
        ret_program->sanitized =
            ret_program->unseen == 0 && elf_needs(fd, elf, "libasan.");
    }
}

static void program_inspect(int folder, const char *path, struct program *ret_program)
{
    *ret_program = (struct program){0};
    int fd = (int)raw_call(SYS_openat, folder, (long)path,
                           O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
    if (fd == -EACCES) {
        ret_program->runs = raw_access(path, X_OK) == 0;
        ret_program->unseen = ret_program->runs ? TRACE_UNREADABLE : 0;
    }
    if (fd < 0)
        return;
    program_read(fd, ret_program);
    raw_close(fd);
}

static void tell_program(int folder, const char *path)
{
    struct stat status;
    if (look_before(folder, path, LOOK_FOLLOW, &status))
        look_used(TRACE_EXEC, folder, path, LOOK_FOLLOW, &status);
    else
        look_asked(folder, path, LOOK_FOLLOW | LOOK_WEAK, -1, NULL);
}

/* A static program of which it is known what it reads: ctypes.util.find_library starts it. */
static bool prints_library_cache(const char *path, char *const arguments[])
{
    return (strcmp(path, "/sbin/ldconfig") == 0 ||
            strcmp(path, "/usr/sbin/ldconfig") == 0) &&
           arguments != NULL && arguments[0] != NULL && arguments[1] != NULL &&
           strcmp(arguments[1], "-p") == 0 && arguments[2] == NULL;
}

static void tell_unseen(const struct program *program, const char *path,
                        char *const arguments[])
{
    struct stat status;
    const char *cache = "/etc/ld.so.cache";
    if (!prints_library_cache(path, arguments))
        look_unseen((enum trace_unseen)program->unseen, path);
    else if (look_before(AT_FDCWD, cache, LOOK_FOLLOW, &status))
        look_used(TRACE_READ, AT_FDCWD, cache, LOOK_FOLLOW, &status);
}

unsigned program_starts(int folder, const char *path, char *const arguments[])
{
    struct program program;
    char interpreter[HEAD];
    int error = errno;
    if (log_current() == NULL || path == NULL || raw_access(path, F_OK) == -EFAULT)
        return 0;
    for (int i = 0; i < INTERPRETERS_MAX; i++) {
        errno = ENOENT; /* for a path that is not there */
        tell_program(folder, path);
        program_inspect(folder, path, &program);
        if (program.unseen != 0)
            tell_unseen(&program, path, arguments);
        if (program.interpreter == NULL)
            break;
        memcpy(interpreter, program.interpreter, strlen(program.interpreter) + 1);
        folder = AT_FDCWD;
        path = interpreter;
        arguments = NULL;
    }
    errno = error;
    return (program.runs && program.unseen == 0 ? PROGRAM_HEARD : 0u) |
           (program.sanitized ? PROGRAM_SANITIZED : 0u);
}

/* ---- looked for in PATH ---- */

/* FOLDER (LENGTH bytes; none: here) and NAME into TO. */
static bool join(char *to, size_t size, const char *folder, size_t length,
                 const char *name)
{
    size_t name_length = strlen(name);
    if (length + name_length + 2 > size)
        return false;
    memcpy(to, folder, length);
    if (length > 0)
        to[length++] = '/';
    memcpy(to + length, name, name_length + 1);
    return true;
}

static bool is_runnable(const char *path)
{
    struct stat status;
    return raw_access(path, X_OK) == 0 && raw_stat(AT_FDCWD, path, &status, 0) == 0 &&
           S_ISREG(status.st_mode);
}

/* Each folder that did not have it is told: it could have it the next time. */
static unsigned starts_from(const char *folders, const char *name,
                            char *const arguments[], struct scratch *scratch)
{
    for (;;) {
        size_t length = strcspn(folders, ":");
        if (join(scratch->spelled, scratch->size, folders, length, name)) {
            if (is_runnable(scratch->spelled))
                return program_starts(AT_FDCWD, scratch->spelled, arguments);
            errno = raw_access(scratch->spelled, F_OK) == 0 ? EACCES : ENOENT;
            look_asked(AT_FDCWD, scratch->spelled, LOOK_FOLLOW | LOOK_WEAK, -1, NULL);
        }
        if (folders[length] == '\0')
            return 0;
        folders += length + 1;
    }
}

unsigned program_starts_by_name(const char *name, char *const arguments[])
{
    int error = errno;
    unsigned program = 0;
    if (log_current() == NULL || name == NULL)
        return 0;
    if (strchr(name, '/') != NULL)
        return program_starts(AT_FDCWD, name, arguments);
    const char *folders = getenv("PATH");
    struct scratch scratch = scratch_take(true);
    if (scratch.spelled != NULL)
        program = starts_from(folders != NULL ? folders : "/bin:/usr/bin", name,
                              arguments, &scratch);
    else
        log_lose(log_current());
    scratch_give(&scratch);
    errno = error;
    return program;
}

void program_launched(unsigned program, int count)
{
    struct trace_log *log = log_current();
    if (log != NULL && (program & PROGRAM_HEARD) != 0)
        atomic_fetch_add(&log->launched, (uint32_t)count);
}
