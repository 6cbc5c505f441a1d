/* The other side's zlib. */
#ifndef H2WS_TESTS_ZPEER_H
#define H2WS_TESTS_ZPEER_H

#include "tests/support/pipe.h"

/* One compressed message of `len` zeros, as the best compressor has it. */
void zpeer_zeros(struct test_bytes *out, size_t len);

/*
 * Fails unless the payload of a message inflates to `want`, with no more
 * history than a window of `bits`.
 */
void zpeer_expect(const struct test_bytes *payload, int bits,
                  const uint8_t *want, size_t len);

#endif
