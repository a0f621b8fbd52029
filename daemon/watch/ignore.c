#include "daemon/watch/ignore.h"

#include "daemon/base/path.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/ignore_rules.h"

#include <string.h>
#include <unistd.h>

/* ---- by name alone ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Also as files: .git is one in a linked work tree. */
static bool is_internal(const char *name)
{
    static const char *const names[] = {".git", ".hg",      ".svn", ".bzr",
                                        ".jj",  ".sniffer", NULL};
    return name[0] == '.' && is_one_of(name, names);
}

static bool is_cache(const char *name)
{
    static const char *const names[] = {
        "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache", ".ruff_cache",
        ".hypothesis", ".tox",         ".nox",        ".venv",         ".eggs",
        ".direnv",     ".pixi",        NULL};
    return (name[0] == '.' || name[0] == '_' || name[0] == 'n') && is_one_of(name, names);
}

bool ignore_temporary(const struct ignore *ignore, const char *name)
{
    return name_is_temporary(name) && !strset_has(&ignore->heeded, name);
}

void ignore_heed(struct ignore *ignore, const char *name)
{
    if (name_is_temporary(name))
        strset_add(&ignore->heeded, name);
}

/* Of venv and virtualenv; of Conda. */
static const char *const environments[] = {"pyvenv.cfg", "conda-meta", NULL};

bool ignore_makes_environment(const char *name)
{
    return (name[0] == 'p' || name[0] == 'c') && is_one_of(name, environments);
}

