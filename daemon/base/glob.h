#ifndef BASE_GLOB_H
#define BASE_GLOB_H

/* Patterns for paths as gitignore(5) has them, which is neither fnmatch(3) nor what a shell does: "*"
 * and "?" stop at a slash, "**" between slashes or ends stands for any number of folders, other runs
 * of stars are one star, a bracket that is not closed matches nothing. Bytes are compared; classes as
 * [:alpha:] know ASCII alone. */

#include <stdbool.h>
#include <stddef.h>

/* The whole of TEXT. Takes at most the square of TEXT's length for each star. */
bool glob_matches(const char *pattern, const char *text);

/* How many bytes PATTERN begins with that stand for themselves. */
size_t glob_literal(const char *pattern);

#endif
