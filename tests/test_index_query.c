#include "tests/support/index_scene.h"

static struct line facts_below(struct scene *scene, const char *folder)
{
    struct line line = {""};
    index_facts_below(scene->index, folder, line_fact, &line);
    return line;
}

static struct line affected(struct scene *scene, const char *path)
{
    struct line line = {""};
    index_affected(scene->index, path, line_name, &line);
    return line;
}

static struct line raised(struct scene *scene, const char *exception)
{
    struct line line = {""};
    index_raised(scene->index, exception, line_name, &line);
    return line;
}

static struct line seen(struct scene *scene)
{
    struct line line = {""};
    index_each_seen(scene->index, line_seen, &line);
    return line;
}

static void see(struct scene *scene, const char *path, int64_t size)
{
    struct index_seen one = {
        .path = path, .device = UINT64_MAX, .inode = 7, .size = size, .mode = 0100644};
    ck_assert_int_eq(index_see(scene->index, &one), 0);
}

START_TEST(below_a_folder_is_neither_the_folder_nor_its_neighbour)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    struct index_evidence python = look(&scene, "python");
    python.kind = EVIDENCE_ENVIRONMENT;
    struct index_evidence slash = look(&scene, "a/setting");
    slash.kind = EVIDENCE_ENVIRONMENT;
    record(&scene, "t.py", "s", look(&scene, "a"), look(&scene, "a/b"),
           look(&scene, "a/c/d"), look(&scene, "a-b"), look(&scene, "a0"),
           look(&scene, "/etc/hosts"), look(&scene, "/x"), look(&scene, ""), python,
           slash);
    ck_assert_str_eq(facts_below(&scene, "a").text, "a/b a/c/d");
    ck_assert_str_eq(facts_below(&scene, "a/c").text, "a/c/d");
    ck_assert_str_eq(facts_below(&scene, "/etc").text, "/etc/hosts");
    ck_assert_str_eq(facts_below(&scene, "/").text, "/etc/hosts /x");
    ck_assert_str_eq(facts_below(&scene, "b").text, "");
    ck_assert_str_eq(affected(&scene, "python").text, "");
    ck_assert_str_eq(facts_below(&scene, "").text, "a a-b a/b a/c/d a0");
    scene_finish(&scene);
}
END_TEST

static void check_one_fact(void *owner, const struct index_fact *fact)
{
    *(int *)owner += 1;
    struct digest state = state_digest(3);
    ck_assert_int_eq(fact->kind, EVIDENCE_CODE);
    ck_assert_str_eq(fact->path, "a.py");
    ck_assert_str_eq(fact->detail, "f g");
    ck_assert(digest_equal(&fact->state, &state));
    ck_assert(fact->holds);
    ck_assert(!fact->unsure);
}

START_TEST(a_fact_is_kind_path_detail_and_state)
{
    struct scene scene;
    int found = 0;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    scene_edit(&scene, "a.py", 3);
    struct index_evidence code = look(&scene, "a.py");
    code.kind = EVIDENCE_CODE;
    code.detail = "f g";
    record(&scene, "t.py", "s", code);
    index_facts_at(scene.index, "a.py", check_one_fact, &found);
    index_each_fact(scene.index, check_one_fact, &found);
    ck_assert_int_eq(found, 2);

    struct index_evidence other = code;
    other.detail = "f";
    struct index_evidence content = code;
    content.kind = EVIDENCE_CONTENT;
    struct line line = {""};
    record(&scene, "t.py", "s", code, other, content);
    index_facts_at(scene.index, "a.py", line_fact, &line);
    ck_assert_str_eq(line.text, "a.py a.py a.py");
    scene_finish(&scene);
}
END_TEST

START_TEST(paths_are_bytes)
{
    static const char *const paths[] = {"\xff\xfe/\x80.py", "\xff\xfe/\xc3.py",
                                        "\xc3\xa4", "\x01 \n\"'%_"};
    struct scene scene;
    scene_on_disk(&scene);
    for (size_t i = 0; i < 4; i++) {
        add_file(&scene, paths[i]);
        record(&scene, paths[i], "s", look(&scene, paths[i]));
        see(&scene, paths[i], 1);
    }
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    scene_edit(&scene, paths[1], 1);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(file_now(&scene, paths[i]).current, i != 1);
        ck_assert_str_eq(affected(&scene, paths[i]).text, paths[i]);
    }
    ck_assert_str_eq(facts_below(&scene, "\xff\xfe").text,
                     "\xff\xfe/\x80.py \xff\xfe/\xc3.py");
    ck_assert_ptr_nonnull(strstr(seen(&scene).text, "\xff\xfe/\x80.py"));
    scene_finish(&scene);
}
END_TEST

