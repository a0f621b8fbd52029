#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"
#include "tests/support/tree_scene.h"

/* ---- presence ---- */

START_TEST(presence_is_kind_mode_size_and_mtime_but_not_contents)
{
    put("a", "text");
    set_mtime("a", 1000);
    struct digest before = state(EVIDENCE_PRESENCE, "a");
    put("a", "TEXT");
    set_mtime("a", 1000);
    assert_same(state(EVIDENCE_PRESENCE, "a"), before);
    set_mtime("a", 1001);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    put("a", "longer");
    set_mtime("a", 1000);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    put("a", "text");
    set_mtime("a", 1000);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
    ck_assert_int_eq(unlink("a"), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "a"), before);
}
END_TEST

START_TEST(existence_is_kind_and_mode)
{
    put("a", "text");
    set_mtime("a", 1000);
    struct digest before = state(EVIDENCE_EXISTENCE, "a");
    put("a", "another text");
    set_mtime("a", 1001);
    assert_same(state(EVIDENCE_EXISTENCE, "a"), before);
    ck_assert_int_eq(chmod("a", 0600), 0);
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), before);
    ck_assert_int_eq(unlink("a"), 0);
    struct digest absent = state(EVIDENCE_EXISTENCE, "a");
    assert_differ(absent, before);
    ck_assert(tree_was_absent(EVIDENCE_EXISTENCE, &absent));
    make("a");
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), before);
    assert_differ(state(EVIDENCE_EXISTENCE, "a"), absent);
}
END_TEST

START_TEST(the_presence_of_a_directory_is_kind_and_mode)
{
    make("d");
    struct digest before = state(EVIDENCE_PRESENCE, "d");
    put("d/a", "");
    set_mtime("d", 1000);
    assert_same(state(EVIDENCE_PRESENCE, "d"), before);
    ck_assert_int_eq(chmod("d", 0700), 0);
    assert_differ(state(EVIDENCE_PRESENCE, "d"), before);
}
END_TEST

START_TEST(presence_follows_links)
{
    ck_assert_int_eq(symlink("target", "link"), 0);
    struct digest before = state(EVIDENCE_PRESENCE, "link");
    assert_differ(before, state(EVIDENCE_PRESENCE, "absent"));
    put("target", "x");
    assert_differ(state(EVIDENCE_PRESENCE, "link"), before);
    /* lstat tells it from a file: so must we. */
    assert_differ(state(EVIDENCE_PRESENCE, "link"), state(EVIDENCE_PRESENCE, "target"));
}
END_TEST

/* ---- listing and search ---- */

