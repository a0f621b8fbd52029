/* From 3.12 on: sys.monitoring.
 *
 * Each event is switched off where it came from, so that code which was told runs as fast as ever. To
 * switch all on again for each test would cost more than most tests do: where there are tests, code
 * that counts is left on until it was called often.
 * A generator that began earlier may also go on by throw() or close(): that event cannot be switched
 * off, but it is rare. */

#include "python_plugin/tracer/blocks.h"

enum { EVENTS = 3, FASTCALL = 0x80 };

static const char *const event_names[EVENTS] = {"PY_START", "PY_RESUME", "PY_THROW"};

static struct object *monitoring, *disable;
static long tool, events[EVENTS];
static struct object *callbacks[EVENTS];

enum { OFTEN = 1000 };       /* in one test, all code together */
static unsigned repetitions; /* of events that were left on */
static bool some_are_off;    /* of those that count */

/* ---- the callbacks ---- */

static struct object *begins(struct object *nothing, struct object *const *arguments,
                             intptr_t count)
{
    (void)nothing;
    (void)count;
    if (!blocks_known(arguments[0]))
        blocks_note(arguments[0]);
    if (blocks_mark_of(arguments[0]) == blocks_foreign) {
        python.keep(disable);
        return disable;
    }
    if (blocks_by_tests && repetitions++ < OFTEN) {
        python.keep(python.none);
        return python.none;
    }
    some_are_off = true;
    python.keep(disable);
    return disable;
}

static struct object *throws(struct object *nothing, struct object *const *arguments,
                             intptr_t count)
{
    (void)nothing;
    (void)count;
    if (!blocks_known(arguments[0]))
        blocks_note(arguments[0]);
    python.keep(python.none);
    return python.none;
}

typedef struct object *method(struct object *self, struct object *const *arguments,
                              intptr_t count);
struct definition { /* PyMethodDef */
    const char *name;
    method *function;
    int flags;
    const char *about;
};
static struct definition begins_definition = {"begins", begins, FASTCALL, NULL};
static struct definition throws_definition = {"throws", throws, FASTCALL, NULL};

/* ---- asking sys.monitoring ---- */

static const char name[] = "sniffer";

/* Its result is not wanted; did it raise? */
static bool done(struct object *result)
{
    bool went_well = result != NULL;
    python.drop(result);
    python.clear_error();
    return went_well;
}

static long number_of(struct object *object)
{
    long number = object != NULL ? python.number(object) : -1;
    python.drop(object);
    python.clear_error();
    return number;
}

/* The ids without a purpose first, then the optimizer's. Those of debuggers, coverage and profilers
 * are left alone: a test that uses one of these tools must find its id free. */
static bool take_tool(void)
{
    static const int ids[] = {4, 3, 5};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        tool = ids[i];
        if (done(python.call_method(monitoring, "use_tool_id", "ls", tool, name)))
            return true;
    }
    return false;
}

/* Who had it before is told: Py_None, or another's callback. */
static struct object *set_callback(size_t event, struct object *callback)
{
    struct object *earlier = python.call_method(monitoring, "register_callback", "llO",
                                                tool, events[event], callback);
    python.clear_error();
    return earlier;
}

static bool set_events(long set)
{
    return done(python.call_method(monitoring, "set_events", "ll", tool, set));
}

static long all_events(void)
{
    return events[0] | events[1] | events[2];
}

/* ---- the tracer ---- */

static bool find_events(void)
{
    struct object *all = python.attribute(monitoring, "events");
    for (size_t i = 0; all != NULL && i < EVENTS; i++)
        events[i] = number_of(python.attribute(all, event_names[i]));
    python.drop(all);
    return all != NULL && events[0] > 0 && events[1] > 0 && events[2] > 0;
}

/* What was found stays: a test may put something else into its place. */
static bool find(void)
{
    if (monitoring != NULL)
        return true;
    monitoring = python.of_sys("monitoring");
    if (monitoring == NULL)
        return false;
    python.keep(monitoring);
    disable = python.attribute(monitoring, "DISABLE");
    callbacks[0] = python.new_function(&begins_definition, NULL, NULL);
    callbacks[1] = python.new_function(&begins_definition, NULL, NULL);
    callbacks[2] = python.new_function(&throws_definition, NULL, NULL);
    bool found = disable != NULL && callbacks[0] != NULL && callbacks[1] != NULL &&
                 callbacks[2] != NULL && find_events();
    if (!found)
        monitoring = NULL;
    return found;
}

static bool start(void)
{
    if (!find() || !take_tool())
        return false;
    for (size_t i = 0; i < EVENTS; i++)
        python.drop(set_callback(i, callbacks[i]));
    return set_events(all_events());
}

static void again(void)
{
    repetitions = 0;
    if (blocks_by_tests && !some_are_off)
        return;
    some_are_off = false;
    done(python.call_method(monitoring, "restart_events", NULL));
}

static bool tool_is_ours(void)
{
    intptr_t length = 0;
    struct object *owner = python.call_method(monitoring, "get_tool", "l", tool);
    const char *text =
        owner != NULL && owner != python.none ? python.text(owner, &length) : NULL;
    bool result = text != NULL && strcmp(text, name) == 0;
    python.drop(owner);
    python.clear_error();
    return result;
}

/* To see a callback it must be exchanged. */
static bool still_there(void)
{
    bool there = tool_is_ours() &&
                 number_of(python.call_method(monitoring, "get_events", "l", tool)) ==
                     all_events();
    for (size_t i = 0; there && i < EVENTS; i++) {
        struct object *earlier = set_callback(i, callbacks[i]);
        there = earlier == callbacks[i];
        python.drop(earlier);
    }
    return there;
}

static void stop(void)
{
    if (!tool_is_ours())
        return;
    set_events(0);
    for (size_t i = 0; i < EVENTS; i++)
        python.drop(set_callback(i, python.none));
    done(python.call_method(monitoring, "free_tool_id", "l", tool));
}

const struct blocks_tracer blocks_monitor = {start, again, still_there, stop};
