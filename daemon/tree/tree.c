#include "daemon/tree/tree.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/tree/folder.h"
#include "daemon/tree/hash.h"
#include "daemon/tree/identity.h"
#include "daemon/tree/paths.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

struct tree {
    char *root;
    struct paths paths;
    struct folders folders;
    struct survey *survey;
    void (*opened)(void *owner, const char *path);
    void *opened_owner;
};

struct tree *tree_new(const char *root)
{
    assert(root[0] == '/');
    struct tree *tree = xcalloc(1, sizeof *tree);
    tree->root = xstrdup(root);
    tree->survey = xcalloc(1, sizeof *tree->survey);
    tree->folders.survey = tree->survey;
    return tree;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    folders_finish(&tree->folders);
    paths_finish(&tree->paths);
    survey_set(tree->survey, false);
    free(tree->survey);
    free(tree->root);
    free(tree);
}

void tree_on_open(struct tree *tree, void (*tell)(void *owner, const char *path),
                  void *owner)
{
    tree->opened = tell;
    tree->opened_owner = owner;
}

static void tell_opens(const struct tree *tree, const char *path,
                       const struct sight *sight)
{
    for (int i = 0; tree->opened != NULL && i < sight->opened; i++)
        tree->opened(tree->opened_owner, path);
}

/* ---- what a crawl found ---- */

void tree_learn(struct tree *tree, const char *path, bool is_directory)
{
    struct entry *entry = paths_make(&tree->paths, path);
    entry->known = true;
    entry->is_directory = is_directory;
}

void tree_unlearn(struct tree *tree)
{
    static const char *const tops[] = {"", "/"};
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        struct entry *top = paths_find(&tree->paths, tops[i]);
        if (top == NULL)
            continue;
        paths_forget_below(&tree->paths, top);
        top->known = false;
        paths_release(&tree->paths, top);
    }
}

bool tree_knows(const struct tree *tree, const char *path)
{
    const struct entry *entry = paths_find(&tree->paths, path);
    return entry != NULL && entry->known;
}

void tree_each(const struct tree *tree, const char *folder,
               void (*visit)(void *owner, const char *path), void *owner)
{
    const struct entry *entry = paths_find(&tree->paths, folder);
    if (entry != NULL)
        paths_each_file(entry, visit, owner);
}

/* ---- what really changed ---- */

/* An answer goes out. The first one since tree_refresh is what the next tree_refresh
 * compares with; when a later one differs, a caller holds each of them, and whatever the
 * path looks like then, one of the two is wrong. */
static void tell(struct told *told, bool exists, const struct digest *content)
{
    if (!told->asked)
        told->exists = exists;
    else if (told->exists != exists)
        told->came_or_went = told->wavered = true;
    told->asked = true;
    if (content == NULL)
        return;
    if (!told->has_content)
        told->content = *content;
    else if (!digest_equal(&told->content, content))
        told->wavered = true;
    told->has_content = true;
}

static struct sight look(const struct tree *tree, const struct entry *entry,
                         const char *absolute)
{
    if (entry->seen != NULL && entry->seen->told.has_content)
        return contents_look(tree->survey, absolute, &entry->seen->contents);
    struct identity identity; /* nobody asked what is in it: not worth reading */
    if (identity_ask(tree->survey, absolute, &identity) < 0)
        return (struct sight){0};
    return (struct sight){.kind = identity.mode & S_IFMT};
}

static unsigned compare(const struct entry *entry, const struct sight *now)
{
    static const struct told nothing = {0};
    const struct told *told = entry->seen != NULL ? &entry->seen->told : &nothing;
    bool exists = now->kind != 0;
    bool existed = told->asked ? told->exists : entry->known;
    if (exists != existed || told->came_or_went)
        return TREE_CHANGED | (exists ? TREE_APPEARED : TREE_VANISHED);
    /* Also where nothing is there: a name that no crawl told may have been there until
     * now. */
    if (told->wavered || (!told->asked && !entry->known))
        return TREE_CHANGED;
    if (told->has_content)
        return digest_equal(&told->content, &now->digest) ? TREE_SAME : TREE_CHANGED;
    return exists ? TREE_CHANGED : TREE_SAME;
}

unsigned tree_refresh(struct tree *tree, const char *path)
{
    autofree char *absolute = path_absolute(tree->root, path);
    struct entry *entry = paths_make(&tree->paths, path);
    struct sight now = look(tree, entry, absolute);
    tell_opens(tree, path, &now);
    unsigned change = compare(entry, &now);
    entry->known = now.kind != 0;
    entry->is_directory = S_ISDIR(now.kind);
    if (!entry->is_directory)
        paths_forget_below(&tree->paths, entry);
    if (entry->seen != NULL) {
        struct told *told = &entry->seen->told;
        *told = (struct told){.asked = true,
                              .exists = entry->known,
                              .has_content = told->has_content,
                              .content = now.digest};
    }
    paths_release(&tree->paths, entry);
    return change;
}

/* ---- states ---- */

void tree_survey(struct tree *tree, bool on)
{
    survey_set(tree->survey, on);
}

