#include "client/ui/term.h"

#include "client/trouble.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static bool started;

/* ---- styles ---- */

/* -1: the terminal's own. EIGHT are the colours that each terminal has, MANY those of 256, and
 * TRUE ones 0xRRGGBB. */
struct look {
    attr_t attributes;
    short eight_fore, eight_back;
    short many_fore, many_back;
    int true_fore, true_back;
    attr_t without; /* with no colours at all */
};

static const struct look looks[STYLE_COUNT] = {
    [STYLE_PLAIN] = {A_NORMAL, -1, -1, -1, -1, -1, -1, A_NORMAL},
    [STYLE_DIM] = {A_DIM, -1, -1, 245, -1, 0x8a8a8a, -1, A_DIM},
    [STYLE_BOLD] = {A_BOLD, -1, -1, -1, -1, -1, -1, A_BOLD},
    [STYLE_RED] = {A_BOLD, COLOR_RED, -1, 203, -1, 0xff5f5f, -1, A_BOLD},
    [STYLE_GREEN] = {A_NORMAL, COLOR_GREEN, -1, 77, -1, 0x5fd75f, -1, A_NORMAL},
    [STYLE_YELLOW] = {A_NORMAL, COLOR_YELLOW, -1, 179, -1, 0xd7af5f, -1, A_NORMAL},
    [STYLE_BLUE] = {A_NORMAL, COLOR_BLUE, -1, 75, -1, 0x5fafff, -1, A_BOLD},
    [STYLE_ERROR] = {A_NORMAL, COLOR_RED, -1, 203, -1, 0xff5f5f, -1, A_BOLD},
    [STYLE_PATH] = {A_NORMAL, COLOR_CYAN, -1, 80, -1, 0x5fd7d7, -1, A_UNDERLINE},
    [STYLE_CODE] = {A_NORMAL, -1, -1, 252, -1, 0xd0d0d0, -1, A_NORMAL},
    [STYLE_ADDED] = {A_NORMAL, COLOR_GREEN, -1, 77, -1, 0x5fd75f, -1, A_NORMAL},
    [STYLE_REMOVED] = {A_NORMAL, COLOR_MAGENTA, -1, 176, -1, 0xd787d7, -1, A_NORMAL},
    [STYLE_SELECTED] = {A_BOLD, COLOR_WHITE, COLOR_BLUE, 231, 24, 0xffffff, 0x005f87,
                        A_REVERSE},
    [STYLE_BAR_RED] = {A_BOLD, COLOR_WHITE, COLOR_RED, 231, 160, 0xffffff, 0xd70000,
                       A_REVERSE | A_BOLD},
    [STYLE_BAR_GREEN] = {A_BOLD, COLOR_BLACK, COLOR_GREEN, 16, 41, 0x000000, 0x00d75f,
                         A_REVERSE},
    [STYLE_BAR_YELLOW] = {A_BOLD, COLOR_BLACK, COLOR_YELLOW, 16, 220, 0x000000, 0xffd700,
                          A_REVERSE},
    [STYLE_BAR_BLUE] = {A_BOLD, COLOR_WHITE, COLOR_BLUE, 231, 26, 0xffffff, 0x005fd7,
                        A_REVERSE},
    [STYLE_BAR_GREY] = {A_BOLD, COLOR_BLACK, COLOR_WHITE, 231, 240, 0xffffff, 0x585858,
                        A_REVERSE},
};

static attr_t attributes[STYLE_COUNT];
static int pairs[STYLE_COUNT];

static void choose_looks(void)
{
    const char *none = getenv("NO_COLOR");
    bool colours = (none == NULL || none[0] == '\0') && has_colors();
    if (colours) {
        start_color();
        use_default_colors();
    }
    for (int i = 0; i < STYLE_COUNT; i++) {
        const struct look *look = &looks[i];
        bool direct = COLORS > 0xffffff, many = COLORS >= 256;
        int fore = direct ? look->true_fore : many ? look->many_fore : look->eight_fore;
        int back = direct ? look->true_back : many ? look->many_back : look->eight_back;
        attributes[i] = colours ? look->attributes : look->without;
        if (!colours || (fore < 0 && back < 0))
            continue;
        if (fore >= 0 && many) /* grey is the better dim */
            attributes[i] &= ~A_DIM;
        pairs[i] = i;
        if (init_extended_pair(i, fore, back) == ERR)
            pairs[i] = 0;
    }
}

/* ---- life ---- */

