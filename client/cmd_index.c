/* index: what is known, as one file. */

#include "client/ctl.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Seen from where the caller is: the daemon is elsewhere. */
static char *absolute(const char *name)
{
    char here[PATH_MAX];
    if (name[0] == '/' || getcwd(here, sizeof here) == NULL)
        return text_format("%s", name);
    return text_format("%s/%s", here, name);
}

static int ask(struct ctl *ctl, struct link *link, bool import, const char *file,
               char **ret_said)
{
    json_t *result = NULL;
    json_t *params = must(json_pack("{s:o}", "path", must(wire_path(file))));
    int code = link_call(link, import ? METHOD_INDEX_IMPORT : METHOD_INDEX_EXPORT, params,
                         -1, &result, &ctl->trouble);
    if (code == 0 && import)
        *ret_said = text_format(
            "%lld verdicts of %lld test files were added",
            (long long)json_integer_value(json_object_get(result, "verdicts")),
            (long long)json_integer_value(json_object_get(result, "files")));
    json_decref(result);
    return code;
}

int cmd_index(struct ctl *ctl)
{
    int code;
    char **words;
    if (!ctl_no_options(ctl, &code))
        return code;
    int count = ctl_operands(ctl, &words);
    bool import = count > 0 && strcmp(words[0], "import") == 0;
    if (count != 2 || (!import && strcmp(words[0], "export") != 0))
        return ctl_usage(ctl, "say export FILE or import FILE");
    autofree char *file = absolute(words[1]);
    autofree char *said = NULL;
    struct link link;
    code = link_open(&link, &ctl->project, &ctl->trouble);
    if (code == 0) {
        code = ask(ctl, &link, import, file, &said);
        link_close(&link);
    } else if (ctl->trouble.absent) {
        ctl->trouble = (struct trouble){0};
        code = daemon_carry(&ctl->project, import, file, &said, &ctl->trouble);
    }
    if (code == 0 && said != NULL && said[0] != '\0') {
        print_text(&ctl->print, COLOUR_PLAIN, said);
        fputc('\n', ctl->print.out);
    }
    return code;
}
