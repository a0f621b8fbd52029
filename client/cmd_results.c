/* results, check: what became of the tests. */

#include "client/ctl.h"
#include "client/report.h"
#include "proto/shard.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- results ---- */

static void results_table(const struct print *print, const json_t *records)
{
    struct table table = {.columns = 5};
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        char *outcome = print_field(record, "outcome");
        enum colour colour = report_is_red(record)             ? COLOUR_RED
                             : strcmp(outcome, "success") == 0 ? COLOUR_GREEN
                                                               : COLOUR_YELLOW;
        char duration[32];
        print_duration(json_number_value(json_object_get(record, "duration_ms")),
                       duration);
        bool current = json_is_true(json_object_get(record, "current"));
        table_add(&table, colour, outcome);
        table_add(&table, COLOUR_PLAIN, print_field(record, "file"));
        table_add(&table, COLOUR_PLAIN, print_field(record, "test"));
        table_add(&table, COLOUR_DIM, text_format("%s", duration));
        table_add(&table, COLOUR_YELLOW, text_format(current ? "" : "not verified"));
    }
    table_print(&table, print);
    table_finish(&table);
}

/* Editors read names as seen from where they are: relative to the root when that is the working directory or
 * was named with -C, else absolute. */
static bool names_from_root(const struct ctl *ctl)
{
    struct stat here, root;
    return ctl->directory != NULL ||
           (stat(".", &here) == 0 && stat(ctl->project.root, &root) == 0 &&
            here.st_dev == root.st_dev && here.st_ino == root.st_ino);
}

static void results_quickfix(const struct ctl *ctl, const json_t *records)
{
    bool relative = names_from_root(ctl);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (!report_is_red(record))
            continue;
        char *path = NULL;
        long line = 1;
        if (!report_frame(record, ctl->project.root, &path, &line))
            path = print_field(record, "file");
        bool prefix = !relative && path[0] != '/';
        autofree char *test = print_field(record, "test"),
                      *message = report_message(record);
        autofree char *text = text_format(
            "%s%s%s:%ld: %s%s%s", prefix ? ctl->project.root : "", prefix ? "/" : "",
            path, line, test, test[0] != '\0' ? ": " : "", message);
        free(path);
        print_text(&ctl->print, COLOUR_PLAIN, text);
        fputc('\n', ctl->print.out);
    }
}

int cmd_results(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"failed", no_argument, NULL, 'F'},
                                          {"format", required_argument, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    bool json = false, failed = false, quickfix = false;
    int option, code;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        json |= option == 'j' || (option == 'f' && strcmp(optarg, "json") == 0);
        failed |= option == 'F';
        quickfix |= option == 'f' && strcmp(optarg, "quickfix") == 0;
        if (option == 'f' && !json && !quickfix)
            return ctl_usage(ctl, "there is no format \"%s\", only quickfix and json",
                             optarg);
    }
    if (json && quickfix)
        return ctl_usage(ctl, "--json and --format quickfix exclude each other");
    char **names;
    int count = ctl_operands(ctl, &names);
    json_t *params =
        count > 0 ? ctl_paths(ctl, "files", names, count) : must(json_object());
    if (failed || quickfix)
        json_object_set_new(params, "failed", json_true());
    json_t *records = NULL;
    code = ctl_ask_list(ctl, METHOD_RESULTS, params, &records);
    if (code == 0 && json)
        print_json_lines(&ctl->print, records);
    else if (code == 0 && quickfix)
        results_quickfix(ctl, records);
    else if (code == 0)
        results_table(&ctl->print, records);
    json_decref(records);
    return code;
}

/* ---- the JUnit file ---- */

/* Written beside its place and moved there whole, so that nobody reads half of one. What is there
 * already and is no plain file (a pipe, /dev/stdout) is written as it is. */
struct junit_file {
    const char *path;
    char *beside; /* NULL: written in place */
    FILE *file;   /* NULL: none wanted */
};

