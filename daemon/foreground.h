#ifndef DAEMON_FOREGROUND_H
#define DAEMON_FOREGROUND_H

/* What `snifferctl debug` becomes: the command that runs a test file as a worker would, for a terminal.
 * A daemon that runs tells it over its socket (joints.h); where none does, this is all that snifferd does,
 * without a look at the tree or a change to it. */

struct house_settings;

/* Prints the reply to "debug" for FILE, as the caller named it. SETTINGS: root, plugin and python. 0; or -EINVAL where the
 * settings are wrong or FILE is not in the project, which was said on stderr. */
int foreground_describe(const struct house_settings *settings, const char *file);

#endif
