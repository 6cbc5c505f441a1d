#include "ws/mask.h"

#include <string.h>

/* 16 bytes in one register, where the machine has such. */
typedef uint64_t words __attribute__((vector_size(16)));

/* Loads and stores by memcpy: any alignment, and one instruction each. */
static void mask_words(uint8_t *out, const uint8_t *in, words key) {
  words w;
  memcpy(&w, in, sizeof(w));
  w ^= key;
  memcpy(out, &w, sizeof(w));
}

static void mask_word(uint8_t *out, const uint8_t *in, uint64_t key) {
  uint64_t word;
  memcpy(&word, in, sizeof(word));
  word ^= key;
  memcpy(out, &word, sizeof(word));
}

/* The key as it meets the first byte, twice. */
static uint64_t turn_key(const uint8_t key[4], size_t phase) {
  uint8_t twice[8];
  uint32_t turned;
  memcpy(twice, key, 4);
  memcpy(twice + 4, key, 4);
  memcpy(&turned, twice + phase % 4, sizeof(turned));
  return (uint64_t)turned << 32 | turned;
}

void h2ws__mask(uint8_t *out, const uint8_t *in, size_t len,
                const uint8_t key[4], size_t phase) {
  uint64_t word = turn_key(key, phase);
  words pair = {word, word};
  uint8_t bytes[sizeof(word)];
  size_t i;
  size_t k;
  for (i = 0; i + 64 <= len; i += 64) {
    mask_words(out + i, in + i, pair);
    mask_words(out + i + 16, in + i + 16, pair);
    mask_words(out + i + 32, in + i + 32, pair);
    mask_words(out + i + 48, in + i + 48, pair);
  }
  for (; i + 16 <= len; i += 16) {
    mask_words(out + i, in + i, pair);
  }
  if (i + 8 <= len) {
    mask_word(out + i, in + i, word);
    i += 8;
  }
  memcpy(bytes, &word, sizeof(bytes));
  for (k = 0; i + k < len; k++) {
    out[i + k] = in[i + k] ^ bytes[k];
  }
}
