#include "daemon/config/interpreter.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A home with a project in it; nothing of the real one is seen. */
static char home[64], root[80];

static const char *const variables[] = {"VIRTUAL_ENV",
                                        "CONDA_PREFIX",
                                        "CONDA_DEFAULT_ENV",
                                        "CONDA_EXE",
                                        "CONDA_ENVS_PATH",
                                        "CONDA_ENVS_DIRS",
                                        "MAMBA_ROOT_PREFIX",
                                        "UV_PROJECT_ENVIRONMENT",
                                        "POETRY_CONFIG_DIR",
                                        "POETRY_CACHE_DIR",
                                        "POETRY_VIRTUALENVS_PATH",
                                        "HATCH_CONFIG",
                                        "HATCH_DATA_DIR",
                                        "HATCH_ENV_TYPE_VIRTUAL_PATH",
                                        "WORKON_HOME",
                                        "PYENV_ROOT",
                                        "PYENV_VERSION",
                                        "XDG_CONFIG_HOME",
                                        "XDG_CACHE_HOME",
                                        "XDG_DATA_HOME"};

static void make_home(void)
{
    strcpy(home, "/tmp/sniffer-home-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    snprintf(root, sizeof root, "%s/code/shop", home);
    autofree char *command = xasprintf("mkdir -p '%s'", root);
    ck_assert_int_eq(system(command), 0);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("HOME", home, 1);
    setenv("PATH", "/usr/bin:/bin", 1);
}

static void remove_home(void)
{
    autofree char *command = xasprintf("rm -rf '%s'", home);
    ck_assert_int_eq(system(command), 0);
}

/* PATH below the home, TEXT in it: "%s" there stands for the home. */
static void put(const char *path, const char *text)
{
    autofree char *full = path_join(home, path);
    autofree char *folder = path_parent(full);
    autofree char *command = xasprintf("mkdir -p '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    for (const char *c = text; *c != '\0'; c++)
        if (c[0] == '%' && c[1] == 's' && c++)
            fputs(home, file);
        else
            fputc(*c, file);
    fclose(file);
}

/* A program PATH below the home. */
static void put_program(const char *path)
{
    put(path, "#!/bin/sh\n");
    autofree char *full = path_join(home, path);
    ck_assert_int_eq(chmod(full, 0755), 0);
}

static void put_environment(const char *folder)
{
    autofree char *python = path_join(folder, "bin/python");
    put_program(python);
    autofree char *config = path_join(folder, "pyvenv.cfg");
    put(config, "home = /usr/bin\n");
}

static void set(const char *variable, const char *below_home)
{
    autofree char *path = path_join(home, below_home);
    setenv(variable, path, 1);
}

/* The interpreter PYTHON (below the home, or as it is where it begins with "="), because
 * WHY. */
static void expect(const char *python, const char *why)
{
    struct config config = {0};
    char *reason = NULL;
    char *found = config_interpreter(&config, root, &reason);
    autofree char *path =
        python[0] == '=' ? xstrdup(python + 1) : path_join(home, python);
    ck_assert_msg(strcmp(found, path) == 0, "%s", reason);
    autofree char *sentence = xasprintf("%s, because %s", path, why);
    ck_assert_str_eq(reason, sentence);
    free(found);
    free(reason);
}

#define NOTHING "=python3", "no environment of the project was found"

START_TEST(without_an_environment_the_path_decides)
{
    expect(NOTHING);
}
END_TEST

START_TEST(the_setting_comes_first)
{
    put_environment("code/shop/.venv");
    static const struct {
        char given[20];
        const char *expected;
    } settings[] = {{"python3.9", "python3.9"}, {"/usr/bin/python3", "/usr/bin/python3"}};
    for (size_t i = 0; i < 2; i++) {
        autofree char *given = xstrdup(settings[i].given);
        struct config config = {.python = given};
        autofree char *why = NULL;
        autofree char *python = config_interpreter(&config, root, &why);
        ck_assert_str_eq(python, settings[i].expected);
    }
    autofree char *given = xstrdup("env/bin/python");
    autofree char *source = xstrdup("tox.ini");
    struct config config = {.python = given, .source = source};
    autofree char *why = NULL;
    autofree char *python = config_interpreter(&config, root, &why);
    autofree char *expected = path_join(root, "env/bin/python");
    ck_assert_str_eq(python, expected);
    autofree char *sentence =
        xasprintf("%s, because the setting python in tox.ini names it", expected);
    ck_assert_str_eq(why, sentence);
}
END_TEST

START_TEST(what_is_active_comes_before_what_lies_in_the_project)
{
    put_environment("code/shop/venv");
    expect("code/shop/venv/bin/python", "venv is in the project");
    put_environment("code/shop/.venv");
    expect("code/shop/.venv/bin/python", ".venv is in the project");
    put_environment("active");
    set("VIRTUAL_ENV", "active");
    expect("active/bin/python", "$VIRTUAL_ENV is active");
    put_environment("conda");
    set("CONDA_PREFIX", "conda");
    expect("active/bin/python", "$VIRTUAL_ENV is active");
    unsetenv("VIRTUAL_ENV");
    expect("conda/bin/python", "$CONDA_PREFIX is active, an environment of Conda");
    setenv("CONDA_DEFAULT_ENV", "base", 1);
    expect("code/shop/.venv/bin/python", ".venv is in the project");
}
END_TEST

START_TEST(an_environment_that_cannot_be_used_is_told)
{
    put_environment("code/shop/.venv");
    autofree char *python = path_join(root, ".venv/bin/python");
    ck_assert_int_eq(unlink(python), 0);
    ck_assert_int_eq(symlink("/nowhere/python3.7", python), 0);
    expect("=python3",
           "no environment of the project was found; passed over: .venv has no "
           "bin/python that can be run");
    setenv("VIRTUAL_ENV", "/nowhere", 1);
    put_environment("code/shop/env");
    expect("code/shop/env/bin/python",
           "env is in the project; passed over: $VIRTUAL_ENV is /nowhere, which has no "
           "bin/python that can be run; .venv has no bin/python that can be run");
}
END_TEST

START_TEST(pdm_names_its_interpreter_in_a_file)
{
    put_environment("venvs/shop");
    put_environment("code/shop/.venv");
    put("code/shop/.pdm-python", "%s/venvs/shop/bin/python\n");
    expect("venvs/shop/bin/python", ".pdm-python names it");
    put("code/shop/.pdm-python", "/nowhere/python");
    expect("code/shop/.venv/bin/python",
           ".venv is in the project; passed over: "
           ".pdm-python names /nowhere/python, which cannot "
           "be run");
}
END_TEST

START_TEST(uv_is_told_by_a_variable_or_by_its_workspace)
{
    put("code/uv.lock", "");
    put_environment("code/.venv");
    expect("code/.venv/bin/python", "uv.lock of its workspace has a .venv beside it");
    put_environment("code/shop/ci");
    setenv("UV_PROJECT_ENVIRONMENT", "ci", 1);
    expect("code/.venv/bin/python", "uv.lock of its workspace has a .venv beside it");
    put("code/shop/pyproject.toml", "");
    expect("code/shop/ci/bin/python",
           "$UV_PROJECT_ENVIRONMENT is the project's environment");
}
END_TEST

START_TEST(a_folder_above_without_a_lock_file_is_nobodys)
{
    put_environment("code/.venv");
    expect(NOTHING);
}
END_TEST

/* ---- Poetry ---- */

#define POETRY_WHY "Poetry keeps this environment for my-shop"
#define POETRY ".cache/pypoetry/virtualenvs/my-shop-"

START_TEST(poetry_is_found_by_the_projects_name)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'My_Shop'\n");
    put_environment(POETRY "a1_-B2c3-py3.11");
    put_environment(".cache/pypoetry/virtualenvs/my-shop-plus-a1_-B2c3-py3.11");
    put_environment(".cache/pypoetry/virtualenvs/my-shop2a1_-B2c3-py3.11");
    put_environment(".cache/pypoetry/virtualenvs/shop-a1_-B2c3-py3.11");
    expect(POETRY "a1_-B2c3-py3.11/bin/python", POETRY_WHY ", by its name alone");
    put("code/shop/pyproject.toml", "[project]\nname = 'My_Shop'\n");
    expect(NOTHING); /* who says that Poetry has it? */
    put("code/shop/poetry.lock", "");
    expect(POETRY "a1_-B2c3-py3.11/bin/python", POETRY_WHY ", by its name alone");
}
END_TEST

START_TEST(poetrys_folder_is_where_its_settings_say)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'my-shop'\n");
    put_environment("one/virtualenvs/my-shop-a1b2c3d4-py3.11");
    put_environment("two/my-shop-a1b2c3d4-py3.11");
    put_environment("three/v/my-shop-a1b2c3d4-py3.11");
    put(".config/pypoetry/config.toml", "cache-dir = '%s/one'\n");
    expect("one/virtualenvs/my-shop-a1b2c3d4-py3.11/bin/python",
           POETRY_WHY ", by its name alone");
    put("code/shop/poetry.toml", "[virtualenvs]\npath = '~/two'\n");
    expect("two/my-shop-a1b2c3d4-py3.11/bin/python", POETRY_WHY ", by its name alone");
    set("POETRY_CACHE_DIR", "three");
    setenv("POETRY_VIRTUALENVS_PATH", "{cache-dir}/v", 1);
    expect("three/v/my-shop-a1b2c3d4-py3.11/bin/python",
           POETRY_WHY ", by its name alone");
}
END_TEST

