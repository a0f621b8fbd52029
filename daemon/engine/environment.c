/* What workers tell of themselves: interpreter, framework, what is installed. Each package has its own. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool same_variables(const struct variable *variables, size_t count,
                           const struct variable *others, size_t other_count)
{
    bool same = count == other_count;
    assert(!same || count == 0 || (variables != NULL && others != NULL));
    for (size_t i = 0; same && i < count; i++)
        same = strcmp(variables[i].name, others[i].name) == 0 &&
               strcmp(variables[i].value, others[i].value) == 0;
    return same;
}

void variables_free(struct variable *variables, size_t count)
{
    assert(variables != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        free(variables[i].name);
        free(variables[i].value);
    }
    free(variables);
}

bool environment_same(const char *value, const char *then)
{
    const char *here = strstr(value, INDEX_HERE);
    bool travelled = here != NULL && strstr(then, INDEX_HERE) == NULL;
    size_t length = travelled ? (size_t)(here - value) : strlen(value);
    return strlen(then) == length && strncmp(value, then, length) == 0;
}

/* OF: facts are about these, and have names of their own; NULL: names as they are told. */
static struct variable *copy_variables(const struct report_environment *told,
                                       size_t count, const struct package *of)
{
    struct variable *variables = xcalloc(count + 1, sizeof *variables);
    for (size_t i = 0; i < count; i++)
        variables[i] = (struct variable){
            .name = of != NULL ? package_fact(of, told[i].name) : xstrdup(told[i].name),
            .value = xstrdup(told[i].value)};
    return variables;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct report_environment *)a)->name,
                  ((const struct report_environment *)b)->name);
}

/* Takes over VARIABLES; true where they are others. */
static bool take(struct variable **field, size_t *field_count, struct variable *variables,
                 size_t count)
{
    if (*field != NULL && same_variables(*field, *field_count, variables, count)) {
        variables_free(variables, count);
        return false;
    }
    variables_free(*field, *field_count);
    *field = variables;
    *field_count = count;
    return true;
}

/* True where it is another one than before. */
static bool take_environment(struct package *package, const struct report *report)
{
    if (report->distribution_count > 0)
        qsort(report->distributions, report->distribution_count,
              sizeof *report->distributions, by_name);
    bool other =
        take(&package->environment, &package->environment_count,
             copy_variables(report->environment, report->environment_count, package),
             report->environment_count);
    other |= take(&package->distributions, &package->distribution_count,
                  copy_variables(report->distributions, report->distribution_count, NULL),
                  report->distribution_count);
    if (!other)
        return false;
    package->environments++;
    company_configure(package);
    return true;
}

/* ---- who takes sources apart ---- */

/* What sources are made of depends on the version of Python, and facts count the blocks of one: that
 * which the index has, for as long as any package may be of it. The others' code counts by files. */

static char *version_of(const struct package *package)
{
    autofree char *name = package_fact(package, "python");
    const char *value = "";
    for (size_t i = 0; i < package->environment_count; i++)
        if (strcmp(package->environment[i].name, name) == 0)
            value = package->environment[i].value;
    const char *first = strchr(value, ' ');
    const char *second = first != NULL ? strchr(first + 1, ' ') : NULL;
    return second != NULL ? xstrndup(value, (size_t)(second - value)) : xstrdup(value);
}

static bool is_of_maker(const struct engine *engine, const struct package *package)
{
    autofree char *version = version_of(package);
    return engine->maker != NULL && package->environment != NULL &&
           strcmp(version, engine->maker) == 0;
}

static bool may_be_of_maker(const struct engine *engine, const struct package *package)
{
    bool silent = package->environment == NULL && !package->sorted;
    return silent || is_of_maker(engine, package);
}

static bool some_may_be_of_maker(const struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++)
        if (may_be_of_maker(engine, engine->packages[i]))
            return true;
    return false;
}

bool packages_may_read(const struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++)
        if (engine->packages[i]->error == NULL &&
            may_be_of_maker(engine, engine->packages[i]))
            return true;
    return false;
}

static void choose_maker(struct engine *engine, const struct package *package)
{
    if (engine->maker == NULL)
        engine->maker = index_blocks_made_by(engine->index);
    if (engine->maker != NULL && some_may_be_of_maker(engine))
        return;
    free(engine->maker);
    engine->maker = version_of(package);
    int error = index_blocks_maker(engine->index, engine->maker);
    if (error < 0)
        log_error("cannot forget what sources are made of: %s", strerror(-error));
}

bool packages_read(const struct engine *engine, const struct package *package)
{
    return package != NULL && is_of_maker(engine, package);
}

const char *packages_reader(const struct engine *engine)
{
    const struct package *reader = engine->reader;
    for (size_t i = 0; i < engine->package_count && reader == NULL; i++)
        if (engine->packages[i]->error == NULL &&
            is_of_maker(engine, engine->packages[i]))
            reader = engine->packages[i];
    return reader != NULL ? reader->path : NULL;
}

/* ---- what is installed ---- */

