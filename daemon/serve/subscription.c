#include "daemon/serve/subscription.h"

#include "proto/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const unsigned all = (1U << TOPIC_COUNT) - 1;

static void refuse_topic(const char *name, struct fault *ret_fault)
{
    char known[160] = "";
    for (size_t i = 0, used = 0; i < TOPIC_COUNT && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 i != 0 ? ", " : "", topic_names[i]);
    fault_set(ret_fault, FAULT_BAD_PARAMS, "no topic \"%.*s\"; there are: %s",
              (int)wire_text_fit(name, 40), name, known);
}

static int decode_topics(const json_t *topics, unsigned *ret, struct fault *ret_fault)
{
    unsigned bits = 0;
    size_t i;
    json_t *item;
    if (!json_is_array(topics)) {
        fault_set(ret_fault, FAULT_BAD_PARAMS, "topics must be a list of names");
        return -EINVAL;
    }
    json_array_foreach(topics, i, item)
    {
        const char *name = json_string_value(item);
        if (name == NULL) {
            fault_set(ret_fault, FAULT_BAD_PARAMS, "topics must be a list of names");
            return -EINVAL;
        }
        int topic = word_find(topic_names, name);
        if (topic < 0) {
            refuse_topic(name, ret_fault);
            return -EINVAL;
        }
        bits |= 1U << topic;
    }
    *ret = bits;
    return 0;
}

static int decode_since(const json_t *since, struct subscription *ret,
                        struct fault *ret_fault)
{
    const json_t *epoch = json_object_get(since, "epoch");
    const json_t *seq = json_object_get(since, "seq");
    if (!json_is_integer(epoch) || !json_is_integer(seq)) {
        fault_set(ret_fault, FAULT_BAD_PARAMS,
                  "since must be {\"epoch\": number, \"seq\": number}, as told by hello");
        return -EINVAL;
    }
    ret->has_since = true;
    ret->epoch = json_integer_value(epoch);
    ret->seq = json_integer_value(seq);
    return 0;
}

int subscription_decode(const json_t *params, struct subscription *ret,
                        struct fault *ret_fault)
{
    struct subscription subscription = {.topics = all};
    const json_t *topics = json_object_get(params, "topics");
    const json_t *since = json_object_get(params, "since");
    int error = 0;
    if (topics != NULL && !json_is_null(topics))
        error = decode_topics(topics, &subscription.topics, ret_fault);
    if (error == 0 && since != NULL && !json_is_null(since))
        error = decode_since(since, &subscription, ret_fault);
    if (error == 0)
        *ret = subscription;
    return error;
}

json_t *subscription_names(unsigned topics)
{
    json_t *names = json_array();
    for (enum topic topic = 0; topic < TOPIC_COUNT; topic++)
        if (subscription_has(topics, topic))
            json_array_append_new(names, json_string(topic_names[topic]));
    return names;
}
