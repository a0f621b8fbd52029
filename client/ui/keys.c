#include "client/ui/keys.h"

#include "client/trouble.h"

#include <string.h>

static const char help[] =
    "  up down  j k     move through the failures and their reports\n"
    "  n N              next, previous failure\n"
    "  space            fold or unfold a failure; a folds or unfolds all\n"
    "  pgup pgdn        a page; home and end: first and last (also g and G)\n"
    "  left right       sideways; z wraps long lines again, or no more\n"
    "  enter            open $EDITOR at the failing line; also e\n"
    "  r                run this test file again\n"
    "  R                run all again\n"
    "  f                run only this test file until f is pressed again\n"
    "  p                pause, and go on; also after a halt at the first failure\n"
    "  /                show only failures with these words in their names; esc shows "
    "all\n"
    "  w                why did this test file run?\n"
    "  d                what does its verdict rest on?\n"
    "  D                run this test here, for a debugger in it (snifferctl debug)\n"
    "  o                follow what the tests print\n"
    "  c                copy the report (the terminal must know OSC 52)\n"
    "  ^L               draw anew\n"
    "  q                back; from the first page: leave. The daemon stays and goes on\n"
    "                   verifying; snifferctl stop ends it\n"
    "\n"
    "The wheel scrolls; a click selects a failure, a second one folds it.\n"
    "\n"
    "Grey failures are from before a change: their file is to be run again.\n";

/* ---- moving ---- */

static void next_failure(struct view *view, int step)
{
    if (view->red_count == 0)
        return;
    size_t count = view->red_count;
    size_t index =
        step > 0 ? (view->index + 1) % count : (view->index + count - 1) % count;
    int height = view_height(view, index);
    int anchor = view->anchor;
    for (size_t i = view->index; step > 0 && i < index && anchor < view->area_rows; i++)
        anchor += view_height(view, i);
    for (size_t i = index; step < 0 && i < view->index && anchor >= 0; i++)
        anchor -= view_height(view, i);
    if (index == 0 || anchor < 0)
        anchor = 0;
    if (anchor + height > view->area_rows) /* whole, or from its headline on */
        anchor = view->area_rows > height ? view->area_rows - height : 0;
    view_select(view, index, anchor);
}

/* Down a row: through a report that goes on below the area, else to the next failure. */
static void step_down(struct view *view)
{
    bool more = view->anchor + view_height(view, view->index) - 1 > view->area_rows;
    if (more)
        view_select(view, view->index, view->anchor - 1);
    else if (view->index + 1 < view->red_count)
        next_failure(view, 1);
}

static void step_up(struct view *view)
{
    if (view->anchor < 0) {
        view_select(view, view->index, view->anchor + 1);
    } else if (view->index > 0) {
        size_t index = view->index - 1;
        int anchor = view->anchor - view_height(view, index);
        /* A long one is entered from its end. */
        view_select(view, index, anchor);
    }
}

static void move(struct view *view, int rows)
{
    if (view->page != PAGE_MAIN) {
        view->scroll += view->page == PAGE_OUTPUT ? -rows : rows;
        if (view->scroll < 0)
            view->scroll = 0;
        return;
    }
    for (; rows > 0 && view->red_count > 0; rows--)
        step_down(view);
    for (; rows < 0 && view->red_count > 0; rows++)
        step_up(view);
}

static void move_to_end(struct view *view, bool last)
{
    if (view->page != PAGE_MAIN)
        view->scroll = last == (view->page == PAGE_TEXT) ? 1 << 20 : 0;
    else if (view->red_count > 0 && last)
        view_select(view, view->red_count - 1,
                    view->area_rows - view_height(view, view->red_count - 1));
    else if (view->red_count > 0)
        view_select(view, 0, 0);
    if (!last && view->page == PAGE_MAIN)
        view->touched = false; /* what fails next is seen at once */
}

static void slide(struct view *view, int columns)
{
    view->unwrapped = true;
    view->sideways += columns;
    if (view->sideways < 0)
        view->sideways = 0;
}

static void fold(struct view *view)
{
    struct known_test *test = view_selected(view);
    if (test == NULL)
        return;
    test->folded = !test->folded;
    view_select(view, view->index, view->anchor < 0 ? 0 : view->anchor);
}

static void fold_all(struct view *view)
{
    bool any_open = false;
    for (size_t i = 0; i < view->red_count; i++)
        any_open |= !view->reds[i]->folded;
    for (size_t i = 0; i < view->red_count; i++)
        view->reds[i]->folded = any_open;
    if (view->anchor < 0)
        view->anchor = 0;
}

static void click(struct view *view, int row)
{
    row -= view->area_row;
    if (view->page != PAGE_MAIN || row < 0 || row >= view->area_rows ||
        view->clicked == NULL || view->clicked[row] == 0 ||
        view->clicked[row] > view->red_count)
        return;
    size_t index = view->clicked[row] - 1;
    int anchor = row;
    while (anchor > 0 && view->clicked[anchor - 1] == index + 1)
        anchor--;
    if (index == view->index && view->touched)
        fold(view);
    else
        view_select(view, index, index == view->index ? view->anchor : anchor);
}

