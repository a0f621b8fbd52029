#include "daemon/config/signs.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"
#include "daemon/config/requirement.h"
#include "daemon/config/toml.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <string.h>

const char *const framework_names[FRAMEWORK_COUNT] = {"pytest", "nose", "unittest"};

void signs_finish(struct signs *signs)
{
    for (int sign = 0; sign < SIGN_COUNT; sign++)
        for (int framework = 0; framework < FRAMEWORK_COUNT; framework++)
            free(signs->seen[sign][framework]);
    *signs = (struct signs){0};
}

void signs_note(struct signs *signs, enum sign sign, enum framework framework,
                const char *format, ...)
{
    if (framework == FRAMEWORK_COUNT || signs->seen[sign][framework] != NULL)
        return;
    va_list args;
    va_start(args, format);
    signs->seen[sign][framework] = xvasprintf(format, args);
    va_end(args);
}

static void note_requirement(struct signs *signs, const char *file, const char *text)
{
    enum framework framework = requirement_of(text);
    if (framework != FRAMEWORK_COUNT)
        signs_note(signs, SIGN_DEPENDENCY, framework, "%s asks for %s", file,
                   framework_names[framework]);
}

static void note_call(struct signs *signs, const char *file, const char *command)
{
    enum framework framework = requirement_called(command);
    if (framework != FRAMEWORK_COUNT)
        signs_note(signs, SIGN_SETTINGS, framework, "%s runs %s", file,
                   framework_names[framework]);
}

/* ---- files that are a sign by being there ---- */

static const struct {
    const char *path;
    enum framework framework;
} marks[] = {
    {"pytest.toml", FRAMEWORK_PYTEST},      {".pytest.toml", FRAMEWORK_PYTEST},
    {"pytest.ini", FRAMEWORK_PYTEST},       {".pytest.ini", FRAMEWORK_PYTEST},
    {"conftest.py", FRAMEWORK_PYTEST},      {"tests/conftest.py", FRAMEWORK_PYTEST},
    {"test/conftest.py", FRAMEWORK_PYTEST}, {".noserc", FRAMEWORK_NOSE},
    {"nose.cfg", FRAMEWORK_NOSE},
};
enum { MARK_COUNT = sizeof marks / sizeof *marks };

static void note_marks(struct signs *signs, const char *root)
{
    for (size_t i = 0; i < MARK_COUNT; i++)
        if (files_exist(root, marks[i].path))
            signs_note(signs, SIGN_SETTINGS, marks[i].framework, "%s is there",
                       marks[i].path);
}

/* ---- setup.cfg and tox.ini, as configparser reads them ---- */

struct ini {
    struct signs *signs;
    const char *file;
    char *section, *key;
};

/* A section's header: the settings of a framework are one. */
static void note_section(struct ini *ini, char *section)
{
    section[strcspn(section, "]")] = '\0';
    free(ini->section);
    ini->section = xstrdup(section);
    bool setup = strcmp(ini->file, "setup.cfg") == 0;
    bool pytest = strcmp(section, setup ? "tool:pytest" : "pytest") == 0;
    if (pytest || (setup && strcmp(section, "nosetests") == 0))
        signs_note(ini->signs, SIGN_SETTINGS, pytest ? FRAMEWORK_PYTEST : FRAMEWORK_NOSE,
                   "%s has [%s]", ini->file, section);
}

static bool is_key(const struct ini *ini, const char *pattern)
{
    return ini->key != NULL && fnmatch(pattern, ini->key, 0) == 0;
}

/* A value, or a line of one: requirements behind each other, or a command. */
static void note_value(struct ini *ini, const char *value)
{
    if (ini->section == NULL)
        return;
    if (is_key(ini, "commands*") || strcmp(ini->section, "aliases") == 0) {
        note_call(ini->signs, ini->file, value);
    } else if (is_key(ini, "deps") || is_key(ini, "*_require*") ||
               strcmp(ini->section, "options.extras_require") == 0) {
        /* ":" as in tox's "py27: nose" */
        for (const char *part = value; part != NULL;
             part = part[0] != '\0' ? strpbrk(part + 1, ";,:") : NULL)
            note_requirement(ini->signs, ini->file, part + strspn(part, ";,: \t"));
    }
}

static void note_ini(struct signs *signs, const char *file, char *text)
{
    struct ini ini = {.signs = signs, .file = file};
    char *state = NULL;
    for (char *line = strtok_r(text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state)) {
        bool indented = line[0] == ' ' || line[0] == '\t';
        if (line[strspn(line, " \t")] == '#' || line[strspn(line, " \t")] == ';')
            continue;
        if (line[0] == '[') {
            note_section(&ini, line + 1);
        } else if (indented) {
            note_value(&ini, line + strspn(line, " \t"));
        } else {
            size_t length = strcspn(line, "=:");
            const char *value = line + length + (line[length] != '\0');
            free(ini.key);
            ini.key = xstrndup(line, strcspn(line, " \t=:"));
            note_value(&ini, value + strspn(value, " \t"));
        }
    }
    free(ini.section);
    free(ini.key);
}

/* ---- pyproject.toml and Pipfile ---- */

struct toml {
    struct signs *signs;
    const char *file;
};

static bool below(const char *path, const char *table)
{
    size_t length = strlen(table);
    return strncmp(path, table, length) == 0 &&
           (path[length] == '\0' || path[length] == '.');
}

/* The lists and tables of dependencies that the tools have are all called alike. Poetry
 * and pixi write name = "version", the others a list of requirements. */
