#ifndef WATCH_IGNORE_H
#define WATCH_IGNORE_H

/* Which names are not worth watching. Three layers: what never matters (VCS internals, .sniffer,
 * __pycache__, virtual environments, node_modules, tool caches), temporary files of editors, and patterns from the
 * settings with gitignore's syntax (last match wins, "!" negates, a trailing "/" means directories
 * only, a "/" elsewhere anchors to the root, "**" crosses directories). As with git, nothing below
 * an ignored directory can be taken back. "!" takes back caches and node_modules, never VCS
 * internals, .sniffer or temporary files. */

#include <stdbool.h>
#include <stddef.h>

struct ignore;

/* PATTERNS are copied. */
struct ignore *ignore_new(const char *const *patterns, size_t count);
void ignore_free(struct ignore *ignore);
/* Other patterns from now on; who rests on the old ones crawls again. */
void ignore_set(struct ignore *ignore, const char *const *patterns, size_t count);

/* PATH relative to the root. A virtual environment is known by its pyvenv.cfg: the watcher asks
 * ignore_environment for the directory it is about to enter. */
bool ignore_matches(const struct ignore *ignore, const char *path, bool is_directory);
/* The same for a PATH whose folder is known not to be ignored: for walks, which come from there. */
bool ignore_matches_here(const struct ignore *ignore, const char *path,
                         bool is_directory);
bool ignore_environment(const char *absolute_directory);

/* Is this last name an editor's temporary file (vim 4913, .swp, x~, .#x, #x#, ___jb_tmp___ ...)? */
bool ignore_temporary(const struct ignore *ignore, const char *name);
/* From now on no file of this name counts as temporary: somebody reads one. */
void ignore_heed(struct ignore *ignore, const char *name);

#endif
