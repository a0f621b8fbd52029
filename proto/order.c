#include "proto/order.h"

static char *dump_and_free(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

static json_t *path_array(const char *const *paths, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(array, wire_path(paths[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

char *order_encode_classify(int64_t id, const char *const *paths, size_t count)
{
    return dump_and_free(json_pack("{s:s, s:I, s:o}", "order", "classify", "id",
                                   (json_int_t)id, "paths", path_array(paths, count)));
}

char *order_encode_run(int64_t run, const char *const *files, const char *const *first)
{
    json_t *order = json_pack("{s:s, s:I, s:o}", "order", "run", "run", (json_int_t)run,
                              "file", wire_path(files[0]));
    json_t *company = files[1] != NULL ? json_array() : NULL;
    for (files++; company != NULL && *files != NULL; files++)
        json_array_append_new(company, wire_path(*files));
    if (company != NULL)
        json_object_set_new(order, "company", company);
    json_t *tests = first != NULL && first[0] != NULL ? json_array() : NULL;
    for (; tests != NULL && *first != NULL; first++)
        json_array_append_new(tests, wire_text(*first));
    if (tests != NULL)
        json_object_set_new(order, "first", tests);
    return dump_and_free(order);
}

char *order_encode_blocks(int64_t id, const char *const *paths, size_t count)
{
    return dump_and_free(json_pack("{s:s, s:I, s:o}", "order", "blocks", "id",
                                   (json_int_t)id, "paths", path_array(paths, count)));
}
