#include "ws/utf8.h"

#include <string.h>

#include "ws/utf8_vector.h"

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

static uint64_t step(uint64_t state, const uint8_t *data, size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    state = automaton[data[i]] >> (state & STATE_BITS);
  }
  return state & STATE_BITS;
}

/* Bytes taken by the automaton before ASCII is looked for again. */
#define STRETCH 64

static uint64_t walk(uint64_t state, const uint8_t *data, size_t len) {
  size_t i = 0;
  while (i < len && state != NEVER) {
    size_t n;
    if (state == WHOLE) {
      i += ascii_run(data + i, len - i);
    }
    n = len - i < STRETCH ? len - i : STRETCH;
    state = step(state, data + i, n);
    i += n;
  }
  return state;
}

/* What follows depends on no more bytes than these. */
#define LOOK_BACK 3

/* The state after a text without faults, of `len` >= LOOK_BACK bytes. */
static uint64_t state_after(const uint8_t *data, size_t len) {
  size_t last = len - 1; /* the begin of the last character, if it is near */
  while (last > len - LOOK_BACK && (data[last] & 0xc0) == 0x80) {
    last--;
  }
  return data[last] < 0xc0 ? WHOLE : step(WHOLE, data + last, len - last);
}

/*
 * The first bytes go through the automaton, because it knows what came before
 * them; for the others, a look back at three bytes tells all.
 */
static uint64_t walk_blocks(uint64_t state, const uint8_t *data, size_t from,
                            size_t len, size_t width) {
  if (from < LOOK_BACK) {
    state = step(state, data + from, LOOK_BACK - from);
    from = LOOK_BACK;
  }
  if (state == NEVER || h2ws__utf8_has_fault(data, from, len, width)) {
    return NEVER;
  }
  return state_after(data, len);
}

bool h2ws__utf8_feed_by(struct h2ws__utf8 *utf8, const uint8_t *data,
                        size_t len, size_t width) {
  uint64_t state = utf8->state;
  size_t from = state == WHOLE ? ascii_run(data, len) : 0;
  if (from == len) {
    return true;
  }
  width = len < 32 + LOOK_BACK && width > 16 ? 16 : width;
  state = width == 0 || len < width + LOOK_BACK
            ? walk(state, data + from, len - from)
            : walk_blocks(state, data, from, len, width);
  if (state == NEVER) {
    return false;
  }
  utf8->state = (uint8_t)state;
  return true;
}

bool h2ws__utf8_feed(struct h2ws__utf8 *utf8, const uint8_t *data, size_t len) {
  return h2ws__utf8_feed_by(utf8, data, len, h2ws__utf8_width());
}

bool h2ws__utf8_is_complete(const struct h2ws__utf8 *utf8) {
  return utf8->state == WHOLE;
}

bool h2ws__utf8_is_valid(const uint8_t *data, size_t len) {
  struct h2ws__utf8 utf8 = {0};
  return h2ws__utf8_feed(&utf8, data, len) && h2ws__utf8_is_complete(&utf8);
}