static void check_results(void *owner, const struct index_result *result)
{
    int at = (*(int *)owner)++;
    if (at == 0) {
        ck_assert_str_eq(result->test, "z");
        ck_assert_int_eq(result->outcome, OUTCOME_ERROR);
        ck_assert_double_eq(result->duration_ms, 1.5);
        ck_assert_str_eq(result->exception, "ValueError");
        ck_assert_uint_eq(strlen(result->report), 3 << 20);
    } else {
        ck_assert_str_eq(result->test, "a\xff");
        ck_assert_int_eq(result->outcome, OUTCOME_SUCCESS);
        ck_assert_ptr_null(result->exception);
        ck_assert_ptr_null(result->report);
    }
}

START_TEST(results_come_as_they_were_recorded)
{
    struct scene scene;
    int found = 0;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    autofree char *report = xmalloc((3 << 20) + 1);
    memset(report, 'x', 3 << 20);
    report[3 << 20] = '\0';
    struct index_result results[] = {
        {"z", OUTCOME_ERROR, 1.5, "ValueError", report},
        {"a\xff", OUTCOME_SUCCESS, 0, NULL, NULL},
    };
    struct index_evidence evidence = look(&scene, "a.py");
    struct index_run run = {.file = "t.py",
                            .results = results,
                            .result_count = 2,
                            .evidence = &evidence,
                            .evidence_count = 1};
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(index_record(scene.index, &run), 0);
        found = 0;
        index_results(scene.index, "t.py", check_results, &found);
        ck_assert_int_eq(found, 2);
    }
    index_results(scene.index, "unknown.py", check_results, &found);
    ck_assert_int_eq(found, 2);

    ck_assert_str_eq(raised(&scene, "ValueError").text, "t.py");
    ck_assert_str_eq(raised(&scene, "KeyError").text, "");
    ck_assert(!file_now(&scene, "t.py").flaky);
    scene_finish(&scene);
}
END_TEST

START_TEST(answers_are_about_what_is_shown)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "u.py");
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"), look(&scene, "old.py"));
    scene_edit(&scene, "a.py", 1);
    record(&scene, "t.py", "s", look(&scene, "a.py"), look(&scene, "new.py"));
    record(&scene, "u.py", "s", look(&scene, "a.py"), look_volatile(&scene, "out"));
    ck_assert_str_eq(affected(&scene, "a.py").text, "t.py u.py");
    ck_assert_str_eq(affected(&scene, "new.py").text, "t.py");
    ck_assert_str_eq(affected(&scene, "old.py").text, "");
    ck_assert_str_eq(evidence_of(&scene, "u.py").text, "a.py+ out+~");
    scene_edit(&scene, "a.py", 0);
    ck_assert_str_eq(affected(&scene, "old.py").text, "t.py");
    ck_assert_str_eq(affected(&scene, "new.py").text, "");

    struct line broken = {""};
    index_broken(scene.index, "u.py", line_evidence, &broken);
    index_broken(scene.index, "t.py", line_evidence, &broken);
    ck_assert_str_eq(broken.text, "a.py");
    scene_finish(&scene);
}
END_TEST

START_TEST(why_is_about_the_last_run)
{
    struct scene scene;
    struct index_why why;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    ck_assert(!index_why(scene.index, "t.py", &why));
    ck_assert(!index_why(scene.index, "u.py", &why));
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    ck_assert(index_why(scene.index, "t.py", &why));
    ck_assert_ptr_null(why.path);
    ck_assert_ptr_null(why.detail);

    struct index_run run = {.file = "t.py",
                            .started = 77,
                            .reason = REASON_FAILED_IMPORT,
                            .path = "a\xff.py",
                            .detail = ""};
    ck_assert_int_eq(index_record(scene.index, &run), 0);
    ck_assert(index_why(scene.index, "t.py", &why));
    ck_assert_int_eq(why.reason, REASON_FAILED_IMPORT);
    ck_assert_int_eq(why.started, 77);
    ck_assert_str_eq(why.path, "a\xff.py");
    ck_assert_str_eq(why.detail, "");
    scene_finish(&scene);
}
END_TEST

