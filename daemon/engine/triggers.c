/* What no tracing can see, and the settings tell: paths that are evidence of test files that never
 * looked at them. Their contents are evidence like any other. That there are these and no others is the
 * value of a variable of the environment, which each test file has of its own: so what comes, what goes,
 * and other settings are seen, after a restart as well, and an old verdict holds again when all is as it
 * was then. */

#include "daemon/base/gitignore.h"
#include "daemon/base/path.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>
#include <sys/stat.h>

#define NAME "triggers:"
#define NONE "none"

/* Test files: of the root, or of a folder found from the one of the path that matched. */
struct target {
    struct gitignore pattern; /* none: all that lies there */
    bool beside;
    size_t up; /* so many folders */
};

struct trigger {
    struct gitignore pattern;
    struct target *targets;
    size_t target_count;
    /* What matches now. The value: how long the folder's path is in which the pattern matched, twice,
     * and one more where it is a directory. */
    struct strset matches;
};

/* ---- patterns ---- */

static void parse_target(struct target *target, const char *text)
{
    const char *whole = text;
    if (strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0)
        target->beside = true;
    while (strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0) {
        target->up += text[1] == '.';
        text += text[1] == '.' ? 3 : 2;
    }
    gitignore_set(&target->pattern, whole, text, strlen(text));
}

/* How much of PATH matches: all of it, or up to a folder that does. 0: nothing. */
static size_t matches(const struct gitignore *pattern, const char *path,
                      bool is_directory)
{
    autofree char *part = xstrdup(path);
    for (char *end = strchr(part, '/'); end != NULL; end = strchr(end + 1, '/')) {
        *end = '\0';
        if (gitignore_decide(pattern, part, path_base(part), true) != NULL)
            return (size_t)(end - part);
        *end = '/';
    }
    return gitignore_decide(pattern, part, path_base(part), is_directory) != NULL
               ? strlen(part)
               : 0;
}

static bool is_target(const struct target *target, const char *file, const char *path,
                      size_t folder_length)
{
    if (!target->beside)
        return matches(&target->pattern, file, false) > 0;
    size_t length = folder_length;
    for (size_t i = 0; i < target->up; i++)
        while (length > 0 && path[--length] != '/')
            ;
    if (strncmp(file, path, length) != 0 || (length > 0 && file[length] != '/'))
        return false;
    const char *below = length > 0 ? file + length + 1 : file;
    return target->pattern.count == 0 || matches(&target->pattern, below, false) > 0;
}

static bool concerns(const struct trigger *trigger, const char *file, const char *path,
                     size_t folder_length)
{
    for (size_t i = 0; i < trigger->target_count; i++)
        if (is_target(&trigger->targets[i], file, path, folder_length))
            return true;
    return false;
}

/* Whatever may match it, can it ever concern FILE? */
static bool may_concern(const struct trigger *trigger, const char *file)
{
    for (size_t i = 0; i < trigger->target_count; i++)
        if (trigger->targets[i].beside || is_target(&trigger->targets[i], file, "", 0))
            return true;
    return false;
}

/* The length of the folder in which a part of PATH matches; negative: none does. */
static int64_t folder_of_match(const struct trigger *trigger, const char *path,
                               bool is_directory)
{
    size_t length = matches(&trigger->pattern, path, is_directory);
    if (length == 0)
        return -1;
    while (length > 0 && path[--length] != '/')
        ;
    return (int64_t)length;
}

/* ---- which paths there are ---- */

void triggers_learn(struct engine *engine, const char *path, bool is_directory)
{
    for (size_t i = 0; i < engine->trigger_count; i++) {
        struct trigger *trigger = &engine->triggers[i];
        int64_t length = folder_of_match(trigger, path, is_directory);
        if (length >= 0)
            strset_put(&trigger->matches, path, length * 2 + is_directory);
    }
}

void triggers_unlearn(struct engine *engine)
{
    for (size_t i = 0; i < engine->trigger_count; i++)
        strset_finish(&engine->triggers[i].matches);
}

