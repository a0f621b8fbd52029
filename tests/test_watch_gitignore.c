/* The rules against git itself: random trees full of random .gitignore files, and what
 * `git check-ignore` says of each path, with the rule that it names. GITIGNORE_SEED and
 * GITIGNORE_CASES (environment) choose others than the usual ones. */

#include "daemon/base/path.h"
#include "daemon/watch/ignore.h"
#include "tests/support/suite.h"
#include "tests/support/watch_scene.h"

#include <errno.h>

enum { CASES = 150, DEEPEST = 4, MOST_RULES = 6 };

static char *base; /* has home/ and top/, the work tree */

static void run_git(const char *folder, const char *arguments)
{
    autofree char *command = xasprintf("git -C '%s' %s", folder, arguments);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static bool no_git(void)
{
    if (system("git --version >/dev/null 2>&1") == 0)
        return false;
    puts("skipped: git is not installed");
    return true;
}

static void world_open(void)
{
    base = xasprintf("%s/test_gitignore.XXXXXX",
                     access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert_int_eq(chdir(base), 0);
    ck_assert_int_eq(mkdir("home", 0700), 0);
    ck_assert_int_eq(mkdir("top", 0700), 0);
    autofree char *home = path_join(base, "home");
    setenv("HOME", home, 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("GIT_CONFIG_GLOBAL");
    unsetenv("GIT_DIR");
}

static void world_close(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    remove_all(base);
    free(base);
}

/* Reads the rules as a watcher does: each folder as it is listed, none that is ignored. */
static void enter_all(struct ignore *ignore, const char *root, const char *folder)
{
    ignore_enter(ignore, folder, true);
    autofree char *absolute = folder[0] == '\0' ? xstrdup(root) : path_join(root, folder);
    DIR *dir = opendir(absolute);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;) {
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        autofree char *path = path_join(folder, entry->d_name);
        if (!ignore_matches_here(ignore, path, true))
            enter_all(ignore, root, path);
    }
    closedir(dir);
}

/* ---- a random tree ---- */

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(dice_state >> 33) % sides;
}

#define ANY(list) list[dice(sizeof(list) / sizeof *(list))]

static const char *random_name(void)
{
    static const char *const names[] = {
        "a",  "b",  "c",   "ab",  "abc", "foo", "bar", "a.b",      "foo.c", ".h", "!a",
        "#a", "a ", "a b", "[a]", "a*",  "a\\", "-",   "\xc3\xa9", "A",     "a]"};
    return ANY(names);
}

static void random_pattern(FILE *file)
{
    static const char *const pieces[] = {
        "a",     "b",       "c",           "ab",           "foo",     "bar",
        "*",     "?",       "**",          "*.c",          "f*",      "*o",
        "a*c",   "[ab]",    "[!a]",        "[^b]",         "[a-c]",   "[c-a]",
        "[]a]",  "[a",      "[[:alpha:]]", "[[:x:]]",      "[a-",     "\\a",
        "\\*",   "\\",      "\\!a",        "\\#a",         "a\\ ",    "!a",
        "#a",    " ",       ".h",          "a**",          "**b",     "a**b",
        "***",   "?*",      "*?",          "[[:digit:]a]", "[\\]a]",  "-",
        "[--a]", "[!]",     "\xc3\xa9",    "[A-Z]",        "*a*",     "a\\\\",
        "[[a]",  "[a\\-c]", "??",          "[[:alpha:]-]", "\\[a\\]", "[a-b-c]",
        "*[a",   "."};
    if (dice(3) == 0)
        fputc('!', file);
    if (dice(3) == 0)
        fputc('/', file);
    for (unsigned step = 0, count = 1 + dice(3); step < count; step++) {
        if (step > 0)
            fputc('/', file);
        for (unsigned piece = 0, many = dice(8) == 0 ? 2 : 1; piece < many; piece++)
            fputs(ANY(pieces), file);
    }
    if (dice(3) == 0)
        fputc('/', file);
    if (dice(12) == 0)
        fputs("/", file);
    if (dice(8) == 0)
        fputs(dice(2) == 0 ? "  " : " \t", file);
    if (dice(10) == 0)
        fputc('\r', file);
}

static void random_rules(const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return; /* a folder of that name is there */
    if (dice(10) == 0)
        fputs("\xef\xbb\xbf", file);
    for (unsigned i = 0, count = dice(MOST_RULES); i < count; i++) {
        if (dice(10) == 0)
            fputs(dice(2) == 0 ? "# a\n" : "\n", file);
        random_pattern(file);
        if (i + 1 < count || dice(4) > 0)
            fputc('\n', file);
    }
    fclose(file);
}

static void random_folder(const char *folder, int depth)
{
    if (dice(depth == 0 ? 2 : 3) == 0) {
        autofree char *rules = path_join(folder, ".gitignore");
        random_rules(rules);
    }
    for (unsigned i = 0, count = 2 + dice(5); i < count; i++) {
        autofree char *path = path_join(folder, random_name());
        if (dice(2) == 0 && depth < DEEPEST) {
            if (mkdir(path, 0700) == 0)
                random_folder(path, depth + 1);
        } else if (dice(12) == 0) {
            ck_assert(symlink("a", path) == 0 || errno == EEXIST);
        } else if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
            write_file(path, "");
        }
    }
}

