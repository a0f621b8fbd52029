#include "daemon/config/packages.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"
#include "daemon/config/toml.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Files whose being there is enough, and the sections without which the others say nothing. */
static const struct {
    const char *name;
    const char *sections[8]; /* none: it is enough that it is there */
} signs[] = {
    {"setup.py", {NULL}},
    {"pyproject.toml",
     {"project", "build-system", "tool.poetry", "tool.flit", "tool.pytest", "tool.hatch",
      NULL}},
    {"setup.cfg", {"[metadata]", "[options]", "[tool:pytest]", "[nosetests]", NULL}},
    {"tox.ini", {"[pytest]", NULL}},
    {"pytest.ini", {NULL}},
    {".pytest.ini", {NULL}},
    {"pytest.toml", {NULL}},
    {".pytest.toml", {NULL}},
    {"nose.cfg", {NULL}},
    {".noserc", {NULL}},
};
enum { SIGN_COUNT = sizeof signs / sizeof signs[0] };

/* What lies below these is for tests or readers, and no package of the project. */
static const char *const strange[] = {
    "test",   "tests",    "testing",     "testdata",     "fixtures", "data",
    "doc",    "docs",     "example",     "examples",     "template", "templates",
    "vendor", "vendored", "third_party", "node_modules", "build",    "dist"};

struct list {
    char **items;
    size_t count, capacity;
};

static void list_add(struct list *list, char *item)
{
    list->items =
        xgrow(list->items, list->count + 1, &list->capacity, sizeof *list->items);
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

static bool list_has(const struct list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], item) == 0)
            return true;
    return false;
}

void config_packages_free(char **packages)
{
    for (char **package = packages; package != NULL && *package != NULL; package++)
        free(*package);
    free(packages);
}

bool config_marks_package(const char *path)
{
    for (size_t i = 0; i < SIGN_COUNT; i++)
        if (strcmp(path_base(path), signs[i].name) == 0)
            return true;
    return false;
}

const char *config_package_mark(size_t i)
{
    return i < SIGN_COUNT ? signs[i].name : NULL;
}

/* ---- is the root a Python project itself? ---- */

struct search {
    const char *const *sections;
    const char *found;
};

static void find_section(void *owner, const char *path, const char *text)
{
    (void)text;
    struct search *search = owner;
    for (const char *const *one = search->sections; *one != NULL; one++)
        if (search->found == NULL && strcmp(path, *one) == 0)
            search->found = *one;
}

/* "[name]" at the beginning of a line. */
static const char *find_line(const char *text, const char *const *sections)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        for (const char *const *one = sections; *one != NULL; one++)
            if (strncmp(line, *one, strlen(*one)) == 0)
                return *one;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

/* What says that FOLDER is a project, as a clause, or NULL. The caller's. */
static char *project_sign(const char *folder)
{
    for (size_t i = 0; i < SIGN_COUNT; i++) {
        const char *name = signs[i].name;
        if (!files_exist(folder, name))
            continue;
        if (signs[i].sections[0] == NULL)
            return xasprintf("it has a %s", name);
        autofree char *text = files_text(folder, name);
        if (text == NULL)
            continue;
        struct search search = {.sections = signs[i].sections};
        if (strcmp(name, "pyproject.toml") == 0)
            toml_each(text, find_section, &search);
        else
            search.found = find_line(text, signs[i].sections);
        if (search.found != NULL)
            return xasprintf("its %s has %s%s%s", name, search.found[0] == '[' ? "" : "[",
                             search.found, search.found[0] == '[' ? "" : "]");
    }
    return NULL;
}

/* ---- named ones ---- */

