/* Settings: any file of settings gives settings, or one line that says what is wrong with which. */

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"
#include "daemon/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"pyproject.toml", "setup.cfg", "tox.ini"};
enum { NAMES = sizeof names / sizeof *names };

static char *folder;

static void tidy(void)
{
    rmdir(folder);
    free(folder);
}

static void save(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* The first byte says which file the others are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return -1;
    if (folder == NULL) {
        folder = fuzz_folder();
        atexit(tidy);
    }
    const char *name = names[data[0] % NAMES];
    autofree char *path = path_join(folder, name);
    save(path, data + 1, size - 1);
    struct config config = {0};
    char *message = NULL;
    if (config_load(folder, &config, &message) == 0) {
        REQUIRE(message == NULL && config.framework != NULL && config.timeout_ms >= 0);
        REQUIRE(config_equal(&config, &config) && config_same_triggers(&config, &config));
        config_finish(&config);
    } else {
        REQUIRE(strncmp(message, name, strlen(name)) == 0 &&
                strchr(message, '\n') == NULL);
        free(message);
    }
    unlink(path);
    return 0;
}
