/* A fork whose child is nobody's here: who forked it goes on and need not know when it ends.
 *
 * It takes a process in the middle, which ends at once. That one shares our memory, as after any
 * vfork: nothing is copied for it, and of what it writes nothing has to be. It forks as everybody does,
 * with all that was registered for that (pthread_atfork); its child has our stack and our whole
 * state, so it may return from here, which the one in the middle may not.
 *
 * One thing does not pass through: the kernel takes no restartable sequences (rseq) over into a
 * process that shares memory, so the child asks for its own where the C library had asked for ours.
 * Without them its sched_getcpu() would tell for ever where it was born. */

#include "python_plugin/tracer/python.h"
#include "python_plugin/tracer/raw.h"

#include <errno.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

/* From <linux/rseq.h> and the C library's <sys/rseq.h>, which older systems do not have. */
enum { RSEQ_SIZE = 32 };
#if defined(__x86_64__)
#define RSEQ_MARK 0x53053053
#define THREAD_POINTER "mov %%fs:0, %0"
#elif defined(__aarch64__)
#define RSEQ_MARK 0xd428bc00
#define THREAD_POINTER "mrs %0, tpidr_el0"
#endif

static void restart_sequences(void)
{
    const ptrdiff_t *offset = python_symbol("__rseq_offset");
    const unsigned *size = python_symbol("__rseq_size");
    if (offset == NULL || size == NULL || *size == 0)
        return; /* the C library has none, or was told not to */
    char *thread = NULL;
    __asm__(THREAD_POINTER : "=r"(thread));
    raw_call(SYS_rseq, (long)(thread + *offset), RSEQ_SIZE, 0, RSEQ_MARK, 0, 0);
}

void orphan_fork(void)
{
    python.before_fork();
    pid_t middle = vfork();
    if (middle == 0) {
        if (fork() != 0)
            raw_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
        restart_sequences();
        python.after_fork_in_child();
        return;
    }
    python.after_fork();
    while (middle > 0 && waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
}
