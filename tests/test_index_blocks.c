#include "tests/support/index_scene.h"

#include <errno.h>

static void set(struct scene *scene, int64_t state, const char *const *keys, size_t count)
{
    unsigned char digests[4 * INDEX_BLOCK_DIGEST];
    memset(digests, (int)state, sizeof digests);
    struct digest digest = state_digest(state);
    ck_assert_int_eq(index_set_blocks(scene->index, &digest, keys, digests, count), 0);
}

static int get(struct scene *scene, int64_t state, struct index_blocks *ret)
{
    struct digest digest = state_digest(state);
    int r = index_blocks(scene->index, &digest, ret);
    ck_assert_int_eq(index_has_blocks(scene->index, &digest), r == 0);
    return r;
}

static const char *const keys[] = {"<module>", "f", "", "C.<locals>.caf\xe9"};

static void assert_whole(struct scene *scene)
{
    struct index_blocks blocks;
    ck_assert_int_eq(get(scene, 7, &blocks), 0);
    ck_assert_uint_eq(blocks.count, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(blocks.keys[i], keys[i]);
    ck_assert_uint_eq(blocks.digests[4 * INDEX_BLOCK_DIGEST - 1], 7);
    index_blocks_finish(&blocks);
    ck_assert_int_eq(get(scene, 8, &blocks), 0);
    ck_assert_uint_eq(blocks.count, 0);
    index_blocks_finish(&blocks);
}

START_TEST(blocks_are_found_by_state_also_after_a_restart)
{
    struct scene scene;
    struct index_blocks blocks;
    scene_on_disk(&scene);
    ck_assert_int_eq(get(&scene, 7, &blocks), -ENOENT);
    set(&scene, 7, keys, 2);
    set(&scene, 7, keys, 4); /* told again */
    set(&scene, 8, NULL, 0); /* does not compile */
    assert_whole(&scene);
    scene_close(&scene);
    scene_open(&scene);
    assert_whole(&scene);
    scene_finish(&scene);
}
END_TEST

START_TEST(another_interpreter_starts_with_none)
{
    struct scene scene;
    struct index_blocks blocks;
    scene_in_memory(&scene);
    ck_assert_int_eq(index_blocks_maker(scene.index, "3.11"), 0);
    set(&scene, 7, keys, 4);
    ck_assert_int_eq(index_blocks_maker(scene.index, "3.11"), 0);
    ck_assert_int_eq(get(&scene, 7, &blocks), 0);
    index_blocks_finish(&blocks);
    ck_assert_int_eq(index_blocks_maker(scene.index, "3.12"), 0);
    ck_assert_int_eq(get(&scene, 7, &blocks), -ENOENT);
    scene_finish(&scene);
}
END_TEST

START_TEST(blocks_that_no_fact_is_about_are_tidied_away)
{
    struct scene scene;
    struct index_blocks blocks;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    scene_edit(&scene, "a.py", 7);
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    set(&scene, 7, keys, 4);
    set(&scene, 9, keys, 4);
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_int_eq(get(&scene, 7, &blocks), 0);
    index_blocks_finish(&blocks);
    ck_assert_int_eq(get(&scene, 9, &blocks), -ENOENT);
    scene_finish(&scene);
}
END_TEST

/* ---- what tests executed ---- */

static void record_tested(struct scene *scene, const struct index_tested *tested,
                          size_t count)
{
    ck_assert_int_eq(
        index_record(
            scene->index,
            &(struct index_run){.file = "t.py", .tested = tested, .tested_count = count}),
        0);
}

static void add_tested(void *owner, const struct index_tested *tested)
{
    char *text = owner;
    size_t length = strlen(text);
    snprintf(text + length, 200 - length, "<%s %d %zu %s>", tested->path,
             tested->state.bytes[0], tested->size, tested->tests);
}

static void expect_tested(struct scene *scene, const char *expected)
{
    char text[200] = "";
    index_each_tested(scene->index, "t.py", add_tested, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(what_tests_executed_is_kept_until_it_is_told_anew)
{
    struct scene scene;
    struct index_blocks blocks;
    static const char expected[] = "<a.py 7 5 x><b.py 8 2 y>";
    const struct index_tested tested[] = {
        {.path = "a.py", .state = state_digest(7), .tests = "x\00003", .size = 5},
        {.path = "b.py", .state = state_digest(8), .tests = "y", .size = 2}};
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    expect_tested(&scene, "");
    record_tested(&scene, tested, 2);
    expect_tested(&scene, expected);
    set(&scene, 7, keys, 4);
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_int_eq(get(&scene, 7, &blocks), 0);
    index_blocks_finish(&blocks);
    scene_close(&scene);
    scene_open(&scene);
    record_tested(&scene, NULL, 0);
    expect_tested(&scene, expected);
    record_tested(&scene, tested + 1, 1);
    expect_tested(&scene, "<b.py 8 2 y>");
    ck_assert_int_eq(index_remove_file(scene.index, "t.py"), 0);
    add_file(&scene, "t.py");
    expect_tested(&scene, "");
    scene_finish(&scene);
}
END_TEST

/* ---- verdicts that rest on something unseen ---- */

static void record_unseen(struct scene *scene)
{
    const struct index_evidence evidence[] = {look(scene, "a.py")};
    const struct index_result result = {.test = "t", .outcome = OUTCOME_SUCCESS};
    ck_assert_int_eq(index_record(scene->index, &(struct index_run){.file = "t.py",
                                                                    .results = &result,
                                                                    .result_count = 1,
                                                                    .evidence = evidence,
                                                                    .evidence_count = 1,
                                                                    .unseen = true}),
                     0);
}

START_TEST(what_rests_on_something_unseen_is_current_only_as_the_last_verdict)
{
    struct scene scene;
    scene_on_disk(&scene);
    index_checked(scene.index, true);
    add_file(&scene, "t.py");
    record_unseen(&scene);
    struct index_file file = file_now(&scene, "t.py");
    ck_assert(file.current && file.unseen);
    scene_edit(&scene, "a.py", 1);
    scene_edit(&scene, "a.py", 0);
    ck_assert(file_now(&scene, "t.py").current); /* nothing was run meanwhile */
    scene_edit(&scene, "a.py", 1);
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert(!file_now(&scene, "t.py").unseen);
    scene_edit(&scene, "a.py", 0);
    ck_assert(!file_now(&scene, "t.py").current);

    record_unseen(&scene);
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    file = file_now(&scene, "t.py");
    ck_assert(!file.current && file.unseen);
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_blocks");
    TCase *blocks = tcase_create("blocks");
    tcase_add_test(blocks, blocks_are_found_by_state_also_after_a_restart);
    tcase_add_test(blocks, another_interpreter_starts_with_none);
    tcase_add_test(blocks, blocks_that_no_fact_is_about_are_tidied_away);
    tcase_add_test(blocks, what_tests_executed_is_kept_until_it_is_told_anew);
    tcase_add_test(blocks,
                   what_rests_on_something_unseen_is_current_only_as_the_last_verdict);
    suite_add_tcase(suite, blocks);
    return suite_run(suite);
}
