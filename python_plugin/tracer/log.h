#ifndef TRACER_LOG_H
#define TRACER_LOG_H

/* The shared log: what a run's processes looked at, told by the preloaded shim, read by the daemon.
 *
 * The daemon makes a file in memory, formats it (trace_log_format) and starts the run with
 * LD_PRELOAD=libsniffer_trace.so and SNIFFER_TRACE_LOG=<an absolute path that leads to the file>.
 * Every process below it, whatever it does with its descriptors and its environment, maps that
 * file and appends. Nobody holds a descriptor of it, and nothing is buffered in a process: what was
 * written outlives _exit, a crash and SIGKILL.
 *
 *   header | filters | records ... | table
 *
 * A record is reserved by moving `head`, filled, and published by storing its length last. So all
 * processes share one order, and order is what tells an output (wrote before the first read) from
 * an input. Each pair of kind and path is told once for the whole tree of processes: the table
 * remembers where.
 *
 * A process that is forked from a Python interpreter may attach itself by name instead, without an
 * exec (channel.c); it counts in `attached` like a program that was started.
 *
 * When may a verdict rest on it? When trace_log_whole() says so: nothing was lost for want of room,
 * no writer died in the middle of a record, and every traceable program that was started
 * attached itself. A TRACE_UNSEEN record says that something ran which cannot be traced. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TRACE_MAGIC UINT64_C(0x676f6c6666696e73) /* "snifflog" in the file */
enum { TRACE_VERSION = 1, TRACE_ALIGN = 8 };

/* Up to TRACE_UNSEEN paths are absolute and real: the links in their folders are followed, and the
 * last one too where the call followed it; each link on the way has a TRACE_LINK of its own. */
enum trace_kind {
    /* Its content was opened for reading, or is still in what was written. */
    TRACE_READ = 1,
    /* Created, truncated, written to; mode, owner or times were set. */
    TRACE_WROTE,
    TRACE_FOUND,   /* asked for with its time stamps (stat) */
    TRACE_EXISTS,  /* asked for, no time stamps seen (access, chdir, a folder opened) */
    TRACE_ABSENT,  /* asked for or opened, and not there */
    TRACE_LINK,    /* a symbolic link that was followed or read */
    TRACE_LISTING, /* a folder's names were listed */
    TRACE_EXEC,    /* a program that was started, a script, the interpreter it names */
    TRACE_LIBRARY, /* loaded by the dynamic linker */
    TRACE_RENAMED_FROM, /* a name that moved away; `seen` is what it was before */
    TRACE_RENAMED_TO,
    TRACE_REMOVED,
    TRACE_MADE,   /* a folder was made: what is in it belongs to the run */
    TRACE_UNSEEN, /* something happens that the log does not tell; see below */
    /* A code object of Python began or went on: its file as it was compiled, a zero byte, its
     * qualified name (before 3.11 its name); seen.size is its first line. Told once by a process,
     * and once more in each generation. */
    TRACE_CODE,
    /* Told by the Python half; a zero byte parts what is in their paths. */
    TRACE_SOURCE,  /* a module was made of this source */
    TRACE_SEARCH,  /* a module was looked for */
    TRACE_PACKAGE, /* a distribution that was imported from */
    TRACE_TEST,    /* a test begins; without a name: it is over */
    TRACE_WHOLE,   /* TRACE_CODE is not all that ran; see below */
    /* What was written is now `seen`; told each time, the last one counts. Without `seen`: nobody knows
     * from here on. */
    TRACE_LEFT,
    TRACE_KINDS
};

/* Who asked: `detail` of TRACE_FOUND. An interpreter that was started as a program asks for a source
 * and then believes its bytecode; in the run's own processes the Python half tells what is loaded,
 * and who asks wants to know. */
enum trace_asker {
    TRACE_BY_PROGRAM,
    TRACE_BY_RUN, /* attached by name, or forked from such a process */
};

/* Why something is TRACE_UNSEEN: `detail` of the record. */
enum trace_unseen {
    TRACE_STATIC = 1, /* no dynamic linker in it: nothing is preloaded */
    TRACE_PRIVILEGED, /* set-user-ID, set-group-ID, capabilities: nothing is preloaded */
    TRACE_FOREIGN,    /* for another machine or another libc */
    TRACE_UNREADABLE, /* may be run but not be looked into; or given no environment */
    TRACE_ELSEWHERE,  /* the process changed its root or its mounts: names mislead */
    TRACE_INSIDE,     /* libc looked at files by itself, in a way that is not followed */
};

/* Why there is TRACE_WHOLE: what ran is not known, and each source counts as a whole. */
enum trace_whole {
    TRACE_INTERPRETERS = 1, /* a second interpreter runs in the process */
    TRACE_DEEP,             /* recursion that left no room to look at it */
    TRACE_TAKEN,            /* somebody switched the tracer off, or took its place */
};

struct trace_identity {
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns;
    uint64_t mode;
};

