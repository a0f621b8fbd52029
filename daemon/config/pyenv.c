/* pyenv: which version it would run, by the rules of its README, "Choosing the Python
 * version". */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/environment.h"
#include "daemon/config/files.h"

#include <string.h>

enum { VERSION_FILE_MAX = 1024 }; /* as much as pyenv reads of it */

static char *pyenv_root(void)
{
    return environment_base("PYENV_ROOT", ".pyenv");
}

/* The names in a version file, "3.11" or several; or NULL. Comments go. */
static char *version_file(const char *folder, const char *name)
{
    char *text = files_head(folder, name, VERSION_FILE_MAX);
    for (char *c = text; c != NULL && *c != '\0'; c++)
        if (*c == '#')
            while (*c != '\0' && *c != '\n')
                *c++ = ' ';
    if (text != NULL && text[strspn(text, " \t\r\n:")] != '\0')
        return text;
    free(text);
    return NULL;
}

/* From the nearest .python-version at or above ROOT. */
static char *local_versions(const char *root, char **ret_origin)
{
    autofree char *folder = xstrdup(root);
    for (;;) {
        char *versions = version_file(folder, ".python-version");
        if (versions != NULL) {
            *ret_origin = strcmp(folder, root) == 0
                              ? xstrdup(".python-version")
                              : path_join(folder, ".python-version");
            return versions;
        }
        if (strcmp(folder, "/") == 0 || folder[0] == '\0')
            return NULL;
        char *parent = path_parent(folder);
        free(folder);
        folder = parent;
    }
}

/* The newest NAME of those that VERSION begins: "3.11" stands for "3.11.7". Only
 * releases: what else begins so is a build from a branch, or an environment. */
static char *newest(const char *versions, const char *version)
{
    size_t length = strlen(version);
    char **names = files_names(versions);
    const char *best = NULL;
    for (char **name = names; *name != NULL; name++) {
        const char *rest = *name + length;
        if (strncmp(*name, version, length) == 0 && *rest == '.' &&
            strspn(rest, ".0123456789") == strlen(rest) &&
            (best == NULL || strverscmp(*name, best) > 0))
            best = *name;
    }
    char *found = best != NULL ? path_join(versions, best) : NULL;
    files_names_free(names);
    return found;
}

/* COMMAND of the first of VERSIONS that has it. "system" ends the search: $PATH decides
 * then. */
static char *first_of(const char *versions, const char *command)
{
    autofree char *root = pyenv_root();
    autofree char *folder = path_join(root, "versions");
    autofree char *below = path_join("bin", command);
    autofree char *list = xstrdup(versions);
    char *state = NULL;
    for (char *word = strtok_r(list, " \t\r\n:", &state); word != NULL;
         word = strtok_r(NULL, " \t\r\n:", &state)) {
        if (strcmp(word, "system") == 0)
            return NULL;
        if (strncmp(word, "python-", strlen("python-")) == 0)
            word += strlen("python-");
        if (strstr(word, "..") != NULL)
            continue;
        autofree char *exact = path_join(folder, word);
        autofree char *latest = newest(folder, word);
        const char *candidates[] = {exact, latest};
        for (size_t i = 0; i < 2 && candidates[i] != NULL; i++) {
            char *found = path_join(candidates[i], below);
            if (files_runs(found))
                return found;
            free(found);
        }
    }
    return NULL;
}

/* Does $PATH lead to pyenv, so that its settings for all projects count here? */
static bool shims_in_use(const char *command)
{
    autofree char *root = pyenv_root();
    autofree char *shims = path_join(root, "shims");
    autofree char *found = environment_on_path(command);
    return found != NULL && path_below(found, shims);
}

/* What is chosen for ROOT, and by what; NULL: nothing. */
static char *chosen(const char *root, bool global, char **ret_origin)
{
    const char *variable = getenv("PYENV_VERSION");
    if (variable != NULL && variable[0] != '\0') {
        *ret_origin = xstrdup("$PYENV_VERSION");
        return xstrdup(variable);
    }
    char *versions = local_versions(root, ret_origin);
    if (versions != NULL || !global)
        return versions;
    autofree char *folder = pyenv_root();
    versions = version_file(folder, "version");
    if (versions != NULL)
        *ret_origin = path_join(folder, "version");
    return versions;
}

char *environment_pyenv(struct search *search)
{
    autofree char *root = pyenv_root();
    if (!files_exist(root, "versions"))
        return NULL;
    autofree char *origin = NULL;
    autofree char *versions = chosen(search->root, shims_in_use("python3"), &origin);
    char *python = versions != NULL ? first_of(versions, "python") : NULL;
    if (python != NULL) {
        search->why = xasprintf("%s names this version of pyenv", origin);
    } else if (versions != NULL && strstr(versions, "system") == NULL) {
        versions[strcspn(versions, "\r\n")] = '\0';
        environment_pass(search, "%s names %s, which pyenv does not have", origin,
                         versions);
    }
    return python;
}

char *pyenv_command(const char *root, const char *command)
{
    autofree char *origin = NULL;
    autofree char *versions = shims_in_use(command) ? chosen(root, true, &origin) : NULL;
    return versions != NULL ? first_of(versions, command) : NULL;
}
