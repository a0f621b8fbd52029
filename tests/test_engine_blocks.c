/* Code evidence by blocks. A "source" here has a line for each block, "name value"; a line that begins
 * with # is a comment, one with ! does not compile. */

#include "tests/support/engine_scene.h"
#include "tests/support/suite.h"

#include <stdint.h>

/* ---- a worker that takes sources apart ---- */

struct taken {
    char *text;
    const char *keys[8];
    unsigned char digests[8 * REPORT_DIGEST];
};

static void take_line(struct taken *taken, struct report_source *source, char *line)
{
    if (line[0] == '!')
        source->message = "invalid syntax, line 1";
    char *space = strchr(line, ' ');
    if (line[0] == '#' || line[0] == '!' || space == NULL)
        return;
    *space = '\0';
    taken->keys[source->count] = line;
    snprintf((char *)taken->digests + source->count * REPORT_DIGEST, REPORT_DIGEST, "%s",
             space + 1);
    source->count++;
}

static struct report_source take_apart(struct taken *taken, char *path)
{
    struct report_source source = {.path = path};
    autofree char *whole = path_join(scene.root, path);
    struct stat status;
    if (stat(whole, &status) < 0)
        return source;
    source.seen = (struct report_identity){
        .device = (int64_t)status.st_dev,
        .inode = (int64_t)status.st_ino,
        .size = status.st_size,
        .mtime_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec,
        .ctime_ns = status.st_ctim.tv_sec * INT64_C(1000000000) + status.st_ctim.tv_nsec,
        .mode = status.st_mode};
    taken->text = xcalloc(1, (size_t)status.st_size + 1);
    FILE *file = fopen(whole, "re");
    ck_assert_ptr_nonnull(file);
    size_t size = (size_t)status.st_size;
    ck_assert_uint_eq(fread(taken->text, 1, size, file), size);
    fclose(file);
    char *rest = NULL;
    for (char *line = strtok_r(taken->text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        take_line(taken, &source, line);
    source.keys = source.message == NULL ? taken->keys : NULL;
    source.digests = taken->digests;
    if (source.message != NULL)
        source.count = 0;
    return source;
}

/* Answers what was asked; false: nothing was. OTHER: as if another file stood there. */
static bool answer_as(bool other)
{
    struct taken taken[SCENE_READINGS] = {{0}};
    struct report_source sources[SCENE_READINGS];
    size_t count = scene.reading_count;
    for (size_t i = 0; i < count; i++) {
        sources[i] = take_apart(&taken[i], scene.readings[i]);
        sources[i].seen.inode += other;
    }
    scene.reading_count = 0;
    if (count > 0)
        engine_blocks(scene.engine,
                      &(struct report){.type = REPORT_BLOCKS,
                                       .id = scene.reading,
                                       .sources = sources,
                                       .source_count = count},
                      scene.now);
    for (size_t i = 0; i < count; i++)
        free(taken[i].text);
    return count > 0;
}

static bool answer(void)
{
    return answer_as(false);
}

/* ---- runs ---- */

static void play(const char *file, const char *ran, enum outcome outcome)
{
    int64_t run = scene_run_of(file);
    char path[] = "a.py";
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_LOOK,
                                   .run = run,
                                   .evidence = EVIDENCE_CODE,
                                   .path = path,
                                   .ran = ran},
                  scene.now);
    scene_result(run, "test_it", outcome);
    scene_end(run);
}

static const char *state(void)
{
    scene_ask(METHOD_STATUS, json_object());
    return json_string_value(json_object_get(scene.reply, "state"));
}

