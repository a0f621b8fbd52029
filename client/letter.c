#include "client/letter.h"

#include <stdio.h>

uint32_t letter_decode(const char *text, size_t length, size_t *ret_bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *byte = (const unsigned char *)text;
    size_t bytes = byte[0] < 0x80             ? 1
                   : (byte[0] & 0xe0) == 0xc0 ? 2
                   : (byte[0] & 0xf0) == 0xe0 ? 3
                   : (byte[0] & 0xf8) == 0xf0 ? 4
                                              : 0;
    *ret_bytes = 0;
    if (bytes == 0 || bytes > length)
        return byte[0];
    uint32_t code = bytes == 1 ? byte[0] : byte[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return byte[0];
        code = code << 6 | (byte[i] & 0x3f);
    }
    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return byte[0];
    *ret_bytes = bytes;
    return code;
}

bool letter_is_sly(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad ||
           code == 0x61c || (code >= 0x200b && code <= 0x200f && code != 0x200d) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff || (code >= 0xe0000 && code <= 0xe007f);
}

size_t letter_escape(uint32_t code, char ret[LETTER_ESCAPED])
{
    return (size_t)snprintf(ret, LETTER_ESCAPED, code < 0x100 ? "\\x%02x" : "\\u%04x",
                            (unsigned)code);
}
