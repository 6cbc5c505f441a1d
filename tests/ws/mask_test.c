/* Masks: eight bytes at a time, the same as one at a time. */
#include <string.h>

#include "tests/support/suite.h"
#include "ws/mask.h"

#define LEN_MAX 300
#define OFFSET_MAX 16
#define GUARD 0x5c

static const uint8_t key[4] = {0x12, 0xab, 0x00, 0xff};
static uint8_t in[LEN_MAX + OFFSET_MAX];
static uint8_t out[LEN_MAX + 2 * OFFSET_MAX];

static void fill_input(void) {
  size_t i;
  for (i = 0; i < sizeof(in); i++) {
    in[i] = (uint8_t)(i * 37 + 11);
  }
}

static void expect_masked(const uint8_t *got, const uint8_t *plain, size_t len,
                          size_t phase) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (got[i] != (plain[i] ^ key[(phase + i) % 4])) { /* an assert is slow */
      ck_abort_msg("byte %zu of %zu, phase %zu", i, len, phase);
    }
  }
}

START_TEST(every_offset_length_and_phase) {
  size_t offset = (size_t)_i;
  size_t phase;
  size_t len;
  fill_input();
  for (len = 0; len <= LEN_MAX; len++) {
    for (phase = 0; phase < 8; phase++) {
      memset(out, GUARD, sizeof(out));
      h2ws__mask(out + offset, in + (OFFSET_MAX - offset), len, key, phase);
      expect_masked(out + offset, in + (OFFSET_MAX - offset), len, phase);
      ck_assert(offset == 0 || out[offset - 1] == GUARD);
      ck_assert_uint_eq(out[offset + len], GUARD);
    }
  }
}
END_TEST

START_TEST(in_place) {
  size_t offset = (size_t)_i;
  size_t len;
  fill_input();
  for (len = 0; len <= LEN_MAX; len++) {
    memset(out, GUARD, sizeof(out));
    memcpy(out + offset, in, len);
    h2ws__mask(out + offset, out + offset, len, key, len);
    expect_masked(out + offset, in, len, len);
    ck_assert_uint_eq(out[offset + len], GUARD);
  }
}
END_TEST

START_TEST(in_pieces) {
  size_t split;
  fill_input();
  for (split = 0; split <= LEN_MAX; split++) {
    h2ws__mask(out, in, split, key, 0);
    h2ws__mask(out + split, in + split, LEN_MAX - split, key, split);
    expect_masked(out, in, LEN_MAX, 0);
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/mask");
  TCase *tc = tcase_create("mask");
  tcase_add_loop_test(tc, every_offset_length_and_phase, 0, OFFSET_MAX);
  tcase_add_loop_test(tc, in_place, 0, OFFSET_MAX);
  tcase_add_test(tc, in_pieces);
  suite_add_tcase(suite, tc);
  return suite;
}
