#ifndef TRACER_TRACER_H
#define TRACER_TRACER_H

/* The preload shim: libc's functions that take paths, each followed by a note in the shared log.
 *
 *   shim_*.c   the functions. Each calls the next definition of itself, then tells look.c.
 *   look.c     from a call to records: which kinds, which identity, which of the names
 *   writers.c  descriptors that are open for writing: is something written, and what is left
 *   names.c    from what the caller spelled to what the kernel means by it
 *   cache.c    what this process has told already
 *   log.c      the shared log
 *   program.c  what will run when a program is started; elf.c reads its headers
 *   attach.c   before main and at the end
 *
 * In a Python interpreter it also sees which code runs:
 *
 *   python.c   the interpreter's functions, found by name
 *   channel.c  what is said to us, and overheard, through its audit hook
 *   blocks*.c  the code objects that ran: blocks.h
 *
 * It runs in other people's programs: in signal handlers, between vfork and exec, on small stacks,
 * in threads, before main. So it takes no lock, allocates nothing by malloc, uses little stack,
 * makes raw system calls only, and leaves errno as the real function left it. */

#include "python_plugin/tracer/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define PUBLIC __attribute__((visibility("default")))

/* ---- log.c ---- */
/* The log, or NULL where this process is not traced. */
struct trace_log *log_current(void);
/* Attaches to the log that the environment names. Once; later calls are free. */
void log_attach(void);
/* Attaches this process to the log at PATH and to no other; where there is none, to none. Not in
 * the middle of a look: for a child that was just forked. Do the same paths count as in the one that
 * was begun before? */
bool log_begin(const char *path);
/* From here on nothing is told. */
void log_end(void);
/* The variable that names the log, as it stands in an environment. */
const char *log_variable(void);
void log_record(struct trace_log *log, enum trace_kind kind, unsigned detail,
                const char *path, size_t length, const struct stat *seen);
/* The same of anything, unfiltered: PATH may have zero bytes in it. */
void log_tell(struct trace_log *log, unsigned kind, unsigned detail, const char *path,
              size_t length, const struct trace_identity *seen);
/* TRACE_CODE, each time anew. */
void log_code(struct trace_log *log, const char *file, size_t file_length,
              const char *name, size_t name_length, uint64_t line);
/* TRACE_TEST, each time anew. False: it was not told, for half of the log is full, and the other
 * half is for what verdicts rest on. */
bool log_test(struct trace_log *log, const char *name, size_t length);
/* Does the filter that decides on PATH say '+'? */
bool log_counts(const struct trace_log *log, const char *path, size_t length);
void log_lose(struct trace_log *log);

/* ---- cache.c ---- */
/* What is asked for: TEXT with zero bytes up to the next multiple of 8. */
bool cache_has(uint64_t mark, const char *text, size_t length);
void cache_add(uint64_t mark, const char *text, size_t length);
/* There is another log now. Not while another thread looks at something. */
void cache_forget(void);

/* ---- names.c ---- */
/* Buffers to work in, none of them on the stack: a signal handler may have only 8 KiB of it. */
struct scratch {
    size_t size; /* of each buffer */
    bool large;
    char *spelled, *real, *rest, *target, *kernel;
};
struct scratch scratch_take(bool large);
void scratch_give(struct scratch *scratch);

struct spelled {
    size_t length;
    bool slash; /* ended with a slash: whatever it is must be a folder */
};
/* PATH seen from FOLDER, absolute, without "//" and ".", into TO (SIZE bytes, a multiple of 8),
 * zeros behind it up to a multiple of 8. -ENAMETOOLONG: does not fit; other errors: there is no
 * such folder. */
int name_spell(char *to, size_t size, int folder, const char *path,
               struct spelled *ret_spelled);
/* The same as far as the cache needs it: not always a path, but one name for one thing. */
int name_spell_quickly(char *to, size_t size, int folder, const char *path,
                       struct spelled *ret_spelled);

typedef void name_link(struct trace_log *log, const char *link, size_t length);
/* Follows scratch->spelled as the kernel would, into scratch->real; its length, or -ENAMETOOLONG.
 * LINK is told each link. MARK is the cache's mark for "a folder without links". Passing: it led
 * through a link in /proc, and means something else the next time. */
int name_walk(struct trace_log *log, struct scratch *scratch,
              const struct spelled *spelled, bool follow, uint64_t mark, name_link *link,
              bool *ret_passing);
