/* The places that are active, or that the project itself names. */

#include "daemon/config/environment.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"

#include <string.h>

static char *taken(struct search *search, char *python, const char *why)
{
    if (python != NULL)
        search->why = xstrdup(why);
    return python;
}

/* The interpreter of the environment that VARIABLE names. */
static char *named_by(struct search *search, const char *variable, const char *why)
{
    const char *folder = getenv(variable);
    if (folder == NULL || folder[0] != '/')
        return NULL;
    char *python = environment_python(folder);
    if (python == NULL)
        environment_pass(search, "$%s is %s, which has no bin/python that can be run",
                         variable, folder);
    return taken(search, python, why);
}

char *environment_active(struct search *search)
{
    return named_by(search, "VIRTUAL_ENV", "$VIRTUAL_ENV is active");
}

/* "base" is active in every shell of many, and chosen by none: uv and Poetry see it so
 * too. */
char *environment_active_conda(struct search *search)
{
    const char *name = getenv("CONDA_DEFAULT_ENV");
    if (name != NULL && (strcmp(name, "base") == 0 || strcmp(name, "root") == 0))
        return NULL;
    return named_by(search, "CONDA_PREFIX",
                    "$CONDA_PREFIX is active, an environment of Conda");
}

char *environment_pdm(struct search *search)
{
    autofree char *text = files_text(search->root, ".pdm-python");
    if (text == NULL)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    if (text[0] == '/' && files_runs(text))
        return taken(search, xstrdup(text), ".pdm-python names it");
    if (text[0] != '\0')
        environment_pass(search, ".pdm-python names %s, which cannot be run", text);
    return NULL;
}

char *environment_uv(struct search *search)
{
    const char *given = getenv("UV_PROJECT_ENVIRONMENT");
    if (given == NULL || given[0] == '\0' || !files_exist(search->root, "pyproject.toml"))
        return NULL;
    autofree char *folder = path_absolute(search->root, given);
    char *python = environment_python(folder);
    if (python == NULL)
        environment_pass(search,
                         "$UV_PROJECT_ENVIRONMENT is %s, which has no bin/python "
                         "that can be run",
                         given);
    return taken(search, python, "$UV_PROJECT_ENVIRONMENT is the project's environment");
}

char *environment_folder(struct search *search)
{
    static const struct {
        const char *name, *config, *why;
    } folders[] = {
        {".venv", ".venv/pyvenv.cfg", ".venv is in the project"},
        {"venv", "venv/pyvenv.cfg", "venv is in the project"},
        {"env", "env/pyvenv.cfg", "env is in the project"},
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        autofree char *folder = path_join(search->root, folders[i].name);
        char *python = environment_python(folder);
        if (python != NULL)
            return taken(search, python, folders[i].why);
        if (files_exist(search->root, folders[i].config))
            environment_pass(search, "%s has no bin/python that can be run",
                             folders[i].name);
    }
    return NULL;
}

/* The members of a uv workspace share the environment beside its lock file. */
char *environment_workspace(struct search *search)
{
    autofree char *folder = path_parent(search->root);
    while (strcmp(folder, "/") != 0 && folder[0] != '\0') {
        if (files_exist(folder, "uv.lock")) {
            autofree char *venv = path_join(folder, ".venv");
            return taken(search, environment_python(venv),
                         "uv.lock of its workspace has a .venv beside it");
        }
        char *parent = path_parent(folder);
        free(folder);
        folder = parent;
    }
    return NULL;
}

/* ---- Conda ---- */

/* KEY's value in the top level of a YAML text that people write and Conda exports: "key:
 * value". */
static char *yaml_value(const char *text, const char *key)
{
    size_t length = strlen(key);
    while (*text != '\0') {
        if (strncmp(text, key, length) == 0 && text[length] == ':') {
            const char *value = text + length + 1;
            value += strspn(value, " \t\"'");
            size_t end = strcspn(value, " \t\r\n\"'#");
            return end > 0 ? xstrndup(value, end) : NULL;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return NULL;
}

static char *conda_python(const char *folder)
{
    return files_exist(folder, "conda-meta") ? environment_python(folder) : NULL;
}

/* NAME in one of the folders of a list like $PATH. */
static char *conda_in_list(const char *list, const char *name)
{
    for (const char *rest = list != NULL ? list : ""; *rest != '\0';) {
        size_t length = strcspn(rest, ":");
        autofree char *given = xstrndup(rest, length);
        autofree char *expanded = environment_expand("/", given);
        autofree char *folder = path_join(expanded, name);
        char *python = conda_python(folder);
        if (python != NULL)
            return python;
        rest += length + (rest[length] == ':');
    }
    return NULL;
}

/* NAME among the environments of an installation of Conda: where it is known to be, where
 * its installers put it by default, and where it keeps those of users who may not write
 * there. */
static char *conda_by_name(const char *name)
{
    static const char roots[] =
        "~/.conda:~/miniconda3:~/anaconda3:~/miniforge3:~/mambaforge:"
        "~/micromamba:~/.local/share/mamba:~/opt/miniconda3:"
        "~/opt/anaconda3:/opt/conda:/opt/miniconda3:/opt/anaconda3:"
        "/opt/miniforge3";
    char *python = conda_in_list(getenv("CONDA_ENVS_PATH"), name);
    if (python == NULL)
        python = conda_in_list(getenv("CONDA_ENVS_DIRS"), name);
    autofree char *below = path_join("envs", name);
    const char *executable = getenv("CONDA_EXE");
    if (python == NULL && executable != NULL && executable[0] == '/') {
        autofree char *bin = path_parent(executable);
        autofree char *root = path_parent(bin);
        python = conda_in_list(root, below);
    }
    if (python == NULL)
        python = conda_in_list(getenv("MAMBA_ROOT_PREFIX"), below);
    return python != NULL ? python : conda_in_list(roots, below);
}

/* NAME among those that Conda noted down when it made them, wherever they are. */
static char *conda_noted(const char *name)
{
    autofree char *conda = environment_base(NULL, ".conda");
    autofree char *text = files_text(conda, "environments.txt");
    char *found = NULL;
    char *state = NULL;
    for (char *line = text != NULL ? strtok_r(text, "\r\n", &state) : NULL; line != NULL;
         line = strtok_r(NULL, "\r\n", &state)) {
        char *python = strcmp(path_base(line), name) == 0 ? conda_python(line) : NULL;
        if (python != NULL && found != NULL) { /* which of the two? */
            free(python);
            free(found);
            return NULL;
        }
        if (python != NULL)
            found = python;
    }
    return found;
}

char *environment_conda(struct search *search)
{
    const char *file = "environment.yml";
    autofree char *text = files_text(search->root, file);
    if (text == NULL)
        text = files_text(search->root, file = "environment.yaml");
    if (text == NULL)
        return NULL;
    autofree char *name = yaml_value(text, "name");
    autofree char *prefix = yaml_value(text, "prefix");
    char *python = NULL;
    if (name != NULL && strchr(name, '/') == NULL) {
        python = conda_by_name(name);
        if (python == NULL)
            python = conda_noted(name);
    }
    /* Last: Conda exports it and does not read it, so it may be another machine's. */
    if (python == NULL && prefix != NULL && prefix[0] == '/')
        python = conda_python(prefix);
    if (python != NULL)
        search->why = xasprintf("%s names this environment of Conda", file);
    else if (name != NULL)
        environment_pass(search, "%s names %s, an environment that was not found", file,
                         name);
    return python;
}