struct trace_record {
    /* Of all of it, a multiple of TRACE_ALIGN; 0: not published. */
    _Atomic uint32_t length;
    uint8_t kind;   /* enum trace_kind; 0: somebody told the same at the same time */
    uint8_t detail; /* enum trace_asker, enum trace_unseen, enum trace_whole */
    uint16_t path_length;
    uint32_t pid;
    uint32_t hash;
    bool has_seen;
    uint8_t unused[7];
    /* Of what is at the path; zeros where has_seen is false. */
    struct trace_identity seen;
    char path[]; /* and a zero byte */
};

struct trace_log {
    uint64_t magic;
    uint32_t version;
    uint32_t filters;  /* bytes of filters behind the header */
    uint64_t records;  /* offset of the first record, from the header's start */
    uint64_t capacity; /* bytes for records */
    uint64_t table;    /* offset of the table */
    uint64_t slots;    /* in it, a power of two */
    uint64_t unused[2];
    /* From here on everybody writes.
     * head: bytes of records reserved; may pass capacity.
     * epoch: grows when a link or a folder changed, since names may lead elsewhere then.
     * lost: records that were not told.
     * launched: traceable programs that were started; the daemon counts its own in.
     * attached: programs that found the log. */
    _Atomic uint64_t head;
    _Atomic uint64_t epoch;
    _Atomic uint32_t lost;
    _Atomic uint32_t launched;
    _Atomic uint32_t attached;
    uint32_t unused_too;
};

_Static_assert(sizeof(struct trace_log) == 96, "the layout is read from other languages");
_Static_assert(offsetof(struct trace_record, path) == 72,
               "the layout is read from other languages");

/* Filters: strings one behind the other, each ended by a zero byte: '+' or '-' and a real folder
 * without a slash at its end ("/" itself is just the sign). The longest that a path is in
 * decides; a path in none is told, but not as TRACE_CODE. The first is the project's root: "+/home/me/project". */
static inline const char *trace_log_filters(const struct trace_log *log)
{
    return (const char *)(log + 1);
}

static inline const struct trace_record *trace_log_at(const struct trace_log *log,
                                                      uint64_t at)
{
    return (const void *)((const char *)log + log->records + at);
}

/* Makes an empty log of SIZE bytes at MEMORY, which must be zeroed. FILTERS as above, LENGTH bytes
 * of them. False: too small. */
static inline bool trace_log_format(void *memory, uint64_t size, const char *filters,
                                    uint32_t length)
{
    struct trace_log *log = (struct trace_log *)memory;
    uint64_t records =
        (sizeof *log + length + TRACE_ALIGN - 1) / TRACE_ALIGN * TRACE_ALIGN;
    uint64_t slots = 64;
    while (slots * 2 * 64 <=
           size) /* a record has some 120 bytes: never more than half full */
        slots *= 2;
    if (size < records + slots * sizeof(uint64_t) + 4096)
        return false;
    memcpy(log + 1, filters, length);
    log->version = TRACE_VERSION;
    log->filters = length;
    log->records = records;
    log->table = (size - slots * sizeof(uint64_t)) / TRACE_ALIGN * TRACE_ALIGN;
    log->capacity = log->table - records;
    log->slots = slots;
    log->magic = TRACE_MAGIC;
    return true;
}

/* Is this a log, and does all of it lie within SIZE bytes? */
static inline bool trace_log_valid(const struct trace_log *log, uint64_t size)
{
    return size >= sizeof *log && log->magic == TRACE_MAGIC &&
           log->version == TRACE_VERSION && log->slots != 0 &&
           (log->slots & (log->slots - 1)) == 0 && log->slots <= size / 8 &&
           log->table <= size - log->slots * 8 && log->records <= log->table &&
           log->capacity <= log->table - log->records && log->records >= sizeof *log &&
           log->filters <= log->records - sizeof *log &&
           log->records % TRACE_ALIGN == 0 && log->table % TRACE_ALIGN == 0;
}

/* Where a reader is: {log, 0} at first. It can go on later from where it stopped. */
struct trace_reader {
    const struct trace_log *log;
    uint64_t at;
};

static inline uint64_t trace_log_end(const struct trace_log *log)
{
    uint64_t head = atomic_load_explicit(&log->head, memory_order_acquire);
    return head < log->capacity ? head : log->capacity;
}

/* The next record, or NULL: no more for now, or the next one was never finished. Nothing in the
 * log is trusted: any process of the run could have scribbled in it. */
static inline const struct trace_record *trace_next(struct trace_reader *reader)
{
    uint64_t end = trace_log_end(reader->log);
    while (reader->at < end && end - reader->at >= sizeof(struct trace_record)) {
        const struct trace_record *record = trace_log_at(reader->log, reader->at);
        uint32_t length = atomic_load_explicit(&record->length, memory_order_acquire);
        if (length % TRACE_ALIGN != 0 || length > end - reader->at ||
            length < sizeof *record + record->path_length + 1 ||
            record->path[record->path_length] != '\0')
            return NULL;
        reader->at += length;
        if (record->kind != 0)
            return record;
    }
    return NULL;
}

/* READER is at its end, and the run's processes are gone: did the log tell everything? */
static inline bool trace_log_whole(const struct trace_reader *reader)
{
    const struct trace_log *log = reader->log;
    return reader->at == atomic_load(&log->head) && atomic_load(&log->lost) == 0 &&
           atomic_load(&log->launched) <= atomic_load(&log->attached);
}

#endif
