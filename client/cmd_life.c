/* start, stop, restart, pause, resume, socket: the daemon's life. */

#include "client/ctl.h"

#include <string.h>

/* The options that start hands on to snifferd, as it wants them; NULL-terminated. */
struct handed {
    char *argv[16];
    size_t count;
};

static bool read_daemon_options(struct ctl *ctl, struct handed *ret, int *ret_code)
{
    static char jobs[] = "--jobs", python[] = "--python", backend[] = "--backend",
                level[] = "--log-level", pipe[] = "--pipe", fail_fast[] = "--fail-fast";
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"jobs", required_argument, NULL, 'J'},
                                          {"python", required_argument, NULL, 'P'},
                                          {"backend", required_argument, NULL, 'B'},
                                          {"log-level", required_argument, NULL, 'L'},
                                          {"pipe", no_argument, NULL, 'I'},
                                          {"fail-fast", no_argument, NULL, 'F'},
                                          {NULL, 0, NULL, 0}};
    *ret = (struct handed){0};
    bool piped = false;
    bool fails_fast = false;
    int option;
    while ((option = ctl_option(ctl, ":", longs, ret_code)) != -1) {
        if (option == CTL_STOP)
            return false;
        if (option == 'I' || option == 'F') {
            piped |= option == 'I';
            fails_fast |= option == 'F';
            continue;
        }
        char *name = option == 'J'   ? jobs
                     : option == 'P' ? python
                     : option == 'B' ? backend
                                     : level;
        /* Twice the same: the last one counts, as everywhere. */
        size_t at = 0;
        while (at < ret->count && ret->argv[at] != name)
            at += 2;
        ret->argv[at] = name;
        ret->argv[at + 1] = optarg;
        if (at == ret->count)
            ret->count += 2;
    }
    if (piped)
        ret->argv[ret->count++] = pipe;
    if (fails_fast)
        ret->argv[ret->count++] = fail_fast;
    return ctl_no_operands(ctl, ret_code);
}

int cmd_start(struct ctl *ctl)
{
    struct handed handed;
    struct link link;
    int code;
    if (!read_daemon_options(ctl, &handed, &code))
        return code;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code == 0)
        link_close(&link);
    else if (ctl->trouble.absent)
        code = daemon_start(&ctl->project, handed.argv, &ctl->trouble);
    return code;
}

int cmd_stop(struct ctl *ctl)
{
    struct link link;
    int code;
    if (!ctl_no_options(ctl, &code) || !ctl_no_operands(ctl, &code))
        return code;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0)
        return code;
    code = daemon_stop(&link, &ctl->trouble);
    link_close(&link);
    return code;
}

int cmd_restart(struct ctl *ctl)
{
    struct handed handed;
    struct link link;
    int code;
    if (!read_daemon_options(ctl, &handed, &code))
        return code;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code == 0) {
        code = daemon_stop(&link, &ctl->trouble);
        link_close(&link);
    } else if (ctl->trouble.absent) {
        code = 0;
    }
    return code == 0 ? daemon_start(&ctl->project, handed.argv, &ctl->trouble) : code;
}

static int turn(struct ctl *ctl, enum method method)
{
    bool json;
    int code;
    json_t *status = NULL;
    if (!ctl_json_option(ctl, &json, &code) || !ctl_no_operands(ctl, &code))
        return code;
    code = ctl_ask(ctl, method, NULL, &status);
    if (code == 0 && json)
        print_json(&ctl->print, status);
    json_decref(status);
    return code;
}

int cmd_pause(struct ctl *ctl)
{
    return turn(ctl, METHOD_PAUSE);
}

int cmd_resume(struct ctl *ctl)
{
    return turn(ctl, METHOD_RESUME);
}

int cmd_focus(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"off", no_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    bool off = false;
    int option, code;
    char **operands;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        off = true;
    }
    if (ctl_operands(ctl, &operands) != (off ? 0 : 1))
        return ctl_usage(ctl, "name one test file, or --off");
    json_t *file = off ? json_null() : NULL, *status = NULL;
    if (!off) {
        char *test =
            strstr(operands[0], "::"); /* a verdict is one of a whole test file */
        if (test != NULL)
            *test = '\0';
        autofree char *path = ctl_path(ctl, operands[0]);
        file = must(wire_path(path));
    }
    code = ctl_ask(ctl, METHOD_FOCUS, must(json_pack("{s:o}", "file", file)), &status);
    json_decref(status);
    return code;
}

int cmd_socket(struct ctl *ctl)
{
    int code;
    if (!ctl_no_options(ctl, &code) || !ctl_no_operands(ctl, &code))
        return code;
    fprintf(ctl->print.out, "%s\n", ctl->project.socket);
    return CTL_DONE;
}
