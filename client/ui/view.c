#include "client/ui/view.h"

#include "client/print.h"
#include "client/report.h"
#include "client/trouble.h"
#include "client/ui/leaf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { INDENT = 2 };

void view_finish(struct view *view)
{
    free(view->title);
    free(view->text);
    free(view->notice);
    free(view->reds);
    free(view->clicked);
    *view = (struct view){0};
}

void view_notice(struct view *view, const char *format, ...)
{
    free(view->notice);
    view->notice = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&view->notice, format, args) < 0)
        view->notice = must(NULL);
    va_end(args);
}

void view_page(struct view *view, enum page page, const char *title, char *text)
{
    free(view->title);
    free(view->text);
    view->page = page;
    view->title = title != NULL ? must(strdup(title)) : NULL;
    view->text = text;
    view->scroll = 0;
}

/* ---- what is selected ---- */

void view_look(struct view *view, const struct model *model)
{
    free(view->reds);
    view->red_count = model_reds(model, view->filter, &view->reds);
    if (view->red_count == 0) {
        view->touched = false;
        view->index = 0;
        view->anchor = 0;
        return;
    }
    size_t found = view->red_count;
    for (size_t i = 0; view->touched && i < view->red_count; i++)
        if (view->reds[i]->id == view->selected)
            found = i;
    if (!view->touched) {
        view->index = 0;
        view->anchor = 0;
    } else if (found < view->red_count) {
        view->index = found;
    } else if (view->index >= view->red_count) { /* mended: what stands in its place */
        view->index = view->red_count - 1;
    }
    view->selected = view->reds[view->index]->id;
}

struct known_test *view_selected(const struct view *view)
{
    return view->red_count > 0 ? view->reds[view->index] : NULL;
}

void view_select(struct view *view, size_t index, int anchor)
{
    view->index = index;
    view->selected = view->reds[index]->id;
    view->anchor = anchor;
    view->touched = true;
}

static struct leaf_reader report_of(const struct view *view,
                                    const struct known_test *test)
{
    int columns = view->area_columns - INDENT;
    if (columns < 1)
        columns = 1;
    return leaf_report(model_failure(test), view->unwrapped ? 0 : columns,
                       view->area_utf8);
}

int view_height(const struct view *view, size_t index)
{
    const struct known_test *test = view->reds[index];
    if (test->folded)
        return 1;
    int rows = 2;
    struct leaf leaf;
    struct leaf_reader reader = report_of(view, test);
    while (leaf_next(&reader, &leaf))
        rows++;
    return rows;
}

/* ---- failures ---- */

/* What is to be known of a failure beside its name; NULL: nothing. */
static const char *mark_of(const struct view *view, const struct known_test *test,
                           bool fresh, bool stale)
{
    if (fresh)
        return "in the run that is on";
    if (view->unsure)
        return "as it was";
    if (test->file->running)
        return "runs again";
    if (stale)
        return "to be run again";
    return test->file->flaky ? "flaky" : NULL;
}

static void draw_headline(const struct view *view, size_t index, struct grid *grid,
                          int row)
{
    const struct known_test *test = view->reds[index];
    bool here = index == view->index;
    bool fresh = test->fresh != NULL && !view->unsure;
    bool stale =
        !fresh && (view->unsure || !test->current || test->file->state != FILE_CURRENT);
    enum style style = here ? STYLE_SELECTED : stale ? STYLE_DIM : STYLE_RED;
    const char *sign =
        grid->utf8 ? (test->folded ? "▸ ✘" : "▾ ✘") : (test->folded ? "+ x" : "- x");
    if (here)
        grid_fill(grid, 0, row, grid->columns, style);
    int column = grid_say(grid, 0, row, grid->columns, style, sign) + 1;
    column = grid_say(grid, column, row, grid->columns, style, test->file->path);
    enum style name = here ? STYLE_SELECTED : stale ? STYLE_DIM : STYLE_BOLD;
    column = grid_say(grid, column + 2, row, grid->columns, name, test->name);
    const char *mark = mark_of(view, test, fresh, stale);
    if (mark != NULL) {
        autofree char *words = text_format("(%s)", mark);
        column = grid_say(grid, column + 2, row, grid->columns,
                          here ? STYLE_SELECTED : STYLE_YELLOW, words);
    }
    autofree char *message = report_message(model_failure(test));
    grid_say(grid, column + 2, row, grid->columns, here ? STYLE_SELECTED : STYLE_DIM,
             message);
}

