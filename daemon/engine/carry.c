/* The index as a file that travels: requests of clients. */

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/asking.h"

#include <errno.h>
#include <string.h>

/* The file that is named; NULL after a refusal. */
static char *asked_file(const struct asking *asking)
{
    const json_t *value = json_object_get(asking->params, "path");
    char *path = value != NULL ? wire_path_bytes(value) : NULL;
    if (path != NULL && path[0] == '/')
        return path;
    free(path);
    asking_refuse(asking, FAULT_BAD_PARAMS, "path must be the absolute path of a file");
    return NULL;
}

void answer_export(const struct asking *asking)
{
    autofree char *path = asked_file(asking);
    if (path == NULL)
        return;
    int error = index_export(asking->engine->index, path);
    if (error < 0)
        asking_refuse(asking, FAULT_BAD_PARAMS, "cannot write %s: %s", path,
                      strerror(-error));
    else
        asking_reply(asking, json_object());
}

static void collect_path(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

struct known {
    struct engine *engine;
    struct strset before;
};

/* Which files are test files a worker has said; one that the import brought is none here. */
static void drop_strange(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct known *known = owner;
    if (!strset_has(&known->before, path) && package_of(known->engine, path)->sorted)
        index_remove_file(known->engine->index, path);
}

static void check_imported(struct engine *engine, struct known *known)
{
    struct strset now = {0};
    index_each_file(engine->index, collect_path, &now);
    strset_each(&now, drop_strange, known);
    strset_finish(&now);
    check_everything(engine);
    engine->ports.resnapshot(engine->ports.owner, "rescan");
}

void answer_import(const struct asking *asking)
{
    struct engine *engine = asking->engine;
    autofree char *path = asked_file(asking);
    if (path == NULL)
        return;
    struct known known = {.engine = engine};
    struct index_merged merged = {0};
    index_each_file(engine->index, collect_path, &known.before);
    int error = index_import(engine->index, path, &merged);
    if (error == 0) {
        log_info("%s: %lld verdicts of %lld test files were added", path,
                 (long long)merged.verdicts, (long long)merged.files);
        check_imported(engine, &known);
        asking_reply(asking, json_pack("{s:I,s:I}", "files", (json_int_t)merged.files,
                                       "verdicts", (json_int_t)merged.verdicts));
    } else {
        asking_refuse(asking, FAULT_BAD_PARAMS, "cannot import %s: %s", path,
                      index_why_not(error));
    }
    strset_finish(&known.before);
}
