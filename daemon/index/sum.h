#ifndef INDEX_SUM_H
#define INDEX_SUM_H

/* SQLite finds pages that make no sense, but not a number that has become another one. So a file that
 * is closed in order gets a sum of all its bytes beside it, in PATH-sum, which goes when the file is
 * opened again: who is killed leaves none. Neither may be called while this process has PATH open: to
 * close a file gives up all of a process's locks on it. */

#include <stdbool.h>
#include <stddef.h>

enum { SUM_DIGITS = 16 };

/* The sum of these bytes, as text. */
void sum_bytes(const unsigned char *bytes, size_t size, char ret[SUM_DIGITS + 1]);

/* Is there a sum, and another one than the file's? */
bool sum_is_wrong(const char *path);
/* Where it cannot be written there is none, and the next open looks at the pages. */
void sum_write(const char *path);
void sum_remove(const char *path);

#endif
