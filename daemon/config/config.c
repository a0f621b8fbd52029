#include "daemon/config/config.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"
#include "daemon/config/packages.h"
#include "daemon/config/setting.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 256, HISTORY_MAX = 10000, HISTORY_USUAL = 50 };
enum { MEMORY_MIN = 64, MEMORY_MAX = 1 << 24 };
enum { PROCESSES_MIN = 16, PROCESSES_STANDARD = 1000, PROCESSES_MAX = 1000000 };

static const char *const sources[] = {"pyproject.toml", "setup.cfg", "tox.ini"};
enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };

static const char *const frameworks[] = {"auto", "pytest", "nose", "unittest"};

/* ---- what each setting takes ---- */

struct judging {
    struct config config;
    const char *source;
    const char *folder; /* of a package; NULL: the root */
    unsigned seen;      /* a bit for each known key */
    char *message;      /* NULL while all is well */
};

static bool refuse(struct judging *judging, const struct setting *setting,
                   const char *wanted)
{
    const char *quote = setting->kind == SETTING_RAW || setting->kind == SETTING_STRING ||
                                setting->kind == SETTING_NUMBER
                            ? "\""
                            : "";
    autofree char *given =
        xstrdup(setting->kind == SETTING_LIST ? "a list" : setting->text);
    for (char *c = given; *c != '\0'; c++) /* the message is one line */
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    judging->message =
        xasprintf("%s:%ld: %s must be %s, not %s%s%s", judging->source, setting->line,
                  setting->key, wanted, quote, given, quote);
    return false;
}

static bool is_text(const struct setting *setting)
{
    return setting->kind == SETTING_RAW || setting->kind == SETTING_STRING;
}

/* The number that SETTING is, or NaN. Only plain decimals: no hex, no "inf". */
static double number(const struct setting *setting)
{
    if (setting->kind != SETTING_RAW && setting->kind != SETTING_NUMBER)
        return NAN;
    if (setting->text[0] == '\0' || !isdigit((unsigned char)setting->text[0]) ||
        strspn(setting->text, "0123456789.eE+-") != strlen(setting->text))
        return NAN;
    char *end;
    double value = strtod(setting->text, &end);
    return *end == '\0' ? value : NAN;
}

static void list_free(char **list)
{
    for (char **item = list; item != NULL && *item != NULL; item++)
        free(*item);
    free(list);
}

static void list_add(char ***list, size_t *count, char *item)
{
    *list = xrealloc(*list, (*count + 2) * sizeof **list);
    (*list)[(*count)++] = item;
    (*list)[*count] = NULL;
}

/* A list as TOML writes it, or words separated by blanks or lines. */
static bool take_list(struct judging *judging, const struct setting *setting,
                      char ***field)
{
    char **list = xcalloc(1, sizeof *list);
    size_t count = 0;
    if (setting->kind == SETTING_LIST) {
        for (const char *const *item = setting->items; *item != NULL; item++)
            list_add(&list, &count, xstrdup(*item));
    } else if (setting->kind == SETTING_RAW) {
        static const char blanks[] = " \t\r\n";
        const char *word = setting->text + strspn(setting->text, blanks);
        while (*word != '\0') {
            size_t length = strcspn(word, blanks);
            list_add(&list, &count, xstrndup(word, length));
            word += length;
            word += strspn(word, blanks);
        }
    } else {
        free(list);
        return refuse(judging, setting, "a list of texts such as [\"one\", \"two\"]");
    }
    list_free(*field);
    *field = list;
    return true;
}

static bool take_framework(struct judging *judging, const struct setting *setting)
{
    for (size_t i = 0; is_text(setting) && i < sizeof frameworks / sizeof frameworks[0];
         i++) {
        if (strcmp(setting->text, frameworks[i]) != 0)
            continue;
        free(judging->config.framework);
        judging->config.framework = xstrdup(setting->text);
        return true;
    }
    return refuse(judging, setting, "\"auto\", \"pytest\", \"nose\" or \"unittest\"");
}

