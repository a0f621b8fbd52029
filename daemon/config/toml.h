#ifndef CONFIG_TOML_H
#define CONFIG_TOML_H

/* Private to this room: a TOML text told value by value, for what others keep in theirs.
 * The settings of the project itself come by toml_settings (setting.h), which knows lines
 * and judges. */

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PATH: the keys with dots between them; the items of a list have the list's. TEXT: a
 * string's value; NULL for anything else. Tables are told too, before what is in them. */
typedef void toml_visit(void *owner, const char *path, const char *text);

/* False: no TOML, nothing was told. */
bool toml_each(const char *text, toml_visit *visit, void *owner);

#ifdef __cplusplus
}
#endif

#endif
