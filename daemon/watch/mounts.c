#include "daemon/watch/mounts.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_silent(const char *kind)
{
    static const char *const kinds[] = {"9p",    "afs",   "beegfs", "ceph",   "cifs",
                                        "coda",  "drvfs", "gfs2",   "gpfs",   "lustre",
                                        "ncpfs", "nfs",   "nfs4",   "ocfs2",  "prl_fs",
                                        "pvfs2", "smb3",  "smbfs",  "vboxsf", "virtiofs"};
    /* All that happens there passes through the kernel. */
    static const char *const telling[] = {"fuse.fuse-overlayfs", "fuse.bindfs"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++)
        if (strcmp(kind, telling[i]) == 0)
            return false;
    return strcmp(kind, "fuse") == 0 || strncmp(kind, "fuse.", strlen("fuse.")) == 0;
}

/* Blanks and backslashes are written as \040. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        unsigned byte = 0;
        if (from[0] == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
            *to = (char)byte;
            from += strnlen(from, 4);
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 /root /where options optional... - kind source options" */
static bool parse(char *line, struct mount *ret)
{
    char *kind = strstr(line, " - ");
    if (kind == NULL)
        return false;
    *kind = '\0';
    kind += strlen(" - ");
    kind[strcspn(kind, " \n")] = '\0';
    char *rest = NULL;
    char *path = strtok_r(line, " ", &rest);
    for (int field = 1; field < 5 && path != NULL; field++)
        path = strtok_r(NULL, " ", &rest);
    if (path == NULL)
        return false;
    unescape(path);
    *ret = (struct mount){.path = xstrdup(path), .kind = xstrdup(kind)};
    return true;
}

void mounts_finish(struct mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++) {
        free(mounts->items[i].path);
        free(mounts->items[i].kind);
    }
    free(mounts->items);
    *mounts = (struct mounts){0};
}

void mounts_read(struct mounts *mounts, const char *path)
{
    mounts_finish(mounts);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    char *line = NULL;
    size_t size = 0;
    size_t capacity = 0;
    bool any = false;
    while (getline(&line, &size, file) > 0) {
        struct mount mount;
        if (!parse(line, &mount))
            continue;
        any |= is_silent(mount.kind);
        mounts->items =
            xgrow(mounts->items, mounts->count, &capacity, sizeof *mounts->items);
        mounts->items[mounts->count++] = mount;
    }
    free(line);
    fclose(file);
    if (!any)
        mounts_finish(mounts);
}

const struct mount *mounts_silent(const struct mounts *mounts, const char *path)
{
    const struct mount *found = NULL;
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount *mount = &mounts->items[i];
        bool holds = strcmp(mount->path, "/") == 0 || path_below(path, mount->path);
        /* Of two at one place the later lies above. */
        if (holds && (found == NULL || strlen(mount->path) >= strlen(found->path)))
            found = mount;
    }
    return found != NULL && is_silent(found->kind) ? found : NULL;
}

char *mounts_message(size_t count, const char *first, const struct mount *mount)
{
    return xasprintf(
        "%zu %s on a file system that does not tell what others change there, "
        "the first is %s (%s at %s); keep the project on a local disk, or "
        "have what makes the changes call snifferctl touch",
        count, count == 1 ? "directory lies" : "directories lie", first, mount->kind,
        mount->path);
}
