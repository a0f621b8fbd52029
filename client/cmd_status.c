/* status, wait: the counts, and what runs now. */

#include "client/ctl.h"

#include <string.h>

enum { QUEUE_SHOWN = 5 };

int64_t status_count(const json_t *status, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(status, "stats"), name));
}

static int64_t status_red(const json_t *status)
{
    return status_count(status, "failures") + status_count(status, "errors");
}

/* ---- for people ---- */

static void print_label(const struct print *print, const char *label)
{
    print_text(print, COLOUR_DIM, label);
    fprintf(print->out, "%*s", (int)(10 - strlen(label)), "");
}

static void print_count(const struct print *print, enum colour colour, int64_t count,
                        const char *one, const char *many)
{
    if (count == 0)
        return;
    autofree char *text =
        text_format(", %lld %s", (long long)count, count == 1 ? one : many);
    print_text(print, colour, text);
}

static void print_running(const struct print *print, const json_t *status)
{
    const json_t *running = json_object_get(status, "running");
    for (size_t i = 0; i < json_array_size(running); i++) {
        const json_t *one = json_array_get(running, i);
        autofree char *file = print_field(one, "file"), *test = print_field(one, "test");
        char since[32];
        print_duration(json_number_value(json_object_get(one, "since_ms")), since);
        print_label(print, "running");
        print_text(print, COLOUR_PLAIN, file);
        fputc(' ', print->out);
        print_text(print, COLOUR_PLAIN, test);
        fprintf(print->out, "%s(%s)\n", test[0] != '\0' ? " " : "", since);
    }
}

static void print_queue(const struct print *print, const json_t *status)
{
    json_t *queue = json_object_get(status, "queue");
    size_t count = json_array_size(queue);
    for (size_t i = 0; i < count && i < QUEUE_SHOWN; i++) {
        /* A path is a string or an object: give it a key to read it as any other. */
        json_t *record = must(json_pack("{s:O}", "file", json_array_get(queue, i)));
        autofree char *file = print_field(record, "file");
        json_decref(record);
        print_label(print, i == 0 ? "next" : "");
        print_text(print, COLOUR_PLAIN, file);
        fputc('\n', print->out);
    }
    if (count > QUEUE_SHOWN) {
        print_label(print, "");
        fprintf(print->out, "and %zu more\n", count - QUEUE_SHOWN);
    }
}

/* Only what was found. */
static void print_audits(const struct print *print, const json_t *audit)
{
    int64_t flaky = json_integer_value(json_object_get(audit, "flaky"));
    int64_t stale = json_integer_value(json_object_get(audit, "stale"));
    int64_t all = json_integer_value(json_object_get(audit, "audited"));
    if (flaky + stale == 0)
        return;
    print_label(print, "audits");
    fprintf(print->out, "%lld", (long long)all);
    print_count(print, COLOUR_RED, stale, "stale", "stale");
    print_count(print, COLOUR_YELLOW, flaky, "flaky", "flaky");
    fputc('\n', print->out);
}

void status_print(const struct print *print, const json_t *status)
{
    autofree char *state = print_field(status, "state"),
                  *root = print_field(status, "root");
    autofree char *message = print_field(status, "message");
    autofree char *degraded = print_field(status, "degraded");
    int64_t red = status_red(status);
    print_label(print, "project");
    print_text(print, COLOUR_PLAIN, root);
    fputc('\n', print->out);
    print_label(print, "state");
    print_text(print, strcmp(state, "error") == 0 ? COLOUR_RED : COLOUR_BOLD, state);
    if (message[0] != '\0') {
        fputs(": ", print->out);
        print_text(print, COLOUR_PLAIN, message);
    }
    fputc('\n', print->out);
    if (degraded[0] != '\0') {
        print_label(print, "degraded");
        print_text(print, COLOUR_YELLOW, degraded);
        fputc('\n', print->out);
    }
    print_label(print, "tests");
    autofree char *good =
        text_format("%lld, %lld passed", (long long)status_count(status, "tests"),
                    (long long)status_count(status, "successes"));
    print_text(print, red == 0 ? COLOUR_GREEN : COLOUR_PLAIN, good);
    print_count(print, COLOUR_RED, status_count(status, "failures"), "failure",
                "failures");
    print_count(print, COLOUR_RED, status_count(status, "errors"), "error", "errors");
    print_count(print, COLOUR_YELLOW, status_count(status, "skipped"), "skipped",
                "skipped");
    fputc('\n', print->out);
    long long stale = (long long)status_count(status, "to_be_run");
    if (stale > 0) {
        print_label(print, "to run");
        fprintf(print->out, "%lld test file%s\n", stale, stale == 1 ? "" : "s");
    }
    print_audits(print, json_object_get(status, "audit"));
    print_running(print, status);
    print_queue(print, status);
}