START_TEST(of_several_the_one_that_has_this_project_installed_is_taken)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'my-shop'\n");
    put_environment(POETRY "aaaaaaaa-py3.11");
    put_environment(POETRY "bbbbbbbb-py3.11");
    expect("=python3", "no environment of the project was found; passed over: Poetry "
                       "keeps 2 environments that may be the project's, "
                       "my-shop-aaaaaaaa-py3.11 the first; the setting python can name "
                       "one");
    put(POETRY "aaaaaaaa-py3.11/lib/python3.11/site-packages/my_shop.pth",
        "%s/other/shop\n");
    expect(POETRY "bbbbbbbb-py3.11/bin/python", POETRY_WHY ", by its name alone");
    put(POETRY "bbbbbbbb-py3.11/lib/python3.11/site-packages/my_shop.pth",
        "%s/code/shop/src\n");
    expect(POETRY "bbbbbbbb-py3.11/bin/python", POETRY_WHY);
}
END_TEST

START_TEST(another_checkouts_environment_is_not_taken)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'my-shop'\n");
    put_environment(POETRY "aaaaaaaa-py3.11");
    put(POETRY "aaaaaaaa-py3.11/lib/python3.11/site-packages/my_shop.pth",
        "%s/code/shop2\n");
    expect(NOTHING);
}
END_TEST

