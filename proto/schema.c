#include "proto/schema.h"

#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *name;
    const char *text;
    size_t length;
} schemas[] = {
#include "proto/schema_text.h"
};

json_t *schema_all(void)
{
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        json_t *schema = json_loadb(schemas[i].text, schemas[i].length, 0, NULL);
        if (json_object_set_new(all, schemas[i].name, schema) < 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}
