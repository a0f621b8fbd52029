#ifndef CONFIG_FRAMEWORK_H
#define CONFIG_FRAMEWORK_H

/* Which framework runs a project's tests, told from the project's own files and without
 * running Python: the settings of pytest and of nose, then what the project says it
 * depends on, then what its tests import, then what is installed. The stronger sign wins;
 * when another one says otherwise, that is told too. */

#include "daemon/config/config.h"

/* "pytest", "nose" or "unittest" for the project in ROOT, whose interpreter is PYTHON (as
 * config_interpreter gives it). *RET_WHY, the caller's, is a sentence: "pytest, because
 * pyproject.toml has [tool.pytest.ini_options]". */
const char *config_framework(const struct config *config, const char *root,
                             const char *python, char **ret_why);

/* Can a change of PATH (relative to the root) lead to another framework? */
bool config_decides_framework(const char *path);

#endif
