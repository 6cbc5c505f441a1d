/*
 * J. Keiser, D. Lemire, "Validating UTF-8 in less than one instruction per
 * byte" (2021). What is wrong with two bytes in a row shows in three of their
 * four halves: each half is looked up in a table of 16, which a register
 * holds, and a fault that all three tables name is there.
 */
#include "ws/utf8_vector.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__x86_64__) || defined(__aarch64__)

/*
 * One bit for each fault; beside it the two bytes, a dot for any bit. Two of
 * the nine share one: they ask for the same of the second byte.
 */
enum {
  TOO_SHORT = 1 << 0,   /* 11...... 0....... and 11...... 11...... */
  TOO_LONG = 1 << 1,    /* 0....... 10...... */
  SHORTER_2 = 1 << 2,   /* 1100000. 10......: a character of one byte */
  SHORTER_3 = 1 << 3,   /* 11100000 100.....: of two */
  SHORTER_4 = 1 << 4,   /* 11110000 1000....: of three */
  BEYOND_8 = SHORTER_4, /* 11110101 and above, 1000.... */
  SURROGATE = 1 << 5,   /* 11101101 101..... */
  BEYOND = 1 << 6,      /* 11110100 and above, 1001.... and above */
  CONTINUED = 1 << 7,   /* 10...... 10......: right in third and fourth place */
};

/* What the second half of the first byte does not decide. */
#define ANY_LOW (TOO_SHORT | TOO_LONG | CONTINUED)
/* What a second byte 10...... is always part of. */
#define ANY_10 (TOO_LONG | SHORTER_2 | CONTINUED)

#define X2(v) v, v
#define X3(v) v, X2(v)
#define X4(v) X2(v), X2(v)
#define X8(v) X4(v), X4(v)

/* By the first half of the first byte. */
static const uint8_t first_high[16] = {
  X8(TOO_LONG),  /* 0 */
  X4(CONTINUED), /* 8 */
  TOO_SHORT | SHORTER_2,
  TOO_SHORT, /* D */
  TOO_SHORT | SHORTER_3 | SURROGATE,
  TOO_SHORT | SHORTER_4 | BEYOND | BEYOND_8, /* F */
};

/* By its second half. */
static const uint8_t first_low[16] = {
  ANY_LOW | SHORTER_2 | SHORTER_3 | SHORTER_4,
  ANY_LOW | SHORTER_2, /* 1 */
  X2(ANY_LOW),
  ANY_LOW | BEYOND, /* 4 */
  X8(ANY_LOW | BEYOND | BEYOND_8),
  ANY_LOW | BEYOND | BEYOND_8 | SURROGATE, /* D */
  X2(ANY_LOW | BEYOND | BEYOND_8),
};

/* By the first half of the second byte. */
static const uint8_t second_high[16] = {
  X8(TOO_SHORT), /* 0 */
  ANY_10 | SHORTER_3 | SHORTER_4 | BEYOND_8,
  ANY_10 | SHORTER_3 | BEYOND, /* 9 */
  X2(ANY_10 | SURROGATE | BEYOND),
  X4(TOO_SHORT), /* C */
};

#endif

#if defined(__x86_64__)

#define WIDTH 16
#define WITH_WIDTH(name) name##_16
#define TARGET __attribute__((target("ssse3")))
#define LOOKUP(table, i)                                                       \
  ((block)_mm_shuffle_epi8((__m128i)(table), (__m128i)(i)))
#define SUBTRACT(b, n) ((block)_mm_subs_epu8((__m128i)(b), _mm_set1_epi8(n)))
#define HAS_HIGH(b) (_mm_movemask_epi8((__m128i)(b)) != 0)
#include "ws/utf8_blocks.h"

#define WIDTH 32
#define WITH_WIDTH(name) name##_32
#define TARGET __attribute__((target("avx2")))
#define LOOKUP(table, i)                                                       \
  ((block)_mm256_shuffle_epi8((__m256i)(table), (__m256i)(i)))
#define SUBTRACT(b, n)                                                         \
  ((block)_mm256_subs_epu8((__m256i)(b), _mm256_set1_epi8(n)))
#define HAS_HIGH(b) (_mm256_movemask_epi8((__m256i)(b)) != 0)
#include "ws/utf8_blocks.h"

size_t h2ws__utf8_width(void) {
  return __builtin_cpu_supports("avx2")    ? 32
         : __builtin_cpu_supports("ssse3") ? 16
                                           : 0;
}

bool h2ws__utf8_has_fault(const uint8_t *data, size_t from, size_t len,
                          size_t width) {
  return width == 32 ? has_fault_32(data, from, len)
                     : has_fault_16(data, from, len);
}

#elif defined(__aarch64__)

#define WIDTH 16
#define WITH_WIDTH(name) name##_16
#define TARGET
#define LOOKUP(table, i)                                                       \
  ((block)vqtbl1q_u8((uint8x16_t)(table), (uint8x16_t)(i)))
#define SUBTRACT(b, n) ((block)vqsubq_u8((uint8x16_t)(b), vdupq_n_u8(n)))
#define HAS_HIGH(b) (vmaxvq_u8((uint8x16_t)(b)) >= 0x80)
#include "ws/utf8_blocks.h"

size_t h2ws__utf8_width(void) {
  return 16;
}

bool h2ws__utf8_has_fault(const uint8_t *data, size_t from, size_t len,
                          size_t width) {
  (void)width;
  return has_fault_16(data, from, len);
}

#else

size_t h2ws__utf8_width(void) {
  return 0;
}

bool h2ws__utf8_has_fault(const uint8_t *data, size_t from, size_t len,
                          size_t width) {
  (void)data;
  (void)from;
  (void)len;
  (void)width;
  return false;
}

#endif
