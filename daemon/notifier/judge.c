#include "daemon/notifier/judge.h"

const char *const judge_names[] = {"", "red", "green", "fewer"};

enum judge_event judge_stats(struct judge *judge, const struct judge_stats *stats,
                             int64_t *ret_before)
{
    int64_t failed = stats->failures + stats->errors;
    bool settled = stats->to_be_run == 0;
    /* What failed when the daemon began may be stale. What is added later has just been run. */
    bool fresh = settled || (judge->begun && failed > judge->seen);
    enum judge_event event = JUDGE_NOTHING;
    *ret_before = judge->told;
    if (judge->told == 0 && failed > 0 && fresh)
        event = JUDGE_RED;
    else if (settled && failed < judge->told)
        event = failed == 0 ? JUDGE_GREEN : JUDGE_FEWER;
    if (settled || event != JUDGE_NOTHING)
        judge->told = failed;
    judge->begun = true;
    judge->seen = failed;
    return event;
}
