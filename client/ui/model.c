#include "client/ui/model.h"

#include "client/print.h"
#include "client/report.h"
#include "client/trouble.h"

#include <ctype.h>
#include <string.h>

void model_init(struct model *model)
{
    *model = (struct model){.state = STATE_CHECKING};
    char **const texts[] = {&model->message, &model->root,     &model->framework,
                            &model->python,  &model->degraded, &model->focus};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = must(strdup(""));
}

static void set_text(char **text, const json_t *from, const char *key)
{
    free(*text);
    *text = print_field(from, key);
}

/* ---- tests and files ---- */

static void forget_test(struct known_test *test)
{
    HASH_DEL(test->file->tests, test);
    free(test->name);
    json_decref(test->record);
    json_decref(test->fresh);
    free(test);
}

static void forget_file(struct model *model, struct known_file *file)
{
    struct known_test *test, *next;
    HASH_ITER(hh, file->tests, test, next)
    forget_test(test);
    HASH_DEL(model->files, file);
    free(file->path);
    free(file->reason);
    free(file->test);
    free(file);
}

static void clear_queue(struct model *model)
{
    for (size_t i = 0; i < model->queue_count; i++)
        free(model->queue[i]);
    free(model->queue);
    model->queue = NULL;
    model->queue_count = 0;
}

void model_finish(struct model *model)
{
    struct known_file *file, *next;
    HASH_ITER(hh, model->files, file, next)
    forget_file(model, file);
    clear_queue(model);
    output_finish(&model->output);
    char *const texts[] = {model->message, model->root,     model->framework, model->lost,
                           model->python,  model->degraded, model->focus};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    *model = (struct model){0};
}

const struct known_file *model_file(const struct model *model, const char *path)
{
    struct known_file *file = NULL;
    HASH_FIND_STR(model->files, path, file);
    return file;
}

static struct known_file *get_file(struct model *model, const json_t *params)
{
    char *path = print_field(params, "file");
    struct known_file *file = NULL;
    HASH_FIND_STR(model->files, path, file);
    if (file == NULL) {
        file = must(calloc(1, sizeof *file));
        *file = (struct known_file){
            .path = path, .expected = -1, .duration_ms = -1, .state = FILE_NEVER_RUN};
        HASH_ADD_KEYPTR(hh, model->files, file->path, strlen(file->path), file);
    } else {
        free(path);
    }
    file->round = model->round;
    return file;
}

/* The daemon tells how many tests a file has, and each of them; which are gone it does not tell.
 * They are those that were not told for the longest time. */
static void drop_surplus(struct known_file *file)
{
    while (file->expected >= 0 && (int64_t)HASH_COUNT(file->tests) > file->expected) {
        struct known_test *oldest = file->tests;
        for (struct known_test *test = file->tests; test != NULL; test = test->hh.next)
            if (test->told < oldest->told)
                oldest = test;
        forget_test(oldest);
    }
}

static void take_record(struct model *model, struct known_file *file,
                        const json_t *record)
{
    const char *state = json_string_value(json_object_get(record, "state"));
    const char *last = json_string_value(json_object_get(record, "last_run"));
    int word = state != NULL ? word_find(file_state_names, state) : -1;
    if (word >= 0)
        file->state = (enum file_state)word;
    const json_t *tests = json_object_get(record, "tests");
    if (json_is_integer(tests))
        file->expected = json_integer_value(tests);
    snprintf(file->last_run, sizeof file->last_run, "%s", last != NULL ? last : "");
    file->duration_ms =
        last != NULL ? json_number_value(json_object_get(record, "duration_ms")) : -1;
    file->flaky = json_is_true(json_object_get(record, "flaky"));
    file->unseen = json_is_true(json_object_get(record, "unseen"));
    file->round = model->round;
}

bool model_is_red(const struct known_test *test)
{
    return test->fresh != NULL || test->record != NULL;
}

const json_t *model_failure(const struct known_test *test)
{
    return test->fresh != NULL ? test->fresh : test->record;
}

static struct known_test *get_test(struct model *model, struct known_file *file,
                                   const char *name)
{
    struct known_test *test = NULL;
    HASH_FIND_STR(file->tests, name, test);
    if (test == NULL) {
        test = must(calloc(1, sizeof *test));
        test->id = ++model->last_id;
        test->name = must(strdup(name));
        test->file = file;
        HASH_ADD_KEYPTR(hh, file->tests, test->name, strlen(test->name), test);
    }
    return test;
}

/* A copy, with the report under the name that the method "results" has for it. */
static json_t *copy_result(const json_t *result)
{
    json_t *copy = must(json_copy((json_t *)(uintptr_t)result));
    json_t *report = json_object_get(result, "report_text");
    if (report != NULL)
        json_object_set(copy, "report", report);
    return copy;
}

