#ifndef CONFIG_SITE_H
#define CONFIG_SITE_H

/* Private to this room: is PACKAGE installed for PYTHON (a path, or a name for $PATH)?
 * Looked for where such an interpreter searches, without running it, so an installation
 * of an unusual kind (an editable one, a zip) is not seen. ROOT is the project's folder.
 */

#include <stdbool.h>

bool site_has(const char *root, const char *python, const char *package);

#endif