static int junit_open(struct ctl *ctl, const char *path, struct junit_file *ret)
{
    *ret = (struct junit_file){.path = path};
    if (path == NULL)
        return 0;
    struct stat there;
    bool special = stat(path, &there) == 0 && !S_ISREG(there.st_mode);
    int fd = -1;
    if (special) {
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else {
        ret->beside = text_format("%s.XXXXXX", path);
        fd = mkostemp(ret->beside, O_CLOEXEC);
    }
    ret->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (ret->file != NULL) {
        mode_t mask = umask(0);
        umask(mask);
        if (!special)
            fchmod(fd, 0666 & ~mask);
        return 0;
    }
    trouble_set(&ctl->trouble, CTL_USAGE,
                "cannot write %s: %s; name a file in a folder that "
                "exists and that you may write",
                path, strerror(errno));
    free(ret->beside);
    *ret = (struct junit_file){0};
    return CTL_USAGE;
}

/* RECORDS NULL: nothing came of it, the old file stays. */
static int junit_close(struct ctl *ctl, struct junit_file *junit, const json_t *records)
{
    if (junit->file == NULL)
        return 0;
    if (records != NULL)
        junit_write(junit->file, records);
    bool failed = ferror(junit->file) != 0;
    failed |= fclose(junit->file) != 0;
    if (junit->beside != NULL && records != NULL && !failed)
        failed = rename(junit->beside, junit->path) != 0;
    int code = failed ? trouble_set(&ctl->trouble, CTL_REFUSED, "cannot write %s: %s",
                                    junit->path, strerror(errno))
                      : 0;
    if (junit->beside != NULL && (failed || records == NULL))
        unlink(junit->beside);
    free(junit->beside);
    *junit = (struct junit_file){0};
    return code;
}

/* ---- check ---- */

struct check_options {
    bool json, once;
    const char *shard; /* "K/N", or NULL */
    int part, of;
    const char *junit_xml;
    int64_t timeout;
};

static bool read_check_options(struct ctl *ctl, struct check_options *ret, int *ret_code)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"junit-xml", required_argument, NULL, 'x'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"shard", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    *ret = (struct check_options){.timeout = -1};
    int option;
    while ((option = ctl_option(ctl, ":", longs, ret_code)) != -1) {
        if (option == CTL_STOP)
            return false;
        ret->json |= option == 'j';
        ret->once |= option == 'o';
        if (option == 'x')
            ret->junit_xml = optarg;
        if (option == 't' && !ctl_seconds(ctl, optarg, &ret->timeout)) {
            *ret_code = CTL_USAGE;
            return false;
        }
        if (option == 's')
            ret->shard = optarg;
        if (option == 's' && !shard_parse(optarg, &ret->part, &ret->of)) {
            *ret_code = ctl_usage(
                ctl, "--shard takes K/N, K from 1 to N and N at most %d, not \"%s\"",
                SHARDS_MOST, optarg);
            return false;
        }
    }
    return ctl_no_operands(ctl, ret_code);
}

static void print_failure(const struct print *print, const json_t *record)
{
    autofree char *file = print_field(record, "file"),
                  *test = print_field(record, "test");
    autofree char *outcome = print_field(record, "outcome");
    autofree char *exception = print_field(record, "exception");
    autofree char *report = print_field(record, "report");
    print_text(print, COLOUR_RED, outcome);
    const char *parts[] = {file, test, exception};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i][0] == '\0')
            continue;
        fputs("  ", print->out);
        print_text(print, i < 2 ? COLOUR_BOLD : COLOUR_PLAIN, parts[i]);
    }
    fputc('\n', print->out);
    print_block(print, "    ", report);
    fputc('\n', print->out);
}

