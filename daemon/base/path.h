#ifndef BASE_PATH_H
#define BASE_PATH_H

/* Paths as the rooms pass them around: bytes, not text. Inside the root they are relative to it,
 * without "./", "//" or a trailing slash, and the root itself is ""; outside they are absolute. */

#include <stdbool.h>
#include <stddef.h>

/* folder + "/" + name; NAME alone where FOLDER is "". Owned by the caller. */
char *path_join(const char *folder, const char *name);

/* The folder of PATH ("" for a name without one). Owned by the caller. */
char *path_parent(const char *path);

/* The last name of PATH; points into it. */
const char *path_base(const char *path);

/* Does PATH lie below FOLDER (or is it FOLDER itself)? Everything relative lies below "". */
bool path_below(const char *path, const char *folder);

/* The path that the module search would try without its suffix: "a/b.cpython-311.so" -> "a/b",
 * "a/b.py" -> "a/b", "a/b" -> "a/b". Owned by the caller. */
char *path_stem(const char *path);

/* What the user named, as the rooms name it: resolved against CWD, "." and ".." folded, made
 * relative to ROOT where it lies inside. ROOT and CWD are absolute and real. Links in the folder
 * part are resolved where it exists; the last name is left as it is. Owned by the caller. */
char *path_in_root(const char *root, const char *cwd, const char *given);

/* The absolute path behind PATH: ROOT joined where it is relative. Owned by the caller. */
char *path_absolute(const char *root, const char *path);

#endif
