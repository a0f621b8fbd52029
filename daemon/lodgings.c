/* The packages of the project as the house provides for them: settings, interpreter, framework, and how
 * their workers are started. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/framework.h"
#include "daemon/config/interpreter.h"
#include "daemon/config/packages.h"
#include "daemon/joints.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

struct lodging {
    char *path;
    struct config config;
    char *python;
    const char *framework;
    char *python_why, *framework_why;
    bool there; /* just now */
    /* How its workers were started last. */
    bool configured;
    char **argv;
    int64_t timeout_ms;
    int processes;
};

int lodgings_jobs(const struct house *house)
{
    int jobs = house->settings.jobs != 0 ? house->settings.jobs : house->config.jobs;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return jobs != 0 ? jobs : processors > 0 ? (int)processors : 1;
}

static void lodging_finish(struct lodging *lodging)
{
    config_finish(&lodging->config);
    free(lodging->path);
    free(lodging->python);
    free(lodging->python_why);
    free(lodging->framework_why);
    config_packages_free(lodging->argv);
}

void lodgings_finish(struct house *house)
{
    for (size_t i = 0; i < house->lodging_count; i++)
        lodging_finish(&house->lodgings[i]);
    free(house->lodgings);
}

static struct lodging *find(const struct house *house, const char *path)
{
    for (size_t i = 0; i < house->lodging_count; i++)
        if (strcmp(house->lodgings[i].path, path) == 0)
            return &house->lodgings[i];
    return NULL;
}

/* ---- workers ---- */

/* The tracer lies beside the folder of the Python half; NULL where it was not built. */
static char *find_tracer(const char *plugin)
{
    const char *given = getenv("SNIFFER_TRACE_LIBRARY");
    autofree char *folder = path_parent(plugin);
    char *library =
        given != NULL ? xstrdup(given) : path_join(folder, "libsniffer_trace.so");
    if (access(library, R_OK) == 0)
        return library;
    free(library);
    return NULL;
}

struct words {
    char **items;
    size_t count, capacity;
};