/* ---- one line ---- */

/* Red: tests fail, or cannot be run. Yellow: that all is well is not known yet. */
static enum colour status_colour(const json_t *status)
{
    autofree char *state = print_field(status, "state");
    if (status_red(status) > 0 || strcmp(state, "error") == 0)
        return COLOUR_RED;
    return status_count(status, "to_be_run") == 0 && strcmp(state, "idle") == 0
               ? COLOUR_GREEN
               : COLOUR_YELLOW;
}

static void print_short(const struct print *print, const json_t *status)
{
    autofree char *state = print_field(status, "state");
    long long tests = status_count(status, "tests"), red = status_red(status),
              stale = status_count(status, "to_be_run");
    const char *good = print->utf8 ? "✔" : "ok", *bad = print->utf8 ? "✘" : "FAIL",
               *busy = print->utf8 ? "…" : "...";
    char failed[64] = "";
    autofree char *line = NULL;
    if (red > 0)
        snprintf(failed, sizeof failed, ", %lld of %lld failed", red, tests);
    if (strcmp(state, "error") == 0) {
        autofree char *message = print_field(status, "message");
        line = text_format("%s %s", bad, message[0] != '\0' ? message : state);
    } else if (strcmp(state, "paused") == 0) {
        line = text_format("%s paused, %lld to run%s", busy, stale, failed);
    } else if (stale > 0 && strcmp(state, "halted") != 0) {
        line = text_format("%s %lld to run%s", busy, stale, failed);
    } else if (strcmp(state, "checking") == 0 || strcmp(state, "running") == 0) {
        line = text_format("%s %s%s", busy, state, failed);
    } else if (red > 0) {
        line = text_format("%s %lld of %lld", bad, red, tests);
    } else {
        line = text_format("%s %lld", good, tests);
    }
    print_text(print, status_colour(status), line);
    fputc('\n', print->out);
}

/* ---- --format ---- */

static char *count_field(const json_t *status, const char *name)
{
    return text_format("%lld", (long long)status_count(status, name));
}

static char *failed_field(const json_t *status, const char *name)
{
    (void)name;
    return text_format("%lld", (long long)status_red(status));
}

static char *running_field(const json_t *status, const char *name)
{
    return text_format("%zu", json_array_size(json_object_get(status, name)));
}

static char *colour_field(const json_t *status, const char *name)
{
    (void)name;
    enum colour colour = status_colour(status);
    return text_format("%s", colour == COLOUR_RED     ? "red"
                             : colour == COLOUR_GREEN ? "green"
                                                      : "yellow");
}

/* The root's last name: what a bar with several projects in it has room for. */
static char *project_field(const json_t *status, const char *name)
{
    (void)name;
    autofree char *root = print_field(status, "root");
    const char *slash = strrchr(root, '/');
    return text_format("%s", slash != NULL && slash[1] != '\0' ? slash + 1 : root);
}

