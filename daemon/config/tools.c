/* Poetry, Hatch and Pipenv: where each keeps the environment of a project. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/environment.h"
#include "daemon/config/files.h"
#include "daemon/config/kept.h"
#include "daemon/config/toml.h"

#include <string.h>

/* So many characters of a digest are in a name: URL-safe base64, with "-" among them. */
enum { DIGEST = 8 };

/* What pyproject.toml says of the project and of who builds it. */
struct project {
    char *name, *poetry_name, *backend;
    bool poetry, hatch; /* has their tables */
};

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void keep_text(char **field, const char *text)
{
    if (text != NULL && *field == NULL)
        *field = xstrdup(text);
}

static void note_project(void *owner, const char *path, const char *text)
{
    struct project *project = owner;
    if (strcmp(path, "project.name") == 0)
        keep_text(&project->name, text);
    else if (strcmp(path, "tool.poetry.name") == 0)
        keep_text(&project->poetry_name, text);
    else if (strcmp(path, "build-system.build-backend") == 0)
        keep_text(&project->backend, text);
    if (strcmp(path, "tool.poetry") == 0)
        project->poetry = true;
    else if (strcmp(path, "tool.hatch") == 0)
        project->hatch = true;
}

static struct project read_project(const char *root)
{
    struct project project = {0};
    autofree char *text = files_text(root, "pyproject.toml");
    if (text != NULL)
        toml_each(text, note_project, &project);
    return project;
}

static void project_finish(struct project *project)
{
    free(project->name);
    free(project->poetry_name);
    free(project->backend);
}

/* The one that is left, or NULL; several are noted. */
static char *only(struct search *search, const struct kept *kept, const char *tool)
{
    if (kept->count > 1)
        environment_pass(search,
                         "%s keeps %zu environments that may be the project's, %s the "
                         "first; the setting python can name one",
                         tool, kept->count, path_base(kept->folders[0]));
    if (kept->count != 1)
        return NULL;
    search->why = xasprintf("%s keeps this environment for %s%s", tool, kept->project,
                            kept->certain ? "" : ", by its name alone");
    return environment_python(kept->folders[0]);
}

/* ---- Poetry: PATH/NAME-DIGEST-pyX.Y; PATH/envs.toml has those that "poetry env use"
 * chose ---- */

/* A setting of Poetry: $POETRY_..., poetry.toml of the project, config.toml of the user.
 */
static char *poetry_setting(const char *root, const char *variable, const char *key)
{
    const char *given = getenv(variable);
    if (given != NULL && given[0] != '\0')
        return xstrdup(given);
    char *value = files_toml(root, "poetry.toml", key);
    if (value != NULL)
        return value;
    autofree char *configs = environment_base("XDG_CONFIG_HOME", ".config");
    autofree char *standard = path_join(configs, "pypoetry");
    const char *folder = getenv("POETRY_CONFIG_DIR");
    return files_toml(folder != NULL ? folder : standard, "config.toml", key);
}

static char *poetry_path(const char *root)
{
    autofree char *cache = poetry_setting(root, "POETRY_CACHE_DIR", "cache-dir");
    if (cache == NULL) {
        autofree char *caches = environment_base("XDG_CACHE_HOME", ".cache");
        cache = path_join(caches, "pypoetry");
    }
    autofree char *given =
        poetry_setting(root, "POETRY_VIRTUALENVS_PATH", "virtualenvs.path");
    const char *path = given != NULL ? given : "{cache-dir}/virtualenvs";
    const char *rest = path;
    const char *base = NULL;
    if (starts(path, "{cache-dir}")) {
        rest += strlen("{cache-dir}");
        base = cache;
    } else if (starts(path, "{project-dir}")) {
        rest += strlen("{project-dir}");
        base = root;
    }
    if (base == NULL)
        return environment_expand(root, path);
    autofree char *expanded = environment_expand(root, base);
    return xasprintf("%s%s", expanded, rest);
}

/* Is ENTRY "NAME-DIGEST-pyX.Y"? */
static bool is_poetry_name(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strlen(entry) > length + 1 + DIGEST && starts(entry, name) &&
           entry[length] == '-' && starts(entry + length + 1 + DIGEST, "-py");
}

/* Did "poetry env use" choose it, or none of its checkout's? OWNER is Poetry's path. */
static bool is_poetrys_choice(void *owner, const char *folder)
{
    const char *path = owner;
    autofree char *name = xstrdup(path_base(folder));
    char *version = strrchr(name, '-');
    *version = '\0';
    autofree char *key = xasprintf("%s.minor", name);
    autofree char *minor = files_toml(path, "envs.toml", key);
    return minor == NULL || strcmp(version + strlen("-py"), minor) == 0;
}

/* The name's part of an environment's: as Poetry cleans and cuts it. */
static char *poetry_name(const struct project *project)
{
    const char *given = project->name != NULL          ? project->name
                        : project->poetry_name != NULL ? project->poetry_name
                                                       : "non-package-mode";
    enum { NAME_MAX_ = 42 };
    char *name = kept_normal(given);
    if (strlen(name) > NAME_MAX_)
        name[NAME_MAX_] = '\0';
    return name;
}

char *environment_poetry(struct search *search)
{
    struct project project = read_project(search->root);
    bool ours = project.poetry || files_exist(search->root, "poetry.lock") ||
                (project.backend != NULL && starts(project.backend, "poetry."));
    char *python = NULL;
    if (ours) {
        autofree char *path = poetry_path(search->root);
        autofree char *name = poetry_name(&project);
        struct kept kept = {.root = search->root,
                            .project = name,
                            .digest_end = strlen(path) + strlen(name) + 2 + DIGEST};
        char **entries = files_names(path);
        for (char **entry = entries; *entry != NULL; entry++)
            if (is_poetry_name(*entry, name))
                kept_add(&kept, path_join(path, *entry));
        files_names_free(entries);
        kept_sift(&kept);
        if (kept.count > 1)
            kept_filter(&kept, is_poetrys_choice, path);
        python = only(search, &kept, "Poetry");
        kept_finish(&kept);
    }
    project_finish(&project);
    return python;
}

