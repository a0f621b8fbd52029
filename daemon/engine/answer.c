/* Requests of clients, one function a method. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/asking.h"
#include "proto/shard.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void asking_reply(const struct asking *asking, json_t *result)
{
    if (asking->ticket == 0)
        json_decref(result);
    else if (index_is_damaged(asking->engine->index)) /* this may be the half of it */
    {
        json_decref(result);
        asking_refuse(asking, FAULT_INTERNAL,
                      "the index is damaged and begun anew; ask again");
    } else
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

bool asking_package(const struct asking *asking, const struct package **ret)
{
    const struct engine *engine = asking->engine;
    const json_t *value = json_object_get(asking->params, "package");
    autofree char *given = value != NULL ? wire_path_bytes(value) : NULL;
    if (value == NULL)
        return true;
    if (given == NULL) {
        asking_refuse(asking, FAULT_BAD_PARAMS, "package must be a path");
        return false;
    }
    autofree char *path = path_in_root(engine->root, engine->root, given);
    *ret = package_at(engine, path);
    if (*ret != NULL)
        return true;
    autofree char *names = xstrdup("");
    for (size_t i = 0; i < engine->package_count; i++) {
        char *longer = xasprintf("%s%s%s", names, i > 0 ? ", " : "",
                                 package_shown(engine->packages[i]));
        free(names);
        names = longer;
    }
    asking_refuse(asking, FAULT_BAD_PARAMS, "there is no package %s; there are: %s",
                  given, names);
    return false;
}

