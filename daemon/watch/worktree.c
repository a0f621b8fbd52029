#include "daemon/watch/worktree.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/watch/gitconfig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST = 1 << 20 }; /* of one file */

char *worktree_read(const char *path, bool follow, size_t *ret_length)
{
    autoclose int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > MOST)
        return NULL;
    /* One that grows meanwhile is told again. */
    char *text = xmalloc((size_t)status.st_size + 1);
    ssize_t length = read(fd, text, (size_t)status.st_size);
    if (length < 0) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    *ret_length = (size_t)length;
    return text;
}

/* ---- where it is ---- */

/* The path in the first line of the file NAME in FOLDER, behind PREFIX. */
static char *path_in(const char *folder, const char *name, const char *prefix)
{
    autofree char *path = path_join(folder, name);
    size_t length = 0;
    autofree char *text = worktree_read(path, true, &length);
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

bool worktree_begins(const char *folder, struct worktree *ret)
{
    autofree char *git = path_join(folder, ".git");
    if (access(git, F_OK) < 0)
        return false;
    autofree char *elsewhere = path_in(folder, ".git", "gitdir: ");
    const char *repository = elsewhere != NULL ? elsewhere : git;
    if (!is_repository(repository))
        return false;
    /* The repository of a linked work tree has but what is its own. */
    autofree char *named = path_in(repository, "commondir", "");
    char *common = realpath(named != NULL ? named : repository, NULL);
    if (common == NULL)
        return false;
    *ret = (struct worktree){.top = xstrdup(folder), .common = common};
    return true;
}

void worktree_find(const char *folder, struct worktree *ret)
{
    *ret = (struct worktree){0};
    autofree char *at = xstrdup(folder);
    while (!worktree_begins(at[0] != '\0' ? at : "/", ret)) {
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
char *worktree_excludes(const struct worktree *worktree)
{
    const char *home = getenv("HOME");
    const char *global = getenv("GIT_CONFIG_GLOBAL");
    const char *without_system = getenv("GIT_CONFIG_NOSYSTEM");
    char *found = in_user_folder("ignore");
    if (without_system == NULL || strcmp(without_system, "0") == 0)
        gitconfig_excludes("/etc/gitconfig", &found);
    if (global != NULL) {
        gitconfig_excludes(global, &found);
    } else {
        autofree char *modern = in_user_folder("config");
        autofree char *old = home != NULL ? path_join(home, ".gitconfig") : NULL;
        gitconfig_excludes(modern, &found);
        gitconfig_excludes(old, &found);
    }
    autofree char *own = path_join(worktree->common, "config");
    gitconfig_excludes(own, &found);
    if (found == NULL || found[0] == '/')
        return found;
    autofree char *relative = found;
    return relative[0] == '\0' ? NULL : path_absolute(worktree->top, relative);
}
