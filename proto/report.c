#include "proto/order.h"
#include "proto/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void take_path(struct reading *reading, struct report *report)
{
    if (reading->error == 0)
        report->path = reading_path(reading, json_object_get(reading->json, "path"),
                                    "\"path\" is not a path");
}

static void take_file(struct reading *reading, struct report *report)
{
    if (reading->error == 0)
        report->path = reading_path(reading, json_object_get(reading->json, "file"),
                                    "\"file\" is not a path");
}

static void take_paths(struct reading *reading, struct report *report)
{
    static const char why[] = "\"tests\" is not a list of paths";
    const json_t *array = json_object_get(reading->json, "tests");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        reading_refuse(reading, why);
        return;
    }
    size_t count = json_array_size(array);
    report->paths = calloc(count + 1, sizeof *report->paths);
    if (report->paths == NULL) {
        reading_run_out(reading);
        return;
    }
    for (size_t i = 0; i < count && reading->error == 0; i++) {
        report->paths[i] = reading_path(reading, json_array_get(array, i), why);
        report->path_count = i + 1;
    }
}

static void take_suffixes(struct reading *reading, struct report *report)
{
    static const char why[] = "\"suffixes\" is not a list of texts";
    const json_t *array = json_object_get(reading->json, "suffixes");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        reading_refuse(reading, why);
        return;
    }
    report->suffix_count = json_array_size(array);
    report->suffixes = calloc(report->suffix_count + 1, sizeof *report->suffixes);
    if (report->suffixes == NULL) {
        reading_run_out(reading);
        return;
    }
    for (size_t i = 0; i < report->suffix_count; i++) {
        report->suffixes[i] = reading_plain(json_array_get(array, i));
        if (report->suffixes[i] == NULL)
            reading_refuse(reading, why);
    }
}

static void take_environment(struct reading *reading, struct report *report)
{
    static const char why[] = "\"environment\" is not a list of [name, value]";
    const json_t *array = json_object_get(reading->json, "environment");
    if (reading->error != 0)
        return;
    if (!json_is_array(array)) {
        reading_refuse(reading, why);
        return;
    }
    report->environment_count = json_array_size(array);
    report->environment =
        calloc(report->environment_count + 1, sizeof *report->environment);
    if (report->environment == NULL) {
        reading_run_out(reading);
        return;
    }
    for (size_t i = 0; i < report->environment_count; i++) {
        const json_t *pair = json_array_get(array, i);
        struct report_environment *one = &report->environment[i];
        one->name = reading_plain(json_array_get(pair, 0));
        one->value = reading_plain(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || one->name == NULL || one->value == NULL)
            reading_refuse(reading, why);
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
        reading_run_out(reading);
        return;
    }
    if (!json_is_object(object))
        reading_refuse(reading, why);
    const char *name = NULL;
    const json_t *value = NULL;
    json_object_foreach(object, name, value)
    {
        struct report_environment *one =
            &report->distributions[report->distribution_count++];
        *one = (struct report_environment){.name = name, .value = reading_plain(value)};
        if (one->value == NULL)
            reading_refuse(reading, why);
    }
}

static void take_rests(struct reading *reading, struct report *report)
{
    static const char *const lists[] = {"there", "kinds", "absent"};
    const json_t *rests = json_object_get(reading->json, "rests");
    if (reading->error != 0 || rests == NULL || json_is_null(rests))
        return;
    report->rests = rests;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const json_t *list = json_object_get(rests, lists[i]);
        bool paths = json_is_array(list);
        size_t at = 0;
        const json_t *path = NULL;
        json_array_foreach(list, at, path) paths &= reading_plain(path) != NULL;
        if (!paths)
            reading_refuse(reading, "\"rests\" is not three lists of paths");
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
        reading_refuse(reading, "\"seen\" is neither null nor six numbers");
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
    reading_integer(reading, "run", "\"run\" is not a number", &report->run);
}

static void take_test(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    reading_text(reading, "test", "\"test\" is not a text", &report->test);
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
    reading_integer(reading, "protocol", "\"protocol\" is not a number",
                    &report->protocol);
    reading_text(reading, "framework", "\"framework\" is not a text", &report->framework);
    reading_text(reading, "framework_version", "\"framework_version\" is not a text",
                 &report->framework_version);
    reading_text(reading, "python", "\"python\" is not a text", &report->python);
    take_suffixes(reading, report);
    take_environment(reading, report);
    take_distributions(reading, report);
    const char *precision = NULL;
    reading_text_or_null(reading, "precision", "\"precision\" is not a text", &precision);
    reading_text_or_null(reading, "precision_why", "\"precision_why\" is not a text",
                         &report->precision_why);
    reading_text_or_null(reading, "tracing_why", "\"tracing_why\" is not a text",
                         &report->tracing_why);
    report->whole_files = precision == NULL || strcmp(precision, "block") != 0;
    if (json_object_get(reading->json, "began_ns") != NULL)
        reading_integer(reading, "began_ns", "\"began_ns\" is not a number",
                        &report->began_ns);
    take_rests(reading, report);
}

static void read_unfit(struct reading *reading, struct report *report)
{
    reading_text(reading, "kind", "\"kind\" is not a text", &report->kind);
    reading_text(reading, "message", "\"message\" is not a text", &report->message);
}

static void read_classified(struct reading *reading, struct report *report)
{
    reading_integer(reading, "id", "\"id\" is not a number", &report->id);
    take_paths(reading, report);
    reading_text_or_null(reading, "message", "\"message\" is not a text",
                         &report->message);
    reading_text_or_null(reading, "unused", "\"unused\" is not a text", &report->unused);
    report->any_name = json_is_true(json_object_get(reading->json, "any_name"));
    take_rests(reading, report);
}

