/* Requests of clients, one function a method. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/asking.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void asking_reply(const struct asking *asking, json_t *result)
{
    if (asking->ticket == 0)
        json_decref(result);
    else
        asking->engine->ports.reply(asking->engine->ports.owner, asking->ticket, result);
}

void asking_refuse(const struct asking *asking, enum fault_kind kind, const char *format,
                   ...)
{
    if (asking->ticket == 0)
        return;
    va_list args;
    va_start(args, format);
    autofree char *message = xvasprintf(format, args);
    va_end(args);
    struct fault fault;
    fault_set(&fault, kind, "%s", message);
    asking->engine->ports.refuse(asking->engine->ports.owner, asking->ticket, &fault);
}

/* ---- parameters ---- */

bool asking_paths(const struct asking *asking, const char *key, bool must,
                  struct strset *ret)
{
    const json_t *list = json_object_get(asking->params, key);
    if (list == NULL && !must)
        return true;
    if (!json_is_array(list) || (must && json_array_size(list) == 0)) {
        asking_refuse(asking, FAULT_BAD_PARAMS, "%s must be a list of paths", key);
        return false;
    }
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        autofree char *given = wire_path_bytes(item);
        if (given == NULL || given[0] == '\0') {
            asking_refuse(asking, FAULT_BAD_PARAMS, "%s[%zu] is not a path", key, i);
            strset_finish(ret);
            return false;
        }
        autofree char *path =
            path_in_root(asking->engine->root, asking->engine->root, given);
        strset_add(ret, path);
    }
    return true;
}

static void first_unknown(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct {
        struct index *index;
        const char *unknown;
    } *search = owner;
    struct index_file file;
    if (search->unknown == NULL && !index_file(search->index, path, &file))
        search->unknown = path;
}

bool asking_files(const struct asking *asking, bool must, struct strset *ret)
{
    if (!asking_paths(asking, "files", must, ret))
        return false;
    struct {
        struct index *index;
        const char *unknown;
    } search = {.index = asking->engine->index};
    strset_each(ret, first_unknown, &search);
    if (search.unknown == NULL)
        return true;
    asking_refuse(asking, FAULT_BAD_PARAMS, "%s is not a test file of this project",
                  search.unknown);
    strset_finish(ret);
    return false;
}

/* What may be left out. */
static const struct {
    enum method method;
    const char *key;
    bool counts; /* else it is true or false */
} optional[] = {
    {METHOD_RESULTS, "offset", true}, {METHOD_FILES, "offset", true},
    {METHOD_DEPS, "offset", true},    {METHOD_AFFECTED, "offset", true},
    {METHOD_WHY, "offset", true},     {METHOD_RESULTS, "failed", false},
    {METHOD_RUN, "all", false},
};

/* Where it is given all the same it must be of its kind: to ignore it would be to answer another
 * question. */
static bool asking_fits(const struct asking *asking, enum method method)
{
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        const char *key = optional[i].key;
        const json_t *value = json_object_get(asking->params, key);
        if (optional[i].method != method || value == NULL)
            continue;
        bool fits = optional[i].counts
                        ? json_is_integer(value) && json_integer_value(value) >= 0
                        : json_is_boolean(value);
        if (fits)
            continue;
        asking_refuse(asking, FAULT_BAD_PARAMS, "%s must be %s", key,
                      optional[i].counts ? "a whole number, 0 or more" : "true or false");
        return false;
    }
    return true;
}

/* ---- orders ---- */

static void force(void *owner, const char *path, int64_t value)
{
    (void)value;
    pick_want(owner, path, REASON_FORCED, NULL, NULL, true);
}