START_TEST(a_listing_is_names_and_kinds)
{
    make("d");
    put("d/b", "");
    put("d/a", "");
    struct digest before = state(EVIDENCE_LISTING, "d");
    put("d/a", "other contents");
    assert_same(state(EVIDENCE_LISTING, "d"), before);
    put("d/c", "");
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(unlink("d/c"), 0);
    assert_same(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(unlink("d/a"), 0);
    make("d/a");
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    ck_assert_int_eq(rmdir("d/a"), 0);
    ck_assert_int_eq(symlink("b", "d/a"), 0);
    assert_differ(state(EVIDENCE_LISTING, "d"), before);
    make("e");
    put("e/a", "");
    put("e/b", "");
    assert_same(state(EVIDENCE_LISTING, "e"), before);
}
END_TEST

START_TEST(a_listing_of_the_root_counts_no_passing_names)
{
    put("a", "");
    struct digest before = state(EVIDENCE_LISTING, "");
    make("__pycache__");
    make(".sniffer");
    put(".a.swp", "");
    put("a~", "");
    put("4913", "");
    assert_same(state(EVIDENCE_LISTING, ""), before);
    put("sedAbCdEf", "");
    assert_differ(state(EVIDENCE_LISTING, ""), before);
}
END_TEST

START_TEST(no_directory_lists_like_no_other)
{
    make("empty");
    put("file", "");
    struct digest empty = state(EVIDENCE_LISTING, "empty");
    assert_differ(empty, state(EVIDENCE_LISTING, "absent"));
    assert_differ(empty, state(EVIDENCE_LISTING, "file"));
    assert_differ(state(EVIDENCE_LISTING, "file"), state(EVIDENCE_LISTING, "absent"));
    ck_assert_int_eq(symlink("empty", "link"), 0);
    /* Whoever listed "link" when it was a folder did not list what it leads to now. */
    assert_differ(empty, state(EVIDENCE_LISTING, "link"));
}
END_TEST

START_TEST(behind_a_link_lies_another_path)
{
    make("real");
    put("real/a", "x");
    put("real/mod.py", "");
    struct digest content = state(EVIDENCE_CONTENT, "real/a");
    struct digest presence = state(EVIDENCE_PRESENCE, "real/a");
    struct digest listing = state(EVIDENCE_LISTING, "real");
    struct digest search = state(EVIDENCE_SEARCH, "real/mod");
    ck_assert_int_eq(rename("real", "moved"), 0);
    ck_assert_int_eq(symlink("moved", "real"), 0);
    assert_differ(state(EVIDENCE_CONTENT, "real/a"), content);
    assert_differ(state(EVIDENCE_PRESENCE, "real/a"), presence);
    assert_differ(state(EVIDENCE_LISTING, "real"), listing);
    assert_differ(state(EVIDENCE_SEARCH, "real/mod"), search);
    ck_assert_uint_eq(tree_identity(tree, "real/a").mode, 0);
    assert_same(state(EVIDENCE_CONTENT, "moved/a"), content);
}
END_TEST

START_TEST(in_a_survey_the_way_to_a_folder_is_gone_once)
{
    make("real");
    make("other");
    put("real/a", "x");
    put("other/b", "y");
    struct digest content = state(EVIDENCE_CONTENT, "real/a");
    struct digest presence = state(EVIDENCE_PRESENCE, "real/a");
    tree_survey(tree, true);
    assert_same(state(EVIDENCE_PRESENCE, "real/a"), presence);
    ck_assert_int_eq(rename("real", "moved"), 0);
    ck_assert_int_eq(symlink("moved", "real"), 0);
    assert_same(state(EVIDENCE_PRESENCE, "real/a"), presence);
    ck_assert_uint_ne(tree_identity(tree, "other/b").mode, 0);
    assert_differ(state(EVIDENCE_CONTENT, "real/a"), content);
    ck_assert_uint_eq(tree_identity(tree, "real/a").mode, 0);
    ck_assert_uint_ne(tree_identity(tree, "moved/a").mode, 0);
    ck_assert_int_eq(rename("moved", "real-again"), 0);
    tree_survey(tree, false); /* from here on it is asked anew each time */
    ck_assert_uint_eq(tree_identity(tree, "moved/a").mode, 0);
    assert_same(state(EVIDENCE_CONTENT, "real-again/a"), content);
}
END_TEST

START_TEST(names_made_at_once_are_listed)
{
    make("d");
    for (int i = 0; i < 100; i++) {
        struct digest before = state(EVIDENCE_LISTING, "d");
        autofree char *path = xasprintf("d/%d", i);
        put(path, "");
        assert_differ(state(EVIDENCE_LISTING, "d"), before);
    }
}
END_TEST

START_TEST(a_search_sees_what_could_be_that_module)
{
    static const struct {
        const char *path;
        bool offered;
    } cases[] = {
        {"lib/mod.py", true},     {"lib/mod.pyc", true},
        {"lib/mod.so", true},     {"lib/mod.cpython-311-x86_64-linux-gnu.so", true},
        {"lib/mod.txt", false},   {"lib/mod", false},
        {"lib/model.py", false},  {"lib/mo.py", false},
        {"lib/mod.py~", false},   {"lib/mod.py.swp", false},
        {"lib/mod_so.so", false},
    };
    make("lib");
    put("lib/moc.py", "");
    struct digest before = state(EVIDENCE_SEARCH, "lib/mod");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(cases[i].path, "");
        ck_assert_msg(!same(state(EVIDENCE_SEARCH, "lib/mod"), before) ==
                          cases[i].offered,
                      "%s", cases[i].path);
        ck_assert_int_eq(unlink(cases[i].path), 0);
    }
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), before);
}
END_TEST