/* Failure INDEX with its headline at TOP of the area, which may lie above it; the rows it took. */
static int draw_failure(struct view *view, size_t index, struct grid *grid, int top)
{
    const struct known_test *test = view->reds[index];
    int row = top, last = view->area_rows;
    if (row >= 0 && row < last)
        draw_headline(view, index, grid, view->area_row + row);
    row++;
    struct leaf leaf;
    struct leaf_reader reader = report_of(view, test);
    while (!test->folded && row < last && leaf_next(&reader, &leaf)) {
        if (row >= 0)
            leaf_put(&reader, &leaf, grid, INDENT, view->area_row + row, grid->columns,
                     view->unwrapped ? view->sideways : 0);
        row++;
    }
    if (!test->folded)
        row++;
    for (int i = top < 0 ? 0 : top; i < row && i < last; i++)
        view->clicked[i] = index + 1;
    return row - top;
}

/* No gap above the first failure, and none below the last where there is more above. */
static void settle_anchor(struct view *view)
{
    int above = 0, below = 0, rows = view->area_rows;
    for (size_t i = view->index; i > 0 && above < view->anchor; i--)
        above += view_height(view, i - 1);
    if (view->anchor > above)
        view->anchor = above;
    if (view->anchor >= rows)
        view->anchor = rows - 1;
    for (size_t i = view->index; i < view->red_count && view->anchor + below < rows; i++)
        below += view_height(view, i);
    if (view->anchor + below >= rows)
        return;
    int gap = rows - view->anchor - below;
    above = 0;
    for (size_t i = view->index; i > 0 && above < view->anchor + gap; i--)
        above += view_height(view, i - 1);
    view->anchor = above < view->anchor + gap ? above : view->anchor + gap;
}

static void draw_failures(struct view *view, struct grid *grid)
{
    settle_anchor(view);
    int top = view->anchor;
    size_t first = view->index;
    while (first > 0 && top > 0)
        top -= view_height(view, --first);
    for (size_t i = first; i < view->red_count && top < view->area_rows; i++)
        top += draw_failure(view, i, grid, top);
}

static void draw_nothing_red(const struct view *view, const struct model *model,
                             struct grid *grid, int row)
{
    const struct stats *stats = &model->stats;
    if (view->filter[0] != '\0' && stats->failures + stats->errors > 0) {
        autofree char *words = text_format("No failure has \"%s\" in its name; / and "
                                           "Enter show all again.",
                                           view->filter);
        grid_say(grid, 0, row, grid->columns, STYLE_YELLOW, words);
        return;
    }
    if (model->contact != CONTACT_UP || model->state != STATE_IDLE ||
        stats->to_be_run > 0 || !model->snapshot || stats->failures + stats->errors > 0)
        return;
    if (stats->tests == 0) {
        grid_say(
            grid, 0, row, grid->columns, STYLE_PLAIN,
            HASH_COUNT(model->files) == 0
                ? "No test files are here yet. They are found as soon as they are saved."
                : "The test files have no tests.");
        grid_say(grid, 0, row + 1, grid->columns, STYLE_DIM, model->root);
        return;
    }
    autofree char *words = text_format("Nothing fails. %lld test files are verified.",
                                       (long long)HASH_COUNT(model->files));
    grid_say(grid, 0, row, grid->columns, STYLE_GREEN, words);
    if (model->burst.done == 0)
        return;
    char took[32];
    print_duration((double)(model->burst.ended - model->burst.began), took);
    autofree char *last = text_format("The last change had %lld of them run, in %s.",
                                      (long long)model->burst.done, took);
    grid_say(grid, 0, row + 1, grid->columns, STYLE_DIM, last);
}

