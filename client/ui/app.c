#include "client/ui/app.h"

#include "client/daemon.h"
#include "client/ui/plain.h"
#include "client/ui/term.h"
#include "proto/version.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MS = 33,
    CLOCK_MS = 250, /* how often what runs gets a new time */
    RECONNECT_MS = 500,
    PAGE_AGAIN_MS = 1000,
};

static int64_t wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- signals ---- */

static void ours(sigset_t *set)
{
    static const int signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGTERM, SIGINT, SIGHUP};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(set, signals[i]);
}

void app_unblock(void)
{
    sigset_t set;
    ours(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGINT, SIG_IGN); /* ^C in the editor is the editor's */
}

void app_block(struct app *app)
{
    sigset_t set;
    ours(&set);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (app->signals < 0)
        app->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct app *app)
{
    struct signalfd_siginfo info;
    while (read(app->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        switch ((int)info.ssi_signo) {
        case SIGWINCH:
            if (app->pictures)
                term_resized();
            break;
        case SIGTSTP:
            if (app->pictures)
                term_lend();
            raise(SIGSTOP);
            if (app->pictures)
                term_back();
            break;
        case SIGCONT:
            break;
        default:
            app->quit = true;
        }
        app->dirty = true;
        app->next_frame = 0;
    }
}

/* ---- the conversation ---- */

static void ask_page(struct app *app, enum asked about, const char *method,
                     int64_t offset)
{
    app->pages_open++;
    talk_ask(&app->talk, about, method,
             must(json_pack("{s:I}", "offset", (json_int_t)offset)));
}

static void lost(struct app *app, const char *why, int64_t now)
{
    talk_close(&app->talk);
    app->pages_open = 0;
    app->page_again = 0;
    if (app->model.contact != CONTACT_LOST || why != NULL)
        model_contact(&app->model, CONTACT_LOST, why);
    if (!app->pictures)
        plain_lost(&app->print, &app->model);
    app->reconnect = now + RECONNECT_MS;
    app->dirty = true;
}

static void take_notification(struct app *app, const struct incoming *incoming,
                              int64_t now)
{
    bool snapshot = strcmp(incoming->method, "snapshot") == 0;
    if (snapshot && app->model.contact != CONTACT_UP)
        model_contact(&app->model, CONTACT_UP, NULL);
    if (snapshot) /* what one waits for */
        app->next_frame = 0;
    if (model_take(&app->model, incoming->method, incoming->params, now, wall_now())) {
        app->dirty = true;
        if (!app->pictures)
            plain_say(&app->print, &app->model, incoming->method, incoming->params);
    }
    if (!snapshot || !app->model.broken_in)
        return;
    app->page_seq = json_integer_value(json_object_get(incoming->params, "seq"));
    app->pages_moved = false;
    ask_page(app, ASKED_FILES, "files",
             (int64_t)json_array_size(json_object_get(incoming->params, "files")));
    ask_page(app, ASKED_RESULTS, "results",
             (int64_t)json_array_size(json_object_get(incoming->params, "results")));
}

/* Pages of different states can miss a record: then all of it is asked for again, after a while. */
static void take_page(struct app *app, const json_t *result, enum asked about,
                      int64_t now)
{
    const char *key = about == ASKED_FILES ? "files" : "results";
    const json_t *next = json_object_get(result, "next");
    app->pages_open--;
    app->pages_moved |=
        json_integer_value(json_object_get(result, "seq")) != app->page_seq;
    model_take_page(&app->model, key, result);
    if (json_is_integer(next))
        ask_page(app, about, key, json_integer_value(next));
    else if (app->pages_open == 0 && app->pages_moved)
        app->page_again = now + PAGE_AGAIN_MS;
    else if (app->pages_open == 0)
        model_whole(&app->model);
    app->dirty = true;
}

static void pages_again(struct app *app)
{
    app->page_again = 0;
    app->pages_moved = false;
    app->page_seq = -1;
    ask_page(app, ASKED_FILES, "files", 0);
    ask_page(app, ASKED_RESULTS, "results", 0);
}

static void take_message(struct app *app, const struct incoming *incoming,
                         enum asked about, int64_t now)
{
    if (!incoming->is_reply) {
        take_notification(app, incoming, now);
        return;
    }
    bool page = about == ASKED_FILES || about == ASKED_RESULTS;
    if (page && app->page_seq < 0 && incoming->result != NULL)
        app->page_seq = json_integer_value(json_object_get(incoming->result, "seq"));
    if (page && incoming->result != NULL && app->pages_open > 0) {
        take_page(app, incoming->result, about, now);
        return;
    }
    app_reply(app, incoming, about);
    app->dirty = true;
    app->next_frame = 0;
}

static void converse(struct app *app, int64_t now)
{
    struct incoming incoming;
    enum asked about;
    while (talk_next(&app->talk, &incoming, &about))
        take_message(app, &incoming, about, now);
    if (app->talk.gone)
        lost(app, NULL, now);
}

static void reconnect(struct app *app, int64_t now)
{
    app->reconnect = now + RECONNECT_MS;
    if (talk_open(&app->talk, &app->project, &app->trouble) == 0)
        app->dirty = true;
    else if (!app->trouble.absent && app->pictures)
        view_notice(&app->view, "%s", app->trouble.text);
}

/* ---- the loop ---- */

static void draw(struct app *app, int64_t now)
{
    int columns = 0, rows = 0;
    app->dirty = false;
    if (!app->pictures)
        return;
    term_size(&columns, &rows);
    if (columns != app->grid.columns || rows != app->grid.rows)
        grid_resize(&app->grid, columns, rows);
    view_draw(&app->view, &app->model, &app->grid, now);
    term_show(&app->grid);
    app->next_frame = link_now() + FRAME_MS;
}

static void take_keys(struct app *app)
{
    struct key key;
    while (app->pictures && !app->quit && term_key(&key))
        app_act(app, key_take(&app->view, &app->model, &key));
}

static int until(const struct app *app, int64_t now)
{
    int64_t when = now + 3600000;
    if (app->dirty)
        when = app->next_frame;
    else if (app->pictures && app->model.burst.on)
        when = app->next_frame + CLOCK_MS;
    if (!app->talk.up && app->reconnect < when)
        when = app->reconnect;
    if (app->page_again > 0 && app->page_again < when)
        when = app->page_again;
    return when > now ? (int)(when - now) : 0;
}

static void turn(struct app *app)
{
    int64_t now = link_now();
    struct pollfd pollers[] = {
        {.fd = app->signals, .events = POLLIN},
        {.fd = app->pictures ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = talk_fd(&app->talk), .events = talk_events(&app->talk)},
    };
    if (poll(pollers, 3, until(app, now)) < 0 && errno != EINTR)
        app->quit = true;
    now = link_now();
    if (pollers[0].revents != 0)
        take_signals(app);
    if (pollers[1].revents & (POLLHUP | POLLERR | POLLNVAL))
        app->quit = true; /* the terminal is gone */
    else if (pollers[1].revents != 0)
        take_keys(app);
    if (app->talk.up)
        converse(app, now);
    if (!app->talk.up && !app->quit && now >= app->reconnect)
        reconnect(app, now);
    if (app->talk.up && app->page_again > 0 && now >= app->page_again)
        pages_again(app);
    if (app->pictures && app->model.burst.on && now >= app->next_frame + CLOCK_MS)
        app->dirty = true;
    if (app->dirty && now >= app->next_frame)
        draw(app, now);
}

static void run(struct app *app)
{
    app->pictures = term_start();
    print_init(&app->print, stdout);
    app->grid.utf8 = app->print.utf8;
    app->dirty = true;
    app_block(app);
    draw(app, link_now());
    app->next_frame = 0; /* the first one that has something to say comes at once */
    while (!app->quit)
        turn(app);
    term_stop();
    if (app->pictures && app->talk.up)
        puts("The daemon stays and goes on verifying; snifferctl stop ends it.");
}

/* ---- main ---- */

static void print_help(void)
{
    fputs(
        "usage: sniffer [-C DIR]\n"
        "Shows the state of a Python project's tests, live; starts the daemon where none "
        "runs.\n\n"
        "  -C DIR             the project of DIR instead of the working directory's\n"
        "  --help             this text; ? shows the keys\n"
        "  --version          the version\n\n"
        "Where the terminal cannot show pictures, or there is none, it writes lines.\n",
        stdout);
}

/* False: *RET_CODE is what to leave with. */
static bool read_argv(struct app *app, int argc, char **argv, const char **ret_directory,
                      int *ret_code)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":C:", longs, NULL)) != -1) {
        if (option == 'C') {
            *ret_directory = optarg;
            continue;
        }
        *ret_code = CTL_DONE;
        if (option == 'h')
            print_help();
        else if (option == 'V')
            puts("sniffer " SNIFFER_VERSION);
        else
            *ret_code =
                trouble_set(&app->trouble, CTL_USAGE,
                            option == ':' ? "%s needs a folder; see sniffer --help"
                                          : "unknown option \"%s\"; see sniffer --help",
                            argv[optind > 1 ? optind - 1 : 1]);
        return false;
    }
    if (optind < argc) {
        *ret_code =
            trouble_set(&app->trouble, CTL_USAGE,
                        "sniffer takes no \"%s\"; see sniffer --help", argv[optind]);
        return false;
    }
    return true;
}

static int open_and_run(struct app *app, const char *directory)
{
    struct link link;
    bool started = false;
    int code = project_find(&app->project, directory, &app->trouble);
    if (code == 0)
        code = daemon_open(&link, &app->project, NULL, &started, &app->trouble);
    if (code != 0)
        return code;
    talk_take(&app->talk, &link);
    run(app);
    return CTL_DONE;
}

int app_main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    struct app app = {.signals = -1};
    const char *directory = NULL;
    int code = 0;
    model_init(&app.model);
    if (read_argv(&app, argc, argv, &directory, &code))
        code = open_and_run(&app, directory);
    if (code > CTL_RED && app.trouble.text[0] != '\0')
        fprintf(stderr, "sniffer: %s\n", app.trouble.text);
    talk_close(&app.talk);
    view_finish(&app.view);
    model_finish(&app.model);
    grid_finish(&app.grid);
    project_finish(&app.project);
    if (app.signals >= 0)
        close(app.signals);
    return code;
}