/* test_f ran the module and f, test_g the module and g. */
static void begin(void)
{
    scene_write("a.py", "<module> 1\nf 1\ng 1\n");
    scene_write("test_f.py", "");
    scene_write("test_g.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("3.11");
    scene_answer();
    play("test_f.py", "03", OUTCOME_SUCCESS);
    play("test_g.py", "05", OUTCOME_SUCCESS);
    while (answer())
        ;
    ck_assert_str_eq(state(), "idle");
}

static void edit(const char *text)
{
    scene_save("a.py", text);
    scene_settle();
}

static size_t runs(void)
{
    return scene.started_count - 2;
}

START_TEST(a_comment_runs_nothing)
{
    begin();
    edit("# about\n<module> 1\n\nf 1\n# more\ng 1\n");
    ck_assert_str_ne(state(), "idle"); /* not before it is known */
    ck_assert(answer());
    ck_assert_uint_eq(runs(), 0);
    ck_assert_str_eq(state(), "idle");
    ck_assert(scene_file("test_f.py").current && scene_file("test_g.py").current);
}
END_TEST

START_TEST(a_block_runs_who_executed_it)
{
    begin();
    edit("<module> 1\nf 2\ng 1\n");
    ck_assert_uint_eq(runs(), 0);
    ck_assert(answer());
    ck_assert_uint_eq(runs(), 1);
    ck_assert(scene_file("test_g.py").current);
    struct index_why why;
    play("test_f.py", "03", OUTCOME_FAILURE);
    ck_assert(index_why(scene.index, "test_f.py", &why));
    ck_assert_str_eq(why.path, "a.py");
    ck_assert_str_eq(why.detail, "changed: f");
    /* Its old verdict is there still, whatever g is by now. */
    edit("<module> 1\nf 1\ng 9\n");
    answer();
    ck_assert(scene_file("test_f.py").current && scene_file("test_f.py").from_cache);
    ck_assert(!scene_file("test_g.py").current);
}
END_TEST

START_TEST(the_module_and_blocks_that_go_count)
{
    begin();
    edit("<module> 1\ng 1\nf 1\n"); /* order is no part of a block */
    answer();
    ck_assert_uint_eq(runs(), 0);
    edit("<module> 1\ng 1\n");
    answer();
    ck_assert_uint_eq(runs(), 1);
    ck_assert_str_eq(scene.started[2].file, "test_f.py");
    play("test_f.py", "03", OUTCOME_SUCCESS);
    edit("<module> 2\ng 1\n");
    answer();
    ck_assert(!scene_file("test_f.py").current && !scene_file("test_g.py").current);
}
END_TEST

START_TEST(an_edit_undone_asks_nobody)
{
    begin();
    edit("<module> 1\nf 1\ng 1\n# x\n");
    answer();
    edit("<module> 1\nf 1\ng 1\n");
    ck_assert(!answer());
    ck_assert_str_eq(state(), "idle");
    edit("<module> 1\nf 1\ng 1\n# x\n"); /* known from before */
    ck_assert(!answer());
    ck_assert_str_eq(state(), "idle");
}
END_TEST

START_TEST(what_does_not_compile_makes_stale_and_its_repair_current)
{
    begin();
    edit("!\n<module> 1\nf 1\ng 1\n");
    answer();
    ck_assert(!scene_file("test_f.py").current && !scene_file("test_g.py").current);
    ck_assert_uint_eq(runs(), 1); /* there is one place */
    edit("# repaired\n<module> 1\nf 1\ng 1\n");
    answer();
    ck_assert(scene_file("test_f.py").current && scene_file("test_g.py").current);
}
END_TEST

START_TEST(what_goes_on_changing_is_asked_again)
{
    begin();
    edit("<module> 1\nf 1\ng 1\n# x\n");
    scene_save("a.py", "<module> 1\nf 2\ng 1\n# xx\n");
    answer(); /* about another file than it was asked about */
    scene_settle();
    while (answer())
        ;
    ck_assert(!scene_file("test_f.py").current && scene_file("test_g.py").current);
}
END_TEST

START_TEST(with_nobody_left_to_say_it_is_an_error_until_somebody_can)
{
    begin();
    edit("# about\n<module> 1\nf 1\ng 1\n");
    engine_unfit(scene.engine, "", "no nose here", scene.now);
    ck_assert_str_eq(state(), "error");
    ck_assert(!scene_file("test_f.py").current && !scene_file("test_g.py").current);
    edit("# about it\n<module> 1\nf 1\ng 1\n");
    ck_assert_str_eq(state(), "error");
    scene.reading_count = 0; /* the worker is gone, with what it was asked */
    scene_ready("3.11");
    scene_answer(); /* to what the edit asked */
    scene_answer(); /* and to what the worker's coming did */
    ck_assert(answer());
    ck_assert_uint_eq(runs(), 0);
    ck_assert_str_eq(state(), "idle");
    ck_assert(scene_file("test_f.py").current && scene_file("test_g.py").current);
}
END_TEST

START_TEST(a_worker_that_sees_another_file_is_not_believed)
{
    begin();
    edit("<module> 1\nf 1\ng 1\n# x\n");
    ck_assert(answer_as(true));
    ck_assert(!scene_file("test_f.py").current && !scene_file("test_g.py").current);
    ck_assert(!answer()); /* not asked for ever */
    ck_assert_uint_eq(runs(), 1);
}
END_TEST

START_TEST(without_a_worker_nothing_is_concluded)
{
    begin();
    scene.no_reader = true;
    edit("<module> 1\nf 2\ng 1\n");
    ck_assert(!scene_file("test_f.py").current);
    ck_assert_uint_eq(runs(), 0);
    ck_assert_str_eq(state(), "running");
    scene.no_reader = false;
    scene_ready("3.11");
    ck_assert(answer());
    ck_assert_uint_eq(runs(), 1);
    ck_assert(scene_file("test_g.py").current);
}
END_TEST

START_TEST(blocks_of_another_interpreter_are_forgotten)
{
    begin();
    struct index_blocks blocks;
    struct tree *tree = tree_new(scene.root);
    struct digest then = tree_state(tree, EVIDENCE_CODE, "a.py");
    tree_free(tree);
    ck_assert_int_eq(index_blocks(scene.index, &then, &blocks), 0);
    ck_assert_uint_eq(blocks.count, 3);
    ck_assert_str_eq(blocks.keys[2], "g");
    index_blocks_finish(&blocks);
    scene_ready("3.12");
    ck_assert_int_eq(index_blocks(scene.index, &then, &blocks), -ENOENT);
}
END_TEST

START_TEST(an_answer_of_another_interpreter_is_nobodys)
{
    begin();
    edit("<module> 1\nf 2\ng 1\n");
    int64_t asked = scene.reading;
    scene_ready("3.12"); /* all is stale by that; the source is asked for again */
    ck_assert_int_ne(scene.reading, asked);
    struct digest now;
    struct tree *tree = tree_new(scene.root);
    now = tree_state(tree, EVIDENCE_CODE, "a.py");
    tree_free(tree);
    int64_t anew = scene.reading;
    size_t count = scene.reading_count;
    scene.reading = asked;
    answer();
    ck_assert(!index_has_blocks(scene.index, &now));
    scene.reading = anew;
    scene.reading_count = count;
    answer();
    ck_assert(index_has_blocks(scene.index, &now));
}
END_TEST

START_TEST(a_whole_file_counts_where_the_run_does_not_say_which_blocks)
{
    begin();
    edit("<module> 1\nf 2\ng 1\n");
    answer();
    play("test_f.py", NULL, OUTCOME_SUCCESS);
    edit("<module> 1\nf 2\ng 2\n");
    answer();
    ck_assert(!scene_file("test_f.py").current && !scene_file("test_g.py").current);
}
END_TEST

START_TEST(what_rests_on_something_unseen_is_no_proof_for_later)
{
    begin();
    edit("<module> 1\nf 2\ng 1\n");
    answer();
    int64_t run = scene_run_of("test_f.py");
    char program[] = "tool";
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_LOOK,
                                   .run = run,
                                   .evidence = EVIDENCE_CONTENT,
                                   .path = program,
                                   .unseen = true},
                  scene.now);
    play("test_f.py", "03", OUTCOME_SUCCESS);
    ck_assert(scene_file("test_f.py").current && scene_file("test_f.py").unseen);
    edit("<module> 1\nf 3\ng 1\n");
    answer();
    play("test_f.py", "03", OUTCOME_SUCCESS);
    ck_assert(!scene_file("test_f.py").unseen);
    edit("<module> 1\nf 2\ng 1\n");
    answer();
    ck_assert(!scene_file("test_f.py").current);
}
END_TEST

