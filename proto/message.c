#include "proto/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const method_names[] = {
    [METHOD_STATUS] = "status",
    [METHOD_RESULTS] = "results",
    [METHOD_FILES] = "files",
    [METHOD_DEPS] = "deps",
    [METHOD_AFFECTED] = "affected",
    [METHOD_WHY] = "why",
    [METHOD_RUN] = "run",
    [METHOD_TOUCH] = "touch",
    [METHOD_WAIT] = "wait",
    [METHOD_DOCTOR] = "doctor",
    [METHOD_PAUSE] = "pause",
    [METHOD_RESUME] = "resume",
    [METHOD_FOCUS] = "focus",
    [METHOD_AUDIT] = "audit",
    [METHOD_DEBUG] = "debug",
    [METHOD_SUBSCRIBE] = "subscribe",
    [METHOD_UNSUBSCRIBE] = "unsubscribe",
    [METHOD_RECORD_BEGIN] = "record.begin",
    [METHOD_RECORD_END] = "record.end",
    [METHOD_INDEX_EXPORT] = "index.export",
    [METHOD_INDEX_IMPORT] = "index.import",
    [METHOD_SCHEMA] = "schema",
    [METHOD_STOP] = "stop",
    NULL,
};

const char *const topic_names[] = {
    [TOPIC_STATS] = "stats",
    [TOPIC_RESULT] = "result",
    [TOPIC_FILE_FAILURES] = "file.failures",
    [TOPIC_GREEN] = "green",
    [TOPIC_RED] = "red",
    [TOPIC_QUEUE] = "queue",
    [TOPIC_RUN_STARTED] = "run.started",
    [TOPIC_RUN_TEST] = "run.test",
    [TOPIC_RUN_RESULT] = "run.result",
    [TOPIC_RUN_OUTPUT] = "run.output",
    [TOPIC_RUN_FINISHED] = "run.finished",
    [TOPIC_WATCH] = "watch",
    [TOPIC_STATE] = "state",
    [TOPIC_FILE] = "file",
    [TOPIC_AUDIT] = "audit",
    [TOPIC_BYE] = "bye",
    [TOPIC_COUNT] = NULL,
};

const char *const fault_names[] = {
    [FAULT_PARSE] = "parse",
    [FAULT_TOO_LONG] = "too_long",
    [FAULT_UNKNOWN_METHOD] = "unknown_method",
    [FAULT_BAD_PARAMS] = "bad_params",
    [FAULT_DENIED] = "denied",
    [FAULT_BUSY] = "busy",
    [FAULT_UNSUPPORTED] = "unsupported",
    [FAULT_TIMEOUT] = "timeout",
    [FAULT_DEGRADED] = "degraded",
    [FAULT_SHUTTING_DOWN] = "shutting_down",
    [FAULT_INTERNAL] = "internal",
    NULL,
};

/* ---- faults ---- */

enum { CODE_OTHER = -32000 };

static int fault_code(enum fault_kind kind)
{
    static const int codes[] = {
        [FAULT_PARSE] = -32700,
        [FAULT_UNKNOWN_METHOD] = -32601,
        [FAULT_BAD_PARAMS] = -32602,
        [FAULT_INTERNAL] = -32603,
    };
    return codes[kind] != 0 ? codes[kind] : CODE_OTHER;
}

/* The kind of a fault that names none, or one that this version does not know. */
static enum fault_kind kind_of_code(json_int_t code)
{
    if (code == FAULT_INVALID_REQUEST)
        return FAULT_PARSE;
    for (int kind = 0; fault_names[kind] != NULL; kind++) {
        if (code != CODE_OTHER && fault_code((enum fault_kind)kind) == code)
            return (enum fault_kind)kind;
    }
    return FAULT_INTERNAL;
}

void fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
{
    *fault = (struct fault){.kind = kind, .code = fault_code(kind)};
    /* Room for the whole of a character that the message's end cuts in two. */
    char text[sizeof fault->message + 3];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(fault->message, text, wire_text_fit(text, sizeof fault->message - 1));
}

