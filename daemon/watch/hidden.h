#ifndef WATCH_HIDDEN_H
#define WATCH_HIDDEN_H

/* What rules hide: the files that would be found, were it not for a rule. For people who wonder where a
 * file is: it walks the tree anew, ignored folders too, and is not for every day. */

#include "daemon/watch/ignore.h"

/* A file (relative to the root) that RULE hides, "SOURCE:LINE: PATTERN". BY is what the rule names: the file
 * itself, or a folder above it. SETTING: the rule is one of the ignore setting. */
typedef void hidden_visit(void *owner, const char *path, const char *by, const char *rule,
                          bool setting);

/* Each file below ROOT that a rule hides. Left out are environments, caches, and in ignored folders all
 * that is named like what tools build: hidden folders, build, dist. False where there was too much to see
 * it all. */
bool hidden_each(const struct ignore *ignore, const char *root, hidden_visit *visit,
                 void *owner);

#endif
