#ifndef BASE_GITIGNORE_H
#define BASE_GITIGNORE_H

/* One list of rules as gitignore(5) has them: a .gitignore, info/exclude, the global excludes, the
 * ignore setting. A rule a line; the last that matches decides.
 *
 *   # at the begin: a comment. ! at the begin: takes back. \ makes the next byte plain
 *   blanks at the end do not count, unless escaped; nor does a carriage return there
 *   / at the end: directories alone
 *   / elsewhere: the whole path from the list's folder must match; none: the last name
 *   * ? [] ** as in glob.h
 *
 * Which lists speak about a path, and that nothing below an ignored directory can be taken back, is
 * the caller's. Nothing here reads a file. */

#include <stdbool.h>
#include <stddef.h>

struct rule {
    char *text; /* without "!", and without "/" at the end */
    size_t length;
    size_t literal; /* so many bytes at its begin stand for themselves */
    long line;      /* from 1 */
    bool negated, directory_only;
    bool anchored;  /* a slash stood at its begin, which is not in the text */
    bool by_name;   /* the last name alone */
    bool is_ending; /* a star, and what names must end with */
};

struct gitignore {
    char *source; /* what people know it by */
    char *text;   /* as it was given */
    size_t length;
    struct rule *rules;
    size_t count;
};

/* The rules of TEXT, which is copied, like SOURCE. NULL: none. */
void gitignore_set(struct gitignore *list, const char *source, const char *text,
                   size_t length);
void gitignore_finish(struct gitignore *list);
/* Does LIST say what TEXT says? */
bool gitignore_is(const struct gitignore *list, const char *text, size_t length);

/* The rule that decides about PATH, relative to the list's folder, with the last name BASE; NULL: none. */
const struct rule *gitignore_decide(const struct gitignore *list, const char *path,
                                    const char *base, bool is_directory);

#endif
