#include "tests/support/index_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

START_TEST(nothing_is_current_until_the_check_is_over)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    record(&scene, "u.py", "f", look(&scene, "b.py"));
    scene_close(&scene);

    scene_open(&scene);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_int_eq(file_now(&scene, "t.py").counts.successes, 1);
    strset_put(&scene.tree, "b.py", 1);
    index_each_fact(scene.index, mark_as_tree, &scene);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert_str_eq(turned(&scene).text, "");
    index_checked(scene.index, true);
    ck_assert_str_eq(turned(&scene).text, "t.py+");
    ck_assert(!file_now(&scene, "u.py").current);
    assert_totals(&scene);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_fact_that_nobody_marked_is_broken)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    record(&scene, "u.py", "s", look(&scene, "b.py"));
    scene_close(&scene);
    scene_open(&scene);
    index_facts_at(scene.index, "a.py", mark_as_tree, &scene);
    index_checked(scene.index, true);
    ck_assert(file_now(&scene, "t.py").current);
    ck_assert(!file_now(&scene, "u.py").current);
    index_facts_at(scene.index, "b.py", mark_as_tree, &scene);
    ck_assert(file_now(&scene, "u.py").current);
    scene_finish(&scene);
}
END_TEST

START_TEST(everything_survives_reopening)
{
    struct scene scene;
    int64_t number = 0;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "ss", look(&scene, "a.py"), look_volatile(&scene, "out"));
    record(&scene, "t.py", "sf", look(&scene, "a.py"), look_volatile(&scene, "out"));
    scene_edit(&scene, "a.py", 1);
    record(&scene, "t.py", "fe-", look(&scene, "a.py"), look_unsure(&scene, "b.py"));
    scene_edit(&scene, "a.py", 0);
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_CONTENT, "out", state_digest(4), it_was, NULL),
        0);
    scene_edit(&scene, "out", 4);
    ck_assert_int_eq(index_set_number(scene.index, "epoch", 42), 0);
    struct index_seen seen = {.path = "a.py"};
    ck_assert_int_eq(index_see(scene.index, &seen), 0);
    struct index_file before = file_now(&scene, "t.py");
    ck_assert(before.current && before.from_cache && before.flaky);
    scene_close(&scene);

    scene_open(&scene);
    struct index_file unchecked = file_now(&scene, "t.py");
    ck_assert(!unchecked.current && !unchecked.from_cache);
    ck_assert_int_eq(unchecked.counts.skipped, 1);
    scene_check(&scene);
    struct index_file after = file_now(&scene, "t.py");
    ck_assert(after.current && after.from_cache && after.flaky);
    ck_assert_int_eq(after.id, before.id);
    ck_assert_int_eq(after.verdict, before.verdict);
    ck_assert_int_eq(after.runs, 3);
    ck_assert_int_eq(after.last_run, before.last_run);
    ck_assert_int_eq(after.size, before.size);
    ck_assert_double_eq(after.duration_ms, before.duration_ms);
    ck_assert_int_eq(after.counts.failures, 1);
    ck_assert_str_eq(evidence_of(&scene, "t.py").text, "a.py+ out+~");
    ck_assert_int_eq(index_number(scene.index, "epoch", 0, &number), 0);
    ck_assert_int_eq(number, 42);
    struct line line = {""};
    index_each_seen(scene.index, line_seen, &line);
    ck_assert_str_eq(line.text, "a.py");

    /* The stored fingerprint still finds the same facts. */
    record(&scene, "t.py", "sf", look_volatile(&scene, "out"), look(&scene, "a.py"));
    ck_assert_int_eq(file_now(&scene, "t.py").verdict, before.verdict);
    assert_totals(&scene);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_second_opener_is_told_that_it_is_busy)
{
    struct scene scene;
    struct index *second = NULL;
    char *aside = NULL;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    ck_assert_int_eq(index_open(&second, scene.path, &aside), -EBUSY);
    ck_assert_ptr_null(second);
    ck_assert_ptr_null(aside);

    pid_t child = fork();
    if (child == 0)
        _exit(index_open(&second, scene.path, &aside) == -EBUSY ? 0 : 1);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    record(&scene, "t.py", "s", look(&scene, "a.py"));
    scene_close(&scene);
    scene_open(&scene);
    scene_finish(&scene);
}
END_TEST

/* ---- files that cannot be written ---- */

static off_t size_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_size;
}

