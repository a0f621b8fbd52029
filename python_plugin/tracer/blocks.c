/* On and off, and what is known of a code object: whether it was told in this generation. */

#include "python_plugin/tracer/blocks.h"

#include "python_plugin/tracer/tracer.h"

bool blocks_on;
intptr_t blocks_index = -1;
uintptr_t blocks_mark = 1;
uintptr_t blocks_foreign = 1; /* no generation's */
bool blocks_by_tests;

static const struct blocks_tracer *tracer;
static struct interpreter *traced;

/* ---- what is being raised ---- */

struct raised {
    struct object *type, *value, *traceback;
};

static struct raised raised_take(void)
{
    struct raised raised = {0};
    python.take_error(&raised.type, &raised.value, &raised.traceback);
    return raised;
}

static void raised_give(struct raised raised)
{
    python.give_error(raised.type, raised.value, raised.traceback);
}

/* ---- marks ---- */

/* The mark first: what is run to tell it may be code, too. */
static void note_as(struct object *code, uintptr_t mark)
{
    bool known = blocks_known(code);
    python.set_mark(code, blocks_index, (void *)mark);
    if (!known && !blocks_tell(code))
        python.set_mark(code, blocks_index, (void *)blocks_foreign);
}

__attribute__((noinline)) void blocks_note(struct object *code)
{
    struct raised raised = raised_take();
    note_as(code, blocks_mark & ~(uintptr_t)1);
    python.clear_error();
    raised_give(raised);
}

void blocks_whole(enum trace_whole why)
{
    struct trace_log *log = log_current();
    if (log != NULL)
        log_tell(log, TRACE_WHOLE, why, "", 0, NULL);
}

/* ---- what runs already ---- */

static struct object *code_of(struct object *frame)
{
    return python.code_of_frame != NULL ? python.code_of_frame(frame)
                                        : python.attribute(frame, "f_code");
}

static struct object *caller_of(struct object *frame)
{
    struct object *caller = python.caller_of_frame != NULL
                                ? python.caller_of_frame(frame)
                                : python.attribute(frame, "f_back");
    if (caller != python.none)
        return caller;
    python.drop(caller);
    return NULL;
}

/* Drops FRAME. */
static void note_stack(struct object *frame)
{
    while (frame != NULL) {
        struct object *code = code_of(frame);
        if (code != NULL && !blocks_known(code))
            blocks_note(code);
        python.drop(code);
        struct object *caller = caller_of(frame);
        python.drop(frame);
        frame = caller;
    }
    python.clear_error();
}

static void note_stacks_of_3_8(void)
{
    intptr_t at = 0;
    struct object *id = NULL;
    struct object *frame = NULL;
    struct object *frames = python.frames_of_threads();
    while (frames != NULL && python.next_in_dict(frames, &at, &id, &frame)) {
        python.keep(frame);
        note_stack(frame);
    }
    python.drop(frames);
}

/* Not by sys._current_frames: it is audited, and a test may listen. */
static void note_stacks(void)
{
    if (python.frame_of_thread == NULL) {
        note_stacks_of_3_8();
        return;
    }
    struct thread *thread = python.first_thread(traced);
    for (; thread != NULL; thread = python.next_thread(thread))
        note_stack(python.frame_of_thread(thread));
}

/* ---- functions whose code is read ---- */

/* Of inspect, these read what the block around the function has in it as well: its signature, what
 * kind of function it is, its file. */
static const char *const modest_names[] = {"_signature_from_function",
                                           "_signature_is_functionlike", "_has_code_flag",
                                           "getfile"};
enum { MODEST = sizeof modest_names / sizeof *modest_names };
static struct object *modest[MODEST];