/* What the kernel calls FD; 0: it has no name. */
size_t name_of_fd(int fd, char *to, size_t size);

/* ---- look.c ---- */
enum {
    LOOK_FOLLOW = 1, /* a link at the end is followed */
    LOOK_WEAK = 2,   /* the caller sees no time stamps */
};
/* What this thread is in the middle of, as depths. */
struct look_depths {
    int quiet; /* above 0: its looks are not told, but for programs and libraries */
    int weak;  /* above 0: who asks sees kind and mode only, though stat is asked */
};
extern _Thread_local struct look_depths look_depths
    __attribute__((tls_model("initial-exec")));
/* After the call: RESULT is what it returned, errno what it left. */
void look_asked(int folder, const char *path, unsigned how, long result,
                const struct stat *status);
void look_read_link(int folder, const char *path, long result);
/* FD: the descriptor that came of it, or -1. With PATH "" FOLDER is itself what is meant. */
void look_listed(int folder, const char *path, int fd);
/* Before the call: would it make a file that is not there? */
bool look_makes(int folder, const char *path, int flags);
void look_opened(int folder, const char *path, int flags, bool makes, int fd);
/* KIND: WROTE, REMOVED, MADE, RENAMED_TO. */
void look_changed(enum trace_kind kind, int folder, const char *path, unsigned how,
                  long result);
/* What is at PATH now, before it changes; false: nothing. */
bool look_before(int folder, const char *path, unsigned how, struct stat *ret_status);
/* It was there with BEFORE and has been altered, not replaced. */
void look_altered(int folder, const char *path, unsigned how, long result,
                  const struct stat *before);
/* KIND: READ, RENAMED_FROM, EXEC, LIBRARY, LEFT: something that was there, with BEFORE. */
void look_used(enum trace_kind kind, int folder, const char *path, unsigned how,
               const struct stat *before);
void look_unseen(enum trace_unseen why, const char *path);
/* A link or a folder came, went or moved: what was known of names is no longer so. */
void look_names_changed(void);

/* KIND: WROTE, LEFT, about the file that FD is, which has STATUS; NULL: nobody knows how it is left. */
void look_of_open(enum trace_kind kind, int fd, const struct stat *status);

/* ---- writers.c ---- */
/* A file was opened for writing; WRITTEN: and told as written already. */
void writers_opened(int fd, bool written);
/* Before something is written to FD, or may be in a way that is not followed. */
void writers_wrote(int fd);
/* The same, and how FD is left will not be heard: it has another descriptor, or is mapped. */
void writers_handed(int fd);
/* Before FD is closed; all from FIRST to LAST. */
void writers_closing(int fd);
void writers_closing_from(int first, int last);
/* Before a program is started, which inherits what is open. */
void writers_handed_on(void);

/* ---- program.c ---- */
enum {
    PROGRAM_HEARD = 1,     /* it will attach itself to the log */
    PROGRAM_SANITIZED = 2, /* built with the address sanitizer's shared library */
};
/* PATH is about to be run with ARGUMENTS: tells what it is. */
unsigned program_starts(int folder, const char *path, char *const arguments[]);
/* The same, looked for in PATH as execvp does. */
unsigned program_starts_by_name(const char *name, char *const arguments[]);
/* COUNT of them were started (-1: it failed after all). */
void program_launched(unsigned program, int count);

/* ---- attach.c ---- */
/* What the dynamic linker has loaded until now, told anew when something was loaded. */
void attach_libraries_changed(void);
void attach_tell_libraries(void);
/* This object, absolute; "" where it is not known. */
const char *attach_library(void);

/* ---- channel.c ---- */
/* Before an interpreter begins in this process. */
void channel_open(void);

/* ---- the next definition of a function ---- */
/* Looked up when first used: most programs use few of them. */
void next_find(void *ret_function, const char *name);
#define REAL(name)                                                                       \
    static __typeof__(&name) known_##name;                                               \
    __typeof__(&name) real = __atomic_load_n(&known_##name, __ATOMIC_RELAXED);           \
    if (real == NULL) {                                                                  \
        next_find((void *)&real, #name);                                                 \
        __atomic_store_n(&known_##name, real, __ATOMIC_RELAXED);                         \
    }                                                                                    \
    (void)0

#endif
