/* The rules of files, as they are now: which files, and whether they say something else than before. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/ignore_rules.h"
#include "daemon/watch/worktree.h"

#include <stdlib.h>
#include <string.h>

/* True where LIST says something else now. SOURCE: what people know the file at PATH by. */
static bool read_list(const struct reader *reader, struct gitignore *list,
                      const char *path, const char *source, bool follow)
{
    size_t length = 0;
    autofree char *text =
        path != NULL ? reader_text(reader, path, follow, &length) : NULL;
    if (gitignore_is(list, text, length))
        return false;
    gitignore_set(list, source, text, length);
    return true;
}

/* Git reads no .gitignore that is a link. */
static bool read_folder(const struct reader *reader, struct gitignore *list,
                        const char *folder, const char *source)
{
    autofree char *path = path_join(folder, ".gitignore");
    return read_list(reader, list, path, source, false);
}

static bool read_exclude(const struct reader *reader, struct gitignore *list,
                         const struct worktree *worktree, char **info, char **repository)
{
    free(*repository);
    *repository = worktree->own != NULL ? xstrdup(worktree->own) : NULL;
    free(*info);
    *info = worktree->common != NULL ? path_join(worktree->common, "info") : NULL;
    autofree char *path = *info != NULL ? path_join(*info, "exclude") : NULL;
    return read_list(reader, list, path, path, true);
}

static struct folder *make_folder(struct ignore *ignore, const char *path)
{
    size_t length = strlen(path);
    struct folder *folder = xcalloc(1, sizeof *folder + length + 1);
    memcpy(folder->path, path, length);
    HASH_ADD_KEYPTR(hh, ignore->folders, folder->path, length, folder);
    if (ignore_steps(path) > ignore->deepest)
        ignore->deepest = ignore_steps(path);
    return folder;
}

static void drop_folder(struct ignore *ignore, struct folder *folder)
{
    HASH_DEL(ignore->folders, folder);
    gitignore_finish(&folder->own);
    gitignore_finish(&folder->exclude);
    free(folder->info);
    free(folder->repository);
    free(folder);
}

/* ---- above the root ---- */

static void drop_uppers(struct ignore *ignore)
{
    for (size_t i = 0; i < ignore->upper_count; i++) {
        gitignore_finish(&ignore->uppers[i].own);
        free(ignore->uppers[i].path);
    }
    free(ignore->uppers);
    ignore->uppers = NULL;
    ignore->upper_count = 0;
}

/* The folders from the root's up to TOP; true where their rules are others than before. */
static bool read_uppers(struct ignore *ignore, const char *top)
{
    struct upper *before = ignore->uppers;
    size_t count_before = ignore->upper_count;
    size_t capacity = 0;
    bool other = false;
    ignore->uppers = NULL;
    ignore->upper_count = 0;
    char *path = top != NULL ? xstrdup(ignore->root) : NULL;
    while (path != NULL && strcmp(path, top) != 0) {
        char *slash = strrchr(path, '/');
        slash[slash == path] = '\0'; /* "/" stays */
        ignore->uppers =
            xgrow(ignore->uppers, ignore->upper_count, &capacity, sizeof *ignore->uppers);
        struct upper *upper = &ignore->uppers[ignore->upper_count];
        *upper = (struct upper){.path = xstrdup(path)};
        upper->to = ignore->root + strlen(path) + (path[1] != '\0');
        if (ignore->upper_count < count_before) {
            upper->own = before[ignore->upper_count].own;
            before[ignore->upper_count].own = (struct gitignore){0};
        }
        ignore->upper_count++;
        autofree char *source = path_join(path, ".gitignore");
        other |= read_folder(&ignore->reader, &upper->own, path, source);
    }
    free(path);
    for (size_t i = 0; i < count_before; i++) {
        other |= before[i].own.text != NULL;
        gitignore_finish(&before[i].own);
        free(before[i].path);
    }
    free(before);
    return other;
}

static bool read_above(struct ignore *ignore)
{
    struct worktree worktree;
    worktree_find(&ignore->reader, ignore->root, &worktree);
    bool above = worktree.top != NULL && strcmp(worktree.top, ignore->root) != 0;
    bool other = read_uppers(ignore, above ? worktree.top : NULL);
    static const struct worktree none = {0};
    other |= read_exclude(&ignore->reader, &ignore->exclude, above ? &worktree : &none,
                          &ignore->info, &ignore->repository);
    strset_finish(&ignore->global_sources);
    ignore->reader.asked = &ignore->global_sources;
    autofree char *global =
        worktree.top != NULL ? worktree_excludes(&ignore->reader, &worktree) : NULL;
    other |= read_list(&ignore->reader, &ignore->global, global, global, true);
    ignore->reader.asked = NULL;
    worktree_finish(&worktree);
    bool astray = ignore->astray;
    ignore->astray = ignore_is_astray(ignore);
    return other || astray != ignore->astray;
}