START_TEST(where_no_file_can_be_it_is_in_memory_and_says_so)
{
    static const char *const paths[] = {"/nowhere/at/all", "/tmp"};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene = {0};
        char *aside = NULL;
        ck_assert_int_eq(index_open(&scene.index, paths[i], &aside), 0);
        ck_assert_ptr_null(aside);
        ck_assert_ptr_nonnull(strstr(index_trouble(scene.index), paths[i]));
        index_checked(scene.index, true);
        add_file(&scene, "t.py");
        record(&scene, "t.py", "s", look(&scene, "a.py"));
        ck_assert(file_now(&scene, "t.py").current);
        index_close(scene.index);
        strset_finish(&scene.tree);
    }
}
END_TEST

/* As on a full disk: SQLite is told of an error in the middle of a transaction. */
static void allow_files_of(rlim_t size)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void record_many(struct scene *scene, int from, int to)
{
    for (int i = from; i < to; i++) {
        char path[32];
        snprintf(path, sizeof path, "t%d.py", i);
        add_file(scene, path);
        record(scene, path, "s", look(scene, path));
    }
}

static void assert_knows(struct scene *scene, int count)
{
    for (int i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "t%d.py", i);
        ck_assert_int_eq(file_now(scene, path).runs, 1);
        ck_assert(file_now(scene, path).current);
    }
}

START_TEST(a_disk_that_fills_loses_nothing_while_it_is_open)
{
    struct scene scene;
    scene_on_disk(&scene);
    record_many(&scene, 0, 20);
    ck_assert_ptr_null(index_trouble(scene.index));
    autofree char *log = xasprintf("%s-wal", scene.path);
    allow_files_of((rlim_t)size_of(log) + 10000);
    record_many(&scene, 20, 40);
    ck_assert_ptr_nonnull(index_trouble(scene.index));
    assert_knows(&scene, 40);
    scene_edit(&scene, "t3.py", 1);
    ck_assert(!file_now(&scene, "t3.py").current);
    scene_edit(&scene, "t3.py", 0);
    assert_knows(&scene, 40);

    allow_files_of(RLIM_INFINITY);
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_ptr_null(index_trouble(scene.index));
    record_many(&scene, 40, 50);
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    assert_knows(&scene, 50);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_file_that_is_removed_while_it_is_open_is_written_anew)
{
    struct scene scene;
    scene_on_disk(&scene);
    record_many(&scene, 0, 10);
    autofree char *log = xasprintf("%s-wal", scene.path);
    ck_assert_int_eq(unlink(scene.path), 0);
    ck_assert_int_eq(unlink(log), 0);
    record_many(&scene, 10, 20);
    ck_assert_ptr_null(index_trouble(scene.index));
    assert_knows(&scene, 20);
    scene_close(&scene);
    scene_open(&scene);
    scene_check(&scene);
    assert_knows(&scene, 20);
    scene_finish(&scene);
}
END_TEST

START_TEST(a_damaged_index_is_begun_anew_without_an_end)
{
    struct scene scene;
    char *aside = NULL;
    scene_on_disk(&scene);
    record_many(&scene, 0, 10);
    ck_assert_int_eq(index_renew(scene.index, &aside), 0);
    ck_assert_int_eq(access(aside, F_OK), 0);
    free(aside);
    ck_assert_ptr_null(index_trouble(scene.index));
    struct index_file file;
    ck_assert(!index_file(scene.index, "t0.py", &file));
    index_checked(scene.index, true);
    record_many(&scene, 0, 5);
    assert_knows(&scene, 5);
    /* Again: the disk itself is not to be trusted. */
    ck_assert_int_eq(index_renew(scene.index, &aside), 0);
    free(aside);
    ck_assert_ptr_nonnull(index_trouble(scene.index));
    index_checked(scene.index, true);
    record_many(&scene, 0, 5);
    assert_knows(&scene, 5);
    scene_finish(&scene);
}
END_TEST

/* ---- files that are not fit ---- */

/* The file at scene->path is set aside as PATH.SUFFIX, and a new index works. */
static void assert_set_aside(struct scene *scene, const char *suffix)
{
    char *aside = NULL;
    autofree char *expected = xasprintf("%s.%s", scene->path, suffix);
    ck_assert_int_eq(index_open(&scene->index, scene->path, &aside), 0);
    ck_assert_ptr_nonnull(aside);
    ck_assert_str_eq(aside, expected);
    ck_assert_int_eq(access(aside, F_OK), 0);
    free(aside);
    index_checked(scene->index, true);
    struct index_file file;
    ck_assert(!index_file(scene->index, "t.py", &file));
    add_file(scene, "t.py");
    record(scene, "t.py", "s", look(scene, "a.py"));
    ck_assert(file_now(scene, "t.py").current);
    scene_close(scene);
    scene_open(scene);
    ck_assert(index_file(scene->index, "t.py", &file));
    scene_close(scene);
}

