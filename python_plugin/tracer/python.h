#ifndef TRACER_PYTHON_H
#define TRACER_PYTHON_H

/* The interpreter that this process may be: CPython's functions, as far as they are needed, found by
 * name. Nothing of Python is linked and none of its headers is read, so that one library serves
 * every version from 3.8 on, and every other program too.
 *
 * All is asked with the interpreter's lock held, as its own functions are. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object; /* PyObject */
struct frame;  /* what is evaluated: PyFrameObject, from 3.11 on _PyInterpreterFrame */
struct thread; /* PyThreadState */
struct interpreter; /* PyInterpreterState */

#define PYTHON(major, minor, patch)                                                      \
    ((unsigned)(major) << 16 | (unsigned)(minor) << 8 | (unsigned)(patch))

typedef int python_audit(const char *event, struct object *arguments, void *data);
typedef void python_evaluator(void); /* its parameters differ between versions */

struct python {
    unsigned version;
    /* values */
    void (*keep)(struct object *object);
    void (*drop)(struct object *object);
    struct object *(*attribute)(struct object *object, const char *name);
    struct object *(*call_method)(struct object *object, const char *name,
                                  const char *format, ...);
    int (*is_instance)(struct object *object, void *type);
    struct object *(*item)(struct object *tuple, intptr_t at);
    intptr_t (*size)(struct object *tuple);
    long (*number)(struct object *object);
    const char *(*text)(struct object *string, intptr_t *ret_length);
    struct object *(*encode)(struct object *string);
    int (*bytes)(struct object *bytes, char **ret_bytes, intptr_t *ret_length);
    struct object *(*new_dict)(void);
    struct object *(*in_dict)(struct object *dict, const char *key);
    int (*next_in_dict)(struct object *dict, intptr_t *at, struct object **ret_key,
                        struct object **ret_value);
    struct object *(*new_function)(void *method, struct object *self,
                                   struct object *module);
    /* what is being raised */
    void (*take_error)(struct object **type, struct object **value,
                       struct object **traceback);
    void (*give_error)(struct object *type, struct object *value,
                       struct object *traceback);
    void (*clear_error)(void);
    /* the interpreter */
    struct object *(*of_sys)(const char *name);
    struct object *(*modules)(void);
    struct interpreter *(*interpreter)(void);
    struct thread *(*first_thread)(struct interpreter *interpreter);
    struct thread *(*next_thread)(struct thread *thread);
    void (*before_fork)(void);
    void (*after_fork)(void);
    void (*after_fork_in_child)(void);
    /* code */
    struct object *(*compile)(const char *source, const char *file, int start);
    struct object *(*run)(struct object *code, struct object *globals,
                          struct object *locals);
    struct object *(*code_of_function)(struct object *function);
    intptr_t (*new_mark)(void (*free_mark)(void *));
    int (*mark)(struct object *code, intptr_t index, void **ret_mark);
    int (*set_mark)(struct object *code, intptr_t index, void *mark);
    /* frames */
    struct object *(*frame_now)(void);
    struct object *(*frame_of_thread)(struct thread *thread); /* from 3.9 on */
    struct object *(*caller_of_frame)(struct object *frame);  /* from 3.9 on */
    struct object *(*code_of_frame)(struct object *frame);    /* from 3.9 on */
    struct object *(*frames_of_threads)(void);                /* 3.8 */
    /* their evaluation, to 3.11 */
    python_evaluator *evaluate;
    python_evaluator *(*evaluator)(struct interpreter *interpreter); /* from 3.9 on */
    void (*set_evaluator)(struct interpreter *interpreter,
                          python_evaluator *evaluator); /* from 3.9 on */
    /* PyCode_Type, None */
    void *code_type;
    struct object *none;
};
extern struct python python;

/* Fills in `python`, once; false: this is an interpreter that we know too little of. */
bool python_find(void);
/* NULL: this process has no such thing. */
void *python_symbol(const char *name);

/* Runs SOURCE, a module's text, in an empty namespace. False: it raised. */
bool python_run(const char *source);

/* ---- orphan.c ---- */

/* Returns twice, as fork does: here, and in a child that is already that of whoever adopts orphans.
 * Where it fails there is no child. This process has but one thread. */
void orphan_fork(void);

/* ---- python_hook.c ---- */

/* Before the interpreter begins: HOOK will hear what is audited in it. Nothing happens in other
 * programs. */
void python_hear(python_audit *hook);
/* HOOK heard that the hooks are about to be freed. */
void python_unhear(void);

#endif
