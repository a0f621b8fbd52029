#ifndef CONFIG_REQUIREMENT_H
#define CONFIG_REQUIREMENT_H

/* Private to this room: does a text ask for a framework, or call one? */

#include "daemon/config/signs.h"

#include <stddef.h>

/* Does TEXT begin with a requirement ("nose>=1.3", "pytest-cov[toml]; ...") of a
 * framework or of one of its plugins? nose2 is neither nose nor its plugin.
 * FRAMEWORK_COUNT: no. */
enum framework requirement_of(const char *text);

/* The framework that a command line calls ("coverage run -m pytest"), or FRAMEWORK_COUNT.
 */
enum framework requirement_called(const char *command);

#endif