static void take_result(struct model *model, const json_t *result)
{
    const char *name = json_string_value(json_object_get(result, "test"));
    const char *outcome = json_string_value(json_object_get(result, "outcome"));
    int word = outcome != NULL ? word_find(outcome_names, outcome) : -1;
    if (name == NULL || word < 0)
        return;
    struct known_file *file = get_file(model, result);
    struct known_test *test = get_test(model, file, name);
    test->outcome = (enum outcome)word;
    test->current = !json_is_false(json_object_get(result, "current"));
    test->told = ++model->told;
    test->round = model->round;
    json_decref(test->record);
    test->record = NULL;
    if (test->outcome == OUTCOME_FAILURE || test->outcome == OUTCOME_ERROR)
        test->record = copy_result(result);
    drop_surplus(file);
}

/* ---- the run that is on ---- */

static void take_fresh(struct model *model, const json_t *result)
{
    const char *name = json_string_value(json_object_get(result, "test"));
    struct known_file *file = get_file(model, result);
    if (name == NULL || !file->running)
        return;
    /* One without a verdict has OUTCOME_SUCCESS, has never been told, and goes as surplus. */
    struct known_test *test = get_test(model, file, name);
    file->fresh += test->fresh == NULL;
    json_decref(test->fresh);
    test->fresh = copy_result(result);
    test->fresh_told = ++model->told;
    test->round = model->round;
}

static void take_test(struct model *model, const json_t *params)
{
    struct known_file *file = get_file(model, params);
    if (file->running)
        set_text(&file->test, params, "test");
}

/* What its run told so far is replaced by the verdict, or comes to nothing. */
static void end_run(struct known_file *file)
{
    file->running = false;
    free(file->test);
    file->test = NULL;
    file->fresh = 0;
    for (struct known_test *test = file->tests; test != NULL; test = test->hh.next) {
        json_decref(test->fresh);
        test->fresh = NULL;
    }
}

/* ---- the state ---- */

static void take_stats(struct model *model, const json_t *stats)
{
    struct stats *to = &model->stats;
    const struct {
        const char *key;
        int64_t *value;
    } fields[] = {{"tests", &to->tests},     {"successes", &to->successes},
                  {"errors", &to->errors},   {"failures", &to->failures},
                  {"skipped", &to->skipped}, {"to_be_run", &to->to_be_run}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *value = json_object_get(stats, fields[i].key);
        if (json_is_integer(value))
            *fields[i].value = json_integer_value(value);
    }
}

static void begin_burst(struct model *model, int64_t now)
{
    if (model->burst.on)
        return;
    output_clear(&model->output);
    model->burst = (struct burst){.on = true, .began = now};
}

static void take_state(struct model *model, const json_t *params, int64_t now,
                       int64_t wall)
{
    const char *state = json_string_value(json_object_get(params, "state"));
    int word = state != NULL ? word_find(daemon_state_names, state) : -1;
    if (word >= 0)
        model->state = (enum daemon_state)word;
    set_text(&model->message, params, "message");
    set_text(&model->framework, params, "framework");
    set_text(&model->python, params, "python");
    if (json_object_get(params, "focus") != NULL)
        set_text(&model->focus, params, "focus");
    if (model->state == STATE_IDLE) {
        model->verified = wall;
        if (model->burst.on)
            model->burst.ended = now;
        model->burst.on = false;
    } else if (model->state == STATE_RUNNING) {
        begin_burst(model, now);
    }
}

static void take_queue(struct model *model, const json_t *queue)
{
    clear_queue(model);
    size_t count = json_array_size(queue);
    model->queue = must(calloc(count + 1, sizeof *model->queue));
    for (size_t i = 0; i < count; i++) {
        /* A path is a string or an object: give it a key to read it as any other. */
        json_t *record = must(json_pack("{s:O}", "file", json_array_get(queue, i)));
        model->queue[model->queue_count++] = print_field(record, "file");
        json_decref(record);
    }
}

static void start_run(struct model *model, const json_t *params, int64_t started)
{
    struct known_file *file = get_file(model, params);
    end_run(file);
    if (json_is_string(json_object_get(params, "test"))) /* where a snapshot tells it */
        set_text(&file->test, params, "test");
    file->running = true;
    file->started = started;
    autofree char *reason = print_field(params, "reason");
    autofree char *path = print_field(params, "path");
    free(file->reason);
    file->reason = text_format("%s%s%s", reason, path[0] != '\0' ? " " : "", path);
    int64_t running = 0;
    for (struct known_file *one = model->files; one != NULL; one = one->hh.next)
        running += one->running;
    if (running > model->burst.together)
        model->burst.together = running;
}

