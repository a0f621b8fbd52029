#include "client/ui/plain.h"

#include "client/report.h"
#include "client/trouble.h"

#include <string.h>

static void say_red(const struct print *print, const struct known_test *test)
{
    autofree char *head = text_format("%s  %s  %s", outcome_names[test->outcome],
                                      test->file->path, test->name);
    print_text(print, COLOUR_RED, head);
    if (!test->current)
        print_text(print, COLOUR_DIM, "  (to be run again)");
    fputc('\n', print->out);
    const char *report = json_string_value(json_object_get(test->record, "report"));
    print_block(print, "    ", report != NULL ? report : "");
}

static void say_state(const struct print *print, const struct model *model)
{
    const struct stats *stats = &model->stats;
    print_text(print, COLOUR_BOLD, daemon_state_names[model->state]);
    if (model->message[0] != '\0') {
        fputs(": ", print->out);
        print_text(print, COLOUR_PLAIN, model->message);
    }
    autofree char *counts = text_format(
        "; %lld tests, %lld passed, %lld failures, %lld errors, %lld skipped, %lld files "
        "to "
        "be run",
        (long long)stats->tests, (long long)stats->successes, (long long)stats->failures,
        (long long)stats->errors, (long long)stats->skipped, (long long)stats->to_be_run);
    print_text(print, stats->failures + stats->errors > 0 ? COLOUR_RED : COLOUR_PLAIN,
               counts);
    fputc('\n', print->out);
}

void plain_say(const struct print *print, const struct model *model, const char *topic,
               const json_t *params)
{
    if (strcmp(topic, "snapshot") == 0) {
        struct known_test **reds = NULL;
        size_t count = model_reds(model, NULL, &reds);
        for (size_t i = 0; i < count; i++)
            say_red(print, reds[i]);
        free(reds);
        say_state(print, model);
    } else if (strcmp(topic, "result") == 0) {
        autofree char *path = print_field(params, "file");
        autofree char *name = print_field(params, "test");
        const struct known_file *file = model_file(model, path);
        struct known_test *test = NULL;
        if (file != NULL)
            HASH_FIND_STR(file->tests, name, test);
        if (test != NULL && model_is_red(test))
            say_red(print, test);
    } else if (strcmp(topic, "run.started") == 0) {
        autofree char *path = print_field(params, "file");
        const struct known_file *file = model_file(model, path);
        autofree char *line =
            text_format("runs  %s  (%s)", path, file != NULL ? file->reason : "");
        print_text(print, COLOUR_PLAIN, line);
        fputc('\n', print->out);
    } else if (strcmp(topic, "state") == 0) {
        say_state(print, model);
    } else {
        return;
    }
    fflush(print->out);
}

void plain_lost(const struct print *print, const struct model *model)
{
    autofree char *line =
        text_format("the daemon is gone%s%s", model->lost != NULL ? ": " : "",
                    model->lost != NULL ? model->lost : "");
    print_text(print, COLOUR_YELLOW, line);
    fputc('\n', print->out);
    fflush(print->out);
}
