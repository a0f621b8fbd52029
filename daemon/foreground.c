#include "daemon/foreground.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/packages.h"
#include "daemon/joints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

json_t *foreground_command(const struct house *house, const char *package,
                           const char *file)
{
    autofree char *directory = NULL;
    char **argv = lodgings_words(house, package, "sniffer_debug.py", &directory);
    if (argv == NULL)
        return NULL;
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    argv = xrealloc(argv, (count + 3) * sizeof *argv);
    argv[count] = xstrdup("--file");
    argv[count + 1] = xstrdup(file);
    argv[count + 2] = NULL;
    json_t *command = command_encode(&(struct command_record){
        .directory = directory, .argv = argv, .environment = environ});
    config_packages_free(argv);
    return command;
}

/* ---- without a daemon ---- */

struct marks {
    char **paths;
    size_t count, capacity;
};

static void add_mark(struct marks *marks, char *path)
{
    marks->paths =
        xgrow(marks->paths, marks->count + 1, &marks->capacity, sizeof *marks->paths);
    marks->paths[marks->count++] = path;
    marks->paths[marks->count] = NULL;
}

/* Only what lies above FILE can make a package that it belongs to. */
static void find_marks(const char *root, const char *file, struct marks *marks)
{
    for (char *folder = path_parent(file); folder != NULL;) {
        for (size_t i = 0; config_package_mark(i) != NULL; i++) {
            char *mark = path_join(folder, config_package_mark(i));
            autofree char *whole = path_absolute(root, mark);
            if (access(whole, F_OK) == 0)
                add_mark(marks, mark);
            else
                free(mark);
        }
        char *above = folder[0] != '\0' ? path_parent(folder) : NULL;
        free(folder);
        folder = above;
    }
}

static int print_command(struct house *house, const char *file)
{
    struct marks marks = {0};
    find_marks(house->settings.root, file, &marks);
    const char *package =
        lodgings_lodge(house, file, (const char *const *)marks.paths, marks.count);
    config_packages_free(marks.paths);
    if (house->mistaken != NULL) {
        fprintf(stderr, "snifferd: %s\n", house->mistaken);
        return -EINVAL;
    }
    json_t *command = foreground_command(house, package, file);
    json_dumpf(command, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(command);
    return 0;
}

int foreground_describe(const struct house_settings *settings, const char *file)
{
    struct house house = {.settings = *settings};
    char *message = NULL;
    autofree char *path = path_in_root(settings->root, settings->root, file);
    if (path[0] == '/') {
        fprintf(stderr, "snifferd: %s is not in the project %s\n", file, settings->root);
        return -EINVAL;
    }
    if (config_load(settings->root, &house.config, &message) < 0) {
        fprintf(stderr, "snifferd: %s\n", message);
        free(message);
        return -EINVAL;
    }
    int error = print_command(&house, path);
    lodgings_finish(&house);
    free(house.mistaken);
    config_finish(&house.config);
    return error;
}
