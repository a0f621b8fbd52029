#include "proto/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- orders ---- */

static char *dump_and_free(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static json_t *path_array(const char *const *paths, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, wire_path(paths[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

char *order_encode_classify(int64_t id, const char *const *paths, size_t count)
{
    return dump_and_free(json_pack("{s:s, s:I, s:o}", "order", "classify", "id",
                                   (json_int_t)id, "paths", path_array(paths, count)));
}

char *order_encode_run(int64_t run, const char *const *files, const char *const *first)
{
    json_t *order = json_pack("{s:s, s:I, s:o}", "order", "run", "run", (json_int_t)run,
                              "file", wire_path(files[0]));
    json_t *company = files[1] != NULL ? json_array() : NULL;
    for (files++; company != NULL && *files != NULL; files++)
        json_array_append_new(company, wire_path(*files));
    if (company != NULL)
        json_object_set_new(order, "company", company);
    json_t *tests = first != NULL && first[0] != NULL ? json_array() : NULL;
    for (; tests != NULL && *first != NULL; first++)
        json_array_append_new(tests, wire_text(*first));
    if (tests != NULL)
        json_object_set_new(order, "first", tests);
    return dump_and_free(order);
}

char *order_encode_blocks(int64_t id, const char *const *paths, size_t count)
{
    return dump_and_free(json_pack("{s:s, s:I, s:o}", "order", "blocks", "id",
                                   (json_int_t)id, "paths", path_array(paths, count)));
}

/* ---- reports ---- */

/* A report being read. The first thing found wrong stays; what is taken after it does
 * nothing, so that a report's reader is a plain list of its parts. */
struct reading {
    json_t *json;
    int error; /* 0 or -errno */
    const char *why;
};

static void refuse(struct reading *reading, const char *why)
{
    reading->error = -EINVAL;
    reading->why = why;
}

static void run_out(struct reading *reading)
{
    reading->error = -ENOMEM;
    reading->why = "out of memory";
}

static void take_integer(struct reading *reading, const char *key, const char *why,
                         int64_t *ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (json_is_integer(value))
        *ret = json_integer_value(value);
    else
        refuse(reading, why);
}

static void take_number(struct reading *reading, const char *key, const char *why,
                        double *ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (json_is_number(value) && json_number_value(value) >= 0)
        *ret = json_number_value(value);
    else
        refuse(reading, why);
}

/* Python's strings may hold NULs, C's may not: they are shown, in place, so that no
 * result is lost. */
static void take_text(struct reading *reading, const char *key, const char *why,
                      const char **ret)
{
    json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (!json_is_string(value)) {
        refuse(reading, why);
        return;
    }
    size_t length = json_string_length(value);
    if (strlen(json_string_value(value)) != length) {
        json_t *shown = wire_text_bytes(json_string_value(value), length);
        if (json_object_set_new(reading->json, key, shown) < 0) {
            run_out(reading);
            return;
        }
        value = shown;
    }
    *ret = json_string_value(value);
}

static void take_text_or_null(struct reading *reading, const char *key, const char *why,
                              const char **ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (value != NULL && !json_is_null(value))
        take_text(reading, key, why, ret);
}

static void take_word(struct reading *reading, const char *key, const char *why,
                      const char *const *names, int *ret)
{
    const char *name = NULL;
    take_text(reading, key, why, &name);
    if (reading->error != 0)
        return;
    int word = word_find(names, name);
    if (word >= 0)
        *ret = word;
    else
        refuse(reading, why);
}

static char *path_of(struct reading *reading, const json_t *value, const char *why)
{
    char *path = wire_path_bytes(value);
    if (path == NULL)
        refuse(reading, why);
    return path;
}

static void take_path(struct reading *reading, struct report *report)
{
    if (reading->error == 0)
        report->path = path_of(reading, json_object_get(reading->json, "path"),
                               "\"path\" is not a path");
}

static void take_file(struct reading *reading, struct report *report)
{
    if (reading->error == 0)
        report->path = path_of(reading, json_object_get(reading->json, "file"),
                               "\"file\" is not a path");
}

static void take_paths(struct reading *reading, struct report *report)
{
    static const char why[] = "\"tests\" is not a list of paths";
    const json_t *array = json_object_get(reading->json, "tests");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        refuse(reading, why);
        return;
    }
    size_t count = json_array_size(array);
    report->paths = calloc(count + 1, sizeof *report->paths);
    if (report->paths == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < count && reading->error == 0; i++) {
        report->paths[i] = path_of(reading, json_array_get(array, i), why);
        report->path_count = i + 1;
    }
}

/* A string that is used as it is; NULL where VALUE is none. */
static const char *plain_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

static void take_suffixes(struct reading *reading, struct report *report)
{
    static const char why[] = "\"suffixes\" is not a list of texts";
    const json_t *array = json_object_get(reading->json, "suffixes");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        refuse(reading, why);
        return;
    }
    report->suffix_count = json_array_size(array);
    report->suffixes = calloc(report->suffix_count + 1, sizeof *report->suffixes);
    if (report->suffixes == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < report->suffix_count; i++) {
        report->suffixes[i] = plain_text(json_array_get(array, i));
        if (report->suffixes[i] == NULL)
            refuse(reading, why);
    }
}

static void take_environment(struct reading *reading, struct report *report)
{
    static const char why[] = "\"environment\" is not a list of [name, value]";
    const json_t *array = json_object_get(reading->json, "environment");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        refuse(reading, why);
        return;
    }
    report->environment_count = json_array_size(array);
    report->environment =
        calloc(report->environment_count + 1, sizeof *report->environment);
    if (report->environment == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < report->environment_count; i++) {
        const json_t *pair = json_array_get(array, i);
        struct report_environment *one = &report->environment[i];
        one->name = plain_text(json_array_get(pair, 0));
        one->value = plain_text(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || one->name == NULL || one->value == NULL)
            refuse(reading, why);
    }
}

static void take_distributions(struct reading *reading, struct report *report)
{
    static const char why[] = "\"distributions\" is not an object of texts";
    json_t *object = json_object_get(reading->json, "distributions");
    if (reading->error != 0 || object == NULL)
        return;
    report->distributions =
        calloc(json_object_size(object) + 1, sizeof *report->distributions);
    if (report->distributions == NULL) {
        run_out(reading);
        return;
    }
    if (!json_is_object(object))
        refuse(reading, why);
    const char *name = NULL;
    const json_t *value = NULL;
    json_object_foreach(object, name, value)
    {
        struct report_environment *one =
            &report->distributions[report->distribution_count++];
        *one = (struct report_environment){.name = name, .value = plain_text(value)};
        if (one->value == NULL)
            refuse(reading, why);
    }
}

static void take_identity(struct reading *reading, const json_t *seen,
                          struct report_identity *identity)
{
    int64_t *const parts[] = {&identity->device,   &identity->inode,    &identity->size,
                              &identity->mtime_ns, &identity->ctime_ns, &identity->mode};
    const size_t count = sizeof parts / sizeof *parts;
    bool whole = json_array_size(seen) == count;
    for (size_t i = 0; i < count && whole; i++) {
        const json_t *part = json_array_get(seen, i);
        whole = json_is_integer(part);
        *parts[i] = json_integer_value(part);
    }
    if (!whole && reading->error == 0)
        refuse(reading, "\"seen\" is neither null nor six numbers");
}

static void take_seen(struct reading *reading, struct report *report)
{
    report->unseen = json_is_true(json_object_get(reading->json, "unseen"));
    const json_t *seen = json_object_get(reading->json, "seen");
    if (reading->error != 0 || seen == NULL)
        return;
    report->has_seen = true;
    if (!json_is_null(seen))
        take_identity(reading, seen, &report->seen);
}

static void take_run(struct reading *reading, struct report *report)
{
    take_integer(reading, "run", "\"run\" is not a number", &report->run);
}

static void take_test(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_text(reading, "test", "\"test\" is not a text", &report->test);
    if (json_object_get(reading->json, "file") != NULL)
        take_file(reading, report);
}

static void read_through(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_file(reading, report);
}

static void read_ready(struct reading *reading, struct report *report)
{
    take_integer(reading, "protocol", "\"protocol\" is not a number", &report->protocol);
    take_text(reading, "framework", "\"framework\" is not a text", &report->framework);
    take_text(reading, "framework_version", "\"framework_version\" is not a text",
              &report->framework_version);
    take_text(reading, "python", "\"python\" is not a text", &report->python);
    take_suffixes(reading, report);
    take_environment(reading, report);
    take_distributions(reading, report);
    const char *precision = NULL;
    take_text_or_null(reading, "precision", "\"precision\" is not a text", &precision);
    take_text_or_null(reading, "precision_why", "\"precision_why\" is not a text",
                      &report->precision_why);
    take_text_or_null(reading, "tracing_why", "\"tracing_why\" is not a text",
                      &report->tracing_why);
    report->whole_files = precision == NULL || strcmp(precision, "block") != 0;
}

static void read_unfit(struct reading *reading, struct report *report)
{
    take_text(reading, "kind", "\"kind\" is not a text", &report->kind);
    take_text(reading, "message", "\"message\" is not a text", &report->message);
}

static void read_classified(struct reading *reading, struct report *report)
{
    take_integer(reading, "id", "\"id\" is not a number", &report->id);
    take_paths(reading, report);
    take_text_or_null(reading, "message", "\"message\" is not a text", &report->message);
    take_text_or_null(reading, "unused", "\"unused\" is not a text", &report->unused);
    report->any_name = json_is_true(json_object_get(reading->json, "any_name"));
}

static void read_started(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_integer(reading, "pid", "\"pid\" is not a number", &report->pid);
    /* kill() takes 0 and below for a group or for everybody. */
    if (reading->error == 0 && (report->pid <= 0 || report->pid > INT32_MAX))
        refuse(reading, "\"pid\" is no process");
}

static void read_result(struct reading *reading, struct report *report)
{
    int outcome = OUTCOME_ERROR;
    take_test(reading, report);
    take_word(reading, "outcome", "\"outcome\" is not one", outcome_names, &outcome);
    take_number(reading, "duration_ms", "\"duration_ms\" is not a duration",
                &report->duration_ms);
    take_text_or_null(reading, "exception", "\"exception\" is not a text",
                      &report->exception);
    take_text_or_null(reading, "report_text", "\"report_text\" is not a text",
                      &report->text);
    report->outcome = (enum outcome)outcome;
}

static void read_exited(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_integer(reading, "status", "\"status\" is not a number", &report->status);
    take_integer(reading, "signal", "\"signal\" is not a number", &report->signal);
}

static void read_look(struct reading *reading, struct report *report)
{
    int kind = EVIDENCE_CONTENT;
    take_run(reading, report);
    take_word(reading, "kind", "\"kind\" is not a kind of evidence", evidence_names,
              &kind);
    take_path(reading, report);
    take_seen(reading, report);
    take_text_or_null(reading, "ran", "\"ran\" is not a text", &report->ran);
    report->evidence = (enum evidence_kind)kind;
}

static void read_wrote(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_path(reading, report);
    take_seen(reading, report);
}

/* Hexadecimal TEXT of exactly SIZE bytes, into TO. */
static bool read_hex(const char *text, unsigned char *to, size_t size)
{
    if (strlen(text) != 2 * size || strspn(text, "0123456789abcdef") != 2 * size)
        return false;
    for (size_t i = 0; i < 2 * size; i++) {
        char digit = text[i];
        int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
        to[i / 2] = (unsigned char)(to[i / 2] << 4 | value);
    }
    return true;
}

static void take_keys(struct reading *reading, const json_t *json,
                      struct report_source *source)
{
    const json_t *keys = json_object_get(json, "keys");
    const char *digests = plain_text(json_object_get(json, "digests"));
    source->count = json_array_size(keys);
    source->keys = calloc(source->count + 1, sizeof *source->keys);
    source->digests = calloc(source->count + 1, REPORT_DIGEST);
    if (source->keys == NULL || source->digests == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < source->count; i++) {
        source->keys[i] = plain_text(json_array_get(keys, i));
        if (source->keys[i] == NULL)
            refuse(reading, "\"keys\" is not a list of texts");
    }
    if (digests == NULL ||
        !read_hex(digests, source->digests, source->count * REPORT_DIGEST))
        refuse(reading, "\"digests\" are not those of the keys");
}

static void take_source(struct reading *reading, const json_t *json,
                        struct report_source *source)
{
    source->path =
        path_of(reading, json_object_get(json, "path"), "\"path\" is not a path");
    const json_t *seen = json_object_get(json, "seen");
    if (!json_is_null(seen))
        take_identity(reading, seen, &source->seen);
    source->message = plain_text(json_object_get(json, "message"));
    if (json_object_get(json, "keys") != NULL)
        take_keys(reading, json, source);
}

static void read_blocks(struct reading *reading, struct report *report)
{
    take_integer(reading, "id", "\"id\" is not a number", &report->id);
    const json_t *sources = json_object_get(reading->json, "sources");
    if (reading->error != 0)
        return;
    if (!json_is_array(sources)) {
        refuse(reading, "\"sources\" is not a list");
        return;
    }
    size_t count = json_array_size(sources);
    report->sources = calloc(count + 1, sizeof *report->sources);
    if (report->sources == NULL) {
        run_out(reading);
        return;
    }
    report->source_count = count;
    for (size_t i = 0; i < count && reading->error == 0; i++)
        take_source(reading, json_array_get(sources, i), &report->sources[i]);
}

static void take_ran(struct reading *reading, const json_t *pair, struct report_ran *ran)
{
    ran->test = plain_text(json_array_get(pair, 0));
    ran->ran = plain_text(json_array_get(pair, 1));
    if (ran->test == NULL || ran->ran == NULL)
        refuse(reading, "\"tests\" is not a list of [test, blocks]");
}

static void read_tested(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_path(reading, report);
    const json_t *pairs = json_object_get(reading->json, "tests");
    if (reading->error != 0)
        return;
    if (!json_is_array(pairs)) {
        refuse(reading, "\"tests\" is not a list");
        return;
    }
    report->rans = calloc(json_array_size(pairs) + 1, sizeof *report->rans);
    if (report->rans == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < json_array_size(pairs) && reading->error == 0; i++)
        take_ran(reading, json_array_get(pairs, i), &report->rans[report->ran_count++]);
}

static void take_colds(struct reading *reading, struct report *report)
{
    static const char why[] = "\"without\" is not a list of folders, each with the why";
    const json_t *array = json_object_get(reading->json, "without");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        refuse(reading, why);
        return;
    }
    size_t count = json_array_size(array);
    report->colds = calloc(count + 1, sizeof *report->colds);
    if (report->colds == NULL) {
        run_out(reading);
        return;
    }
    for (size_t i = 0; i < count && reading->error == 0; i++) {
        const json_t *item = json_array_get(array, i);
        struct report_cold *cold = &report->colds[report->cold_count++];
        cold->folder = path_of(reading, json_object_get(item, "folder"), why);
        cold->why = plain_text(json_object_get(item, "why"));
        if (cold->why == NULL)
            refuse(reading, why);
    }
}

