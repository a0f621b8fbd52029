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

/* NULL: there is no log at PATH. */
static struct trace_log *map_valid(const char *path, uint64_t *ret_size)
{
    struct trace_log *mapped = NULL;
    if (path != NULL && path[0] == '/' && strlen(path) < PATH_MAX)
        mapped = map(path, ret_size);
    if (mapped != NULL && !trace_log_valid(mapped, *ret_size)) {
        raw_munmap(mapped, *ret_size);
        mapped = NULL;
    }
    if (mapped != NULL)
        memcpy(variable + sizeof VARIABLE - 1, path, strlen(path) + 1);
    return mapped;
}

/* Threads may come here together (constructors start some): each maps, the first one wins. */
void log_attach(void)
{
    if (atomic_load(&current) != NULL)
        return;
    struct trace_log *before = NULL;
    uint64_t size = 0;
    struct trace_log *mapped = map_valid(environment_names(), &size);
    if (!atomic_compare_exchange_strong(&current, &before, mapped ? mapped : &nothing)) {
        if (mapped != NULL)
            raw_munmap(mapped, size);
        return;
    }
    if (mapped != NULL)
        atomic_fetch_add(&mapped->attached, 1);
}

/* This process was told by name where the log is, and so was not started as a program. */
static _Atomic bool begun;

static bool counts_as(const struct trace_log *log, const struct trace_log *before)
{
    return log != NULL && before != NULL && log->filters == before->filters &&
           memcmp(trace_log_filters(log), trace_log_filters(before), log->filters) == 0;
}

/* An earlier log stays mapped: another thread may be writing in it. */
bool log_begin(const char *path)
{
    static const struct trace_log *before;
    uint64_t size = 0;
    atomic_store(&begun, true);
    struct trace_log *mapped = map_valid(path, &size);
    bool same = counts_as(mapped, before);
    before = mapped;
    cache_forget();
    atomic_store(&current, mapped != NULL ? mapped : &nothing);
    if (mapped != NULL)
        atomic_fetch_add(&mapped->attached, 1);
    return same;
}

