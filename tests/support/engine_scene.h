#ifndef SUPPORT_ENGINE_SCENE_H
#define SUPPORT_ENGINE_SCENE_H

/* The engine on real files and a real index in memory, with ports that only write down what was asked. The test
 * plays watcher, workers, clients and clock. */

#include "daemon/base/log.h"
#include "daemon/base/path.h"
#include "daemon/base/strset.h"
#include "daemon/base/xalloc.h"
#include "daemon/engine/engine.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCENE_RUNS = 64, SCENE_READINGS = 16 };

struct scene_hidden {
    const char *path, *by, *rule;
    bool setting;
};

struct scene_cold {
    const char *folder, *why;
};

struct scene {
    char root[64];
    const char *ignored;    /* with what is below it */
    const char *repository; /* beside .git; NULL: none */
    const struct scene_hidden
        *hidden; /* as the watcher would find it; ends with a NULL path */
    bool hidden_partly;
    struct warmth warm;
    struct engine_machine machine;
    const char *notifier; /* what its health is, NULL: there is none */
    bool notifier_ok;
    const struct scene_cold *cold; /* ends with a NULL folder */
    int64_t cold_more;
    struct index *index;
    struct engine *engine;
    int64_t now;
    int64_t clock_moved; /* by so much somebody set the wall clock */
    int places;          /* free ones */
    int64_t question;    /* id of the last classify, 0: none */
    char *asked[64];
    size_t asked_count;
    struct {
        int64_t id;
        char *file;
    } started[SCENE_RUNS];
    size_t started_count;
    int64_t cancelled;
    uint64_t cookie; /* of the last sync */
    json_t *told;    /* array of [topic, params] */
    bool deaf;       /* nobody listens */
    json_t *reply;   /* the last */
    struct fault fault;
    bool refused;
    int warmed, refreshed, loaded;
    const char *launch;          /* how workers are started; NULL: nobody knows */
    const char *const *packages; /* besides the root; NULL at the end */
    bool changed_first;
    char speaker[64];                    /* the package whose workers speak */
    char package[64], asked_package[64]; /* of the last start; of the last classify */
    char together[256]; /* the files of the process that was started last */
    char first[256];    /* the tests that were to come first, where there were any */
    bool listening;     /* to opens */
    bool no_reader;     /* no worker takes sources apart */
    int64_t reading;    /* id of the last question about sources */
    char *readings[SCENE_READINGS];
    size_t reading_count;
};

static struct scene scene;

static int scene_start(void *owner, const char *package, int64_t run,
                       const char *const *files, const char *const *first)
{
    (void)owner;
    snprintf(scene.package, sizeof scene.package, "%s", package);
    if (first != NULL && *first != NULL)
        scene.first[0] = '\0';
    for (; first != NULL && *first != NULL; first++) {
        size_t length = strlen(scene.first);
        snprintf(scene.first + length, sizeof scene.first - length, "<%s>", *first);
    }
    if (scene.places == 0)
        return -EAGAIN;
    ck_assert_uint_lt(scene.started_count, SCENE_RUNS);
    scene.places--;
    scene.started[scene.started_count].id = run;
    scene.started[scene.started_count++].file = xstrdup(files[0]);
    scene.together[0] = '\0';
    for (; *files != NULL; files++) {
        size_t length = strlen(scene.together);
        snprintf(scene.together + length, sizeof scene.together - length, "<%s>", *files);
    }
    return 0;
}

static void scene_cancel(void *owner, int64_t run)
{
    (void)owner;
    scene.cancelled = run;
}

static int scene_classify(void *owner, const char *package, int64_t id,
                          const char *const *paths, size_t count)
{
    (void)owner;
    if (scene.packages != NULL && strcmp(package, scene.speaker) != 0)
        return -EAGAIN; /* of the others none is ready */
    snprintf(scene.asked_package, sizeof scene.asked_package, "%s", package);
    scene.question = id;
    for (size_t i = 0; i < scene.asked_count; i++)
        free(scene.asked[i]);
    scene.asked_count = 0;
    for (size_t i = 0; i < count; i++)
        scene.asked[scene.asked_count++] = xstrdup(paths[i]);
    return 0;
}

