/* events: what any client may read on the socket, as it comes. */

#include "client/ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool check_topics(struct ctl *ctl, char **topics, int count)
{
    for (int i = 0; i < count; i++) {
        if (word_find(topic_names, topics[i]) >= 0)
            continue;
        autofree char *known = text_format("%s", topic_names[0]);
        for (size_t j = 1; topic_names[j] != NULL; j++) {
            char *longer = text_format("%s, %s", known, topic_names[j]);
            free(known);
            known = longer;
        }
        ctl_usage(ctl, "there is no topic \"%s\"; there are: %s", topics[i], known);
        return false;
    }
    return true;
}

int cmd_events(struct ctl *ctl)
{
    int code;
    char **topics;
    if (!ctl_no_options(ctl, &code))
        return code;
    int count = ctl_operands(ctl, &topics);
    if (!check_topics(ctl, topics, count))
        return CTL_USAGE;
    json_t *params = must(json_object());
    if (count > 0) {
        json_t *wanted = must(json_array());
        for (int i = 0; i < count; i++)
            json_array_append_new(wanted, must(json_string(topics[i])));
        json_object_set_new(params, "topics", wanted);
    }
    struct link link;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0) {
        json_decref(params);
        return code;
    }
    json_t *result = NULL;
    code =
        link_call(&link, METHOD_SUBSCRIBE, params, LINK_LIMIT_MS, &result, &ctl->trouble);
    json_decref(result);
    const char *line;
    while (code == 0 && link_next(&link, STDOUT_FILENO, &line) == 1) {
        fprintf(ctl->print.out, "%s\n", line);
        if (fflush(ctl->print.out) != 0) /* each at once; ctl_main tells what is wrong */
            break;
    }
    link_close(&link);
    return code;
}
