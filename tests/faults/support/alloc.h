/*
 * The allocator of the library's own objects, which call it by other names in
 * this one program (alloc.syms): OpenSSL, libevent and the test keep theirs.
 * What makes an object of libevent, OpenSSL or the C library counts as one
 * allocation. Any thread.
 */
#ifndef H2WS_TESTS_FAULTS_ALLOC_H
#define H2WS_TESTS_FAULTS_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* The `at`th from now on fails, and all after it if told so. 0: none. */
void alloc_arm(size_t at, bool and_after);

/* No more failures; how many were asked for since alloc_arm(). */
size_t alloc_disarm(void);

/* Whether one has failed since alloc_arm(). */
bool alloc_failed(void);

/* Blocks and events that were made and not freed. */
size_t alloc_live(void);

/* Prints who made those, and the way to what failed first; see addr2line. */
void alloc_explain(void);

#endif
