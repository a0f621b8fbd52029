/* files, deps, affected, why, run: records about test files. */

#include "client/ctl.h"

#include <string.h>

static void add(struct table *table, const json_t *record, const char *key,
                enum colour colour)
{
    table_add(table, colour, print_field(record, key));
}

static enum colour colour_of(const char *word)
{
    if (strcmp(word, "failure") == 0 || strcmp(word, "error") == 0)
        return COLOUR_RED;
    if (strcmp(word, "success") == 0)
        return COLOUR_GREEN;
    return COLOUR_YELLOW;
}

static void file_row(struct table *table, const json_t *record)
{
    autofree char *outcome = print_field(record, "outcome");
    autofree char *state = print_field(record, "state");
    autofree char *tests = print_field(record, "tests");
    char duration[32];
    print_duration(json_number_value(json_object_get(record, "duration_ms")), duration);
    table_add(table, colour_of(outcome),
              text_format("%s", outcome[0] != '\0' ? outcome : "-"));
    add(table, record, "file", COLOUR_PLAIN);
    bool unseen = json_is_true(json_object_get(record, "unseen"));
    autofree char *audit = print_field(record, "audit");
    bool doubted = strcmp(audit, "stale") == 0;
    bool plain = strcmp(state, "current") == 0 && !unseen && !doubted;
    table_add(table, plain ? COLOUR_DIM : COLOUR_YELLOW,
              text_format("%s%s%s", state, unseen ? ", partly unseen" : "",
                          doubted ? ", was found stale" : ""));
    table_add(table, COLOUR_PLAIN,
              text_format("%s test%s", tests, strcmp(tests, "1") == 0 ? "" : "s"));
    table_add(table, COLOUR_DIM, text_format("%s", duration));
}

static void deps_row(struct table *table, const json_t *record)
{
    bool holds = json_is_true(json_object_get(record, "holds"));
    bool unsteady = json_is_true(json_object_get(record, "volatile"));
    bool unseen = json_is_true(json_object_get(record, "unseen"));
    const char *word = "changed";
    if (unseen)
        word = "unseen";
    else if (unsteady)
        word = "volatile";
    else if (holds)
        word = "holds";
    table_add(table, holds && !unsteady && !unseen ? COLOUR_DIM : COLOUR_RED,
              text_format("%s", word));
    autofree char *path = print_field(record, "path");
    add(table, record, "file", COLOUR_PLAIN);
    add(table, record, "kind", COLOUR_DIM);
    /* The root's own name is empty. */
    table_add(table, COLOUR_PLAIN, text_format("%s", path[0] != '\0' ? path : "."));
    add(table, record, "detail", COLOUR_DIM);
}

static void affected_row(struct table *table, const json_t *record)
{
    add(table, record, "file", COLOUR_PLAIN);
    add(table, record, "path", COLOUR_DIM);
}

static void why_row(struct table *table, const json_t *record)
{
    add(table, record, "file", COLOUR_PLAIN);
    bool stale = json_is_true(json_object_get(record, "stale"));
    table_add(table, COLOUR_DIM, text_format("%s", stale ? "is stale" : "ran"));
    add(table, record, "reason", COLOUR_YELLOW);
    add(table, record, "path", COLOUR_PLAIN);
    add(table, record, "detail", COLOUR_DIM);
}

/* Lists the records of METHOD for the operands under KEY (NULL: it takes none). */
static int list(struct ctl *ctl, enum method method, const char *key, const char *wanted,
                size_t columns, void (*row)(struct table *table, const json_t *record))
{
    bool json;
    int code;
    char **names;
    if (!ctl_json_option(ctl, &json, &code))
        return code;
    if (key == NULL && !ctl_no_operands(ctl, &code))
        return code;
    int count = ctl_operands(ctl, &names);
    if (key != NULL && count == 0)
        return ctl_usage(ctl, "name at least one %s", wanted);
    json_t *records = NULL;
    json_t *params = key != NULL ? ctl_paths(ctl, key, names, count) : NULL;
    code = ctl_ask_list(ctl, method, params, &records);
    if (code == 0 && json) {
        print_json_lines(&ctl->print, records);
    } else if (code == 0) {
        struct table table = {.columns = columns};
        for (size_t i = 0; i < json_array_size(records); i++)
            row(&table, json_array_get(records, i));
        table_print(&table, &ctl->print);
        table_finish(&table);
    }
    json_decref(records);
    return code;
}

int cmd_files(struct ctl *ctl)
{
    return list(ctl, METHOD_FILES, NULL, NULL, 5, file_row);
}

int cmd_deps(struct ctl *ctl)
{
    return list(ctl, METHOD_DEPS, "files", "test file", 5, deps_row);
}

int cmd_affected(struct ctl *ctl)
{
    return list(ctl, METHOD_AFFECTED, "paths", "path", 2, affected_row);
}

int cmd_why(struct ctl *ctl)
{
    return list(ctl, METHOD_WHY, "files", "test file", 5, why_row);
}

int cmd_run(struct ctl *ctl)
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
    char **names;
    int count = ctl_operands(ctl, &names);
    all |= ctl->package != NULL && count == 0;
    if (all == (count > 0))
        return ctl_usage(ctl, "name the test files to run, or give --all alone");
    json_t *params =
        all ? must(json_pack("{s:b}", "all", 1)) : ctl_paths(ctl, "files", names, count);
    json_t *result = NULL;
    code = ctl_ask(ctl, METHOD_RUN, params, &result);
    long long wanted = json_integer_value(json_object_get(result, "wanted"));
    if (code == 0 && json)
        print_json(&ctl->print, result);
    else if (code == 0)
        fprintf(ctl->print.out, "%lld test file%s will run\n", wanted,
                wanted == 1 ? "" : "s");
    json_decref(result);
    return code;
}