static void overwrite(const char *path, long offset, const char *bytes, size_t length)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, bytes, length, offset), (ssize_t)length);
}

static void fill(struct scene *scene)
{
    struct index_evidence evidence[200];
    char paths[200][16];
    add_file(scene, "t.py");
    for (int i = 0; i < 200; i++) {
        snprintf(paths[i], sizeof paths[i], "path-%d", i);
        evidence[i] = look(scene, paths[i]);
    }
    ck_assert_int_eq(try_record(scene, "t.py", "sf", evidence, 200), 0);
}

START_TEST(a_file_that_is_no_database_is_set_aside)
{
    struct scene scene;
    char junk[8192];
    memset(junk, 'j', sizeof junk);
    scene_on_disk(&scene);
    scene_close(&scene);
    overwrite(scene.path, 0, junk, sizeof junk);
    assert_set_aside(&scene, "damaged");
    overwrite(scene.path, 0, junk, sizeof junk);
    assert_set_aside(&scene, "damaged-2");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_truncated_file_is_set_aside)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    scene_close(&scene);
    ck_assert_int_eq(truncate(scene.path, size_of(scene.path) / 2), 0);
    assert_set_aside(&scene, "damaged");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_file_damaged_in_a_crash_is_set_aside)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    scene_close(&scene);
    pid_t child = fork();
    if (child == 0) {
        scene_open(&scene);
        _exit(0); /* as a crash: the index is not closed */
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    /* Only pages that opening does not need. */
    char junk[4096];
    memset(junk, 0x5a, sizeof junk);
    off_t size = size_of(scene.path);
    overwrite(scene.path, size - 4096, junk, sizeof junk);
    overwrite(scene.path, size - 8192, junk, sizeof junk);
    assert_set_aside(&scene, "damaged");
    autofree char *log = xasprintf("%s.damaged-wal", scene.path);
    ck_assert_int_eq(access(log, F_OK), 0);
    scene_finish(&scene);
}
END_TEST

static void execute(const char *path, const char *text)
{
    sqlite3 *sql = NULL;
    ck_assert_int_eq(sqlite3_open(path, &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(sql, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
}

START_TEST(a_file_of_a_newer_program_is_set_aside)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    scene_close(&scene);
    execute(scene.path, "PRAGMA user_version = 1000");
    assert_set_aside(&scene, "newer");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_foreign_database_is_set_aside_untouched)
{
    struct scene scene;
    scene_on_disk(&scene);
    scene_close(&scene);
    ck_assert_int_eq(unlink(scene.path), 0);
    execute(scene.path, "CREATE TABLE precious (a); INSERT INTO precious VALUES (1)");
    struct stat before;
    struct stat after;
    autofree char *aside = xasprintf("%s.foreign", scene.path);
    ck_assert_int_eq(stat(scene.path, &before), 0);
    assert_set_aside(&scene, "foreign");
    ck_assert_int_eq(stat(aside, &after), 0);
    ck_assert_int_eq(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    execute(aside, "UPDATE precious SET a = 2");
    scene_finish(&scene);
}
END_TEST

START_TEST(ours_with_other_tables_is_set_aside)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    scene_close(&scene);
    execute(scene.path, "DROP TABLE seen");
    assert_set_aside(&scene, "damaged");
    scene_finish(&scene);
}
END_TEST

START_TEST(a_number_out_of_bounds_is_damage)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    scene_close(&scene);
    execute(scene.path, "UPDATE fact SET kind = 99 WHERE id = 3");
    assert_set_aside(&scene, "damaged");
    scene_finish(&scene);
}
END_TEST

START_TEST(an_empty_file_is_a_new_index)
{
    struct scene scene;
    scene_on_disk(&scene);
    scene_close(&scene);
    ck_assert_int_eq(unlink(scene.path), 0);
    overwrite(scene.path, 0, "", 0);
    scene_open(&scene);
    fill(&scene);
    scene_finish(&scene);
}
END_TEST

START_TEST(damage_met_later_shows_nothing_as_current)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    add_file(&scene, "u.py");
    record(&scene, "u.py", "s", look(&scene, "a.py"));
    scene_close(&scene);
    /* Closed well, so it is believed; the pages with the pairs by fact are not. */
    sqlite3 *sql = NULL;
    sqlite3_stmt *ask = NULL;
    ck_assert_int_eq(sqlite3_open(scene.path, &sql), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(sql,
                                        "SELECT rootpage FROM sqlite_schema WHERE name = "
                                        "'evidence_by_fact'",
                                        -1, &ask, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(ask), SQLITE_ROW);
    long root = sqlite3_column_int(ask, 0);
    sqlite3_finalize(ask);
    sqlite3_close(sql);
    char junk[4096];
    memset(junk, 0x5a, sizeof junk);
    autofree char *sum = xasprintf("%s-sum", scene.path);
    ck_assert_int_eq(unlink(sum), 0); /* else it would be found at once */
    overwrite(scene.path, (root - 1) * 4096, junk, sizeof junk);

    scene_open(&scene);
    scene_check(&scene);
    ck_assert(file_now(&scene, "u.py").current);
    scene_edit(&scene, "path-1", 1);
    ck_assert(!file_now(&scene, "t.py").current);
    ck_assert(!file_now(&scene, "u.py").current);
    scene_check(&scene);
    ck_assert(!file_now(&scene, "u.py").current);
    scene_close(&scene);
    assert_set_aside(&scene, "damaged"); /* now the file is looked at */
    scene_finish(&scene);
}
END_TEST

START_TEST(only_the_last_runs_are_history)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    record(&scene, "u.py", "s", look(&scene, "a.py"));
    index_keep_history(scene.index, 40);
    for (int i = 0; i < 60; i++)
        record(&scene, "t.py", "s", look(&scene, "a.py"));
    scene_close(&scene);
    execute(scene.path, "CREATE TABLE expected (n INTEGER CHECK (n = 41));"
                        "INSERT INTO expected SELECT count(*) FROM history;"
                        "DROP TABLE expected");
    scene_finish(&scene);
}
END_TEST

