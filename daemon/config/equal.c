#include "daemon/config/config.h"

#include <string.h>

static bool text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool config_list_equal(char *const *a, char *const *b)
{
    size_t i = 0;
    if (a == NULL || b == NULL)
        return a == b || (a != NULL ? a[0] : b[0]) == NULL;
    while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
        i++;
    return a[i] == NULL && b[i] == NULL;
}

bool config_same_triggers(const struct config *a, const struct config *b)
{
    bool same = a->trigger_count == b->trigger_count;
    for (size_t i = 0; same && i < a->trigger_count; i++)
        same = strcmp(a->triggers[i].pattern, b->triggers[i].pattern) == 0 &&
               config_list_equal(a->triggers[i].tests, b->triggers[i].tests);
    return same;
}

bool config_equal(const struct config *a, const struct config *b)
{
    return text_equal(a->framework, b->framework) && text_equal(a->python, b->python) &&
           config_list_equal(a->args, b->args) &&
           config_list_equal(a->ignore, b->ignore) && config_list_equal(a->env, b->env) &&
           text_equal(a->isolation, b->isolation) &&
           a->changed_first == b->changed_first && a->whole_files == b->whole_files &&
           a->jobs == b->jobs && a->timeout_ms == b->timeout_ms &&
           a->memory == b->memory && a->processes == b->processes;
}