bool asking_shard(const struct asking *asking, struct shard *ret)
{
    const struct engine *engine = asking->engine;
    const json_t *value = json_object_get(asking->params, "shard");
    if (value == NULL)
        return true;
    struct shard shard = {
        .part = json_integer_value(json_object_get(value, "part")),
        .of = json_integer_value(json_object_get(value, "of")),
    };
    bool fits = shard.part >= 1 && shard.part <= shard.of && shard.of <= SHARDS_MOST;
    if (!fits)
        asking_refuse(asking, FAULT_BAD_PARAMS,
                      "shard must be {\"part\":K,\"of\":N}, K from 1 to N, N at most %d",
                      SHARDS_MOST);
    else if (!packages_sorted(engine))
        asking_refuse(asking, FAULT_BUSY, "which test files there are is not known yet");
    else if (engine->shard.of != 0 &&
             (engine->shard.part != shard.part || engine->shard.of != shard.of))
        asking_refuse(asking, FAULT_BAD_PARAMS, "this daemon runs another part: %s",
                      engine->shard_message);
    else
        *ret = shard;
    return fits && ret->of == shard.of && ret->part == shard.part;
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
    {METHOD_RUN, "all", false},       {METHOD_AUDIT, "count", true},
    {METHOD_AUDIT, "all", false},
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

struct collecting {
    const struct engine *engine;
    const struct package *only;
    struct strset files;
};

static void collect_all(void *owner, const struct index_file *file)
{
    struct collecting *collecting = owner;
    if (collecting->only == NULL ||
        package_of(collecting->engine, file->path) == collecting->only)
        strset_add(&collecting->files, file->path);
}

static json_t *count_of(const char *key, size_t count)
{
    json_t *result = json_object();
    json_object_set_new(result, key, json_integer((json_int_t)count));
    return result;
}

static void answer_run(const struct asking *asking)
{
    struct collecting collecting = {.engine = asking->engine};
    bool all = json_is_true(json_object_get(asking->params, "all"));
    if (!asking_package(asking, &collecting.only))
        return;
    all |= collecting.only != NULL && json_object_get(asking->params, "files") == NULL;
    if (!asking_files(asking, !all, &collecting.files))
        return;
    if (all)
        index_each_file(asking->engine->index, collect_all, &collecting);
    engine_go_on(asking->engine);
    strset_each(&collecting.files, force, asking->engine);
    asking_reply(asking, count_of("wanted", strset_count(&collecting.files)));
    strset_finish(&collecting.files);
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
    if (!paused)
        engine_go_on(asking->engine);
    asking_reply(asking, news_status(asking->engine, NULL, asking->now));
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
    asking_reply(asking, news_status(asking->engine, NULL, asking->now));
}

/* Nothing is run here, and FILE need not be known yet: it may just have been saved. */
static void answer_debug(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    autofree char *given = wire_path_bytes(json_object_get(asking->params, "file"));
    if (given == NULL || given[0] == '\0') {
        asking_refuse(asking, FAULT_BAD_PARAMS, "file must be a path");
        return;
    }
    autofree char *file = path_in_root(engine->root, engine->root, given);
    json_t *command = NULL;
    if (file[0] != '/')
        command = engine->ports.debug(engine->ports.owner, package_of(engine, file)->path,
                                      file);
    if (command != NULL)
        asking_reply(asking, command);
    else
        asking_refuse(asking, FAULT_BAD_PARAMS, "%s is not in this project", given);
}

static void add_check(json_t *checks, const char *name, bool ok, const char *message)
{
    json_t *check = json_object();
    json_object_set_new(check, "name", json_string(name));
    json_object_set_new(check, "ok", json_boolean(ok));
    json_object_set_new(check, "message", wire_text(message));
    json_array_append_new(checks, check);
}

/* One of several packages is named. */
static void add_of(json_t *checks, const struct engine *engine,
                   const struct package *package, const char *name, bool ok,
                   const char *message)
{
    autofree char *named = engine->package_count > 1
                               ? xasprintf("%s: %s", package_shown(package), message)
                               : xstrdup(message);
    add_check(checks, name, ok, named);
}

static void add_package(json_t *checks, const struct engine *engine,
                        const struct package *package)
{
    bool known = package->framework != NULL;
    bool silent = !known && package->sorted;
    const char *nothing =
        silent ? "it has no tests" : "not known yet: no worker has started";
    autofree char *framework =
        known ? xasprintf("%s on %s", package->framework, package->python)
              : xstrdup(nothing);
    add_of(checks, engine, package, "framework",
           package->error == NULL && (known || silent),
           package->error != NULL ? package->error : framework);
    if (silent)
        return;
    if (package->framework_why != NULL) {
        add_of(checks, engine, package, "framework chosen", true, package->framework_why);
        add_of(checks, engine, package, "interpreter chosen", true, package->python_why);
    }
    if (package->unused != NULL)
        add_of(checks, engine, package, "options", true, package->unused);
    const char *evidence = !known                    ? nothing
                           : package->coarse != NULL ? package->coarse
                           : package->whole_files
                               ? "code counts by whole files, as the settings say"
                               : "code counts block by block";
    add_of(checks, engine, package, "evidence", package->coarse == NULL, evidence);
}

static void answer_doctor(const struct asking *asking)
{
    const struct engine *engine = asking->engine;
    json_t *checks = json_array();
    if (engine->packages_why != NULL)
        add_check(checks, "packages", true, engine->packages_why);
    for (size_t i = 0; i < engine->package_count; i++)
        add_package(checks, engine, engine->packages[i]);
    add_check(checks, "settings", engine->mistaken == NULL,
              engine->mistaken != NULL ? engine->mistaken : "in order");
    autofree char *backend = engine->refused != NULL
                                 ? xasprintf("%s; %s", engine->backend, engine->refused)
                                 : xstrdup(engine->backend);
    add_check(checks, "watching", engine->degraded == NULL,
              engine->degraded != NULL ? engine->degraded : backend);
    const char *trouble = index_trouble(engine->index);
    add_check(checks, "index", trouble == NULL, trouble != NULL ? trouble : "in order");
    /* Never wrong: where a layer cannot be had, runs are only slower. */
    autofree char *warm = warm_words(engine);
    add_check(checks, "warm", true, warm);
    bool fine = true;
    const char *notifier = engine->ports.notifier(engine->ports.owner, &fine);
    if (notifier != NULL)
        add_check(checks, "notify", fine, notifier);
    fine = true;
    autofree char *audits = audit_words(engine, &fine);
    add_check(checks, "audits", fine, audits);
    fine = true;
    autofree char *hidden = hidden_tests(engine, &fine);
    add_check(checks, "ignored tests", fine, hidden);
    add_check(checks, "root", !engine->root_gone, engine->root);
    json_t *result = json_object();
    json_object_set_new(result, "checks", checks);
    asking_reply(asking, result);
}

static void answer_status(const struct asking *asking)
{
    const struct package *only = NULL;
    if (asking_package(asking, &only))
        asking_reply(asking, news_status(asking->engine, only, asking->now));
}

enum { AUDITED_USUALLY = 10 };

static void answer_audit(const struct asking *asking)
{
    struct strset files = {0};
    const json_t *count = json_object_get(asking->params, "count");
    if (!asking_files(asking, false, &files))
        return;
    if (json_object_get(asking->params, "files") == NULL) {
        size_t most = count != NULL ? (size_t)json_integer_value(count) : AUDITED_USUALLY;
        if (json_is_true(json_object_get(asking->params, "all")))
            most = SIZE_MAX;
        files = audit_choose(asking->engine, most, false);
    }
    audit_want(asking->engine, asking->ticket, &files);
    strset_finish(&files);
}

static void answer_wait(const struct asking *asking)
{
    const struct package *only = NULL;
    if (asking_package(asking, &only))
        wait_add(asking->engine, asking->ticket, only, asking->params, asking->now);
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
        answer_status(&asking);
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
        answer_wait(&asking);
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
    case METHOD_AUDIT:
        answer_audit(&asking);
        break;
    case METHOD_DEBUG:
        answer_debug(&asking);
        break;
    case METHOD_RECORD_BEGIN:
        manual_begin(engine, ticket, now);
        break;
    case METHOD_RECORD_END:
        manual_end(engine, ticket, request->params, now);
        break;
    case METHOD_INDEX_EXPORT:
        answer_export(&asking);
        break;
    case METHOD_INDEX_IMPORT:
        answer_import(&asking);
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
