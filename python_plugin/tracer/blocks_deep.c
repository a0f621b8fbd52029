/* What an evaluator of frames needs on 3.11. */

#include "python_plugin/tracer/blocks.h"

#include <pthread.h>
#include <string.h>

/* ---- the stack ----
 *
 * There, and only there, calls of Python functions use the C stack because of us: some 500 bytes each.
 * Half of a thread's stack is for them. The other half is for C, as it was before. */

_Thread_local uintptr_t deep_lowest = UINTPTR_MAX; /* not asked yet */

/* By name: they were not always in libc itself. */
static int (*attributes_of)(pthread_t thread, pthread_attr_t *ret_attributes);
static int (*stack_of)(const pthread_attr_t *attributes, void **ret_bottom,
                       size_t *ret_size);

static bool find_functions(void)
{
    void *attributes = python_symbol("pthread_getattr_np");
    void *stack = python_symbol("pthread_attr_getstack");
    memcpy(&attributes_of, &attributes, sizeof attributes);
    memcpy(&stack_of, &stack, sizeof stack);
    return attributes != NULL && stack != NULL;
}

static uintptr_t find_lowest(void)
{
    pthread_attr_t attributes;
    void *bottom = NULL;
    size_t size = 0;
    if (attributes_of(pthread_self(), &attributes) != 0)
        return UINTPTR_MAX; /* always low */
    stack_of(&attributes, &bottom, &size);
    pthread_attr_destroy(&attributes);
    return (uintptr_t)bottom + size / 2;
}

bool deep_is_low(uintptr_t stack)
{
    if (deep_lowest == UINTPTR_MAX)
        deep_lowest = find_lowest();
    return stack < deep_lowest;
}

/* ---- versions of functions ----
 *
 * 3.11.0 to 3.11.3 call a __getitem__ past every evaluator where x[i] has been specialised for it
 * (gh-104405). They do so only for functions whose version fits into 16 bits; a function gets the next
 * version when a call of it is specialised. So all of those are given away, to functions that are
 * thrown away. */

static const char give_versions_away[] =
    "def give_away(versions, each):\n"
    "    names = ['f%d' % i for i in range(each)]\n"
    "    space = {}\n"
    "    exec('def run(now, %s):\\n if now:\\n  %s'\n"
    "         % (', '.join(names), ';'.join(n + '()' for n in names)), space)\n"
    "    run = space['run']\n"
    "    for _ in range(versions // each + 1):\n"
    "        fresh = type(run)(run.__code__.replace(), space)\n"
    "        functions = [lambda: 0 for _ in range(each)]\n"
    "        for _ in range(9):\n" /* then it is specialised */
    "            fresh(0, *functions)\n"
    "        fresh(1, *functions)\n"
    "give_away(1 << 16, 250)\n";

bool deep_prepare(void)
{
    static bool prepared;
    if (!prepared)
        prepared = find_functions() &&
                   (python.version >= PYTHON(3, 11, 4) || python_run(give_versions_away));
    return prepared;
}
