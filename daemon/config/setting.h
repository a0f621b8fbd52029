#ifndef CONFIG_SETTING_H
#define CONFIG_SETTING_H

/* Private to this room: one setting as a file gives it, before anybody asked what it
 * means. The two readers (TOML, INI) tell each setting of the sniffer table to a
 * callback; config.c judges them. So a wrong value reads the same whichever file it
 * stands in. */

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum setting_kind {
    SETTING_RAW, /* INI: text that can be anything */
    SETTING_STRING,
    SETTING_NUMBER, /* TEXT is how it is written */
    SETTING_LIST,   /* of strings */
    SETTING_TABLE,  /* of ENTRIES */
    SETTING_OTHER, /* a table within one, a date, a mixed list: nothing that any key takes; TEXT says
                      what */
};

struct setting {
    const char *key;
    long line;
    enum setting_kind kind;
    const char *text;
    const char *const *items;      /* a list's, NULL-terminated */
    const struct setting *entries; /* a table's */
    size_t entry_count;
};

/* False: wrong, stop here. */
typedef bool setting_visit(void *owner, const struct setting *setting);

/* What a reader found. */
enum setting_found { SETTINGS_NONE, SETTINGS_FOUND, SETTINGS_BROKEN };

struct setting_fault {
    long line;
    char text[200];
};

/* The [tool.sniffer] of a TOML text. BROKEN: no TOML, or tool.sniffer is no table. */
enum setting_found toml_settings(const char *text, size_t length, setting_visit *visit,
                                 void *owner, struct setting_fault *ret_fault);

/* The [sniffer] of an INI text as Python's configparser reads it. Other sections are not
 * looked at: what is odd there is other people's business. TEXT ends with a NUL. */
enum setting_found ini_settings(const char *text, setting_visit *visit, void *owner,
                                struct setting_fault *ret_fault);

#ifdef __cplusplus
}
#endif

#endif
