/* What the test files themselves import. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"
#include "daemon/config/signs.h"

#include <fnmatch.h>
#include <string.h>

/* Enough to know: imports stand at the head, and of many files the first speak for all.
 */
enum { HEAD_MAX = 16 << 10, TESTS_MAX = 200 };

struct tally {
    const char *root;
    size_t tests;
    size_t imports[FRAMEWORK_COUNT]; /* files, each counted once */
    char *first[FRAMEWORK_COUNT];    /* of those files */
};

/* Does TEXT name MODULE or one inside it, and end there? */
static bool names_module(const char *text, const char *module)
{
    size_t length = strlen(module);
    return strncmp(text, module, length) == 0 &&
           (text[length] == '\0' || strchr(" \t.,;#", text[length]) != NULL);
}

/* Of unittest, what tests are written with: its mock serves all frameworks. */
static bool means_unittest(const char *module, bool from)
{
    if (!names_module(module, "unittest"))
        return false;
    return from ? strstr(module, "TestCase") != NULL : module[strlen("unittest")] != '.';
}

static enum framework module_framework(const char *module, bool from)
{
    if (names_module(module, "pytest"))
        return FRAMEWORK_PYTEST;
    if (names_module(module, "nose"))
        return FRAMEWORK_NOSE;
    return means_unittest(module, from) ? FRAMEWORK_UNITTEST : FRAMEWORK_COUNT;
}

static void note_line(const char *line, bool imported[])
{
    line += strspn(line, " \t");
    bool from = strncmp(line, "from ", strlen("from ")) == 0;
    if (!from && strncmp(line, "import ", strlen("import ")) != 0)
        return;
    for (const char *module = line + strcspn(line, " "); module != NULL;
         module = from ? NULL : strchr(module + 1, ',')) {
        enum framework framework =
            module_framework(module + strspn(module, " \t,"), from);
        if (framework != FRAMEWORK_COUNT)
            imported[framework] = true;
    }
}

static void count_test(struct tally *tally, const char *path)
{
    autofree char *text = files_head(tally->root, path, HEAD_MAX);
    if (text == NULL)
        return;
    bool imported[FRAMEWORK_COUNT] = {false};
    char *state = NULL;
    for (char *line = strtok_r(text, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state))
        note_line(line, imported);
    tally->tests++;
    for (int i = 0; i < FRAMEWORK_COUNT; i++) {
        tally->imports[i] += imported[i];
        if (imported[i] && tally->first[i] == NULL)
            tally->first[i] = xstrdup(path);
    }
}

static bool is_test(const char *name)
{
    return fnmatch("test*.py", name, 0) == 0 || fnmatch("*_test.py", name, 0) == 0;
}

static void count_folder(struct tally *tally, const char *folder)
{
    autofree char *path = path_join(tally->root, folder);
    char **names = files_names(path);
    for (char **name = names; *name != NULL && tally->tests < TESTS_MAX; name++) {
        autofree char *test = path_join(folder, *name);
        if (is_test(*name))
            count_test(tally, test);
    }
    files_names_free(names);
}

/* In FOLDER/NAME/BELOW of every NAME there is at PATH, which is FOLDER's. */
static void count_inside(struct tally *tally, const char *path, const char *folder,
                         const char *below)
{
    char **names = files_names(path);
    for (char **name = names; *name != NULL; name++) {
        autofree char *inside = path_join(folder, *name);
        autofree char *tests = path_join(inside, below);
        count_folder(tally, tests);
    }
    files_names_free(names);
}

/* In the root, in its tests and test and the folders there, and in the tests of its
 * packages. */
static void count_all(struct tally *tally)
{
    static const char *const tests[] = {"tests", "test"};
    count_folder(tally, "");
    for (size_t i = 0; i < 2; i++) {
        count_folder(tally, tests[i]);
        autofree char *path = path_join(tally->root, tests[i]);
        count_inside(tally, path, tests[i], "");
    }
    count_inside(tally, tally->root, "", "tests");
}

void signs_of_imports(struct signs *signs, const char *root)
{
    struct tally tally = {.root = root};
    count_all(&tally);
    const size_t *imports = tally.imports;
    enum framework most = imports[FRAMEWORK_NOSE] > imports[FRAMEWORK_PYTEST]
                              ? FRAMEWORK_NOSE
                              : FRAMEWORK_PYTEST;
    if (imports[most] > 0)
        signs_note(signs, SIGN_IMPORT, most, "%s imports %s", tally.first[most],
                   framework_names[most]);
    /* unittest finds nothing else, so one file of plain functions speaks against it. */
    else if (tally.tests > 0 && imports[FRAMEWORK_UNITTEST] == tally.tests)
        signs_note(signs, SIGN_IMPORT, FRAMEWORK_UNITTEST,
                   "the test files import unittest and neither pytest nor nose");
    for (int i = 0; i < FRAMEWORK_COUNT; i++)
        free(tally.first[i]);
}

static bool is_tests(const char *folder)
{
    return strcmp(folder, "tests") == 0 || strcmp(folder, "test") == 0;
}

bool signs_in_test(const char *path)
{
    if (!is_test(path_base(path)))
        return false;
    autofree char *folder = path_parent(path);
    autofree char *above = path_parent(folder);
    return folder[0] == '\0' || is_tests(folder) || is_tests(above) ||
           (strcmp(path_base(folder), "tests") == 0 && strchr(above, '/') == NULL);
}
