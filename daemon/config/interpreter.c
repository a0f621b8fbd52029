#include "daemon/config/interpreter.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/environment.h"
#include "daemon/config/files.h"

#include <stdarg.h>
#include <string.h>

/* What is active was chosen by hand, and what the project says of itself is nearer than
 * what a tool keeps elsewhere. */
static char *(*const places[])(struct search *search) = {
    environment_active, environment_active_conda, environment_pdm,    environment_uv,
    environment_folder, environment_workspace,    environment_poetry, environment_hatch,
    environment_pipenv, environment_conda,        environment_pyenv,
};

/* ---- what the places share ---- */

char *environment_python(const char *folder)
{
    static const char *const names[] = {"bin/python", "bin/python3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *python = path_join(folder, names[i]);
        if (files_runs(python))
            return python;
        free(python);
    }
    return NULL;
}

void environment_pass(struct search *search, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    autofree char *text = xvasprintf(format, args);
    va_end(args);
    char *passed = search->passed == NULL ? xstrdup(text)
                                          : xasprintf("%s; %s", search->passed, text);
    free(search->passed);
    search->passed = passed;
}

char *environment_base(const char *variable, const char *fallback)
{
    const char *given = variable != NULL ? getenv(variable) : NULL;
    if (given != NULL && given[0] == '/')
        return xstrdup(given);
    const char *home = getenv("HOME");
    return path_join(home != NULL ? home : "/", fallback);
}

char *environment_expand(const char *root, const char *given)
{
    if (strncmp(given, "~/", 2) == 0)
        return environment_base(NULL, given + 2);
    return path_absolute(root, given);
}

char *environment_on_path(const char *command)
{
    const char *path = getenv("PATH");
    for (const char *rest = path != NULL ? path : ""; *rest != '\0';) {
        size_t length = strcspn(rest, ":");
        autofree char *folder = xstrndup(rest, length);
        char *found = path_join(folder, command);
        if (folder[0] == '/' && files_runs(found))
            return found;
        free(found);
        rest += length + (rest[length] == ':');
    }
    return NULL;
}

/* ---- the choice ---- */

static char *configured(const struct config *config, const char *root, char **ret_why)
{
    char *python = strchr(config->python, '/') != NULL
                       ? path_absolute(root, config->python)
                       : xstrdup(config->python);
    *ret_why = xasprintf("%s, because the setting python%s%s names it", python,
                         config->source != NULL ? " in " : "",
                         config->source != NULL ? config->source : "");
    return python;
}

char *config_interpreter(const struct config *config, const char *root, char **ret_why)
{
    if (config->python != NULL)
        return configured(config, root, ret_why);
    struct search search = {.root = root};
    char *python = NULL;
    for (size_t i = 0; python == NULL && i < sizeof places / sizeof *places; i++)
        python = places[i](&search);
    if (python == NULL) {
        python = xstrdup("python3");
        search.why = xstrdup("no environment of the project was found");
    }
    *ret_why = xasprintf("%s, because %s%s%s", python, search.why,
                         search.passed != NULL ? "; passed over: " : "",
                         search.passed != NULL ? search.passed : "");
    free(search.why);
    free(search.passed);
    return python;
}

bool config_decides_interpreter(const char *path)
{
    static const char *const files[] = {
        "pyproject.toml", ".pdm-python", ".python-version", "poetry.toml",
        "poetry.lock",    "hatch.toml",  "environment.yml", "environment.yaml",
        "uv.lock",        "Pipfile",
    };
    static const char *const folders[] = {".venv", "venv", "env"};
    static const char *const inside[] = {"", "/bin", "/bin/python", "/pyvenv.cfg"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(path, files[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t length = strlen(folders[i]);
        for (size_t j = 0; j < sizeof inside / sizeof *inside; j++)
            if (strncmp(path, folders[i], length) == 0 &&
                strcmp(path + length, inside[j]) == 0)
                return true;
    }
    return false;
}
