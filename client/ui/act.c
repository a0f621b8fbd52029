/* What keys ask of the daemon and of other programs, and what the daemon answers. */

#include "client/daemon.h"
#include "client/report.h"
#include "client/ui/app.h"
#include "client/ui/term.h"
#include "proto/order.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int await(pid_t pid)
{
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* ---- the editor ---- */

static bool is_named(const char *command, const char *name)
{
    size_t word = strcspn(command, " ");
    autofree char *program = must(strndup(command, word));
    const char *slash = strrchr(program, '/');
    return strcmp(slash != NULL ? slash + 1 : program, name) == 0;
}

/* How editors are told the line: most as vi is, some otherwise. */
static void run_editor(const char *file, long line)
{
    static const char *const with_g[] = {"code", "code-insiders", "codium", "cursor"};
    static const char *const colon[] = {"subl", "zed", "hx", "helix"};
    const char *editor = getenv("VISUAL");
    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        editor = "vi";
    autofree char *plus = text_format("+%ld", line);
    autofree char *place = text_format("%s:%ld", file, line);
    const char *first = plus, *second = file;
    for (size_t i = 0; i < sizeof with_g / sizeof *with_g; i++)
        if (is_named(editor, with_g[i])) {
            first = "-g";
            second = place;
        }
    for (size_t i = 0; i < sizeof colon / sizeof *colon; i++)
        if (is_named(editor, colon[i])) {
            first = place;
            second = NULL;
        }
    autofree char *command = text_format("exec %s \"$@\"", editor);
    execl("/bin/sh", "sh", "-c", command, "sh", first, second, (char *)NULL);
    _exit(127);
}

static void edit(struct app *app)
{
    const struct known_test *test = view_selected(&app->view);
    autofree char *path = NULL;
    long line = 1;
    if (!report_frame(model_failure(test), app->project.root, &path, &line))
        path = must(strdup(test->file->path));
    autofree char *whole = path[0] == '/' ? must(strdup(path))
                                          : text_format("%s/%s", app->project.root, path);
    term_lend();
    app_unblock();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_editor(whole, line);
    int status = await(pid);
    app_block(app);
    term_back();
    if (pid < 0)
        view_notice(&app->view, "cannot start the editor: %s", strerror(errno));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        view_notice(&app->view,
                    "the editor was not found; set EDITOR to one that is there");
}

/* ---- the debugger ---- */

static void run_debug(const struct app *app, const struct known_test *test)
{
    autofree char *program = daemon_program("snifferctl");
    /* What stands for no test, as "(import)", is seen when the file is run. */
    bool whole = test->name[0] == '(';
    autofree char *place = text_format("%s/%s%s%s", app->project.root, test->file->path,
                                       whole ? "" : "::", whole ? "" : test->name);
    signal(SIGINT, SIG_DFL); /* an interrupt is for the test */
    execlp(program, "snifferctl", "-C", app->project.root, "debug", "--", place,
           (char *)NULL);
    fprintf(stderr, "cannot run snifferctl: %s\n", strerror(errno));
    _exit(127);
}

/* What it has said is to be read before it goes. */
static void debug(struct app *app)
{
    const struct known_test *test = view_selected(&app->view);
    term_lend();
    app_unblock();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_debug(app, test);
    await(pid);
    if (pid > 0) {
        fputs("\nsniffer: enter goes back\n", stdout);
        fflush(stdout);
        for (char letter = 0; letter != '\n' && read(STDIN_FILENO, &letter, 1) == 1;)
            ;
    }
    app_block(app);
    term_back();
    if (pid < 0)
        view_notice(&app->view, "cannot start snifferctl: %s", strerror(errno));
}

/* ---- the daemon ---- */

static void start_daemon(struct app *app)
{
    term_lend();
    app_unblock();
    int code = daemon_start(&app->project, NULL, &app->trouble);
    app_block(app);
    term_back();
    if (code != 0)
        view_notice(&app->view, "%s",
                    app->trouble.text[0] != '\0' ? app->trouble.text
                                                 : "snifferd could not start; snifferctl "
                                                   "start says why");
    app->reconnect = 0;
}

static json_t *file_params(const char *key, const char *path)
{
    json_t *one = must(wire_path(path));
    if (strcmp(key, "files") != 0)
        return must(json_pack("{s:o}", key, one));
    return must(json_pack("{s:[o]}", key, one));
}

static void ask(struct app *app, enum asked about, const char *method, json_t *params)
{
    if (app->talk.up) {
        talk_ask(&app->talk, about, method, params);
        return;
    }
    json_decref(params);
    view_notice(&app->view, "there is no daemon; s starts it");
}

static void toggle_focus(struct app *app)
{
    const struct known_test *test = view_selected(&app->view);
    bool off = app->model.focus[0] != '\0';
    ask(app, ASKED_FOCUS, "focus",
        off ? must(json_pack("{s:n}", "file")) : file_params("file", test->file->path));
}

/* A focus has the state "paused" as well, where the others wait. */
static void toggle_pause(struct app *app)
{
    const struct model *model = &app->model;
    bool held = model->state == STATE_HALTED;
    if (model->state == STATE_PAUSED)
        held = model->focus[0] == '\0' || app->paused;
    ask(app, held ? ASKED_RESUME : ASKED_PAUSE, held ? "resume" : "pause", NULL);
}

static void copy(struct app *app)
{
    const struct known_test *test = view_selected(&app->view);
    const char *report =
        json_string_value(json_object_get(model_failure(test), "report"));
    autofree char *text = text_format("%s %s\n%s", test->file->path, test->name,
                                      report != NULL ? report : "");
    term_copy(text);
    view_notice(&app->view, "copied the report of %s", test->name);
}

void app_act(struct app *app, enum act act)
{
    const struct known_test *test = view_selected(&app->view);
    switch (act) {
    case ACT_NONE:
        break;
    case ACT_QUIT:
        app->quit = true;
        break;
    case ACT_EDIT:
        edit(app);
        break;
    case ACT_DEBUG:
        debug(app);
        break;
    case ACT_COPY:
        copy(app);
        break;
    case ACT_RUN:
        ask(app, ASKED_RUN, "run", file_params("files", test->file->path));
        break;
    case ACT_RUN_ALL:
        ask(app, ASKED_RUN, "run", must(json_pack("{s:b}", "all", 1)));
        break;
    case ACT_PAUSE:
        toggle_pause(app);
        break;
    case ACT_FOCUS:
        toggle_focus(app);
        break;
    case ACT_WHY:
        ask(app, ASKED_WHY, "why", file_params("files", test->file->path));
        break;
    case ACT_DEPS:
        ask(app, ASKED_DEPS, "deps", file_params("files", test->file->path));
        break;
    case ACT_START:
        start_daemon(app);
        break;
    case ACT_REDRAW:
        term_forget();
        break;
    }
    app->dirty = true;
    app->next_frame = 0;
}

/* ---- answers ---- */

static char *why_text(const json_t *result)
{
    const json_t *why = json_array_get(json_object_get(result, "why"), 0);
    if (why == NULL)
        return text_format("Nothing is known of it.\n");
    autofree char *reason = print_field(why, "reason"), *path = print_field(why, "path"),
                  *detail = print_field(why, "detail");
    return text_format(
        "%s\n\n  reason   %s\n%s%s%s%s%s%s",
        json_is_true(json_object_get(why, "stale")) ? "It is to be run because:"
                                                    : "It ran last because:",
        reason, path[0] != '\0' ? "  path     " : "", path, path[0] != '\0' ? "\n" : "",
        detail[0] != '\0' ? "  detail   " : "", detail, detail[0] != '\0' ? "\n" : "");
}

/* What was read first: it is what one looks for. */
static int interest(const char *kind)
{
    static const char *const kinds[] = {"code",     "content", "listing",
                                        "presence", "search",  "environment"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return (int)i;
    return 0;
}

static void write_deps(FILE *out, const json_t *deps, int wanted)
{
    size_t i;
    const json_t *dep = NULL;
    json_array_foreach(deps, i, dep)
    {
        autofree char *kind = print_field(dep, "kind"), *path = print_field(dep, "path"),
                      *detail = print_field(dep, "detail");
        if (interest(kind) == wanted)
            fprintf(out, "%s %-11s %s%s%s\n",
                    json_is_true(json_object_get(dep, "holds")) ? " " : "!", kind, path,
                    detail[0] != '\0' ? "  " : "", detail);
    }
}

static char *deps_text(const json_t *result)
{
    char *text = NULL;
    size_t size = 0;
    const json_t *deps = json_object_get(result, "deps");
    FILE *out = must(open_memstream(&text, &size));
    for (int kind = 0; kind < 6; kind++)
        write_deps(out, deps, kind);
    if (!json_is_null(json_object_get(result, "next")))
        fputs("\nThere is more: snifferctl deps tells all.\n", out);
    if (json_array_size(deps) == 0)
        fputs("Nothing is known of it: it has not run.\n", out);
    fclose(out);
    return must(text);
}

static void show_answer(struct app *app, const char *what, char *text)
{
    const struct known_test *test = view_selected(&app->view);
    autofree char *title =
        text_format("%s %s", what, test != NULL ? test->file->path : "");
    view_page(&app->view, PAGE_TEXT, title, text);
}

void app_reply(struct app *app, const struct incoming *reply, enum asked about)
{
    if (reply->is_fault) {
        view_notice(&app->view, "%s", reply->fault.message);
        return;
    }
    view_look(&app->view, &app->model);
    switch (about) {
    case ASKED_WHY:
        show_answer(app, "Why:", why_text(reply->result));
        break;
    case ASKED_DEPS:
        show_answer(app, "What it rests on:", deps_text(reply->result));
        break;
    case ASKED_RUN:
        view_notice(
            &app->view, "%lld test files will run",
            (long long)json_integer_value(json_object_get(reply->result, "wanted")));
        break;
    case ASKED_PAUSE:
        app->paused = true;
        view_notice(&app->view, "paused: nothing is run until p goes on");
        break;
    case ASKED_RESUME:
        app->paused = false;
        view_notice(&app->view, "goes on");
        break;
    case ASKED_FOCUS:
    case ASKED_FILES:
    case ASKED_RESULTS:
    case ASKED_SUBSCRIBE:
    case ASKED_NOTHING:
        break; /* what comes of it is told by notifications */
    }
}