/* ---- entering ---- */

bool ignore_is_rule(const char *name)
{
    return name[0] == '.' &&
           (strcmp(name, ".gitignore") == 0 || strcmp(name, ".git") == 0);
}

bool ignore_enter(struct ignore *ignore, const char *path, bool speaks)
{
    struct folder *folder = ignore_folder(ignore, path, strlen(path));
    if (ignore->root == NULL || (!speaks && folder == NULL && path[0] != '\0'))
        return false;
    bool other = path[0] == '\0' && read_above(ignore);
    autofree char *absolute =
        path[0] == '\0' ? xstrdup(ignore->root) : path_absolute(ignore->root, path);
    autofree char *source = path_join(path, ".gitignore");
    struct worktree worktree = {0};
    bool is_top = worktree_begins(&ignore->reader, absolute, &worktree);
    if (folder == NULL)
        folder = make_folder(ignore, path);
    other |= read_folder(&ignore->reader, &folder->own, absolute, source);
    other |= folder->is_top != is_top;
    folder->is_top = is_top;
    other |= read_exclude(&ignore->reader, &folder->exclude, &worktree, &folder->info,
                          &folder->repository);
    if (!is_top && folder->own.text == NULL)
        drop_folder(ignore, folder);
    worktree_finish(&worktree);
    return other;
}

static bool is_info(const char *info, const char *root, const char *path)
{
    autofree char *parent = path_parent(path);
    autofree char *absolute = path_absolute(root, parent);
    return info != NULL && strcmp(absolute, info) == 0;
}

static bool is_global_source(const struct ignore *ignore, const char *path)
{
    if (path[0] != '/' && strncmp(path, ".git/", 5) != 0)
        return false;
    autofree char *absolute = path_absolute(ignore->root, path);
    return strset_has(&ignore->global_sources, absolute);
}

bool ignore_rests_on(const struct ignore *ignore, const char *path)
{
    const char *base = path_base(path);
    return ignore->root != NULL &&
           (ignore_is_rule(base) || strcmp(base, "exclude") == 0 ||
            is_global_source(ignore, path));
}

bool ignore_reread(struct ignore *ignore, const char *path)
{
    if (is_global_source(ignore, path))
        return ignore_enter(ignore, "", true);
    if (strcmp(path_base(path), "exclude") == 0) {
        bool other =
            is_info(ignore->info, ignore->root, path) && ignore_enter(ignore, "", true);
        struct folder *folder = NULL;
        struct folder *next = NULL;
        HASH_ITER(hh, ignore->folders, folder, next)
        if (is_info(folder->info, ignore->root, path))
            other |= ignore_enter(ignore, folder->path, true);
        return other;
    }
    if (path[0] == '/')
        return ignore_enter(ignore, "", true);
    autofree char *folder = path_parent(path);
    return !ignore_matches(ignore, folder, true) && ignore_enter(ignore, folder, true);
}

struct visiting {
    void (*visit)(void *owner, const char *folder);
    void *owner;
};

/* In the home folder always something is written: not worth being woken for. */
static void visit_folder_of(void *owner, const char *path, int64_t value)
{
    (void)value;
    const struct visiting *visiting = owner;
    autofree char *folder = path_parent(path);
    const char *home = getenv("HOME");
    if (home == NULL || strcmp(folder, home) != 0)
        visiting->visit(visiting->owner, folder);
}

void ignore_each_source(const struct ignore *ignore,
                        void (*visit)(void *owner, const char *folder), void *owner)
{
    for (size_t i = 0; i < ignore->upper_count; i++)
        visit(owner, ignore->uppers[i].path);
    if (ignore->info != NULL)
        visit(owner, ignore->info);
    strset_each(&ignore->global_sources, visit_folder_of,
                &(struct visiting){.visit = visit, .owner = owner});
    struct folder *folder = NULL;
    struct folder *next = NULL;
    HASH_ITER(hh, ignore->folders, folder, next)
    if (folder->info != NULL)
        visit(owner, folder->info);
}

void ignore_each_repository(const struct ignore *ignore,
                            void (*visit)(void *owner, const char *folder), void *owner)
{
    if (ignore->repository != NULL)
        visit(owner, ignore->repository);
    const struct folder *folder = NULL;
    const struct folder *next = NULL;
    HASH_ITER(hh, ignore->folders, folder, next)
    if (folder->repository != NULL)
        visit(owner, folder->repository);
}

void ignore_forget(struct ignore *ignore)
{
    struct folder *folder = NULL;
    struct folder *next = NULL;
    HASH_ITER(hh, ignore->folders, folder, next)
    drop_folder(ignore, folder);
    drop_uppers(ignore);
    gitignore_finish(&ignore->exclude);
    gitignore_finish(&ignore->global);
    strset_finish(&ignore->global_sources);
    free(ignore->info);
    free(ignore->repository);
}
