#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

/* What the targets share. libFuzzer calls LLVMFuzzerTestOneInput with bytes that it makes up; a target
 * ends by REQUIRE, an assert or a sanitizer where the code does not keep its word about them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(truth)                                                                   \
    do {                                                                                 \
        if (!(truth)) {                                                                  \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);          \
            abort();                                                                     \
        }                                                                                \
    } while (0)

/* A folder of this process's own, empty, on a file system in memory where there is one; the
 * caller's to remove. */
static inline char *fuzz_folder(void)
{
    static const char *const places[] = {"/dev/shm/sniffer-fuzz-XXXXXX",
                                         "/tmp/sniffer-fuzz-XXXXXX"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *folder = NULL;
        REQUIRE(asprintf(&folder, "%s", places[i]) > 0);
        if (mkdtemp(folder) != NULL)
            return folder;
        free(folder);
    }
    REQUIRE(false);
    return NULL;
}

#endif
