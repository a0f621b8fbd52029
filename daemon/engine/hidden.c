/* Test files that are never run because a rule ignores them: meant or not, somebody should be told. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

#include <string.h>

enum { SHOWN = 5 };

struct hidden {
    size_t by_setting, by_others;
    char *names[SHOWN]; /* those that others than the setting hide come first */
    size_t named;
    char *take_back; /* what the first of those hangs on */
};

/* As some framework would have it, by its name alone. */
static bool is_named_like_a_test(const char *path)
{
    const char *base = path_base(path);
    size_t length = strlen(base);
    if (length < 3 || strcmp(base + length - 3, ".py") != 0)
        return false;
    for (const char *at = base; *at != '\0'; at++)
        if ((at == base || strchr("_-.", at[-1]) != NULL) &&
            (at[0] == 't' || at[0] == 'T') && strncmp(at + 1, "est", 3) == 0)
            return true;
    return false;
}

static void note(void *owner, const char *path, const char *by, const char *rule,
                 bool setting)
{
    struct hidden *hidden = owner;
    if (!is_named_like_a_test(path))
        return;
    bool first = !setting && hidden->by_others == 0;
    hidden->by_setting += setting;
    hidden->by_others += !setting;
    if (first) {
        hidden->take_back = xstrdup(by);
        while (hidden->named > 0)
            free(hidden->names[--hidden->named]);
    }
    if ((setting && hidden->by_others > 0) || hidden->named == SHOWN)
        return;
    hidden->names[hidden->named++] = xasprintf("%s (%s)", path, rule);
}

static char *listed(const struct hidden *hidden, size_t count)
{
    char *text = xstrdup("");
    for (size_t i = 0; i < hidden->named; i++) {
        autofree char *before = text;
        text = xasprintf("%s%s%s", before, i > 0 ? ", " : "", hidden->names[i]);
    }
    if (count <= hidden->named)
        return text;
    autofree char *before = text;
    return xasprintf("%s and %zu more", before, count - hidden->named);
}

char *hidden_tests(const struct engine *engine, bool *ret_ok)
{
    struct hidden hidden = {0};
    bool whole = engine->ports.hidden(engine->ports.owner, note, &hidden);
    bool meant = hidden.by_others == 0;
    size_t count = meant ? hidden.by_setting : hidden.by_others;
    autofree char *list = listed(&hidden, count);
    const char *rest =
        whole ? "" : "; of the ignored folders, not all was looked at: they are large";
    char *message =
        count == 0 ? xasprintf("no rule hides a file that is named like one%s", rest)
        : meant ? xasprintf("%zu ignored, as the settings say: %s%s", count, list, rest)
                : xasprintf(
                      "%zu ignored: %s; to have them run: ignore = [\"!/%s\"]; where it "
                      "is meant, say so with a rule in the ignore setting%s",
                      count, list, hidden.take_back, rest);
    for (size_t i = 0; i < hidden.named; i++)
        free(hidden.names[i]);
    free(hidden.take_back);
    *ret_ok = meant;
    return message;
}
