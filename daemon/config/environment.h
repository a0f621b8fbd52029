#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

/* Private to this room: the places where an interpreter may be, one function for each
 * tool. Each gives the interpreter, which is the caller's, and says why in search->why;
 * or NULL. What is there and cannot be used is noted, for whoever wonders why something
 * else was taken. */

#include <stdbool.h>

struct search {
    const char *root;
    char *why;    /* "... is active" */
    char *passed; /* "...; ...", or NULL */
};

/* ---- active, or named by a file of the project ---- */

char *environment_active(struct search *search);       /* $VIRTUAL_ENV */
char *environment_active_conda(struct search *search); /* $CONDA_PREFIX but for "base" */
char *environment_pdm(struct search *search);          /* .pdm-python */
char *environment_uv(struct search *search);           /* $UV_PROJECT_ENVIRONMENT */
char *environment_folder(struct search *search);       /* .venv, venv, env */
char *environment_workspace(struct search *search);    /* .venv beside uv.lock, above */
char *environment_conda(struct search *search);        /* the name in environment.yml */

/* ---- kept in a folder of the tool's, among other projects' ---- */

char *environment_poetry(struct search *search);
char *environment_hatch(struct search *search);
char *environment_pipenv(struct search *search);

/* ---- pyenv ---- */

/* $PYENV_VERSION, .python-version, and pyenv's own choice where its shims are used. */
char *environment_pyenv(struct search *search);
/* What pyenv's shim of COMMAND would run in ROOT, or NULL. The caller's. */
char *pyenv_command(const char *root, const char *command);

/* ---- what they share ---- */

/* FOLDER/bin/python (or python3) where it can be run, else NULL. */
char *environment_python(const char *folder);
void environment_pass(struct search *search, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The absolute path in $VARIABLE (NULL: none), else FALLBACK below the home folder. */
char *environment_base(const char *variable, const char *fallback);
/* GIVEN with a leading "~/" replaced, absolute or relative to ROOT. */
char *environment_expand(const char *root, const char *given);
/* COMMAND as $PATH has it, or NULL. */
char *environment_on_path(const char *command);

#endif