/* ---- pages ---- */

static void draw_text(struct view *view, struct grid *grid, int row, int rows)
{
    grid_say(grid, 0, row, grid->columns, STYLE_BOLD, view->title);
    struct leaf_reader reader = leaf_text(view->text, grid->columns, grid->utf8);
    struct leaf leaf;
    int count = 0;
    while (leaf_next(&reader, &leaf))
        count++;
    int most = count - (rows - 2);
    if (view->scroll > most)
        view->scroll = most;
    if (view->scroll < 0)
        view->scroll = 0;
    reader = leaf_text(view->text, grid->columns, grid->utf8);
    for (int i = 0; i - view->scroll < rows - 2 && leaf_next(&reader, &leaf); i++)
        if (i >= view->scroll)
            leaf_put(&reader, &leaf, grid, 0, row + 2 + i - view->scroll, grid->columns,
                     0);
}

/* The message of an error or of what is not watched, wrapped. */
static int draw_trouble(const struct model *model, struct grid *grid, int row, int end)
{
    bool error = model->state == STATE_ERROR;
    const char *words = model->message[0] != '\0' ? model->message : model->degraded;
    if (model->contact != CONTACT_UP || words[0] == '\0')
        return row;
    struct leaf_reader reader = leaf_text(words, grid->columns, grid->utf8);
    struct leaf leaf;
    while (row < end && leaf_next(&reader, &leaf)) {
        leaf.style = error ? STYLE_ERROR : STYLE_YELLOW;
        leaf_put(&reader, &leaf, grid, 0, row++, grid->columns, 0);
    }
    if (error && row < end)
        grid_say(
            grid, 0, row++, grid->columns, STYLE_DIM,
            "snifferctl doctor tells more. It goes on by itself once this is mended.");
    return row + 1;
}

static void draw_main(struct view *view, const struct model *model, struct grid *grid,
                      int row, int64_t now)
{
    int end = grid->rows - 1;
    row = draw_trouble(model, grid, row, end);
    int body = end - row;
    bool busy = model->queue_count > 0 || model->burst.on;
    if (busy && body >= 3)
        row = draw_queue(model, grid, row, body > 9 ? body / 3 : 2, now);
    if (busy && body >= 16 && model->output.length > 0)
        row = draw_output(model, grid, row, body / 4, 0) + 1;
    view_look(view, model);
    view->area_row = row;
    view->area_rows = end - row;
    view->area_columns = grid->columns;
    view->area_utf8 = grid->utf8;
    view->unsure = model->contact != CONTACT_UP;
    if (view->area_rows <= 0)
        return;
    view->clicked =
        must(reallocarray(view->clicked, (size_t)view->area_rows, sizeof(size_t)));
    memset(view->clicked, 0, (size_t)view->area_rows * sizeof(size_t));
    if (view->red_count > 0)
        draw_failures(view, grid);
    else
        draw_nothing_red(view, model, grid, row);
}

void view_draw(struct view *view, const struct model *model, struct grid *grid,
               int64_t now)
{
    grid_clear(grid);
    int row = draw_head(model, grid);
    view->area_rows = 0;
    if (grid->rows > row + 1) {
        if (view->page == PAGE_MAIN)
            draw_main(view, model, grid, row, now);
        else if (view->page == PAGE_OUTPUT)
            draw_output(model, grid, row, grid->rows - 1 - row, view->scroll);
        else
            draw_text(view, grid, row, grid->rows - 1 - row);
    }
    draw_foot(view, model, grid);
}
