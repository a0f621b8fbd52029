#include "daemon/watch/reader.h"

#include "daemon/base/xalloc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST = 1 << 20 }; /* bytes */

static void tell(const struct reader *reader, const char *path)
{
    if (reader->tell == NULL)
        return;
    size_t length = strlen(reader->root);
    bool inside = strncmp(path, reader->root, length) == 0 && path[length] == '/';
    reader->tell(reader->owner, inside ? path + length + 1 : path);
}

char *reader_text(const struct reader *reader, const char *path, bool follow,
                  size_t *ret_length)
{
    if (reader->asked != NULL)
        strset_add(reader->asked, path);
    autoclose int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return NULL;
    tell(reader, path);
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > MOST)
        return NULL;
    /* One that grows meanwhile is told again. */
    char *text = xmalloc((size_t)status.st_size + 1);
    ssize_t length = read(fd, text, (size_t)status.st_size);
    if (length < 0) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    *ret_length = (size_t)length;
    return text;
}
