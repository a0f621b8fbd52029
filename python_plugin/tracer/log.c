/* Attaching to the log, and appending to it. Many processes and threads do both at once, each of
 * them may be killed anywhere: nothing here waits for anybody. */

#include "python_plugin/tracer/log.h"

#include "python_plugin/tracer/raw.h"
#include "python_plugin/tracer/tracer.h"

#include <limits.h>

#define VARIABLE "SNIFFER_TRACE_LOG="

/* NULL: nobody asked yet. &nothing: this process is not traced. */
static struct trace_log nothing;
static _Atomic(struct trace_log *) current;
static char variable[sizeof VARIABLE + PATH_MAX] = VARIABLE;

extern char **environ;

static const char *environment_names(void)
{
    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (strncmp(*at, VARIABLE, sizeof VARIABLE - 1) == 0)
            return *at + sizeof VARIABLE - 1;
    return NULL;
}

static struct trace_log *map(const char *path, uint64_t *ret_size)
{
    struct stat status;
    int fd = raw_open(path, O_RDWR);
    if (fd < 0)
        return NULL;
    void *memory = NULL;
    if (raw_fstat(fd, &status) == 0 &&
        status.st_size >= (off_t)sizeof(struct trace_log)) {
        *ret_size = (uint64_t)status.st_size;
        memory = raw_mmap(*ret_size, MAP_SHARED, fd);
    }
    raw_close(fd);
    return memory;
}

/* Threads may come here together (constructors start some): each maps, the first one wins. */
void log_attach(void)
{
    if (atomic_load(&current) != NULL)
        return;
    struct trace_log *mapped = NULL;
    struct trace_log *before = NULL;
    uint64_t size = 0;
    const char *path = environment_names();
    if (path != NULL && path[0] == '/' && strlen(path) < PATH_MAX)
        mapped = map(path, &size);
    if (mapped != NULL && !trace_log_valid(mapped, size)) {
        raw_munmap(mapped, size);
        mapped = NULL;
    }
    if (mapped != NULL)
        memcpy(variable + sizeof VARIABLE - 1, path, strlen(path) + 1);
    if (!atomic_compare_exchange_strong(&current, &before, mapped ? mapped : &nothing)) {
        if (mapped != NULL)
            raw_munmap(mapped, size);
        return;
    }
    if (mapped != NULL)
        atomic_fetch_add(&mapped->attached, 1);
}

struct trace_log *log_current(void)
{
    struct trace_log *log = atomic_load_explicit(&current, memory_order_acquire);
    if (log == NULL) { /* before our constructor: another library's was first */
        log_attach();
        log = atomic_load(&current);
    }
    return log == &nothing ? NULL : log;
}

const char *log_variable(void)
{
    return variable;
}

void log_lose(struct trace_log *log)
{
    atomic_fetch_add(&log->lost, 1);
}

/* ---- which paths are told ---- */

static bool lies_in(const char *path, size_t length, const char *folder,
                    size_t folder_length)
{
    return length >= folder_length && memcmp(path, folder, folder_length) == 0 &&
           (path[folder_length] == '\0' || path[folder_length] == '/');
}

static bool wanted(const struct trace_log *log, const char *path, size_t length)
{
    const char *at = trace_log_filters(log);
    const char *end = at + log->filters;
    size_t longest = 0;
    bool result = true;
    while (at < end) {
        size_t filter_length = strnlen(at, (size_t)(end - at));
        if (filter_length > longest && lies_in(path, length, at + 1, filter_length - 1)) {
            longest = filter_length;
            result = at[0] == '+';
        }
        at += filter_length + 1;
    }
    return result;
}

/* ---- each kind and path once ---- */

/* A slot: the hash above, the record's offset in units of TRACE_ALIGN, plus 1, below. */
enum { PROBES = 64 };

static uint32_t hash_of(unsigned kind, const char *path, size_t length)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ kind;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    return (uint32_t)(hash * 0xff51afd7ed558ccdu >> 32);
}

