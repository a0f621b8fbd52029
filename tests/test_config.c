#include "daemon/config/config.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "tests/support/suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static void make_root(void)
{
    strcpy(root, "/tmp/sniffer-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    autofree char *command = xasprintf("rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *name, const char *text)
{
    autofree char *path = path_join(root, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static struct config load(void)
{
    struct config config = {0};
    char *message = NULL;
    int r = config_load(root, &config, &message);
    ck_assert_msg(r == 0, "%s", message != NULL ? message : "no message");
    return config;
}

static void expect_list(char **list, const char *joined)
{
    char *text = xstrdup("");
    for (; *list != NULL; list++) {
        char *longer = xasprintf("%s<%s>", text, *list);
        free(text);
        text = longer;
    }
    ck_assert_str_eq(text, joined);
    free(text);
}

static void expect_refusal(const char *expected)
{
    struct config config = {.jobs = 77};
    char *message = NULL;
    ck_assert_int_eq(config_load(root, &config, &message), -EINVAL);
    ck_assert_str_eq(message, expected);
    ck_assert_int_eq(config.jobs, 77); /* untouched */
    free(message);
}

START_TEST(without_a_file_the_defaults_hold)
{
    struct config config = load();
    ck_assert_str_eq(config.framework, "auto");
    ck_assert_ptr_null(config.python);
    ck_assert_ptr_null(config.source);
    ck_assert_int_eq(config.jobs, 0);
    ck_assert_int_eq(config.history, 50);
    ck_assert_str_eq(config.isolation, "file");
    ck_assert_int_eq(config.timeout_ms, 0);
    ck_assert_int_eq(config.memory, 0);
    ck_assert_int_eq(config.processes, 1000);
    expect_list(config.args, "");
    expect_list(config.ignore, "");
    expect_list(config.env, "");
    config_finish(&config);
    config_finish(NULL);
}
END_TEST

START_TEST(pyproject_gives_every_setting)
{
    put("pyproject.toml",
        "[project]\nname = 'x'\n[tool.sniffer]\n"
        "framework = \"nose\"\npython = \"env/bin/python\"\n"
        "args = [\"-v\", \"two words\"]\njobs = 3\ntimeout = 2.5\nprecision = "
        "\"file\"\norder = \"changed-first\"\nisolation = \"package\"\n"
        "memory = 512\nprocesses = 0\n"
        "ignore = [\n  \"*.log\",\n  \"!keep.log\",\n]\nenv = [\"TZ\"]\nhistory = 7\n");
    struct config config = load();
    ck_assert_str_eq(config.framework, "nose");
    ck_assert_str_eq(config.python, "env/bin/python");
    ck_assert_str_eq(config.source, "pyproject.toml");
    ck_assert_int_eq(config.jobs, 3);
    ck_assert(config.whole_files && config.changed_first);
    ck_assert_str_eq(config.isolation, "package");
    ck_assert_int_eq(config.timeout_ms, 2500);
    ck_assert_int_eq(config.memory, 512 << 20);
    ck_assert_int_eq(config.processes, 0);
    ck_assert_int_eq(config.history, 7);
    expect_list(config.args, "<-v><two words>");
    expect_list(config.ignore, "<*.log><!keep.log>");
    expect_list(config.env, "<TZ>");
    config_finish(&config);
}
END_TEST

START_TEST(setup_cfg_separates_lists_by_blanks_and_lines)
{
    put("setup.cfg", "[metadata]\nname = x\n[sniffer]\r\nframework: nose\r\n# a comment\n"
                     "args = -v  --with-id\nenv =\n    TZ\n    HOME LANG\n"
                     "    ; a comment inside\n    PATH\njobs=256\ntimeout=0\nignore=\n"
                     "[other]\njobs = many\n");
    struct config config = load();
    ck_assert_str_eq(config.source, "setup.cfg");
    ck_assert_str_eq(config.framework, "nose");
    ck_assert_int_eq(config.jobs, 256);
    expect_list(config.args, "<-v><--with-id>");
    expect_list(config.env, "<TZ><HOME><LANG><PATH>");
    expect_list(config.ignore, "");
    config_finish(&config);
}
END_TEST

START_TEST(a_command_for_news_is_a_list_or_a_text_for_the_shell)
{
    static const struct {
        const char *name, *text, *command;
    } forms[] = {
        {"pyproject.toml", "[tool.sniffer]\nnotify = [\"beep\", \"a b\", \"\"]\n",
         "<beep><a b><>"},
        {"pyproject.toml", "[tool.sniffer]\nnotify = \"beep 'a b' &\"\n",
         "</bin/sh><-c><beep 'a b' &>"},
        {"pyproject.toml", "[tool.sniffer]\nnotify = []\n", ""},
        {"pyproject.toml", "[tool.sniffer]\njobs = 1\n", ""},
        {"setup.cfg", "[sniffer]\nnotify = beep 'a b'\n", "</bin/sh><-c><beep 'a b'>"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        put("pyproject.toml", "");
        put(forms[i].name, forms[i].text);
        struct config config = load();
        expect_list(config.notify, forms[i].command);
        config_finish(&config);
    }
}
END_TEST

START_TEST(triggers_stand_in_either_form)
{
    put("pyproject.toml", "[tool.sniffer]\njobs = 1\n[tool.sniffer.triggers]\n"
                          "\"*.ini\" = \"./\"\n"
                          "\"a b/\" = [\"t/test_*.py\", \"u.py\"]\n");
    struct config config = load();
    ck_assert_uint_eq(config.trigger_count, 2);
    ck_assert_str_eq(config.triggers[0].pattern, "*.ini");
    expect_list(config.triggers[0].tests, "<./>");
    ck_assert_str_eq(config.triggers[1].pattern, "a b/");
    expect_list(config.triggers[1].tests, "<t/test_*.py><u.py>");
    put("pyproject.toml", "");
    put("setup.cfg", "[sniffer]\ntriggers =\n    *.ini=./\n"
                     "    a b/ = t/test_*.py u.py\njobs = 1\n");
    struct config other = load();
    ck_assert_int_eq(other.jobs, 1);
    ck_assert(config_same_triggers(&config, &other));
    other.triggers[1].tests[0][0] = 'x';
    ck_assert(!config_same_triggers(&config, &other));
    config_finish(&other);
    config_finish(&config);
}
END_TEST

START_TEST(the_first_file_with_the_table_is_used_whole)
{
    put("pyproject.toml", "[tool.black]\nline-length = 90\n");
    put("setup.cfg", "[metadata]\nname = x\n");
    put("tox.ini", "[sniffer]\njobs = 2\n");
    struct config config = load();
    ck_assert_str_eq(config.source, "tox.ini");
    ck_assert_int_eq(config.jobs, 2);
    config_finish(&config);
    put("setup.cfg", "[sniffer]\ntimeout = 7\n");
    config = load();
    ck_assert_str_eq(config.source, "setup.cfg");
    ck_assert_int_eq(config.jobs, 0); /* nothing of tox.ini */
    config_finish(&config);
    put("pyproject.toml", "[tool.sniffer]\n");
    config = load();
    ck_assert_str_eq(config.source, "pyproject.toml");
    ck_assert_int_eq(config.timeout_ms, 0);
    config_finish(&config);
}
END_TEST

START_TEST(what_is_odd_in_other_sections_does_no_harm)
{
    char *longline = xmalloc(40001);
    memset(longline, 'x', 40000);
    longline[40000] = '\0';
    autofree char *text =
        xasprintf("\xef\xbb\xbf[sniffer]\njobs = 4\n[flake8]\nno setting\n"
                  "%s\n[sniffer ]\njobs = 9\n",
                  longline);
    free(longline);
    put("setup.cfg", text);
    struct config config = load();
    ck_assert_int_eq(config.jobs, 4);
    config_finish(&config);
}
END_TEST

static const struct {
    const char *file, *text, *message;
} refusals[] = {
    {"pyproject.toml", "[tool.sniffer]\n\njobs = \"many\"\n",
     "pyproject.toml:3: jobs must be a whole number from 1 to 256, not \"many\""},
    {"pyproject.toml", "[tool.sniffer]\njobs = 0\n",
     "pyproject.toml:2: jobs must be a whole number from 1 to 256, not \"0\""},
    {"pyproject.toml", "[tool.sniffer]\njobs = 257\n",
     "pyproject.toml:2: jobs must be a whole number from 1 to 256, not \"257\""},
    {"pyproject.toml", "[tool.sniffer]\njobs = 1.5\n",
     "pyproject.toml:2: jobs must be a whole number from 1 to 256, not \"1.5\""},
    {"pyproject.toml", "[tool.sniffer]\njobs = true\n",
     "pyproject.toml:2: jobs must be a whole number from 1 to 256, not true"},
    {"pyproject.toml", "[tool.sniffer]\nmemory = 63\n",
     "pyproject.toml:2: memory must be a whole number of megabytes from 64 to 16777216, "
     "or 0 (no limit), not \"63\""},
    {"pyproject.toml", "[tool.sniffer]\nprocesses = 1\n",
     "pyproject.toml:2: processes must be a whole number from 16 to 1000000, or 0 (no "
     "limit), not \"1\""},
    {"pyproject.toml", "[tool.sniffer]\ntimeout = -1\n",
     "pyproject.toml:2: timeout must be a number of seconds from 0 (no limit) to "
     "1000000, not "
     "\"-1\""},
    {"pyproject.toml", "[tool.sniffer]\ntimeout = inf\n",
     "pyproject.toml:2: timeout must be a number of seconds from 0 (no limit) to "
     "1000000, not "
     "\"inf\""},
    {"pyproject.toml", "[tool.sniffer]\nargs = \"-v\"\n",
     "pyproject.toml:2: args must be a list of texts such as [\"one\", \"two\"], not "
     "\"-v\""},
    {"pyproject.toml", "[tool.sniffer]\nargs = [1]\n",
     "pyproject.toml:2: args must be a list of texts such as [\"one\", \"two\"], not a "
     "list of "
     "other things"},
    {"pyproject.toml", "[tool.sniffer]\nenv = [\"A=B\"]\n",
     "pyproject.toml:2: env must be names of environment variables, not \"A=B\""},
    {"pyproject.toml", "[tool.sniffer]\nframework = [\"nose\"]\n",
     "pyproject.toml:2: framework must be \"auto\", \"pytest\", \"nose\" or "
     "\"unittest\", not a list"},
    {"pyproject.toml", "[tool.sniffer]\npython = \"\"\n",
     "pyproject.toml:2: python must be the name or path of a Python interpreter, not "
     "\"\""},
    {"pyproject.toml", "[tool.sniffer]\npython = \"a\\u0000b\"\n",
     "pyproject.toml:2: python must be the name or path of a Python interpreter, not "
     "text with "
     "a NUL byte"},
    {"pyproject.toml", "[tool.sniffer]\nframework = \"a\\nb\"\n",
     "pyproject.toml:2: framework must be \"auto\", \"pytest\", \"nose\" or "
     "\"unittest\", not \"a b\""},
    {"pyproject.toml", "[tool.sniffer]\nwork = 1\nabc = 2\n",
     "pyproject.toml:2: work is no setting; there are: args, audit, env, fail_fast, "
     "framework, "
     "history, "
     "ignore, "
     "isolation, jobs, "
     "memory, notify, order, packages, precision, processes, python, timeout, "
     "triggers"},
    {"pyproject.toml", "[tool.sniffer]\naudit = true\n",
     "pyproject.toml:2: audit must be \"off\" or \"idle\", not true"},
    {"setup.cfg", "[sniffer]\naudit = always\n",
     "setup.cfg:2: audit must be \"off\" or \"idle\", not \"always\""},
    {"pyproject.toml", "[tool.sniffer]\nnotify = true\n",
     "pyproject.toml:2: notify must be a command: a text for the shell, or a list of "
     "program and arguments such as [\"notify-send\", \"tests\"], not true"},
    {"pyproject.toml", "[tool.sniffer]\nnotify = [\"\", \"a\"]\n",
     "pyproject.toml:2: notify must be a command; leave the setting out for none, not a "
     "list"},
    {"pyproject.toml", "[tool.sniffer]\nnotify = \" \"\n",
     "pyproject.toml:2: notify must be a command; leave the setting out for none, not "
     "\" \""},
    {"pyproject.toml", "[tool.sniffer]\ntriggers = [\"*.ini\"]\n",
     "pyproject.toml:2: triggers must be a table of patterns and test files, such as "
     "\"*.ini\" = \"tests/test_settings.py\", not a list"},
    {"pyproject.toml", "[tool.sniffer.triggers]\n\"a\" = \"./\"\n\"*.ini\" = 3\n",
     "pyproject.toml:3: triggers, *.ini must be a pattern of test files or a list of "
     "them, not \"3\""},
    {"pyproject.toml", "[tool.sniffer.triggers]\na.ini = \"./\"\n",
     "pyproject.toml:2: triggers, a must be a pattern of test files or a list of "
     "them, not a table"},
    {"pyproject.toml", "[tool.sniffer.triggers]\n\"*.ini\" = []\n",
     "pyproject.toml:2: triggers, *.ini must be patterns of test files, at least one, "
     "not a list"},
    {"pyproject.toml", "[tool.sniffer.triggers]\n\"!a\" = \"./\"\n",
     "pyproject.toml:2: triggers must be patterns of paths as in a .gitignore, without "
     "\"!\" and comments, not \"!a\""},
    {"setup.cfg", "[sniffer]\ntriggers =\n  *.ini = ./\n  x\n",
     "setup.cfg:2: triggers must be lines such as *.ini = tests/test_settings.py, not "
     "\"x\""},
    {"setup.cfg", "[sniffer]\ntriggers =\n  *.ini =\n",
     "setup.cfg:2: triggers, *.ini must be patterns of test files, at least one, not "
     "\"\""},
    {"pyproject.toml", "[tool]\nsniffer = 3\n",
     "pyproject.toml:2: tool.sniffer must be a table: write [tool.sniffer] and the "
     "settings "
     "below it"},
    {"setup.cfg", "[metadata]\nname=x\n[sniffer]\njobs = many\n",
     "setup.cfg:4: jobs must be a whole number from 1 to 256, not \"many\""},
    {"setup.cfg", "[sniffer]\nprecision = line\n",
     "setup.cfg:2: precision must be \"block\" or \"file\", not \"line\""},
    {"setup.cfg", "[sniffer]\norder = changed\n",
     "setup.cfg:2: order must be \"file\" or \"changed-first\", not \"changed\""},
    {"setup.cfg", "[sniffer]\nisolation = folder\n",
     "setup.cfg:2: isolation must be \"file\", \"directory\" or \"package\", not "
     "\"folder\""},
    {"setup.cfg", "[sniffer]\njobs = 2\nenv = A\njobs = 3\n",
     "setup.cfg:4: jobs is set a second time; keep one of them"},
    {"setup.cfg", "[sniffer]\nargs = a\nargs = b\n",
     "setup.cfg:3: args is set a second time; keep one of them"},
    {"setup.cfg", "[sniffer]\njobs = 2\nwork = 3\n",
     "setup.cfg:3: work is no setting; there are: args, audit, env, fail_fast, "
     "framework, "
     "history, "
     "ignore, isolation, jobs, memory, notify, order, packages, precision, processes, "
     "python, timeout, "
     "triggers"},
    {"setup.cfg", "[sniffer]\nhistory = 0\n",
     "setup.cfg:2: history must be a whole number from 1 to 10000, not \"0\""},
    {"tox.ini", "[sniffer]\n\nwhat is this\n",
     "tox.ini:3: this line is no setting; write \"key = value\""},
};

START_TEST(what_is_wrong_is_told_with_file_line_and_key)
{
    put(refusals[_i].file, refusals[_i].text);
    expect_refusal(refusals[_i].message);
}
END_TEST

START_TEST(text_that_is_no_toml_is_told_with_its_line)
{
    put("pyproject.toml", "[tool.sniffer]\njobs = 2\nargs = [\n");
    struct config config = {0};
    char *message = NULL;
    ck_assert_int_eq(config_load(root, &config, &message), -EINVAL);
    ck_assert_msg(strncmp(message, "pyproject.toml:", 15) == 0, "%s", message);
    ck_assert_int_ge(atoi(message + 15), 3);
    ck_assert_ptr_null(strchr(message, '\n'));
    free(message);
}
END_TEST

START_TEST(a_long_list_on_one_line_is_read_whole)
{
    autofree char *text = xasprintf("[sniffer]\nenv =%5000s\njobs = 2\n", " A B");
    put("setup.cfg", text);
    struct config config = load();
    expect_list(config.env, "<A><B>");
    ck_assert_int_eq(config.jobs, 2);
    config_finish(&config);
}
END_TEST

START_TEST(a_line_over_the_limit_is_told)
{
    char *longline = xmalloc(40001);
    memset(longline, 'x', 40000);
    longline[40000] = '\0';
    autofree char *text = xasprintf("[sniffer]\njobs = 4\nargs = %s\n", longline);
    free(longline);
    put("setup.cfg", text);
    expect_refusal("setup.cfg:3: this line is too long; put each item on its own line");
}
END_TEST

START_TEST(only_the_roots_own_files_are_sources)
{
    ck_assert(config_is_source("pyproject.toml"));
    ck_assert(config_is_source("setup.cfg"));
    ck_assert(config_is_source("tox.ini"));
    ck_assert(!config_is_source("sub/tox.ini"));
    ck_assert(!config_is_source("setup.py"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, make_root, remove_root);
    tcase_add_test(tests, without_a_file_the_defaults_hold);
    tcase_add_test(tests, pyproject_gives_every_setting);
    tcase_add_test(tests, setup_cfg_separates_lists_by_blanks_and_lines);
    tcase_add_test(tests, a_command_for_news_is_a_list_or_a_text_for_the_shell);
    tcase_add_test(tests, triggers_stand_in_either_form);
    tcase_add_test(tests, the_first_file_with_the_table_is_used_whole);
    tcase_add_test(tests, what_is_odd_in_other_sections_does_no_harm);
    tcase_add_loop_test(tests, what_is_wrong_is_told_with_file_line_and_key, 0,
                        sizeof refusals / sizeof refusals[0]);
    tcase_add_test(tests, text_that_is_no_toml_is_told_with_its_line);
    tcase_add_test(tests, a_long_list_on_one_line_is_read_whole);
    tcase_add_test(tests, a_line_over_the_limit_is_told);
    tcase_add_test(tests, only_the_roots_own_files_are_sources);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
