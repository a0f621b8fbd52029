#ifndef SUPPORT_SUITE_H
#define SUPPORT_SUITE_H

#include <check.h>

/* Runs and frees SUITE; what main returns. */
int suite_run(Suite *suite);

#endif
