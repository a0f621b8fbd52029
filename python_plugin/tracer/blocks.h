#ifndef TRACER_BLOCKS_H
#define TRACER_BLOCKS_H

/* Which code objects run in this interpreter: TRACE_CODE, once for each of them.
 *
 *   blocks.c          on and off, what is known of a code object
 *   blocks_tell.c     what is told of it, if its file counts
 *   blocks_frame.c    3.8 to 3.11: a function of ours evaluates the frames (PEP 523)
 *   blocks_deep.c     what that needs on 3.11: room on the stack, and versions of functions
 *   blocks_monitor.c  from 3.12 on: sys.monitoring
 *
 * A code object carries a mark (co_extra) with the generation in which it was told, so code that is
 * freed takes its mark with it, and a forked child knows what its parent told. A new log and each
 * test that is told begin a generation. Code of files that do not count has a mark that outlives
 * generations: most of what runs is such code. Whatever a test does with sys.settrace,
 * sys.setprofile and threads, it is seen.
 *
 * Where this cannot work there is no TRACE_CODE: who switches it on tries it. Where it stops working,
 * TRACE_WHOLE says so.
 *
 * All is called with the interpreter's lock held. Nothing here raises, and what is being raised
 * stays as it is. */

#include "python_plugin/tracer/log.h"
#include "python_plugin/tracer/python.h"

extern bool blocks_on;

/* python_find() went well. */
void blocks_switch(bool on);
/* A test begins: every code object of a file that counts is told once more. */
void blocks_test(void);
/* From here on in another log. What was decided about files holds in it where it counts the SAME. */
void blocks_begin(bool same);
/* Where the file of CODE does not count, nobody is to ask again; nor of what is in CODE. */
void blocks_foresee(struct object *code);
/* FUNCTION's code can be read: without being run it counts, and all that is in it. */
void blocks_read(struct object *function);
/* An event from whatever interpreter is running: is it another than ours? */
void blocks_overheard(void);
void blocks_whole(enum trace_whole why);

/* ---- for the tracers ---- */

/* Where code objects have their mark, and what it is now. The last bit says that the code was read,
 * too: nobody needs to look what is in it. */
extern intptr_t blocks_index;
extern uintptr_t blocks_mark;
/* Code of files that do not count. */
extern uintptr_t blocks_foreign;
extern bool blocks_by_tests; /* there are some, in this log */

void blocks_note(struct object *code);

static inline bool blocks_is_known(uintptr_t mark)
{
    return (mark | 1) == blocks_mark || mark == blocks_foreign;
}

static inline uintptr_t blocks_mark_of(struct object *code)
{
    void *mark = NULL;
    python.mark(code, blocks_index, &mark);
    return (uintptr_t)mark;
}

static inline bool blocks_known(struct object *code)
{
    return blocks_is_known(blocks_mark_of(code));
}

/* A tracer. Switched on and off by start and stop; still_there asks whether it is as it was. */
struct blocks_tracer {
    bool (*start)(void);
    void (*again)(void); /* a generation begins */
    bool (*still_there)(void);
    void (*stop)(void);
};
extern const struct blocks_tracer blocks_frame, blocks_monitor;

/* ---- blocks_tell.c ---- */

/* CODE runs; false: its file does not count. May raise. */
bool blocks_tell(struct object *code);
/* Does the file of CODE count? True where it cannot be said now. May raise. */
bool blocks_counts(struct object *code);
/* Other files may count now. */
void blocks_forget_files(void);

/* ---- blocks_deep.c ---- */

/* Before the first frame of ours is evaluated. False: we cannot work here. */
bool deep_prepare(void);
/* Is there too little stack left for another frame of ours? Asked of every frame. */
extern _Thread_local uintptr_t deep_lowest __attribute__((tls_model("initial-exec")));
bool deep_is_low(uintptr_t stack);
static inline bool deep_may_be_low(void)
{
    return (uintptr_t)__builtin_frame_address(0) < deep_lowest;
}

#endif