static bool is_folder(const char *root, const char *path)
{
    autofree char *whole = path_absolute(root, path);
    struct stat status;
    return stat(whole, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The folders below ROOT that PATTERN is for. */
static void add_matches(struct list *list, const char *root, const char *pattern)
{
    autofree char *whole = path_join(root, pattern);
    glob_t found = {0};
    if (glob(whole, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            autofree char *path = path_in_root(root, root, found.gl_pathv[i]);
            if (path[0] != '\0' && path[0] != '/' && is_folder(root, path) &&
                !list_has(list, path))
                list_add(list, xstrdup(path));
        }
    globfree(&found);
}

struct workspace {
    struct list *list;
    const char *root;
    struct list excluded;
    bool declared;
};

static void take_member(void *owner, const char *path, const char *text)
{
    struct workspace *workspace = owner;
    if (strcmp(path, "tool.uv.workspace") == 0)
        workspace->declared = true;
    if (text == NULL)
        return;
    if (strcmp(path, "tool.uv.workspace.members") == 0)
        add_matches(workspace->list, workspace->root, text);
    else if (strcmp(path, "tool.uv.workspace.exclude") == 0)
        list_add(&workspace->excluded, xstrdup(text));
}

static void drop(struct list *list, size_t i)
{
    free(list->items[i]);
    memmove(&list->items[i], &list->items[i + 1],
            (list->count - i) * sizeof *list->items); /* with the NULL behind them */
    list->count--;
}

static bool add_workspace(struct list *list, const char *root)
{
    autofree char *text = files_text(root, "pyproject.toml");
    struct workspace workspace = {.list = list, .root = root};
    if (text != NULL)
        toml_each(text, take_member, &workspace);
    for (size_t i = 0; i < workspace.excluded.count; i++)
        for (size_t k = list->count; k > 0; k--)
            if (fnmatch(workspace.excluded.items[i], list->items[k - 1], FNM_PATHNAME) ==
                0)
                drop(list, k - 1);
    config_packages_free(workspace.excluded.items);
    return workspace.declared;
}

/* ---- found ones ---- */

static bool is_strange(const char *folder)
{
    autofree char *rest = xstrdup(folder);
    char *more = NULL;
    for (char *name = strtok_r(rest, "/", &more); name != NULL;
         name = strtok_r(NULL, "/", &more)) {
        if (name[0] == '.')
            return true;
        for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
            if (strcmp(name, strange[i]) == 0)
                return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A tox.ini may be about anything else; what packages are made with is enough. */
static bool marks(const char *root, const char *folder, const char *name)
{
    if (strcmp(name, "tox.ini") != 0)
        return true;
    autofree char *whole = path_absolute(root, folder);
    autofree char *text = files_text(whole, name);
    static const char *const sections[] = {"[pytest]", NULL};
    return text != NULL && find_line(text, sections) != NULL;
}

static void add_found(struct list *list, const char *root, const char *const *paths,
                      size_t count)
{
    struct list folders = {0};
    for (size_t i = 0; i < count; i++) {
        autofree char *folder = path_parent(paths[i]);
        if (folder[0] != '\0' && folder[0] != '/' && !is_strange(folder) &&
            config_marks_package(paths[i]) && marks(root, folder, path_base(paths[i])) &&
            !list_has(&folders, folder))
            list_add(&folders, xstrdup(folder));
    }
    if (folders.count > 1)
        qsort(folders.items, folders.count, sizeof *folders.items, by_name);
    /* What lies in a package is its own business. */
    for (size_t i = 0; i < folders.count; i++) {
        bool inside = false;
        for (size_t k = 0; k < list->count && !inside; k++)
            inside = path_below(folders.items[i], list->items[k]);
        if (!inside)
            list_add(list, xstrdup(folders.items[i]));
    }
    config_packages_free(folders.items);
}

char **config_packages(const struct config *config, const char *root,
                       const char *const *paths, size_t count, char **ret_why)
{
    struct list list = {.items = xcalloc(1, sizeof *list.items), .capacity = 1};
    autofree char *sign = project_sign(root);
    if (config->packages != NULL) {
        for (char **pattern = config->packages; *pattern != NULL; pattern++)
            add_matches(&list, root, *pattern);
        *ret_why =
            list.count == 0
                ? xstrdup("one, the root: the setting packages names no other folder")
                : xasprintf("%zu, because the setting packages names them", list.count);
    } else if (add_workspace(&list, root)) {
        *ret_why = xasprintf("%zu, the members of the uv workspace", list.count);
    } else if (sign != NULL) {
        *ret_why = xasprintf("one, the root: %s", sign);
    } else {
        add_found(&list, root, paths, count);
        *ret_why = list.count == 0
                       ? xstrdup("one, the root: no folder has a project of its own")
                       : xasprintf("%zu, the folders that have a project of their own",
                                   list.count);
    }
    if (list.count > 1)
        qsort(list.items, list.count, sizeof *list.items, by_name);
    return list.items;
}
