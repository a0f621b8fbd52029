/* Parts of the picture: the head that is always there, what runs, what it prints, the keys. */

#include "client/print.h"
#include "client/trouble.h"
#include "client/ui/view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- head ---- */

static int64_t count_red(const struct model *model)
{
    return model->stats.failures + model->stats.errors;
}

static bool is_running_red(const struct model *model)
{
    return count_red(model) == 0 && model_fresh(model) > 0;
}

static enum style bar_style(const struct model *model)
{
    if (model->contact != CONTACT_UP || !model->snapshot)
        return STYLE_BAR_GREY;
    if (model->state == STATE_ERROR || count_red(model) > 0 || is_running_red(model))
        return STYLE_BAR_RED;
    if (model->state == STATE_PAUSED)
        return STYLE_BAR_BLUE;
    if (model->state != STATE_IDLE || model->stats.to_be_run > 0)
        return STYLE_BAR_YELLOW;
    return model->stats.tests > 0 ? STYLE_BAR_GREEN : STYLE_BAR_GREY;
}

static void clock_words(int64_t wall, char ret[16])
{
    time_t seconds = (time_t)(wall / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
    strftime(ret, 16, "%H:%M:%S", &local);
}

/* What the tests are like; the caller's. */
static char *bar_words(const struct model *model)
{
    long long red = (long long)count_red(model), tests = (long long)model->stats.tests;
    if (model->contact == CONTACT_LOST)
        return text_format("The daemon is gone%s%s%s", model->lost != NULL ? " (" : "",
                           model->lost != NULL ? model->lost : "",
                           model->lost != NULL ? ")" : "");
    if (!model->snapshot)
        return text_format("connecting");
    if (model->state == STATE_ERROR)
        return text_format("TESTS CANNOT RUN");
    if (red > 0)
        return text_format("%lld of %lld tests %s", red, tests,
                           red == 1 ? "fails" : "fail");
    if (is_running_red(model))
        return text_format("%lld failed so far", (long long)model_fresh(model));
    if (tests > 0 && model->stats.to_be_run == 0 && model->state == STATE_IDLE)
        return text_format("all pass");
    return text_format(tests > 0 ? "none fails so far" : "no tests");
}

static char *bar_state(const struct model *model)
{
    if (model->contact == CONTACT_LOST)
        return text_format("s starts it again");
    char clock[16] = "";
    if (!model->snapshot)
        return text_format("%s", "");
    switch (model->state) {
    case STATE_IDLE:
        clock_words(model->verified, clock);
        return text_format("current since %s", clock);
    case STATE_CHECKING:
        return text_format("looking what has changed");
    case STATE_RUNNING:
        return text_format("running");
    case STATE_PAUSED:
        return text_format(model->focus[0] != '\0' ? "the others wait"
                                                   : "paused; p goes on");
    case STATE_HALTED:
        return text_format("halted at a failure; p goes on with %lld file%s",
                           (long long)model->stats.to_be_run,
                           model->stats.to_be_run == 1 ? "" : "s");
    case STATE_ERROR:
        break;
    }
    return text_format("%s", "");
}

static const char *root_name(const struct model *model)
{
    const char *slash = strrchr(model->root, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : model->root;
}

static void draw_bar(const struct model *model, struct grid *grid)
{
    enum style style = bar_style(model);
    static const char *const signs[] = {"✔", "✘", "●"};
    static const char *const plain[] = {"+", "x", "*"};
    int sign = style == STYLE_BAR_GREEN ? 0 : style == STYLE_BAR_RED ? 1 : 2;
    autofree char *words = bar_words(model), *state = bar_state(model);
    grid_fill(grid, 0, 0, grid->columns, style);
    int column = grid_say(grid, 1, 0, grid->columns, style,
                          grid->utf8 ? signs[sign] : plain[sign]);
    column = grid_say(grid, column + 1, 0, grid->columns, style, words);
    if (state[0] != '\0') {
        autofree char *after = text_format("%s %s", grid->utf8 ? "·" : "-", state);
        column = grid_say(grid, column + 1, 0, grid->columns, style, after);
    }
    const char *name = root_name(model);
    int width = text_columns(name, grid->utf8);
    if (column + 2 + width + 1 <= grid->columns)
        grid_say(grid, grid->columns - 1 - width, 0, grid->columns, style, name);
}

static int add_count(struct grid *grid, int column, enum style style, int64_t count,
                     const char *one, const char *many)
{
    autofree char *text =
        text_format("%lld %s", (long long)count, count == 1 ? one : many);
    if (column + text_columns(text, grid->utf8) > grid->columns)
        text[strspn(text, "0123456789")] = '\0'; /* the number at least */
    return grid_say(grid, column, 1, grid->columns, count > 0 ? style : STYLE_DIM, text) +
           2;
}

/* All of them at all times; where there is no room for words, numbers in the same order. */
static void draw_counts(const struct model *model, struct grid *grid)
{
    const struct stats *stats = &model->stats;
    if (grid->columns < 72) {
        autofree char *text = text_format(
            grid->columns < 40
                ? "%lldt %lldp %lldf %llde %llds %lldq"
                : "%lld tests %lld ok %lld fail %lld err %lld skip %lld to run",
            (long long)stats->tests, (long long)stats->successes,
            (long long)stats->failures, (long long)stats->errors,
            (long long)stats->skipped, (long long)stats->to_be_run);
        grid_say(grid, 0, 1, grid->columns, STYLE_PLAIN, text);
        return;
    }
    int column = 1;
    column = add_count(grid, column, STYLE_BOLD, stats->tests, "test", "tests");
    column = add_count(grid, column, STYLE_GREEN, stats->successes, "passed", "passed");
    column = add_count(grid, column, STYLE_RED, stats->failures, "failure", "failures");
    column = add_count(grid, column, STYLE_RED, stats->errors, "error", "errors");
    column = add_count(grid, column, STYLE_YELLOW, stats->skipped, "skipped", "skipped");
    column = add_count(grid, column, STYLE_YELLOW, stats->to_be_run, "file to be run",
                       "files to be run");
    if (model->focus[0] != '\0') {
        autofree char *text = text_format("only %s", model->focus);
        grid_say(grid, column, 1, grid->columns, STYLE_BLUE, text);
    }
}

int draw_head(const struct model *model, struct grid *grid)
{
    draw_bar(model, grid);
    if (grid->rows > 1 && model->snapshot) /* unknown is not 0 */
        draw_counts(model, grid);
    return grid->rows > 8 ? 3 : 2; /* a blank row where there is room */
}

/* ---- what runs ---- */

static void print_rest(double ms, char ret[64])
{
    char time[32];
    print_duration(ms, time);
    snprintf(ret, 64, ", %s left", time);
}

static void draw_progress(const struct model *model, struct grid *grid, int row,
                          int64_t now, int64_t files)
{
    double rest = 0, part = model_progress(model, now, &rest);
    char left[64] = "";
    if (model->state == STATE_PAUSED || model->state == STATE_HALTED)
        snprintf(left, sizeof left, ", %s", daemon_state_names[model->state]);
    else if (rest >= 1)
        print_rest(rest, left);
    autofree char *words =
        text_format(" %lld of %lld files%s", (long long)model->burst.done,
                    (long long)model->burst.done + files, left);
    int width = grid->columns - text_columns(words, grid->utf8);
    if (width > 60)
        width = 60;
    int full = (int)((double)width * part);
    for (int column = 0; column < width; column++)
        grid_say(grid, column, row, grid->columns,
                 column < full ? STYLE_GREEN : STYLE_DIM,
                 column < full ? (grid->utf8 ? "█" : "#") : (grid->utf8 ? "░" : "."));
    grid_say(grid, width < 0 ? 0 : width, row, grid->columns, STYLE_PLAIN, words);
}

static void draw_entry(struct grid *grid, int row, enum style style, const char *sign,
                       const char *path, double ms, const char *test, const char *why)
{
    char took[32] = "";
    if (ms >= 0)
        print_duration(ms, took);
    int column = grid_say(grid, 1, row, grid->columns, style, sign);
    grid_say(grid, column + (10 - (int)strlen(took) > 0 ? 10 - (int)strlen(took) : 0),
             row, grid->columns, STYLE_DIM, took);
    column = grid_say(grid, 13, row, grid->columns, style, path);
    if (test != NULL)
        column = grid_say(grid, column + 2, row, grid->columns, STYLE_PLAIN, test);
    if (why != NULL)
        grid_say(grid, column + 2, row, grid->columns, STYLE_DIM, why);
}

int draw_queue(const struct model *model, struct grid *grid, int row, int rows,
               int64_t now)
{
    struct known_file **running = NULL;
    size_t count = model_running(model, &running), all = count + model->queue_count;
    int end = row + rows;
    draw_progress(model, grid, row++, now, (int64_t)all);
    for (size_t i = 0; i < all && row < end; i++, row++) {
        if (row + 1 == end && i + 1 < all && i > 0) {
            autofree char *more =
                text_format("%*sand %zu more, %zu files in all", 13, "", all - i, all);
            grid_say(grid, 0, row, grid->columns, STYLE_DIM, more);
            continue;
        }
        if (i < count) {
            draw_entry(grid, row, STYLE_BOLD, grid->utf8 ? "▶" : ">", running[i]->path,
                       (double)(now - running[i]->started), running[i]->test,
                       running[i]->reason);
            continue;
        }
        const char *path = model->queue[i - count];
        const struct known_file *file = model_file(model, path);
        draw_entry(grid, row, STYLE_PLAIN, " ", path,
                   file != NULL ? file->duration_ms : -1, NULL, NULL);
    }
    free(running);
    return row < end ? row + 1 : row; /* a blank row where there is room */
}

/* ---- what it prints ---- */

/* A line "-- tests/test_a.py": LINE begins with OUTPUT_HEAD. */
static void draw_speaker(struct grid *grid, int row, const char *line)
{
    int column =
        grid_say(grid, 0, row, grid->columns, STYLE_BLUE, grid->utf8 ? "── " : "-- ");
    grid_put(grid, column, row, grid->columns, STYLE_BLUE, line + 1,
             strcspn(line + 1, "\n"));
}

/* A progress line that is written over itself: what it says last. */
static void draw_printed(struct grid *grid, int row, const char *line, size_t length)
{
    if (length > 0 && line[length - 1] == '\r')
        length--;
    const char *again = memrchr(line, '\r', length);
    const char *from = again != NULL ? again + 1 : line;
    grid_put(grid, 0, row, grid->columns, STYLE_PLAIN, from,
             length - (size_t)(from - line));
}

int draw_output(const struct model *model, struct grid *grid, int row, int rows,
                int scroll)
{
    const char *text = output_tail(&model->output, rows + scroll);
    const char *speaker = output_speaker(&model->output, text);
    int end = row + rows;
    if (speaker == NULL) {
        grid_say(grid, 0, row, grid->columns, STYLE_DIM,
                 "The tests have printed nothing.");
        return end;
    }
    for (int i = row; *text != '\0' && i < end; i++) {
        size_t length = strcspn(text, "\n");
        if (i == row) /* whose it is, though the line that says so is far up */
            draw_speaker(grid, i, speaker);
        else if (text[0] == OUTPUT_HEAD)
            draw_speaker(grid, i, text);
        else
            draw_printed(grid, i, text, length);
        text += length + (text[length] == '\n');
    }
    return end;
}

/* ---- foot ---- */

static const struct {
    const char *key, *words;
} hints[] = {{"?", "keys"},      {"n", "next"},    {"enter", "edit"}, {"space", "fold"},
             {"r", "run again"}, {"R", "run all"}, {"f", "focus"},    {"p", "pause"},
             {"/", "filter"},    {"w", "why"},     {"d", "rests on"}, {"o", "output"},
             {"c", "copy"}};

/* P is what most look for where nothing goes on by itself. */
static bool is_held(const struct model *model)
{
    return model->state == STATE_HALTED ||
           (model->state == STATE_PAUSED && model->focus[0] == '\0');
}

static void draw_hints(const struct model *model, struct grid *grid, int row, int end)
{
    int column = 0;
    if (is_held(model) && model->contact == CONTACT_UP && end >= 9) {
        column = grid_say(grid, column, row, end, STYLE_BOLD, "p") + 1;
        column = grid_say(grid, column, row, end, STYLE_YELLOW, "go on") + 2;
    }
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (is_held(model) && hints[i].key[0] == 'p')
            continue;
        int width = (int)(strlen(hints[i].key) + 1 + strlen(hints[i].words));
        if (column + width > end)
            return;
        column = grid_say(grid, column, row, end, STYLE_BOLD, hints[i].key) + 1;
        column = grid_say(grid, column, row, end, STYLE_DIM, hints[i].words) + 2;
    }
}

void draw_foot(const struct view *view, const struct model *model, struct grid *grid)
{
    int row = grid->rows - 1, end = grid->columns;
    if (row < 2)
        return;
    grid_fill(grid, 0, row, end, STYLE_PLAIN);
    if (view->typing) {
        int column = grid_say(grid, 0, row, end, STYLE_BOLD, "/");
        column = grid_say(grid, column, row, end, STYLE_PLAIN, view->filter);
        grid_say(grid, column, row, end, STYLE_DIM, grid->utf8 ? "█" : "_");
        return;
    }
    if (view->notice != NULL) {
        grid_say(grid, 0, row, end, STYLE_YELLOW, view->notice);
        return;
    }
    autofree char *where = NULL;
    if (view->page != PAGE_MAIN)
        where = text_format("q back");
    else if (view->filter[0] != '\0')
        where = text_format("/%s %zu", view->filter, view->red_count);
    else if (view->red_count > 0)
        where = text_format("%zu/%zu", view->index + 1, view->red_count);
    int width = where != NULL ? text_columns(where, grid->utf8) : 0;
    if (where != NULL && width < end)
        grid_say(grid, end - width, row, end, STYLE_BOLD, where);
    draw_hints(model, grid, row, end - width - 1);
}
