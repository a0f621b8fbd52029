#ifndef CLIENT_TROUBLE_H
#define CLIENT_TROUBLE_H

/* How a command ends, and the one line that says why when it ends badly. What talks to the daemon
 * fills a trouble and prints nothing; ctl.c prints it and exits with its code. */

#include <stdbool.h>
#include <stdlib.h>

enum ctl_exit {
    CTL_DONE = 0,
    CTL_RED = 1,
    CTL_USAGE = 2,
    CTL_NO_DAEMON = 3,
    CTL_TIMED_OUT = 4,
    CTL_REFUSED = 5,
};

struct trouble {
    int code;
    bool absent; /* there is simply no daemon: whoever needs one may start it */
    char text[1024];
};

/* Sets the trouble and returns its code. The text is one line: what failed and what to do. */
int trouble_set(struct trouble *trouble, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* MEMORY, which is not NULL: a command that runs out of memory says so and leaves. */
void *must(void *memory);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline void cleanup_free_(void *pointer)
{
    free(*(void **)pointer);
}
#define autofree __attribute__((cleanup(cleanup_free_)))

#endif
