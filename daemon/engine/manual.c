/* Runs made by hand (nosetests --with-sniffer, pytest -p sniffer): the plugin asks for a number
 * before it begins, and hands in what it saw when it is over. The same rules hold as for runs of our
 * own: what changed meanwhile leaves the evidence unsure, and what was opened meanwhile is evidence. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

enum { MANUAL_RUNS = 8 };

static void refuse(struct engine *engine, uint64_t ticket, const char *message)
{
    struct fault fault;
    fault_set(&fault, FAULT_BAD_PARAMS, "%s", message);
    engine->ports.refuse(engine->ports.owner, ticket, &fault);
}

/* Whoever got a number may never come back: only the latest few are remembered. */
static void forget_oldest(struct engine *engine)
{
    struct run *oldest = NULL;
    size_t count = 0;
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next) {
        if (!run->manual || run->ended)
            continue;
        count++;
        if (oldest == NULL)
            oldest = run;
    }
    if (count >= MANUAL_RUNS)
        run_forget(engine, oldest);
}

void manual_begin(struct engine *engine, uint64_t ticket, int64_t now)
{
    forget_oldest(engine);
    struct run *run = run_begin(engine, "", now);
    run->manual = true;
    json_t *environment = json_array();
    const struct package *package = run->package;
    for (size_t i = 0; i < package->environment_count; i++) {
        json_t *pair = json_array();
        json_array_append_new(pair, wire_text(package->environment[i].name));
        json_array_append_new(pair, wire_text(package->environment[i].value));
        json_array_append_new(environment, pair);
    }
    json_t *result = json_object();
    json_object_set_new(result, "run", json_integer(run->id));
    json_object_set_new(result, "environment", environment);
    engine->ports.reply(engine->ports.owner, ticket, result);
}

static bool take_identity(const json_t *seen, struct report_identity *ret)
{
    if (json_is_null(seen)) {
        *ret = (struct report_identity){0};
        return true;
    }
    if (!json_is_array(seen) || json_array_size(seen) != 6)
        return false;
    int64_t *const fields[] = {&ret->device,   &ret->inode,    &ret->size,
                               &ret->mtime_ns, &ret->ctime_ns, &ret->mode};
    for (size_t i = 0; i < 6; i++) {
        const json_t *value = json_array_get(seen, i);
        if (!json_is_integer(value))
            return false;
        *fields[i] = json_integer_value(value);
    }
    return true;
}

static bool take_look(struct run *run, const json_t *item)
{
    const char *name = json_string_value(json_object_get(item, "kind"));
    int kind = name != NULL ? word_find(evidence_names, name) : -1;
    autofree char *path = wire_path_bytes(json_object_get(item, "path"));
    if (kind < 0 || path == NULL)
        return false;
    const json_t *seen = json_object_get(item, "seen");
    struct report_identity identity = {0};
    if (seen != NULL && !take_identity(seen, &identity))
        return false;
    run_look(run, (enum evidence_kind)kind, path, seen != NULL ? &identity : NULL, "");
    return true;
}

static bool take_result(struct run *run, const json_t *item)
{
    const char *test = json_string_value(json_object_get(item, "test"));
    const char *name = json_string_value(json_object_get(item, "outcome"));
    int outcome = name != NULL ? word_find(outcome_names, name) : -1;
    if (test == NULL || outcome < 0)
        return false;
    run_result(run, test, (enum outcome)outcome,
               json_number_value(json_object_get(item, "duration_ms")),
               json_string_value(json_object_get(item, "exception")),
               json_string_value(json_object_get(item, "report_text")));
    return true;
}

static bool take_list(struct run *run, const json_t *list,
                      bool (*take)(struct run *run, const json_t *item))
{
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (!take(run, item))
            return false;
    }
    return true;
}

static void add_opened(void *owner, const char *path, int64_t value)
{
    (void)value;
    strset_add(owner, path);
}

static bool take_write(struct run *run, const json_t *item)
{
    autofree char *path = wire_path_bytes(item);
    if (path != NULL)
        run_wrote(run, path, NULL);
    return path != NULL;
}

/* One file's part; NULL where it does not hold together. */
static struct run *take_file(struct engine *engine, const struct run *token,
                             const json_t *params, const json_t *item, int64_t now)
{
    autofree char *path = wire_path_bytes(json_object_get(item, "file"));
    struct index_file file;
    /* It ran in the root: tests of another package would have run elsewhere. */
    if (path == NULL || !index_file(engine->index, path, &file) ||
        package_of(engine, path) != token->package)
        return NULL;
    struct run *run = run_begin(engine, path, now);
    run->manual = true;
    run->began = token->began;
    run->blind = token->blind;
    run->environment = token->environment;
    strset_each(&token->opened, add_opened, &run->opened);
    if (run_is_unseen(token))
        run_look(run, EVIDENCE_CONTENT, "", NULL, DETAIL_UNSEEN);
    run->started = token->started;
    run->started_wall = token->started_wall;
    run->reason = REASON_FORCED;
    run->detail = xstrdup("run by hand");
    run->before = file.counts;
    run->duration_ms = json_number_value(json_object_get(item, "duration_ms"));
    /* One process ran all files: what it looked at counts for each of them. */
    if (take_list(run, json_object_get(params, "looks"), take_look) &&
        take_list(run, json_object_get(params, "wrote"), take_write) &&
        take_list(run, json_object_get(item, "results"), take_result))
        return run;
    run_forget(engine, run);
    return NULL;
}

void manual_end(struct engine *engine, uint64_t ticket, const json_t *params, int64_t now)
{
    struct run *token =
        run_find(engine, json_integer_value(json_object_get(params, "run")));
    const json_t *files = json_object_get(params, "files");
    if (token == NULL || !token->manual || token->ended || !json_is_array(files)) {
        refuse(engine, ticket, "run must be what record.begin gave, files a list");
        return;
    }
    int64_t taken = 0;
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(files, i, item)
    {
        struct run *run = take_file(engine, token, params, item, now);
        if (run == NULL)
            continue;
        run_end(engine, run);
        taken++;
    }
    run_forget(engine, token);
    json_t *result = json_object();
    json_object_set_new(result, "taken", json_integer(taken));
    engine->ports.reply(engine->ports.owner, ticket, result);
}
