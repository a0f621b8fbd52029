/* An audit hook from before the interpreter's beginning to its end.
 *
 * Its entry is allocated before the interpreter has read its options, and freed after. Where these
 * say that memory is to be checked (-X dev, PYTHONMALLOC=debug), the entry is freed by an allocator
 * that never saw it, which ends the process. So we remember the entry, and free it in its stead. */

#include "python_plugin/tracer/python.h"

#include <string.h>

struct allocator { /* PyMemAllocatorEx */
    void *context;
    void *(*malloc)(void *context, size_t size);
    void *(*calloc)(void *context, size_t count, size_t size);
    void *(*realloc)(void *context, void *memory, size_t size);
    void (*free)(void *context, void *memory);
};
enum { RAW = 0 }; /* PYMEM_DOMAIN_RAW */

static void (*get_allocator)(int domain, struct allocator *ret_allocator);
static void (*set_allocator)(int domain, struct allocator *allocator);
static struct allocator first, last; /* who allocates the entry, who would free it */
static void *entry;

static void *allocate_entry(void *context, size_t size)
{
    entry = first.malloc(context, size);
    return entry;
}

void python_hear(python_audit *hook)
{
    int (*add)(python_audit * hook, void *data) = NULL;
    void *found = python_symbol("PySys_AddAuditHook");
    if (found == NULL)
        return;
    memcpy(&add, &found, sizeof add);
    found = python_symbol("PyMem_GetAllocator");
    memcpy(&get_allocator, &found, sizeof found);
    found = python_symbol("PyMem_SetAllocator");
    memcpy(&set_allocator, &found, sizeof found);
    if (get_allocator == NULL || set_allocator == NULL)
        return;
    get_allocator(RAW, &first);
    struct allocator noting = first;
    noting.malloc = allocate_entry;
    set_allocator(RAW, &noting);
    add(hook, NULL);
    set_allocator(RAW, &first);
}

static void free_entry(void *context, void *memory)
{
    if (memory != entry) {
        last.free(context, memory);
        return;
    }
    first.free(first.context, entry);
    entry = NULL;
    set_allocator(RAW, &last);
}

/* Other threads may be allocating: but for one function it stays the same allocator. */
void python_unhear(void)
{
    get_allocator(RAW, &last);
    if (entry == NULL || last.free == first.free)
        return;
    struct allocator freeing = last;
    freeing.free = free_entry;
    set_allocator(RAW, &freeing);
}
