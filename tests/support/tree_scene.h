#ifndef SUPPORT_TREE_SCENE_H
#define SUPPORT_TREE_SCENE_H

/* A tree over a real folder, which is the working directory of the test. */

#include "daemon/tree/tree.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct tree *tree;

static inline void setup(void)
{
    strcpy(root, "/tmp/sniffer-tree-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(chdir(root),
                     0); /* so that the acts below name their paths as the tree does */
    umask(022);
    tree = tree_new(root);
}

static inline int remove_one(const char *path, const struct stat *stat, int type,
                             struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

static inline void teardown(void)
{
    tree_free(tree);
    ck_assert_int_eq(chdir("/"), 0);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- acts ---- */

/* Into the file that is there, or a new one. */
static inline void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* As an editor saves: the new contents beside it, then over it. */
static inline void replace(const char *path, const char *text)
{
    put("new~", text);
    ck_assert_int_eq(rename("new~", path), 0);
}

static inline void set_mtime(const char *path, time_t seconds)
{
    const struct timespec times[] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline void make(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

/* ---- questions ---- */

static inline struct digest state(enum evidence_kind kind, const char *path)
{
    return tree_state(tree, kind, path);
}

/* What a tree says that remembers nothing: the truth. */
static inline struct digest truth(enum evidence_kind kind, const char *path)
{
    struct tree *fresh = tree_new(root);
    struct digest digest = tree_state(fresh, kind, path);
    tree_free(fresh);
    return digest;
}

static inline bool same(struct digest a, struct digest b)
{
    return digest_equal(&a, &b);
}

#define assert_same(a, b) ck_assert_msg(same(a, b), "%s is not %s", #a, #b)
#define assert_differ(a, b) ck_assert_msg(!same(a, b), "%s is %s", #a, #b)
#define assert_refresh(path, bits) ck_assert_uint_eq(tree_refresh(tree, path), bits)

#endif
