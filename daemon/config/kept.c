#include "daemon/config/kept.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/files.h"

#include <ctype.h>
#include <string.h>

char *kept_normal(const char *name)
{
    char *normal = xmalloc(strlen(name) + 1);
    size_t length = 0;
    for (const char *c = name; *c != '\0'; c++) {
        bool mark = *c == '-' || *c == '_' || *c == '.';
        if (mark && length > 0 && normal[length - 1] == '-')
            continue;
        normal[length++] = (char)(mark ? '-' : tolower((unsigned char)*c));
    }
    normal[length] = '\0';
    return normal;
}

void kept_add(struct kept *kept, char *folder)
{
    autofree char *owned = folder;
    autofree char *python = environment_python(folder);
    if (python == NULL)
        return;
    kept->folders =
        xgrow(kept->folders, kept->count, &kept->capacity, sizeof *kept->folders);
    kept->folders[kept->count++] = owned;
    owned = NULL;
}

void kept_finish(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        free(kept->folders[i]);
    free(kept->folders);
    *kept = (struct kept){0};
}

/* ---- whose is it? ---- */

enum owner { OWNER_UNKNOWN, OWNER_OTHER, OWNER_US };

/* Is NAME the project's own .pth: "my_project.pth", or with a mark of who wrote it before
 * it, and a version behind it? */
static bool is_own_pth(const struct kept *kept, const char *name)
{
    static const char *const marks[] = {"__editable__.", "_editable_impl_", "_"};
    size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".pth") != 0)
        return false;
    const char *start = name;
    for (size_t i = 0; i < sizeof marks / sizeof *marks && start == name; i++)
        if (strncmp(name, marks[i], strlen(marks[i])) == 0)
            start += strlen(marks[i]);
    autofree char *stem = xstrndup(start, strcspn(start, "-"));
    char *suffix = strstr(stem, ".pth");
    if (suffix != NULL)
        *suffix = '\0';
    autofree char *normal = kept_normal(stem);
    return strcmp(normal, kept->project) == 0;
}

static enum owner owner_by_pth(const struct kept *kept, const char *site,
                               const char *name)
{
    autofree char *text = files_text(site, name);
    if (text == NULL || text[0] != '/')
        return OWNER_UNKNOWN; /* an import hook */
    text[strcspn(text, "\r\n")] = '\0';
    return path_below(text, kept->root) ? OWNER_US : OWNER_OTHER;
}

static enum owner owner_in(const struct kept *kept, const char *site)
{
    enum owner owner = OWNER_UNKNOWN;
    char **names = files_names(site);
    for (char **name = names; *name != NULL && owner == OWNER_UNKNOWN; name++)
        if (is_own_pth(kept, *name))
            owner = owner_by_pth(kept, site, *name);
    files_names_free(names);
    return owner;
}

static enum owner owner_of(const struct kept *kept, const char *folder)
{
    enum owner owner = OWNER_UNKNOWN;
    autofree char *library = path_join(folder, "lib");
    char **names = files_names(library);
    for (char **name = names; *name != NULL && owner == OWNER_UNKNOWN; name++) {
        if (strncmp(*name, "python", strlen("python")) != 0)
            continue;
        autofree char *python = path_join(library, *name);
        autofree char *site = path_join(python, "site-packages");
        owner = owner_in(kept, site);
    }
    files_names_free(names);
    return owner;
}

/* Whose all environments with the digest of FOLDER are. */
static enum owner owner_of_digest(const struct kept *kept, const char *folder)
{
    enum owner owner = OWNER_UNKNOWN;
    for (size_t i = 0; i < kept->count && owner != OWNER_US; i++) {
        if (strncmp(kept->folders[i], folder, kept->digest_end) != 0)
            continue;
        enum owner said = owner_of(kept, kept->folders[i]);
        if (said != OWNER_UNKNOWN)
            owner = said;
    }
    return owner;
}

struct sifting {
    const struct kept *kept;
    enum owner wanted;
};

static bool is_wanted(void *owner, const char *folder)
{
    const struct sifting *sifting = owner;
    return owner_of_digest(sifting->kept, folder) == sifting->wanted;
}

void kept_sift(struct kept *kept)
{
    struct sifting sifting = {kept, OWNER_UNKNOWN};
    for (size_t i = 0; i < kept->count; i++)
        if (owner_of(kept, kept->folders[i]) == OWNER_US)
            sifting.wanted = OWNER_US;
    kept->certain = sifting.wanted == OWNER_US;
    kept_filter(kept, is_wanted, &sifting);
}

void kept_filter(struct kept *kept, bool (*keep)(void *owner, const char *folder),
                 void *owner)
{
    /* Asked first, dropped then: KEEP may look at all of them. */
    autofree bool *stays = xcalloc(kept->count + 1, sizeof *stays);
    for (size_t i = 0; i < kept->count; i++)
        stays[i] = keep(owner, kept->folders[i]);
    size_t left = 0;
    for (size_t i = 0; i < kept->count; i++)
        if (stays[i])
            kept->folders[left++] = kept->folders[i];
        else
            free(kept->folders[i]);
    kept->count = left;
}
