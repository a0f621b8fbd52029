/* Rules: any text is a list of rules, and each decides about any path. */

#include "daemon/base/gitignore.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* A path, a NUL, the rules. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, '\0', size < 200 ? size : 200);
    if (nul == NULL || nul == data)
        return -1;
    const char *path = (const char *)data;
    const char *text = (const char *)nul + 1;
    size_t length = size - (size_t)(nul - data) - 1;
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    if (base[0] == '\0')
        return -1;
    struct gitignore list = {0};
    gitignore_set(&list, "the fuzzer", text, length);
    REQUIRE(gitignore_is(&list, text, length));
    const struct rule *as_folder = gitignore_decide(&list, path, base, true);
    const struct rule *as_file = gitignore_decide(&list, path, base, false);
    REQUIRE(as_file == NULL || !as_file->directory_only);
    /* Every rule that speaks about a file does so about a folder, too; the last decides. */
    REQUIRE(as_file == NULL || (as_folder != NULL && as_folder >= as_file));
    gitignore_finish(&list);
    return 0;
}