START_TEST(room_that_is_free_is_given_back)
{
    struct scene scene;
    scene_on_disk(&scene);
    fill(&scene);
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "u%d.py", i);
        struct index_evidence evidence[200];
        char paths[200][32];
        for (int j = 0; j < 200; j++) {
            snprintf(paths[j], sizeof paths[j], "%d-%d", i, j);
            evidence[j] = look(&scene, paths[j]);
        }
        add_file(&scene, path);
        ck_assert_int_eq(try_record(&scene, path, "s", evidence, 200), 0);
    }
    ck_assert_int_eq(index_tidy(scene.index), 0);
    off_t full = size_of(scene.path);
    for (int i = 0; i < 20; i++) {
        char path[32];
        snprintf(path, sizeof path, "u%d.py", i);
        ck_assert_int_eq(index_remove_file(scene.index, path), 0);
    }
    ck_assert_int_eq(index_tidy(scene.index), 0);
    ck_assert_int_lt(size_of(scene.path), full / 2);
    autofree char *log = xasprintf("%s-wal", scene.path);
    ck_assert_int_eq(size_of(log), 0);
    scene_finish(&scene);
}
END_TEST

START_TEST(verdicts_that_a_rebase_made_equal_become_one)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    record(&scene, "t.py", "s", look_volatile(&scene, "db"));
    scene_edit(&scene, "db", 1);
    record(&scene, "t.py", "s", look_volatile(&scene, "db"));
    ck_assert_int_eq(
        index_rebase(scene.index, EVIDENCE_CONTENT, "db", state_digest(2), it_was, NULL),
        0);
    scene_edit(&scene, "db", 2);
    record(&scene, "t.py", "s", look_volatile(&scene, "db"));
    scene_close(&scene);
    execute(scene.path, "CREATE TABLE expected (n INTEGER CHECK (n = 1));"
                        "INSERT INTO expected SELECT count(*) FROM verdict;"
                        "DROP TABLE expected");
    scene_finish(&scene);
}
END_TEST

/* ---- a death between two statements ---- */

static void count_result(void *owner, const struct index_result *result)
{
    int64_t *counts = owner;
    counts[result->outcome]++;
}

static void count_evidence(void *owner, const struct index_fact *fact, bool is_volatile)
{
    (void)is_volatile;
    (void)fact;
    *(int64_t *)owner += 1;
}

/* Run N of the loop: N % 7 + 1 results, 10 + N % 31 facts; both are seen in its
 * duration, N. */
