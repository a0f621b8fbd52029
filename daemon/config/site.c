#include "daemon/config/site.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/environment.h"
#include "daemon/config/files.h"

#include <ctype.h>
#include <string.h>

static bool folder_has(const char *folder, const char *package)
{
    autofree char *inside = path_join(package, "__init__.py");
    return files_exist(folder, inside);
}

static bool is_python(const char *name)
{
    return strncmp(name, "python", strlen("python")) == 0 &&
           isdigit((unsigned char)name[strlen("python")]);
}

/* PREFIX/lib/VERSION/site-packages, and what Debian has instead: dist-packages, which all
 * versions share in lib/python3. VERSION is "python3.11", or NULL: any. */
static bool prefix_has(const char *prefix, const char *version, const char *package)
{
    autofree char *library = path_join(prefix, "lib");
    char **names = files_names(library);
    bool has = false;
    for (char **name = names; *name != NULL && !has; name++) {
        if (!is_python(*name) || (version != NULL && strcmp(*name, version) != 0 &&
                                  strcmp(*name, "python3") != 0))
            continue;
        autofree char *folder = path_join(library, *name);
        autofree char *site = path_join(folder, "site-packages");
        autofree char *dist = path_join(folder, "dist-packages");
        has = folder_has(site, package) || folder_has(dist, package);
    }
    files_names_free(names);
    return has;
}

static bool pythonpath_has(const char *root, const char *package)
{
    const char *path = getenv("PYTHONPATH");
    for (const char *rest = path != NULL ? path : ""; *rest != '\0';) {
        size_t length = strcspn(rest, ":");
        autofree char *given = xstrndup(rest, length);
        autofree char *folder = path_absolute(root, given);
        if (folder_has(folder, package))
            return true;
        rest += length + (rest[length] == ':');
    }
    return false;
}

/* An interpreter that is no virtual environment's: its prefix, /usr/local beside /usr,
 * and the user's own packages. */
static bool base_has(const char *python, const char *package)
{
    autofree char *real = realpath(python, NULL);
    if (real == NULL)
        return false;
    const char *version = path_base(real);
    if (!is_python(version) || strchr(version, '.') == NULL)
        version = NULL;
    autofree char *bin = path_parent(real);
    autofree char *prefix = path_parent(bin);
    autofree char *local = path_join(prefix, "local");
    autofree char *user = environment_base("PYTHONUSERBASE", ".local");
    return prefix_has(prefix, version, package) || prefix_has(local, version, package) ||
           prefix_has(user, version, package);
}

/* The value of KEY in a pyvenv.cfg ("key = value"), or NULL. */
static char *venv_value(const char *text, const char *key)
{
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *value = line + strlen(key);
            value += strspn(value, " \t");
            if (*value == '=') {
                value += 1 + strspn(value + 1, " \t");
                return xstrndup(value, strcspn(value, "\r\n"));
            }
        }
        line += length + (line[length] == '\n');
    }
    return NULL;
}

static bool venv_has(const char *prefix, const char *config, const char *package)
{
    if (prefix_has(prefix, NULL, package))
        return true;
    autofree char *shared = venv_value(config, "include-system-site-packages");
    autofree char *home = venv_value(config, "home");
    if (shared == NULL || strcasecmp(shared, "true") != 0 || home == NULL)
        return false;
    autofree char *python = path_join(home, "python3");
    return base_has(python, package);
}

bool site_has(const char *root, const char *python, const char *package)
{
    if (pythonpath_has(root, package))
        return true;
    autofree char *path = strchr(python, '/') != NULL ? path_absolute(root, python)
                                                      : pyenv_command(root, python);
    if (path == NULL)
        path = environment_on_path(python);
    if (path == NULL)
        return false;
    autofree char *bin = path_parent(path);
    autofree char *prefix = path_parent(bin);
    autofree char *config = files_text(prefix, "pyvenv.cfg");
    return config != NULL ? venv_has(prefix, config, package) : base_has(path, package);
}