char *fault_encode(const json_t *id, const struct fault *fault)
{
    int code = fault->code != 0 ? fault->code : fault_code(fault->kind);
    json_t *json = json_pack("{s:s, s:o, s:{s:i, s:o, s:{s:s}}}", "jsonrpc", "2.0", "id",
                             id != NULL ? json_deep_copy(id) : json_null(), "error",
                             "code", code, "message", wire_text(fault->message), "data",
                             "kind", fault_names[fault->kind]);
    char *line = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return line;
}

/* ---- other lines that are sent ---- */

/* Durations are measured to the microsecond at best: 15 digits tell them all, 17 would
 * print noise. */
static char *dump_and_free(json_t *json)
{
    char *line = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(json);
    return line;
}

char *request_encode(const char *method, int64_t id, json_t *params)
{
    json_t *json = json_pack("{s:s, s:I, s:o}", "jsonrpc", "2.0", "id", (json_int_t)id,
                             "method", wire_text(method));
    if (json != NULL && params != NULL && json_object_set(json, "params", params) < 0) {
        json_decref(json);
        return NULL;
    }
    return dump_and_free(json);
}

char *reply_encode(const json_t *id, json_t *result)
{
    return dump_and_free(json_pack("{s:s, s:o, s:O}", "jsonrpc", "2.0", "id",
                                   id != NULL ? json_deep_copy(id) : json_null(),
                                   "result", result));
}

char *notification_encode(const char *topic, json_t *params)
{
    return dump_and_free(json_pack("{s:s, s:o, s:O}", "jsonrpc", "2.0", "method",
                                   wire_text(topic), "params", params));
}

/* ---- what the daemon reads ---- */

/* 0, or -EINVAL with a fault that says why JSON is no request. */
static int check_request(const json_t *json, struct fault *ret_fault)
{
    const json_t *version = json_object_get(json, "jsonrpc");
    const json_t *id = json_object_get(json, "id");
    if (json_is_array(json))
        fault_set(ret_fault, FAULT_UNSUPPORTED,
                  "batches are not taken; send one request a line");
    else if (!json_is_object(json))
        fault_set(ret_fault, FAULT_PARSE, "a request is a JSON object");
    else if (version != NULL &&
             (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0))
        fault_set(ret_fault, FAULT_PARSE, "\"jsonrpc\" is \"2.0\" or left out");
    else if (id != NULL && !json_is_string(id) && !json_is_number(id) &&
             !json_is_null(id))
        fault_set(ret_fault, FAULT_PARSE, "\"id\" is a number or a string");
    else if (!json_is_string(json_object_get(json, "method")))
        fault_set(ret_fault, FAULT_PARSE, "a request has a \"method\", a string");
    else
        return 0;
    ret_fault->code = FAULT_INVALID_REQUEST;
    return -EINVAL;
}

static int read_method(const json_t *json, enum method *ret, struct fault *ret_fault)
{
    const char *name = json_string_value(json_object_get(json, "method"));
    int method = word_find(method_names, name);
    if (method < 0) {
        fault_set(ret_fault, FAULT_UNKNOWN_METHOD, "there is no method \"%.*s\"",
                  (int)wire_text_fit(name, 80), name);
        return -EINVAL;
    }
    *ret = (enum method)method;
    return 0;
}

static int read_params(json_t *json, json_t **ret, struct fault *ret_fault)
{
    json_t *params = json_object_get(json, "params");
    if (params == NULL || json_is_null(params)) {
        params = json_object();
        if (params == NULL) {
            fault_set(ret_fault, FAULT_INTERNAL, "out of memory");
            return -ENOMEM;
        }
    } else if (json_is_object(params)) {
        json_incref(params);
    } else {
        fault_set(ret_fault, FAULT_BAD_PARAMS,
                  "\"params\" is an object, {\"name\": value}");
        return -EINVAL;
    }
    *ret = params;
    return 0;
}

/* A new reference; JSON null where the id cannot be read. */
static json_t *readable_id(const json_t *json)
{
    json_t *id = json_object_get(json, "id");
    return json_is_string(id) || json_is_number(id) ? json_incref(id) : json_null();
}

