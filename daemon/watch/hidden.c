#include "daemon/watch/hidden.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST = 50000 }; /* names looked at: some tenths of a second */

struct walk {
    const struct ignore *ignore;
    const char *root;
    hidden_visit *visit;
    void *owner;
    size_t left; /* names that may still be looked at */
};

/* Why something is hidden; RULE NULL: it is not. */
struct why {
    const char *by, *rule;
    bool setting;
};

static void walk_folder(struct walk *walk, const char *path, const struct why *why);

/* Where no framework seeks tests unasked. */
static bool is_built(const char *name)
{
    return name[0] == '.' || strcmp(name, "build") == 0 || strcmp(name, "dist") == 0;
}

static bool is_directory(int folder, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct stat status;
    return fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

static void walk_on(struct walk *walk, const char *path, bool directory,
                    const struct why *why)
{
    if (directory)
        walk_folder(walk, path, why);
    else if (why->rule != NULL)
        walk->visit(walk->owner, path, why->by, why->rule, why->setting);
}

static void look(struct walk *walk, const char *path, bool directory,
                 const struct why *above)
{
    bool ignored = ignore_matches_here(walk->ignore, path, directory);
    bool setting = false;
    autofree char *rule =
        ignored ? ignore_why(walk->ignore, path, directory, &setting) : NULL;
    if (ignored && rule == NULL)
        return; /* of no use to anybody */
    bool hidden = above->rule != NULL || rule != NULL;
    if (hidden && directory && is_built(path_base(path)))
        return;
    const struct why own = {.by = path, .rule = rule, .setting = setting};
    walk_on(walk, path, directory, above->rule != NULL ? above : &own);
}

static void walk_folder(struct walk *walk, const char *path, const struct why *why)
{
    autofree char *absolute =
        path[0] == '\0' ? xstrdup(walk->root) : path_absolute(walk->root, path);
    if (path[0] != '\0' && ignore_environment(absolute))
        return;
    int fd = open(absolute, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry = NULL;
    while (walk->left > 0 && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        walk->left--;
        autofree char *inner = path_join(path, entry->d_name);
        look(walk, inner, is_directory(dirfd(dir), entry), why);
    }
    closedir(dir);
}

bool hidden_each(const struct ignore *ignore, const char *root, hidden_visit *visit,
                 void *owner)
{
    struct walk walk = {
        .ignore = ignore, .root = root, .visit = visit, .owner = owner, .left = MOST};
    static const struct why nothing = {0};
    walk_folder(&walk, "", &nothing);
    return walk.left > 0;
}
