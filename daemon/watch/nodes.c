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
    struct watch *watch = NULL;
    struct watch *next_watch = NULL;
    HASH_ITER(hh, nodes->watches, watch, next_watch)
    {
        HASH_DEL(nodes->watches, watch);
        free(watch);
    }
    *nodes = (struct nodes){0};
}

struct node *node_child(const struct nodes *nodes, struct node *parent, const char *name)
{
    struct key key;
    size_t length = strlen(name);
    if (length > NAME_MAX)
        return NULL;
    key.parent = parent;
    memcpy(key.name, name, length);
    struct node *node = NULL;
    HASH_FIND(hh, nodes->places, &key, key_length(name), node);
    return node;
}

struct node *node_plant(struct nodes *nodes, struct node *parent, const char *name)
{
    assert(strlen(name) <= NAME_MAX);
    struct node *node = node_child(nodes, parent, name);
    if (node != NULL)
        return node;
    node = node_new(nodes, parent, name);
    node->inside = parent->inside || (parent->roles & NODE_ROOT) != 0;
    DL_PREPEND2(parent->children, node, previous, next);
    return node;
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

struct watch *watch_find(const struct nodes *nodes, int number)
{
    struct watch *watch = NULL;
    HASH_FIND_INT(nodes->watches, &number, watch);
    return watch;
}

size_t watch_count(const struct nodes *nodes)
{
    return HASH_COUNT(nodes->watches);
}

void node_attach(struct nodes *nodes, struct node *node, int number)
{
    assert(node->watch == NULL);
    struct watch *watch = watch_find(nodes, number);
    if (watch == NULL) {
        watch = xcalloc(1, sizeof *watch);
        watch->number = number;
        HASH_ADD_INT(nodes->watches, number, watch);
    }
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
    HASH_DEL(nodes->watches, watch);
    free(watch);
    return number;
}

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
