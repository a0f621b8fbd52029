#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

/* Private to this room: the files of others, in which it looks for what it needs to know.
 * They are small, they may be anything, and what cannot be read counts as not there. */

#include <stdbool.h>
#include <stddef.h>

/* The text of FOLDER/NAME, NUL at its end. 0, -ENOENT where there is no regular file of
 * that name, -EFBIG, other -errno. */
int files_read(const char *folder, const char *name, char **ret, size_t *ret_length);

/* The same; NULL where it cannot be read. The caller's. */
char *files_text(const char *folder, const char *name);

/* Its first MOST bytes, or NULL. The caller's. */
char *files_head(const char *folder, const char *name, size_t most);

bool files_exist(const char *folder, const char *name);
/* Is it a file that may be executed? */
bool files_runs(const char *path);

/* The names in FOLDER, in order and without hidden ones; NULL-terminated, empty where
 * there is no such folder. */
char **files_names(const char *folder);
void files_names_free(char **names);

/* The text at the dotted PATH of the TOML file FOLDER/NAME, or NULL. The caller's. */
char *files_toml(const char *folder, const char *name, const char *path);

#endif