START_TEST(what_one_environment_says_holds_for_its_checkouts_others)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'my-shop'\n");
    put_environment(POETRY "aaaaaaaa-py3.11");
    put_environment(POETRY "aaaaaaaa-py3.9");
    put(POETRY "aaaaaaaa-py3.11/lib/python3.11/site-packages/my_shop.pth",
        "%s/other/shop\n");
    expect(NOTHING);
    put(POETRY "aaaaaaaa-py3.11/lib/python3.11/site-packages/my_shop.pth",
        "%s/code/shop\n");
    put(".cache/pypoetry/virtualenvs/envs.toml", "[my-shop-aaaaaaaa]\nminor = '3.9'\n");
    expect(POETRY "aaaaaaaa-py3.9/bin/python", POETRY_WHY);
}
END_TEST

START_TEST(poetry_env_use_chooses_among_versions)
{
    put("code/shop/pyproject.toml", "[tool.poetry]\nname = 'my-shop'\n");
    put_environment(POETRY "aaaaaaaa-py3.11");
    put_environment(POETRY "aaaaaaaa-py3.9");
    put(".cache/pypoetry/virtualenvs/envs.toml",
        "[my-shop-aaaaaaaa]\nminor = '3.9'\npatch = '3.9.1'\n");
    expect(POETRY "aaaaaaaa-py3.9/bin/python", POETRY_WHY ", by its name alone");
}
END_TEST

/* ---- Hatch, Pipenv ---- */

#define HATCH ".local/share/hatch/env/virtual/my-shop/"

