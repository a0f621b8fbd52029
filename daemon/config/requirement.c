#include "daemon/config/requirement.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <ctype.h>
#include <string.h>

/* The name at the start of TEXT, as PyPI compares names, as far as it matters here. */
static size_t read_name(const char *text, char *name, size_t size)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) ||
           (text[length] != '\0' && strchr("-_.", text[length]) != NULL)) {
        char c = (char)tolower((unsigned char)text[length]);
        if (length + 1 < size)
            name[length] = (char)(c == '_' || c == '.' ? '-' : c);
        length++;
    }
    name[length < size ? length : size - 1] = '\0';
    return length;
}

enum framework requirement_of(const char *text)
{
    char name[64];
    text += strspn(text, " \t");
    const char *rest = text + read_name(text, name, sizeof name);
    rest += strspn(rest, " \t");
    if (isalnum((unsigned char)*rest))
        return FRAMEWORK_COUNT; /* prose */
    if (strcmp(name, "pytest") == 0 || strncmp(name, "pytest-", 7) == 0)
        return FRAMEWORK_PYTEST;
    /* pynose is nose for newer Pythons. */
    if (strcmp(name, "nose") == 0 || strcmp(name, "pynose") == 0 ||
        strncmp(name, "nose-", 5) == 0)
        return FRAMEWORK_NOSE;
    return FRAMEWORK_COUNT;
}

static enum framework called_by(const char *word, bool module)
{
    const char *base = path_base(word);
    if (strcmp(base, "pytest") == 0 || strcmp(base, "py.test") == 0)
        return FRAMEWORK_PYTEST;
    if (strncmp(base, "nosetests", strlen("nosetests")) == 0 ||
        (module && (strcmp(base, "nose") == 0 || strcmp(base, "nose.core") == 0)))
        return FRAMEWORK_NOSE;
    if (module && strcmp(base, "unittest") == 0)
        return FRAMEWORK_UNITTEST;
    return FRAMEWORK_COUNT;
}

enum framework requirement_called(const char *command)
{
    autofree char *words = xstrdup(command);
    enum framework called = FRAMEWORK_COUNT;
    bool module = false;
    char *state = NULL;
    for (char *word = strtok_r(words, " \t\"'", &state); word != NULL;
         word = strtok_r(NULL, " \t\"'", &state)) {
        if (strcmp(word, "pip") == 0 || strcmp(word, "install") == 0)
            return FRAMEWORK_COUNT; /* it is fetched, not called */
        if (called == FRAMEWORK_COUNT)
            called = called_by(word, module);
        module = strcmp(word, "-m") == 0;
    }
    return called;
}
