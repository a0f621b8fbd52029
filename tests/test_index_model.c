#include "tests/support/index_scene.h"
#include "tests/support/suite.h"

/* A long random life of an index, held against a model that is too simple to be wrong:
 * a fact is one bit, a verdict a set of bits, and everything is worked out anew for
 * each question. */

enum { FILES = 5, PATHS = 8, STATES = 4 };

static const char *const file_names[FILES] = {"a.py", "b.py", "c/d.py", "e.py",
                                              "\xff.py"};
static const char *const path_names[PATHS] = {"a.py", "c",    "c/d", "m.py",
                                              "n.py", "/abs", "",    "z"};

struct model_verdict {
    uint64_t facts, volatiles;
    char outcomes[8];
    double duration_ms;
    double name; /* its first duration: stays when the same facts are recorded again */
    bool flaky;
};

struct model_file {
    bool there;
    int64_t size, runs, last_run;
    struct model_verdict verdicts[64]; /* the last recorded one first */
    size_t count;
    bool told_current;
    double told; /* the name of the verdict last told; 0: none */
};

struct model {
    struct model_file files[FILES];
    int64_t tree[PATHS];
    bool checked;
};

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static size_t below(uint64_t *seed, size_t limit)
{
    return (size_t)(random_next(seed) >> 20) % limit;
}

static uint64_t bit(size_t path, int64_t state, bool unsure)
{
    return UINT64_C(1) << (path * STATES * 2 + (size_t)state * 2 + unsure);
}

/* ---- the model's own answers ---- */

static bool model_holds(const struct model *model, uint64_t facts)
{
    for (size_t path = 0; path < PATHS; path++)
        facts &= ~bit(path, model->tree[path], false);
    return model->checked && facts == 0;
}

static const struct model_verdict *
model_shown(const struct model *model, const struct model_file *file, bool *ret_current)
{
    for (size_t i = 0; i < file->count && i < INDEX_VERDICTS; i++)
        if (model_holds(model, file->verdicts[i].facts)) {
            *ret_current = true;
            return &file->verdicts[i];
        }
    *ret_current = false;
    return file->count > 0 ? &file->verdicts[0] : NULL;
}

static bool any_unsure(uint64_t facts)
{
    return (facts & UINT64_C(0xaaaaaaaaaaaaaaaa)) != 0;
}

static void model_record(struct model_file *file, struct model_verdict verdict)
{
    struct model_verdict kept[64];
    size_t count = 1;
    bool again = false;
    for (size_t i = 0; i < file->count; i++) {
        struct model_verdict old = file->verdicts[i];
        if (old.facts != verdict.facts) {
            kept[count++] = old;
        } else if (!again) { /* the newest with these facts is the one replaced */
            again = true;
            verdict.name = old.name;
            verdict.flaky = old.flaky || (!any_unsure(verdict.facts) &&
                                          strcmp(old.outcomes, verdict.outcomes) != 0);
        }
    }
    kept[0] = verdict;
    file->count = count < INDEX_VERDICTS ? count : INDEX_VERDICTS;
    memcpy(file->verdicts, kept, sizeof kept);
}

static void model_rebase(struct model *model, size_t path, int64_t state)
{
    for (size_t f = 0; f < FILES; f++)
        for (size_t v = 0; v < model->files[f].count; v++) {
            struct model_verdict *verdict = &model->files[f].verdicts[v];
            for (int64_t from = 0; from < STATES; from++) {
                uint64_t old = bit(path, from, false);
                uint64_t new = bit(path, state, false);
                if (from == state || !(verdict->facts & verdict->volatiles & old))
                    continue;
                verdict->facts &= ~old;
                verdict->volatiles &= ~old;
                if (!(verdict->facts & new))
                    verdict->volatiles |= new;
                verdict->facts |= new;
            }
        }
}

/* ---- one step of both ---- */

static void step_edit(struct scene *scene, struct model *model, uint64_t *seed)
{
    size_t path = below(seed, PATHS);
    model->tree[path] = (int64_t)below(seed, STATES);
    scene_edit(scene, path_names[path], model->tree[path]);
}

