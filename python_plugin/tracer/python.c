/* CPython's functions by their names. */

#include "python_plugin/tracer/python.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct python python;

struct symbol {
    size_t at; /* in struct python */
    const char *name;
    unsigned since, until; /* minor versions; until 0: to this day */
};
#define AT(field) offsetof(struct python, field)

static const struct symbol symbols[] = {
    {AT(keep), "Py_IncRef", 0, 0},
    {AT(drop), "Py_DecRef", 0, 0},
    {AT(attribute), "PyObject_GetAttrString", 0, 0},
    {AT(call_method), "PyObject_CallMethod", 0, 0},
    {AT(is_instance), "PyObject_IsInstance", 0, 0},
    {AT(item), "PyTuple_GetItem", 0, 0},
    {AT(size), "PyTuple_Size", 0, 0},
    {AT(number), "PyLong_AsLong", 0, 0},
    {AT(text), "PyUnicode_AsUTF8AndSize", 0, 0},
    {AT(encode), "PyUnicode_EncodeFSDefault", 0, 0},
    {AT(bytes), "PyBytes_AsStringAndSize", 0, 0},
    {AT(new_dict), "PyDict_New", 0, 0},
    {AT(in_dict), "PyDict_GetItemString", 0, 0},
    {AT(next_in_dict), "PyDict_Next", 0, 0},
    {AT(new_function), "PyCFunction_NewEx", 0, 0},
    {AT(take_error), "PyErr_Fetch", 0, 0},
    {AT(give_error), "PyErr_Restore", 0, 0},
    {AT(clear_error), "PyErr_Clear", 0, 0},
    {AT(of_sys), "PySys_GetObject", 0, 0},
    {AT(modules), "PyImport_GetModuleDict", 0, 0},
    {AT(interpreter), "_PyInterpreterState_Get", 0, 9},
    {AT(interpreter), "PyInterpreterState_Get", 9, 0},
    {AT(first_thread), "PyInterpreterState_ThreadHead", 0, 0},
    {AT(next_thread), "PyThreadState_Next", 0, 0},
    {AT(before_fork), "PyOS_BeforeFork", 0, 0},
    {AT(after_fork), "PyOS_AfterFork_Parent", 0, 0},
    {AT(after_fork_in_child), "PyOS_AfterFork_Child", 0, 0},
    {AT(compile), "Py_CompileString", 0, 0},
    {AT(run), "PyEval_EvalCode", 0, 0},
    {AT(code_of_function), "PyFunction_GetCode", 0, 0},
    {AT(new_mark), "_PyEval_RequestCodeExtraIndex", 0, 12},
    {AT(new_mark), "PyUnstable_Eval_RequestCodeExtraIndex", 12, 0},
    {AT(mark), "_PyCode_GetExtra", 0, 12},
    {AT(mark), "PyUnstable_Code_GetExtra", 12, 0},
    {AT(set_mark), "_PyCode_SetExtra", 0, 12},
    {AT(set_mark), "PyUnstable_Code_SetExtra", 12, 0},
    {AT(frame_now), "PyEval_GetFrame", 0, 0},
    {AT(frame_of_thread), "PyThreadState_GetFrame", 9, 0},
    {AT(caller_of_frame), "PyFrame_GetBack", 9, 0},
    {AT(code_of_frame), "PyFrame_GetCode", 9, 0},
    {AT(frames_of_threads), "_PyThread_CurrentFrames", 0, 9},
    {AT(evaluate), "_PyEval_EvalFrameDefault", 0, 12},
    {AT(evaluator), "_PyInterpreterState_GetEvalFrameFunc", 9, 12},
    {AT(set_evaluator), "_PyInterpreterState_SetEvalFrameFunc", 9, 12},
    {AT(code_type), "PyCode_Type", 0, 0},
    {AT(none), "_Py_NoneStruct", 0, 0},
};

/* What a failed search leaves for dlerror() is not the program's. */
void *python_symbol(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        dlerror();
    return found;
}

static unsigned version_of(const char *text)
{
    unsigned parts[3] = {0};
    for (int i = 0; i < 3; i++) {
        char *end = NULL;
        parts[i] = (unsigned)strtoul(text, &end, 10);
        text = *end == '.' ? end + 1 : end;
    }
    return PYTHON(parts[0], parts[1], parts[2]);
}

static unsigned find_version(void)
{
    const char *(*version)(void) = NULL;
    void *found = python_symbol("Py_GetVersion");
    memcpy(&version, &found, sizeof version);
    return version != NULL ? version_of(version()) : 0;
}

/* Without its one lock nothing here is safe. */
static bool is_free_threaded(void)
{
    return python_symbol("PyUnstable_Module_SetGIL") != NULL;
}

static bool find_all(unsigned version)
{
    unsigned minor = version >> 8 & 0xff;
    if (version < PYTHON(3, 8, 0) || version >= PYTHON(4, 0, 0) || is_free_threaded())
        return false;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        const struct symbol *symbol = &symbols[i];
        if (minor < symbol->since || (symbol->until != 0 && minor >= symbol->until))
            continue;
        void *found = python_symbol(symbol->name);
        if (found == NULL)
            return false;
        memcpy((char *)&python + symbol->at, &found, sizeof found);
    }
    return true;
}

bool python_find(void)
{
    static bool asked;
    if (!asked) {
        unsigned version = find_version();
        asked = true;
        python.version = find_all(version) ? version : 0;
    }
    return python.version != 0;
}

bool python_run(const char *source)
{
    enum { FILE_INPUT = 257 };
    struct object *result = NULL;
    struct object *space = python.new_dict();
    struct object *code = python.compile(source, "<sniffer>", FILE_INPUT);
    if (space != NULL && code != NULL)
        result = python.run(code, space, space);
    bool went_well = result != NULL;
    python.drop(result); /* takes NULL */
    python.drop(code);
    python.drop(space);
    return went_well;
}
