/* Before main, and at the end. */

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <unistd.h>

static char library[PATH_MAX];
static _Atomic bool loaded_more;

const char *attach_library(void)
{
    return library;
}

/* Where this object was loaded from. A relative name holds for as long as nobody called chdir. */
static void find_library(void)
{
    Dl_info info;
    if (dladdr((const void *)library, &info) == 0 || info.dli_fname == NULL)
        return;
    const char *name = info.dli_fname;
    size_t at = 0;
    if (name[0] != '/') {
        long length = raw_getcwd(library, sizeof library);
        if (length <= 1 || library[0] != '/')
            return;
        at = (size_t)length - 1;
        library[at++] = '/';
    }
    if (at + strlen(name) < sizeof library)
        memcpy(library + at, name, strlen(name) + 1);
    else
        library[0] = '\0';
}

/* ---- libraries ---- */

static int tell_object(struct dl_phdr_info *object, size_t size, void *nothing)
{
    struct stat status;
    (void)size;
    (void)nothing;
    if (object->dlpi_name != NULL && object->dlpi_name[0] == '/' &&
        strcmp(object->dlpi_name, library) != 0 &&
        look_before(AT_FDCWD, object->dlpi_name, LOOK_FOLLOW, &status))
        look_used(TRACE_LIBRARY, AT_FDCWD, object->dlpi_name, LOOK_FOLLOW, &status);
    return 0;
}

void attach_libraries_changed(void)
{
    atomic_store(&loaded_more, true);
}

/* A line of /proc/self/maps: its name, where it is a file's. */
static void tell_line(char *line)
{
    struct stat status;
    char *name = strchr(line, '/');
    const char *rights = strchr(line, ' ');
    if (name == NULL || rights == NULL || rights[3] != 'x' || strcmp(name, library) == 0)
        return;
    if (look_before(AT_FDCWD, name, LOOK_FOLLOW, &status))
        look_used(TRACE_LIBRARY, AT_FDCWD, name, LOOK_FOLLOW, &status);
}

/* TEXT has LENGTH bytes; the number of them that make whole lines, all of them told. */
static size_t tell_lines(char *text, size_t length)
{
    size_t done = 0;
    for (;;) {
        char *end = memchr(text + done, '\n', length - done);
        if (end == NULL)
            return done;
        *end = '\0';
        tell_line(text + done);
        done = (size_t)(end - text) + 1;
    }
}

static void read_maps(int fd, char *text, size_t size)
{
    size_t kept = 0;
    for (;;) {
        long more = raw_read(fd, text + kept, size - kept);
        if (more <= 0)
            return;
        size_t length = kept + (size_t)more;
        size_t done = tell_lines(text, length);
        kept = length - done;
        memmove(text, text + done, kept);
        if (kept == size)
            kept = 0; /* no line is that long */
    }
}

/* From the kernel's list and not the dynamic linker's: that has locks, and this may be a forked
 * child of many threads. */
void attach_tell_libraries(void)
{
    int error = errno;
    if (log_current() == NULL || !atomic_exchange(&loaded_more, false))
        return;
    int fd = raw_open("/proc/self/maps", O_RDONLY);
    struct scratch scratch = scratch_take(true);
    if (fd >= 0 && scratch.spelled != NULL)
        read_maps(fd, scratch.spelled, scratch.size);
    else
        log_lose(log_current());
    if (fd >= 0)
        raw_close(fd);
    scratch_give(&scratch);
    errno = error;
}

/* ---- begin and end ---- */

__attribute__((constructor)) static void begin(void)
{
    struct stat status;
    int error = errno;
    find_library();
    channel_open();
    if (log_current() != NULL) {
        /* A program that started without our knowledge is told here at the latest. */
        if (look_before(AT_FDCWD, "/proc/self/exe", LOOK_FOLLOW, &status))
            look_used(TRACE_EXEC, AT_FDCWD, "/proc/self/exe", LOOK_FOLLOW, &status);
        dl_iterate_phdr(tell_object, NULL);
    }
    errno = error;
}

__attribute__((destructor)) static void end(void)
{
    attach_tell_libraries();
    writers_closing_from(0, INT_MAX);
}

/* Children that are forked leave by these, past all destructors. */
PUBLIC void _exit(int status)
{
    attach_tell_libraries();
    writers_closing_from(0, INT_MAX);
    for (;;)
        raw_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

PUBLIC void _Exit(int status)
{
    _exit(status);
}
