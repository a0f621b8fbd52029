/* doctor: what could hinder the daemon, each with the mend. The client looks at the machine, the
 * daemon, where one runs, at itself and the project. */

#include "client/ctl.h"

#include "proto/order.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WATCHES_WANTED = 8192, EVENTS_WANTED = 4096 };

static void add(json_t *checks, const char *name, bool ok, char *message)
{
    /* The message can hold a path whose bytes are no UTF-8. */
    json_array_append_new(checks,
                          must(json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok,
                                         "message", must(wire_text(message)))));
    free(message);
}

/* ---- the machine ---- */

static void check_limit(json_t *checks, const char *limit, long wanted, long advice)
{
    autofree char *path = text_format("/proc/sys/fs/inotify/%s", limit);
    autofree char *name = text_format("inotify %s", limit);
    FILE *file = fopen(path, "re");
    char text[32];
    char *end = text;
    bool read = file != NULL && fgets(text, sizeof text, file) != NULL;
    long value = read ? strtol(text, &end, 10) : -1;
    if (file != NULL)
        fclose(file);
    if (value < 0 || end == text)
        add(checks, name, false, text_format("cannot read %s; is /proc mounted?", path));
    else if (value < wanted)
        add(checks, name, false,
            text_format("%ld is little for a project with many folders; as root: sysctl "
                        "fs.inotify.%s=%ld",
                        value, limit, advice));
    else
        add(checks, name, true, text_format("%ld", value));
}

static void check_instance(json_t *checks)
{
    int fd = inotify_init1(IN_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        add(checks, "inotify instance", true, text_format("one more can be had"));
    } else {
        add(checks, "inotify instance", false,
            text_format(
                "none can be had (%s); close programs that watch files, or as root: "
                "sysctl fs.inotify.max_user_instances=1024",
                strerror(errno)));
    }
}

/* ---- the socket ---- */

static void check_folder(json_t *checks, const struct project *project)
{
    const char *slash = strrchr(project->socket, '/');
    autofree char *folder =
        slash == NULL ? text_format(".")
                      : must(strndup(project->socket, (size_t)(slash - project->socket)));
    const char *name = "socket folder";
    struct stat stat;
    int error = lstat(folder, &stat) < 0 ? errno : 0;
    if (error == ENOENT)
        add(checks, name, true, text_format("%s will be made by the daemon", folder));
    else if (error != 0)
        add(checks, name, false, text_format("%s: %s", folder, strerror(error)));
    else if (!S_ISDIR(stat.st_mode))
        add(checks, name, false, text_format("%s is no folder; remove it", folder));
    else if (stat.st_uid != getuid())
        add(checks, name, false,
            text_format(
                "%s belongs to another user; set XDG_RUNTIME_DIR or SNIFFER_SOCKET to "
                "a place of your own",
                folder));
    else if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        add(checks, name, false,
            text_format("others can write %s; chmod 700 it", folder));
    else
        add(checks, name, true, text_format("%s", folder));
}

static void check_socket(json_t *checks, const struct project *project, bool absent,
                         const struct trouble *trouble)
{
    struct stat stat;
    if (!absent)
        add(checks, "socket", false, text_format("%s", trouble->text));
    else if (lstat(project->socket, &stat) == 0)
        add(checks, "socket", false,
            text_format(
                "%s is left over from a daemon that is gone; snifferctl start replaces "
                "it, or remove it",
                project->socket));
    else
        add(checks, "socket", true, text_format("%s is free", project->socket));
}

/* ---- the daemon ---- */

static void ask_daemon(struct ctl *ctl, json_t *checks)
{
    struct link link;
    json_t *result = NULL;
    if (link_open(&link, &ctl->project, &ctl->trouble) != 0) {
        check_socket(checks, &ctl->project, ctl->trouble.absent, &ctl->trouble);
        add(checks, "daemon", true,
            text_format("none answers; interpreter and framework were not looked at, "
                        "snifferctl start first"));
        ctl->trouble = (struct trouble){0};
        return;
    }
    add(checks, "socket", true, text_format("%s", ctl->project.socket));
    if (link_call(&link, METHOD_DOCTOR, NULL, LINK_LIMIT_MS, &result, &ctl->trouble) ==
        0) {
        json_array_extend(checks, json_object_get(result, "checks"));
        add(checks, "daemon", true, text_format("runs, pid %d", (int)link.pid));
    } else {
        add(checks, "daemon", false, text_format("%s", ctl->trouble.text));
    }
    ctl->trouble = (struct trouble){0};
    json_decref(result);
    link_close(&link);
}

int cmd_doctor(struct ctl *ctl)
{
    bool json;
    int code;
    if (!ctl_json_option(ctl, &json, &code) || !ctl_no_operands(ctl, &code))
        return code;
    code = CTL_DONE;
    json_t *checks = must(json_array());
    check_limit(checks, "max_user_watches", WATCHES_WANTED, 524288);
    check_limit(checks, "max_queued_events", EVENTS_WANTED, 16384);
    check_instance(checks);
    check_folder(checks, &ctl->project);
    ask_daemon(ctl, checks);
    struct table table = {.columns = 3};
    for (size_t i = 0; i < json_array_size(checks); i++) {
        const json_t *check = json_array_get(checks, i);
        bool ok = json_is_true(json_object_get(check, "ok"));
        if (!ok)
            code = CTL_RED;
        table_add(&table, ok ? COLOUR_GREEN : COLOUR_RED,
                  text_format(ok ? "ok" : "mend"));
        table_add(&table, COLOUR_PLAIN, print_field(check, "name"));
        table_add(&table, COLOUR_PLAIN, print_field(check, "message"));
    }
    if (json)
        print_json_lines(&ctl->print, checks);
    else
        table_print(&table, &ctl->print);
    table_finish(&table);
    json_decref(checks);
    return code;
}
