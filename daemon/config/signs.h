#ifndef CONFIG_SIGNS_H
#define CONFIG_SIGNS_H

/* Private to this room: what in a project speaks for a framework, and how strongly. Of
 * each kind the first that is found is kept, as a clause: "setup.cfg has [nosetests]". */

#include <stdbool.h>

enum framework { FRAMEWORK_PYTEST, FRAMEWORK_NOSE, FRAMEWORK_UNITTEST, FRAMEWORK_COUNT };

extern const char *const framework_names[FRAMEWORK_COUNT];

enum sign {
    SIGN_SETTINGS, /* of the framework itself, or a file that only it reads, or a call */
    SIGN_DEPENDENCY, /* the project asks for it */
    SIGN_IMPORT,     /* the tests import it */
    SIGN_COUNT
};

struct signs {
    char *seen[SIGN_COUNT][FRAMEWORK_COUNT];
};

void signs_finish(struct signs *signs);
void signs_note(struct signs *signs, enum sign sign, enum framework framework,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* From the files of settings and of dependencies. */
void signs_of_files(struct signs *signs, const char *root);
/* From what the test files import. */
void signs_of_imports(struct signs *signs, const char *root);

/* Is PATH, relative to the root, one of the files that are read for them? */
bool signs_in_file(const char *path);
bool signs_in_test(const char *path);

#endif