static int scene_blocks(void *owner, const char *package, int64_t id,
                        const char *const *paths, size_t count)
{
    (void)owner;
    (void)package;
    if (scene.no_reader)
        return -EAGAIN;
    scene.reading = id;
    scene.reading_count = count < SCENE_READINGS ? count : SCENE_READINGS;
    for (size_t i = 0; i < scene.reading_count; i++) {
        free(scene.readings[i]);
        scene.readings[i] = xstrdup(paths[i]);
    }
    return 0;
}

static bool scene_decides(void *owner, const char *path)
{
    (void)owner;
    return strcmp(path, "pyproject.toml") == 0;
}

static json_t *scene_debug(void *owner, const char *package, const char *file)
{
    (void)owner;
    return json_pack("{s:[s,s]}", "argv", package, file);
}

static void scene_heed(void *owner, const char *path)
{
    (void)owner;
    (void)path;
}

static void scene_listen_opens(void *owner, bool listen)
{
    (void)owner;
    scene.listening = listen;
}

/* As the test says; NULL: what workers tell is not kept. */
static char *scene_launch(void *owner, const char *package)
{
    (void)owner;
    (void)package;
    return scene.launch != NULL ? xstrdup(scene.launch) : NULL;
}

static void scene_warm(void *owner, const char *package)
{
    (void)owner;
    (void)package;
    scene.warmed++;
}

static void scene_refresh(void *owner)
{
    (void)owner;
    scene.refreshed++;
}

/* The root, and what the test says. */
static char *scene_packages(void *owner, const char *const *marks, size_t count,
                            void (*found)(void *, const struct engine_package *),
                            void *engine)
{
    (void)owner;
    (void)marks;
    (void)count;
    found(engine, &(struct engine_package){.path = "",
                                           .python_why = "python3, because of the test",
                                           .framework_why = "nose, because of the test",
                                           .changed_first = scene.changed_first});
    for (const char *const *path = scene.packages; path != NULL && *path != NULL; path++)
        found(engine, &(struct engine_package){.path = *path,
                                               .python_why = "the same",
                                               .framework_why = "the same",
                                               .changed_first = scene.changed_first});
    return xstrdup("as the test says");
}

static struct warmth scene_warmth(void *owner)
{
    (void)owner;
    return scene.warm;
}

static int64_t
scene_cold(void *owner, void (*visit)(void *visitor, const char *folder, const char *why),
           void *visitor)
{
    (void)owner;
    for (const struct scene_cold *item = scene.cold; item != NULL && item->folder != NULL;
         item++)
        visit(visitor, item->folder, item->why);
    return scene.cold_more;
}

static const char *scene_notifier(void *owner, bool *ret_ok)
{
    (void)owner;
    *ret_ok = scene.notifier_ok;
    return scene.notifier;
}

static void scene_sync(void *owner, uint64_t cookie)
{
    (void)owner;
    scene.cookie = cookie;
}

static void (*scene_found)(void *engine, const char *path, bool is_directory);
static void *scene_finder;

static int scene_visit(const char *path, const struct stat *status, int kind,
                       struct FTW *ftw)
{
    (void)status;
    (void)ftw;
    const char *told = path + strlen(scene.root) + (strcmp(path, scene.root) != 0);
    if (told[0] != '\0' && !path_below(told, scene.ignored))
        scene_found(scene_finder, told, kind == FTW_D);
    return 0;
}

static int scene_crawl(void *owner, void (*found)(void *, const char *, bool),
                       void *engine)
{
    (void)owner;
    scene_found = found;
    scene_finder = engine;
    return nftw(scene.root, scene_visit, 8, FTW_PHYS);
}