static bool take_python(struct judging *judging, const struct setting *setting)
{
    if (!is_text(setting) || setting->text[0] == '\0')
        return refuse(judging, setting, "the name or path of a Python interpreter");
    free(judging->config.python);
    judging->config.python = xstrdup(setting->text);
    return true;
}

static bool take_precision(struct judging *judging, const struct setting *setting)
{
    bool file = is_text(setting) && strcmp(setting->text, "file") == 0;
    if (!file && (!is_text(setting) || strcmp(setting->text, "block") != 0))
        return refuse(judging, setting, "\"block\" or \"file\"");
    judging->config.whole_files = file;
    return true;
}

static bool take_order(struct judging *judging, const struct setting *setting)
{
    bool changed = is_text(setting) && strcmp(setting->text, "changed-first") == 0;
    if (!changed && (!is_text(setting) || strcmp(setting->text, "file") != 0))
        return refuse(judging, setting, "\"file\" or \"changed-first\"");
    judging->config.changed_first = changed;
    return true;
}

static bool take_audit(struct judging *judging, const struct setting *setting)
{
    bool idle = is_text(setting) && strcmp(setting->text, "idle") == 0;
    if (!idle && (!is_text(setting) || strcmp(setting->text, "off") != 0))
        return refuse(judging, setting, "\"off\" or \"idle\"");
    judging->config.audit_idle = idle;
    return true;
}

static bool take_isolation(struct judging *judging, const struct setting *setting)
{
    static const char *const isolations[] = {"file", "directory", "package", NULL};
    for (const char *const *one = isolations; is_text(setting) && *one != NULL; one++) {
        if (strcmp(setting->text, *one) != 0)
            continue;
        judging->config.isolation = *one;
        return true;
    }
    return refuse(judging, setting, "\"file\", \"directory\" or \"package\"");
}

static bool take_jobs(struct judging *judging, const struct setting *setting)
{
    double value = number(setting);
    if (!(value >= 1 && value <= JOBS_MAX) || value != (double)(int)value)
        return refuse(judging, setting, "a whole number from 1 to 256");
    judging->config.jobs = (int)value;
    return true;
}

static bool take_history(struct judging *judging, const struct setting *setting)
{
    double value = number(setting);
    if (!(value >= 1 && value <= HISTORY_MAX) || value != (double)(int)value)
        return refuse(judging, setting, "a whole number from 1 to 10000");
    judging->config.history = (int)value;
    return true;
}

static bool take_timeout(struct judging *judging, const struct setting *setting)
{
    double value = number(setting);
    if (!(value >= 0 && value <= 1e6))
        return refuse(judging, setting,
                      "a number of seconds from 0 (no limit) to 1000000");
    judging->config.timeout_ms = (int64_t)(value * 1000);
    if (value > 0 && judging->config.timeout_ms == 0)
        judging->config.timeout_ms = 1; /* 0 would mean no limit */
    return true;
}

static bool take_memory(struct judging *judging, const struct setting *setting)
{
    double value = number(setting);
    bool whole = value >= 0 && value <= MEMORY_MAX && value == (double)(int64_t)value;
    if (!whole || (value > 0 && value < MEMORY_MIN))
        return refuse(judging, setting,
                      "a whole number of megabytes from 64 to 16777216, or 0 (no limit)");
    judging->config.memory = (int64_t)value << 20;
    return true;
}

static bool take_processes(struct judging *judging, const struct setting *setting)
{
    double value = number(setting);
    bool whole = value >= 0 && value <= PROCESSES_MAX && value == (double)(int)value;
    if (!whole || (value > 0 && value < PROCESSES_MIN))
        return refuse(judging, setting,
                      "a whole number from 16 to 1000000, or 0 (no limit)");
    judging->config.processes = (int)value;
    return true;
}

static bool take_args(struct judging *judging, const struct setting *setting)
{
    return take_list(judging, setting, &judging->config.args);
}

static bool take_ignore(struct judging *judging, const struct setting *setting)
{
    return take_list(judging, setting, &judging->config.ignore);
}

