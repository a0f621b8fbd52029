#include "client/ctl.h"

#include "client/name.h"
#include "proto/order.h"
#include "proto/version.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

struct command {
    const char *name;
    int (*run)(struct ctl *ctl);
    const char *operands; /* behind "snifferctl NAME" in its usage */
    const char *summary;
    const char *options; /* a line each, or NULL */
};

#define PACKAGE_LINE "  --package P        of the package in the folder P alone\n"
enum { PACKAGE_OPTION = 0x20000, OPTIONS_MOST = 16 };

#define JSON_LINE "  --json             one JSON object a line\n"
#define DAEMON_LINES                                                                     \
    "  --jobs N           run N test files at a time\n"                                  \
    "  --python P         the project's interpreter\n"                                   \
    "  --backend B        how to watch: auto, inotify or fanotify\n"                     \
    "  --log-level L      error, warning, info or debug\n"                               \
    "  --fail-fast        start no other test file after one has failed\n"               \
    "  --pipe             read which paths changed from the FIFO .sniffer/changed\n"

static const struct command commands[] = {
    {"start", cmd_start, "[OPTION...]", "start the daemon; returns once it answers",
     DAEMON_LINES},
    {"stop", cmd_stop, "", "stop the daemon; returns once its process is gone", NULL},
    {"restart", cmd_restart, "[OPTION...]",
     "stop the daemon where one runs, and start it", DAEMON_LINES},
    {"status", cmd_status, "[--json | --short | --format F]",
     "the counts, and what runs now",
     JSON_LINE
     "  --short            one line for a prompt or a bar\n"
     "  --format F         F with %{tests} %{successes} %{failures} %{errors} %{failed}\n"
     "                     %{skipped} %{to_be_run} %{running} %{state} %{message}\n"
     "                     %{colour} %{root} %{project} filled in; %% is a percent "
     "sign\n" PACKAGE_LINE},
    {"wait", cmd_wait, "[--timeout S] [--json]",
     "wait until every change made before is seen and verified",
     "  --timeout S        give up after S seconds (exit code 4)\n" JSON_LINE
         PACKAGE_LINE},
    {"check", cmd_check, "[OPTION...]", "wait, then show the failures with their reports",
     JSON_LINE
     "  --junit-xml FILE   write all results to FILE as JUnit XML\n"
     "  --timeout S        give up after S seconds (exit code 4)\n"
     "  --once             stop the daemon afterwards if this call started "
     "it\n"
     "  --shard K/N        part K of N of the test files alone; a daemon that this "
     "call\n"
     "                     starts runs no others, and is stopped "
     "afterwards\n" PACKAGE_LINE},
    {"results", cmd_results, "[--json | --format quickfix] [--failed] [FILE...]",
     "one record a test",
     JSON_LINE "  --failed           failures and errors only\n"
               "  --format quickfix  file:line: message, for editors; failures and "
               "errors only\n" PACKAGE_LINE},
    {"files", cmd_files, "[--json]", "one record a test file", JSON_LINE PACKAGE_LINE},
    {"deps", cmd_deps, "[--json] FILE...", "what the verdict of a test file rests on",
     JSON_LINE},
    {"affected", cmd_affected, "[--json] PATH...",
     "the test files whose verdict rests on these paths", JSON_LINE},
    {"why", cmd_why, "[--json] FILE...", "why a test file ran last, or is stale",
     JSON_LINE},
    {"run", cmd_run, "--all | --package P | FILE...",
     "run again whatever the evidence says",
     "  --all              all test files\n" JSON_LINE PACKAGE_LINE},
    {"touch", cmd_touch, "[-0] PATH... | -", "tell the daemon that paths changed",
     "  -                  read the paths from stdin, one a line\n"
     "  -0, --null         they end with a NUL byte instead\n"},
    {"events", cmd_events, "[TOPIC...]", "the notifications as they come, one a line",
     NULL},
    {"index", cmd_index, "export FILE | import FILE",
     "carry what is known to another checkout or machine",
     "  export FILE        write the index to FILE\n"
     "  import FILE        add what FILE knows; import only what you would run\n"},
    {"socket", cmd_socket, "", "print the path of the socket", NULL},
    {"service", cmd_service, "enable | disable | status",
     "have systemd run the daemon while you are logged in", NULL},
    {"doctor", cmd_doctor, "[--json]", "what could hinder it, each with the mend",
     JSON_LINE},
    {"pause", cmd_pause, "[--json]", "start no more runs; changes are still seen",
     JSON_LINE},
    {"resume", cmd_resume, "[--json]", "go on after a pause", JSON_LINE},
    {"focus", cmd_focus, "FILE[::TEST] | --off",
     "run only this test file until switched off",
     "  --off              run all again\n"},
    {"audit", cmd_audit, "[--json] [N | --all | FILE...]",
     "run test files again whose verdicts are current, and compare",
     "  N                  so many, those that were never audited or the longest ago "
     "first;\n"
     "                     without it 10\n"
     "  --all              all test files\n" JSON_LINE},
    {"debug", cmd_debug, "[--pdb] FILE[::TEST]",
     "run this test here and now, with the terminal",
     "  --pdb              begin a debugger where a test fails\n"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

/* ---- help ---- */

static void print_help(FILE *out)
{
    fputs("usage: snifferctl [-C DIR] COMMAND [ARGUMENT...]\n"
          "Asks and commands the daemon that keeps a Python project's tests verified.\n\n"
          "  -C DIR             the project of DIR instead of the working directory's\n"
          "  --help             this text; snifferctl COMMAND --help for one command\n"
          "  --version          the version\n\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nExit codes: 0 done, all green; 1 failures or errors; 2 wrong usage; 3 no "
          "daemon;\n"
          "4 timed out; 5 the daemon refused.\n",
          out);
}

static void print_command_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: snifferctl [-C DIR] %s%s%s\n%c%s.\n\n", command->name,
            command->operands[0] != '\0' ? " " : "", command->operands,
            command->summary[0] - 'a' + 'A', command->summary + 1);
    fprintf(out, "%s  --help             this text\n",
            command->options != NULL ? command->options : "");
}