static bool scene_follow(void *owner, const char *folder)
{
    (void)owner;
    (void)folder;
    return false;
}

static void scene_repositories(void *owner,
                               void (*visit)(void *visitor, const char *folder),
                               void *visitor)
{
    (void)owner;
    if (scene.repository != NULL)
        visit(visitor, scene.repository);
}

static bool scene_ignored(void *owner, const char *path)
{
    (void)owner;
    return path_below(path, scene.ignored);
}

static bool scene_hidden(void *owner,
                         void (*visit)(void *visitor, const char *path, const char *by,
                                       const char *rule, bool setting),
                         void *visitor)
{
    (void)owner;
    for (const struct scene_hidden *item = scene.hidden;
         item != NULL && item->path != NULL; item++)
        visit(visitor, item->path, item->by, item->rule, item->setting);
    return !scene.hidden_partly;
}

static void scene_publish(void *owner, enum topic topic, json_t *params)
{
    (void)owner;
    json_t *pair = json_array();
    json_array_append_new(pair, json_string(topic_names[topic]));
    json_array_append_new(pair, params);
    json_array_append_new(scene.told, pair);
}

static bool scene_listened(void *owner, enum topic topic)
{
    (void)owner;
    (void)topic;
    return !scene.deaf;
}

static void scene_resnapshot(void *owner, const char *why)
{
    (void)owner;
    (void)why;
}

static void scene_reply(void *owner, uint64_t ticket, json_t *result)
{
    (void)owner;
    (void)ticket;
    json_decref(scene.reply);
    scene.reply = result;
}

static void scene_refuse(void *owner, uint64_t ticket, const struct fault *fault)
{
    (void)owner;
    (void)ticket;
    scene.fault = *fault;
    scene.refused = true;
}

static int64_t scene_seq(void *owner)
{
    (void)owner;
    return (int64_t)json_array_size(scene.told);
}

static void scene_nothing(void *owner)
{
    (void)owner;
}

static void scene_settings(void *owner)
{
    (void)owner;
    scene.loaded++;
}

static int64_t scene_wall(void *owner)
{
    (void)owner;
    return 1700000000000 + scene.now + scene.clock_moved;
}

static struct engine_machine scene_machine(void *owner)
{
    (void)owner;
    return scene.machine;
}

/* ---- files ---- */

static inline char *scene_path(const char *path)
{
    return path_join(scene.root, path);
}

