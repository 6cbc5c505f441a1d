/* UTF-8: the fast paths say what the grammar of RFC 3629 says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "ws/utf8.h"
#include "ws/utf8_vector.h"

/* ------------------------------------------------------------------------
 * The grammar of RFC 3629 section 4 as an automaton
 */

enum state {
  BETWEEN,
  TAIL_1, /* so many bytes 80 to BF to come */
  TAIL_2,
  TAIL_3,
  AFTER_E0,
  AFTER_ED,
  AFTER_F0,
  AFTER_F4,
  IMPOSSIBLE,
};

static enum state begin(uint8_t byte) {
  if (byte <= 0x7f) {
    return BETWEEN;
  }
  if (byte >= 0xc2 && byte <= 0xdf) {
    return TAIL_1;
  }
  switch (byte) {
  case 0xe0:
    return AFTER_E0;
  case 0xed:
    return AFTER_ED;
  case 0xf0:
    return AFTER_F0;
  case 0xf4:
    return AFTER_F4;
  default:
    return byte >= 0xe1 && byte <= 0xef   ? TAIL_2
           : byte >= 0xf1 && byte <= 0xf3 ? TAIL_3
                                          : IMPOSSIBLE;
  }
}

static enum state next(enum state state, uint8_t byte) {
  static const struct {
    uint8_t low;
    uint8_t high;
    enum state then;
  } rows[] = {
    [TAIL_1] = {0x80, 0xbf, BETWEEN},  [TAIL_2] = {0x80, 0xbf, TAIL_1},
    [TAIL_3] = {0x80, 0xbf, TAIL_2},   [AFTER_E0] = {0xa0, 0xbf, TAIL_1},
    [AFTER_ED] = {0x80, 0x9f, TAIL_1}, [AFTER_F0] = {0x90, 0xbf, TAIL_2},
    [AFTER_F4] = {0x80, 0x8f, TAIL_2},
  };
  if (state == BETWEEN) {
    return begin(byte);
  }
  if (state == IMPOSSIBLE || byte < rows[state].low ||
      byte > rows[state].high) {
    return IMPOSSIBLE;
  }
  return rows[state].then;
}

/* The state after the text; `*bad` is where it became impossible, or len. */
static enum state judge(const uint8_t *text, size_t len, size_t *bad) {
  enum state state = BETWEEN;
  size_t i;
  for (i = 0; i < len; i++) {
    state = next(state, text[i]);
    if (state == IMPOSSIBLE) {
      break;
    }
  }
  *bad = i;
  return state;
}

static void complain(const uint8_t *text, size_t len) {
  char hex[64] = "";
  size_t i;
  for (i = 0; i < len && i < 20; i++) {
    (void)snprintf(hex + 3 * i, 4, "%02x ", text[i]);
  }
  ck_abort_msg("%s(%zu bytes)", hex, len);
}

/* A check of the framework that passes costs a system call. */
static void expect(bool ok, const uint8_t *text, size_t len) {
  if (!ok) {
    complain(text, len);
  }
}

/* The machine's widest blocks, those it could have, and none. */
#define FOR_EACH_WIDTH(width)                                                  \
  for ((width) = 0; (width) <= h2ws__utf8_width(); (width) += 16)

static void compare(const uint8_t *text, size_t len) {
  size_t bad;
  size_t width;
  enum state state = judge(text, len, &bad);
  FOR_EACH_WIDTH(width) {
    struct h2ws__utf8 utf8 = {0};
    bool possible = h2ws__utf8_feed_by(&utf8, text, len, width);
    if (possible != (state != IMPOSSIBLE) ||
        (possible && h2ws__utf8_is_complete(&utf8) != (state == BETWEEN))) {
      complain(text, len);
    }
  }
  if (h2ws__utf8_is_valid(text, len) != (state == BETWEEN)) {
    complain(text, len);
  }
}

/* ------------------------------------------------------------------------
 * Short texts, all of them
 */

/* In front of what is judged, so that the fast paths see it too. */
static uint8_t padded[64];

START_TEST(U_08_all_texts_of_three_bytes) {
  uint8_t text[3];
  unsigned rest;
  text[0] = (uint8_t)_i;
  compare(text, 1);
  for (rest = 0; rest < 65536; rest++) {
    text[1] = (uint8_t)(rest >> 8);
    text[2] = (uint8_t)rest;
    compare(text, 3);
  }
}
END_TEST

START_TEST(U_08_all_texts_of_three_bytes_before_others) {
  unsigned rest;
  memset(padded, 'a', sizeof(padded));
  padded[0] = (uint8_t)_i;
  for (rest = 0; rest < 65536; rest++) {
    padded[1] = (uint8_t)(rest >> 8);
    padded[2] = (uint8_t)rest;
    compare(padded, 12);
  }
}
END_TEST

