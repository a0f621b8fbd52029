#include "proto/message.h"

#include "proto/spans.h"
#include "proto/version.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

/* What the messages carry. The order of the keys is part of what people see: keep it as
 * PROTOCOL.md shows it, and add new ones at the end. A NULL among the values makes
 * json_pack free the others and return NULL: out of memory needs no other care here. */

json_t *stats_encode(const struct stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "tests", (json_int_t)stats->tests,
                     "successes", (json_int_t)stats->successes, "errors",
                     (json_int_t)stats->errors, "failures", (json_int_t)stats->failures,
                     "skipped", (json_int_t)stats->skipped, "to_be_run",
                     (json_int_t)stats->to_be_run);
}

static json_t *running_encode(const struct running *running)
{
    return json_pack("{s:o, s:o, s:I}", "file", wire_path(running->file), "test",
                     wire_text_or_null(running->test), "since_ms",
                     (json_int_t)running->since_ms);
}

static json_t *running_list(const struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->running_count; i++) {
        if (json_array_append_new(list, running_encode(&status->running[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *queue_list(const struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->queue_count; i++) {
        if (json_array_append_new(list, wire_path(status->queue[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *time_or_null(int64_t ms)
{
    char text[32];
    iso_time(ms, text);
    return wire_text_or_null(ms != 0 ? text : NULL);
}

static json_t *audit_counts(const struct audit_counts *audit)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "audited",
                     (json_int_t)audit->agreed + audit->flaky + audit->stale, "agreed",
                     (json_int_t)audit->agreed, "flaky", (json_int_t)audit->flaky,
                     "stale", (json_int_t)audit->stale, "last",
                     time_or_null(audit->last));
}

json_t *status_encode(const struct status *status)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, "
        "s:o, s:o}",
        "state", daemon_state_names[status->state], "message",
        wire_text(status->message != NULL ? status->message : ""), "stats",
        stats_encode(&status->stats), "running", running_list(status), "queue",
        queue_list(status), "root", wire_path(status->root), "pid",
        (json_int_t)status->pid, "version", SNIFFER_VERSION, "backend",
        wire_text_or_null(status->backend), "framework",
        wire_text_or_null(status->framework), "python", wire_text_or_null(status->python),
        "degraded", wire_text_or_null(status->degraded), "warm", "hosts",
        (json_int_t)status->warm.hosts, "spares", (json_int_t)status->warm.spares,
        "layers", (json_int_t)status->warm.layers, "focus",
        wire_path_or_null(status->focus), "audit", audit_counts(&status->audit));
}

static json_t *path_list(char *const *items)
{
    json_t *list = json_array();
    for (; list != NULL && *items != NULL; items++) {
        if (json_array_append_new(list, wire_path(*items)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *command_encode(const struct command_record *record)
{
    return json_pack("{s:o, s:o, s:o}", "directory", wire_path(record->directory), "argv",
                     path_list(record->argv), "environment",
                     path_list(record->environment));
}

/* JSON has no word for what is not a number, and a negative duration is none. */
static json_t *duration(double ms)
{
    return isfinite(ms) && ms >= 0 ? json_real(ms) : json_null();
}

static json_t *test_encode(const struct result_record *record, const char *report_key)
{
    json_t *report = wire_text_or_null(record->report);
    json_t *test = json_pack(
        "{s:o, s:o, s:s, s:b, s:o, s:o, s:O, s:o}", "file", wire_path(record->file),
        "test", wire_text(record->test), "outcome", outcome_names[record->outcome],
        "current", record->current, "duration_ms", duration(record->duration_ms),
        "exception", wire_text_or_null(record->exception), report_key, report, "package",
        wire_path(record->package));
    /* Of the text as it is sent: odd bytes have become several characters. */
    if (test != NULL && json_is_string(report) &&
        json_object_set_new(test, "spans", spans_encode(json_string_value(report))) < 0) {
        json_decref(test);
        test = NULL;
    }
    json_decref(report);
    return test;
}

json_t *result_encode(const struct result_record *record)
{
    return test_encode(record, "report");
}

json_t *result_news_encode(const struct result_record *record)
{
    return test_encode(record, "report_text");
}

json_t *run_result_encode(const struct result_record *record)
{
    json_t *result = test_encode(record, "report_text");
    if (result != NULL)
        json_object_del(result, "current");
    return result;
}

json_t *file_encode(const struct file_record *record)
{
    bool audited = record->audited != 0;
    return json_pack(
        "{s:o, s:s, s:I, s:o, s:o, s:I, s:o, s:b, s:b, s:b, s:o, s:o, s:o}", "file",
        wire_path(record->file), "state", file_state_names[record->state], "runs",
        (json_int_t)record->runs, "outcome",
        wire_text_or_null(record->has_outcome ? outcome_names[record->outcome] : NULL),
        "duration_ms", record->has_outcome ? duration(record->duration_ms) : json_null(),
        "tests", (json_int_t)record->tests, "last_run", time_or_null(record->last_run),
        "from_cache", record->from_cache, "flaky", record->flaky, "unseen",
        record->unseen, "package", wire_path(record->package), "audited",
        time_or_null(record->audited), "audit",
        wire_text_or_null(audited ? audit_names[record->audit] : NULL));
}

static json_t *list_or_empty(json_t *list)
{
    return list != NULL ? json_incref(list) : json_array();
}

json_t *audit_encode(const struct audit_record *record)
{
    return json_pack("{s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "file",
                     wire_path(record->file), "found", audit_names[record->found],
                     "detail", wire_text(record->detail), "runs",
                     (json_int_t)record->runs, "tests", list_or_empty(record->tests),
                     "only_now", list_or_empty(record->only_now), "only_before",
                     list_or_empty(record->only_before), "moved",
                     list_or_empty(record->moved), "more", (json_int_t)record->more,
                     "package", wire_path(record->package));
}

/* Existence is what the other side of the wire calls presence: only what was seen of it differs. */
static const char *shown_kind(enum evidence_kind kind)
{
    return evidence_names[kind == EVIDENCE_EXISTENCE ? EVIDENCE_PRESENCE : kind];
}

json_t *evidence_encode(const struct evidence_record *record)
{
    return json_pack("{s:o, s:o, s:s, s:o, s:b, s:b, s:b}", "file",
                     wire_path(record->file), "path", wire_path(record->path), "kind",
                     shown_kind(record->kind), "detail",
                     wire_text_or_null(record->detail), "holds", record->holds,
                     "volatile", record->is_volatile, "unseen", record->unseen);
}

json_t *why_encode(const struct why_record *record)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:b, s:o}", "file", wire_path(record->file),
                     "reason", reason_names[record->reason], "path",
                     wire_path_or_null(record->path), "detail",
                     wire_text_or_null(record->detail), "stale", record->stale, "package",
                     wire_path(record->package));
}

void iso_time(int64_t ms, char ret[32])
{
    /* Rounded down also before 1970, so that the fraction is never negative. */
    int64_t fraction = ms % 1000;
    time_t seconds = (time_t)(ms / 1000);
    if (fraction < 0) {
        fraction += 1000;
        seconds--;
    }
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret + length, 32 - length, ".%03dZ", (int)fraction);
}