static void add_word(struct words *words, char *word)
{
    words->items =
        xgrow(words->items, words->count + 1, &words->capacity, sizeof *words->items);
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void add_option(struct words *words, const char *name, const char *value)
{
    add_word(words, xstrdup(name));
    add_word(words, xstrdup(value));
}

static void add_list(struct words *words, const char *name, char *const *values)
{
    for (; values != NULL && *values != NULL; values++)
        add_word(words, xasprintf("%s=%s", name, *values));
}

static char **script_words(const struct house *house, const struct lodging *lodging,
                           const char *script)
{
    const struct config *config = &lodging->config;
    struct words words = {0};
    add_word(&words, xstrdup(lodging->python));
    add_word(&words, xstrdup("-B"));
    add_word(&words, path_join(house->settings.plugin, script));
    add_option(&words, "--root", house->settings.root);
    add_option(&words, "--package", lodging->path);
    add_option(&words, "--framework", lodging->framework);
    add_option(&words, "--precision", config->whole_files ? "file" : "block");
    add_option(&words, "--order", config->changed_first ? "changed-first" : "file");
    add_option(&words, "--isolation", config->isolation);
    add_word(&words, xstrdup("--memory"));
    add_word(&words, xasprintf("%lld", (long long)config->memory));
    add_list(&words, "--arg", config->args);
    add_list(&words, "--env", config->env);
    return words.items;
}

char **lodgings_words(const struct house *house, const char *package, const char *script,
                      char **ret_directory)
{
    const struct lodging *lodging = find(house, package);
    if (lodging == NULL || !lodging->there)
        return NULL;
    *ret_directory = path_absolute(house->settings.root, lodging->path);
    return script_words(house, lodging, script);
}

/* Hosts are started as LODGING wants it from now on; they are replaced where that is otherwise. */
static void configure(struct house *house, struct lodging *lodging)
{
    autofree char *tracer = find_tracer(house->settings.plugin);
    autofree char *directory = path_absolute(house->settings.root, lodging->path);
    char **argv = script_words(house, lodging, "sniffer_host.py");
    if (!lodging->configured || !config_list_equal(argv, lodging->argv) ||
        lodging->timeout_ms != lodging->config.timeout_ms ||
        lodging->processes != lodging->config.processes) {
        pool_configure(house->pool,
                       &(struct pool_settings){.package = lodging->path,
                                               .argv = (const char *const *)argv,
                                               .directory = directory,
                                               .preload = tracer,
                                               .timeout_ms = lodging->config.timeout_ms,
                                               .processes = lodging->config.processes});
        if (lodging->configured)
            pool_warm(house->pool, lodging->path);
    }
    lodging->configured = true;
    config_packages_free(lodging->argv);
    lodging->argv = argv;
    lodging->timeout_ms = lodging->config.timeout_ms;
    lodging->processes = lodging->config.processes;
}

char *lodgings_launch(const struct house *house, const char *package)
{
    const struct lodging *lodging = find(house, package);
    if (lodging == NULL || !lodging->configured)
        return NULL;
    autofree char *tracer = find_tracer(house->settings.plugin);
    autofree char *directory = path_absolute(house->settings.root, lodging->path);
    return launched_words((const char *const *)lodging->argv, directory, tracer);
}

/* ---- choices ---- */

static char *choose_python(const struct house *house, const struct lodging *lodging,
                           const char *folder, char **ret_why)
{
    if (house->settings.python != NULL) {
        *ret_why = xasprintf("%s, because --python says so", house->settings.python);
        return xstrdup(house->settings.python);
    }
    char *python = config_interpreter(&lodging->config, folder, ret_why);
    const struct lodging *root = find(house, "");
    assert(root != NULL);
    /* A package without an environment of its own has that of the root. */
    if (lodging != root && lodging->config.python == NULL && root->python != NULL &&
        strcmp(python, "python3") == 0 && strcmp(root->python, "python3") != 0) {
        free(python);
        free(*ret_why);
        *ret_why = xasprintf("%s, because the root's tests run with it", root->python);
        python = xstrdup(root->python);
    }
    return python;
}

static void choose(struct house *house, struct lodging *lodging)
{
    autofree char *folder = path_absolute(house->settings.root, lodging->path);
    free(lodging->python_why);
    free(lodging->framework_why);
    char *python = choose_python(house, lodging, folder, &lodging->python_why);
    free(lodging->python);
    lodging->python = python;
    lodging->framework =
        config_framework(&lodging->config, folder, python, &lodging->framework_why);
}

/* False where the settings are wrong and there have been no others: it goes by the root's. */
static void load(struct house *house, struct lodging *lodging)
{
    struct config fresh;
    char *message = NULL;
    if (config_load_package(house->settings.root, lodging->path, &house->config, &fresh,
                            &message) == 0) {
        config_finish(&lodging->config);
        lodging->config = fresh;
        return;
    }
    if (house->mistaken == NULL)
        house->mistaken = xstrdup(message);
    free(message);
    if (lodging->config.framework == NULL)
        config_inherit(&lodging->config, house->settings.root, &house->config);
}

static void lodge(struct house *house, const char *path)
{
    struct lodging *lodging = find(house, path);
    if (lodging == NULL) {
        house->lodgings = xrealloc(house->lodgings,
                                   (house->lodging_count + 1) * sizeof *house->lodgings);
        lodging = &house->lodgings[house->lodging_count++];
        *lodging = (struct lodging){.path = xstrdup(path)};
    }
    lodging->there = true;
    if (path[0] != '\0')
        load(house, lodging);
    else
        config_inherit(&lodging->config, house->settings.root, &house->config);
    choose(house, lodging);
}

char *lodgings_find(struct house *house, const char *const *marks, size_t count,
                    void (*found)(void *engine, const struct engine_package *package),
                    void *engine)
{
    char *why = NULL;
    char **packages =
        config_packages(&house->config, house->settings.root, marks, count, &why);
    for (size_t i = 0; i < house->lodging_count; i++)
        house->lodgings[i].there = false;
    lodge(house, "");
    for (char **package = packages; *package != NULL; package++)
        lodge(house, *package);
    config_packages_free(packages);
    for (size_t i = 0; i < house->lodging_count; i++) {
        struct lodging *lodging = &house->lodgings[i];
        if (!lodging->there) {
            pool_dissolve(house->pool, lodging->path);
            lodging->configured = false;
            continue;
        }
        configure(house, lodging);
        found(engine,
              &(struct engine_package){.path = lodging->path,
                                       .python_why = lodging->python_why,
                                       .framework_why = lodging->framework_why,
                                       .changed_first = lodging->config.changed_first});
    }
    return why;
}

const char *lodgings_lodge(struct house *house, const char *file,
                           const char *const *marks, size_t count)
{
    autofree char *why = NULL;
    char **packages =
        config_packages(&house->config, house->settings.root, marks, count, &why);
    const char *own = "";
    for (char **package = packages; *package != NULL; package++)
        if (path_below(file, *package) && strlen(*package) > strlen(own))
            own = *package;
    lodge(house, "");
    if (own[0] != '\0')
        lodge(house, own);
    const struct lodging *lodged = find(house, own);
    assert(lodged != NULL);
    own = lodged->path;
    config_packages_free(packages);
    return own;
}

bool lodgings_decide(const struct house *house, const char *path)
{
    if (config_marks_package(path))
        return true;
    for (size_t i = 0; i < house->lodging_count; i++) {
        const struct lodging *lodging = &house->lodgings[i];
        if (!lodging->there || !path_below(path, lodging->path) ||
            strcmp(path, lodging->path) == 0)
            continue;
        size_t length = strlen(lodging->path);
        const char *inside = path + length + (length > 0);
        if (config_is_source(inside) || config_decides_framework(inside) ||
            config_decides_interpreter(inside))
            return true;
    }
    return false;
}
