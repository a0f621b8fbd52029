/* What is said to us inside a Python interpreter, and what is overheard there.
 *
 * Whatever Python code gives to sys.audit() reaches the hooks that were added in C before the
 * interpreter began. So the tracer needs no extension module, no ctypes and no path to find it by,
 * and is there with -I and -S as well:
 *
 *   "sniffer.begin", path       this process belongs to the log at path from here on; "sniffer.end"
 *   "sniffer.quiet", +1 | -1    this thread looks for itself, not for the run
 *   "sniffer.weak", +1 | -1     this thread asks for kind and mode only
 *   "sniffer.record", kind, detail, path, seen    a record of any kind; bytes, b"" or an identity
 *   "sniffer.blocks", 1 | 0     the code objects that run are told
 *   "sniffer.foresee", code     before any of it is run: nobody need ask whether its file counts
 *   "sniffer.test", name        a test begins: they are told once more from here on; b"": it is over
 *   "sniffer.fork"              two processes return, one of them forked and nobody's child here
 *
 * Of what others raise it hears whose code is read, and whether there is a second interpreter. It
 * hears everything, so it must be quick to say that it does not care. */

#include "python_plugin/tracer/blocks.h"
#include "python_plugin/tracer/python.h"
#include "python_plugin/tracer/tracer.h"

#include <limits.h>
#include <string.h>

#define PREFIX "sniffer."

static long number_at(struct object *arguments, intptr_t at)
{
    struct object *item = python.item(arguments, at);
    return item != NULL ? python.number(item) : 0;
}

/* ---- orders ---- */

typedef void order(struct object *arguments);

static void do_quiet(struct object *arguments)
{
    look_depths.quiet += (int)number_at(arguments, 0);
}

static void do_weak(struct object *arguments)
{
    look_depths.weak += (int)number_at(arguments, 0);
}

/* A record that is wrong is one that was not told. */
static void do_record(struct object *arguments)
{
    struct trace_identity identity;
    struct trace_log *log = log_current();
    if (log == NULL)
        return;
    long kind = number_at(arguments, 0);
    long detail = number_at(arguments, 1);
    char *path = NULL;
    char *seen = NULL;
    intptr_t length = 0;
    intptr_t seen_length = 0;
    if (python.size(arguments) != 4 || kind <= 0 || kind >= TRACE_KINDS || detail < 0 ||
        detail > UINT8_MAX || python.bytes(python.item(arguments, 2), &path, &length) ||
        python.bytes(python.item(arguments, 3), &seen, &seen_length) ||
        (seen_length != 0 && seen_length != sizeof identity)) {
        log_lose(log);
        return;
    }
    if (seen_length != 0)
        memcpy(&identity, seen, sizeof identity);
    log_tell(log, (unsigned)kind, (unsigned)detail, path, (size_t)length,
             seen_length != 0 ? &identity : NULL);
}

static void do_begin(struct object *arguments)
{
    intptr_t length = 0;
    struct object *path = python.item(arguments, 0);
    const char *text = path != NULL ? python.text(path, &length) : NULL;
    blocks_begin(log_begin(text));
}

static void do_end(struct object *arguments)
{
    (void)arguments;
    writers_closing_from(0, INT_MAX);
    log_end();
}

static void do_blocks(struct object *arguments)
{
    blocks_switch(number_at(arguments, 0) != 0);
}

static void do_foresee(struct object *arguments)
{
    struct object *code = python.item(arguments, 0);
    if (code != NULL)
        blocks_foresee(code);
}

/* A test that is not told costs its place in the next run, and nothing else. */
static void do_test(struct object *arguments)
{
    static bool is_on;
    struct trace_log *log = log_current();
    char *name = NULL;
    intptr_t length = 0;
    if (log == NULL || python.bytes(python.item(arguments, 0), &name, &length) != 0)
        return;
    bool told = (length != 0 || is_on) && log_test(log, name, (size_t)length);
    is_on = told && length != 0;
    if (is_on)
        blocks_test();
}

static void do_fork(struct object *arguments)
{
    (void)arguments;
    orphan_fork();
}

static const struct {
    const char *name;
    order *order;
} orders[] = {{"quiet", do_quiet},   {"record", do_record},   {"weak", do_weak},
              {"test", do_test},     {"begin", do_begin},     {"end", do_end},
              {"blocks", do_blocks}, {"foresee", do_foresee}, {"fork", do_fork}};

static void obey(const char *name, struct object *arguments)
{
    if (!python_find())
        return;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (strcmp(name, orders[i].name) == 0) {
            orders[i].order(arguments);
            python.clear_error();
            return;
        }
}

/* ---- what is overheard ---- */

static void overhear_reading(struct object *arguments)
{
    intptr_t length = 0;
    struct object *name = python.size(arguments) == 2 ? python.item(arguments, 1) : NULL;
    const char *text = name != NULL ? python.text(name, &length) : NULL;
    if (text != NULL && strcmp(text, "__code__") == 0)
        blocks_read(python.item(arguments, 0));
}

/* From 3.13 on a new interpreter is not announced. But it cannot begin without importing. */
static void overhear(const char *event, struct object *arguments)
{
    if (strcmp(event, "object.__getattr__") == 0)
        overhear_reading(arguments);
    else if (strcmp(event, "cpython.PyInterpreterState_New") == 0)
        blocks_whole(TRACE_INTERPRETERS);
    else if (strcmp(event, "import") == 0)
        blocks_overheard();
}

/* Python keeps what is being raised while its hooks are called, and there is nothing then. */
static int hear(const char *event, struct object *arguments, void *nothing)
{
    (void)nothing;
    if (event[0] == 's' && strncmp(event, PREFIX, sizeof PREFIX - 1) == 0)
        obey(event + sizeof PREFIX - 1, arguments);
    else if (event[0] == 'c' && strcmp(event, "cpython._PySys_ClearAuditHooks") == 0)
        python_unhear();
    else if (blocks_on && (event[0] == 'o' || event[0] == 'c' || event[0] == 'i'))
        overhear(event, arguments);
    return 0;
}

void channel_open(void)
{
    python_hear(hear);
}