/* Where packages are installed, names come and go when one is upgraded. */
static void follow_installed(struct engine *engine, struct package *package)
{
    strset_finish(&package->installed);
    for (size_t i = 0; i < package->environment_count; i++) {
        if (strncmp(package->environment[i].name, "sys.path", strlen("sys.path")) != 0)
            continue;
        const char *here = strstr(package->environment[i].value, INDEX_HERE);
        json_t *folders =
            here != NULL ? json_loads(here + strlen(INDEX_HERE), 0, NULL) : NULL;
        size_t at = 0;
        const json_t *item = NULL;
        json_array_foreach(folders, at, item)
        {
            const char *folder = json_string_value(item);
            if (folder == NULL || strstr(folder, "-packages") == NULL)
                continue;
            autofree char *path = path_in_root(engine->root, engine->root, folder);
            strset_add(&package->installed, path);
            engine->ports.follow(engine->ports.owner, path);
        }
        json_decref(folders);
    }
}

void packages_warm(struct engine *engine)
{
    for (size_t i = 0; i < engine->package_count; i++) {
        const struct package *package = engine->packages[i];
        bool silent = package->environment == NULL && !package->sorted;
        /* The only one gets a host though all is known: the next save is not to wait for it. */
        if (silent || engine->package_count == 1)
            engine->ports.warm(engine->ports.owner, package->path);
    }
}

void packages_renew(struct engine *engine)
{
    engine->ports.refresh(engine->ports.owner);
    for (size_t i = 0; i < engine->package_count; i++) {
        struct package *package = engine->packages[i];
        if (package->environment == NULL)
            continue;
        package->renewing = true;
        engine->ports.warm(engine->ports.owner, package->path);
    }
}

/* ---- from the workers ---- */

static void tell_python(const struct engine *engine, const struct package *package)
{
    if (engine->package_count == 1)
        log_info("tests run with %s on %s", package->framework, package->python);
    else
        log_info("%s: tests run with %s on %s", package_shown(package),
                 package->framework, package->python);
}

bool packages_learn(struct engine *engine, struct package *package,
                    const struct report *report, bool *ret_fresh)
{
    *ret_fresh = take_environment(package, report);
    autofree char *framework =
        xasprintf("%s %s", report->framework, report->framework_version);
    bool other = package->framework == NULL ||
                 strcmp(framework, package->framework) != 0 || package->python == NULL ||
                 strcmp(report->python, package->python) != 0;
    xreplace(&package->framework, framework);
    xreplace(&package->python, report->python);
    strset_finish(&package->suffixes);
    for (size_t i = 0; i < report->suffix_count; i++)
        strset_add(&package->suffixes, report->suffixes[i]);

    package->whole_files = report->whole_files;
    xreplace(&package->coarse,
             report->precision_why != NULL ? report->precision_why : report->tracing_why);

    xreplace(&package->error, NULL);
    engine->news_state = true;
    if (other) {
        package->any_name = false;
        tell_python(engine, package);
    }
    if (*ret_fresh) {
        engine->reader = NULL;
        choose_maker(engine, package);
        blocks_forget_question(engine);
        follow_installed(engine, package);
    }
    if (package->coarse == NULL && !package->whole_files && !is_of_maker(engine, package))
        xreplace(&package->coarse,
                 "another package's tests run with another version of Python: here code "
                 "counts by whole files");
    return other;
}

static void take_ready(struct engine *engine, struct package *package,
                       const struct report *report)
{
    package->renewing = false;
    bool was_broken = package->error != NULL;
    bool fresh = false;
    bool other = packages_learn(engine, package, report, &fresh);
    told_ready(engine, package, report);
    if (fresh)
        check_environment(engine);
    if (is_of_maker(engine, package))
        engine->reader = package;
    if (other || was_broken || !package->sorted)
        check_ask_all(engine, package);
    else
        check_ask(engine);
}

void engine_ready(struct engine *engine, const char *path, const struct report *report,
                  int64_t now)
{
    struct package *package = package_at(engine, path);
    if (package != NULL)
        take_ready(engine, package, report);
    engine_room(engine, now);
}

/* Messages are shown in one line. The caller's. */
static char *one_line(const char *message)
{
    static const char blank[] = " \t\r\n";
    char *line = xcalloc(1, 2 * strlen(message) + 1);
    char *to = line;
    message += strspn(message, blank);
    while (*message != '\0') {
        size_t gap = strspn(message, blank);
        bool breaks = memchr(message, '\n', gap) != NULL;
        message += gap;
        if (gap > 0 && *message != '\0')
            to = stpcpy(to, breaks ? "; " : " ");
        else if (gap == 0)
            *to++ = *message++;
    }
    return line;
}

void engine_unfit(struct engine *engine, const char *path, const char *words, int64_t now)
{
    struct package *package = package_at(engine, path);
    if (package == NULL)
        return;
    autofree char *message = one_line(words);
    if (package->error == NULL || strcmp(package->error, message) != 0)
        log_error("%s%s%s", engine->package_count > 1 ? package_shown(package) : "",
                  engine->package_count > 1 ? ": " : "", message);
    xreplace(&package->error, message);
    if (engine->reader == package)
        engine->reader = NULL;
    package->asking = false;
    package->renewing = false;
    blocks_forget_question(engine); /* it may have been asked */
    pick_owed(engine);
    engine->news_state = true;
    const char *error = packages_error(engine);
    wait_refuse(engine, error);
    engine_room(engine, now);
}
