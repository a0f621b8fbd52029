#include "proto/reading.h"

#include "proto/words.h"

#include <errno.h>
#include <string.h>

void reading_refuse(struct reading *reading, const char *why)
{
    reading->error = -EINVAL;
    reading->why = why;
}

void reading_run_out(struct reading *reading)
{
    reading->error = -ENOMEM;
    reading->why = "out of memory";
}

void reading_integer(struct reading *reading, const char *key, const char *why,
                     int64_t *ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (json_is_integer(value))
        *ret = json_integer_value(value);
    else
        reading_refuse(reading, why);
}

void reading_number(struct reading *reading, const char *key, const char *why,
                    double *ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (json_is_number(value) && json_number_value(value) >= 0)
        *ret = json_number_value(value);
    else
        reading_refuse(reading, why);
}

/* Python's strings may hold NULs, C's may not: they are shown, in place, so that no
 * result is lost. */
void reading_text(struct reading *reading, const char *key, const char *why,
                  const char **ret)
{
    json_t *value = json_object_get(reading->json, key);
    if (reading->error != 0)
        return;
    if (!json_is_string(value)) {
        reading_refuse(reading, why);
        return;
    }
    size_t length = json_string_length(value);
    if (strlen(json_string_value(value)) != length) {
        json_t *shown = wire_text_bytes(json_string_value(value), length);
        if (json_object_set_new(reading->json, key, shown) < 0) {
            reading_run_out(reading);
            return;
        }
        value = shown;
    }
    *ret = json_string_value(value);
}

void reading_text_or_null(struct reading *reading, const char *key, const char *why,
                          const char **ret)
{
    const json_t *value = json_object_get(reading->json, key);
    if (value != NULL && !json_is_null(value))
        reading_text(reading, key, why, ret);
}

void reading_word(struct reading *reading, const char *key, const char *why,
                  const char *const *names, int *ret)
{
    const char *name = NULL;
    reading_text(reading, key, why, &name);
    if (reading->error != 0)
        return;
    int word = word_find(names, name);
    if (word >= 0)
        *ret = word;
    else
        reading_refuse(reading, why);
}

char *reading_path(struct reading *reading, const json_t *value, const char *why)
{
    char *path = wire_path_bytes(value);
    if (path == NULL)
        reading_refuse(reading, why);
    return path;
}

const char *reading_plain(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}