static bool same(const struct trace_log *log, uint64_t slot,
                 const struct trace_record *record, const char *path)
{
    if (slot >> 32 != record->hash)
        return false;
    uint64_t at = ((slot & UINT32_MAX) - 1) * TRACE_ALIGN;
    if (at + sizeof *record + record->path_length >= log->capacity)
        return false;
    const struct trace_record *other = trace_log_at(log, at);
    return other->kind == record->kind && other->detail == record->detail &&
           other->path_length == record->path_length &&
           memcmp(other->path, path, record->path_length) == 0;
}

/* Is RECORD, about PATH, told already? With VALUE not 0 it is entered where it is not. A table that
 * is too full to find a place in costs a repeated record, not a lost one. */
static bool known(struct trace_log *log, const struct trace_record *record,
                  const char *path, uint64_t value)
{
    _Atomic uint64_t *table = (_Atomic uint64_t *)(void *)((char *)log + log->table);
    for (uint64_t i = 0; i < PROBES; i++) {
        _Atomic uint64_t *slot = &table[(record->hash + i) & (log->slots - 1)];
        uint64_t there = atomic_load_explicit(slot, memory_order_acquire);
        if (there == 0) {
            if (value == 0)
                return false;
            if (atomic_compare_exchange_strong(slot, &there, value))
                return false;
        }
        if (same(log, there, record, path))
            return true;
    }
    return false;
}

/* ---- appending ---- */

static void identify(struct trace_record *record, const struct stat *seen)
{
    record->has_seen = true;
    record->seen.device = (uint64_t)seen->st_dev;
    record->seen.inode = (uint64_t)seen->st_ino;
    record->seen.size = (uint64_t)seen->st_size;
    record->seen.mtime_ns =
        (int64_t)seen->st_mtim.tv_sec * 1000000000 + seen->st_mtim.tv_nsec;
    record->seen.ctime_ns =
        (int64_t)seen->st_ctim.tv_sec * 1000000000 + seen->st_ctim.tv_nsec;
    record->seen.mode = seen->st_mode;
}

static struct trace_record *reserve(struct trace_log *log, uint32_t length,
                                    uint64_t *ret_at)
{
    *ret_at = atomic_fetch_add_explicit(&log->head, length, memory_order_relaxed);
    if (*ret_at > log->capacity || length > log->capacity - *ret_at) {
        log_lose(log);
        return NULL;
    }
    return (struct trace_record *)(void *)((char *)log + log->records + *ret_at);
}

/* HEAD is a record without its path. */
static void append(struct trace_log *log, const struct trace_record *head,
                   const char *path)
{
    uint64_t at = 0;
    uint32_t length = (uint32_t)(sizeof *head + head->path_length + 1 + TRACE_ALIGN - 1) /
                      TRACE_ALIGN * TRACE_ALIGN;
    struct trace_record *record = reserve(log, length, &at);
    if (record == NULL)
        return;
    memcpy((char *)record + sizeof record->length,
           (const char *)head + sizeof head->length,
           offsetof(struct trace_record, path) - sizeof head->length);
    memcpy(record->path, path, head->path_length);
    record->path[head->path_length] = '\0';
    atomic_store_explicit(&record->length, length, memory_order_release);
    if (known(log, head, path, (uint64_t)head->hash << 32 | (at / TRACE_ALIGN + 1)))
        record->kind = 0; /* another process was quicker: its record is the one */
}

void log_record(struct trace_log *log, enum trace_kind kind, unsigned detail,
                const char *path, size_t length, const struct stat *seen)
{
    if (kind != TRACE_UNSEEN && !wanted(log, path, length))
        return;
    if (length >= PATH_MAX) {
        log_lose(log);
        return;
    }
    struct trace_record head = {.kind = (uint8_t)kind,
                                .detail = (uint8_t)detail,
                                .path_length = (uint16_t)length,
                                .hash = hash_of(kind, path, length)};
    if (known(log, &head, path, 0))
        return;
    head.pid = raw_getpid();
    if (seen != NULL)
        identify(&head, seen);
    append(log, &head, path);
}
