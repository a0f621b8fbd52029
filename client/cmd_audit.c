/* audit: verdicts that are current, held against fresh runs. */

#include "client/ctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct telling {
    const struct print *print;
    bool json;
};

static enum colour colour_of(const char *found)
{
    if (strcmp(found, "stale") == 0)
        return COLOUR_RED;
    return strcmp(found, "agreed") == 0 ? COLOUR_GREEN : COLOUR_YELLOW;
}

static char *ended(const json_t *test, const char *when)
{
    const json_t *one = json_object_get(test, when);
    if (json_is_null(one))
        return text_format("%s", "nothing");
    autofree char *outcome = print_field(one, "outcome");
    autofree char *exception = print_field(one, "exception");
    return text_format(exception[0] != '\0' ? "%s (%s)" : "%s", outcome, exception);
}

static void print_tests(const struct print *print, const json_t *tests)
{
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        autofree char *name = print_field(test, "test");
        autofree char *was = ended(test, "was");
        autofree char *now = ended(test, "now");
        autofree char *line = text_format("    %s: was %s, is %s", name, was, now);
        print_text(print, COLOUR_PLAIN, line);
        fputc('\n', print->out);
    }
}

static void print_looked(const struct print *print, const char *words, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        autofree char *kind = print_field(one, "kind");
        autofree char *path = print_field(one, "path");
        autofree char *detail = print_field(one, "detail");
        autofree char *line =
            text_format("    %s: %s %s%s%s", words, kind, path[0] != '\0' ? path : ".",
                        detail[0] != '\0' ? ", " : "", detail);
        print_text(print, COLOUR_DIM, line);
        fputc('\n', print->out);
    }
}

static void tell(void *owner, json_t *record)
{
    const struct telling *telling = owner;
    const struct print *print = telling->print;
    if (telling->json) {
        json_object_del(record, "seq"); /* of the notification that it came in */
        print_json(print, record);
        fflush(print->out);
        return;
    }
    autofree char *found = print_field(record, "found");
    autofree char *file = print_field(record, "file");
    autofree char *detail = print_field(record, "detail");
    print_text(print, colour_of(found), found);
    fprintf(print->out, "%*s", (int)(strlen(found) < 10 ? 10 - strlen(found) : 1), "");
    print_text(print, COLOUR_PLAIN, file);
    if (strcmp(found, "agreed") != 0) {
        fputs(": ", print->out);
        print_text(print, COLOUR_PLAIN, detail);
    }
    fputc('\n', print->out);
    print_tests(print, json_object_get(record, "tests"));
    print_looked(print, "changed untold", json_object_get(record, "moved"));
    print_looked(print, "only now", json_object_get(record, "only_now"));
    print_looked(print, "only before", json_object_get(record, "only_before"));
    fflush(print->out);
}

static long long count_of(const json_t *result, const char *key)
{
    return json_integer_value(json_object_get(result, key));
}

static void print_sum(const struct print *print, const json_t *result)
{
    fprintf(print->out, "%lld audited: %lld agreed, %lld flaky, %lld stale",
            count_of(result, "audited"), count_of(result, "agreed"),
            count_of(result, "flaky"), count_of(result, "stale"));
    if (count_of(result, "disturbed") > 0)
        fprintf(print->out, "; %lld disturbed", count_of(result, "disturbed"));
    fputc('\n', print->out);
}

/* A number alone is how many. */
static bool read_count(const char *text, long long *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *ret >= 0 && *ret <= INT_MAX;
}

static json_t *read_params(struct ctl *ctl, bool all)
{
    char **names;
    long long number;
    int count = ctl_operands(ctl, &names);
    if (all && count > 0) {
        ctl_usage(ctl, "give a number, or test files, or --all");
        return NULL;
    }
    if (all)
        return must(json_pack("{s:b}", "all", 1));
    if (count == 1 && read_count(names[0], &number))
        return must(json_pack("{s:I}", "count", (json_int_t)number));
    return count > 0 ? ctl_paths(ctl, "files", names, count) : must(json_object());
}

/* First all that is stale has to run: what is not current cannot be audited. */
static int audit(struct ctl *ctl, json_t *params, bool json)
{
    struct link link;
    bool fresh;
    json_t *status = NULL;
    json_t *result = NULL;
    int64_t started = link_now();
    int code = daemon_open(&link, &ctl->project, NULL, &fresh, &ctl->trouble);
    if (code != 0) {
        json_decref(params);
        return code;
    }
    struct telling telling = {.print = &ctl->print, .json = json};
    code = ctl_settle(ctl, &link, started, -1, &status);
    json_decref(status);
    if (code == 0)
        code = link_follow(&link, TOPIC_AUDIT, METHOD_AUDIT, params, tell, &telling,
                           &result, &ctl->trouble);
    else
        json_decref(params);
    link_close(&link);
    if (code == 0 && !json)
        print_sum(&ctl->print, result);
    if (code == 0 && count_of(result, "stale") > 0)
        code = CTL_RED;
    json_decref(result);
    return code;
}

int cmd_audit(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"all", no_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    bool all = false, json = false;
    int option, code;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        all |= option == 'a';
        json |= option == 'j';
    }
    json_t *params = read_params(ctl, all);
    return params != NULL ? audit(ctl, params, json) : CTL_USAGE;
}
