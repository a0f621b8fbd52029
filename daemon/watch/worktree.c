#include "daemon/watch/worktree.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/gitconfig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* ---- where it is ---- */

/* The path in the first line of the file NAME in FOLDER, behind PREFIX. */
static char *path_in(const struct reader *reader, const char *folder, const char *name,
                     const char *prefix)
{
    autofree char *path = path_join(folder, name);
    size_t length = 0;
    autofree char *text = reader_text(reader, path, true, &length);
    size_t skip = strlen(prefix);
    if (text == NULL || strncmp(text, prefix, skip) != 0)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    return text[skip] == '\0' ? NULL : path_absolute(folder, text + skip);
}

/* A name is not enough: an empty .git is no repository. */
static bool is_repository(const char *folder)
{
    autofree char *head = path_join(folder, "HEAD");
    return faccessat(AT_FDCWD, head, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool worktree_begins(const struct reader *reader, const char *folder,
                     struct worktree *ret)
{
    autofree char *git = path_join(folder, ".git");
    if (access(git, F_OK) < 0)
        return false;
    autofree char *elsewhere = path_in(reader, folder, ".git", "gitdir: ");
    const char *repository = elsewhere != NULL ? elsewhere : git;
    if (!is_repository(repository))
        return false;
    /* The repository of a linked work tree has but what is its own. */
    autofree char *named = path_in(reader, repository, "commondir", "");
    char *common = realpath(named != NULL ? named : repository, NULL);
    char *own = common != NULL ? realpath(repository, NULL) : NULL;
    if (own == NULL) {
        free(common);
        return false;
    }
    *ret = (struct worktree){.top = xstrdup(folder), .common = common, .own = own};
    return true;
}

void worktree_find(const struct reader *reader, const char *folder, struct worktree *ret)
{
    *ret = (struct worktree){0};
    autofree char *at = xstrdup(folder);
    while (!worktree_begins(reader, at[0] != '\0' ? at : "/", ret)) {
        char *slash = strrchr(at, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

void worktree_finish(struct worktree *worktree)
{
    free(worktree->top);
    free(worktree->common);
    free(worktree->own);
    *worktree = (struct worktree){0};
}

/* ---- the global excludes ---- */

/* NAME in the folder for the user's settings of git; NULL: the user has no home. */
static char *in_user_folder(const char *name)
{
    const char *folder = getenv("XDG_CONFIG_HOME");
    if (folder != NULL && folder[0] != '\0')
        return xasprintf("%s/git/%s", folder, name);
    const char *home = getenv("HOME");
    return home != NULL ? xasprintf("%s/.config/git/%s", home, name) : NULL;
}

/* The later a file stands here, the more it has to say. */
char *worktree_excludes(const struct reader *reader, const struct worktree *worktree)
{
    const char *home = getenv("HOME");
    const char *global = getenv("GIT_CONFIG_GLOBAL");
    const char *without_system = getenv("GIT_CONFIG_NOSYSTEM");
    char *found = in_user_folder("ignore");
    if (without_system == NULL || strcmp(without_system, "0") == 0)
        gitconfig_excludes(reader, "/etc/gitconfig", worktree->own, &found);
    if (global != NULL) {
        gitconfig_excludes(reader, global, worktree->own, &found);
    } else {
        autofree char *modern = in_user_folder("config");
        autofree char *old = home != NULL ? path_join(home, ".gitconfig") : NULL;
        gitconfig_excludes(reader, modern, worktree->own, &found);
        gitconfig_excludes(reader, old, worktree->own, &found);
    }
    autofree char *own = path_join(worktree->common, "config");
    gitconfig_excludes(reader, own, worktree->own, &found);
    if (found == NULL || found[0] == '/')
        return found;
    autofree char *relative = found;
    return relative[0] == '\0' ? NULL : path_absolute(worktree->top, relative);
}
