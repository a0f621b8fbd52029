#include "daemon/watch/nodes.h"

#include "daemon/base/xalloc.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <utlist.h>

struct key {
    struct node *parent;
    char name[NAME_MAX + 1];
};
static_assert(offsetof(struct node, name) ==
                  offsetof(struct node, parent) + sizeof(struct node *),
              "parent and name are one key");

static size_t key_length(const char *name)
{
    return offsetof(struct key, name) + strlen(name);
}

static struct node *node_new(struct nodes *nodes, struct node *parent, const char *name)
{
    size_t length = strlen(name) + 1;
    struct node *node = xcalloc(1, sizeof *node + length);
    node->parent = parent;
    memcpy(node->name, name, length);
    HASH_ADD_KEYPTR(hh, nodes->places, &node->parent, key_length(name), node);
    return node;
}

void nodes_init(struct nodes *nodes)
{
    *nodes = (struct nodes){0};
    nodes->top = node_new(nodes, NULL, "");
}

void nodes_finish(struct nodes *nodes)
{
    struct node *node = NULL;
    struct node *next_node = NULL;
    HASH_ITER(hh, nodes->places, node, next_node)
    {
        HASH_DEL(nodes->places, node);
        free(node);
    }
    for (size_t i = 0; i < nodes->watches.room; i++)
        free(nodes->watches.slots[i]);
    free(nodes->watches.slots);
    *nodes = (struct nodes){0};
}