struct vanishing {
    struct engine *engine;
    struct trigger *trigger;
    const char *folder;
};

static void vanish_below(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct vanishing *vanishing = owner;
    if (!path_below(path, vanishing->folder))
        return;
    vanishing->engine->triggers_turned = true;
    if (strcmp(path, vanishing->folder) != 0)
        run_disturb(vanishing->engine, path, true, false); /* nobody names it */
    strset_remove(&vanishing->trigger->matches, path); /* last: PATH is the set's own */
}

void triggers_changed(struct engine *engine, const char *path)
{
    if (engine->trigger_count == 0 || path[0] == '/' || path[0] == '\0' ||
        name_is_temporary(path_base(path)))
        return;
    uint32_t mode = tree_identity(engine->tree, path).mode;
    for (size_t i = 0; i < engine->trigger_count; i++) {
        struct trigger *trigger = &engine->triggers[i];
        if (!S_ISDIR(mode)) {
            struct vanishing vanishing = {engine, trigger, path};
            bool was_file = mode != 0 && strset_has(&trigger->matches, path) &&
                            strset_get(&trigger->matches, path, 0) % 2 == 0;
            if (!was_file)
                strset_each(&trigger->matches, vanish_below, &vanishing);
        }
        int64_t length = folder_of_match(trigger, path, S_ISDIR(mode));
        if (mode == 0 || length < 0 || engine->ports.ignored(engine->ports.owner, path))
            continue;
        int64_t value = length * 2 + S_ISDIR(mode);
        if (strset_get(&trigger->matches, path, -1) == value)
            continue;
        strset_put(&trigger->matches, path, value);
        engine->triggers_turned = true;
    }
}

/* ---- what a test file rests on ---- */

struct gathering {
    const struct trigger *trigger;
    const char *file;
    struct strset *paths; /* of files */
    size_t count;
    uint64_t sum; /* whatever the order: of the names' digests */
};

static uint64_t digest_of(const char *text, uint64_t digest)
{
    for (; *text != '\0'; text++) /* FNV-1a */
        digest = (digest ^ (unsigned char)*text) * 1099511628211U;
    return digest;
}

static void gather(void *owner, const char *path, int64_t value)
{
    struct gathering *gathering = owner;
    if (!concerns(gathering->trigger, gathering->file, path, (size_t)value / 2))
        return;
    gathering->count++;
    uint64_t digest = digest_of(value % 2 != 0 ? "/" : "", 14695981039346656037U);
    digest = digest_of(path, digest);
    gathering->sum += digest ^ (digest >> 29);
    if (gathering->paths != NULL && value % 2 == 0)
        strset_add(gathering->paths, path);
}

/* The value for FILE; the caller's. PATHS, where given, gets the files that match. */
static char *value_for(const struct engine *engine, const char *file,
                       struct strset *paths)
{
    char *value = NULL;
    for (size_t i = 0; i < engine->trigger_count; i++) {
        const struct trigger *trigger = &engine->triggers[i];
        struct gathering gathering = {.trigger = trigger, .file = file, .paths = paths};
        strset_each(&trigger->matches, gather, &gathering);
        if (gathering.count == 0)
            continue;
        char *longer = xasprintf("%s%s%s: %zu (%016llx)", value != NULL ? value : "",
                                 value != NULL ? ", " : "", trigger->pattern.text,
                                 gathering.count, (unsigned long long)gathering.sum);
        free(value);
        value = longer;
    }
    return value != NULL ? value : xstrdup(NONE);
}

const char *triggers_file(enum evidence_kind kind, const char *name)
{
    bool is = kind == EVIDENCE_ENVIRONMENT && strncmp(name, NAME, strlen(NAME)) == 0;
    return is ? name + strlen(NAME) : NULL;
}

bool triggers_hold(const struct engine *engine, const char *file, const char *then)
{
    bool any = false;
    for (size_t i = 0; i < engine->trigger_count; i++)
        any |= may_concern(&engine->triggers[i], file);
    autofree char *now = triggers_value(engine, file);
    return !any || strcmp(now, then) == 0;
}

