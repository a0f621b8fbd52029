#include "daemon/config/framework.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static void make_root(void)
{
    strcpy(root, "/tmp/sniffer-framework-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    setenv("HOME", root, 1);
    setenv("PATH", "/usr/bin:/bin", 1);
    unsetenv("PYENV_ROOT");
    unsetenv("PYENV_VERSION");
    unsetenv("PYTHONPATH");
    unsetenv("PYTHONUSERBASE");
}

static void remove_root(void)
{
    autofree char *command = xasprintf("rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
    autofree char *full = path_join(root, path);
    autofree char *folder = path_parent(full);
    autofree char *command = xasprintf("mkdir -p '%s'", folder);
    ck_assert_int_eq(system(command), 0);
    FILE *file = fopen(full, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void expect_for(const char *python, const char *sentence)
{
    autofree char *automatic = xstrdup("auto");
    struct config config = {.framework = automatic};
    autofree char *why = NULL;
    const char *framework = config_framework(&config, root, python, &why);
    ck_assert_str_eq(why, sentence);
    ck_assert_int_eq(strncmp(why, framework, strlen(framework)), 0);
}

static void expect(const char *sentence)
{
    expect_for("/nowhere/python", sentence);
}

#define SILENT                                                                           \
    "unittest, because the project does not say, and /nowhere/python has neither "       \
    "pytest nor nose installed"

/* One file, and what it says. */
static const struct {
    const char *path, *text, *sentence;
} single[] = {
    {"README", "pytest and nose\n", SILENT},
    /* pytest's settings */
    {"pytest.ini", "", "pytest, because pytest.ini is there"},
    {".pytest.ini", "", "pytest, because .pytest.ini is there"},
    {"pytest.toml", "", "pytest, because pytest.toml is there"},
    {"conftest.py", "", "pytest, because conftest.py is there"},
    {"tests/conftest.py", "", "pytest, because tests/conftest.py is there"},
    {"test/conftest.py", "", "pytest, because test/conftest.py is there"},
    {"other/conftest.py", "", SILENT},
    {"pyproject.toml", "[tool.pytest.ini_options]\n",
     "pytest, because pyproject.toml has [tool.pytest.ini_options]"},
    {"pyproject.toml", "[tool.pytest]\nminversion = '9'\n",
     "pytest, because pyproject.toml has [tool.pytest]"},
    {"pyproject.toml", "[tool.pytester]\nx = 1\n", SILENT},
    {"tox.ini", "[pytest]\n", "pytest, because tox.ini has [pytest]"},
    {"tox.ini", "[tool:pytest]\n", SILENT},
    {"setup.cfg", "[tool:pytest]\naddopts = -v\n",
     "pytest, because setup.cfg has [tool:pytest]"},
    {"setup.cfg", "[pytest]\n", SILENT},
    {"tox.ini", "[testenv]\ncommands =\n    coverage run -m pytest {posargs}\n",
     "pytest, because tox.ini runs pytest"},
    {"tox.ini", "[testenv]\ncommands = pip install pytest\n", SILENT},
    {"setup.cfg", "[aliases]\ntest = pytest\n", "pytest, because setup.cfg runs pytest"},
    {"pyproject.toml",
     "[tool.tox]\nlegacy_tox_ini = '''\n[testenv]\ncommands = pytest\n'''\n",
     "pytest, because pyproject.toml runs pytest"},
    /* nose's */
    {"setup.cfg", "[metadata]\nname = x\n[nosetests]\nverbosity = 2\n",
     "nose, because setup.cfg has [nosetests]"},
    {"tox.ini", "[nosetests]\n", SILENT},
    {".noserc", "", "nose, because .noserc is there"},
    {"nose.cfg", "", "nose, because nose.cfg is there"},
    {"tox.ini", "[testenv:py27]\ncommands=\n\tpy27: nosetests --with-coverage\n",
     "nose, because tox.ini runs nose"},
    {"tox.ini", "[testenv]\ncommands = python -m nose tests\n",
     "nose, because tox.ini runs nose"},
    {"tox.ini", "[testenv]\ncommands = nose2\n", SILENT},
    {"tox.ini", "[testenv]\n# commands = nosetests\n", SILENT},
    {"setup.py", "setup(name='x', test_suite = \"nose.collector\")\n",
     "nose, because setup.py uses nose.collector"},
    {"setup.py", "setup(test_suite='nose2.collector.collector')\n", SILENT},
    {"setup.py", "# test_suite='nose.collector'\n", SILENT},
    {"tox.ini", "[testenv]\ncommands = python -m unittest discover\n",
     "unittest, because tox.ini runs unittest"},
    /* dependencies */
    {"requirements.txt", "mock\nnose>=1.3 # tests\n",
     "nose, because requirements.txt asks for nose"},
    {"dev-requirements.txt", "pytest_cov==2\n",
     "pytest, because dev-requirements.txt asks for pytest"},
    {"requirements/test.txt", "-r base.txt\nPyNose\n",
     "nose, because requirements/test.txt asks for nose"},
    {"tests/requirements.txt", "pytest\n",
     "pytest, because tests/requirements.txt asks for pytest"},
    {"requirements.txt", "nose2\nnosey\npytester\n", SILENT},
    {"requirements.txt", "# pytest\n", SILENT},
    {"tox.ini", "[testenv]\ndeps =\n  mock\n  py{27,36}: nose\n",
     "nose, because tox.ini asks for nose"},
    {"setup.cfg", "[options]\ntests_require = mock; pytest-mock\n",
     "pytest, because setup.cfg asks for pytest"},
    {"setup.cfg", "[options.extras_require]\ntest =\n  nose\n",
     "nose, because setup.cfg asks for nose"},
    {"setup.cfg", "[options]\npackages = nose\n", SILENT},
    {"setup.py", "setup(tests_require=['mock', 'nose >= 1.3'])\n",
     "nose, because setup.py asks for nose"},
    {"setup.py", "setup(description='pytest is good')\n", SILENT},
    {"pyproject.toml",
     "[project.optional-dependencies]\nnose = ['x']\ndev = ['pytest<9']\n",
     "pytest, because pyproject.toml asks for pytest"},
    {"pyproject.toml", "[dependency-groups]\nt = ['mock', 'nose', {include-group='x'}]\n",
     "nose, because pyproject.toml asks for nose"},
    {"pyproject.toml", "[tool.poetry.group.dev.dependencies]\npytest = '^8'\n",
     "pytest, because pyproject.toml asks for pytest"},
    {"pyproject.toml", "[tool.poetry.dev-dependencies]\nnose = {version = '1'}\n",
     "nose, because pyproject.toml asks for nose"},
    {"pyproject.toml", "[[tool.hatch.envs.test.x]]\ndependencies = ['nose']\n",
     "nose, because pyproject.toml asks for nose"},
    {"pyproject.toml", "[project]\nkeywords = ['pytest']\n", SILENT},
    {"pyproject.toml", "[tool.pytest.ini_options\n", SILENT},
    {"Pipfile", "[dev-packages]\npytest = '*'\n",
     "pytest, because Pipfile asks for pytest"},
    {"environment.yml", "dependencies:\n  - python=3.9\n  - nose\n",
     "nose, because environment.yml asks for nose"},
    /* imports */
    {"test_a.py", "import os, pytest\n", "pytest, because test_a.py imports pytest"},
    {"tests/a_test.py", "'''x'''\nfrom nose.tools import eq_\n",
     "nose, because tests/a_test.py imports nose"},
    {"shop/tests/test_a.py", "try:\n    import nose\nexcept ImportError: pass\n",
     "nose, because shop/tests/test_a.py imports nose"},
    {"tests/unit/test_a.py", "import nose\n",
     "nose, because tests/unit/test_a.py imports nose"},
    {"test/test_a.py", "import nose2\nimport pytester\n", SILENT},
    {"tests/helper.py", "import nose\n", SILENT},
    {"tests/test_a.py", "import unittest\n",
     "unittest, because the test files import unittest and neither pytest nor nose"},
    {"tests/test_a.py", "from unittest import TestCase, mock\n",
     "unittest, because the test files import unittest and neither pytest nor nose"},
};

START_TEST(a_file_says_which_framework)
{
    put(single[_i].path, single[_i].text);
    expect(single[_i].sentence);
}
END_TEST

START_TEST(the_stronger_sign_wins_and_the_other_is_told)
{
    put("requirements.txt", "nose\n");
    put("tox.ini", "[testenv]\ncommands = python -m unittest\n");
    expect(
        "unittest, because tox.ini runs unittest (but requirements.txt asks for nose)");
    put("tox.ini", "[testenv]\ndeps = pytest\n");
    expect(
        "pytest, because tox.ini asks for pytest (but requirements.txt asks for nose)");
    put("setup.cfg", "[nosetests]\n");
    expect("nose, because setup.cfg has [nosetests] (but tox.ini asks for pytest)");
    put("conftest.py", "");
    expect("pytest, because conftest.py is there (but setup.cfg has [nosetests])");
}
END_TEST

START_TEST(most_of_the_test_files_decide)
{
    put("tests/test_a.py", "import pytest\n");
    put("tests/test_b.py", "import nose\n");
    expect("pytest, because tests/test_a.py imports pytest");
    put("tests/test_c.py", "import nose\n");
    expect("nose, because tests/test_b.py imports nose");
}
END_TEST

/* unittest would find nothing in the other file. */
START_TEST(one_file_without_unittest_speaks_against_it)
{
    put("tests/test_a.py", "import unittest\n");
    put("tests/test_b.py", "from unittest.mock import patch\ndef test(): pass\n");
    put("env/bin/python", "");
    put("env/pyvenv.cfg", "home = /nowhere\n");
    put("env/lib/python3.99/site-packages/pytest/__init__.py", "");
    autofree char *python = path_join(root, "env/bin/python");
    autofree char *sentence = xasprintf(
        "pytest, because the project does not say, and %s has it installed", python);
    expect_for(python, sentence);
}
END_TEST

/* ---- what is installed ---- */

static void expect_installed(const char *python, const char *framework)
{
    autofree char *automatic = xstrdup("auto");
    struct config config = {.framework = automatic};
    autofree char *why = NULL;
    ck_assert_str_eq(config_framework(&config, root, python, &why), framework);
}

static void put_program(const char *path)
{
    put(path, "#!/bin/sh\n");
    autofree char *full = path_join(root, path);
    ck_assert_int_eq(chmod(full, 0755), 0);
}

START_TEST(an_environment_sees_the_systems_packages_where_it_says_so)
{
    put_program("base/bin/python3.99");
    autofree char *link = path_join(root, "base/bin/python3");
    ck_assert_int_eq(symlink("python3.99", link), 0);
    put("base/lib/python3/dist-packages/nose/__init__.py", "");
    put("base/lib/python3.8/site-packages/pytest/__init__.py", ""); /* another's */
    expect_installed("base/bin/python3", "nose");
    put_program("env/bin/python");
    autofree char *config =
        xasprintf("home = %s/base/bin\ninclude-system-site-packages = false\n", root);
    put("env/pyvenv.cfg", config);
    expect_installed("env/bin/python", "unittest");
    strcpy(strstr(config, "false"), "true\n");
    put("env/pyvenv.cfg", config);
    expect_installed("env/bin/python", "nose");
    put("env/lib/python3.99/site-packages/pytest/__init__.py", "");
    expect_installed("env/bin/python", "pytest");
}
END_TEST

START_TEST(a_name_is_looked_up_as_a_shell_would)
{
    put_program("base/bin/python3.99");
    put(".local/lib/python3.99/site-packages/nose/__init__.py", "");
    expect_installed("python3.99", "unittest");
    autofree char *path = xasprintf("%s/base/bin:/usr/bin:/bin", root);
    setenv("PATH", path, 1);
    expect_installed("python3.99", "nose");
    put("more/pytest/__init__.py", "");
    setenv("PYTHONPATH", "/nowhere:more", 1);
    expect_installed("python3.99", "pytest");
}
END_TEST

START_TEST(behind_a_shim_of_pyenv_is_the_version_it_chooses)
{
    put_program(".pyenv/shims/python3.99");
    put_program(".pyenv/versions/3.9.1/bin/python3.99");
    put(".pyenv/versions/3.9.1/lib/python3.99/site-packages/nose/__init__.py", "");
    put(".pyenv/version", "3.9.1\n");
    autofree char *path = xasprintf("%s/.pyenv/shims:/usr/bin:/bin", root);
    setenv("PATH", path, 1);
    expect_installed("python3.99", "nose");
}
END_TEST

START_TEST(a_setting_is_taken_as_it_is)
{
    static const char *const given[] = {"pytest", "nose", "unittest"};
    put("pytest.ini", "");
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        autofree char *framework = xstrdup(given[i]);
        autofree char *source = xstrdup("pyproject.toml");
        struct config config = {.framework = framework, .source = source};
        autofree char *why = NULL;
        ck_assert_str_eq(config_framework(&config, root, "python3", &why), given[i]);
        autofree char *sentence = xasprintf(
            "%s, because the setting framework in pyproject.toml names it", given[i]);
        ck_assert_str_eq(why, sentence);
    }
}
END_TEST

START_TEST(only_what_is_read_decides)
{
    static const char *const deciding[] = {"pytest.ini",
                                           "setup.cfg",
                                           "setup.py",
                                           "tests/conftest.py",
                                           "Pipfile",
                                           "requirements.txt",
                                           "requirements/a.txt",
                                           "test_a.py",
                                           "tests/test_a.py",
                                           "test/a_test.py",
                                           "tests/unit/test_a.py",
                                           "shop/tests/test_a.py"};
    static const char *const others[] = {"",
                                         "shop.py",
                                         "shop/pytest.ini",
                                         "shop/test/test_a.py",
                                         "a/b/tests/test_a.py",
                                         "tests/helper.py",
                                         "requirements/a.md"};
    for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++)
        ck_assert_msg(config_decides_framework(deciding[i]), "%s", deciding[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!config_decides_framework(others[i]), "%s", others[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_framework");
    TCase *tests = tcase_create("framework");
    tcase_add_checked_fixture(tests, make_root, remove_root);
    tcase_add_loop_test(tests, a_file_says_which_framework, 0,
                        sizeof single / sizeof *single);
    tcase_add_test(tests, the_stronger_sign_wins_and_the_other_is_told);
    tcase_add_test(tests, most_of_the_test_files_decide);
    tcase_add_test(tests, one_file_without_unittest_speaks_against_it);
    tcase_add_test(tests, an_environment_sees_the_systems_packages_where_it_says_so);
    tcase_add_test(tests, a_name_is_looked_up_as_a_shell_would);
    tcase_add_test(tests, behind_a_shim_of_pyenv_is_the_version_it_chooses);
    tcase_add_test(tests, a_setting_is_taken_as_it_is);
    tcase_add_test(tests, only_what_is_read_decides);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