/* ---- git's word ---- */

/* What is in FOLDER, relative to ROOT, each with a NUL behind it. */
static void list_paths(const char *root, const char *folder, FILE *file)
{
    autofree char *absolute = folder[0] == '\0' ? xstrdup(root) : path_join(root, folder);
    DIR *dir = opendir(absolute);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            strcmp(name, ".git") == 0)
            continue;
        autofree char *path = path_join(folder, name);
        fwrite(path, strlen(path) + 1, 1, file);
        if (entry->d_type == DT_DIR)
            list_paths(root, path, file);
    }
    closedir(dir);
}

static char *field(FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    if (getdelim(&text, &size, '\0', file) > 0)
        return text;
    free(text);
    return NULL;
}

/* As ignore_why, of the folder that is ignored where PATH lies in one. */
static char *our_word(const struct ignore *ignore, const char *root, const char *path)
{
    autofree char *prefix = xstrdup(path);
    bool setting = false;
    for (char *end = strchr(prefix, '/'); end != NULL; end = strchr(end + 1, '/')) {
        *end = '\0';
        if (ignore_matches_here(ignore, prefix, true))
            return ignore_why(ignore, prefix, true, &setting);
        *end = '/';
    }
    autofree char *absolute = path_join(root, path);
    struct stat status;
    ck_assert_int_eq(lstat(absolute, &status), 0);
    return ignore_why(ignore, path, S_ISDIR(status.st_mode), &setting);
}

/* The file's last name and the line, of "SOURCE:LINE: PATTERN". */
static bool names_rule(const char *why, const char *source, const char *line)
{
    autofree char *expected = xasprintf("%s:%s: ", path_base(source), line);
    return strstr(why, expected) != NULL;
}

static size_t compare(const struct ignore *ignore, const char *root, const char *when)
{
    FILE *input = fopen("paths", "we");
    ck_assert_ptr_nonnull(input);
    list_paths(root, "", input);
    fclose(input);
    autofree char *arguments = xasprintf(
        "check-ignore --no-index --verbose --non-matching -z --stdin <%s/paths >%s/said; "
        "test $? -le 1",
        base, base);
    run_git(root, arguments);
    FILE *file = fopen("said", "re");
    ck_assert_ptr_nonnull(file);
    size_t count = 0;
    for (;; count++) {
        autofree char *source = field(file);
        if (source == NULL)
            break;
        autofree char *line = field(file);
        autofree char *pattern = field(file);
        autofree char *path = field(file);
        ck_assert_ptr_nonnull(line);
        ck_assert_ptr_nonnull(pattern);
        ck_assert_ptr_nonnull(path);
        bool ignored = source[0] != '\0' && pattern[0] != '!';
        autofree char *why = our_word(ignore, root, path);
        ck_assert_msg((why != NULL) == ignored, "%s: %s: git says %s:%s: %s, we say %s",
                      when, path, source, line, pattern, why != NULL ? why : "no");
        ck_assert_msg(why == NULL || names_rule(why, source, line),
                      "%s: %s: git names %s:%s, we %s", when, path, source, line, why);
    }
    fclose(file);
    return count;
}

