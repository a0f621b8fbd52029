/* Where the index is kept when its file is no use. */

#include "daemon/index/inside.h"

#include "daemon/base/xalloc.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const char *index_trouble(const struct index *index)
{
    return index->trouble;
}

void index_say_trouble(struct index *index, int why)
{
    free(index->trouble);
    index->trouble = xasprintf(
        "%s: %s; what is learnt is kept in memory, and the next daemon will not "
        "know it",
        index->path, strerror(-why));
}

static bool cannot_write(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EIO || r == -EACCES ||
           r == -EPERM || r == -EFBIG;
}

bool index_flee(struct index *index, int r)
{
    if (!cannot_write(r) || index->path == NULL || index->trouble != NULL ||
        db_move(&index->db, NULL) < 0)
        return false;
    index_say_trouble(index, r);
    return true;
}

void index_know_file(struct index *index)
{
    struct stat status;
    if (index->path == NULL || stat(index->path, &status) < 0)
        return;
    index->device = status.st_dev;
    index->inode = status.st_ino;
}

void index_come_back(struct index *index)
{
    char *aside = NULL;
    int r = db_move(&index->db, index->path);
    if (db_is_unfit(r) && db_set_aside(index->path, r, &aside) == 0)
        r = db_move(&index->db, index->path);
    free(aside);
    if (r < 0)
        return;
    free(index->trouble);
    index->trouble = NULL;
    index_know_file(index);
    index_settle(index); /* where it fails, the next daemon believes less of it */
}

void index_find_lost(struct index *index)
{
    struct stat status;
    if (index->path == NULL || index->trouble != NULL ||
        (stat(index->path, &status) == 0 && status.st_dev == index->device &&
         status.st_ino == index->inode))
        return;
    /* First out of it: closed, it removes the names of its logs, which must not be the new file's. */
    if (db_move(&index->db, NULL) < 0)
        return;
    index_say_trouble(index, -ENOENT);
    index_come_back(index);
}

/* ---- damage ---- */

bool index_is_damaged(const struct index *index)
{
    return index->blind || index->db.damaged;
}

int index_renew(struct index *index, char **ret_aside)
{
    char *aside = NULL;
    char *again = NULL;
    bool stored = index->path != NULL && index->trouble == NULL;
    index->db.damaged = true; /* it is not closed as a sound one */
    index_forget(index);
    index->blind = index->checked = false;
    int r = stored ? db_set_aside(index->path, -EBADMSG, &aside) : 0;
    if (r == 0 && stored && !index->renewed)
        r = index_open_somewhere(index, &again);
    else
        r = index_open_in_memory(index, r < 0 ? r : -EBADMSG);
    index->renewed = true;
    free(again);
    *ret_aside = aside;
    return r;
}