static void check_seen(void *owner, const struct index_seen *seen_now)
{
    *(int64_t *)owner = seen_now->size;
    struct digest digest = state_digest(9);
    ck_assert_uint_eq(seen_now->device, UINT64_MAX);
    ck_assert_uint_eq(seen_now->inode, UINT64_MAX - 1);
    ck_assert_int_eq(seen_now->mtime_ns, -5);
    ck_assert_int_eq(seen_now->ctime_ns, INT64_MAX);
    ck_assert_uint_eq(seen_now->mode, UINT32_MAX);
    ck_assert(digest_equal(&seen_now->digest, &digest));
}

START_TEST(memories_of_contents_are_kept_bit_by_bit)
{
    struct scene scene;
    int64_t size = 0;
    scene_in_memory(&scene);
    struct index_seen one = {"a.py", UINT64_MAX, UINT64_MAX - 1, 12,
                             -5,     INT64_MAX,  UINT32_MAX,     state_digest(9)};
    ck_assert_int_eq(index_see(scene.index, &one), 0);
    one.size = 13; /* the newer one counts, also while both wait */
    ck_assert_int_eq(index_see(scene.index, &one), 0);
    index_each_seen(scene.index, check_seen, &size);
    ck_assert_int_eq(size, 13);
    one.size = 14;
    ck_assert_int_eq(index_see(scene.index, &one), 0);
    ck_assert_int_eq(index_flush(scene.index), 0);
    index_each_seen(scene.index, check_seen, &size);
    ck_assert_int_eq(size, 14);
    scene_finish(&scene);
}
END_TEST

static struct line all_facts(struct scene *scene)
{
    struct line line = {""};
    index_each_fact(scene->index, line_fact, &line);
    return line;
}

START_TEST(tidying_keeps_what_verdicts_rest_on)
{
    struct scene scene;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "t.py", "s", look(&scene, "both"), look(&scene, "mine"));
    record(&scene, "u.py", "s", look(&scene, "both"), look(&scene, "yours"),
           look_unsure(&scene, "yours"));
    see(&scene, "both", 1);
    see(&scene, "yours", 2);
    see(&scene, "nobody's", 3);
    ck_assert_int_eq(index_remove_file(scene.index, "u.py"), 0);
    ck_assert_str_eq(all_facts(&scene).text, "both mine yours yours");
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_str_eq(all_facts(&scene).text, "both mine");
    ck_assert_str_eq(seen(&scene).text, "both");
    ck_assert(file_now(&scene, "t.py").current);

    /* The numbers of facts that went are given again, without their past. */
    add_file(&scene, "u.py");
    record(&scene, "u.py", "s", look(&scene, "x"), look(&scene, "y"), look(&scene, "z"));
    ck_assert(file_now(&scene, "u.py").current);
    scene_edit(&scene, "y", 1);
    ck_assert(!file_now(&scene, "u.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(all_of_a_file_goes_with_it)
{
    struct scene scene;
    struct index_why why;
    scene_in_memory(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "sf", look(&scene, "a.py"));
    int64_t id = file_now(&scene, "t.py").id;
    ck_assert_int_eq(index_remove_file(scene.index, "t.py"), 0);
    assert_totals(&scene);
    ck_assert_str_eq(affected(&scene, "a.py").text, "");
    ck_assert(!index_why(scene.index, "t.py", &why));

    add_file(&scene, "t.py");
    struct index_file file = file_now(&scene, "t.py");
    ck_assert_int_ne(file.id, id);
    ck_assert_int_eq(file.runs, 0);
    ck_assert_int_eq(file.last_run, 0);
    ck_assert_int_eq(file.verdict, 0);
    ck_assert(!index_why(scene.index, "t.py", &why));
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_str_eq(all_facts(&scene).text, "");
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        below_a_folder_is_neither_the_folder_nor_its_neighbour,
        a_fact_is_kind_path_detail_and_state,
        paths_are_bytes,
        results_come_as_they_were_recorded,
        answers_are_about_what_is_shown,
        why_is_about_the_last_run,
        memories_of_contents_are_kept_bit_by_bit,
        tidying_keeps_what_verdicts_rest_on,
        all_of_a_file_goes_with_it,
    };
    return run_tests("index_query", tests, sizeof tests / sizeof *tests);
}
