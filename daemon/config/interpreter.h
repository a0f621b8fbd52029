#ifndef CONFIG_INTERPRETER_H
#define CONFIG_INTERPRETER_H

/* Which Python runs a project's tests, found the way the project's own tools find it, by
 * their documented rules and their files: none of them is run, and no Python either. */

#include "daemon/config/config.h"

/* The interpreter of the project in ROOT, an absolute path or a name for $PATH: the
 * python setting (relative to the root where it has a slash), else the environment that
 * is active, else one that the project's tools made for it, else "python3". *RET_WHY says
 * in a sentence which, why, and what had to be passed over. Both are the caller's. */
char *config_interpreter(const struct config *config, const char *root, char **ret_why);

/* Can a change of PATH (relative to the root) lead to another interpreter? What lies
 * outside of the root is not asked about: a new environment there is seen at the next
 * look. */
bool config_decides_interpreter(const char *path);

#endif
