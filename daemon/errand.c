#include "daemon/errand.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/exit.h"
#include "daemon/foreground.h"
#include "daemon/house.h"
#include "daemon/index/index.h"
#include "daemon/options.h"
#include "daemon/plugin.h"
#include "daemon/statedir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int errand_carry(const struct options *options, const char *root)
{
    autofree char *state = path_join(root, ".sniffer");
    autofree char *path = path_join(state, "index.sqlite");
    if (options->import == NULL && access(path, R_OK) < 0) {
        fprintf(stderr, "snifferd: nothing is known of %s yet: %s: %s\n", root, path,
                strerror(errno));
        return EXIT_NO_START;
    }
    int error = statedir_make(root, state);
    if (error < 0)
        return exit_fail("write", state, error);
    struct index *index = NULL;
    error = statedir_open_index(state, &index);
    if (error == -EBUSY)
        return statedir_fail_busy(state);
    if (error < 0)
        return exit_fail("open the index in", state, error);
    struct index_merged merged = {0};
    if (options->import != NULL) {
        error = index_import(index, options->import, &merged);
        if (error < 0)
            fprintf(stderr, "snifferd: cannot import %s: %s\n", options->import,
                    index_why_not(error));
        else
            fprintf(stderr, "%lld verdicts of %lld test files were added\n",
                    (long long)merged.verdicts, (long long)merged.files);
    } else {
        error = index_export(index, options->export);
        if (error < 0)
            exit_fail("write", options->export, error);
    }
    index_close(index);
    return error < 0 ? EXIT_REFUSED : EXIT_SUCCESS;
}

int errand_describe(const struct options *options, const char *root)
{
    autofree char *plugin = plugin_find();
    if (plugin == NULL)
        return EXIT_NO_START;
    int error = foreground_describe(&(struct house_settings){.root = root,
                                                             .plugin = plugin,
                                                             .python = options->python},
                                    options->describe);
    return error < 0 || fflush(stdout) != 0 ? EXIT_NO_START : EXIT_SUCCESS;
}