static void record_forever(struct scene *scene, int fd)
{
    char paths[64][16];
    for (int i = 0; i < 64; i++)
        snprintf(paths[i], sizeof paths[i], "path-%d", i);
    for (;;) {
        int64_t n = scene->now + 1;
        struct index_evidence evidence[64];
        size_t count = (size_t)(10 + n % 31);
        scene_edit(scene, paths[n % 5], n);
        for (size_t i = 0; i < count; i++)
            evidence[i] = look(scene, paths[i]);
        char outcomes[8] = "sfsfsfs";
        outcomes[n % 7 + 1] = '\0';
        if (try_record(scene, n % 2 ? "t.py" : "u.py", outcomes, evidence, count) != 0 ||
            write(fd, "x", 1) != 1)
            _exit(1);
    }
}

static void assert_whole(struct scene *scene, const char *path)
{
    struct index_file file = file_now(scene, path);
    if (file.verdict == 0)
        return;
    int64_t n = (int64_t)file.duration_ms;
    int64_t outcomes[4] = {0};
    int64_t evidence = 0;
    index_results(scene->index, path, count_result, outcomes);
    index_evidence(scene->index, path, count_evidence, &evidence);
    ck_assert_int_eq(outcomes[OUTCOME_SUCCESS] + outcomes[OUTCOME_FAILURE], n % 7 + 1);
    ck_assert_int_eq(outcomes[OUTCOME_SUCCESS], file.counts.successes);
    ck_assert_int_eq(outcomes[OUTCOME_FAILURE], file.counts.failures);
    ck_assert_int_eq(evidence, 10 + n % 31);
    struct index_why why;
    ck_assert(index_why(scene->index, path, &why));
    ck_assert_int_eq(why.started, file.last_run);
    ck_assert_int_eq(file.last_run, n);
}

START_TEST(a_daemon_that_is_killed_leaves_whole_verdicts)
{
    struct scene scene;
    scene_on_disk(&scene);
    add_file(&scene, "t.py");
    add_file(&scene, "u.py");
    scene_close(&scene);
    int64_t recorded = 0;
    for (int round = 0; round < 12; round++) {
        int ends[2];
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
            scene.now = recorded + 100; /* numbers grow from round to round */
            scene_open(&scene);
            record_forever(&scene, ends[1]);
        }
        close(ends[1]);
        char byte = 0;
        for (int i = 0; i < 3 + round * 5; i++)
            ck_assert_int_eq(read(ends[0], &byte, 1), 1);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        int64_t told = 3 + round * 5;
        while (read(ends[0], &byte, 1) == 1)
            told++;
        close(ends[0]);

        scene_open(&scene);
        assert_whole(&scene, "t.py");
        assert_whole(&scene, "u.py");
        int64_t last = file_now(&scene, "t.py").last_run;
        if (file_now(&scene, "u.py").last_run > last)
            last = file_now(&scene, "u.py").last_run;
        /* What was told is there; at most one more was written and not told. */
        ck_assert_int_ge(last, recorded + 100 + told);
        ck_assert_int_le(last, recorded + 100 + told + 1);
        recorded = last;
        scene_check(&scene);
        assert_totals(&scene);
        scene_close(&scene);
    }
    scene_finish(&scene);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        nothing_is_current_until_the_check_is_over,
        a_fact_that_nobody_marked_is_broken,
        everything_survives_reopening,
        a_second_opener_is_told_that_it_is_busy,
        where_no_file_can_be_it_is_in_memory_and_says_so,
        a_disk_that_fills_loses_nothing_while_it_is_open,
        a_file_that_is_removed_while_it_is_open_is_written_anew,
        a_damaged_index_is_begun_anew_without_an_end,
        a_file_that_is_no_database_is_set_aside,
        a_truncated_file_is_set_aside,
        a_file_damaged_in_a_crash_is_set_aside,
        a_file_of_a_newer_program_is_set_aside,
        a_foreign_database_is_set_aside_untouched,
        ours_with_other_tables_is_set_aside,
        a_number_out_of_bounds_is_damage,
        an_empty_file_is_a_new_index,
        damage_met_later_shows_nothing_as_current,
        only_the_last_runs_are_history,
        room_that_is_free_is_given_back,
        verdicts_that_a_rebase_made_equal_become_one,
        a_daemon_that_is_killed_leaves_whole_verdicts,
    };
    return run_tests("index_store", tests, sizeof tests / sizeof *tests);
}
