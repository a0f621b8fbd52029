/* What runs need not do, because it was done before them; and where each does it by itself. */

#include "daemon/base/xalloc.h"
#include "daemon/engine/room.h"

enum { SHOWN = 5 };

struct cold {
    struct strset folders;
    char *names;
};

static void note(void *owner, const char *folder, const char *why)
{
    struct cold *cold = owner;
    if (!strset_add(&cold->folders, folder) || strset_count(&cold->folders) > SHOWN)
        return;
    autofree char *before = cold->names;
    cold->names = xasprintf("%s%s%s (%s)", before, before[0] != '\0' ? ", " : "",
                            folder[0] != '\0' ? folder : ".", why);
}

static char *counted(int64_t count, const char *what)
{
    return xasprintf("%lld %s%s", (long long)count, what, count == 1 ? "" : "s");
}

char *warm_words(const struct engine *engine)
{
    struct warmth warm = engine->ports.warmth(engine->ports.owner);
    struct cold cold = {.names = xstrdup("")};
    int64_t more = engine->ports.cold(engine->ports.owner, note, &cold);
    size_t told = strset_count(&cold.folders);
    if (told > SHOWN)
        more += (int64_t)(told - SHOWN);
    strset_finish(&cold.folders);
    autofree char *hosts = counted(warm.hosts, "worker");
    autofree char *spares = counted(warm.spares, "spare");
    autofree char *layers = counted(warm.layers, "layer");
    autofree char *rest =
        more > 0 ? xasprintf(" and %lld more", (long long)more) : xstrdup("");
    autofree char *names = cold.names;
    if (told == 0 && more == 0)
        return xasprintf("%s, %s, %s", hosts, spares, layers);
    return xasprintf(
        "%s, %s, %s; without a layer, so that each run loads settings, plugins and "
        "conftest files by itself: %s%s; what a fixture does instead of these does no "
        "harm",
        hosts, spares, layers, names, rest);
}