static void note_dependency(const struct toml *toml, const char *path, const char *text)
{
    static const char word[] = "dependencies";
    const char *found = strstr(path, word);
    bool by_name = below(path, "tool.poetry") || below(path, "tool.pixi");
    if (found != NULL && by_name && found[strlen(word)] == '.')
        note_requirement(toml->signs, toml->file, found + strlen(word) + 1);
    else if ((found != NULL || below(path, "dependency-groups")) && !by_name &&
             text != NULL)
        note_requirement(toml->signs, toml->file, text);
}

static void note_pyproject(void *owner, const char *path, const char *text)
{
    const struct toml *toml = owner;
    if (below(path, "tool.pytest.ini_options")) {
        signs_note(toml->signs, SIGN_SETTINGS, FRAMEWORK_PYTEST,
                   "%s has [tool.pytest.ini_options]", toml->file);
    } else if (below(path, "tool.pytest")) {
        /* By its keys: the table itself is there for ini_options too. */
        if (strcmp(path, "tool.pytest") != 0)
            signs_note(toml->signs, SIGN_SETTINGS, FRAMEWORK_PYTEST,
                       "%s has [tool.pytest]", toml->file);
    } else if (strcmp(path, "tool.tox.legacy_tox_ini") == 0 && text != NULL) {
        autofree char *ini = xstrdup(text);
        note_ini(toml->signs, toml->file, ini);
    } else {
        note_dependency(toml, path, text);
    }
}

static void note_pipfile(void *owner, const char *path, const char *text)
{
    (void)text;
    const struct toml *toml = owner;
    const char *name = strchr(path, '.');
    if (name != NULL && (below(path, "packages") || below(path, "dev-packages")))
        note_requirement(toml->signs, toml->file, name + 1);
}

static void note_toml(struct signs *signs, const char *file, char *text)
{
    struct toml toml = {signs, file};
    toml_each(text, strcmp(file, "Pipfile") == 0 ? note_pipfile : note_pyproject, &toml);
}

/* ---- setup.py, and lists with a requirement a line ---- */

/* No Python is run, so: each string in it that could be meant. */
static void note_setup_py(struct signs *signs, const char *file, char *text)
{
    char *state = NULL;
    for (char *line = strtok_r(text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state)) {
        if (line[strspn(line, " \t")] == '#')
            continue;
        for (char *quote = strpbrk(line, "'\""); quote != NULL;
             quote = strpbrk(quote + 1, "'\"")) {
            if (strncmp(quote + 1, "nose.collector", strlen("nose.collector")) == 0)
                signs_note(signs, SIGN_SETTINGS, FRAMEWORK_NOSE, "%s uses nose.collector",
                           file);
            else if (strncmp(quote + 1, "nosetests", strlen("nosetests")) == 0)
                signs_note(signs, SIGN_SETTINGS, FRAMEWORK_NOSE, "%s runs nosetests",
                           file);
            else
                note_requirement(signs, file, quote + 1);
        }
    }
}

static void note_lines(struct signs *signs, const char *file, char *text)
{
    char *state = NULL;
    for (char *line = strtok_r(text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state))
        note_requirement(signs, file, line + strspn(line, " \t-")); /* "- " in YAML */
}

/* ---- all of them ---- */

static const struct {
    const char *path;
    void (*note)(struct signs *signs, const char *file, char *text);
} files[] = {
    {"pyproject.toml", note_toml},    {"tox.ini", note_ini},
    {"setup.cfg", note_ini},          {"setup.py", note_setup_py},
    {"Pipfile", note_toml},           {"environment.yml", note_lines},
    {"environment.yaml", note_lines},
};
enum { FILE_COUNT = sizeof files / sizeof *files };

/* Where lists of requirements stand, by custom. */
static const struct {
    const char *folder, *pattern;
} lists[] = {
    {"", "*requirements*.txt"},      {"", "*requirements*.in"},
    {"requirements", "*.txt"},       {"requirements", "*.in"},
    {"tests", "*requirements*.txt"}, {"test", "*requirements*.txt"},
};
enum { LIST_COUNT = sizeof lists / sizeof *lists };

static void note_list(struct signs *signs, const char *root, size_t list)
{
    autofree char *folder = path_join(root, lists[list].folder);
    char **entries = files_names(folder);
    for (char **entry = entries; *entry != NULL; entry++) {
        if (fnmatch(lists[list].pattern, *entry, 0) != 0)
            continue;
        autofree char *path = path_join(lists[list].folder, *entry);
        autofree char *text = files_text(root, path);
        if (text != NULL)
            note_lines(signs, path, text);
    }
    files_names_free(entries);
}

void signs_of_files(struct signs *signs, const char *root)
{
    note_marks(signs, root);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        autofree char *text = files_text(root, files[i].path);
        if (text != NULL)
            files[i].note(signs, files[i].path, text);
    }
    for (size_t i = 0; i < LIST_COUNT; i++)
        note_list(signs, root, i);
}

bool signs_in_file(const char *path)
{
    for (size_t i = 0; i < MARK_COUNT; i++)
        if (strcmp(path, marks[i].path) == 0)
            return true;
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (strcmp(path, files[i].path) == 0)
            return true;
    autofree char *folder = path_parent(path);
    for (size_t i = 0; i < LIST_COUNT; i++)
        if (strcmp(folder, lists[i].folder) == 0 &&
            fnmatch(lists[i].pattern, path_base(path), 0) == 0)
            return true;
    return false;
}
