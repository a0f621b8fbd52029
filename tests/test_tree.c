#include "daemon/base/path.h"
#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/tree/identity.h"
#include "tests/support/suite.h"
#include "tests/support/tree_scene.h"

/* ---- refresh ---- */

START_TEST(a_new_file_appears_and_a_deleted_one_vanishes)
{
    assert_differ(state(EVIDENCE_CONTENT, "asked"), truth(EVIDENCE_CONTENT, ""));
    put("asked", "x");
    put("new", "x");
    assert_refresh("asked", TREE_APPEARED | TREE_CHANGED);
    assert_refresh("new", TREE_APPEARED | TREE_CHANGED);
    ck_assert(tree_knows(tree, "new"));
    assert_refresh("asked", TREE_SAME);
    ck_assert_int_eq(unlink("asked"), 0);
    ck_assert_int_eq(unlink("new"), 0);
    assert_refresh("asked", TREE_VANISHED | TREE_CHANGED);
    assert_refresh("new", TREE_VANISHED | TREE_CHANGED);
    ck_assert(!tree_knows(tree, "new"));
    assert_refresh("asked", TREE_SAME);
}
END_TEST

START_TEST(a_modified_file_changes_once)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a", TREE_SAME);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_refresh("a", TREE_CHANGED);
}
END_TEST

START_TEST(a_touch_or_a_save_of_the_same_is_no_change_but_another_presence)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    struct digest before = state(EVIDENCE_PRESENCE, "a");
    set_mtime("a", 1000);
    assert_refresh("a", TREE_SAME);
    struct digest touched = state(EVIDENCE_PRESENCE, "a");
    assert_differ(touched, before);
    replace("a", "one");
    assert_refresh("a", TREE_SAME);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), touched);
    replace("a", "two");
    assert_refresh("a", TREE_CHANGED);
}
END_TEST

START_TEST(a_file_nobody_asked_for_changes_whenever_it_is_named)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    assert_refresh("a", TREE_CHANGED);
    state(EVIDENCE_PRESENCE, "a");
    assert_refresh("a", TREE_CHANGED);
    state(EVIDENCE_CONTENT, "a");
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(a_name_of_which_nothing_was_known_may_have_been_there)
{
    assert_refresh("gone", TREE_CHANGED);
    state(EVIDENCE_PRESENCE, "gone");
    assert_refresh("gone", TREE_SAME);
    put("asked", "x"); /* never learned, but its presence was told */
    state(EVIDENCE_PRESENCE, "asked");
    ck_assert_int_eq(unlink("asked"), 0);
    assert_refresh("asked", TREE_VANISHED | TREE_CHANGED);
}
END_TEST