/* ---- the order of tests ---- */

/* As play(), by a run that tells of its tests. SEES: what it looked at of a.py. */
static void play_tests(enum evidence_kind sees, const char *ran)
{
    int64_t run = scene_run_of("test_f.py");
    char path[] = "a.py";
    struct report_ran rans[] = {{"test_f", "03"}, {"test_g", "05"}};
    struct report_ran later[] = {{"test_none", "01"}, {"test_broken", "what?"}};
    struct report reports[] = {
        {.type = REPORT_LOOK, .evidence = sees, .path = path, .ran = ran},
        {.type = REPORT_TESTED, .path = path, .rans = rans, .ran_count = 2},
        {.type = REPORT_TESTED, .path = path, .rans = later, .ran_count = 2}};
    for (size_t i = 0; i < 3; i++) {
        reports[i].run = run;
        engine_report(scene.engine, &reports[i], scene.now);
    }
    scene_result(run, "test_it", OUTCOME_SUCCESS);
    scene_end(run);
    while (answer())
        ;
}

static void change_order(bool changed_first)
{
    scene.changed_first = changed_first;
    engine_repackage(scene.engine, scene.now);
}

static void begin_with_order(void)
{
    change_order(true);
    begin();
    edit("<module> 1\nf 2\ng 1\n");
    answer();
    play_tests(EVIDENCE_CODE, "07");
    ck_assert_str_eq(scene.first, "");
    scene.places = 2;
}