static void step_rebase(struct scene *scene, struct model *model, uint64_t *seed)
{
    size_t path = below(seed, PATHS);
    int64_t state = (int64_t)below(seed, STATES);
    model->tree[path] = state;
    model_rebase(model, path, state);
    ck_assert_int_eq(index_rebase(scene->index, EVIDENCE_CONTENT, path_names[path],
                                  state_digest(state), it_was, NULL),
                     0);
    scene_edit(scene, path_names[path], state);
}

static void step_record(struct scene *scene, struct model *model, uint64_t *seed)
{
    static const char *const outcomes[] = {"s", "ss", "sf", "sfe-", ""};
    struct model_file *file = &model->files[below(seed, FILES)];
    if (!file->there)
        return;
    struct index_evidence evidence[2 * PATHS];
    size_t count = 0;
    struct model_verdict verdict = {0};
    for (size_t path = 0; path < PATHS; path++) {
        if (below(seed, 2) == 0)
            continue;
        /* Mostly what is there now; at times what was there earlier, or nobody knows. */
        size_t luck = below(seed, 20);
        int64_t state = luck == 0 ? (int64_t)below(seed, STATES) : model->tree[path];
        struct index_evidence *one = &evidence[count++];
        *one = look(scene, path_names[path]);
        one->state = state_digest(state);
        one->unsure = luck == 1;
        one->is_volatile = luck >= 2 && luck <= 4;
        one->holds = state == model->tree[path];
        verdict.facts |= bit(path, state, one->unsure);
        if (one->is_volatile)
            verdict.volatiles |= bit(path, state, false);
        if (below(seed, 8) == 0) {
            evidence[count] = *one;
            count++;
        }
    }
    strcpy(verdict.outcomes, outcomes[below(seed, 5)]);
    size_t at = (size_t)(file - model->files);
    ck_assert_int_eq(try_record(scene, file_names[at], verdict.outcomes, evidence, count),
                     0);
    verdict.duration_ms = (double)scene->now;
    verdict.name = verdict.duration_ms;
    file->runs++;
    file->last_run = scene->now;
    model_record(file, verdict);
}

static void step_file(struct scene *scene, struct model *model, uint64_t *seed)
{
    size_t at = below(seed, FILES);
    struct model_file *file = &model->files[at];
    if (file->there && below(seed, 3) == 0) {
        *file = (struct model_file){0};
        ck_assert_int_eq(index_remove_file(scene->index, file_names[at]), 0);
        return;
    }
    file->there = true;
    file->size = (int64_t)below(seed, 1000);
    ck_assert_int_gt(index_add_file(scene->index, file_names[at], file->size), 0);
}

static void step_reopen(struct scene *scene, struct model *model, uint64_t *seed)
{
    scene_close(scene);
    scene_open(scene);
    model->checked = false;
    for (size_t f = 0; f < FILES; f++) {
        bool current = false;
        const struct model_verdict *shown =
            model_shown(model, &model->files[f], &current);
        model->files[f].told_current = false;
        model->files[f].told = shown != NULL ? shown->name : 0;
    }
    if (below(seed, 2) == 0) { /* the tree goes on while nobody looks */
        size_t path = below(seed, PATHS);
        model->tree[path] = (int64_t)below(seed, STATES);
        strset_put(&scene->tree, path_names[path], model->tree[path]);
    }
    index_each_fact(scene->index, mark_as_tree, scene);
}

static void step(struct scene *scene, struct model *model, uint64_t *seed)
{
    size_t luck = below(seed, 100);
    if (luck < 45) {
        step_record(scene, model, seed);
    } else if (luck < 75) {
        step_edit(scene, model, seed);
    } else if (luck < 82) {
        step_rebase(scene, model, seed);
    } else if (luck < 90) {
        step_file(scene, model, seed);
    } else if (luck < 93) {
        ck_assert_int_eq(index_tidy(scene->index), 0);
    } else if (luck < 95) {
        step_reopen(scene, model, seed);
    } else {
        model->checked = luck < 99;
        index_checked(scene->index, model->checked);
    }
}