char *triggers_value(const struct engine *engine, const char *file)
{
    return value_for(engine, file, NULL);
}

bool triggers_are_none(const struct index_fact *fact)
{
    return triggers_file(fact->kind, fact->path) != NULL && !fact->unsure &&
           strcmp(fact->detail, NONE) == 0;
}

static void look(void *owner, const char *path, int64_t value)
{
    (void)value;
    run_look(owner, EVIDENCE_CONTENT, path, NULL, "");
}

void triggers_look(struct engine *engine, struct run *run)
{
    struct strset paths = {0};
    autofree char *name = xasprintf(NAME "%s", run->file);
    autofree char *value = value_for(engine, run->file, &paths);
    strset_each(&paths, look, run);
    run_look(run, EVIDENCE_ENVIRONMENT, name, NULL, value);
    strset_finish(&paths);
}

struct finding {
    const struct engine *engine;
    const char *file;
    char *found;
};

static void find_match(void *owner, const char *path, int64_t value)
{
    (void)value;
    struct finding *finding = owner;
    for (size_t i = 0; i < finding->engine->trigger_count && finding->found == NULL;
         i++) {
        const struct trigger *trigger = &finding->engine->triggers[i];
        /* What it was nobody knows any more. */
        for (int is_directory = 0; is_directory < 2; is_directory++) {
            int64_t length = folder_of_match(trigger, path, is_directory != 0);
            if (finding->found == NULL && length >= 0 &&
                concerns(trigger, finding->file, path, (size_t)length))
                finding->found = xstrdup(path);
        }
    }
}

char *triggers_match(const struct engine *engine, const char *file,
                     const struct strset *paths)
{
    struct finding finding = {.engine = engine, .file = file};
    if (paths != NULL && engine->trigger_count > 0)
        strset_each(paths, find_match, &finding);
    return finding.found;
}

static void judge_file(void *owner, const char *file, int64_t value)
{
    (void)value;
    struct engine *engine = owner;
    autofree char *name = xasprintf(NAME "%s", file);
    index_facts_at(engine->index, name, pick_judge, engine);
}

static void collect(void *owner, const struct index_file *file)
{
    strset_add(owner, file->path);
}

void triggers_judge(struct engine *engine)
{
    if (!engine->triggers_turned)
        return;
    engine->triggers_turned = false;
    struct strset files = {0};
    index_each_file(engine->index, collect, &files);
    strset_each(&files, judge_file, engine);
    strset_finish(&files);
}

/* ---- settings ---- */

void triggers_finish(struct engine *engine)
{
    triggers_unlearn(engine);
    for (size_t i = 0; i < engine->trigger_count; i++) {
        struct trigger *trigger = &engine->triggers[i];
        gitignore_finish(&trigger->pattern);
        for (size_t k = 0; k < trigger->target_count; k++)
            gitignore_finish(&trigger->targets[k].pattern);
        free(trigger->targets);
    }
    free(engine->triggers);
    engine->triggers = NULL;
    engine->trigger_count = 0;
}

void engine_triggers(struct engine *engine, const struct engine_trigger *triggers,
                     size_t count)
{
    triggers_finish(engine);
    engine->triggers = xcalloc(count, sizeof *engine->triggers);
    engine->trigger_count = count;
    for (size_t i = 0; i < count; i++) {
        struct trigger *trigger = &engine->triggers[i];
        const char *pattern = triggers[i].pattern;
        gitignore_set(&trigger->pattern, pattern, pattern, strlen(pattern));
        while (triggers[i].tests[trigger->target_count] != NULL)
            trigger->target_count++;
        trigger->targets = xcalloc(trigger->target_count, sizeof *trigger->targets);
        for (size_t k = 0; k < trigger->target_count; k++)
            parse_target(&trigger->targets[k], triggers[i].tests[k]);
    }
}