/* ---- Hatch: DATA/env/virtual/PROJECT/DIGEST/ENVIRONMENT ---- */

static char *hatch_setting(const char *key)
{
    const char *given = getenv("HATCH_CONFIG");
    if (given != NULL && given[0] == '/')
        return files_toml("", given, key);
    autofree char *configs = environment_base("XDG_CONFIG_HOME", ".config");
    autofree char *folder = path_join(configs, "hatch");
    return files_toml(folder, "config.toml", key);
}

static char *hatch_storage(const char *root)
{
    autofree char *storage = hatch_setting("dirs.env.virtual");
    if (storage != NULL)
        return environment_expand(root, storage);
    const char *variable = getenv("HATCH_DATA_DIR");
    autofree char *data =
        variable != NULL ? xstrdup(variable) : hatch_setting("dirs.data");
    if (data == NULL) {
        autofree char *share = environment_base("XDG_DATA_HOME", ".local/share");
        data = path_join(share, "hatch");
    }
    autofree char *expanded = environment_expand(root, data);
    return path_join(expanded, "env/virtual");
}

static void hatch_add(struct kept *kept, const char *folder)
{
    char **entries = files_names(folder);
    for (char **entry = entries; *entry != NULL; entry++)
        kept_add(kept, path_join(folder, *entry));
    files_names_free(entries);
}

/* All environments that may be the project's: in one folder, where that is in the project
 * or shared by hand; else in one for each checkout. */
static void hatch_add_all(struct kept *kept)
{
    autofree char *storage = hatch_storage(kept->root);
    autofree char *shared = environment_base(NULL, ".virtualenvs");
    if (path_below(storage, kept->root) || strcmp(storage, shared) == 0) {
        kept->digest_end = strlen(storage);
        hatch_add(kept, storage);
        return;
    }
    autofree char *above = path_join(storage, kept->project);
    kept->digest_end = strlen(above) + 1 + DIGEST;
    char **digests = files_names(above);
    for (char **digest = digests; *digest != NULL; digest++) {
        autofree char *folder = path_join(above, *digest);
        hatch_add(kept, folder);
    }
    files_names_free(digests);
}

static bool is_of_hatch_test(void *owner, const char *folder)
{
    (void)owner;
    return starts(path_base(folder), "hatch-test.");
}

static bool is_named(void *owner, const char *folder)
{
    return strcmp(path_base(folder), owner) == 0;
}

/* The environment of "hatch test", where there is one; else the default one, which is
 * called like the project. */
static char *hatch_kept(struct search *search, char *name)
{
    struct kept kept = {.root = search->root, .project = name};
    hatch_add_all(&kept);
    kept_sift(&kept);
    size_t tests = 0;
    size_t defaults = 0;
    for (size_t i = 0; i < kept.count; i++) {
        tests += is_of_hatch_test(NULL, kept.folders[i]);
        defaults += is_named(name, kept.folders[i]);
    }
    kept_filter(&kept, tests == 1 || defaults == 0 ? is_of_hatch_test : is_named, name);
    char *python = only(search, &kept, "Hatch");
    kept_finish(&kept);
    return python;
}

/* The folder that the settings give the default environment, or NULL. */
static char *hatch_path(const char *root)
{
    const char *variable = getenv("HATCH_ENV_TYPE_VIRTUAL_PATH");
    if (variable != NULL && variable[0] != '\0')
        return path_absolute(root, variable);
    autofree char *given = files_toml(root, "hatch.toml", "envs.default.path");
    if (given == NULL)
        given = files_toml(root, "pyproject.toml", "tool.hatch.envs.default.path");
    return given != NULL ? path_absolute(root, given) : NULL;
}

char *environment_hatch(struct search *search)
{
    struct project project = read_project(search->root);
    bool ours = project.hatch || files_exist(search->root, "hatch.toml") ||
                (project.backend != NULL && starts(project.backend, "hatchling"));
    char *python = NULL;
    if (ours && project.name != NULL) {
        autofree char *name = kept_normal(project.name);
        autofree char *given = hatch_path(search->root);
        python = given != NULL ? environment_python(given) : hatch_kept(search, name);
        if (given != NULL && python != NULL)
            search->why = xstrdup("it is the path of Hatch's default environment");
    }
    project_finish(&project);
    return python;
}

/* ---- Pipenv: WORKON_HOME/NAME/.project holds the project's folder, as virtualenvwrapper
 * has it ---- */

char *environment_pipenv(struct search *search)
{
    autofree char *shares = environment_base("XDG_DATA_HOME", ".local/share");
    autofree char *standard = path_join(shares, "virtualenvs");
    const char *given = getenv("WORKON_HOME");
    autofree char *home = environment_expand(
        search->root, given != NULL && given[0] != '\0' ? given : standard);
    char *python = NULL;
    char **entries = files_names(home);
    for (char **entry = entries; *entry != NULL && python == NULL; entry++) {
        autofree char *folder = path_join(home, *entry);
        autofree char *project = files_text(folder, ".project");
        if (project == NULL)
            continue;
        project[strcspn(project, "\r\n")] = '\0';
        if (strcmp(project, search->root) == 0)
            python = environment_python(folder);
        if (python != NULL)
            search->why = xasprintf("%s/.project names the project", *entry);
    }
    files_names_free(entries);
    return python;
}