static struct digest content_state(struct tree *tree, const char *path,
                                   const char *absolute)
{
    struct entry *entry = paths_make_seen(&tree->paths, path);
    struct sight now = contents_look(tree->survey, absolute, &entry->seen->contents);
    tell_opens(tree, path, &now);
    tell(&entry->seen->told, now.kind != 0, &now.digest);
    return now.digest;
}

/* LINK: whether a link stands there, which leads to nothing we may see. */
static struct digest presence_of_nothing(int error, bool link)
{
    struct hash hash = hash_begin("presence");
    hash_number(&hash, link);
    hash_number(&hash, 0);
    hash_number(&hash, identity_error_is_absence(error) ? 0 : (uint64_t)-error);
    return hash_end(&hash);
}

bool tree_was_absent(enum evidence_kind kind, const struct digest *state)
{
    bool asked = kind == EVIDENCE_PRESENCE || kind == EVIDENCE_EXISTENCE;
    struct digest absent =
        asked ? presence_of_nothing(-ENOENT, false) : contents_absent();
    return digest_equal(&absent, state);
}

/* TIMES: what a stat sees besides kind and mode counts too. */
static struct digest presence_state(struct tree *tree, const char *path,
                                    const char *absolute, bool times)
{
    struct entry *entry = paths_make_seen(&tree->paths, path);
    struct identity identity;
    struct identity link = {0};
    int error = identity_ask(tree->survey, absolute, &link);
    /* A link that leads nowhere is absent to who asks, but its name is there. */
    bool named = error == 0;
    bool is_link = named && S_ISLNK(link.mode);
    identity = link;
    if (is_link) /* where there is none, both ways lead to the same */
        error = identity_ask_through(tree->survey, absolute, &identity);
    tell(&entry->seen->told, error == 0 || named, NULL);
    if (error < 0 && !identity_error_is_answer(error))
        return hash_fresh();
    if (error < 0)
        return presence_of_nothing(error, is_link);
    struct hash hash = hash_begin("presence");
    hash_number(&hash, is_link);
    hash_number(&hash, identity.mode);
    if (times && S_ISREG(identity.mode)) {
        hash_number(&hash, (uint64_t)identity.size);
        hash_number(&hash, (uint64_t)identity.mtime_ns);
    }
    return hash_end(&hash);
}

struct digest tree_state(struct tree *tree, enum evidence_kind kind, const char *path)
{
    assert(kind != EVIDENCE_ENVIRONMENT); /* its "path" is a name */
    autofree char *absolute = path_absolute(tree->root, path);
    switch (kind) {
    case EVIDENCE_CODE:
    case EVIDENCE_CONTENT:
        return content_state(tree, path, absolute);
    case EVIDENCE_LISTING:
        return folder_listing(&tree->folders, absolute);
    case EVIDENCE_PRESENCE:
        return presence_state(tree, path, absolute, true);
    case EVIDENCE_EXISTENCE:
        return presence_state(tree, path, absolute, false);
    case EVIDENCE_SEARCH:
        return folder_search(&tree->folders, absolute);
    case EVIDENCE_ENVIRONMENT:
        break;
    }
    return hash_fresh();
}

void tree_hold(struct tree *tree)
{
    tree->folders.held = true;
    tree->folders.holds++;
}

void tree_release(struct tree *tree)
{
    tree->folders.held = false;
}

bool tree_is_shared(const struct tree *tree, const char *path)
{
    const struct entry *entry = paths_find(&tree->paths, path);
    return entry != NULL && entry->seen != NULL &&
           S_ISREG(entry->seen->contents.identity.mode) &&
           entry->seen->contents.identity.links > 1;
}

struct identity tree_identity(const struct tree *tree, const char *path)
{
    autofree char *absolute = path_absolute(tree->root, path);
    struct identity identity = {0};
    (void)identity_ask(tree->survey, absolute, &identity);
    return identity;
}

int64_t tree_clock_ns(void)
{
    return identity_clock_ns();
}

bool tree_is_untouched(const struct tree *tree, const char *path,
                       const struct identity *then, int64_t clock_ns)
{
    struct identity now = tree_identity(tree, path);
    return identity_equal(&now, then) && identity_settled(then, clock_ns);
}

/* ---- over a restart ---- */

void tree_remember(struct tree *tree, const struct tree_memory *memory)
{
    struct entry *entry = paths_make_seen(&tree->paths, memory->path);
    struct contents *contents = &entry->seen->contents;
    if (contents->identity.mode != 0) /* what was seen since is newer */
        return;
    *contents = (struct contents){.identity = memory->identity,
                                  .digest = memory->digest,
                                  .sure = true,
                                  .saved = true};
}

bool tree_recall(struct tree *tree, const char *path, struct tree_memory *ret)
{
    const struct entry *entry = paths_find(&tree->paths, path);
    if (entry == NULL || entry->seen == NULL)
        return false;
    struct contents *contents = &entry->seen->contents;
    if (!contents->sure || contents->saved)
        return false;
    contents->saved = true;
    *ret = (struct tree_memory){
        .path = entry->path, .identity = contents->identity, .digest = contents->digest};
    return true;
}