static int parse(const char *line, size_t length, json_t **ret, struct fault *ret_fault)
{
    json_error_t error;
    *ret = json_loadb(line, length, 0, &error);
    if (*ret != NULL)
        return 0;
    /* Where it sets no code, jansson had no memory; for some tokens it calls that a wrong token. */
    if (json_error_code(&error) == json_error_unknown) {
        fault_set(ret_fault, FAULT_INTERNAL, "out of memory");
        return -ENOMEM;
    }
    fault_set(ret_fault, FAULT_PARSE, "not JSON at byte %d: %s", error.position,
              error.text);
    return -EINVAL;
}

int request_decode(const char *line, size_t length, struct request *ret,
                   struct fault *ret_fault, json_t **ret_id)
{
    json_t *json = NULL;
    *ret_id = NULL;
    if (length > MESSAGE_LINE_LIMIT) {
        fault_set(ret_fault, FAULT_TOO_LONG,
                  "a line holds at most %d bytes; ask in parts", MESSAGE_LINE_LIMIT);
        *ret_id = json_null();
        return -EINVAL;
    }
    int r = parse(line, length, &json, ret_fault);
    if (r == 0)
        r = check_request(json, ret_fault);
    if (r < 0) {
        *ret_id = readable_id(json);
        json_decref(json);
        return r;
    }
    struct request request = {.id = json_incref(json_object_get(json, "id"))};
    r = read_method(json, &request.method, ret_fault);
    if (r == 0)
        r = read_params(json, &request.params, ret_fault);
    json_decref(json);
    if (r == 0)
        *ret = request;
    else
        *ret_id = request.id;
    return r;
}

void request_finish(struct request *request)
{
    if (request == NULL)
        return;
    json_decref(request->id);
    json_decref(request->params);
    *request = (struct request){0};
}

/* ---- what a client reads ---- */

static int read_fault(const json_t *error, struct fault *ret)
{
    const json_t *code = json_object_get(error, "code");
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *kind =
        json_string_value(json_object_get(json_object_get(error, "data"), "kind"));
    if (!json_is_integer(code) || message == NULL)
        return -EINVAL;
    json_int_t number = json_integer_value(code);
    int known = kind != NULL ? word_find(fault_names, kind) : -1;
    fault_set(ret, known >= 0 ? (enum fault_kind)known : kind_of_code(number), "%s",
              message);
    if (number >= INT32_MIN && number <= INT32_MAX)
        ret->code = (int)number;
    return 0;
}

static int read_reply(json_t *json, struct incoming *incoming)
{
    const json_t *id = json_object_get(json, "id");
    const json_t *error = json_object_get(json, "error");
    incoming->is_reply = true;
    incoming->id = json_is_integer(id) ? json_integer_value(id) : -1;
    incoming->result = json_object_get(json, "result");
    incoming->is_fault = error != NULL;
    if (error == NULL)
        return incoming->result != NULL ? 0 : -EINVAL;
    incoming->result = NULL;
    return read_fault(error, &incoming->fault);
}

static int read_notification(json_t *json, struct incoming *incoming)
{
    incoming->method = json_string_value(json_object_get(json, "method"));
    incoming->params = json_object_get(json, "params");
    if (incoming->method == NULL)
        return -EINVAL;
    if (incoming->params == NULL) {
        if (json_object_set_new(json, "params", json_object()) < 0)
            return -ENOMEM;
        incoming->params = json_object_get(json, "params");
    }
    return json_is_object(incoming->params) ? 0 : -EINVAL;
}

int incoming_decode(const char *line, size_t length, struct incoming *ret)
{
    struct fault unused;
    struct incoming incoming = {0};
    int r = parse(line, length, &incoming.json, &unused);
    if (r < 0)
        return r;
    if (!json_is_object(incoming.json))
        r = -EINVAL;
    else if (json_object_get(incoming.json, "method") != NULL)
        r = read_notification(incoming.json, &incoming);
    else
        r = read_reply(incoming.json, &incoming);
    if (r == 0)
        *ret = incoming;
    else
        incoming_finish(&incoming);
    return r;
}

void incoming_finish(struct incoming *incoming)
{
    if (incoming == NULL)
        return;
    json_decref(incoming->json);
    *incoming = (struct incoming){0};
}