START_TEST(a_search_sees_a_package_and_what_makes_it_one)
{
    make("lib");
    struct digest nothing = state(EVIDENCE_SEARCH, "lib/mod");
    assert_same(nothing, state(EVIDENCE_SEARCH, "absent/mod"));
    make("lib/mod");
    struct digest space = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(space, nothing);
    put("lib/mod/other.py", "");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), space);
    put("lib/mod/__init__.py", "");
    struct digest package = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(package, space);
    put("lib/mod/__init__.py", "x = 1");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), package);
    ck_assert_int_eq(rename("lib/mod", "lib/elsewhere"), 0);
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    ck_assert_int_eq(symlink("elsewhere", "lib/mod"), 0);
    struct digest linked = state(EVIDENCE_SEARCH, "lib/mod");
    assert_differ(linked, nothing);
    ck_assert_int_eq(unlink("lib/mod"), 0);
    make("lib/other");
    ck_assert_int_eq(symlink("other", "lib/mod"), 0);
    assert_differ(state(EVIDENCE_SEARCH, "lib/mod"), linked);
}
END_TEST

START_TEST(what_a_folder_offers_is_asked_once_while_it_is_held)
{
    make("lib");
    struct digest nothing = state(EVIDENCE_SEARCH, "lib/mod");
    struct digest empty = state(EVIDENCE_LISTING, "lib");
    tree_hold(tree);
    assert_same(state(EVIDENCE_SEARCH, "lib/other"), nothing);
    put("lib/mod.py", "");
    assert_same(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    assert_same(state(EVIDENCE_LISTING, "lib"), empty);
    tree_release(tree);
    assert_differ(state(EVIDENCE_SEARCH, "lib/mod"), nothing);
    tree_hold(tree);
    assert_differ(state(EVIDENCE_LISTING, "lib"), empty);
    tree_release(tree);
}
END_TEST

START_TEST(a_search_works_at_the_root)
{
    struct digest before = state(EVIDENCE_SEARCH, "mod");
    put("mod.py", "");
    assert_differ(state(EVIDENCE_SEARCH, "mod"), before);
    autofree char *absolute = path_join(root, "mod");
    assert_same(state(EVIDENCE_SEARCH, absolute), state(EVIDENCE_SEARCH, "mod"));
}
END_TEST

static void add_look_tests(Suite *suite)
{
    TCase *tests = tcase_create("look");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, presence_is_kind_mode_size_and_mtime_but_not_contents);
    tcase_add_test(tests, existence_is_kind_and_mode);
    tcase_add_test(tests, the_presence_of_a_directory_is_kind_and_mode);
    tcase_add_test(tests, presence_follows_links);
    tcase_add_test(tests, a_listing_is_names_and_kinds);
    tcase_add_test(tests, a_listing_of_the_root_counts_no_passing_names);
    tcase_add_test(tests, no_directory_lists_like_no_other);
    tcase_add_test(tests, behind_a_link_lies_another_path);
    tcase_add_test(tests, in_a_survey_the_way_to_a_folder_is_gone_once);
    tcase_add_test(tests, names_made_at_once_are_listed);
    tcase_add_test(tests, a_search_sees_what_could_be_that_module);
    tcase_add_test(tests, a_search_sees_a_package_and_what_makes_it_one);
    tcase_add_test(tests, what_a_folder_offers_is_asked_once_while_it_is_held);
    tcase_add_test(tests, a_search_works_at_the_root);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("tree_looks");
    add_look_tests(suite);
    return suite_run(suite);
}
