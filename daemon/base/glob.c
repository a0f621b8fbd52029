#include "daemon/base/glob.h"

#include <ctype.h>
#include <string.h>

size_t glob_literal(const char *pattern)
{
    return strcspn(pattern, "*?[\\");
}

/* ---- brackets ---- */

static bool in_class(const char *name, size_t length, int byte, bool *ret_known)
{
    static const struct {
        const char *name;
        int (*has)(int byte);
    } classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank},
                   {"cntrl", iscntrl}, {"digit", isdigit}, {"graph", isgraph},
                   {"lower", islower}, {"print", isprint}, {"punct", ispunct},
                   {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strlen(classes[i].name) == length &&
            memcmp(classes[i].name, name, length) == 0)
            return byte < 0x80 && classes[i].has(byte) != 0;
    *ret_known = false;
    return false;
}

/* One byte of a bracket, which may be escaped; moves AT to its end. 0: the pattern ended. */
static unsigned char taken(const char **at)
{
    if (**at == '\\')
        (*at)++;
    return **at == '\0' ? '\0' : (unsigned char)*(*at)++;
}

/* A class at AT, "[:name:]": moves AT behind it. False where none stands there. */
static bool take_class(const char **at, int byte, bool *ret_has, bool *ret_known)
{
    if ((*at)[0] != '[' || (*at)[1] != ':')
        return false;
    const char *name = *at + 2;
    size_t length = strcspn(name, "]");
    if (name[length] == '\0')
        *ret_known = false;
    else if (length == 0 || name[length - 1] != ':')
        return false;
    else
        *ret_has |= in_class(name, length - 1, byte, ret_known);
    *at = name + length + (name[length] != '\0');
    return true;
}

/* Does the bracket that begins behind AT's "[" have BYTE? Moves AT behind its end; false also where
 * it has none. */
static bool take_bracket(const char **at, unsigned char byte)
{
    bool negated = **at == '!' || **at == '^';
    bool has = false;
    bool known = true;
    *at += negated;
    /* One that comes first is no end. */
    for (bool first = true; first || **at != ']'; first = false) {
        if (**at == '\0')
            return false;
        if (take_class(at, byte, &has, &known))
            continue;
        unsigned char low = taken(at);
        unsigned char high = low;
        if ((*at)[0] == '-' && (*at)[1] != '\0' && (*at)[1] != ']') {
            (*at)++;
            high = taken(at);
        }
        if (low == '\0' || high == '\0')
            return false;
        has |= byte == low || (low <= byte && byte <= high);
    }
    (*at)++;
    return known && has != negated && byte != '/';
}

/* ---- the whole ---- */

/* What PATTERN, which is no star, says to the first byte of TEXT: moves both on where it fits. */
static bool take_one(const char **pattern, const char **text)
{
    const char *at = *pattern;
    unsigned char byte = (unsigned char)**text;
    if (byte == '\0' || *at == '\0')
        return false;
    bool fits = false;
    if (*at == '?') {
        at++;
        fits = byte != '/';
    } else if (*at == '[') {
        at++;
        fits = take_bracket(&at, byte);
    } else {
        at += *at == '\\';
        fits = (unsigned char)*at == byte;
        at += *at != '\0';
    }
    if (!fits)
        return false;
    *pattern = at;
    (*text)++;
    return true;
}

/* Where to go on when what follows a star did not fit: the star then takes one byte more. */
struct resume {
    const char *pattern, *text;
};

static bool stands_alone(const char *pattern, const char *stars, const char *behind)
{
    return (stars == pattern || stars[-1] == '/') &&
           (behind[0] == '\0' || behind[0] == '/' ||
            (behind[0] == '\\' && behind[1] == '/'));
}

bool glob_matches(const char *pattern, const char *text)
{
    /* The last of each kind is enough: whatever an earlier one could take instead, the last can. */
    struct resume star = {0};
    struct resume folders = {0};
    const char *at = pattern;
    while (*at != '\0' || *text != '\0') {
        if (*at == '*') {
            const char *stars = at;
            at += strspn(at, "*");
            if (at - stars > 1 && stands_alone(pattern, stars, at)) {
                if (*at == '\0')
                    return true;
                folders = (struct resume){at, text};
                star.pattern = NULL;
                at += *at == '/'; /* none at all, first */
            } else {
                star = (struct resume){at, text};
            }
        } else if (take_one(&at, &text)) {
            continue;
        } else if (star.pattern != NULL && *star.text != '\0' && *star.text != '/') {
            at = star.pattern;
            text = ++star.text;
        } else if (folders.pattern != NULL && *folders.text != '\0') {
            star.pattern = NULL;
            at = folders.pattern;
            text = folders.text++;
        } else {
            return false;
        }
    }
    return true;
}
