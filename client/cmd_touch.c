/* touch: a hint that paths changed, for file systems that tell nothing. */

#include "client/ctl.h"
#include "proto/order.h"

#include <errno.h>
#include <string.h>

/* A request must stay below the daemon's limit for a line; a whole checkout can be longer. */
enum { BATCH_BYTES = MESSAGE_LINE_LIMIT / 8, BATCH_PATHS = 4096 };

struct touching {
    struct ctl *ctl;
    struct link *link;
    json_t *batch;
    size_t bytes;
    int code; /* the first that went wrong */
};

static void send_batch(struct touching *touching)
{
    if (touching->code != 0 || json_array_size(touching->batch) == 0)
        return;
    json_t *params = must(json_pack("{s:O}", "paths", touching->batch)), *result = NULL;
    touching->code = link_call(touching->link, METHOD_TOUCH, params, LINK_LIMIT_MS,
                               &result, &touching->ctl->trouble);
    json_decref(result);
    json_array_clear(touching->batch);
    touching->bytes = 0;
}

static void add(struct touching *touching, const char *name)
{
    if (name[0] == '\0')
        return;
    autofree char *path = ctl_path(touching->ctl, name);
    json_array_append_new(touching->batch, must(wire_path(path)));
    touching->bytes += strlen(path);
    if (touching->bytes >= BATCH_BYTES || json_array_size(touching->batch) >= BATCH_PATHS)
        send_batch(touching);
}

static void add_stdin(struct touching *touching, int delimiter)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while (touching->code == 0 &&
           (length = getdelim(&line, &capacity, delimiter, stdin)) > 0) {
        if (line[length - 1] == delimiter)
            line[length - 1] = '\0';
        add(touching, line);
    }
    if (touching->code == 0 && ferror(stdin))
        touching->code =
            trouble_set(&touching->ctl->trouble, CTL_USAGE,
                        "cannot read the paths from stdin: %s", strerror(errno));
    free(line);
}

int cmd_touch(struct ctl *ctl)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"null", no_argument, NULL, '0'},
                                          {NULL, 0, NULL, 0}};
    int delimiter = '\n', option, code;
    while ((option = ctl_option(ctl, ":0", longs, &code)) != -1) {
        if (option == CTL_STOP)
            return code;
        delimiter = '\0';
    }
    char **names;
    int count = ctl_operands(ctl, &names);
    if (count == 0)
        return ctl_usage(ctl, "name at least one path, or - to read them from stdin");
    bool from_stdin = count == 1 && strcmp(names[0], "-") == 0;
    if (delimiter == '\0' && !from_stdin)
        return ctl_usage(ctl, "-0 goes with - alone");
    struct link link;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code != 0)
        return code;
    struct touching touching = {.ctl = ctl, .link = &link, .batch = must(json_array())};
    if (from_stdin)
        add_stdin(&touching, delimiter);
    else
        for (int i = 0; i < count; i++)
            add(&touching, names[i]);
    send_batch(&touching);
    json_decref(touching.batch);
    link_close(&link);
    return touching.code;
}
