#include "proto/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- UTF-8 ---- */

/* Length of the character at AT, 0 where there is none. As strict as jansson: no overlong
 * forms, no surrogates, nothing above U+10FFFF. */
static size_t character_length(const unsigned char *at, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > left)
        return 0;
    uint32_t code = lead & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3FU);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < smallest[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

/* How many bytes have to be shown as \xNN. */
static size_t odd_bytes(const char *bytes, size_t length, bool nul_is_odd)
{
    size_t odd = 0;
    for (size_t i = 0; i < length;) {
        size_t step = character_length((const unsigned char *)bytes + i, length - i);
        if (step == 0 || (nul_is_odd && bytes[i] == '\0'))
            odd++;
        i += step == 0 ? 1 : step;
    }
    return odd;
}

size_t wire_text_fit(const char *text, size_t limit)
{
    size_t length = strnlen(text, limit + 1);
    if (length <= limit)
        return length;
    /* Back to the start of the character that LIMIT cuts; bytes that are no character
     * stay. */
    for (size_t back = 1; back <= 3 && back <= limit; back++) {
        size_t start = limit - back;
        size_t step = character_length((const unsigned char *)text + start,
                                       strnlen(text + start, 4));
        if (step != 0)
            return start + step > limit ? start : limit;
    }
    return limit;
}

/* ---- text ---- */

json_t *wire_text_bytes(const char *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    size_t odd = odd_bytes(bytes, length, true);
    if (odd == 0)
        return json_stringn_nocheck(bytes, length);
    char *shown = malloc(length + 3 * odd);
    if (shown == NULL)
        return NULL;
    size_t end = 0;
    for (size_t i = 0; i < length;) {
        size_t step = character_length((const unsigned char *)bytes + i, length - i);
        if (step == 0 || bytes[i] == '\0') {
            unsigned char byte = (unsigned char)bytes[i++];
            memcpy(shown + end, (char[]){'\\', 'x', digits[byte >> 4], digits[byte & 15]},
                   4);
            end += 4;
        } else {
            memcpy(shown + end, bytes + i, step);
            end += step;
            i += step;
        }
    }
    json_t *text = json_stringn_nocheck(shown, end);
    free(shown);
    return text;
}

json_t *wire_text(const char *text)
{
    return wire_text_bytes(text, strlen(text));
}

json_t *wire_text_or_null(const char *text)
{
    return text == NULL ? json_null() : wire_text(text);
}

/* ---- paths ---- */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static json_t *base64_string(const char *bytes, size_t length)
{
    char *text = malloc((length + 2) / 3 * 4 + 1);
    if (text == NULL)
        return NULL;
    const unsigned char *at = (const unsigned char *)bytes;
    size_t end = 0;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)at[i] << 16;
        group |= left > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        group |= left > 2 ? at[i + 2] : 0;
        text[end++] = alphabet[group >> 18];
        text[end++] = alphabet[group >> 12 & 63];
        text[end++] = left > 1 ? alphabet[group >> 6 & 63] : '=';
        text[end++] = left > 2 ? alphabet[group & 63] : '=';
    }
    json_t *string = json_stringn_nocheck(text, end);
    free(text);
    return string;
}

/* Four letters, the last PADDING of them "=", into three bytes; false where a letter is
 * wrong or bits are set that no encoder sets: one path has one form. */
static bool base64_group(const char *letters, size_t padding, char bytes[3])
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = 0;
        if (i < 4 - padding) {
            const char *found = memchr(alphabet, letters[i], sizeof alphabet - 1);
            if (found == NULL)
                return false;
            value = (uint32_t)(found - alphabet);
        }
        group = group << 6 | value;
    }
    if ((group & ((1U << (8 * padding)) - 1)) != 0)
        return false;
    bytes[0] = (char)(group >> 16);
    bytes[1] = (char)(group >> 8 & 255);
    bytes[2] = (char)(group & 255);
    return true;
}

static char *base64_bytes(const char *text, size_t length)
{
    if (length % 4 != 0)
        return NULL;
    char *bytes = malloc(length / 4 * 3 + 1);
    if (bytes == NULL)
        return NULL;
    size_t end = 0;
    for (size_t i = 0; i < length; i += 4) {
        size_t padding = 0;
        while (i + 4 == length && padding < 2 && text[length - 1 - padding] == '=')
            padding++;
        if (!base64_group(text + i, padding, bytes + end)) {
            free(bytes);
            return NULL;
        }
        end += 3 - padding;
    }
    bytes[end] = '\0';
    if (strlen(bytes) == end)
        return bytes;
    free(bytes);
    return NULL;
}

json_t *wire_path(const char *path)
{
    size_t length = strlen(path);
    if (odd_bytes(path, length, false) == 0)
        return json_stringn_nocheck(path, length);
    return json_pack("{s:o}", "b64", base64_string(path, length));
}

json_t *wire_path_or_null(const char *path)
{
    return path == NULL ? json_null() : wire_path(path);
}

char *wire_path_bytes(const json_t *value)
{
    if (json_is_string(value)) {
        const char *text = json_string_value(value);
        return strlen(text) == json_string_length(value) ? strdup(text) : NULL;
    }
    const json_t *encoded = json_object_get(value, "b64");
    return json_is_string(encoded)
               ? base64_bytes(json_string_value(encoded), json_string_length(encoded))
               : NULL;
}
