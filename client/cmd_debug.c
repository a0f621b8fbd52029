/* snifferctl debug: this process becomes the one that runs the test, so that the terminal, its signals and the
 * exit code are the test's. */

#include "client/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct command_line {
    char **words; /* NULL at the end */
    size_t count;
};

static void add(struct command_line *line, char *word)
{
    line->words = must(realloc(line->words, (line->count + 2) * sizeof *line->words));
    line->words[line->count++] = word;
    line->words[line->count] = NULL;
}

static void finish(struct command_line *line)
{
    for (size_t i = 0; i < line->count; i++)
        free(line->words[i]);
    free(line->words);
}

static void add_all(struct command_line *line, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        char *word = wire_path_bytes(item);
        if (word != NULL)
            add(line, word);
    }
}

/* What is about the terminal, or about the debugger that is to have it, is the caller's own; all else
 * the tests have from the daemon. */
static const char *const own[] = {"TERM",      "TERMINFO",        "TERMINFO_DIRS",
                                  "COLORTERM", "LINES",           "COLUMNS",
                                  "NO_COLOR",  "PYTHONBREAKPOINT"};

static bool is_own(const char *entry)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t length = strlen(own[i]);
        if (strncmp(entry, own[i], length) == 0 && entry[length] == '=')
            return true;
    }
    return false;
}

static struct command_line build_environment(const json_t *list)
{
    struct command_line theirs = {0}, all = {0};
    add_all(&theirs, list);
    for (size_t k = 0; k < theirs.count; k++)
        if (!is_own(theirs.words[k]))
            add(&all, text_format("%s", theirs.words[k]));
    finish(&theirs);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (getenv(own[i]) != NULL)
            add(&all, text_format("%s=%s", own[i], getenv(own[i])));
    return all;
}

/* How a worker would run FILE: the daemon knows, else snifferd finds out. */
static int find_out(struct ctl *ctl, const char *file, json_t **ret)
{
    struct link link;
    int code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0 && ctl->trouble.absent)
        return daemon_describe(&ctl->project, file, ret, &ctl->trouble);
    if (code != 0)
        return code;
    code = link_call(&link, METHOD_DEBUG,
                     must(json_pack("{s:o}", "file", must(wire_path(file)))),
                     LINK_LIMIT_MS, ret, &ctl->trouble);
    link_close(&link);
    return code;
}

/* Returns where it cannot. */
static int execute(struct ctl *ctl, const char *directory, struct command_line *line,
                   struct command_line *environment)
{
    if (chdir(directory) < 0)
        return trouble_set(&ctl->trouble, CTL_REFUSED, "cannot enter %s: %s", directory,
                           strerror(errno));
    fflush(NULL);
    char **before = environ;
    environ = environment->words; /* the PATH that counts is theirs, too */
    execvp(line->words[0], line->words);
    environ = before;
    return trouble_set(&ctl->trouble, CTL_REFUSED, "cannot run %s: %s", line->words[0],
                       strerror(errno));
}

static int become(struct ctl *ctl, const json_t *command, const char *test, bool pdb)
{
    struct command_line line = {0};
    struct command_line environment =
        build_environment(json_object_get(command, "environment"));
    add_all(&line, json_object_get(command, "argv"));
    autofree char *directory = wire_path_bytes(json_object_get(command, "directory"));
    if (test != NULL) {
        add(&line, text_format("--test"));
        add(&line, text_format("%s", test));
    }
    if (pdb)
        add(&line, text_format("--pdb"));
    int code =
        line.count > 0 && environment.count > 0 && directory != NULL
            ? execute(ctl, directory, &line, &environment)
            : trouble_set(&ctl->trouble, CTL_REFUSED,
                          "the daemon's answer is not understood; is it of another "
                          "version?");
    finish(&line);
    finish(&environment);
    return code;
}

int cmd_debug(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"pdb", no_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    bool pdb = false;
    int option, code;
    char **operands;
    while ((option = ctl_option(ctl, ":", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        pdb = true;
    }
    if (ctl_operands(ctl, &operands) != 1)
        return ctl_usage(ctl, "name one test file, or FILE::TEST");
    char *test = strstr(operands[0], "::");
    if (test != NULL) {
        *test = '\0';
        test += strlen("::");
    }
    autofree char *file = ctl_path(ctl, operands[0]);
    autofree char *whole = file[0] == '/' ? text_format("%s", file)
                                          : text_format("%s/%s", ctl->project.root, file);
    struct stat status;
    if (stat(whole, &status) < 0 || !S_ISREG(status.st_mode))
        return ctl_usage(ctl, "%s is no file", operands[0]);
    json_t *command = NULL;
    code = find_out(ctl, file, &command);
    if (code == 0)
        code = become(ctl, command, test, pdb);
    json_decref(command);
    return code;
}
