#ifndef WATCH_IGNORE_H
#define WATCH_IGNORE_H

/* Which names are not worth watching. Layers; the first that speaks about a name decides:
 *
 *   1  VCS internals and .sniffer, always; temporary files of editors, unless heeded
 *   2  the ignore setting, as if it were a .gitignore in the root
 *   3  tool caches, bytecode, node_modules
 *   4  .gitignore in the name's folder, then in those above it up to the top of the git work tree,
 *      which may be above the root; where there is no git, up to the root
 *   5  info/exclude of the work tree's repository, then the user's global excludes
 *
 * 4 and 5 are as git reads them (see base/gitignore.h), but for what git's index says: a file that git
 * tracks is ignored all the same where a rule says so. "!" takes back what a layer further down
 * ignores; as with git, nothing below an ignored directory can be taken back. The root itself is never
 * ignored: where the rules above it say so, they do not count.
 *
 * Rules are read when a folder is listed, ignore_enter; questions cost no system call. */

#include <stdbool.h>
#include <stddef.h>

struct ignore;

/* ROOT (copied) is absolute; NULL: no rules are read from files, layers 1 to 3 alone count. */
struct ignore *ignore_new(const char *root);
void ignore_free(struct ignore *ignore);
/* TELL is called for each file that is opened for its rules, with its path as watchers tell it: others
 * may see that happen. */
void ignore_on_read(struct ignore *ignore, void (*tell)(void *owner, const char *path),
                    void *owner);
/* The setting, copied. Who rests on the old one crawls again. */
void ignore_set(struct ignore *ignore, const char *const *patterns, size_t count);

/* Do these names in a folder say something about what is ignored in it? */
bool ignore_is_rule(const char *name);
/* What FOLDER (relative to the root, not ignored) says, from now on. SPEAKS: there is such a name in it;
 * where there is none, and was none before, it costs no system call. For the root also what lies above it,
 * and the excludes. True where other rules hold than before. */
bool ignore_enter(struct ignore *ignore, const char *folder, bool speaks);
/* Can a change of PATH, as watchers tell it, change the rules? */
bool ignore_rests_on(const struct ignore *ignore, const char *path);
/* Then this reads them again; true where they are others. */
bool ignore_reread(struct ignore *ignore, const char *path);
/* Each folder (absolute) outside of the tree whose changes can change the rules. The home folder itself is not
 * among them, for there always something is written: what the global excludes say in it is read again by the
 * next crawl, after an hour of rest at the latest. */
void ignore_each_source(const struct ignore *ignore,
                        void (*visit)(void *owner, const char *folder), void *owner);

/* Each folder (absolute, real) where git keeps locks and the like for a work tree that begins at the root, below
 * it, or above. */
void ignore_each_repository(const struct ignore *ignore,
                            void (*visit)(void *owner, const char *folder), void *owner);

/* PATH relative to the root. A virtual environment is known by what is in it: the watcher asks
 * ignore_environment for the directory it is about to enter. */
bool ignore_matches(const struct ignore *ignore, const char *path, bool is_directory);
/* The same for a PATH whose folder is known not to be ignored: for walks, which come from there. */
bool ignore_matches_here(const struct ignore *ignore, const char *path,
                         bool is_directory);
bool ignore_environment(const char *absolute_directory);
/* Is a directory that has this NAME in it a virtual environment? */
bool ignore_makes_environment(const char *name);

/* Which rule ignores PATH, whose folder is not ignored: "SOURCE:LINE: PATTERN", the caller's. NULL: no
 * rule, but layer 1 or 3; or it is not ignored. *RET_SETTING: it is the setting's. */
char *ignore_why(const struct ignore *ignore, const char *path, bool is_directory,
                 bool *ret_setting);

/* Is this last name an editor's temporary file (vim 4913, .swp, x~, .#x, #x#, ___jb_tmp___ ...)? */
bool ignore_temporary(const struct ignore *ignore, const char *name);
/* From now on no file of this name counts as temporary: somebody reads one. */
void ignore_heed(struct ignore *ignore, const char *name);

#endif
