#include "daemon/tree/folder.h"

#include "daemon/base/path.h"
#include "daemon/base/temporary.h"
#include "daemon/base/xalloc.h"
#include "daemon/tree/hash.h"
#include "daemon/tree/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <uthash.h>

enum { TRIES = 4 };

struct name {
    uint32_t kind; /* S_IFMT bits */
    char text[];
};

struct names {
    struct name **items; /* sorted */
    size_t count, capacity;
};

struct folder {
    UT_hash_handle hh;
    struct identity identity;
    bool sure;     /* the same identity means the same names */
    uint64_t held; /* read while it was held for this time; 0: never */
    struct names names;
    char path[];
};

static void names_finish(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

static void folder_free(struct folders *folders, struct folder *folder)
{
    HASH_DEL(folders->table, folder);
    names_finish(&folder->names);
    free(folder);
}

void folders_finish(struct folders *folders)
{
    struct folder *folder = NULL;
    struct folder *next = NULL;
    HASH_ITER(hh, folders->table, folder, next)
    folder_free(folders, folder);
}

static int compare_names(const void *a, const void *b)
{
    const struct name *const *left = a;
    const struct name *const *right = b;
    return strcmp((*left)->text, (*right)->text);
}

/* Names that come and go without anybody meaning it, ours among them. */
static bool counts(const char *name)
{
    static const char *const silent[] = {".", "..", "__pycache__", ".sniffer"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strcmp(name, silent[i]) == 0)
            return false;
    return !name_is_temporary(name);
}

static uint32_t entry_kind(int fd, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return DTTOIF(entry->d_type);
    struct stat stat; /* some file systems leave the work to us */
    if (fstatat(fd, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return stat.st_mode & S_IFMT;
}

static int names_read(DIR *directory, struct names *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL)
            break;
        if (!counts(entry->d_name))
            continue;
        size_t length = strlen(entry->d_name) + 1;
        struct name *name = xmalloc(sizeof *name + length);
        name->kind = entry_kind(dirfd(directory), entry);
        memcpy(name->text, entry->d_name, length);
        names->items =
            xgrow(names->items, names->count, &names->capacity, sizeof *names->items);
        names->items[names->count++] = name;
    }
    if (errno != 0)
        return -errno;
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return 0;
}

/* 0; -EAGAIN: it changed while it was read; -errno. */
static int folder_read(struct folder *folder)
{
    names_finish(&folder->names);
    folder->sure = false;
    int64_t taken = identity_clock_ns();
    int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        int error = -errno;
        close(fd);
        return error;
    }
    struct identity before;
    struct identity after;
    int error = identity_ask_open(fd, &before);
    if (error == 0)
        error = names_read(directory, &folder->names);
    if (error == 0)
        error = identity_ask_open(fd, &after);
    closedir(directory);
    if (error < 0)
        return error;
    if (!identity_equal(&before, &after))
        return -EAGAIN;
    folder->identity = before;
    /* Directories that the kernel makes up have no size, and change without a trace. */
    folder->sure = before.size != 0 && identity_settled(&before, taken);
    return 0;
}

static struct folder *folder_make(struct folders *folders, const char *absolute)
{
    struct folder *folder = NULL;
    HASH_FIND_STR(folders->table, absolute, folder);
    if (folder != NULL)
        return folder;
    size_t length = strlen(absolute) + 1;
    folder = xcalloc(1, sizeof *folder + length);
    memcpy(folder->path, absolute, length);
    HASH_ADD_STR(folders->table, path, folder);
    return folder;
}

/* The names in ABSOLUTE, borrowed until it is asked for again. 0 or -errno. */
static int folder_names(struct folders *folders, const char *absolute,
                        const struct names **ret)
{
    struct folder *folder = folder_make(folders, absolute);
    if (folders->held && folder->held == folders->holds) {
        *ret = &folder->names;
        return 0;
    }
    struct identity now;
    int error = identity_ask(folders->survey, absolute, &now);
    if (error == 0 && S_ISLNK(now.mode))
        error = -ELOOP; /* the folder that was looked into is no longer here */
    if (error == 0 && !(folder->sure && identity_equal(&folder->identity, &now))) {
        error = -EAGAIN;
        for (int i = 0; i < TRIES && error == -EAGAIN; i++)
            error = folder_read(folder);
    }
    if (error < 0) {
        folder_free(folders, folder);
        return error;
    }
    folder->held = folders->held ? folders->holds : 0;
    *ret = &folder->names;
    return 0;
}

