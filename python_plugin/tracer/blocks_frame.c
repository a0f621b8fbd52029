/* 3.8 to 3.11: the interpreter lets others evaluate its frames (PEP 523). Ours looks at the frame's
 * code and calls the one that was there before.
 *
 * Where a frame has its code, and on 3.8 where the interpreter has its evaluator, no function tells;
 * where code has its marks, none tells fast enough. They are found by what must be there, and tried
 * before they are used. */

#include "python_plugin/tracer/blocks.h"

#include <string.h>

/* To 3.8 an evaluator has no thread. */
typedef struct object *evaluate_3_8(struct frame *frame, int raises);
typedef struct object *evaluate_3_9(struct thread *thread, struct frame *frame,
                                    int raises);

static python_evaluator *before; /* who evaluated before us, and does still */
static evaluate_3_8 *before_3_8; /* the same, */
static evaluate_3_9 *before_3_9; /* as it is called */
static python_evaluator **slot;  /* 3.8: in the interpreter */
static size_t code_at;           /* in a frame; 0: not known */
struct marks {                   /* _PyCodeObjectExtra */
    intptr_t count;
    uintptr_t marks[];
};
static size_t marks_at; /* in a code object, NULL as long as it has none; 0: not known */
static unsigned deep;   /* frames that went on without us */
static struct interpreter *within; /* whose evaluator it is */

/* ---- the evaluators ---- */

/* Called for every call of a function: where the mark is known to be, it is read without asking. */
static inline bool is_known(struct object *code)
{
    if (__builtin_expect(marks_at == 0, 0))
        return blocks_known(code);
    const struct marks *marks = *(struct marks **)(void *)((char *)code + marks_at);
    return marks != NULL && marks->count > blocks_index &&
           blocks_is_known(marks->marks[blocks_index]);
}

static inline void look_at(struct frame *frame)
{
    struct object *code = *(struct object **)(void *)((char *)frame + code_at);
    if (__builtin_expect(!is_known(code), 0))
        blocks_note(code);
}

static struct object *evaluate_on_3_8(struct frame *frame, int raises)
{
    look_at(frame);
    return before_3_8(frame, raises);
}

static struct object *evaluate_on_3_9(struct thread *thread, struct frame *frame,
                                      int raises)
{
    look_at(frame);
    return before_3_9(thread, frame, raises);
}

static struct object *evaluate_deep(struct thread *thread, struct frame *frame,
                                    int raises);

static struct object *evaluate_on_3_11(struct thread *thread, struct frame *frame,
                                       int raises)
{
    look_at(frame);
    if (__builtin_expect(deep_may_be_low(), 0))
        return evaluate_deep(thread, frame, raises);
    return before_3_9(thread, frame, raises);
}

static python_evaluator *ours(void)
{
    if (python.version < PYTHON(3, 9, 0))
        return (python_evaluator *)evaluate_on_3_8;
    return python.version < PYTHON(3, 11, 0) ? (python_evaluator *)evaluate_on_3_9
                                             : (python_evaluator *)evaluate_on_3_11;
}

/* ---- whose turn it is ---- */

/* The evaluator stands before an array of 255 functions, so as many words can be read. */
static python_evaluator **find_slot(struct interpreter *interpreter)
{
    python_evaluator **words = (python_evaluator **)(void *)interpreter;
    for (size_t i = 0; i < 255; i++)
        if (words[i] == python.evaluate)
            return &words[i];
    return NULL;
}

static python_evaluator *current(void)
{
    return slot != NULL ? *slot : python.evaluator(within);
}

static void set_current(python_evaluator *evaluator)
{
    if (slot != NULL)
        *slot = evaluator;
    else
        python.set_evaluator(within, evaluator);
}

/* Without an evaluator of its own 3.11 calls functions in its loop, without any C stack. So when
 * that runs low, the rest of the recursion goes on as if we were not there, and that is said. */
static struct object *evaluate_deep(struct thread *thread, struct frame *frame,
                                    int raises)
{
    if (!deep_is_low((uintptr_t)__builtin_frame_address(0)) || current() != ours())
        return before_3_9(thread, frame, raises);
    blocks_whole(TRACE_DEEP);
    deep++;
    set_current(before);
    struct object *result = before_3_9(thread, frame, raises);
    deep--;
    if (blocks_on && deep == 0)
        set_current(ours());
    return result;
}

