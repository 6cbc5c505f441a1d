/* Sec-WebSocket-Key and -Accept (RFC 6455 section 4.2.2). */
#ifndef H2WS_H1_KEY_H
#define H2WS_H1_KEY_H

#include <h2ws/core.h>

#define H2WS__H1_KEY_LEN 24    /* base64 of 16 bytes */
#define H2WS__H1_ACCEPT_LEN 28 /* base64 of 20 bytes */

/* The key for 16 random bytes, NUL-terminated. */
void h2ws__h1_key(char out[H2WS__H1_KEY_LEN + 1], const uint8_t random[16]);

/* True if `key` is base64 of 16 bytes. */
bool h2ws__h1_key_is_valid(const char *key);

/* What answers a valid key, NUL-terminated. */
void h2ws__h1_accept(char out[H2WS__H1_ACCEPT_LEN + 1], const char *key);

/*
 * SHA-1 (RFC 3174), for the accept value only: docs/adr/ says why it is here.
 * At most 119 bytes.
 */
void h2ws__h1_sha1(uint8_t out[20], const void *data, size_t len);

#endif