static void take_count(struct reading *reading, const char *key, const char *why,
                       int64_t *ret)
{
    take_integer(reading, key, why, ret);
    if (reading->error == 0 && (*ret < 0 || *ret > INT32_MAX))
        refuse(reading, why);
}

static void read_warm(struct reading *reading, struct report *report)
{
    take_count(reading, "spares", "\"spares\" is not a count", &report->spares);
    take_count(reading, "layers", "\"layers\" is not a count", &report->layers);
    take_count(reading, "more", "\"more\" is not a count", &report->more);
    take_colds(reading, report);
}

static const char *const report_names[] = {[REPORT_READY] = "ready",
                                           [REPORT_UNFIT] = "unfit",
                                           [REPORT_CLASSIFIED] = "classified",
                                           [REPORT_STARTED] = "started",
                                           [REPORT_TEST] = "test",
                                           [REPORT_RESULT] = "result",
                                           [REPORT_THROUGH] = "through",
                                           [REPORT_DONE] = "done",
                                           [REPORT_EXITED] = "exited",
                                           [REPORT_LOOK] = "look",
                                           [REPORT_WROTE] = "wrote",
                                           [REPORT_TESTED] = "tested",
                                           [REPORT_BLOCKS] = "blocks",
                                           [REPORT_WARM] = "warm",
                                           NULL};

