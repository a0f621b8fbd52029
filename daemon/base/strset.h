#ifndef BASE_STRSET_H
#define BASE_STRSET_H

/* A set of strings, each with a number that belongs to the user of the set. {0} is an empty set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strset_item;
struct strset {
    struct strset_item *items;
};

void strset_finish(struct strset *set);

/* Adds TEXT (copied); false when it was there already, its value is then replaced all the same. */
bool strset_put(struct strset *set, const char *text, int64_t value);
bool strset_add(struct strset *set, const char *text);
bool strset_has(const struct strset *set, const char *text);
/* The value of TEXT, or FALLBACK. */
int64_t strset_get(const struct strset *set, const char *text, int64_t fallback);
bool strset_remove(struct strset *set, const char *text);
size_t strset_count(const struct strset *set);

/* Calls VISIT for each string, oldest first; it may remove the string it is given, no other. */
void strset_each(const struct strset *set,
                 void (*visit)(void *owner, const char *text, int64_t value), void *owner);

#endif