static bool take_packages(struct judging *judging, const struct setting *setting)
{
    if (!take_list(judging, setting, &judging->config.packages))
        return false;
    for (char **path = judging->config.packages; *path != NULL; path++) {
        struct setting one = {
            setting->key, setting->line, SETTING_STRING, *path, NULL, NULL, 0};
        if ((*path)[0] == '/' || (*path)[0] == '\0' || strncmp(*path, "..", 2) == 0)
            return refuse(judging, &one, "folders or patterns of folders in the root");
    }
    return true;
}

static bool take_fail_fast(struct judging *judging, const struct setting *setting)
{
    bool yes = setting->text != NULL && strcmp(setting->text, "true") == 0;
    bool no = setting->text != NULL && strcmp(setting->text, "false") == 0;
    if (setting->kind == SETTING_LIST || setting->kind == SETTING_TABLE || (!yes && !no))
        return refuse(judging, setting, "true or false");
    judging->config.fail_fast = yes;
    return true;
}

/* A list is program and arguments; a text is for the shell. */
static bool take_notify(struct judging *judging, const struct setting *setting)
{
    if (!is_text(setting) && setting->kind != SETTING_LIST)
        return refuse(judging, setting,
                      "a command: a text for the shell, or a list of program and "
                      "arguments such as [\"notify-send\", \"tests\"]");
    const char *const shell[] = {"/bin/sh", "-c", setting->text, NULL};
    const char *const *given = is_text(setting) ? shell : setting->items;
    if (given[0] != NULL &&
        (given[0][0] == '\0' ||
         (is_text(setting) && setting->text[strspn(setting->text, " \t\r\n")] == '\0')))
        return refuse(judging, setting, "a command; leave the setting out for none");
    size_t count = 0;
    list_free(judging->config.notify);
    judging->config.notify = xcalloc(1, sizeof *judging->config.notify);
    for (; *given != NULL; given++)
        list_add(&judging->config.notify, &count, xstrdup(*given));
    return true;
}

static bool is_variable(const char *name)
{
    return name[0] != '\0' && strpbrk(name, "= \t\n") == NULL &&
           !isdigit((unsigned char)name[0]);
}

static bool take_env(struct judging *judging, const struct setting *setting)
{
    if (!take_list(judging, setting, &judging->config.env))
        return false;
    for (char **name = judging->config.env; *name != NULL; name++) {
        struct setting one = {
            setting->key, setting->line, SETTING_STRING, *name, NULL, NULL, 0};
        if (!is_variable(*name))
            return refuse(judging, &one, "names of environment variables");
    }
    return true;
}

/* ---- triggers ---- */

static const char triggers_wanted[] =
    "a table of patterns and test files, such as \"*.ini\" = \"tests/test_settings.py\"";

static bool take_trigger(struct judging *judging, const struct setting *setting,
                         const char *pattern, const struct setting *tests)
{
    autofree char *name = xasprintf("%s, %s", setting->key, pattern);
    struct setting one = *tests;
    one.key = name;
    struct setting what = {
        setting->key, tests->line, SETTING_STRING, pattern, NULL, NULL, 0};
    if (pattern[0] == '\0' || strchr("!#", pattern[0]) != NULL ||
        pattern[strspn(pattern, "/ ")] == '\0')
        return refuse(judging, &what,
                      "patterns of paths as in a .gitignore, without \"!\" and comments");
    char **list = NULL;
    if (one.kind == SETTING_STRING) {
        list = xcalloc(2, sizeof *list);
        list[0] = xstrdup(one.text);
    } else if (!take_list(judging, &one, &list)) {
        free(judging->message);
        judging->message = NULL;
        return refuse(judging, &one, "a pattern of test files or a list of them");
    }
    assert(list != NULL);
    bool good = list[0] != NULL;
    for (char **item = list; *item != NULL; item++)
        good &= (*item)[0] != '\0' && strchr("!#", (*item)[0]) == NULL;
    if (!good) {
        list_free(list);
        return refuse(judging, &one, "patterns of test files, at least one");
    }
    struct config *config = &judging->config;
    config->triggers = xrealloc(config->triggers,
                                (config->trigger_count + 1) * sizeof *config->triggers);
    config->triggers[config->trigger_count++] =
        (struct config_trigger){.pattern = xstrdup(pattern), .tests = list};
    return true;
}