static const struct {
    const char *text, *first;
} edits_of_tests[] = {
    {"<module> 1\nf 2\ng 2\n", "<test_g>"},
    {"<module> 1\nf 3\ng 1\n", "<test_f>"},
    {"<module> 1\nf 2\n", "<test_g>"},
    {"<module> 2\nf 2\ng 1\n", "<test_f><test_g><test_none>"},
    {"!\n", "<test_f><test_g><test_none>"},
};

START_TEST(tests_that_executed_what_changed_come_first)
{
    begin_with_order();
    edit(edits_of_tests[_i].text);
    answer();
    ck_assert_str_eq(scene.first, edits_of_tests[_i].first);
}
END_TEST

START_TEST(no_test_comes_first_where_that_is_not_asked_for)
{
    begin_with_order();
    change_order(false);
    edit("<module> 1\nf 2\ng 2\n");
    answer();
    ck_assert_str_eq(scene.first, "");
    play_tests(EVIDENCE_CODE, "07");
    change_order(true);
    edit("<module> 1\nf 2\ng 3\n");
    answer();
    ck_assert_str_eq(scene.first, "<test_g>"); /* by what was known before */
}
END_TEST

START_TEST(a_run_waits_until_it_is_known_which_tests_come_first)
{
    change_order(true);
    scene_write("a.py", "<module> 1\nf 1\ng 1\n");
    scene_write("test_f.py", "");
    engine_begin(scene.engine, scene.now);
    scene_ready("3.11");
    scene_answer();
    play_tests(EVIDENCE_CONTENT, NULL); /* it read the source: all of it counts */
    scene.places = 1;
    edit("<module> 1\nf 2\ng 1\n");
    ck_assert_uint_eq(scene.started_count, 1);
    answer();
    ck_assert_uint_eq(scene.started_count, 2);
    ck_assert_str_eq(scene.first, "<test_f>");
}
END_TEST

