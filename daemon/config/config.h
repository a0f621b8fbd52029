#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/* The project's settings: [tool.sniffer] in pyproject.toml, else [sniffer] in setup.cfg,
 * else in tox.ini; the first file that has the table is used, whole. What is wrong is
 * told with file, line and key, and what to write instead. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What no tracing can see: a path that matches PATTERN, as in a .gitignore of the root, is evidence of
 * the test files that match one of TESTS. Those patterns are of the root, too; one that begins with
 * "./" or "../" is of the folder of the path that matched. */
struct config_trigger {
    char *pattern;
    char **tests;
};

struct config {
    char *framework; /* "auto", "pytest", "nose", "unittest": see framework.h */
    char *python;    /* NULL: find it */
    char **args;     /* for the framework; NULL-terminated like all lists here */
    char **ignore;   /* gitignore patterns */
    char **packages; /* patterns of folders; NULL: to be found. See packages.h */
    char **env;      /* variables whose values count as evidence */
    struct config_trigger *triggers;
    size_t trigger_count;
    const char
        *isolation; /* which test files share a process: "file", "directory", "package" */
    bool fail_fast; /* after a failure no other test file is started */
    bool audit_idle;    /* audit = idle: verdicts are audited while the machine rests */
    bool changed_first; /* order = changed-first: of the tests within a file */
    bool whole_files;   /* precision = file: code counts by files, not by blocks */
    char **notify;      /* a command for news of red and green; empty: none */
    int64_t history;    /* runs of a test file that are remembered */
    int jobs;           /* 0: as many as there are processors */
    int64_t timeout_ms; /* a test file; 0: no limit */
    int64_t memory;     /* bytes, of each process of a run; 0: no limit */
    int processes;      /* of a run at a time; 0: no limit */
    char *source; /* the file it came from, relative to the root; NULL: defaults alone */
};

/* The settings of ROOT. 0; or -EINVAL with *RET_MESSAGE (the caller's), one line; *RET is
 * then untouched. */
int config_load(const char *root, struct config *ret, char **ret_message);
void config_finish(struct config *config);

/* Do they ask for the same of the workers, wherever they came from? But for the triggers. */
bool config_equal(const struct config *a, const struct config *b);
bool config_same_triggers(const struct config *a, const struct config *b);
/* The same for one of their lists; NULL is an empty one. */
bool config_list_equal(char *const *a, char *const *b);

/* From now on TELL is called for each file that is opened, here and to find interpreter and framework, with its path:
 * others may see that happen. NULL: no longer. */
void config_on_read(void (*tell)(void *owner, const char *path), void *owner);

/* Is PATH (relative to the root) a file that settings come from? */
bool config_is_source(const char *path);

#endif
