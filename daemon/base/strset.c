#include "daemon/base/strset.h"

#include "daemon/base/xalloc.h"

#include <string.h>
#include <uthash.h>

struct strset_item {
    UT_hash_handle hh;
    int64_t value;
    char text[];
};

static struct strset_item *find(const struct strset *set, const char *text)
{
    struct strset_item *item = NULL;
    HASH_FIND_STR(set->items, text, item);
    return item;
}

void strset_finish(struct strset *set)
{
    struct strset_item *item = NULL;
    struct strset_item *next = NULL;
    HASH_ITER(hh, set->items, item, next)
    {
        HASH_DEL(set->items, item);
        free(item);
    }
    set->items = NULL;
}

bool strset_put(struct strset *set, const char *text, int64_t value)
{
    struct strset_item *item = find(set, text);
    if (item != NULL) {
        item->value = value;
        return false;
    }
    size_t length = strlen(text) + 1;
    item = xcalloc(1, sizeof *item + length);
    memcpy(item->text, text, length);
    item->value = value;
    HASH_ADD_STR(set->items, text, item);
    return true;
}

bool strset_add(struct strset *set, const char *text)
{
    return strset_put(set, text, 0);
}

bool strset_has(const struct strset *set, const char *text)
{
    return find(set, text) != NULL;
}

int64_t strset_get(const struct strset *set, const char *text, int64_t fallback)
{
    const struct strset_item *item = find(set, text);
    return item != NULL ? item->value : fallback;
}

bool strset_remove(struct strset *set, const char *text)
{
    struct strset_item *item = find(set, text);
    if (item == NULL)
        return false;
    HASH_DEL(set->items, item);
    free(item);
    return true;
}

size_t strset_count(const struct strset *set)
{
    return HASH_COUNT(set->items);
}

void strset_each(const struct strset *set,
                 void (*visit)(void *owner, const char *text, int64_t value), void *owner)
{
    struct strset_item *item = NULL;
    struct strset_item *next = NULL;
    HASH_ITER(hh, set->items, item, next)
    visit(owner, item->text, item->value);
}