START_TEST(asking_for_a_state_does_not_swallow_the_change)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    state(EVIDENCE_CONTENT, "a");
    assert_refresh("a", TREE_CHANGED);
    /* Two answers went out: back at the first, the second is wrong. */
    put("a", "three");
    state(EVIDENCE_CONTENT, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a", TREE_SAME);
    ck_assert_int_eq(unlink("a"), 0);
    state(EVIDENCE_PRESENCE, "a");
    put("a", "two");
    assert_refresh("a", TREE_CHANGED | TREE_APPEARED);
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(a_file_that_became_a_directory_changed_and_back_again)
{
    put("a", "one");
    tree_learn(tree, "a", false);
    state(EVIDENCE_CONTENT, "a");
    ck_assert_int_eq(unlink("a"), 0);
    make("a");
    put("a/b", "");
    assert_refresh("a", TREE_CHANGED);
    assert_refresh("a/b", TREE_APPEARED | TREE_CHANGED);
    ck_assert_int_eq(unlink("a/b"), 0);
    ck_assert_int_eq(rmdir("a"), 0);
    put("a", "one");
    assert_refresh("a", TREE_CHANGED);
    ck_assert(!tree_knows(tree, "a/b"));
}
END_TEST

static void collect(void *owner, const char *path)
{
    ck_assert(strset_add(owner, path));
}

static size_t count_below(const char *folder)
{
    struct strset set = {0};
    tree_each(tree, folder, collect, &set);
    size_t count = strset_count(&set);
    strset_finish(&set);
    return count;
}

START_TEST(a_directory_vanishes_with_all_below_it)
{
    tree_learn(tree, "d", true);
    tree_learn(tree, "d/e", true);
    tree_learn(tree, "d/e/a", false);
    tree_learn(tree, "d/b", false);
    tree_learn(tree, "da", false);
    state(EVIDENCE_CONTENT, "d/e/a");
    ck_assert_uint_eq(count_below("d"), 2);
    assert_refresh("d", TREE_VANISHED | TREE_CHANGED);
    ck_assert_uint_eq(count_below("d"), 0);
    ck_assert(!tree_knows(tree, "d/e"));
    ck_assert(!tree_knows(tree, "d/e/a"));
    ck_assert(tree_knows(tree, "da"));
    ck_assert_uint_eq(count_below(""), 1);
}
END_TEST

START_TEST(each_visits_the_known_files_below_a_folder)
{
    static const char *const files[] = {"a", "d/a", "d/e/a", "d2/a", "/outside/a"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        tree_learn(tree, files[i], false);
    tree_learn(tree, "d/e", true);
    state(EVIDENCE_CONTENT, "d/asked_but_not_known");
    ck_assert_uint_eq(count_below(""), 4);
    ck_assert_uint_eq(count_below("d"), 2);
    ck_assert_uint_eq(count_below("d/e"), 1);
    ck_assert_uint_eq(count_below("d/a"), 0);
    ck_assert_uint_eq(count_below("nowhere"), 0);
    ck_assert_uint_eq(count_below("/outside"), 1);
    ck_assert_uint_eq(count_below("/"), 1);
}
END_TEST

START_TEST(what_is_unlearned_is_forgotten_but_not_its_digests)
{
    put("a", "one");
    tree_learn(tree, "", true);
    tree_learn(tree, "a", false);
    tree_learn(tree, "b/c", false);
    tree_learn(tree, "/outside/a", false);
    state(EVIDENCE_CONTENT, "a");
    tree_unlearn(tree);
    ck_assert(!tree_knows(tree, "a"));
    ck_assert(!tree_knows(tree, "b/c"));
    ck_assert(!tree_knows(tree, ""));
    ck_assert(!tree_knows(tree, "/outside/a"));
    ck_assert_uint_eq(count_below(""), 0);
    tree_learn(tree, "a", false);
    assert_refresh("a", TREE_SAME);
}
END_TEST

START_TEST(absolute_paths_work_the_same)
{
    char outside[] = "/tmp/sniffer-outside-XXXXXX";
    int fd = mkstemp(outside);
    ck_assert_int_ge(fd, 0);
    close(fd);
    state(EVIDENCE_CONTENT, outside);
    assert_refresh(outside, TREE_SAME);
    put(outside, "more");
    assert_refresh(outside, TREE_CHANGED);
    ck_assert_int_eq(unlink(outside), 0);
    assert_refresh(outside, TREE_VANISHED | TREE_CHANGED);
    ck_assert_uint_eq(count_below(""), 0);
}
END_TEST

/* ---- memory ---- */

/* Old enough to be trusted, and nobody writes to it. */
static const char old_file[] = SOURCE_DIR "/LICENSE";

START_TEST(a_memory_is_believed_while_the_identity_is_the_same)
{
    struct tree_memory memory = {.path = old_file,
                                 .identity = tree_identity(tree, old_file)};
    memset(&memory.digest, 7, sizeof memory.digest);
    tree_remember(tree, &memory);
    assert_same(state(EVIDENCE_CONTENT, old_file), memory.digest); /* without reading */
    struct tree_memory recalled;
    ck_assert(!tree_recall(tree, old_file, &recalled)); /* who told us has it */
}
END_TEST

START_TEST(a_memory_of_another_identity_is_not_believed)
{
    struct digest right = truth(EVIDENCE_CONTENT, old_file);
    struct identity now = tree_identity(tree, old_file);
    struct identity others[6];
    for (size_t i = 0; i < 6; i++)
        others[i] = now;
    others[0].device++;
    others[1].inode++;
    others[2].size++;
    others[3].mtime_ns++;
    others[4].ctime_ns++;
    others[5].mode ^= 1;
    for (size_t i = 0; i < 6; i++) {
        struct tree *fresh = tree_new(root);
        struct tree_memory memory = {.path = old_file, .identity = others[i]};
        tree_remember(fresh, &memory);
        struct digest digest = tree_state(fresh, EVIDENCE_CONTENT, old_file);
        struct tree_memory recalled;
        bool news = tree_recall(fresh, old_file, &recalled);
        tree_free(fresh);
        assert_same(digest, right);
        ck_assert(news);
    }
}
END_TEST

START_TEST(a_trusted_digest_is_recalled_once)
{
    struct tree_memory memory;
    ck_assert(!tree_recall(tree, old_file, &memory));
    struct digest digest = state(EVIDENCE_CONTENT, old_file);
    ck_assert(tree_recall(tree, old_file, &memory));
    ck_assert_str_eq(memory.path, old_file);
    assert_same(memory.digest, digest);
    struct identity now = tree_identity(tree, old_file);
    ck_assert(identity_equal(&memory.identity, &now));
    state(EVIDENCE_CONTENT, old_file);
    ck_assert(!tree_recall(tree, old_file, &memory));
}
END_TEST

START_TEST(there_is_no_memory_of_what_is_no_file)
{
    make("d");
    ck_assert_int_eq(symlink("d", "link"), 0);
    const char *paths[] = {"d", "link", "absent"};
    struct tree_memory memory;
    for (size_t i = 0; i < 3; i++) {
        state(EVIDENCE_CONTENT, paths[i]);
        ck_assert(!tree_recall(tree, paths[i], &memory));
    }
    struct identity absent = tree_identity(tree, "absent");
    ck_assert_uint_eq(absent.mode, 0);
    struct identity link = tree_identity(tree, "link");
    ck_assert(S_ISLNK(link.mode));
}
END_TEST

static void add_refresh_tests(Suite *suite)
{
    TCase *tests = tcase_create("refresh");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_new_file_appears_and_a_deleted_one_vanishes);
    tcase_add_test(tests, a_modified_file_changes_once);
    tcase_add_test(tests,
                   a_touch_or_a_save_of_the_same_is_no_change_but_another_presence);
    tcase_add_test(tests, a_file_nobody_asked_for_changes_whenever_it_is_named);
    tcase_add_test(tests, a_name_of_which_nothing_was_known_may_have_been_there);
    tcase_add_test(tests, asking_for_a_state_does_not_swallow_the_change);
    tcase_add_test(tests, a_file_that_became_a_directory_changed_and_back_again);
    tcase_add_test(tests, a_directory_vanishes_with_all_below_it);
    tcase_add_test(tests, each_visits_the_known_files_below_a_folder);
    tcase_add_test(tests, what_is_unlearned_is_forgotten_but_not_its_digests);
    tcase_add_test(tests, absolute_paths_work_the_same);
    suite_add_tcase(suite, tests);
}

static void add_memory_tests(Suite *suite)
{
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_memory_is_believed_while_the_identity_is_the_same);
    tcase_add_test(tests, a_memory_of_another_identity_is_not_believed);
    tcase_add_test(tests, a_trusted_digest_is_recalled_once);
    tcase_add_test(tests, there_is_no_memory_of_what_is_no_file);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("tree");
    add_refresh_tests(suite);
    add_memory_tests(suite);
    return suite_run(suite);
}