/* By the code objects themselves, as they are before any test could exchange them. */
static void find_modest(void)
{
    struct object *inspect = python.in_dict(python.modules(), "inspect");
    for (size_t i = 0; i < MODEST; i++) {
        struct object *before = modest[i];
        struct object *function =
            inspect != NULL ? python.attribute(inspect, modest_names[i]) : NULL;
        modest[i] = function != NULL ? python.code_of_function(function) : NULL;
        python.keep(modest[i]);
        python.drop(function);
        python.drop(before);
        python.clear_error();
    }
}

static bool asker_is_modest(void)
{
    bool found = false;
    struct object *frame = python.frame_now();
    struct object *code = frame != NULL ? code_of(frame) : NULL;
    for (size_t i = 0; code != NULL && i < MODEST; i++)
        found = found || code == modest[i];
    python.drop(code);
    return found;
}

static bool is_read_already(struct object *code)
{
    return blocks_mark_of(code) == blocks_mark;
}

/* What is in it can be read as well. */
static void note_read(struct object *code)
{
    if (is_read_already(code))
        return;
    note_as(code, blocks_mark);
    struct object *constants = python.attribute(code, "co_consts");
    intptr_t count = constants != NULL ? python.size(constants) : 0;
    for (intptr_t i = 0; i < count; i++) {
        struct object *constant = python.item(constants, i);
        if (python.is_instance(constant, python.code_type) == 1)
            note_read(constant);
    }
    python.drop(constants);
}

void blocks_read(struct object *function)
{
    if (python.interpreter() != traced)
        return;
    struct raised raised = raised_take();
    struct object *code = python.code_of_function(function);
    if (code != NULL && !is_read_already(code) && !asker_is_modest())
        note_read(code);
    python.clear_error();
    raised_give(raised);
}

/* ---- on and off ---- */

static bool is_ours(void)
{
    return blocks_on && python.interpreter() == traced;
}

static void check(void)
{
    if (!tracer->still_there())
        blocks_whole(TRACE_TAKEN);
}

static void begin_generation(void)
{
    blocks_mark += 2;
    tracer->again();
    note_stacks();
}

static bool can_mark(void)
{
    traced = python.interpreter();
    if (blocks_index < 0)
        blocks_index = python.new_mark(NULL);
    return blocks_index >= 0;
}

static void start(void)
{
    tracer = python.version < PYTHON(3, 12, 0) ? &blocks_frame : &blocks_monitor;
    if (!can_mark())
        return;
    find_modest();
    blocks_on = tracer->start();
    if (blocks_on)
        begin_generation();
}

void blocks_switch(bool on)
{
    if (on && !blocks_on)
        start();
    if (!on && is_ours()) {
        check();
        tracer->stop();
        blocks_on = false;
    }
    python.clear_error();
}

static void begin_anew(void)
{
    check();
    begin_generation();
    python.clear_error();
}

void blocks_test(void)
{
    if (!is_ours())
        return;
    blocks_by_tests = true;
    begin_anew();
}

void blocks_begin(bool same)
{
    if (traced != NULL && python.interpreter() != traced)
        return;
    if (!same) {
        blocks_forget_files();
        blocks_mark += 2;
        blocks_foreign = blocks_mark;
    }
    blocks_by_tests = false;
    if (blocks_on)
        begin_anew();
}

static void foresee(struct object *code)
{
    if (blocks_known(code) || blocks_counts(code))
        return;
    python.set_mark(code, blocks_index, (void *)blocks_foreign);
    struct object *constants = python.attribute(code, "co_consts");
    intptr_t count = constants != NULL ? python.size(constants) : 0;
    for (intptr_t i = 0; i < count; i++) {
        struct object *constant = python.item(constants, i);
        if (python.is_instance(constant, python.code_type) == 1)
            foresee(constant);
    }
    python.drop(constants);
}

void blocks_foresee(struct object *code)
{
    if (!blocks_on && can_mark() && python.is_instance(code, python.code_type) == 1)
        foresee(code);
    python.clear_error();
}

void blocks_overheard(void)
{
    if (python.interpreter() != traced)
        blocks_whole(TRACE_INTERPRETERS);
}