static unsigned number_from(const char *variable, unsigned otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

START_TEST(random_rules_mean_what_they_mean_to_git)
{
    if (no_git())
        return;
    run_git("top", "init -q .");
    unsigned seed = number_from("GITIGNORE_SEED", 1);
    unsigned cases = number_from("GITIGNORE_CASES", CASES);
    size_t compared = 0;
    for (unsigned i = 0; i < cases; i++) {
        dice_state = seed + i;
        dice(1);
        run_git("top", "clean -qffdx");
        write_file("home/.gitconfig",
                   dice(2) == 0 ? "" : "[core]\n\texcludesFile = ~/global\n");
        make_folders("home/.config/git");
        random_rules("home/global");
        random_rules("home/.config/git/ignore");
        random_rules("top/.git/info/exclude");
        random_folder("top", 0);
        bool deep = dice(3) == 0 && mkdir("top/inner", 0700) == 0;
        if (deep)
            random_folder("top/inner", 1);
        autofree char *root = xasprintf("%s/top%s", base, deep ? "/inner" : "");
        autofree char *when = xasprintf("seed %u", seed + i);
        struct ignore *ignore = ignore_new(root);
        enter_all(ignore, root, "");
        /* A root that is ignored is for us none that is. */
        if (!deep || system("git -C top check-ignore -q --no-index inner") != 0)
            compared += compare(ignore, root, when);
        ignore_free(ignore);
    }
    printf("%zu paths compared\n", compared);
    ck_assert(compared > 0);
}
END_TEST

START_TEST(conditions_for_including_settings_mean_what_they_mean_to_git)
{
    if (no_git())
        return;
    static const struct {
        const char *condition;
        bool holds;
    } conditions[] = {
        {"gitdir:~/../top/", false}, /* no such folder: it is no path but a pattern */
        {"gitdir:top/", true},         {"gitdir:top/.git", true},
        {"gitdir:TOP/", false},        {"gitdir/i:TOP/", true},
        {"gitdir:other/", false},      {"gitdir:t*/", true},
        {"gitdir:./", false},          {"gitdir:../top/", false},
        {"gitdir:/**/top/.git", true}, {"gitdir:/top/", false},
        {"gitdir:**/.git", true},      {"GITDIR:top/", false},
        {"onbranch:nothing", false},   {"", false},
    };
    run_git("top", "init -q .");
    write_file("top/a.x", "");
    write_file("home/included", "[core]\n\texcludesFile = ~/global\n");
    write_file("home/global", "*.x\n");
    autofree char *root = xasprintf("%s/top", base);
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        autofree char *settings =
            xasprintf("[includeIf \"%s\"]\n\tpath = included\n[includeIf]\n"
                      "\tpath = nothing\n",
                      conditions[i].condition);
        write_file("home/.gitconfig", settings);
        struct ignore *ignore = ignore_new(root);
        enter_all(ignore, root, "");
        compare(ignore, root, conditions[i].condition);
        ck_assert_msg(ignore_matches(ignore, "a.x", false) == conditions[i].holds, "%s",
                      conditions[i].condition);
        ignore_free(ignore);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("gitignore");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, random_rules_mean_what_they_mean_to_git);
    tcase_add_test(tests, conditions_for_including_settings_mean_what_they_mean_to_git);
    Suite *suite = suite_create("watch_gitignore");
    suite_add_tcase(suite, tests);
    return scene_suite_run(suite);
}