static void print_summary(const struct print *print, const json_t *status)
{
    long long tests = status_count(status, "tests"),
              failures = status_count(status, "failures"),
              errors = status_count(status, "errors"),
              skipped = status_count(status, "skipped"),
              stale = status_count(status, "to_be_run");
    char waited[32], more[96] = "";
    print_duration(json_number_value(json_object_get(status, "waited_ms")), waited);
    if (skipped > 0)
        snprintf(more, sizeof more, ", %lld skipped", skipped);
    if (stale > 0) /* halted at the first failure */
        snprintf(more + strlen(more), sizeof more - strlen(more),
                 ", %lld test file%s not run", stale, stale == 1 ? "" : "s");
    bool red = failures + errors > 0;
    autofree char *text =
        red ? text_format("%s%lld of %lld tests failed: %lld failure%s, %lld error%s%s",
                          print->utf8 ? "✘ " : "", failures + errors, tests, failures,
                          failures == 1 ? "" : "s", errors, errors == 1 ? "" : "s", more)
            : text_format("%s%lld test%s passed%s", print->utf8 ? "✔ " : "",
                          tests - skipped, tests - skipped == 1 ? "" : "s", more);
    print_text(print, red ? COLOUR_RED : COLOUR_GREEN, text);
    fprintf(print->out, " (waited %s)\n", waited);
}

/* The daemon counts all of the test files. */
static void count_part(json_t *status, const json_t *records)
{
    static const char *const outcomes[][2] = {{"success", "successes"},
                                              {"failure", "failures"},
                                              {"error", "errors"},
                                              {"skipped", "skipped"}};
    json_t *stats = json_object_get(status, "stats");
    size_t total = json_array_size(records);
    for (size_t kind = 0; kind < sizeof outcomes / sizeof *outcomes; kind++) {
        json_int_t count = 0;
        for (size_t i = 0; i < total; i++) {
            autofree char *outcome = print_field(json_array_get(records, i), "outcome");
            count += strcmp(outcome, outcomes[kind][0]) == 0;
        }
        json_object_set_new(stats, outcomes[kind][1], must(json_integer(count)));
    }
    json_object_set_new(stats, "tests", must(json_integer((json_int_t)total)));
}

static int check(struct ctl *ctl, struct link *link, const struct check_options *options,
                 int64_t started, struct junit_file *junit)
{
    json_t *status = NULL, *records = NULL;
    int code = ctl_settle(ctl, link, started, options->timeout, &status);
    if (code != 0)
        return code;
    json_t *params = must(json_object());
    if (options->shard != NULL) /* who reports a part counts it, too */
        json_object_set_new(
            params, "shard",
            must(json_pack("{s:i,s:i}", "part", options->part, "of", options->of)));
    else if (junit->file == NULL)
        json_object_set_new(params, "failed", json_true());
    code = ctl_list(ctl, link, METHOD_RESULTS, params, &records);
    if (code == 0)
        code = junit_close(ctl, junit, records);
    if (code == 0 && options->shard != NULL)
        count_part(status, records);
    size_t red = 0;
    for (size_t i = 0; code == 0 && i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        if (!report_is_red(record))
            continue;
        red++;
        if (options->json)
            print_json(&ctl->print, record);
        else
            print_failure(&ctl->print, record);
    }
    if (code == 0 && !options->json)
        print_summary(&ctl->print, status);
    if (code == 0 && (red > 0 || status_count(status, "failures") > 0 ||
                      status_count(status, "errors") > 0))
        code = CTL_RED;
    json_decref(status);
    json_decref(records);
    return code;
}

int cmd_check(struct ctl *ctl)
{
    int64_t started = link_now();
    struct check_options options;
    struct junit_file junit;
    struct link link;
    bool fresh = false;
    int code;
    if (!read_check_options(ctl, &options, &code))
        return code;
    /* Before anything else: a minute's wait for a file that cannot be written is a minute lost. */
    code = junit_open(ctl, options.junit_xml, &junit);
    if (code != 0)
        return code;
    autofree char *shard =
        options.shard != NULL ? text_format("--shard=%s", options.shard) : NULL;
    char *const extra[] = {shard, NULL};
    code = daemon_open(&link, &ctl->project, extra, &fresh, &ctl->trouble);
    if (code == 0) {
        code = check(ctl, &link, &options, started, &junit);
        struct trouble aside = {0}; /* the check's own end counts first */
        if ((options.once || options.shard != NULL) && fresh &&
            daemon_stop(&link, &aside) != 0 && code <= CTL_RED) {
            ctl->trouble = aside;
            code = aside.code;
        }
        link_close(&link);
    }
    junit_close(ctl, &junit, NULL);
    return code;
}
