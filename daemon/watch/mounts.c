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
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

struct line {
    const char *id, *path, *kind; /* in the line */
};

/* "36 35 98:0 /root /where options optional... - kind source options" */
static bool parse(char *line, struct line *ret)
{
    char *kind = strstr(line, " - ");
    if (kind == NULL)
        return false;
    *kind = '\0';
    kind += strlen(" - ");
    kind[strcspn(kind, " \n")] = '\0';
    char *rest = NULL;
    const char *id = strtok_r(line, " ", &rest);
    char *path = line;
    for (int field = 1; field < 5 && path != NULL; field++)
        path = strtok_r(NULL, " ", &rest);
    if (path == NULL)
        return false;
    unescape(path);
    *ret = (struct line){.id = id, .path = path, .kind = kind};
    return true;
}

static void each_line(const char *path,
                      void (*visit)(void *owner, const struct line *line), void *owner)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    char *text = NULL;
    size_t size = 0;
    struct line line;
    while (getline(&text, &size, file) > 0)
        if (parse(text, &line))
            visit(owner, &line);
    free(text);
    fclose(file);
}

struct visiting {
    void (*visit)(void *owner, const char *id, const char *path, bool silent);
    void *owner;
};

static void visit_line(void *owner, const struct line *line)
{
    const struct visiting *visiting = owner;
    visiting->visit(visiting->owner, line->id, line->path, is_silent(line->kind));
}

void mounts_each(const char *file,
                 void (*visit)(void *owner, const char *id, const char *path,
                               bool silent),
                 void *owner)
{
    each_line(file, visit_line, &(struct visiting){.visit = visit, .owner = owner});
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

struct reading {
    struct mounts *mounts;
    size_t capacity;
    bool any; /* silent one */
};

static void add_line(void *owner, const struct line *line)
{
    struct reading *reading = owner;
    struct mounts *mounts = reading->mounts;
    reading->any |= is_silent(line->kind);
    mounts->items =
        xgrow(mounts->items, mounts->count, &reading->capacity, sizeof *mounts->items);
    mounts->items[mounts->count++] =
        (struct mount){.path = xstrdup(line->path), .kind = xstrdup(line->kind)};
}

void mounts_read(struct mounts *mounts, const char *path)
{
    struct reading reading = {.mounts = mounts};
    mounts_finish(mounts);
    each_line(path, add_line, &reading);
    if (!reading.any)
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
