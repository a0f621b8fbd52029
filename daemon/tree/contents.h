#ifndef TREE_CONTENTS_H
#define TREE_CONTENTS_H

/* The content state of one path, and the memory that saves reading it again; private to
 * the tree.
 *
 *   file        permission bits and bytes
 *   unreadable  the identity: it is all we know
 *   link        the text of its target
 *   directory   that it is one
 *   others      their kind; they are never opened
 *   absent      that it is not there */

#include "daemon/base/digest.h"
#include "daemon/tree/tree.h"

#include <stdbool.h>
#include <stdint.h>

struct survey;

/* A digest and the identity it was taken at. {0}: nothing is remembered. */
struct contents {
    struct identity identity;
    struct digest digest;
    bool sure;  /* the same identity means the same contents */
    bool saved; /* the outside has it already: nothing new to recall */
};

struct sight {
    uint32_t kind; /* S_IFMT bits; 0: there is nothing, or nothing we may see */
    struct digest digest;
    int opened; /* how many times it was opened to find out */
};

/* What is at ABSOLUTE now. Reads a file only where MEMORY does not know it, and renews
 * MEMORY. */
struct sight contents_look(struct survey *survey, const char *absolute,
                           struct contents *memory);

/* The state of what is not there. */
struct digest contents_absent(void);

#endif
