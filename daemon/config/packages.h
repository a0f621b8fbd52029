#ifndef CONFIG_PACKAGES_H
#define CONFIG_PACKAGES_H

/* The packages of a project: folders whose tests run by themselves, each with its own working
 * directory, settings, framework and interpreter, as if each were a project. Evidence knows no such
 * borders.
 *
 * They are those that the setting names, or the members of a uv workspace. Else, where the root is no
 * Python project itself (it has no setup.py, no [project] and the like, no settings of a framework),
 * they are the topmost folders that have a pyproject.toml, setup.py, setup.cfg or a framework's settings. */

#include "daemon/config/config.h"

/* May a file of this name make a package of its folder? */
bool config_marks_package(const char *path);
/* These names, one by one; NULL behind the last. */
const char *config_package_mark(size_t i);

/* The packages of the project in ROOT besides the root itself: folders relative to it, by name; NULL at
 * the end. MARKS: all paths in it that may mark one. For config_packages_free. *RET_WHY, the caller's, is
 * a sentence. */
char **config_packages(const struct config *config, const char *root,
                       const char *const *marks, size_t count, char **ret_why);
void config_packages_free(char **packages);

/* CONFIG becomes what BASE, of ROOT, says for any package. */
void config_inherit(struct config *config, const char *root, const struct config *base);
/* The settings of the package in FOLDER: its own, and those of ROOT's, in BASE, where it has none. As
 * config_load; the message names the file from the root. */
int config_load_package(const char *root, const char *folder, const struct config *base,
                        struct config *ret, char **ret_message);

#endif