/* Bytes at the borders of all ranges. */
static const uint8_t borders[] = {0x00, 0x7f, 0x80, 0x8f, 0x90,
                                  0x9f, 0xa0, 0xbf, 0xc0, 0xff};
#define BORDERS sizeof(borders)

START_TEST(U_08_texts_of_four_bytes) {
  size_t i;
  size_t k;
  memset(padded, 'z', sizeof(padded));
  padded[0] = (uint8_t)(0xf0 + _i / 256);
  padded[1] = (uint8_t)(_i % 256);
  for (i = 0; i < BORDERS; i++) {
    for (k = 0; k < BORDERS; k++) {
      padded[2] = borders[i];
      padded[3] = borders[k];
      compare(padded, 4);
      compare(padded, 20);
    }
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Long texts: runs of ASCII between characters, some with a fault
 */

static uint64_t random_state = UINT64_C(0x2545f4914f6cdd1d);

static unsigned random_below(unsigned limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (unsigned)((random_state >> 33) % limit);
}

static size_t add_character(uint8_t *out) {
  static const struct {
    uint8_t bytes[4];
    size_t len;
  } characters[] = {
    {{0xc2, 0x80}, 2},
    {{0xdf, 0xbf}, 2},
    {{0xe0, 0xa0, 0x80}, 3},
    {{0xe2, 0x82, 0xac}, 3},
    {{0xed, 0x9f, 0xbf}, 3},
    {{0xee, 0x80, 0x80}, 3},
    {{0xef, 0xbf, 0xbf}, 3},
    {{0xf0, 0x90, 0x80, 0x80}, 4},
    {{0xf1, 0x80, 0x80, 0x80}, 4},
    {{0xf3, 0xbf, 0xbf, 0xbf}, 4},
    {{0xf4, 0x8f, 0xbf, 0xbf}, 4},
  };
  size_t i = random_below(sizeof(characters) / sizeof(characters[0]));
  memcpy(out, characters[i].bytes, 4);
  return characters[i].len;
}

static size_t make_text(uint8_t *out, size_t cap) {
  size_t len = 0;
  while (len + 140 < cap && random_below(12) != 0) {
    size_t run = random_below(130);
    memset(out + len, 'x', run);
    len += run;
    while (len + 8 < cap && random_below(4) != 0) {
      len += add_character(out + len);
    }
  }
  if (len > 0 && random_below(2) == 0) {
    out[random_below((unsigned)len)] = (uint8_t)random_below(256);
  }
  return len - (len > 0 ? random_below(2) : 0);
}

static void compare_in_pieces(const uint8_t *text, size_t len, size_t width) {
  struct h2ws__utf8 utf8 = {0};
  size_t bad;
  size_t done = 0;
  enum state state = judge(text, len, &bad);
  while (done < bad) {
    size_t n = 1 + random_below(70);
    n = n < bad - done ? n : bad - done;
    expect(h2ws__utf8_feed_by(&utf8, text + done, n, width), text, len);
    done += n;
  }
  if (state == IMPOSSIBLE) { /* at this byte, not later */
    expect(!h2ws__utf8_feed_by(&utf8, text + bad, 1, width), text, len);
  } else {
    expect(h2ws__utf8_is_complete(&utf8) == (state == BETWEEN), text, len);
  }
}

START_TEST(U_08_random_texts_with_ascii_runs) {
  static uint8_t buf[1024 + 16];
  int i;
  random_state += (uint64_t)_i * UINT64_C(0x9e3779b97f4a7c15);
  for (i = 0; i < 3000; i++) {
    size_t offset = random_below(16);
    size_t len = make_text(buf + offset, 1024);
    size_t width;
    uint8_t *text = malloc(len + 1); /* overruns are seen */
    ck_assert_ptr_nonnull(text);
    memcpy(text, buf + offset, len);
    compare(text, len);
    compare(buf + offset, len);
    FOR_EACH_WIDTH(width) {
      compare_in_pieces(text, len, width);
    }
    free(text);
  }
}
END_TEST

START_TEST(U_08_a_fault_at_every_place_of_a_long_run) {
  uint8_t text[200];
  size_t i;
  for (i = 0; i < sizeof(text); i++) {
    struct h2ws__utf8 utf8 = {0};
    memset(text, 'a', sizeof(text));
    text[i] = 0x80;
    ck_assert(!h2ws__utf8_is_valid(text, sizeof(text)));
    ck_assert(h2ws__utf8_feed(&utf8, text, i));
    ck_assert(!h2ws__utf8_feed(&utf8, text + i, 1));
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Around the blocks of 16, 32 and 64: a character or a fault at each place,
 * and the text cut in two at each place
 */

static const char *const at_borders[] = {
  "\xc2\x80",
  "\xdf\xbf",
  "\xe0\xa0\x80",
  "\xed\x9f\xbf",
  "\xee\x80\x80",
  "\xf0\x90\x80\x80",
  "\xf4\x8f\xbf\xbf",
  "\x80",
  "\xc0\x80",
  "\xc1\xbf",
  "\xc2",
  "\xc2\x80\x80",
  "\xe0\x9f\xbf",
  "\xe1\x80",
  "\xe1\x80\x80\x80",
  "\xed\xa0\x80",
  "\xef",
  "\xf0\x8f\xbf\xbf",
  "\xf1\x80\x80",
  "\xf1\x80",
  "\xf1\x80\x80\x80\x80",
  "\xf4\x90\x80\x80",
  "\xf5\x80\x80\x80",
  "\xff",
  "\xfb\xbf\xbf\xbf",
  "\xfe\x80\x80\x80",
  "\xff\xbf\xbf\xbf",
};
#define AT_BORDERS ((int)(sizeof(at_borders) / sizeof(at_borders[0])))

/* What stands around it: characters of one to four bytes. */
static const char *const around[] = {"a", "\xc3\xbc", "\xe6\x97\xa5",
                                     "\xf0\x9f\x98\x80"};

/* The longest text: blocks of 64, 32 and 16 bytes, and some more. */
#define LONGEST (3 + 64 + 32 + 16 + 5)

static void compare_cut(const uint8_t *text, size_t len, size_t cut,
                        size_t width, size_t bad) {
  struct h2ws__utf8 utf8 = {0};
  bool possible = h2ws__utf8_feed_by(&utf8, text, cut, width);
  expect(possible == (bad >= cut), text, len);
  if (possible) {
    possible = h2ws__utf8_feed_by(&utf8, text + cut, len - cut, width);
    expect(possible == (bad == len), text, len);
  }
}

static void compare_cuts(const uint8_t *text, size_t len) {
  size_t bad;
  size_t cut;
  size_t width;
  (void)judge(text, len, &bad);
  FOR_EACH_WIDTH(width) {
    for (cut = 0; cut <= len; cut++) {
      compare_cut(text, len, cut, width, bad);
    }
  }
}

static size_t put(uint8_t *out, const char *bytes) {
  size_t i;
  for (i = 0; bytes[i] != '\0'; i++) {
    out[i] = (uint8_t)bytes[i];
  }
  return i;
}

/* Characters up to `before` or just beyond, then `what`, then more. */
static size_t surround(uint8_t *out, const char *with, const char *what,
                       size_t before) {
  size_t len = 0;
  while (len < before) {
    len += put(out + len, with);
  }
  len += put(out + len, what);
  while (len < LONGEST) {
    len += put(out + len, with);
  }
  return len;
}

START_TEST(U_08_every_place_and_cut_around_the_blocks) {
  uint8_t text[LONGEST + 16];
  const char *with = around[_i / AT_BORDERS];
  const char *what = at_borders[_i % AT_BORDERS];
  size_t before;
  for (before = 0; before < LONGEST; before += strlen(with)) {
    size_t len = surround(text, with, what, before);
    compare_cuts(text, len);
    for (; len > before && len > 0; len--) {
      compare(text, len);
    }
  }
}
END_TEST

START_TEST(U_08_every_code_point) {
  uint32_t first = (uint32_t)_i << 16;
  uint32_t point;
  for (point = first; point < first + 65536; point++) {
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    uint8_t text[4];
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    size_t i;
    uint32_t bits = point;
    for (i = len - 1; i > 0; i--) {
      text[i] = (uint8_t)(0x80 | (bits & 0x3f));
      bits >>= 6;
    }
    text[0] = (uint8_t)(len == 1   ? bits
                        : len == 2 ? 0xc0 | bits
                        : len == 3 ? 0xe0 | bits
                                   : 0xf0 | bits);
    if (h2ws__utf8_is_valid(text, len) == surrogate) {
      ck_abort_msg("U+%04X", (unsigned)point);
    }
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/utf8");
  TCase *tc = tcase_create("utf8");
  tcase_add_loop_test(tc, U_08_all_texts_of_three_bytes, 0, 256);
  tcase_add_loop_test(tc, U_08_all_texts_of_three_bytes_before_others, 0xc0,
                      256);
  tcase_add_loop_test(tc, U_08_texts_of_four_bytes, 0, 6 * 256);
  tcase_add_loop_test(tc, U_08_random_texts_with_ascii_runs, 0, 8);
  tcase_add_test(tc, U_08_a_fault_at_every_place_of_a_long_run);
  tcase_add_loop_test(tc, U_08_every_place_and_cut_around_the_blocks, 0,
                      4 * AT_BORDERS);
  tcase_add_loop_test(tc, U_08_every_code_point, 0, 17);
  suite_add_tcase(suite, tc);
  return suite;
}
