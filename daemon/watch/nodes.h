#ifndef WATCH_NODES_H
#define WATCH_NODES_H

/* The directories that are watched, or will be when they are there, as one tree from "/" down:
 * each node knows its parent and its name, so that a rename far above costs nothing here. Beside
 * it the table from the kernel's number of a watch to the nodes behind it. Several nodes share a
 * watch where one directory has several names (a bind mount, a link on the way to a followed
 * folder, a move of which only the second half is known yet).
 *
 * A node stays while it has a role or children: whatever has children is a step on the way to
 * something wanted. Nothing here talks to the kernel. Private to the room. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

enum node_role {
    NODE_ROOT = 1, /* the project's root */
    NODE_TREE =
        2, /* below the root, entered with all below it; goes when the directory goes */
    NODE_FOLLOW = 4, /* a run depends on what is in it */
    NODE_STATE = 8,  /* the folder for cookies */
};

struct node {
    struct node *children, *next, *previous;
    struct watch *watch; /* NULL: not watched */
    struct node *same;   /* the next node with this watch */
    struct node *next_doubt, *previous_doubt;
    uint64_t listed; /* number of the crawl that listed it last */
    unsigned roles;
    bool inside;  /* strictly below the root */
    bool doubted; /* waits in nodes.doubts */
    bool there;   /* was there when last looked at */
    bool blind;   /* there, but the kernel gives no watch */
    bool silent;  /* watched, but others change it where nobody tells us */
    bool suspect; /* may have become a virtual environment */
    bool tried;   /* was armed, or found absent, before */
    bool fresh; /* to be listed again, with all below it, though its watch be the same */
    UT_hash_handle hh;
    struct node *parent; /* with the name the key: the two must touch */
    char name[];
};

struct watch {
    int number; /* from 1 */
    struct node *nodes;
};

/* The kernel counts up: by its last bits each number has mostly a place of its own, and neighbours lie
 * together. */
struct watches {
    struct watch **slots; /* at most half full */
    size_t room, count;   /* a power of two, or 0; those that are taken */
};

struct nodes {
    struct node *places;
    struct watches watches;
    struct node *top;    /* "/" */
    struct node *doubts; /* first in, first out */
    size_t blind, silent;
};

void nodes_init(struct nodes *nodes);
void nodes_finish(struct nodes *nodes);

struct node *node_child(const struct nodes *nodes, struct node *parent, const char *name);
/* The child, which is missing. NAME is at most NAME_MAX long. */
struct node *node_add(struct nodes *nodes, struct node *parent, const char *name);
/* The child, made where it is missing. NAME is at most NAME_MAX long. */
struct node *node_plant(struct nodes *nodes, struct node *parent, const char *name);
/* All nodes on the way to PATH (absolute, plain). */
struct node *node_plant_path(struct nodes *nodes, const char *path);
/* NULL where one of them is missing. */
struct node *node_find_path(const struct nodes *nodes, const char *path);
/* Only without children. Its watch must have been released. */
void node_remove(struct nodes *nodes, struct node *node);

/* Absolute; owned by the caller. */
char *node_path(const struct node *node);

struct watch *watch_find(const struct nodes *nodes, int number);
size_t watch_count(const struct nodes *nodes);
/* NODE, which has no watch, gets NUMBER. */
void node_attach(struct nodes *nodes, struct node *node, int number);
/* NODE loses its watch. The number that no node has any more, or -1. */
int node_release(struct nodes *nodes, struct node *node);

void node_set_blind(struct nodes *nodes, struct node *node, bool blind);
void node_set_silent(struct nodes *nodes, struct node *node, bool silent);

/* Puts NODE at the end of those to be looked at again, once. */
void node_doubt(struct nodes *nodes, struct node *node);
void node_doubt_children(struct nodes *nodes, struct node *node, bool fresh);
/* Takes the first out; NULL when there is none. */
struct node *node_take_doubt(struct nodes *nodes);

#endif
