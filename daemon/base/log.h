#ifndef BASE_LOG_H
#define BASE_LOG_H

/* The daemon's log: one line an event, to stderr or to ROOT/.sniffer/snifferd.log. Lower rooms return
 * errors and say nothing; engine, loop and main log, so that nothing is said twice. */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warning", "info", "debug" -> level, or -EINVAL. */
int log_level_parse(const char *name);
void log_set_level(enum log_level level);

/* From now on to FD (not owned) with a time stamp; until then to stderr without one. */
void log_set_fd(int fd);

void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
