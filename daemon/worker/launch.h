#ifndef WORKER_LAUNCH_H
#define WORKER_LAUNCH_H

/* What happens between fork and exec; private to worker.c. */

#include <stdnoreturn.h>
#include <sys/types.h>

/* Told through the pipe that exec closes. */
struct launch_failure {
    enum launch_step { LAUNCH_PREPARE, LAUNCH_ENTER, LAUNCH_EXECUTE } step;
    int error;
};

enum { LAUNCH_ORDERS = 5, LAUNCH_REPORTS = 6, LAUNCH_LOOKS = 7 };

struct launch {
    const char *const *argv;
    const char *directory;
    char *const *environment;
    pid_t parent;
    int orders, reports, looks, output, failure; /* the child's ends */
};

/* Our environment, with LIBRARY (NULL: nothing) to be loaded before what the user has loaded. */
char **launch_environment(const char *library);
void launch_environment_free(char **environment);

/* In the child, all signals blocked: becomes the host, or says why not and ends. */
noreturn void launch_exec(const struct launch *launch);

#endif