bool ignore_environment(const char *absolute_directory)
{
    for (const char *const *name = environments; *name != NULL; name++) {
        autofree char *path = path_join(absolute_directory, *name);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* ---- life ---- */

void ignore_set(struct ignore *ignore, const char *const *patterns, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += strlen(patterns[i]) + 1;
    autofree char *text = xmalloc(length + 1);
    char *end = text;
    for (size_t i = 0; i < count; i++) {
        end = stpcpy(end, patterns[i]);
        *end++ = '\n';
    }
    gitignore_set(&ignore->settings, "the ignore setting", text, length);
}

struct ignore *ignore_new(const char *root)
{
    struct ignore *ignore = xcalloc(1, sizeof *ignore);
    ignore->root = root != NULL ? xstrdup(root) : NULL;
    ignore->reader.root = ignore->root;
    return ignore;
}

void ignore_on_read(struct ignore *ignore, void (*tell)(void *owner, const char *path),
                    void *owner)
{
    ignore->reader.tell = tell;
    ignore->reader.owner = owner;
}

void ignore_free(struct ignore *ignore)
{
    if (ignore == NULL)
        return;
    ignore_forget(ignore);
    gitignore_finish(&ignore->settings);
    strset_finish(&ignore->heeded);
    free(ignore->root);
    free(ignore);
}

/* ---- deciding ---- */

size_t ignore_steps(const char *path)
{
    size_t count = path[0] != '\0';
    for (; *path != '\0'; path++)
        count += *path == '/';
    return count;
}

struct folder *ignore_folder(const struct ignore *ignore, const char *path, size_t length)
{
    struct folder *folder = NULL;
    HASH_FIND(hh, ignore->folders, path, length, folder);
    return folder;
}

static const struct rule *ask(const struct gitignore *list, const char *path,
                              const char *base, bool is_directory,
                              const struct gitignore **ret_list)
{
    const struct rule *rule = gitignore_decide(list, path, base, is_directory);
    if (rule != NULL)
        *ret_list = list;
    return rule;
}

/* The excludes of a work tree; PATH is relative to its top. */
static const struct rule *ask_excludes(const struct ignore *ignore,
                                       const struct gitignore *exclude, const char *path,
                                       const char *base, bool is_directory,
                                       const struct gitignore **ret_list)
{
    const struct rule *rule = ask(exclude, path, base, is_directory, ret_list);
    return rule != NULL ? rule : ask(&ignore->global, path, base, is_directory, ret_list);
}

/* PATH is relative to the top of the work tree that begins above the root. */
static const struct rule *ask_above(const struct ignore *ignore, const char *path,
                                    bool is_directory, const struct gitignore **ret_list)
{
    const char *base = path_base(path);
    const struct upper *top = &ignore->uppers[ignore->upper_count - 1];
    for (const struct upper *upper = ignore->uppers; upper <= top; upper++) {
        size_t skip = strlen(top->to) - strlen(upper->to);
        const struct rule *rule = strlen(path) > skip ? ask(&upper->own, path + skip,
                                                            base, is_directory, ret_list)
                                                      : NULL;
        if (rule != NULL)
            return rule;
    }
    return ask_excludes(ignore, &ignore->exclude, path, base, is_directory, ret_list);
}

bool ignore_is_astray(const struct ignore *ignore)
{
    if (ignore->upper_count == 0)
        return false;
    const struct gitignore *list = NULL;
    autofree char *path = xstrdup(ignore->uppers[ignore->upper_count - 1].to);
    for (char *end = path; end != NULL;) {
        end = strchr(end, '/');
        if (end != NULL)
            *end = '\0';
        const struct rule *rule = ask_above(ignore, path, true, &list);
        if (rule != NULL && !rule->negated)
            return true;
        if (end != NULL)
            *end++ = '/';
    }
    return false;
}

/* The length of the folder of the LENGTH bytes at PATH. */
static size_t parent_length(const char *path, size_t length)
{
    const char *slash = memrchr(path, '/', length);
    return slash != NULL ? (size_t)(slash - path) : 0;
}

static const struct rule *ask_git(const struct ignore *ignore, const char *path,
                                  const char *base, bool is_directory,
                                  const struct gitignore **ret_list)
{
    size_t length = strlen(path);
    for (size_t depth = ignore_steps(path); depth-- > 0;) {
        length = parent_length(path, length);
        const struct folder *folder =
            depth <= ignore->deepest ? ignore_folder(ignore, path, length) : NULL;
        if (folder == NULL)
            continue;
        const char *rest = path + length + (length > 0);
        const struct rule *rule = ask(&folder->own, rest, base, is_directory, ret_list);
        if (rule == NULL && folder->is_top)
            return ask_excludes(ignore, &folder->exclude, rest, base, is_directory,
                                ret_list);
        if (rule != NULL)
            return rule;
    }
    if (ignore->upper_count == 0 || ignore->astray)
        return NULL;
    autofree char *whole = path_join(ignore->uppers[ignore->upper_count - 1].to, path);
    return ask_above(ignore, whole, is_directory, ret_list);
}

/* RET_RULE: what decided; NULL: no rule did. */
static bool decide(const struct ignore *ignore, const char *path, bool is_directory,
                   const struct rule **ret_rule, const struct gitignore **ret_list)
{
    const char *base = path_base(path);
    *ret_rule = NULL;
    if (is_internal(base) || (!is_directory && ignore_temporary(ignore, base)))
        return true;
    const struct rule *rule = ask(&ignore->settings, path, base, is_directory, ret_list);
    if (rule == NULL && is_directory && is_cache(base))
        return true;
    if (rule == NULL)
        rule = ask_git(ignore, path, base, is_directory, ret_list);
    *ret_rule = rule;
    return rule != NULL && !rule->negated;
}

bool ignore_matches_here(const struct ignore *ignore, const char *path, bool is_directory)
{
    const struct rule *rule = NULL;
    const struct gitignore *list = NULL;
    return decide(ignore, path, is_directory, &rule, &list);
}

char *ignore_why(const struct ignore *ignore, const char *path, bool is_directory,
                 bool *ret_setting)
{
    const struct rule *rule = NULL;
    const struct gitignore *list = NULL;
    if (!decide(ignore, path, is_directory, &rule, &list) || rule == NULL)
        return NULL;
    *ret_setting = list == &ignore->settings;
    return xasprintf("%s:%ld: %s%s%s", list->source, rule->line,
                     rule->anchored ? "/" : "", rule->text,
                     rule->directory_only ? "/" : "");
}

bool ignore_matches(const struct ignore *ignore, const char *path, bool is_directory)
{
    if (path[0] == '\0')
        return false;
    autofree char *prefix = xstrdup(path);
    for (char *slash = strchr(prefix, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (ignore_matches_here(ignore, prefix, true))
            return true;
        *slash = '/';
    }
    return ignore_matches_here(ignore, path, is_directory);
}