static void read_started(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    reading_integer(reading, "pid", "\"pid\" is not a number", &report->pid);
    /* kill() takes 0 and below for a group or for everybody. */
    if (reading->error == 0 && (report->pid <= 0 || report->pid > INT32_MAX))
        reading_refuse(reading, "\"pid\" is no process");
}

static void read_result(struct reading *reading, struct report *report)
{
    int outcome = OUTCOME_ERROR;
    take_test(reading, report);
    reading_word(reading, "outcome", "\"outcome\" is not one", outcome_names, &outcome);
    reading_number(reading, "duration_ms", "\"duration_ms\" is not a duration",
                   &report->duration_ms);
    reading_text_or_null(reading, "exception", "\"exception\" is not a text",
                         &report->exception);
    reading_text_or_null(reading, "report_text", "\"report_text\" is not a text",
                         &report->text);
    report->outcome = (enum outcome)outcome;
}

static void read_exited(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    reading_integer(reading, "status", "\"status\" is not a number", &report->status);
    reading_integer(reading, "signal", "\"signal\" is not a number", &report->signal);
}

static void read_look(struct reading *reading, struct report *report)
{
    int kind = EVIDENCE_CONTENT;
    take_run(reading, report);
    reading_word(reading, "kind", "\"kind\" is not a kind of evidence", evidence_names,
                 &kind);
    take_path(reading, report);
    take_seen(reading, report);
    reading_text_or_null(reading, "ran", "\"ran\" is not a text", &report->ran);
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
    const char *digests = reading_plain(json_object_get(json, "digests"));
    source->count = json_array_size(keys);
    source->keys = calloc(source->count + 1, sizeof *source->keys);
    source->digests = calloc(source->count + 1, REPORT_DIGEST);
    if (source->keys == NULL || source->digests == NULL) {
        reading_run_out(reading);
        return;
    }
    for (size_t i = 0; i < source->count; i++) {
        source->keys[i] = reading_plain(json_array_get(keys, i));
        if (source->keys[i] == NULL)
            reading_refuse(reading, "\"keys\" is not a list of texts");
    }
    if (digests == NULL ||
        !read_hex(digests, source->digests, source->count * REPORT_DIGEST))
        reading_refuse(reading, "\"digests\" are not those of the keys");
}

static void take_source(struct reading *reading, const json_t *json,
                        struct report_source *source)
{
    source->path =
        reading_path(reading, json_object_get(json, "path"), "\"path\" is not a path");
    if (source->path != NULL && source->path[0] == '\0')
        reading_refuse(reading, "the root is no source");
    const json_t *seen = json_object_get(json, "seen");
    if (!json_is_null(seen))
        take_identity(reading, seen, &source->seen);
    source->message = reading_plain(json_object_get(json, "message"));
    if (json_object_get(json, "keys") != NULL)
        take_keys(reading, json, source);
}

static void read_blocks(struct reading *reading, struct report *report)
{
    reading_integer(reading, "id", "\"id\" is not a number", &report->id);
    const json_t *sources = json_object_get(reading->json, "sources");
    if (reading->error != 0)
        return;
    if (!json_is_array(sources)) {
        reading_refuse(reading, "\"sources\" is not a list");
        return;
    }
    size_t count = json_array_size(sources);
    report->sources = calloc(count + 1, sizeof *report->sources);
    if (report->sources == NULL) {
        reading_run_out(reading);
        return;
    }
    report->source_count = count;
    for (size_t i = 0; i < count && reading->error == 0; i++)
        take_source(reading, json_array_get(sources, i), &report->sources[i]);
}

static void take_ran(struct reading *reading, const json_t *pair, struct report_ran *ran)
{
    ran->test = reading_plain(json_array_get(pair, 0));
    ran->ran = reading_plain(json_array_get(pair, 1));
    if (ran->test == NULL || ran->ran == NULL)
        reading_refuse(reading, "\"tests\" is not a list of [test, blocks]");
}

static void read_tested(struct reading *reading, struct report *report)
{
    take_run(reading, report);
    take_path(reading, report);
    const json_t *pairs = json_object_get(reading->json, "tests");
    if (reading->error != 0)
        return;
    if (!json_is_array(pairs)) {
        reading_refuse(reading, "\"tests\" is not a list");
        return;
    }
    report->rans = calloc(json_array_size(pairs) + 1, sizeof *report->rans);
    if (report->rans == NULL) {
        reading_run_out(reading);
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
        reading_refuse(reading, why);
        return;
    }
    size_t count = json_array_size(array);
    report->colds = calloc(count + 1, sizeof *report->colds);
    if (report->colds == NULL) {
        reading_run_out(reading);
        return;
    }
    for (size_t i = 0; i < count && reading->error == 0; i++) {
        const json_t *item = json_array_get(array, i);
        struct report_cold *cold = &report->colds[report->cold_count++];
        cold->folder = reading_path(reading, json_object_get(item, "folder"), why);
        cold->why = reading_plain(json_object_get(item, "why"));
        if (cold->why == NULL)
            reading_refuse(reading, why);
    }
}

static void take_count(struct reading *reading, const char *key, const char *why,
                       int64_t *ret)
{
    reading_integer(reading, key, why, ret);
    if (reading->error == 0 && (*ret < 0 || *ret > INT32_MAX))
        reading_refuse(reading, why);
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
        reading_run_out(&reading);
    else if (!json_is_object(report.json))
        reading_refuse(&reading, "not a JSON object");
    reading_word(&reading, "report", "\"report\" is not one", report_names, &type);
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
