#include "ws/mask.h"

#include <string.h>

/* Loads and stores by memcpy: any alignment, and one instruction each. */
static void mask_word(uint8_t *out, const uint8_t *in, uint64_t key) {
  uint64_t word;
  memcpy(&word, in, sizeof(word));
  word ^= key;
  memcpy(out, &word, sizeof(word));
}

void h2ws__mask(uint8_t *out, const uint8_t *in, size_t len,
                const uint8_t key[4], size_t phase) {
  uint8_t turned[8]; /* the key as it meets in[0], twice */
  uint64_t word;
  size_t i;
  for (i = 0; i < sizeof(turned); i++) {
    turned[i] = key[(phase + i) % 4];
  }
  memcpy(&word, turned, sizeof(word));
  for (i = 0; i + 32 <= len; i += 32) {
    mask_word(out + i, in + i, word);
    mask_word(out + i + 8, in + i + 8, word);
    mask_word(out + i + 16, in + i + 16, word);
    mask_word(out + i + 24, in + i + 24, word);
  }
  for (; i + 8 <= len; i += 8) {
    mask_word(out + i, in + i, word);
  }
  for (; i < len; i++) {
    out[i] = in[i] ^ turned[i % 8];
  }
}
