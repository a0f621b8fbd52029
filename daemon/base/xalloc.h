#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

/* Memory that is always there: out of memory ends the process with a line on stderr, because a
 * daemon that keeps promises cannot keep them half-allocated. proto, a library, does not use this. */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/* *TEXT becomes a copy of WITH, which may be a part of it, or NULL. */
void xreplace(char **text, const char *with);

/* Room for one more element: grows an array of COUNT used and *CAPACITY allocated elements. */
void *xgrow(void *array, size_t count, size_t *capacity, size_t element);

/* Locals that clean up after themselves. */
static inline void cleanup_free_(void *pointer)
{
    free(*(void **)pointer);
}
static inline void cleanup_close_(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define autofree __attribute__((cleanup(cleanup_free_)))
#define autoclose __attribute__((cleanup(cleanup_close_)))

#endif
