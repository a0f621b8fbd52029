#ifndef CLIENT_CTL_H
#define CLIENT_CTL_H

/* snifferctl: one command a call. ctl_main reads what stands before the command, finds it in the
 * table and calls it; a cmd_*.c reads its own options with ctl_option, talks to the daemon over a link and prints.
 * A command returns its exit code; when it has filled ctl->trouble, ctl_main prints that. */

#include "client/daemon.h"
#include "client/link.h"
#include "client/print.h"
#include "client/trouble.h"

#include <getopt.h>
#include <stdbool.h>

struct command;

struct ctl {
    const char *directory; /* of -C, or NULL */
    const char *package;   /* of --package, or NULL */
    struct project project;
    struct print print;
    struct trouble trouble;
    const struct command *command;
    int argc; /* the command's own, argv[0] is its name */
    char **argv;
};

int ctl_main(int argc, char **argv);

/* ---- for commands ---- */

/* The next option of the command as getopt_long gives it, options and operands in any order; -1 when
 * there are no more. --help is always there. What ends the command at once (--help, a wrong option) is
 * CTL_STOP, and *RET_CODE is what to return. LONGS NULL: no options. */
enum { CTL_STOP = 0x10000 };
int ctl_option(struct ctl *ctl, const char *shorts, const struct option *longs,
               int *ret_code);

/* The operands, after the last option. */
int ctl_operands(const struct ctl *ctl, char ***ret);

/* For commands without options of their own. True: go on; false: return *RET_CODE. */
bool ctl_no_options(struct ctl *ctl, int *ret_code);
bool ctl_no_operands(struct ctl *ctl, int *ret_code);
/* For commands whose only option is --json. */
bool ctl_json_option(struct ctl *ctl, bool *ret_json, int *ret_code);

/* "the matter; see snifferctl COMMAND --help" and CTL_USAGE. */
int ctl_usage(struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "12", "0.5": seconds as milliseconds. False: TROUBLE is set. */
bool ctl_seconds(struct ctl *ctl, const char *text, int64_t *ret_ms);

/* Connects, calls METHOD once with the usual limit, leaves. PARAMS is stolen. */
int ctl_ask(struct ctl *ctl, enum method method, json_t *params, json_t **ret_result);
/* The same for a listing; all pages. */
int ctl_ask_list(struct ctl *ctl, enum method method, json_t *params,
                 json_t **ret_records);

/* The same over LINK. */
int ctl_list(struct ctl *ctl, struct link *link, enum method method, json_t *params,
             json_t **ret_records);

/* The operand NAME as the daemon names it. After -C DIR it is meant as seen from DIR, as git has it;
 * what is only in the working directory is found there. Owned by the caller. */
char *ctl_path(const struct ctl *ctl, const char *name);
/* {KEY: [operands as the daemon names them]}, plus nothing else. */
json_t *ctl_paths(const struct ctl *ctl, const char *key, char **names, int count);

/* Waits until all is verified, or for TIMEOUT_MS (negative: no limit) after STARTED (link_now). */
int ctl_settle(struct ctl *ctl, struct link *link, int64_t started, int64_t timeout_ms,
               json_t **ret_status);

/* What people read of a status object (cmd_status.c). */
void status_print(const struct print *print, const json_t *status);
int64_t status_count(const json_t *status, const char *name); /* of its stats */

/* ---- the commands ---- */

int cmd_start(struct ctl *ctl);
int cmd_stop(struct ctl *ctl);
int cmd_restart(struct ctl *ctl);
int cmd_status(struct ctl *ctl);
int cmd_wait(struct ctl *ctl);
int cmd_check(struct ctl *ctl);
int cmd_index(struct ctl *ctl);
int cmd_results(struct ctl *ctl);
int cmd_files(struct ctl *ctl);
int cmd_deps(struct ctl *ctl);
int cmd_affected(struct ctl *ctl);
int cmd_why(struct ctl *ctl);
int cmd_run(struct ctl *ctl);
int cmd_touch(struct ctl *ctl);
int cmd_events(struct ctl *ctl);
int cmd_socket(struct ctl *ctl);
int cmd_service(struct ctl *ctl);
int cmd_doctor(struct ctl *ctl);
int cmd_pause(struct ctl *ctl);
int cmd_resume(struct ctl *ctl);
int cmd_focus(struct ctl *ctl);
int cmd_audit(struct ctl *ctl);
int cmd_debug(struct ctl *ctl);

#endif
