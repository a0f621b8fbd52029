#include "daemon/base/xalloc.h"
#include "daemon/worker/host.h"

#include <errno.h>
#include <string.h>

/* Which paths are test files, what is in sources? A question stays until it is answered, whoever was asked. */

void pool_forget_asked(struct pool *pool, const struct host *host)
{
    for (size_t i = 0; i < pool->question_count; i++)
        if (pool->questions[i].host == host)
            pool->questions[i].host = NULL;
}

bool pool_is_asked(const struct pool *pool, const struct host *host)
{
    for (size_t i = 0; i < pool->question_count; i++)
        if (pool->questions[i].host == host)
            return true;
    return false;
}

static struct host *find_answerer(const struct pool *pool, const struct team *team)
{
    struct host *host = pool_find_free(pool, team, true);
    for (size_t i = 0; i < pool->count && host == NULL; i++)
        if (pool->hosts[i]->team == team && host_usable(pool->hosts[i]) &&
            pool->hosts[i]->state == HOST_READY)
            host = pool->hosts[i];
    return host;
}

void pool_ask(struct pool *pool)
{
    for (size_t i = 0; i < pool->question_count; i++) {
        struct host *host = find_answerer(pool, pool->questions[i].team);
        if (host != NULL && pool->questions[i].host == NULL)
            host_ask(host, &pool->questions[i]);
    }
}

bool pool_answered(struct pool *pool, const struct host *host,
                   const struct report *report)
{
    for (size_t i = 0; i < pool->question_count; i++) {
        struct question *question = &pool->questions[i];
        if (question->answer != report->type || question->id != report->id ||
            question->host != host)
            continue;
        free(question->order);
        memmove(question, question + 1, (--pool->question_count - i) * sizeof *question);
        return true;
    }
    return false;
}

static int ask(struct pool *pool, const char *package, enum report_type answer,
               int64_t id, const char *const *paths, size_t count)
{
    struct team *team = pool_team(pool, package);
    struct host *host = find_answerer(pool, team);
    if (host == NULL) {
        team->keep = team->argv != NULL;
        pool_fill(pool);
        return -EAGAIN;
    }
    char *order = answer == REPORT_BLOCKS ? order_encode_blocks(id, paths, count)
                                          : order_encode_classify(id, paths, count);
    if (order == NULL)
        abort(); /* as xalloc does */
    pool->questions = xgrow(pool->questions, pool->question_count,
                            &pool->question_capacity, sizeof *pool->questions);
    struct question *question = &pool->questions[pool->question_count++];
    *question =
        (struct question){.id = id, .answer = answer, .order = order, .team = team};
    host_ask(host, question);
    return 0;
}

int pool_classify(struct pool *pool, const char *package, int64_t id,
                  const char *const *paths, size_t count)
{
    return ask(pool, package, REPORT_CLASSIFIED, id, paths, count);
}

int pool_ask_blocks(struct pool *pool, const char *package, int64_t id,
                    const char *const *paths, size_t count)
{
    return ask(pool, package, REPORT_BLOCKS, id, paths, count);
}

void pool_forget_questions(struct pool *pool, const struct team *team)
{
    size_t kept = 0;
    for (size_t i = 0; i < pool->question_count; i++) {
        if (team == NULL || pool->questions[i].team == team)
            free(pool->questions[i].order);
        else
            pool->questions[kept++] = pool->questions[i];
    }
    pool->question_count = kept;
}
