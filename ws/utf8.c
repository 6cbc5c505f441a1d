#include "ws/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* 16 bytes in one register, where the machine has such. */
typedef uint64_t words __attribute__((vector_size(16)));

static words load(const uint8_t *data) {
  words w;
  memcpy(&w, data, sizeof(w));
  return w;
}

/* True if `len` bytes, a multiple of 64, are ASCII. */
static bool all_ascii(const uint8_t *data, size_t len) {
  words a = {0, 0};
  words b = {0, 0};
  words c = {0, 0};
  words d = {0, 0};
  size_t i;
  for (i = 0; i < len; i += 64) {
    a |= load(data + i);
    b |= load(data + i + 16);
    c |= load(data + i + 32);
    d |= load(data + i + 48);
  }
  a |= b | c | d;
  return ((a[0] | a[1]) & HIGH_BITS) == 0;
}

/* How many bytes from `data` on are ASCII, in steps of 512, 64 and 8. */
static size_t ascii_run(const uint8_t *data, size_t len) {
  size_t i = 0;
  uint64_t w;
  while (i + 512 <= len && all_ascii(data + i, 512)) {
    i += 512;
  }
  while (i + 64 <= len && all_ascii(data + i, 64)) {
    i += 64;
  }
  while (i + 8 <= len) {
    memcpy(&w, data + i, sizeof(w));
    if ((w & HIGH_BITS) != 0) {
      break;
    }
    i += 8;
  }
  return i;
}

/*
 * What is not ASCII goes through an automaton without branches. For each
 * byte there is one word, which holds for each state, at the bit that is the
 * state's number, the number of the next state. A state is what may follow.
 */
enum {
  WHOLE = 0, /* a new character */
  ANY1 = 6,  /* one more byte, 80 to BF */
  ANY2 = 12, /* two more */
  ANY3 = 18,
  AFTER_E0 = 24, /* A0 to BF, one more: shorter forms exist */
  AFTER_ED = 30, /* 80 to 9F, one more: surrogates */
  AFTER_F0 = 36, /* 90 to BF, two more: shorter forms exist */
  AFTER_F4 = 42, /* 80 to 8F, two more: beyond U+10FFFF */
  NEVER = 48,    /* not UTF-8, whatever follows */
};
#define STATE_BITS 63

#define FROM(state, next) ((uint64_t)(next) << (state))

/* A byte that begins a character, or is one. */
#define BEGIN(next)                                                            \
  (FROM(WHOLE, next) | FROM(ANY1, NEVER) | FROM(ANY2, NEVER) |                 \
   FROM(ANY3, NEVER) | FROM(AFTER_E0, NEVER) | FROM(AFTER_ED, NEVER) |         \
   FROM(AFTER_F0, NEVER) | FROM(AFTER_F4, NEVER) | FROM(NEVER, NEVER))

/* A byte that goes on with one; what it may follow depends on its range. */
#define GO_ON(e0, ed, f0, f4)                                                  \
  (FROM(WHOLE, NEVER) | FROM(ANY1, WHOLE) | FROM(ANY2, ANY1) |                 \
   FROM(ANY3, ANY2) | FROM(AFTER_E0, e0) | FROM(AFTER_ED, ed) |                \
   FROM(AFTER_F0, f0) | FROM(AFTER_F4, f4) | FROM(NEVER, NEVER))

#define X2(v) v, v
#define X3(v) v, X2(v)
#define X4(v) X2(v), X2(v)
#define X8(v) X4(v), X4(v)
#define X12(v) X8(v), X4(v)
#define X16(v) X8(v), X8(v)
#define X30(v) X16(v), X12(v), X2(v)
#define X32(v) X16(v), X16(v)
#define X128(v) X32(v), X32(v), X32(v), X32(v)

static const uint64_t automaton[256] = {
  X128(BEGIN(WHOLE)),                   /* 00 */
  X16(GO_ON(NEVER, ANY1, NEVER, ANY2)), /* 80 */
  X16(GO_ON(NEVER, ANY1, ANY2, NEVER)), /* 90 */
  X32(GO_ON(ANY1, NEVER, ANY2, NEVER)), /* A0 */
  X2(BEGIN(NEVER)),                     /* C0 */
  X30(BEGIN(ANY1)),                     /* C2 */
  BEGIN(AFTER_E0),
  X12(BEGIN(ANY2)), /* E0 */
  BEGIN(AFTER_ED),
  X2(BEGIN(ANY2)), /* ED */
  BEGIN(AFTER_F0),
  X3(BEGIN(ANY3)), /* F0 */
  BEGIN(AFTER_F4),
  X8(BEGIN(NEVER)), /* F4 */
  X3(BEGIN(NEVER)), /* FD */
};

/* Bytes taken by the automaton before ASCII is looked for again. */
#define STRETCH 64

bool h2ws__utf8_feed(struct h2ws__utf8 *utf8, const uint8_t *data, size_t len) {
  uint64_t state = utf8->state;
  size_t i = 0;
  while (i < len) {
    size_t end;
    if (state == WHOLE) {
      i += ascii_run(data + i, len - i);
    }
    end = len - i < STRETCH ? len : i + STRETCH;
    for (; i < end; i++) {
      state = automaton[data[i]] >> (state & STATE_BITS);
    }
    state &= STATE_BITS;
    if (state == NEVER) {
      return false;
    }
  }
  utf8->state = (uint8_t)state;
  return true;
}

bool h2ws__utf8_is_complete(const struct h2ws__utf8 *utf8) {
  return utf8->state == WHOLE;
}

bool h2ws__utf8_is_valid(const uint8_t *data, size_t len) {
  struct h2ws__utf8 utf8 = {0};
  return h2ws__utf8_feed(&utf8, data, len) && h2ws__utf8_is_complete(&utf8);
}
