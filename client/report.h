#ifndef CLIENT_REPORT_H
#define CLIENT_REPORT_H

/* What can be read out of a result record: where it failed, with what words, and the same as
 * JUnit XML. Nothing here talks to anybody. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

bool report_is_red(const json_t *record); /* failure or error */

/* "AssertionError: 1 != 2": the report's last line that begins with the exception's class, else
 * that class and what pytest says of it, else the class alone. Owned by the caller. */
char *report_message(const json_t *record);

/* The innermost frame of the report's tracebacks, in Python's style or one of pytest's, that lies in ROOT and is
 * no installed package's: its path relative to ROOT (the caller's) and its line. False: there is none. */
bool report_frame(const json_t *record, const char *root, char **ret_path,
                  long *ret_line);

/* All RECORDS as one JUnit document. */
void junit_write(FILE *out, const json_t *records);

#endif