START_TEST(hatch_prefers_the_environment_of_its_tests)
{
    put("code/shop/pyproject.toml",
        "[project]\nname = 'My.Shop'\n[build-system]\nbuild-backend = "
        "'hatchling.build'\n");
    put_environment(HATCH "a1b2c3d4/my-shop");
    put_environment(HATCH "a1b2c3d4/docs");
    expect(HATCH "a1b2c3d4/my-shop/bin/python",
           "Hatch keeps this environment for my-shop, by its name alone");
    put(HATCH "a1b2c3d4/my-shop/lib/python3.12/site-packages/_editable_impl_my_shop.pth",
        "%s/code/shop/src");
    put_environment(HATCH "a1b2c3d4/hatch-test.py3.12");
    put_environment(HATCH "another-/hatch-test.py3.12");
    expect(HATCH "a1b2c3d4/hatch-test.py3.12/bin/python",
           "Hatch keeps this environment for my-shop");
    put_environment(HATCH "a1b2c3d4/hatch-test.py3.11"); /* which of the two? */
    expect(HATCH "a1b2c3d4/my-shop/bin/python",
           "Hatch keeps this environment for my-shop");
}
END_TEST

START_TEST(hatch_keeps_environments_where_its_settings_say)
{
    put("code/shop/pyproject.toml", "[project]\nname = 'my-shop'\n[tool.hatch]\n");
    put(".config/hatch/config.toml", "[dirs.env]\nvirtual = '.hatch'\n");
    put_environment("code/shop/.hatch/my-shop");
    expect("code/shop/.hatch/my-shop/bin/python",
           "Hatch keeps this environment for my-shop, by its name alone");
    put_environment("code/shop/env-of-mine");
    put("code/shop/hatch.toml", "[envs.default]\npath = 'env-of-mine'\n");
    expect("code/shop/env-of-mine/bin/python",
           "it is the path of Hatch's default environment");
}
END_TEST

START_TEST(pipenv_notes_the_projects_folder)
{
    put_environment(".local/share/virtualenvs/shop-1");
    put_environment(".local/share/virtualenvs/shop-2");
    put(".local/share/virtualenvs/shop-1/.project", "%s/code/shop2");
    put(".local/share/virtualenvs/shop-2/.project", "%s/code/shop\n");
    expect(".local/share/virtualenvs/shop-2/bin/python",
           "shop-2/.project names the project");
}
END_TEST

/* ---- Conda ---- */

START_TEST(conda_is_found_by_the_name_in_environment_yml)
{
    put_environment("miniconda3/envs/shop");
    put("code/shop/environment.yml", "# ours\nname: shop # the name\nchannels:\n  - x\n");
    expect("=python3", "no environment of the project was found; passed over: "
                       "environment.yml names shop, an environment that was not found");
    put("miniconda3/envs/shop/conda-meta/history", "");
    expect("miniconda3/envs/shop/bin/python",
           "environment.yml names this environment of Conda");
    put_environment("elsewhere/shop");
    put("elsewhere/shop/conda-meta/history", "");
    set("CONDA_ENVS_DIRS", "elsewhere");
    expect("elsewhere/shop/bin/python",
           "environment.yml names this environment of Conda");
}
END_TEST

START_TEST(conda_notes_where_it_made_an_environment)
{
    put("code/shop/environment.yaml", "name: \"shop\"\nprefix: /nowhere/shop\n");
    put_environment("far/shop");
    put("far/shop/conda-meta/history", "");
    put(".conda/environments.txt", "/nowhere/shop\n%s/far/shop\n");
    expect("far/shop/bin/python", "environment.yaml names this environment of Conda");
    put_environment("near/shop");
    put("near/shop/conda-meta/history", "");
    put(".conda/environments.txt", "%s/near/shop\n%s/far/shop\n");
    expect("=python3", "no environment of the project was found; passed over: "
                       "environment.yaml names shop, an environment that was not found");
    put("code/shop/environment.yaml", "name: shop\nprefix: %s/near/shop\n");
    expect("near/shop/bin/python", "environment.yaml names this environment of Conda");
}
END_TEST

/* ---- pyenv ---- */

