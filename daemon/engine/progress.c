/* What is told of a run while it is on, to those who ask for it: nobody's state changes by it. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

/* A name that stands for less time is read by nobody. */
enum { TEST_NEWS_MS = 100 };

static bool listened(const struct engine *engine, enum topic topic)
{
    return engine->ports.listened(engine->ports.owner, topic);
}

static void tell_test(struct engine *engine, struct run *run, int64_t now)
{
    run->test_told = now;
    run->test_untold = false;
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(run->file));
    json_object_set_new(params, "test", wire_text(run->test));
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_TEST, params);
}

/* The first one has until then to be over as well. */
static int64_t test_due(const struct run *run)
{
    int64_t since = run->test_told > run->started ? run->test_told : run->started;
    return since + TEST_NEWS_MS;
}

void progress_test(struct engine *engine, struct run *run, const char *test, int64_t now)
{
    xreplace(&run->test, test);
    run->test_untold = listened(engine, TOPIC_RUN_TEST);
    if (run->test_untold && now >= test_due(run))
        tell_test(engine, run, now);
}

void progress_result(struct engine *engine, struct run *run, const struct report *report)
{
    run_result(run, report->test, report->outcome, report->duration_ms, report->exception,
               report->text);
    xreplace(&run->test, NULL);
    run->test_untold = false;
    if ((report->outcome != OUTCOME_FAILURE && report->outcome != OUTCOME_ERROR) ||
        !listened(engine, TOPIC_RUN_RESULT))
        return;
    json_t *params = run_result_encode(
        &(struct result_record){.file = run->file,
                                .test = report->test,
                                .outcome = report->outcome,
                                .duration_ms = report->duration_ms,
                                .exception = report->exception,
                                .report = report->text,
                                .package = package_shown(run->package)});
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_RESULT, params);
}

void progress_output(struct engine *engine, const struct run *run, const char *bytes,
                     size_t length)
{
    if (!listened(engine, TOPIC_RUN_OUTPUT))
        return;
    autofree char *text = xstrndup(bytes, length);
    json_t *params = json_object();
    json_object_set_new(params, "file", wire_path(run->file));
    json_object_set_new(params, "text", wire_text(text));
    engine->ports.publish(engine->ports.owner, TOPIC_RUN_OUTPUT, params);
}

int64_t progress_deadline(const struct engine *engine)
{
    int64_t deadline = INT64_MAX;
    for (const struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (run->test_untold && !run->ended && test_due(run) < deadline)
            deadline = test_due(run);
    return deadline;
}

void progress_tick(struct engine *engine, int64_t now)
{
    for (struct run *run = engine->runs; run != NULL; run = run->hh.next)
        if (run->test_untold && !run->ended && now >= test_due(run))
            tell_test(engine, run, now);
}