static inline void scene_write(const char *path, const char *text)
{
    autofree char *whole = scene_path(path);
    autofree char *folder = path_parent(whole);
    if (mkdir(folder, 0700) < 0)
        ck_assert_int_eq(errno, EEXIST);
    FILE *file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* Writes, and tells as the watcher would. */
static inline void scene_save(const char *path, const char *text)
{
    scene_write(path, text);
    engine_changed(scene.engine, path, true, scene.now);
}

static inline void scene_remove(const char *path)
{
    autofree char *whole = scene_path(path);
    ck_assert_int_eq(unlink(whole), 0);
    engine_changed(scene.engine, path, true, scene.now);
}

/* Time goes on to the engine's next deadline. */
static inline void scene_settle(void)
{
    int64_t deadline = engine_deadline(scene.engine);
    ck_assert_int_ne(deadline, INT64_MAX);
    if (deadline > scene.now)
        scene.now = deadline;
    engine_tick(scene.engine, scene.now);
}

/* ---- life ---- */

static inline void scene_wake(void)
{
    const struct engine_ports ports = {.start = scene_start,
                                       .cancel = scene_cancel,
                                       .classify = scene_classify,
                                       .blocks = scene_blocks,
                                       .heed = scene_heed,
                                       .listen_opens = scene_listen_opens,
                                       .launch = scene_launch,
                                       .warm = scene_warm,
                                       .packages = scene_packages,
                                       .refresh = scene_refresh,
                                       .warmth = scene_warmth,
                                       .cold = scene_cold,
                                       .notifier = scene_notifier,
                                       .sync = scene_sync,
                                       .crawl = scene_crawl,
                                       .follow = scene_follow,
                                       .repositories = scene_repositories,
                                       .ignored = scene_ignored,
                                       .hidden = scene_hidden,
                                       .publish = scene_publish,
                                       .listened = scene_listened,
                                       .resnapshot = scene_resnapshot,
                                       .reply = scene_reply,
                                       .refuse = scene_refuse,
                                       .seq = scene_seq,
                                       .decides = scene_decides,
                                       .debug = scene_debug,
                                       .settings = scene_settings,
                                       .stop = scene_nothing,
                                       .wall = scene_wall,
                                       .machine = scene_machine};
    scene.engine = engine_new(scene.root, "fake", scene.index, &ports);
}

static inline void scene_open(void)
{
    scene = (struct scene){.root = "/tmp/sniffer-engine-XXXXXX",
                           .ignored = "ignored",
                           .now = 1000,
                           .places = 1};
    ck_assert_ptr_nonnull(mkdtemp(scene.root));
    log_set_level(LOG_LEVEL_ERROR);
    scene.told = json_array();
    ck_assert_int_eq(index_open(&scene.index, NULL, &(char *){NULL}), 0);
    scene_wake();
}

/* Another daemon with the same index; what was told so far is forgotten. */
static inline void scene_restart(void)
{
    engine_free(scene.engine);
    json_array_clear(scene.told);
    scene_wake();
}

static inline int scene_unlink(const char *path, const struct stat *status, int kind,
                               struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline void scene_close(void)
{
    engine_free(scene.engine);
    index_close(scene.index);
    json_decref(scene.told);
    json_decref(scene.reply);
    for (size_t i = 0; i < scene.asked_count; i++)
        free(scene.asked[i]);
    for (size_t i = 0; i < SCENE_READINGS; i++)
        free(scene.readings[i]);
    for (size_t i = 0; i < scene.started_count; i++)
        free(scene.started[i].file);
    nftw(scene.root, scene_unlink, 8, FTW_PHYS | FTW_DEPTH);
}

/* ---- workers ---- */

static inline void scene_ready(const char *python)
{
    struct report_environment environment[] = {{"python", python}};
    const char *suffixes[] = {".py"};
    engine_ready(scene.engine, scene.speaker,
                 &(struct report){.type = REPORT_READY,
                                  .framework = "nose",
                                  .framework_version = "1.3.7",
                                  .python = python,
                                  .environment = environment,
                                  .environment_count = 1,
                                  .suffixes = suffixes,
                                  .suffix_count = 1},
                 scene.now);
}

/* With settings that say which files share a process. */
static inline void scene_ready_isolated(const char *isolation)
{
    struct report_environment environment[] = {{"python", "python"},
                                               {"isolation", isolation}};
    const char *suffixes[] = {".py"};
    engine_ready(scene.engine, scene.speaker,
                 &(struct report){.type = REPORT_READY,
                                  .framework = "nose",
                                  .framework_version = "1.3.7",
                                  .python = "python",
                                  .environment = environment,
                                  .environment_count = 2,
                                  .suffixes = suffixes,
                                  .suffix_count = 1},
                 scene.now);
}

/* Of what was asked, everything named test_*.py is a test file. */
static inline void scene_answer(void)
{
    char *tests[64];
    size_t count = 0;
    for (size_t i = 0; i < scene.asked_count; i++)
        if (strncmp(path_base(scene.asked[i]), "test_", 5) == 0)
            tests[count++] = scene.asked[i];
    engine_classified(scene.engine, scene.asked_package,
                      &(struct report){.type = REPORT_CLASSIFIED,
                                       .id = scene.question,
                                       .paths = tests,
                                       .path_count = count},
                      scene.now);
}

/* Everything is known of the project but what its tests say. */
static inline void scene_begin(const char *python)
{
    engine_begin(scene.engine, scene.now);
    scene_ready(python);
    scene_answer();
}

static inline void scene_refuse_settings(const char *message)
{
    engine_classified(scene.engine, scene.asked_package,
                      &(struct report){.type = REPORT_CLASSIFIED,
                                       .id = scene.question,
                                       .message = message},
                      scene.now);
}

/* The run of FILE that was started last; fails where it was not. */
static inline int64_t scene_run_of(const char *file)
{
    for (size_t i = scene.started_count; i > 0; i--)
        if (strcmp(scene.started[i - 1].file, file) == 0)
            return scene.started[i - 1].id;
    ck_abort_msg("%s was not started", file);
    return 0;
}

static inline void scene_look(int64_t run, enum evidence_kind kind, const char *path)
{
    autofree char *copy = xstrdup(path);
    engine_report(
        scene.engine,
        &(struct report){.type = REPORT_LOOK, .run = run, .evidence = kind, .path = copy},
        scene.now);
}

static inline void scene_wrote(int64_t run, const char *path)
{
    autofree char *copy = xstrdup(path);
    engine_report(scene.engine,
                  &(struct report){.type = REPORT_WROTE, .run = run, .path = copy},
                  scene.now);
}

static inline void scene_result(int64_t run, const char *test, enum outcome outcome)
{
    engine_report(
        scene.engine,
        &(struct report){.type = REPORT_RESULT,
                         .run = run,
                         .test = test,
                         .outcome = outcome,
                         .exception = outcome == OUTCOME_ERROR ? "ImportError" : NULL,
                         .text = outcome == OUTCOME_SUCCESS ? NULL : "text"},
        scene.now);
}

/* The run is over; its cookie comes back. */
static inline void scene_end_as(int64_t run, enum engine_end end)
{
    scene.places++;
    scene.now += 10;
    engine_finished(
        scene.engine,
        &(struct engine_finished){.run = run, .end = end, .done = end == ENGINE_EXITED},
        scene.now);
    engine_synced(scene.engine, scene.cookie, scene.now);
}

static inline void scene_end(int64_t run)
{
    scene_end_as(run, ENGINE_EXITED);
}

/* A whole run of FILE that used PATH as code and had OUTCOME. */
static inline void scene_play(const char *file, const char *path, enum outcome outcome)
{
    int64_t run = scene_run_of(file);
    scene_look(run, EVIDENCE_CODE, path);
    scene_result(run, "test_it", outcome);
    scene_end(run);
}

static inline size_t scene_started_times(const char *file)
{
    size_t count = 0;
    for (size_t i = 0; i < scene.started_count; i++)
        if (strcmp(scene.started[i].file, file) == 0)
            count++;
    return count;
}

static inline struct index_file scene_file(const char *file)
{
    struct index_file found;
    ck_assert(index_file(scene.index, file, &found));
    return found;
}

/* The params of the last notification of TOPIC, or NULL. */
static inline json_t *scene_news(enum topic topic)
{
    for (size_t i = json_array_size(scene.told); i > 0; i--) {
        json_t *pair = json_array_get(scene.told, i - 1);
        if (strcmp(json_string_value(json_array_get(pair, 0)), topic_names[topic]) == 0)
            return json_array_get(pair, 1);
    }
    return NULL;
}

static inline void scene_ask(enum method method, json_t *params)
{
    scene.refused = false;
    json_t *id = json_integer(1);
    const struct request request = {.method = method, .id = id, .params = params};
    engine_request(scene.engine, 7, &request, scene.now);
    json_decref(id);
    json_decref(params);
}

static inline int64_t scene_to_be_run(void)
{
    scene_ask(METHOD_STATUS, json_object());
    return json_integer_value(
        json_object_get(json_object_get(scene.reply, "stats"), "to_be_run"));
}

static inline const char *scene_state(void)
{
    scene_ask(METHOD_STATUS, json_object());
    return json_string_value(json_object_get(scene.reply, "state"));
}

#endif
