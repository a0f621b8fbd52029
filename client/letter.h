#ifndef CLIENT_LETTER_H
#define CLIENT_LETTER_H

/* What test code printed and what files are called is anybody's: which of its characters may go to a
 * terminal as they are. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at TEXT, of which LENGTH bytes are left (not 0), and its bytes. Where this is no UTF-8:
 * the byte itself, and 0 bytes. */
uint32_t letter_decode(const char *text, size_t length, size_t *ret_bytes);

/* Does it command a terminal, change how others are shown, or hide? Line breaks and tabs do. */
bool letter_is_sly(uint32_t code);

enum { LETTER_ESCAPED = 12 };

/* CODE as \xNN or \uNNNN; the length. */
size_t letter_escape(uint32_t code, char ret[LETTER_ESCAPED]);

#endif