/* ---- the filter ---- */

static void put_utf8(char *text, size_t room, int code)
{
    char bytes[5] = {0};
    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
    }
    if (strlen(text) + strlen(bytes) < room)
        strcat(text, bytes);
}

static void type(struct view *view, int code)
{
    size_t length = strlen(view->filter);
    if (code == '\n' || code == '\r') {
        view->typing = false;
    } else if (code == 0x1b) {
        view->typing = false;
        view->filter[0] = '\0';
    } else if (code == UI_BACKSPACE || code == 0x7f || code == '\b') {
        while (length > 0 && ((unsigned char)view->filter[--length] & 0xc0) == 0x80)
            ;
        view->filter[length] = '\0';
    } else if (code == 0x15) { /* ^U */
        view->filter[0] = '\0';
    } else if (code >= ' ' && code < KEY_OF_UI) {
        put_utf8(view->filter, sizeof view->filter, code);
    }
    view->touched = false;
}

/* ---- all ---- */

static enum act leave_page(struct view *view)
{
    if (view->page == PAGE_MAIN)
        return ACT_QUIT;
    view_page(view, PAGE_MAIN, NULL, NULL);
    return ACT_NONE;
}

static enum act of_selected(struct view *view, enum act act)
{
    if (view_selected(view) != NULL)
        return act;
    view_notice(view, "nothing fails, so nothing is selected");
    return ACT_NONE;
}

static enum act take_letter(struct view *view, const struct model *model, int code)
{
    switch (code) {
    case 'q':
        return leave_page(view);
    case 0x1b:
        if (view->page != PAGE_MAIN)
            return leave_page(view);
        view->filter[0] = '\0';
        return ACT_NONE;
    case '?':
    case 'h':
        view_page(view, PAGE_TEXT, "Keys", must(strdup(help)));
        return ACT_NONE;
    case 'o':
        view_page(view, view->page == PAGE_OUTPUT ? PAGE_MAIN : PAGE_OUTPUT, NULL, NULL);
        return ACT_NONE;
    case '/':
        view_page(view, PAGE_MAIN, NULL, NULL);
        view->typing = true;
        view->filter[0] = '\0';
        return ACT_NONE;
    case 'n':
    case 'N':
        view_page(view, PAGE_MAIN, NULL, NULL);
        next_failure(view, code == 'n' ? 1 : -1);
        return ACT_NONE;
    case ' ':
        fold(view);
        return ACT_NONE;
    case 'a':
        fold_all(view);
        return ACT_NONE;
    case 'z':
        view->unwrapped = !view->unwrapped;
        view->sideways = 0;
        return ACT_NONE;
    case '\n':
    case '\r':
    case 'e':
        return of_selected(view, ACT_EDIT);
    case 'D':
        return of_selected(view, ACT_DEBUG);
    case 'c':
        return of_selected(view, ACT_COPY);
    case 'r':
        return of_selected(view, ACT_RUN);
    case 'w':
        return of_selected(view, ACT_WHY);
    case 'd':
        return of_selected(view, ACT_DEPS);
    case 'f':
        return model->focus[0] != '\0' ? ACT_FOCUS : of_selected(view, ACT_FOCUS);
    case 'R':
        return ACT_RUN_ALL;
    case 'p':
        return ACT_PAUSE;
    case 's':
        return model->contact == CONTACT_LOST ? ACT_START : ACT_NONE;
    case 0x0c: /* ^L */
        return ACT_REDRAW;
    default:
        return ACT_NONE;
    }
}

enum act key_take(struct view *view, const struct model *model, const struct key *key)
{
    view_look(view, model);
    free(view->notice);
    view->notice = NULL;
    int page = view->area_rows > 1 ? view->area_rows - 1 : 1;
    if (view->typing && key->code < UI_WHEEL_UP) {
        type(view, key->code);
        return ACT_NONE;
    }
    switch (key->code) {
    case 'j':
    case UI_DOWN:
        move(view, 1);
        return ACT_NONE;
    case 'k':
    case UI_UP:
        move(view, -1);
        return ACT_NONE;
    case UI_PAGE_DOWN:
        move(view, view->page == PAGE_MAIN ? page : 10);
        return ACT_NONE;
    case UI_PAGE_UP:
        move(view, view->page == PAGE_MAIN ? -page : -10);
        return ACT_NONE;
    case UI_WHEEL_DOWN:
        move(view, 3);
        return ACT_NONE;
    case UI_WHEEL_UP:
        move(view, -3);
        return ACT_NONE;
    case 'g':
    case UI_HOME:
        move_to_end(view, false);
        return ACT_NONE;
    case 'G':
    case UI_END:
        move_to_end(view, true);
        return ACT_NONE;
    case UI_LEFT:
        slide(view, -8);
        return ACT_NONE;
    case UI_RIGHT:
        slide(view, 8);
        return ACT_NONE;
    case UI_CLICK:
        click(view, key->row);
        return ACT_NONE;
    default:
        return take_letter(view, model, key->code);
    }
}
