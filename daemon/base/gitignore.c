#include "daemon/base/gitignore.h"

#include "daemon/base/xalloc.h"
#include "daemon/base/glob.h"

#include <string.h>

/* ---- reading ---- */

static size_t trimmed(const char *text, size_t length)
{
    size_t kept = 0; /* up to the last byte that is no plain blank */
    for (size_t i = 0; i < length; i++) {
        bool escapes = text[i] == '\\' && i + 1 < length;
        i += escapes;
        if (escapes || text[i] != ' ')
            kept = i + 1;
    }
    return kept;
}

static bool parse(const char *text, size_t length, struct rule *ret)
{
    if (length > 0 && text[length - 1] == '\r')
        length--;
    length = trimmed(text, length);
    if (length == 0 || text[0] == '#')
        return false;
    struct rule rule = {.negated = text[0] == '!'};
    text += rule.negated;
    length -= rule.negated;
    rule.directory_only = length > 0 && text[length - 1] == '/';
    length -= rule.directory_only;
    rule.by_name = memchr(text, '/', length) == NULL;
    rule.anchored = length > 0 && text[0] == '/';
    text += rule.anchored;
    length -= rule.anchored;
    rule.text = xstrndup(text, length);
    rule.length = strlen(rule.text);
    rule.literal = glob_literal(rule.text);
    rule.is_ending =
        rule.text[0] == '*' && rule.text[1 + glob_literal(rule.text + 1)] == '\0';
    *ret = rule;
    return true;
}

static void add(struct gitignore *list, size_t *capacity, const char *text, size_t length,
                long line)
{
    struct rule rule;
    if (!parse(text, length, &rule))
        return;
    rule.line = line;
    list->rules = xgrow(list->rules, list->count, capacity, sizeof *list->rules);
    list->rules[list->count++] = rule;
}

void gitignore_set(struct gitignore *list, const char *source, const char *text,
                   size_t length)
{
    gitignore_finish(list);
    if (text == NULL)
        return;
    list->source = xstrdup(source);
    list->text = xmalloc(length + 1);
    memcpy(list->text, text, length);
    list->text[length] = '\0';
    list->length = length;
    static const char mark[] = "\xef\xbb\xbf"; /* some editors begin UTF-8 with it */
    bool marked = length >= 3 && memcmp(text, mark, 3) == 0;
    const char *end = list->text + length;
    size_t capacity = 0;
    long line = 1;
    for (const char *at = list->text + (marked ? 3 : 0); at < end; line++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((next != NULL ? next : end) - at);
        add(list, &capacity, at, strnlen(at, size), line);
        at += size + 1;
    }
}

void gitignore_finish(struct gitignore *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->rules[i].text);
    free(list->rules);
    free(list->text);
    free(list->source);
    *list = (struct gitignore){0};
}

bool gitignore_is(const struct gitignore *list, const char *text, size_t length)
{
    if (text == NULL || list->text == NULL)
        return text == list->text;
    return length == list->length && memcmp(text, list->text, length) == 0;
}

/* ---- matching ---- */

static bool matches_name(const struct rule *rule, const char *base, size_t length)
{
    if (rule->literal == rule->length)
        return length == rule->length && memcmp(base, rule->text, length) == 0;
    if (rule->is_ending) {
        size_t tail = rule->length - 1;
        return length >= tail && memcmp(base + length - tail, rule->text + 1, tail) == 0;
    }
    return glob_matches(rule->text, base);
}

/* The plain begin is compared before the rest is matched as a pattern of its own: so git has it, and
 * "a**" followed by "/b" means more to it than its manual says. */
static bool matches_path(const struct rule *rule, const char *path)
{
    return strncmp(path, rule->text, rule->literal) == 0 &&
           glob_matches(rule->text + rule->literal, path + rule->literal);
}

const struct rule *gitignore_decide(const struct gitignore *list, const char *path,
                                    const char *base, bool is_directory)
{
    size_t length = strlen(base);
    for (size_t i = list->count; i-- > 0;) {
        const struct rule *rule = &list->rules[i];
        if (rule->directory_only && !is_directory)
            continue;
        if (rule->by_name ? matches_name(rule, base, length) : matches_path(rule, path))
            return rule;
    }
    return NULL;
}
