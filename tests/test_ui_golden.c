/* Recorded conversations into the model and the view, and the pictures against golden ones.
 *
 * tests/golden/ui/NAME.ndjson is what the daemon says, with lines of our own between:
 *   {"ui":"size","columns":80,"rows":24}   {"ui":"keys","keys":"nn "}   {"ui":"key","code":"down"}
 *   {"ui":"now","ms":1000}   {"ui":"ascii"}   {"ui":"lost"}
 *   {"ui":"shot","styles":true}: the picture, and a letter for each cell's style
 * NAME.golden holds the pictures. SNIFFER_RENEW=1 writes them anew: then read the difference. */

#include "client/trouble.h"
#include "client/ui/keys.h"
#include "client/ui/view.h"
#include "tests/support/suite.h"

#include <dirent.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

struct play {
    struct model model;
    struct view view;
    struct grid grid;
    int64_t now;
    FILE *out;
};

static void press(struct play *play, int code)
{
    struct key key = {.code = code};
    view_draw(&play->view, &play->model, &play->grid, play->now);
    key_take(&play->view, &play->model, &key);
}

static int code_named(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"down", UI_DOWN},          {"up", UI_UP},       {"pgdn", UI_PAGE_DOWN},
                 {"pgup", UI_PAGE_UP},       {"right", UI_RIGHT}, {"left", UI_LEFT},
                 {"home", UI_HOME},          {"end", UI_END},     {"esc", 0x1b},
                 {"backspace", UI_BACKSPACE}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i].name, name) == 0)
            return codes[i].code;
    ck_abort_msg("no key is called %s", name);
}

static void shoot(struct play *play, bool styles)
{
    view_draw(&play->view, &play->model, &play->grid, play->now);
    char *text = grid_text(&play->grid);
    fprintf(play->out, "---- %dx%d\n%s", play->grid.columns, play->grid.rows, text);
    free(text);
    if (!styles)
        return;
    text = grid_styles(&play->grid);
    fprintf(play->out, "---- styles\n%s", text);
    free(text);
}

static void direct(struct play *play, const char *what, const json_t *line)
{
    if (strcmp(what, "size") == 0) {
        grid_resize(&play->grid,
                    (int)json_integer_value(json_object_get(line, "columns")),
                    (int)json_integer_value(json_object_get(line, "rows")));
    } else if (strcmp(what, "keys") == 0) {
        const char *keys = json_string_value(json_object_get(line, "keys"));
        for (; *keys != '\0'; keys++)
            press(play, *keys);
    } else if (strcmp(what, "key") == 0) {
        press(play, code_named(json_string_value(json_object_get(line, "code"))));
    } else if (strcmp(what, "click") == 0) {
        struct key key = {.code = UI_CLICK,
                          .row = (int)json_integer_value(json_object_get(line, "row"))};
        view_draw(&play->view, &play->model, &play->grid, play->now);
        key_take(&play->view, &play->model, &key);
    } else if (strcmp(what, "now") == 0) {
        play->now = json_integer_value(json_object_get(line, "ms"));
    } else if (strcmp(what, "ascii") == 0) {
        play->grid.utf8 = false;
    } else if (strcmp(what, "lost") == 0) {
        model_contact(&play->model, CONTACT_LOST, NULL);
    } else if (strcmp(what, "shot") == 0) {
        shoot(play, json_is_true(json_object_get(line, "styles")));
    } else {
        ck_abort_msg("unknown: %s", what);
    }
}

static void play_line(struct play *play, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    ck_assert_msg(line != NULL, "no JSON: %s", text);
    const char *what = json_string_value(json_object_get(line, "ui"));
    if (what != NULL) {
        direct(play, what, line);
    } else {
        const char *method = json_string_value(json_object_get(line, "method"));
        ck_assert_msg(method != NULL, "neither a message nor ours: %s", text);
        if (strcmp(method, "snapshot") == 0)
            model_contact(&play->model, CONTACT_UP, NULL);
        model_take(&play->model, method, json_object_get(line, "params"), play->now,
                   45296000 + play->now); /* 12:34:56 */
    }
    json_decref(line);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (file == NULL)
        return must(strdup(""));
    ssize_t length = getdelim(&text, &size, '\0', file);
    fclose(file);
    if (length < 0) {
        free(text);
        return must(strdup(""));
    }
    return text;
}

static void play_file(const char *name)
{
    autofree char *path = text_format(SOURCE_DIR "/tests/golden/ui/%s.ndjson", name);
    autofree char *golden_path =
        text_format(SOURCE_DIR "/tests/golden/ui/%s.golden", name);
    struct play play = {.grid = {.utf8 = true}};
    char *shown = NULL, *text = NULL;
    size_t size = 0, room = 0;
    play.out = must(open_memstream(&shown, &size));
    model_init(&play.model);
    grid_resize(&play.grid, 80, 24);
    FILE *script = fopen(path, "r");
    ck_assert_msg(script != NULL, "cannot read %s", path);
    while (getline(&text, &room, script) > 0)
        if (text[0] != '\n' && text[0] != '#')
            play_line(&play, text);
    fclose(script);
    fclose(play.out);
    autofree char *golden = read_file(golden_path);
    if (getenv("SNIFFER_RENEW") != NULL) {
        FILE *out = must(fopen(golden_path, "w"));
        fputs(shown, out);
        fclose(out);
    } else {
        size_t same = 0;
        while (shown[same] != '\0' && shown[same] == golden[same])
            same++;
        while (same > 0 && shown[same - 1] != '\n')
            same--;
        ck_assert_msg(strcmp(shown, golden) == 0,
                      "%s: another picture, from \"%.200s\", now \"%.200s\". If that is "
                      "right: SNIFFER_RENEW=1 test_ui_golden",
                      name, golden + same, shown + same);
    }
    free(text);
    free(shown);
    view_finish(&play.view);
    model_finish(&play.model);
    grid_finish(&play.grid);
}

/* One test a conversation, so that a red one is named. */
static char *names[64];
static int count;

START_TEST(a_conversation_gives_its_golden_pictures)
{
    play_file(names[_i]);
}
END_TEST

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    DIR *folder = opendir(SOURCE_DIR "/tests/golden/ui");
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *dot = strstr(entry->d_name, ".ndjson");
        if (dot != NULL && count < (int)(sizeof names / sizeof *names))
            names[count++] = strndup(entry->d_name, (size_t)(dot - entry->d_name));
    }
    if (folder != NULL)
        closedir(folder);
    qsort(names, (size_t)count, sizeof *names, by_name);
    Suite *suite = suite_create("ui_golden");
    TCase *test_case = tcase_create("golden");
    tcase_add_loop_test(test_case, a_conversation_gives_its_golden_pictures, 0, count);
    suite_add_tcase(suite, test_case);
    int failed = suite_run(suite);
    for (int i = 0; i < count; i++)
        free(names[i]);
    return count > 0 ? failed : 1;
}