/* ---- both must say the same ---- */

static int64_t count_letter(const char *text, char letter)
{
    int64_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == letter;
    return count;
}

static void collect_facts(void *owner, const struct index_fact *fact, bool is_volatile)
{
    struct model_verdict *got = owner;
    size_t path = 0;
    int64_t state = 0;
    while (strcmp(path_names[path], fact->path) != 0)
        path++;
    memcpy(&state, fact->state.bytes, sizeof state);
    got->facts |= bit(path, state, fact->unsure);
    if (is_volatile)
        got->volatiles |= bit(path, state, fact->unsure);
}

static void compare_file(struct scene *scene, const struct model *model, size_t at)
{
    const struct model_file *expected = &model->files[at];
    struct index_file got;
    ck_assert_int_eq(index_file(scene->index, file_names[at], &got), expected->there);
    if (!expected->there)
        return;
    bool current = false;
    const struct model_verdict *shown = model_shown(model, expected, &current);
    ck_assert_int_eq(got.current, current);
    ck_assert_int_eq(got.size, expected->size);
    ck_assert_int_eq(got.runs, expected->runs);
    ck_assert_int_eq(got.last_run, expected->last_run);
    ck_assert_int_eq(got.verdict != 0, shown != NULL);
    if (shown == NULL)
        return;
    ck_assert_double_eq(got.duration_ms, shown->duration_ms);
    ck_assert_int_eq(got.from_cache, shown != &expected->verdicts[0]);
    ck_assert_int_eq(got.flaky, shown->flaky);
    ck_assert_int_eq(got.counts.successes, count_letter(shown->outcomes, 's'));
    ck_assert_int_eq(got.counts.failures, count_letter(shown->outcomes, 'f'));
    ck_assert_int_eq(got.counts.errors, count_letter(shown->outcomes, 'e'));
    ck_assert_int_eq(got.counts.skipped, count_letter(shown->outcomes, '-'));
    struct model_verdict facts = {0};
    index_evidence(scene->index, file_names[at], collect_facts, &facts);
    ck_assert_uint_eq(facts.facts, shown->facts);
    ck_assert_uint_eq(facts.volatiles, shown->volatiles);
}

struct told {
    bool files[FILES];
};

static void collect_turned(void *owner, const struct index_file *file)
{
    struct told *told = owner;
    size_t at = 0;
    while (strcmp(file_names[at], file->path) != 0)
        at++;
    ck_assert(!told->files[at]);
    told->files[at] = true;
}

static void compare_turned(struct scene *scene, struct model *model)
{
    struct told told = {{false}};
    index_each_turned(scene->index, collect_turned, &told);
    for (size_t f = 0; f < FILES; f++) {
        struct model_file *file = &model->files[f];
        bool current = false;
        const struct model_verdict *shown = model_shown(model, file, &current);
        double name = shown != NULL ? shown->name : 0;
        bool turned = file->told_current != current || file->told != name;
        ck_assert_int_eq(told.files[f], turned);
        file->told_current = current;
        file->told = name;
    }
}

static void live(uint64_t seed, int steps)
{
    struct scene scene;
    struct model model = {.checked = true};
    scene_on_disk(&scene);
    for (int i = 0; i < steps; i++) {
        step(&scene, &model, &seed);
        for (size_t f = 0; f < FILES; f++)
            compare_file(&scene, &model, f);
        assert_totals(&scene);
        if (below(&seed, 3) == 0)
            compare_turned(&scene, &model);
    }
    scene_finish(&scene);
}

START_TEST(a_random_life_goes_as_the_model_says)
{
    live(UINT64_C(88172645463325252) + (uint64_t)_i * 7919, 1500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_model");
    TCase *tests = tcase_create("index_model");
    tcase_add_loop_test(tests, a_random_life_goes_as_the_model_says, 0, 6);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
