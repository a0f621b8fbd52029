#include "daemon/options.h"

#include "daemon/base/log.h"
#include "daemon/base/xalloc.h"
#include "daemon/exit.h"
#include "proto/shard.h"
#include "proto/version.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: snifferd [-C DIR] [--foreground] [--jobs N] [--python P]\n"
    "                [--backend auto|inotify|fanotify] [--log-level L] [--pipe]\n"
    "\n"
    "Watches the Python project in DIR, runs again the test files whose evidence no "
    "longer holds,\n"
    "and answers on a Unix socket; see snifferctl. Detaches unless --foreground.\n"
    "\n"
    "  -C DIR           the project; default: the nearest parent that looks like one\n"
    "  --foreground     stay, and log to stderr\n"
    "  --jobs N         test files at a time; default: one a processor\n"
    "  --python P       the interpreter that runs the tests\n"
    "  --backend B      how to watch; auto takes the best there is\n"
    "  --log-level L    error, warning, info or debug\n"
    "  --pipe           read from the FIFO .sniffer/changed which paths changed, one a "
    "line\n"
    "  --describe FILE  only print how a worker would run FILE, as snifferctl debug has "
    "it\n"
    "  --shard K/N      run part K of N alone, dealt out by the times that the index "
    "has\n"
    "  --export FILE    write what is known to FILE, and leave; no daemon may run\n"
    "  --import FILE    add what FILE knows, and leave; no daemon may run\n"
    "  --help, --version\n";

__attribute__((format(printf, 1, 2))) static int refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    autofree char *message = xvasprintf(format, args);
    va_end(args);
    fprintf(stderr, "snifferd: %s; see snifferd --help\n", message);
    return -EXIT_USAGE;
}

static int parse_jobs(const char *text, int *ret)
{
    char *end = NULL;
    long jobs = strtol(text, &end, 10);
    if (end == text || *end != '\0' || jobs < 1 || jobs > 256)
        return refuse("--jobs must be a whole number from 1 to 256, not \"%s\"", text);
    *ret = (int)jobs;
    return 0;
}

static int parse_backend(const char *text, const char **ret)
{
    static const char *const known[] = {"auto", "inotify", "fanotify"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i]) == 0) {
            *ret = known[i];
            return 0;
        }
    return refuse("--backend must be auto, inotify or fanotify, not \"%s\"", text);
}

static int parse_shard(const char *text, struct options *ret)
{
    if (shard_parse(text, &ret->shard, &ret->shards))
        return 0;
    return refuse("--shard must be K/N, K from 1 to N and N at most %d, not \"%s\"",
                  SHARDS_MOST, text);
}

int options_parse(int argc, char **argv, struct options *ret)
{
    enum {
        FOREGROUND = 256,
        JOBS,
        PYTHON,
        BACKEND,
        LEVEL,
        PIPE,
        FAIL_FAST,
        DESCRIBE,
        SHARD,
        EXPORT,
        IMPORT,
        HELP,
        VERSION
    };
    static const struct option longs[] = {
        {"foreground", no_argument, NULL, FOREGROUND},
        {"jobs", required_argument, NULL, JOBS},
        {"python", required_argument, NULL, PYTHON},
        {"backend", required_argument, NULL, BACKEND},
        {"log-level", required_argument, NULL, LEVEL},
        {"pipe", no_argument, NULL, PIPE},
        {"fail-fast", no_argument, NULL, FAIL_FAST},
        {"describe", required_argument, NULL, DESCRIBE},
        {"shard", required_argument, NULL, SHARD},
        {"export", required_argument, NULL, EXPORT},
        {"import", required_argument, NULL, IMPORT},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    int level = 0;
    int error = 0;
    while (error == 0 && (option = getopt_long(argc, argv, "C:", longs, NULL)) != -1) {
        switch (option) {
        case 'C':
            ret->directory = optarg;
            break;
        case FOREGROUND:
            ret->foreground = true;
            break;
        case JOBS:
            error = parse_jobs(optarg, &ret->jobs);
            break;
        case PYTHON:
            ret->python = optarg;
            break;
        case BACKEND:
            error = parse_backend(optarg, &ret->backend);
            break;
        case LEVEL:
            level = log_level_parse(optarg);
            if (level < 0)
                error = refuse(
                    "--log-level must be error, warning, info or debug, not \"%s\"",
                    optarg);
            else
                log_set_level((enum log_level)level);
            break;
        case PIPE:
            ret->pipe = true;
            break;
        case FAIL_FAST:
            ret->fail_fast = true;
            break;
        case DESCRIBE:
            ret->describe = optarg;
            break;
        case SHARD:
            error = parse_shard(optarg, ret);
            break;
        case EXPORT:
            ret->export = optarg;
            break;
        case IMPORT:
            ret->import = optarg;
            break;
        case HELP:
            fputs(usage, stdout);
            return 1;
        case VERSION:
            puts("snifferd " SNIFFER_VERSION);
            return 1;
        default:
            return -EXIT_USAGE; /* getopt has said what */
        }
    }
    if (error == 0 && optind < argc)
        error = refuse("\"%s\" is one argument too many", argv[optind]);
    return error;
}
