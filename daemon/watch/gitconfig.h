#ifndef WATCH_GITCONFIG_H
#define WATCH_GITCONFIG_H

/* The one setting of git that says what it ignores, from a file as git-config(1) describes them.
 * Private to the room. */

#include "daemon/watch/reader.h"

/* Where the file at PATH (NULL: none), or one that it includes, sets core.excludesFile: *FOUND is
 * freed and becomes that, with "~/" resolved. REPOSITORY, the folder for what git does in this work tree, is what
 * some files are included for. A file with a mistake counts up to there. */
void gitconfig_excludes(const struct reader *reader, const char *path,
                        const char *repository, char **found);

#endif