/* Edits between two words, two letters swapped being one: a typing error is one or two. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 16 };
    size_t edits[LONGEST + 1][LONGEST + 1], m = strlen(a), n = strlen(b);
    if (m > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            size_t best = i + j; /* where one of them is 0 */
            if (i > 0 && j > 0) {
                best = edits[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
                if (edits[i - 1][j] + 1 < best)
                    best = edits[i - 1][j] + 1;
                if (edits[i][j - 1] + 1 < best)
                    best = edits[i][j - 1] + 1;
            }
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                edits[i - 2][j - 2] + 1 < best)
                best = edits[i - 2][j - 2] + 1;
            edits[i][j] = best;
        }
    }
    return edits[m][n];
}

static int unknown_command(struct ctl *ctl, const char *name)
{
    const char *nearest = NULL;
    size_t least = 3;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t edits = distance(name, commands[i].name);
        if (edits < least) {
            least = edits;
            nearest = commands[i].name;
        }
    }
    if (nearest != NULL)
        return trouble_set(
            &ctl->trouble, CTL_USAGE,
            "unknown command \"%s\"; did you mean \"%s\"? See snifferctl --help", name,
            nearest);
    return trouble_set(&ctl->trouble, CTL_USAGE,
                       "unknown command \"%s\"; see snifferctl --help", name);
}

/* ---- options of a command ---- */

int ctl_usage(struct ctl *ctl, const char *format, ...)
{
    autofree char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return trouble_set(&ctl->trouble, CTL_USAGE, "%s; see snifferctl %s --help",
                       (const char *)must(text), ctl->command->name);
}