START_TEST(a_source_that_cannot_be_told_holds_up_no_run)
{
    begin_with_order();
    size_t before = runs();
    edit("<module> 1\nf 2\ng 2\n");
    answer_as(true);
    ck_assert_uint_gt(runs(), before);
    ck_assert_str_eq(scene.first, "<test_f><test_g><test_none>");
}
END_TEST

/* ---- distributions ---- */

static void ready_with(const char *value)
{
    struct report_environment environment[] = {{"python", "3.11"}};
    struct report_environment distributions[] = {{"package:yaml", value},
                                                 {"package:numpy", "numpy 1"}};
    const char *suffixes[] = {".py"};
    engine_ready(scene.engine, "",
                 &(struct report){.type = REPORT_READY,
                                  .framework = "nose",
                                  .framework_version = "1.3.7",
                                  .python = "3.11",
                                  .environment = environment,
                                  .environment_count = 1,
                                  .distributions = distributions,
                                  .distribution_count = value != NULL ? 2 : 0,
                                  .suffixes = suffixes,
                                  .suffix_count = 1},
                 scene.now);
}

START_TEST(a_package_runs_who_imported_it)
{
    begin();
    ready_with("PyYAML 6");
    edit("<module> 2\nf 1\ng 1\n");
    answer();
    int64_t run = scene_run_of("test_f.py");
    char name[] = "package:yaml";
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_LOOK,
                                   .run = run,
                                   .evidence = EVIDENCE_ENVIRONMENT,
                                   .path = name},
                  scene.now);
    play("test_f.py", "03", OUTCOME_SUCCESS);
    play("test_g.py", "05", OUTCOME_SUCCESS);
    while (answer())
        ;
    ready_with("PyYAML 7");
    ck_assert(!scene_file("test_f.py").current && scene_file("test_g.py").current);
    ready_with("PyYAML 6");
    ck_assert(scene_file("test_f.py").current);
    ready_with(NULL);
    ck_assert(!scene_file("test_f.py").current && scene_file("test_g.py").current);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_blocks");
    TCase *tests = tcase_create("blocks");
    tcase_add_checked_fixture(tests, scene_open, scene_close);
    tcase_add_test(tests, a_comment_runs_nothing);
    tcase_add_test(tests, a_block_runs_who_executed_it);
    tcase_add_test(tests, the_module_and_blocks_that_go_count);
    tcase_add_test(tests, an_edit_undone_asks_nobody);
    tcase_add_test(tests, what_does_not_compile_makes_stale_and_its_repair_current);
    tcase_add_test(tests, what_goes_on_changing_is_asked_again);
    tcase_add_test(tests, with_nobody_left_to_say_it_is_an_error_until_somebody_can);
    tcase_add_test(tests, a_worker_that_sees_another_file_is_not_believed);
    tcase_add_test(tests, without_a_worker_nothing_is_concluded);
    tcase_add_test(tests, blocks_of_another_interpreter_are_forgotten);
    tcase_add_test(tests, an_answer_of_another_interpreter_is_nobodys);
    tcase_add_test(tests, a_whole_file_counts_where_the_run_does_not_say_which_blocks);
    tcase_add_test(tests, what_rests_on_something_unseen_is_no_proof_for_later);
    tcase_add_loop_test(tests, tests_that_executed_what_changed_come_first, 0,
                        sizeof edits_of_tests / sizeof *edits_of_tests);
    tcase_add_test(tests, no_test_comes_first_where_that_is_not_asked_for);
    tcase_add_test(tests, a_run_waits_until_it_is_known_which_tests_come_first);
    tcase_add_test(tests, a_source_that_cannot_be_told_holds_up_no_run);
    tcase_add_test(tests, a_package_runs_who_imported_it);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