/* "PATTERN = TESTS...", the line of an INI file. */
static bool take_trigger_line(struct judging *judging, const struct setting *setting,
                              char *line)
{
    char *equals = strstr(line, " = ");
    equals = equals != NULL ? equals + 1 : strchr(line, '=');
    if (equals == NULL) {
        struct setting one = *setting;
        one.text = line;
        return refuse(judging, &one, "lines such as *.ini = tests/test_settings.py");
    }
    const char *tests = equals + 1;
    while (equals > line && isblank((unsigned char)equals[-1]))
        equals--;
    *equals = '\0';
    struct setting value = *setting;
    value.text = tests;
    return take_trigger(judging, setting, line, &value);
}

static bool take_triggers(struct judging *judging, const struct setting *setting)
{
    bool good = true;
    if (setting->kind == SETTING_TABLE) {
        for (size_t i = 0; good && i < setting->entry_count; i++)
            good = take_trigger(judging, setting, setting->entries[i].key,
                                &setting->entries[i]);
        return good;
    }
    if (setting->kind != SETTING_RAW)
        return refuse(judging, setting, triggers_wanted);
    autofree char *text = xstrdup(setting->text);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); good && line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        good = line[0] == '\0' || take_trigger_line(judging, setting, line);
    }
    return good;
}

static const struct known {
    const char *key;
    bool (*take)(struct judging *judging, const struct setting *setting);
    bool of_root; /* it is about all packages */
} known[] = {
    {"args", take_args, false},
    {"audit", take_audit, true},
    {"env", take_env, false},
    {"fail_fast", take_fail_fast, true},
    {"framework", take_framework, false},
    {"history", take_history, true},
    {"ignore", take_ignore, true},
    {"isolation", take_isolation, false},
    {"jobs", take_jobs, true},
    {"memory", take_memory, false},
    {"notify", take_notify, true},
    {"order", take_order, false},
    {"packages", take_packages, true},
    {"precision", take_precision, false},
    {"processes", take_processes, false},
    {"python", take_python, false},
    {"timeout", take_timeout, false},
    {"triggers", take_triggers, true},
};
enum { KNOWN_COUNT = sizeof known / sizeof known[0] };

static bool take(void *owner, const struct setting *setting)
{
    struct judging *judging = owner;
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known[i].key, setting->key) != 0)
            continue;
        if (judging->seen & 1U << i) { /* which of the two is meant? */
            judging->message =
                xasprintf("%s:%ld: %s is set a second time; keep one of them",
                          judging->source, setting->line, setting->key);
            return false;
        }
        judging->seen |= 1U << i;
        if (judging->folder != NULL && known[i].of_root) {
            judging->message =
                xasprintf("%s:%ld: %s is about the whole project; set it in the root",
                          judging->source, setting->line, setting->key);
            return false;
        }
        return known[i].take(judging, setting);
    }
    autofree char *names = xstrdup(known[0].key);
    for (size_t i = 1; i < KNOWN_COUNT; i++) {
        char *longer = xasprintf("%s, %s", names, known[i].key);
        free(names);
        names = longer;
    }
    judging->message = xasprintf("%s:%ld: %s is no setting; there are: %s",
                                 judging->source, setting->line, setting->key, names);
    return false;
}

/* ---- files ---- */

static enum setting_found read_source(struct judging *judging, const char *folder,
                                      const char *name)
{
    autofree char *text = NULL;
    size_t length = 0;
    int r = files_read(folder, name, &text, &length);
    if (r == -ENOENT)
        return SETTINGS_NONE;
    if (r < 0) {
        judging->message =
            xasprintf("%s: cannot be read: %s", judging->source, strerror(-r));
        return SETTINGS_BROKEN;
    }
    struct setting_fault fault = {0};
    enum setting_found found = strcmp(name, "pyproject.toml") == 0
                                   ? toml_settings(text, length, take, judging, &fault)
                                   : ini_settings(text, take, judging, &fault);
    if (found == SETTINGS_BROKEN && judging->message == NULL) {
        for (char *c = fault.text; *c != '\0'; c++)
            if (iscntrl((unsigned char)*c))
                *c = ' ';
        judging->message =
            xasprintf("%s:%ld: %s", judging->source, fault.line, fault.text);
    }
    return found;
}