void log_end(void)
{
    atomic_store(&current, &nothing);
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

/* The sign of the filter that decides, or 0. */
static char sign_of(const struct trace_log *log, const char *path, size_t length)
{
    const char *at = trace_log_filters(log);
    const char *end = at + log->filters;
    size_t longest = 0;
    char sign = 0;
    while (at < end) {
        size_t filter_length = strnlen(at, (size_t)(end - at));
        if (filter_length > longest && lies_in(path, length, at + 1, filter_length - 1)) {
            longest = filter_length;
            sign = at[0];
        }
        at += filter_length + 1;
    }
    return sign;
}

bool log_counts(const struct trace_log *log, const char *path, size_t length)
{
    return sign_of(log, path, length) == '+';
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

static struct trace_identity identity_of(const struct stat *status)
{
    return (struct trace_identity){
        .device = (uint64_t)status->st_dev,
        .inode = (uint64_t)status->st_ino,
        .size = (uint64_t)status->st_size,
        .mtime_ns =
            (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
        .ctime_ns =
            (int64_t)status->st_ctim.tv_sec * 1000000000 + status->st_ctim.tv_nsec,
        .mode = status->st_mode,
    };
}

static uint32_t length_of(const struct trace_record *head)
{
    return (uint32_t)(sizeof *head + head->path_length + 1 + TRACE_ALIGN - 1) /
           TRACE_ALIGN * TRACE_ALIGN;
}

/* Room for HEAD, a record without its path; NULL: there is none left. */
static struct trace_record *reserve(struct trace_log *log,
                                    const struct trace_record *head, uint64_t *ret_at)
{
    uint32_t length = length_of(head);
    *ret_at = atomic_fetch_add_explicit(&log->head, length, memory_order_relaxed);
    if (*ret_at > log->capacity || length > log->capacity - *ret_at) {
        log_lose(log);
        return NULL;
    }
    struct trace_record *record = (void *)((char *)log + log->records + *ret_at);
    memcpy((char *)record + sizeof record->length,
           (const char *)head + sizeof head->length,
           offsetof(struct trace_record, path) - sizeof head->length);
    return record;
}

/* Its path is in it. */
static void publish(struct trace_record *record)
{
    record->path[record->path_length] = '\0';
    atomic_store_explicit(&record->length, length_of(record), memory_order_release);
}

static void append(struct trace_log *log, const struct trace_record *head,
                   const char *path)
{
    uint64_t at = 0;
    struct trace_record *record = reserve(log, head, &at);
    if (record == NULL)
        return;
    memcpy(record->path, path, head->path_length);
    publish(record);
    if (known(log, head, path, (uint64_t)head->hash << 32 | (at / TRACE_ALIGN + 1)))
        record->kind = 0; /* another process was quicker: its record is the one */
}

void log_tell(struct trace_log *log, unsigned kind, unsigned detail, const char *path,
              size_t length, const struct trace_identity *seen)
{
    if (length > UINT16_MAX) {
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
    if (seen != NULL) {
        head.has_seen = true;
        head.seen = *seen;
    }
    append(log, &head, path);
}

/* Past the table: the last one counts. */
static void log_left(struct trace_log *log, const char *path, size_t length,
                     const struct trace_identity *seen)
{
    uint64_t at = 0;
    const struct trace_record head = {.kind = TRACE_LEFT,
                                      .path_length = (uint16_t)length,
                                      .pid = raw_getpid(),
                                      .has_seen = seen != NULL};
    struct trace_record *record = length <= UINT16_MAX ? reserve(log, &head, &at) : NULL;
    if (record == NULL)
        return;
    if (seen != NULL)
        record->seen = *seen;
    memcpy(record->path, path, length);
    publish(record);
}

void log_record(struct trace_log *log, enum trace_kind kind, unsigned detail,
                const char *path, size_t length, const struct stat *status)
{
    struct trace_identity seen = {0};
    if (kind != TRACE_UNSEEN && sign_of(log, path, length) == '-')
        return;
    if (status != NULL)
        seen = identity_of(status);
    if (kind == TRACE_LEFT) {
        if (log_counts(log, path, length))
            log_left(log, path, length, status != NULL ? &seen : NULL);
        return;
    }
    if (kind == TRACE_FOUND && atomic_load_explicit(&begun, memory_order_relaxed))
        detail = TRACE_BY_RUN;
    log_tell(log, kind, detail, path, length, status != NULL ? &seen : NULL);
}

/* Past the table: whoever asks for it again in a later generation wants to hear it again. */
void log_code(struct trace_log *log, const char *file, size_t file_length,
              const char *name, size_t name_length, uint64_t line)
{
    uint64_t at = 0;
    size_t length = file_length + 1 + name_length;
    if (length > UINT16_MAX) {
        log_lose(log);
        return;
    }
    struct trace_record head = {.kind = TRACE_CODE,
                                .path_length = (uint16_t)length,
                                .pid = raw_getpid(),
                                .has_seen = true,
                                .seen.size = line};
    struct trace_record *record = reserve(log, &head, &at);
    if (record == NULL)
        return;
    memcpy(record->path, file, file_length);
    record->path[file_length] = '\0';
    memcpy(record->path + file_length + 1, name, name_length);
    publish(record);
}

bool log_test(struct trace_log *log, const char *name, size_t length)
{
    uint64_t at = atomic_load_explicit(&log->head, memory_order_relaxed);
    struct trace_record head = {
        .kind = TRACE_TEST, .path_length = (uint16_t)length, .pid = raw_getpid()};
    if (length > UINT16_MAX || at >= log->capacity / 2)
        return false;
    struct trace_record *record = reserve(log, &head, &at);
    if (record == NULL)
        return false;
    memcpy(record->path, name, length);
    publish(record);
    return true;
}
