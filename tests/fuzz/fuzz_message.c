/* Messages: what a client sends is a request or gets a fault that can be sent; what a daemon sends is
 * a message or none. What was understood is understood again when it is sent on. */

#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static void as_request(const char *line, size_t length)
{
    struct request request;
    struct fault fault;
    json_t *id = NULL;
    char *answer = NULL;
    int error = request_decode(line, length, &request, &fault, &id);
    if (error == 0) {
        char *again = request_encode(method_names[request.method], 7, request.params);
        REQUIRE(again != NULL && strchr(again, '\n') == NULL);
        struct request second;
        REQUIRE(request_decode(again, strlen(again), &second, &fault, &id) == 0);
        REQUIRE(second.method == request.method &&
                json_equal(second.params, request.params));
        request_finish(&second);
        free(again);
        answer = reply_encode(request.id, request.params);
        request_finish(&request);
    } else {
        REQUIRE(error == -EINVAL);
        REQUIRE(memchr(fault.message, '\0', sizeof fault.message) != NULL);
        answer = fault_encode(id, &fault);
        json_decref(id);
    }
    REQUIRE(answer != NULL && strchr(answer, '\n') == NULL);
    struct incoming incoming;
    REQUIRE(incoming_decode(answer, strlen(answer), &incoming) == 0);
    REQUIRE(incoming.is_reply && incoming.is_fault == (error != 0));
    incoming_finish(&incoming);
    free(answer);
}

static void as_incoming(const char *line, size_t length)
{
    struct incoming incoming;
    if (incoming_decode(line, length, &incoming) < 0)
        return;
    if (incoming.is_fault)
        REQUIRE(strlen(incoming.fault.message) < sizeof incoming.fault.message);
    else if (incoming.is_reply)
        REQUIRE(incoming.result != NULL);
    else
        REQUIRE(incoming.method != NULL && json_is_object(incoming.params));
    incoming_finish(&incoming);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_request((const char *)data, size);
    as_incoming((const char *)data, size);
    return 0;
}