int config_load(const char *root, struct config *ret, char **ret_message)
{
    struct judging judging = {.config.processes = PROCESSES_STANDARD};
    enum setting_found found = SETTINGS_NONE;
    for (size_t i = 0; i < SOURCE_COUNT && found == SETTINGS_NONE; i++) {
        judging.source = sources[i];
        found = read_source(&judging, root, sources[i]);
    }
    if (judging.message != NULL) {
        config_finish(&judging.config);
        *ret_message = judging.message;
        return -EINVAL;
    }
    struct config *config = &judging.config;
    if (found == SETTINGS_FOUND)
        config->source = xstrdup(judging.source);
    if (config->framework == NULL)
        config->framework = xstrdup("auto");
    if (config->history == 0)
        config->history = HISTORY_USUAL;
    if (config->isolation == NULL)
        config->isolation = "file";
    char ***lists[] = {&config->args, &config->ignore, &config->env, &config->notify};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (*lists[i] == NULL)
            *lists[i] = xcalloc(1, sizeof **lists[i]);
    *ret = *config;
    return 0;
}

static char **list_copy(char *const *list)
{
    char **copy = xcalloc(1, sizeof *copy);
    size_t count = 0;
    for (; list != NULL && *list != NULL; list++)
        list_add(&copy, &count, xstrdup(*list));
    return copy;
}

void config_inherit(struct config *config, const char *root, const struct config *base)
{
    config_finish(config);
    *config =
        (struct config){.framework = xstrdup(base->framework),
                        .args = list_copy(base->args),
                        .env = list_copy(base->env),
                        .ignore = list_copy(NULL),
                        .isolation = base->isolation,
                        .changed_first = base->changed_first,
                        .whole_files = base->whole_files,
                        .timeout_ms = base->timeout_ms,
                        .memory = base->memory,
                        .processes = base->processes,
                        .source = base->source != NULL ? xstrdup(base->source) : NULL};
    if (base->python != NULL) /* relative to where it stands */
        config->python = strchr(base->python, '/') != NULL
                             ? path_absolute(root, base->python)
                             : xstrdup(base->python);
}

int config_load_package(const char *root, const char *folder, const struct config *base,
                        struct config *ret, char **ret_message)
{
    struct judging judging = {.folder = folder};
    struct config *config = &judging.config;
    config_inherit(config, root, base);
    autofree char *inherited = config->source;
    config->source = NULL;
    autofree char *whole = path_absolute(root, folder);
    enum setting_found found = SETTINGS_NONE;
    for (size_t i = 0; i < SOURCE_COUNT && found == SETTINGS_NONE; i++) {
        autofree char *source = path_join(folder, sources[i]);
        judging.source = source;
        found = read_source(&judging, whole, sources[i]);
        if (found == SETTINGS_FOUND)
            config->source = xstrdup(source);
    }
    if (judging.message != NULL) {
        config_finish(config);
        *ret_message = judging.message;
        return -EINVAL;
    }
    if (config->source == NULL) {
        config->source = inherited;
        inherited = NULL;
    }
    *ret = *config;
    return 0;
}

void config_finish(struct config *config)
{
    if (config == NULL)
        return;
    free(config->framework);
    free(config->python);
    list_free(config->args);
    list_free(config->ignore);
    list_free(config->env);
    list_free(config->packages);
    list_free(config->notify);
    for (size_t i = 0; i < config->trigger_count; i++) {
        free(config->triggers[i].pattern);
        list_free(config->triggers[i].tests);
    }
    free(config->triggers);
    free(config->source);
    *config = (struct config){0};
}

bool config_is_source(const char *path)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (strcmp(path, sources[i]) == 0)
            return true;
    return false;
}
