#include "h1/key.h"

#include <assert.h>
#include <string.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";

/* ------------------------------------------------------------------------
 * SHA-1
 */

static uint32_t rotate(uint32_t value, unsigned bits) {
  return value << bits | value >> (32 - bits);
}

static uint32_t load(const uint8_t *in) {
  return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 |
         in[3];
}

/* The function and the constant of round `i` (RFC 3174 section 5). */
static uint32_t mix(unsigned i, uint32_t b, uint32_t c, uint32_t d) {
  switch (i / 20) {
  case 0:
    return ((b & c) | (~b & d)) + UINT32_C(0x5a827999);
  case 1:
    return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
  case 2:
    return ((b & c) | (b & d) | (c & d)) + UINT32_C(0x8f1bbcdc);
  default:
    return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
  }
}

static void sha1_block(uint32_t h[5], const uint8_t *block) {
  uint32_t w[80];
  uint32_t v[5];
  unsigned i;
  for (i = 0; i < 16; i++) {
    w[i] = load(block + (size_t)i * 4);
  }
  for (; i < 80; i++) {
    w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  }
  memcpy(v, h, sizeof(v));
  for (i = 0; i < 80; i++) {
    uint32_t next = rotate(v[0], 5) + mix(i, v[1], v[2], v[3]) + v[4] + w[i];
    v[4] = v[3];
    v[3] = v[2];
    v[2] = rotate(v[1], 30);
    v[1] = v[0];
    v[0] = next;
  }
  for (i = 0; i < 5; i++) {
    h[i] += v[i];
  }
}

void h2ws__h1_sha1(uint8_t out[20], const void *data, size_t len) {
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint8_t padded[128] = {0};
  size_t total = len + 9 <= 64 ? 64 : 128;
  size_t i;
  assert(len + 9 <= sizeof(padded));
  if (len > 0) {
    memcpy(padded, data, len);
  }
  padded[len] = 0x80;
  padded[total - 2] = (uint8_t)(len * 8 >> 8);
  padded[total - 1] = (uint8_t)(len * 8);
  for (i = 0; i < total; i += 64) {
    sha1_block(h, padded + i);
  }
  for (i = 0; i < 20; i++) {
    out[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
  }
}

/* ------------------------------------------------------------------------
 * Base64 (RFC 4648 section 4)
 */

static void base64(char *out, const uint8_t *in, size_t len) {
  size_t i;
  for (i = 0; i < len; i += 3) {
    size_t n = len - i < 3 ? len - i : 3;
    uint32_t bits = (uint32_t)in[i] << 16;
    bits |= n > 1 ? (uint32_t)in[i + 1] << 8 : 0;
    bits |= n > 2 ? in[i + 2] : 0;
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    *out++ = n > 1 ? alphabet[bits >> 6 & 63] : '=';
    *out++ = n > 2 ? alphabet[bits & 63] : '=';
  }
  *out = '\0';
}

/* ------------------------------------------------------------------------
 * The handshake
 */

void h2ws__h1_key(char out[H2WS__H1_KEY_LEN + 1], const uint8_t random[16]) {
  base64(out, random, 16);
}

bool h2ws__h1_key_is_valid(const char *key) {
  return strlen(key) == H2WS__H1_KEY_LEN &&
         strspn(key, alphabet) == H2WS__H1_KEY_LEN - 2 &&
         strcmp(key + H2WS__H1_KEY_LEN - 2, "==") == 0;
}

void h2ws__h1_accept(char out[H2WS__H1_ACCEPT_LEN + 1], const char *key) {
  char text[H2WS__H1_KEY_LEN + sizeof(guid) - 1];
  uint8_t digest[20];
  memcpy(text, key, H2WS__H1_KEY_LEN);
  memcpy(text + H2WS__H1_KEY_LEN, guid, sizeof(guid) - 1);
  h2ws__h1_sha1(digest, text, sizeof(text));
  base64(out, digest, sizeof(digest));
}
