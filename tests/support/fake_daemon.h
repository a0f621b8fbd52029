#ifndef SUPPORT_FAKE_DAEMON_H
#define SUPPORT_FAKE_DAEMON_H

/* The other end of a client: a project in a temporary folder, a process that answers on its socket
 * from a script, and snifferctl run against it. And a snifferd, for clients that start one. */

#include <sys/types.h>

struct fake {
    char root[64]; /* also the working directory, and where $SNIFFER_SOCKET lies */
    pid_t pid;     /* the process that answers, or 0 */
};

void fake_open(struct fake *fake);
void fake_close(struct fake *fake);

/* Answers from now on. SCRIPT is a line for each request, in order, over all connections:
 *   WORDS => REPLY
 * The request must hold WORDS. REPLY is a JSON result; "fault KIND MESSAGE"; "leave": no answer, the process exits;
 * "exit RESULT": answers, then exits; "say LINE": sends LINE as it is and goes on with the next line of the
 * script at once (for what comes before a reply). A request that does not fit is a fault "internal" that
 * shows it. */
void fake_serve(struct fake *fake, const char *script);

/* The hello's params instead of good ones, or a whole line with an "error" in place of the
 * hello; call before fake_serve. */
void fake_hello(const char *params);

/* Makes "snifferd" in $PATH behave as HOW says: "serve" answers from SCRIPT as above, "fail" gives a
 * reason and fails, "silent" fails without, "crash" dies by a signal, "mute" succeeds and serves nothing. */
void fake_snifferd(struct fake *fake, const char *how, const char *script);
/* What it was called with: words separated by blanks; NULL when it was not. The caller's. */
char *fake_snifferd_called(struct fake *fake);
/* To be called first in main(): when this program runs as snifferd it does not return. */
void fake_snifferd_main(int argc, char **argv);

struct ran {
    int code;
    char *out, *err;
};

/* Runs MAIN in a process of its own, as "snifferctl ARGS" split at blanks, with INPUT (may be NULL) on stdin. */
struct ran fake_run(int (*ctl)(int argc, char **argv), const char *args,
                    const char *input);
void ran_finish(struct ran *ran);

#endif