static void finish_run(struct model *model, const json_t *params)
{
    struct known_file *file = get_file(model, params);
    model->burst.done += file->running;
    end_run(file);
    const json_t *record = json_object_get(params, "record");
    take_record(model, file, record);
    if (file->expected == 0)
        drop_surplus(file); /* no result will follow */
}

static void take_file(struct model *model, const json_t *params)
{
    const json_t *record = json_object_get(params, "record");
    struct known_file *file = get_file(model, params);
    if (json_is_null(record)) {
        forget_file(model, file);
        return;
    }
    take_record(model, file, record);
    if (file->state != FILE_RUNNING)
        end_run(file); /* a run that was given up says no more */
    drop_surplus(file);
}

static void take_snapshot(struct model *model, const json_t *params, int64_t now,
                          int64_t wall)
{
    const json_t *status = json_object_get(params, "status"), *record = NULL;
    size_t i;
    model->round++;
    for (struct known_file *file = model->files; file != NULL; file = file->hh.next)
        end_run(file);
    set_text(&model->root, status, "root");
    set_text(&model->degraded, status, "degraded");
    take_stats(model, json_object_get(status, "stats"));
    take_state(model, status, now, wall);
    take_queue(model, json_object_get(status, "queue"));
    model_take_page(model, "files", params);
    model_take_page(model, "results", params);
    json_array_foreach(json_object_get(status, "running"), i, record)
    {
        int64_t since = json_integer_value(json_object_get(record, "since_ms"));
        start_run(model, record, now - since);
    }
    model->snapshot = true;
    model->broken_in = json_is_false(json_object_get(params, "complete"));
    if (!model->broken_in)
        model_whole(model);
}

void model_take_page(struct model *model, const char *key, const json_t *page)
{
    const json_t *record = NULL;
    size_t i;
    bool files = strcmp(key, "files") == 0;
    json_array_foreach(json_object_get(page, key), i, record)
    {
        if (files)
            take_record(model, get_file(model, record), record);
        else
            take_result(model, record);
    }
    model->version++;
}

void model_whole(struct model *model)
{
    struct known_file *file, *next_file;
    HASH_ITER(hh, model->files, file, next_file)
    {
        struct known_test *test, *next_test;
        HASH_ITER(hh, file->tests, test, next_test)
        if (test->round < model->round)
            forget_test(test);
        if (file->round < model->round)
            forget_file(model, file);
    }
    model->broken_in = false;
    model->version++;
}

void model_contact(struct model *model, enum contact contact, const char *why)
{
    model->contact = contact;
    free(model->lost);
    model->lost = why != NULL ? must(strdup(why)) : NULL;
    model->version++;
}

static void take_output(struct model *model, const json_t *params)
{
    autofree char *file = print_field(params, "file");
    const char *text = json_string_value(json_object_get(params, "text"));
    if (text != NULL)
        output_add(&model->output, file, text);
}

bool model_take(struct model *model, const char *name, const json_t *params, int64_t now,
                int64_t wall)
{
    model->version++;
    if (strcmp(name, "snapshot") == 0) {
        take_snapshot(model, params, now, wall);
        return true;
    }
    int topic = word_find(topic_names, name);
    switch (topic < 0 ? TOPIC_COUNT : (enum topic)topic) {
    case TOPIC_STATS:
        take_stats(model, params);
        return true;
    case TOPIC_RESULT:
        take_result(model, params);
        return true;
    case TOPIC_QUEUE:
        take_queue(model, json_object_get(params, "queue"));
        return true;
    case TOPIC_RUN_STARTED:
        begin_burst(model, now);
        start_run(model, params, now);
        return true;
    case TOPIC_RUN_TEST:
        take_test(model, params);
        return true;
    case TOPIC_RUN_RESULT:
        take_fresh(model, params);
        return true;
    case TOPIC_RUN_OUTPUT:
        take_output(model, params);
        return true;
    case TOPIC_RUN_FINISHED:
        finish_run(model, params);
        return true;
    case TOPIC_STATE:
        take_state(model, params, now, wall);
        return true;
    case TOPIC_FILE:
        take_file(model, params);
        return true;
    case TOPIC_WATCH:
        if (json_object_get(params, "degraded") == NULL)
            return false;
        set_text(&model->degraded, params, "degraded");
        return true;
    case TOPIC_BYE: {
        autofree char *reason = print_field(params, "reason");
        model_contact(model, CONTACT_LOST, reason);
        return true;
    }
    case TOPIC_AUDIT:
    case TOPIC_FILE_FAILURES: /* said by the results themselves */
    case TOPIC_GREEN:
    case TOPIC_RED:
    case TOPIC_COUNT:
        break;
    }
    return false;
}
