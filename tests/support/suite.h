/* Each *_test.c defines one suite; tests/support/main.c runs it. */
#ifndef H2WS_TESTS_SUITE_H
#define H2WS_TESTS_SUITE_H

#include <check.h>

Suite *h2ws_test_suite(void);

#endif