/* ---- where is the code? ---- */

enum { EVALUATED = 258 };    /* Py_eval_input */
enum { FRAME_WORDS = 9 };    /* that the smallest frame has */
static struct object *tried; /* the code that is being run */
static size_t found_at;

static void look_for_code(struct frame *frame)
{
    struct object **words = (struct object **)(void *)frame;
    for (size_t i = 1; i < FRAME_WORDS; i++)
        if (words[i] == tried)
            found_at = i * sizeof *words;
}

static struct object *try_on_3_8(struct frame *frame, int raises)
{
    look_for_code(frame);
    return before_3_8(frame, raises);
}

static struct object *try_on_3_9(struct thread *thread, struct frame *frame, int raises)
{
    look_for_code(frame);
    return before_3_9(thread, frame, raises);
}

/* Where the code of a frame is, by running SOURCE; 0: it was not seen. */
static size_t place_in(const char *source)
{
    struct object *space = python.new_dict();
    found_at = 0;
    tried = python.compile(source, "<sniffer>", EVALUATED);
    if (space != NULL && tried != NULL)
        python.drop(python.run(tried, space, space));
    python.drop(tried);
    python.drop(space);
    python.clear_error();
    tried = NULL;
    return found_at;
}

static size_t find_code(void)
{
    set_current(python.version < PYTHON(3, 9, 0) ? (python_evaluator *)try_on_3_8
                                                 : (python_evaluator *)try_on_3_9);
    size_t one = place_in("0");
    size_t other = place_in("[0][0]");
    set_current(before);
    return one == other ? one : 0;
}

/* ---- where are the marks? ---- */

enum { CODE_WORDS = 64 };

static size_t words_of_code(void)
{
    struct object *size = python.attribute(python.code_type, "__basicsize__");
    size_t words = size != NULL ? (size_t)python.number(size) / sizeof(void *) : 0;
    python.drop(size);
    return words < CODE_WORDS ? words : 0;
}

/* The one word of CODE, of COUNT, that its first mark changes; 0: something else happened. */
static size_t changed_word(struct object *code, size_t count)
{
    struct marks **words = (struct marks **)(void *)code;
    struct marks *unmarked[CODE_WORDS];
    size_t changes = 0;
    size_t at = 0;
    memcpy(unmarked, words, count * sizeof *words);
    if (python.set_mark(code, blocks_index, unmarked) != 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (words[i] != unmarked[i]) {
            changes++;
            at = i;
        }
    bool is_it = changes == 1 && unmarked[at] == NULL &&
                 words[at]->count > blocks_index &&
                 words[at]->marks[blocks_index] == (uintptr_t)unmarked;
    return is_it ? at : 0;
}

static size_t find_marks(void)
{
    struct object *code = python.compile("0", "<sniffer>", EVALUATED);
    size_t at = code != NULL ? changed_word(code, words_of_code()) : 0;
    python.drop(code);
    python.clear_error();
    return at * sizeof(void *);
}

/* ---- the tracer ---- */

static bool start(void)
{
    within = python.interpreter();
    if (python.version < PYTHON(3, 9, 0)) {
        slot = find_slot(within);
        if (slot == NULL)
            return false;
    }
    if (python.version >= PYTHON(3, 11, 0) && !deep_prepare())
        return false;
    before = current();
    before_3_8 = (evaluate_3_8 *)before;
    before_3_9 = (evaluate_3_9 *)before;
    if (code_at == 0)
        code_at = find_code();
    if (code_at == 0)
        return false;
    if (marks_at == 0)
        marks_at = find_marks();
    deep = 0;
    set_current(ours());
    return true;
}

/* After a fork in the middle of deep recursion nobody else would. */
static void again(void)
{
    if (current() == before)
        set_current(ours());
}

static bool still_there(void)
{
    return current() == ours() || (deep > 0 && current() == before);
}

/* Who came after us has our function and goes on calling it. */
static void stop(void)
{
    if (current() == ours())
        set_current(before);
}

const struct blocks_tracer blocks_frame = {start, again, still_there, stop};