struct node *node_child(const struct nodes *nodes, struct node *parent, const char *name)
{
    struct key key = {.parent = parent};
    size_t length = strlen(name);
    if (length > NAME_MAX)
        return NULL;
    memcpy(key.name, name, length);
    struct node *node = NULL;
    /* clang 14 takes the bytes of a pointer for unset.
     * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
    HASH_FIND(hh, nodes->places, &key, key_length(name), node);
    return node;
}

struct node *node_add(struct nodes *nodes, struct node *parent, const char *name)
{
    assert(strlen(name) <= NAME_MAX);
    struct node *node = node_new(nodes, parent, name);
    node->inside = parent->inside || (parent->roles & NODE_ROOT) != 0;
    DL_PREPEND2(parent->children, node, previous, next);
    return node;
}

struct node *node_plant(struct nodes *nodes, struct node *parent, const char *name)
{
    struct node *node = node_child(nodes, parent, name);
    return node != NULL ? node : node_add(nodes, parent, name);
}

struct node *node_plant_path(struct nodes *nodes, const char *path)
{
    struct node *node = nodes->top;
    autofree char *copy = xstrdup(path);
    char *rest = NULL;
    for (const char *name = strtok_r(copy, "/", &rest); name != NULL;
         name = strtok_r(NULL, "/", &rest))
        node = node_plant(nodes, node, name);
    return node;
}

struct node *node_find_path(const struct nodes *nodes, const char *path)
{
    struct node *node = nodes->top;
    autofree char *copy = xstrdup(path);
    char *rest = NULL;
    for (const char *name = strtok_r(copy, "/", &rest); name != NULL && node != NULL;
         name = strtok_r(NULL, "/", &rest))
        node = node_child(nodes, node, name);
    return node;
}

void node_remove(struct nodes *nodes, struct node *node)
{
    assert(node->children == NULL && node->watch == NULL && node->parent != NULL);
    node_set_blind(nodes, node, false);
    node_set_silent(nodes, node, false);
    if (node->doubted)
        DL_DELETE2(nodes->doubts, node, previous_doubt, next_doubt);
    DL_DELETE2(node->parent->children, node, previous, next);
    HASH_DEL(nodes->places, node);
    free(node);
}

char *node_path(const struct node *node)
{
    if (node->parent == NULL)
        return xstrdup("/");
    size_t length = 0;
    for (const struct node *step = node; step->parent != NULL; step = step->parent)
        length += 1 + strlen(step->name);
    char *path = xmalloc(length + 1);
    path[length] = '\0';
    for (const struct node *step = node; step->parent != NULL; step = step->parent) {
        size_t name = strlen(step->name);
        length -= name;
        memcpy(path + length, step->name, name);
        path[--length] = '/';
    }
    return path;
}

/* ---- the kernel's numbers ---- */

/* Where NUMBER is, or would be. */
static size_t slot_of(const struct watches *watches, int number)
{
    size_t at = (size_t)number & (watches->room - 1);
    while (watches->slots[at] != NULL && watches->slots[at]->number != number)
        at = (at + 1) & (watches->room - 1);
    return at;
}

static void widen(struct watches *watches)
{
    enum { FEWEST = 64 };
    struct watches wider = {.count = watches->count};
    wider.room = watches->room > 0 ? 2 * watches->room : FEWEST;
    wider.slots = xcalloc(wider.room, sizeof(struct watch *));
    for (size_t i = 0; i < watches->room; i++)
        if (watches->slots[i] != NULL)
            wider.slots[slot_of(&wider, watches->slots[i]->number)] = watches->slots[i];
    free(watches->slots);
    *watches = wider;
}

static struct watch *watch_make(struct watches *watches, int number)
{
    if (2 * (watches->count + 1) > watches->room)
        widen(watches);
    size_t at = slot_of(watches, number);
    if (watches->slots[at] != NULL)
        return watches->slots[at];
    watches->slots[at] = xcalloc(1, sizeof *watches->slots[at]);
    watches->slots[at]->number = number;
    watches->count++;
    return watches->slots[at];
}

static void watch_remove(struct watches *watches, struct watch *watch)
{
    size_t mask = watches->room - 1;
    size_t hole = slot_of(watches, watch->number);
    watches->count--;
    /* Who was pushed on by it moves up, so that no search stops too early. */
    for (size_t at = (hole + 1) & mask; watches->slots[at] != NULL;
         at = (at + 1) & mask) {
        size_t home = (size_t)watches->slots[at]->number & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        watches->slots[hole] = watches->slots[at];
        hole = at;
    }
    watches->slots[hole] = NULL;
    free(watch);
}

struct watch *watch_find(const struct nodes *nodes, int number)
{
    const struct watches *watches = &nodes->watches;
    return watches->room > 0 ? watches->slots[slot_of(watches, number)] : NULL;
}

size_t watch_count(const struct nodes *nodes)
{
    return nodes->watches.count;
}

void node_attach(struct nodes *nodes, struct node *node, int number)
{
    assert(node->watch == NULL);
    struct watch *watch = watch_make(&nodes->watches, number);
    node->watch = watch;
    node->same = watch->nodes;
    watch->nodes = node;
}

int node_release(struct nodes *nodes, struct node *node)
{
    struct watch *watch = node->watch;
    if (watch == NULL)
        return -1;
    struct node **link = &watch->nodes;
    while (*link != node)
        link = &(*link)->same;
    *link = node->same;
    node->same = NULL;
    node->watch = NULL;
    if (watch->nodes != NULL)
        return -1;
    int number = watch->number;
    watch_remove(&nodes->watches, watch);
    return number;
}

/* ---- what is known of them ---- */

void node_set_blind(struct nodes *nodes, struct node *node, bool blind)
{
    if (node->blind == blind)
        return;
    node->blind = blind;
    if (blind)
        nodes->blind++;
    else
        nodes->blind--;
}

void node_set_silent(struct nodes *nodes, struct node *node, bool silent)
{
    if (node->silent == silent)
        return;
    node->silent = silent;
    if (silent)
        nodes->silent++;
    else
        nodes->silent--;
}

void node_doubt(struct nodes *nodes, struct node *node)
{
    if (node->doubted)
        return;
    node->doubted = true;
    DL_APPEND2(nodes->doubts, node, previous_doubt, next_doubt);
}

void node_doubt_children(struct nodes *nodes, struct node *node, bool fresh)
{
    for (struct node *child = node->children; child != NULL; child = child->next) {
        child->fresh |= fresh;
        node_doubt(nodes, child);
    }
}

struct node *node_take_doubt(struct nodes *nodes)
{
    struct node *node = nodes->doubts;
    if (node == NULL)
        return NULL;
    DL_DELETE2(nodes->doubts, node, previous_doubt, next_doubt);
    node->doubted = false;
    return node;
}