static void hash_name(struct hash *hash, const char *text, uint32_t kind)
{
    hash_text(hash, text);
    hash_number(hash, kind);
}

struct digest folder_listing(struct folders *folders, const char *absolute)
{
    const struct names *names = NULL;
    int error = folder_names(folders, absolute, &names);
    if (error < 0 && !identity_error_is_answer(error))
        return hash_fresh();
    struct hash hash = hash_begin("listing");
    hash_number(&hash, (uint64_t)-error); /* a file: ENOTDIR, absent: ENOENT */
    for (size_t i = 0; names != NULL && i < names->count; i++)
        hash_name(&hash, names->items[i]->text, names->items[i]->kind);
    return hash_end(&hash);
}

/* The first name that is not before PREFIX. */
static size_t lower_bound(const struct names *names, const char *prefix)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->items[middle]->text, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Could what follows a module's name make it a file of that module? */
static bool is_suffix(const char *rest)
{
    size_t length = strlen(rest);
    return strcmp(rest, ".py") == 0 || strcmp(rest, ".pyc") == 0 ||
           (rest[0] == '.' && length >= 3 && strcmp(rest + length - 3, ".so") == 0);
}

/* The search asks through links: what a link leads to goes into HASH with the link's own text. */
static uint32_t hash_offer(struct survey *survey, struct hash *hash, const char *folder,
                           const struct name *name)
{
    uint32_t kind = name->kind;
    if (S_ISLNK(kind)) {
        autofree char *path = path_join(folder, name->text);
        char target[PATH_MAX] = {0};
        struct identity identity;
        kind = identity_ask_through(survey, path, &identity) == 0 ? identity.mode & S_IFMT
                                                                  : 0;
        if (readlink(path, target, sizeof target - 1) > 0)
            hash_text(hash, target);
    }
    hash_name(hash, name->text, kind);
    return kind;
}

/* The files in FOLDER that could be STEM go into HASH; *RET_PACKAGE: there is a directory
 * too. */
static int search_module(struct folders *folders, const char *folder, const char *stem,
                         struct hash *hash, bool *ret_package)
{
    const struct names *names = NULL;
    int error = folder_names(folders, folder, &names);
    if (error < 0)
        return error;
    size_t length = strlen(stem);
    for (size_t i = lower_bound(names, stem); i < names->count; i++) {
        const struct name *name = names->items[i];
        if (strncmp(name->text, stem, length) != 0)
            break;
        bool whole = name->text[length] == '\0';
        if (!whole && !is_suffix(name->text + length))
            continue;
        if (whole && S_ISREG(name->kind))
            continue;
        if (S_ISDIR(hash_offer(folders->survey, hash, folder, name)) && whole)
            *ret_package = true;
    }
    return 0;
}

static int search_package(struct folders *folders, const char *folder, struct hash *hash)
{
    static const char init[] = "__init__.";
    const struct names *names = NULL;
    int error = folder_names(folders, folder, &names);
    if (error < 0)
        return error;
    for (size_t i = lower_bound(names, init); i < names->count; i++) {
        const struct name *name = names->items[i];
        if (strncmp(name->text, init, sizeof init - 1) != 0)
            break;
        (void)hash_offer(folders->survey, hash, folder, name);
    }
    return 0;
}

struct digest folder_search(struct folders *folders, const char *absolute)
{
    autofree char *folder = path_parent(absolute);
    const char *stem = path_base(absolute);
    bool package = false;
    int error = 0;
    struct hash hash = hash_begin("search");
    if (stem[0] != '\0')
        error = search_module(folders, folder, stem, &hash, &package);
    if (error == 0 && package)
        error = search_package(folders, absolute, &hash);
    if (error == -ELOOP)
        hash_text(&hash, "the search goes on elsewhere");
    struct digest digest = hash_end(&hash);
    /* A folder that is not there offers nothing, like one that is empty: the import
     * system does not tell them apart either. */
    return error < 0 && !identity_error_is_answer(error) ? hash_fresh() : digest;
}