int ctl_option(struct ctl *ctl, const char *shorts, const struct option *longs,
               int *ret_code)
{
    struct option all[OPTIONS_MOST] = {{NULL, 0, NULL, 0}};
    size_t count = 0;
    for (; longs != NULL && longs[count].name != NULL; count++)
        all[count] = longs[count];
    const char *lines = ctl->command->options;
    if (lines != NULL && strstr(lines, PACKAGE_LINE) != NULL)
        all[count] = (struct option){"package", required_argument, NULL, PACKAGE_OPTION};
    int option = getopt_long(ctl->argc, ctl->argv, shorts, all, NULL);
    while (option == PACKAGE_OPTION) {
        ctl->package = optarg;
        option = getopt_long(ctl->argc, ctl->argv, shorts, all, NULL);
    }
    if (option == 'h') {
        print_command_help(stdout, ctl->command);
        *ret_code = CTL_DONE;
        return CTL_STOP;
    }
    if (option == ':') {
        *ret_code = ctl_usage(ctl, "%s needs a value", ctl->argv[optind - 1]);
        return CTL_STOP;
    }
    if (option == '?') {
        const char *given = ctl->argv[optind > 1 ? optind - 1 : 1];
        if (optopt == 'C' || strcmp(given, "-C") == 0)
            *ret_code =
                ctl_usage(ctl, "-C DIR stands before the command: snifferctl -C DIR %s",
                          ctl->command->name);
        else if (optopt != 0 && given[1] == '-')
            *ret_code = ctl_usage(ctl, "%s takes no value", given);
        else if (optopt != 0)
            *ret_code = ctl_usage(ctl, "unknown option \"-%c\"", optopt);
        else
            *ret_code = ctl_usage(ctl, "unknown option \"%s\"", given);
        return CTL_STOP;
    }
    return option;
}

int ctl_operands(const struct ctl *ctl, char ***ret)
{
    *ret = ctl->argv + optind;
    return ctl->argc - optind;
}

bool ctl_no_options(struct ctl *ctl, int *ret_code)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    return ctl_option(ctl, ":", longs, ret_code) == -1;
}

bool ctl_no_operands(struct ctl *ctl, int *ret_code)
{
    char **operands;
    if (ctl_operands(ctl, &operands) == 0)
        return true;
    *ret_code = ctl_usage(ctl, "%s takes no \"%s\"", ctl->command->name, operands[0]);
    return false;
}

bool ctl_json_option(struct ctl *ctl, bool *ret_json, int *ret_code)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    bool json = false;
    int option;
    while ((option = ctl_option(ctl, ":", longs, ret_code)) != -1) {
        if (option == CTL_STOP)
            return false;
        json = true;
    }
    *ret_json = json;
    return true;
}

bool ctl_seconds(struct ctl *ctl, const char *text, int64_t *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 1e9)) {
        ctl_usage(ctl,
                  "--timeout takes a number of seconds such as 30 or 0.5, not \"%s\"",
                  text);
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000 + 0.999);
    return true;
}

/* ---- asking ---- */

/* PARAMS (stolen) with what --package says. */
static json_t *of_package(const struct ctl *ctl, json_t *params)
{
    if (ctl->package == NULL)
        return params;
    if (params == NULL)
        params = must(json_object());
    autofree char *path = ctl_path(ctl, ctl->package);
    json_object_set_new(params, "package", must(wire_path(path)));
    return params;
}

int ctl_ask(struct ctl *ctl, enum method method, json_t *params, json_t **ret_result)
{
    params = of_package(ctl, params);
    struct link link;
    int code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0) {
        json_decref(params);
        return code;
    }
    code = link_call(&link, method, params, LINK_LIMIT_MS, ret_result, &ctl->trouble);
    link_close(&link);
    return code;
}

int ctl_list(struct ctl *ctl, struct link *link, enum method method, json_t *params,
             json_t **ret_records)
{
    return link_list(link, method, of_package(ctl, params), ret_records, &ctl->trouble);
}

