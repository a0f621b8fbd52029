/* Reports: what a worker says is a report whose parts are all there, or is refused with a reason. */

#include "proto/order.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void look_at_sources(const struct report *report)
{
    for (size_t i = 0; i < report->source_count; i++) {
        const struct report_source *source = &report->sources[i];
        REQUIRE(source->path != NULL && source->path[0] != '\0');
        for (size_t key = 0; source->keys != NULL && key < source->count; key++)
            REQUIRE(source->keys[key] != NULL);
    }
    for (size_t i = 0; i < report->ran_count; i++)
        REQUIRE(report->rans[i].test != NULL);
    for (size_t i = 0; i < report->cold_count; i++)
        REQUIRE(report->colds[i].folder != NULL);
}

static void look_at(const struct report *report)
{
    for (size_t i = 0; i < report->path_count; i++)
        REQUIRE(report->paths[i] != NULL);
    for (size_t i = 0; i < report->environment_count; i++)
        REQUIRE(report->environment[i].name != NULL &&
                report->environment[i].value != NULL);
    for (size_t i = 0; i < report->suffix_count; i++)
        REQUIRE(report->suffixes[i] != NULL);
    look_at_sources(report);
    if (report->type == REPORT_STARTED)
        REQUIRE(report->pid > 0 && report->pid <= INT32_MAX);
    if (report->type == REPORT_TEST || report->type == REPORT_RESULT)
        REQUIRE(report->test != NULL && strlen(report->test) < SIZE_MAX);
    if (report->type == REPORT_LOOK)
        REQUIRE(report->unseen || report->path != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report report;
    const char *why = NULL;
    if (report_decode((const char *)data, size, &report, &why) == 0) {
        look_at(&report);
        report_finish(&report);
    } else {
        REQUIRE(why != NULL && why[0] != '\0');
    }
    return 0;
}