static const struct field {
    const char *name;
    char *(*value)(const json_t *status, const char *name);
} fields[] = {
    {"tests", count_field},     {"successes", count_field}, {"failures", count_field},
    {"errors", count_field},    {"failed", failed_field},   {"skipped", count_field},
    {"to_be_run", count_field}, {"running", running_field}, {"state", print_field},
    {"message", print_field},   {"colour", colour_field},   {"root", print_field},
    {"project", project_field},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* What stands at FORMAT, which begins with '%'; NULL for "%%" and, then *RET_LENGTH is 0, for what is neither.
 * *RET_LENGTH is how much of FORMAT it takes. */
static const struct field *format_field(const char *format, size_t *ret_length)
{
    *ret_length = format[1] == '%' ? 2 : 0;
    for (size_t i = 0; format[1] == '{' && i < FIELD_COUNT; i++) {
        size_t length = strlen(fields[i].name);
        if (strncmp(format + 2, fields[i].name, length) == 0 &&
            format[2 + length] == '}') {
            *ret_length = length + 3;
            return &fields[i];
        }
    }
    return NULL;
}

static bool refuse_format(struct ctl *ctl, const char *format)
{
    if (format[1] != '{' || strchr(format, '}') == NULL) {
        ctl_usage(ctl, "--format has a \"%%\" that begins no %%{field}; write %%%% for a "
                       "percent sign");
        return false;
    }
    autofree char *known = text_format("%s", fields[0].name);
    for (size_t i = 1; i < FIELD_COUNT; i++) {
        char *longer = text_format("%s, %s", known, fields[i].name);
        free(known);
        known = longer;
    }
    ctl_usage(ctl, "--format has no field \"%.*s\"; there are: %s",
              (int)strcspn(format + 2, "}"), format + 2, known);
    return false;
}

static bool check_format(struct ctl *ctl, const char *format)
{
    size_t length = 1;
    for (; *format != '\0'; format += length) {
        length = 1;
        if (*format == '%')
            format_field(format, &length);
        if (length == 0)
            return refuse_format(ctl, format);
    }
    return true;
}

static void print_format(const struct print *print, const char *format,
                         const json_t *status)
{
    size_t length = 1;
    for (; *format != '\0'; format += length) {
        length = 1;
        const struct field *field = *format == '%' ? format_field(format, &length) : NULL;
        if (field == NULL) {
            fputc(*format, print->out);
            continue;
        }
        autofree char *value = field->value(status, field->name);
        print_text(print, COLOUR_PLAIN, value);
    }
    fputc('\n', print->out);
}

/* ---- the commands ---- */

int cmd_status(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"short", no_argument, NULL, 's'},
                                          {"format", required_argument, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    const char *format = NULL;
    int form = 0, option, code;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        if (form != 0 && form != option)
            return ctl_usage(ctl, "--json, --short and --format exclude each other");
        form = option;
        if (option == 'f')
            format = optarg;
    }
    if (!ctl_no_operands(ctl, &code))
        return code;
    if (format != NULL && !check_format(ctl, format))
        return CTL_USAGE;
    json_t *status = NULL;
    code = ctl_ask(ctl, METHOD_STATUS, NULL, &status);
    if (code == 0 && form == 'j')
        print_json(&ctl->print, status);
    else if (code == 0 && form == 's')
        print_short(&ctl->print, status);
    else if (code == 0 && format != NULL)
        print_format(&ctl->print, format, status);
    else if (code == 0)
        status_print(&ctl->print, status);
    json_decref(status);
    return code;
}

int cmd_wait(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    int64_t started = link_now(), timeout = -1;
    bool json = false;
    int option, code;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        if (option == 'j')
            json = true;
        else if (!ctl_seconds(ctl, optarg, &timeout))
            return CTL_USAGE;
    }
    if (!ctl_no_operands(ctl, &code))
        return code;
    struct link link;
    bool fresh;
    code = daemon_open(&link, &ctl->project, NULL, &fresh, &ctl->trouble);
    if (code != 0)
        return code;
    json_t *status = NULL;
    code = ctl_settle(ctl, &link, started, timeout, &status);
    link_close(&link);
    if (code != 0)
        return code;
    if (json)
        print_json(&ctl->print, status);
    else
        status_print(&ctl->print, status);
    code = status_red(status) > 0 ? CTL_RED : CTL_DONE;
    json_decref(status);
    return code;
}
