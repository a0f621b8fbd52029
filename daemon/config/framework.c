#include "daemon/config/framework.h"

#include "daemon/base/xalloc.h"
#include "daemon/config/signs.h"
#include "daemon/config/site.h"

#include <string.h>

/* What speaks for another one than CHOSEN. Not unittest: both others run its tests. */
static const char *other_sign(const struct signs *signs, enum framework chosen)
{
    for (int sign = 0; sign < SIGN_COUNT; sign++)
        for (int i = FRAMEWORK_PYTEST; i <= FRAMEWORK_NOSE; i++)
            if (i != (int)chosen && signs->seen[sign][i] != NULL)
                return signs->seen[sign][i];
    return NULL;
}

static const char *by_signs(const struct signs *signs, char **ret_why)
{
    for (int sign = 0; sign < SIGN_COUNT; sign++)
        for (int i = 0; i < FRAMEWORK_COUNT; i++) {
            if (signs->seen[sign][i] == NULL)
                continue;
            const char *other = other_sign(signs, (enum framework)i);
            *ret_why = xasprintf("%s, because %s%s%s%s", framework_names[i],
                                 signs->seen[sign][i], other != NULL ? " (but " : "",
                                 other != NULL ? other : "", other != NULL ? ")" : "");
            return framework_names[i];
        }
    return NULL;
}

static const char *by_installed(const char *root, const char *python, char **ret_why)
{
    for (int i = FRAMEWORK_PYTEST; i <= FRAMEWORK_NOSE; i++) {
        if (!site_has(root, python, framework_names[i]))
            continue;
        *ret_why =
            xasprintf("%s, because the project does not say, and %s has it installed",
                      framework_names[i], python);
        return framework_names[i];
    }
    *ret_why = xasprintf("unittest, because the project does not say, and %s has neither "
                         "pytest nor nose installed",
                         python);
    return framework_names[FRAMEWORK_UNITTEST];
}

const char *config_framework(const struct config *config, const char *root,
                             const char *python, char **ret_why)
{
    for (size_t i = 0; i < FRAMEWORK_COUNT; i++) {
        if (strcmp(config->framework, framework_names[i]) != 0)
            continue;
        *ret_why = xasprintf("%s, because the setting framework%s%s names it",
                             framework_names[i], config->source != NULL ? " in " : "",
                             config->source != NULL ? config->source : "");
        return framework_names[i];
    }
    struct signs signs = {0};
    signs_of_files(&signs, root);
    const char *framework = by_signs(&signs, ret_why);
    if (framework == NULL) {
        signs_of_imports(&signs, root);
        framework = by_signs(&signs, ret_why);
    }
    signs_finish(&signs);
    return framework != NULL ? framework : by_installed(root, python, ret_why);
}

bool config_decides_framework(const char *path)
{
    return signs_in_file(path) || signs_in_test(path);
}