bool term_start(void)
{
    const char *name = getenv("TERM");
    if (name == NULL || strcmp(name, "dumb") == 0 || !isatty(STDOUT_FILENO) ||
        !isatty(STDIN_FILENO))
        return false;
    SCREEN *screen = newterm(NULL, stdout, stdin); /* initscr would end the program */
    if (screen == NULL)
        return false;
    if (tigetstr("cup") == NULL) {
        endwin();
        delscreen(screen);
        return false;
    }
    started = true;
    choose_looks();
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
    mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED,
              NULL);
    mouseinterval(0);
    return true;
}

void term_stop(void)
{
    if (started)
        endwin();
    started = false;
}

void term_size(int *ret_columns, int *ret_rows)
{
    *ret_columns = COLS;
    *ret_rows = LINES;
}

void term_resized(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
        size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
}

void term_lend(void)
{
    endwin();
}

void term_back(void)
{
    term_resized();
    clearok(curscr, TRUE);
    refresh();
    flushinp();
}

/* ---- showing ---- */

static void show_cell(const struct grid *grid, int column, int row)
{
    const struct cell_of_grid *cell = grid_at(grid, column, row);
    wchar_t wide[CCHARW_MAX + 1] = {0};
    mbstate_t state = {0};
    const char *bytes = cell->glyph;
    size_t length = mbsrtowcs(wide, &bytes, CCHARW_MAX, &state);
    cchar_t glyph;
    int pair = pairs[cell->style];
    if (length == (size_t)-1 || length == 0 ||
        setcchar(&glyph, wide, attributes[cell->style], 0, &pair) == ERR) {
        wide[0] = L'?';
        wide[1] = L'\0';
        setcchar(&glyph, wide, attributes[cell->style], 0, &pair);
    }
    mvadd_wch(row, column, &glyph);
}

void term_show(const struct grid *grid)
{
    for (int row = 0; row < grid->rows; row++)
        for (int column = 0; column < grid->columns; column++)
            if (grid_at(grid, column, row)->glyph[0] != '\0')
                show_cell(grid, column, row);
    refresh();
}

void term_forget(void)
{
    clearok(curscr, TRUE);
}

/* ---- keys ---- */

static bool take_mouse(struct key *ret)
{
    MEVENT event;
    if (getmouse(&event) != OK)
        return false;
    ret->column = event.x;
    ret->row = event.y;
    if (event.bstate & BUTTON4_PRESSED)
        ret->code = UI_WHEEL_UP;
    else if (event.bstate & BUTTON5_PRESSED)
        ret->code = UI_WHEEL_DOWN;
    else if (event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED))
        ret->code = UI_CLICK;
    else
        return false;
    return true;
}

static bool translate(wint_t code, struct key *ret)
{
    static const struct {
        wint_t curses;
        int ours;
    } keys[] = {
        {KEY_UP, UI_UP},       {KEY_DOWN, UI_DOWN},     {KEY_LEFT, UI_LEFT},
        {KEY_RIGHT, UI_RIGHT}, {KEY_PPAGE, UI_PAGE_UP}, {KEY_NPAGE, UI_PAGE_DOWN},
        {KEY_HOME, UI_HOME},   {KEY_END, UI_END},       {KEY_BACKSPACE, UI_BACKSPACE},
        {KEY_ENTER, '\n'},
    };
    if (code == KEY_MOUSE)
        return take_mouse(ret);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].curses == code) {
            ret->code = keys[i].ours;
            return true;
        }
    }
    return false;
}

bool term_key(struct key *ret)
{
    for (;;) {
        wint_t code = 0;
        int kind = get_wch(&code);
        if (kind == ERR)
            return false;
        *ret = (struct key){.code = (int)code};
        if (kind == OK || translate(code, ret))
            return true;
    }
}

/* ---- the clipboard ---- */

void term_copy(const char *text)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = strlen(text);
    fputs("\033]52;c;", stdout);
    for (size_t i = 0; i < length; i += 3) {
        size_t rest = length - i;
        unsigned three = (unsigned)bytes[i] << 16 |
                         (rest > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (rest > 2 ? (unsigned)bytes[i + 2] : 0);
        putchar(digits[three >> 18]);
        putchar(digits[three >> 12 & 63]);
        putchar(rest > 1 ? digits[three >> 6 & 63] : '=');
        putchar(rest > 2 ? digits[three & 63] : '=');
    }
    fputs("\033\\", stdout);
    fflush(stdout);
}