typedef void read_report(struct reading *reading, struct report *report);
static read_report *const readers[] = {[REPORT_READY] = read_ready,
                                       [REPORT_UNFIT] = read_unfit,
                                       [REPORT_CLASSIFIED] = read_classified,
                                       [REPORT_STARTED] = read_started,
                                       [REPORT_TEST] = take_test,
                                       [REPORT_RESULT] = read_result,
                                       [REPORT_THROUGH] = read_through,
                                       [REPORT_DONE] = take_run,
                                       [REPORT_EXITED] = read_exited,
                                       [REPORT_LOOK] = read_look,
                                       [REPORT_WROTE] = read_wrote,
                                       [REPORT_TESTED] = read_tested,
                                       [REPORT_BLOCKS] = read_blocks,
                                       [REPORT_WARM] = read_warm};

int report_decode(const char *line, size_t length, struct report *ret,
                  const char **ret_why)
{
    json_error_t error;
    struct report report = {.json = json_loadb(line, length, JSON_ALLOW_NUL, &error)};
    struct reading reading = {.json = report.json};
    int type = 0;
    if (report.json == NULL &&
        json_error_code(&error) == json_error_unknown /* it had no memory */)
        run_out(&reading);
    else if (!json_is_object(report.json))
        refuse(&reading, "not a JSON object");
    take_word(&reading, "report", "\"report\" is not one", report_names, &type);
    if (reading.error == 0) {
        report.type = (enum report_type)type;
        readers[type](&reading, &report);
    }
    if (reading.error == 0) {
        *ret = report;
    } else {
        report_finish(&report);
        *ret_why = reading.why;
    }
    return reading.error;
}

void report_finish(struct report *report)
{
    if (report == NULL)
        return;
    for (size_t i = 0; i < report->path_count; i++)
        free(report->paths[i]);
    free(report->paths);
    free(report->path);
    free(report->suffixes);
    free(report->environment);
    free(report->distributions);
    free(report->rans);
    for (size_t i = 0; i < report->source_count; i++) {
        free(report->sources[i].path);
        free(report->sources[i].keys);
        free(report->sources[i].digests);
    }
    free(report->sources);
    for (size_t i = 0; i < report->cold_count; i++)
        free(report->colds[i].folder);
    free(report->colds);
    json_decref(report->json);
    *report = (struct report){0};
}