int ctl_ask_list(struct ctl *ctl, enum method method, json_t *params,
                 json_t **ret_records)
{
    struct link link;
    int code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0) {
        json_decref(params);
        return code;
    }
    code = ctl_list(ctl, &link, method, params, ret_records);
    link_close(&link);
    return code;
}

static bool is_there(const char *path)
{
    struct stat stat;
    return lstat(path, &stat) == 0;
}

char *ctl_path(const struct ctl *ctl, const char *name)
{
    if (ctl->directory == NULL || name[0] == '/')
        return name_for_daemon(ctl->project.root, name);
    autofree char *within = text_format("%s/%s", ctl->directory, name);
    bool here = !is_there(within) && is_there(name);
    return name_for_daemon(ctl->project.root, here ? name : within);
}

json_t *ctl_paths(const struct ctl *ctl, const char *key, char **names, int count)
{
    json_t *paths = must(json_array());
    for (int i = 0; i < count; i++) {
        autofree char *path = ctl_path(ctl, names[i]);
        json_array_append_new(paths, must(wire_path(path)));
    }
    return must(json_pack("{s:o}", key, paths));
}

int ctl_settle(struct ctl *ctl, struct link *link, int64_t started, int64_t timeout_ms,
               json_t **ret_status)
{
    json_t *params = of_package(ctl, must(json_object()));
    int64_t rest = -1;
    if (timeout_ms >= 0) {
        rest = timeout_ms - (link_now() - started);
        if (rest < 0)
            rest = 0;
        json_object_set_new(params, "timeout_ms", json_integer(rest));
    }
    /* The daemon says itself when the time is up; this is for one that says nothing any more. */
    int64_t limit = rest < 0 ? -1 : rest + 5000;
    return link_call(link, METHOD_WAIT, params, limit, ret_status, &ctl->trouble);
}

/* ---- main ---- */

static int run_command(struct ctl *ctl, int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT && ctl->command == NULL; i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            ctl->command = &commands[i];
    if (ctl->command == NULL)
        return unknown_command(ctl, argv[0]);
    int code = project_find(&ctl->project, ctl->directory, &ctl->trouble);
    if (code != 0)
        return code;
    ctl->argc = argc;
    ctl->argv = argv;
    optind = 0; /* begin anew, and forget the "+" */
    return ctl->command->run(ctl);
}

static int read_argv(struct ctl *ctl, int argc, char **argv)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    optind = 0;
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, "+:C:", longs, NULL)) != -1) {
        switch (option) {
        case 'C':
            ctl->directory = optarg;
            break;
        case 'h':
            print_help(stdout);
            return CTL_DONE;
        case 'V':
            puts("snifferctl " SNIFFER_VERSION);
            return CTL_DONE;
        case ':':
            return trouble_set(&ctl->trouble, CTL_USAGE,
                               "-C needs a folder; see snifferctl --help");
        default:
            return trouble_set(&ctl->trouble, CTL_USAGE,
                               "unknown option \"%s\"; see snifferctl --help",
                               argv[optind > 1 ? optind - 1 : 1]);
        }
    }
    if (optind >= argc)
        return trouble_set(&ctl->trouble, CTL_USAGE,
                           "no command given; see snifferctl --help");
    return run_command(ctl, argc - optind, argv + optind);
}

int ctl_main(int argc, char **argv)
{
    /* Only what characters are: numbers and messages stay as they are. */
    setlocale(LC_CTYPE, "");
    struct ctl ctl = {0};
    print_init(&ctl.print, stdout);
    int code = read_argv(&ctl, argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code <= CTL_RED)
        code = trouble_set(&ctl.trouble, CTL_REFUSED, "cannot write the output: %s",
                           strerror(errno));
    if (code > CTL_RED && ctl.trouble.text[0] != '\0')
        fprintf(stderr, "snifferctl: %s\n", ctl.trouble.text);
    project_finish(&ctl.project);
    return code;
}
