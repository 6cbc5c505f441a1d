/* Masking (RFC 6455 section 5.3), eight bytes at a time. */
#ifndef H2WS_WS_MASK_H
#define H2WS_WS_MASK_H

#include <stddef.h>
#include <stdint.h>

/*
 * out[i] = in[i] ^ key[(phase + i) % 4]. `out` may be `in`; otherwise they
 * do not overlap.
 */
void h2ws__mask(uint8_t *out, const uint8_t *in, size_t len,
                const uint8_t key[4], size_t phase);

#endif