static void collect_all(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

static json_t *count_of(const char *key, size_t count)
{
    json_t *result = json_object();
    json_object_set_new(result, key, json_integer((json_int_t)count));
    return result;
}

static void answer_run(const struct asking *asking)
{
    struct strset files = {0};
    bool all = json_is_true(json_object_get(asking->params, "all"));
    if (!asking_files(asking, !all, &files))
        return;
    if (all)
        index_each_file(asking->engine->index, collect_all, &files);
    strset_each(&files, force, asking->engine);
    asking_reply(asking, count_of("wanted", strset_count(&files)));
    strset_finish(&files);
}

static void touch(void *owner, const char *path, int64_t now)
{
    (void)now;
    const struct asking *asking = owner;
    engine_changed(asking->engine, path, true, asking->now);
}

static void answer_touch(const struct asking *asking)
{
    struct strset paths = {0};
    if (!asking_paths(asking, "paths", true, &paths))
        return;
    struct asking copy = *asking;
    strset_each(&paths, touch, &copy);
    asking_reply(asking, count_of("touched", strset_count(&paths)));
    strset_finish(&paths);
}

static void answer_pause(const struct asking *asking, bool paused)
{
    asking->engine->paused = paused;
    asking->engine->news_state = true;
    asking_reply(asking, news_status(asking->engine));
}

static void take_focus(void *owner, const char *path, int64_t value)
{
    (void)value;
    run_focus(owner, path);
}

static void answer_focus(const struct asking *asking)
{
    json_t *file = json_object_get(asking->params, "file");
    if (file == NULL) {
        asking_refuse(asking, FAULT_BAD_PARAMS, "file must be a path, or null for all");
        return;
    }
    if (json_is_null(file)) {
        run_focus(asking->engine, NULL);
    } else {
        struct strset files = {0};
        struct asking copy = *asking;
        json_t *params = json_pack("{s:[O]}", "files", file);
        copy.params = params;
        bool known = asking_files(&copy, true, &files);
        json_decref(params);
        if (!known)
            return;
        strset_each(&files, take_focus, asking->engine);
        strset_finish(&files);
    }
    asking_reply(asking, news_status(asking->engine));
}

static void add_check(json_t *checks, const char *name, bool ok, const char *message)
{
    json_t *check = json_object();
    json_object_set_new(check, "name", json_string(name));
    json_object_set_new(check, "ok", json_boolean(ok));
    json_object_set_new(check, "message", wire_text(message));
    json_array_append_new(checks, check);
}

static void answer_doctor(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    json_t *checks = json_array();
    bool known = engine->framework != NULL;
    autofree char *framework =
        known ? xasprintf("%s on %s", engine->framework, engine->python)
              : xstrdup("not known yet: no worker has started");
    add_check(checks, "framework", engine->error == NULL && known,
              engine->error != NULL ? engine->error : framework);
    if (engine->chosen_framework != NULL) {
        add_check(checks, "framework chosen", true, engine->chosen_framework);
        add_check(checks, "interpreter chosen", true, engine->chosen_python);
    }
    if (engine->unused != NULL)
        add_check(checks, "options", true, engine->unused);
    const char *evidence = !known ? "not known yet: no worker has started"
                           : engine->coarse != NULL ? engine->coarse
                           : engine->whole_files
                               ? "code counts by whole files, as the settings say"
                               : "code counts block by block";
    add_check(checks, "evidence", engine->coarse == NULL, evidence);
    add_check(checks, "settings", engine->mistaken == NULL,
              engine->mistaken != NULL ? engine->mistaken : "in order");
    autofree char *backend = engine->refused != NULL
                                 ? xasprintf("%s; %s", engine->backend, engine->refused)
                                 : xstrdup(engine->backend);
    add_check(checks, "watching", engine->degraded == NULL,
              engine->degraded != NULL ? engine->degraded : backend);
    /* Never wrong: where a layer cannot be had, runs are only slower. */
    autofree char *warm = warm_words(engine);
    add_check(checks, "warm", true, warm);
    bool fine = true;
    const char *notifier = engine->ports.notifier(engine->ports.owner, &fine);
    if (notifier != NULL)
        add_check(checks, "notify", fine, notifier);
    fine = true;
    autofree char *hidden = hidden_tests(engine, &fine);
    add_check(checks, "ignored tests", fine, hidden);
    add_check(checks, "root", !engine->root_gone, engine->root);
    json_t *result = json_object();
    json_object_set_new(result, "checks", checks);
    asking_reply(asking, result);
}

static void answer_stop(const struct asking *asking)
{
    asking_reply(asking, json_object());
    asking->engine->ports.stop(asking->engine->ports.owner);
}

void engine_request(struct engine *engine, uint64_t ticket, const struct request *request,
                    int64_t now)
{
    struct asking asking = {
        .engine = engine, .ticket = ticket, .params = request->params, .now = now};
    if (!asking_fits(&asking, request->method))
        return;
    switch (request->method) {
    case METHOD_STATUS:
        asking_reply(&asking, news_status(engine));
        break;
    case METHOD_RESULTS:
        answer_results(&asking);
        break;
    case METHOD_FILES:
        answer_files(&asking);
        break;
    case METHOD_DEPS:
        answer_deps(&asking);
        break;
    case METHOD_AFFECTED:
        answer_affected(&asking);
        break;
    case METHOD_WHY:
        answer_why(&asking);
        break;
    case METHOD_RUN:
        answer_run(&asking);
        break;
    case METHOD_TOUCH:
        answer_touch(&asking);
        break;
    case METHOD_WAIT:
        wait_add(engine, ticket, request->params, now);
        break;
    case METHOD_DOCTOR:
        answer_doctor(&asking);
        break;
    case METHOD_PAUSE:
        answer_pause(&asking, true);
        break;
    case METHOD_RESUME:
        answer_pause(&asking, false);
        break;
    case METHOD_FOCUS:
        answer_focus(&asking);
        break;
    case METHOD_RECORD_BEGIN:
        manual_begin(engine, ticket, now);
        break;
    case METHOD_RECORD_END:
        manual_end(engine, ticket, request->params, now);
        break;
    case METHOD_STOP:
        answer_stop(&asking);
        break;
    case METHOD_SUBSCRIBE:
    case METHOD_UNSUBSCRIBE:
    case METHOD_SCHEMA:
        asking_refuse(&asking, FAULT_INTERNAL, "the server answers this itself");
        break;
    }
    engine_room(engine, now);
}
