/* The table of paths against a plain array of what should be in it. */

#include "daemon/base/xalloc.h"
#include "daemon/tree/paths.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { FOLDERS = 40, FILES = 100 };

static struct paths paths;

static const char *path_of(unsigned number)
{
    static char path[64];
    snprintf(path, sizeof path, "a/d%u/f%u", number % FOLDERS, number / FOLDERS);
    return path;
}

static void ck_is(unsigned number, bool there)
{
    const struct entry *entry = paths_find(&paths, path_of(number));
    ck_assert_msg((entry != NULL) == there, "%s", path_of(number));
    if (entry == NULL)
        return;
    ck_assert_str_eq(entry->path, path_of(number));
    ck_assert_ptr_eq(entry->parent->parent, paths_find(&paths, "a"));
}

START_TEST(what_was_made_is_found_until_it_is_released)
{
    bool there[FOLDERS * FILES] = {false};
    unsigned seed = 7;
    for (int round = 0; round < 20; round++) {
        /* Rounds that mostly add, and rounds that mostly take away. */
        int add = round % 3 == 2 ? 2 : 7;
        for (int step = 0; step < 3000; step++) {
            unsigned number = (unsigned)rand_r(&seed) % (FOLDERS * FILES);
            struct entry *entry = paths_find(&paths, path_of(number));
            ck_assert_int_eq(entry != NULL, there[number]);
            if (rand_r(&seed) % 10 < add) {
                entry = paths_make(&paths, path_of(number));
                entry->known = true;
                there[number] = true;
            } else if (entry != NULL) {
                entry->known = false;
                paths_release(&paths, entry);
                there[number] = false;
            }
        }
        for (unsigned number = 0; number < FOLDERS * FILES; number++)
            ck_is(number, there[number]);
    }
    paths_forget_below(&paths, paths_find(&paths, "a"));
    for (unsigned number = 0; number < FOLDERS * FILES; number++)
        ck_is(number, false);
    paths_make(&paths, path_of(1))->known =
        true; /* in a folder that was the last, and went */
    ck_is(1, true);
    paths_finish(&paths);
    ck_assert_ptr_null(paths_find(&paths, "a"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("paths");
    tcase_add_test(tests, what_was_made_is_found_until_it_is_released);
    Suite *suite = suite_create("tree_paths");
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
