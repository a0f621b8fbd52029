#ifndef BASE_TEMPORARY_H
#define BASE_TEMPORARY_H

/* Files that an editor makes for a moment while it saves. They come and go beside the
 * file that is meant and say nothing about the project: no listing counts them, no
 * watcher tells them. */

#include <stdbool.h>

/* NAME is a last name, without a slash. */
bool name_is_temporary(const char *name);

#endif