START_TEST(pyenv_takes_the_newest_release_of_a_version)
{
    put_environment(".pyenv/versions/3.11.2");
    put_environment(".pyenv/versions/3.11.10");
    put_environment(".pyenv/versions/3.11.11rc1");
    put_environment(".pyenv/versions/3.12-dev");
    put("code/.python-version", "# ours\n3.11\n");
    autofree char *origin = path_join(home, "code/.python-version");
    autofree char *why = xasprintf("%s names this version of pyenv", origin);
    expect(".pyenv/versions/3.11.10/bin/python", why);
    put("code/shop/.python-version", "3.7.1 3.11.2\n");
    expect(".pyenv/versions/3.11.2/bin/python",
           ".python-version names this version of pyenv");
    setenv("PYENV_VERSION", "python-3.12-dev:3.11.2", 1);
    expect(".pyenv/versions/3.12-dev/bin/python",
           "$PYENV_VERSION names this version of pyenv");
    setenv("PYENV_VERSION", "system:3.11.2", 1);
    expect(NOTHING);
}
END_TEST

START_TEST(a_version_that_pyenv_does_not_have_is_told)
{
    put_environment(".pyenv/versions/3.11.2");
    put("code/shop/.python-version", "3.1\n");
    expect("=python3", "no environment of the project was found; passed over: "
                       ".python-version names 3.1, which pyenv does not have");
}
END_TEST

START_TEST(pyenvs_version_for_all_projects_counts_where_its_shims_are_used)
{
    put_environment("py/versions/3.11.2");
    set("PYENV_ROOT", "py");
    put("py/version", "3.11.2\n");
    expect(NOTHING);
    put_program("py/shims/python3");
    autofree char *path = xasprintf("%s/py/shims:/usr/bin:/bin", home);
    setenv("PATH", path, 1);
    autofree char *why = xasprintf("%s/py/version names this version of pyenv", home);
    expect("py/versions/3.11.2/bin/python", why);
    put_environment("code/shop/.venv");
    expect("code/shop/.venv/bin/python", ".venv is in the project");
}
END_TEST

START_TEST(only_some_files_decide)
{
    static const char *const deciding[] = {"pyproject.toml", ".python-version",
                                           ".venv",          ".venv/bin/python",
                                           "env/pyvenv.cfg", "poetry.toml"};
    static const char *const others[] = {"", "sub/.venv", ".venv/bin/pip", "venv2",
                                         "setup.py"};
    for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++)
        ck_assert_msg(config_decides_interpreter(deciding[i]), "%s", deciding[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!config_decides_interpreter(others[i]), "%s", others[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_interpreter");
    TCase *tests = tcase_create("interpreter");
    tcase_add_checked_fixture(tests, make_home, remove_home);
    tcase_add_test(tests, without_an_environment_the_path_decides);
    tcase_add_test(tests, the_setting_comes_first);
    tcase_add_test(tests, what_is_active_comes_before_what_lies_in_the_project);
    tcase_add_test(tests, an_environment_that_cannot_be_used_is_told);
    tcase_add_test(tests, pdm_names_its_interpreter_in_a_file);
    tcase_add_test(tests, uv_is_told_by_a_variable_or_by_its_workspace);
    tcase_add_test(tests, a_folder_above_without_a_lock_file_is_nobodys);
    tcase_add_test(tests, poetry_is_found_by_the_projects_name);
    tcase_add_test(tests, poetrys_folder_is_where_its_settings_say);
    tcase_add_test(tests, of_several_the_one_that_has_this_project_installed_is_taken);
    tcase_add_test(tests, another_checkouts_environment_is_not_taken);
    tcase_add_test(tests, what_one_environment_says_holds_for_its_checkouts_others);
    tcase_add_test(tests, poetry_env_use_chooses_among_versions);
    tcase_add_test(tests, hatch_prefers_the_environment_of_its_tests);
    tcase_add_test(tests, hatch_keeps_environments_where_its_settings_say);
    tcase_add_test(tests, pipenv_notes_the_projects_folder);
    tcase_add_test(tests, conda_is_found_by_the_name_in_environment_yml);
    tcase_add_test(tests, conda_notes_where_it_made_an_environment);
    tcase_add_test(tests, pyenv_takes_the_newest_release_of_a_version);
    tcase_add_test(tests, a_version_that_pyenv_does_not_have_is_told);
    tcase_add_test(tests,
                   pyenvs_version_for_all_projects_counts_where_its_shims_are_used);
    tcase_add_test(tests, only_some_files_decide);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
