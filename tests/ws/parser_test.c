/*
 * The parser as a whole: beside a second one that only knows RFC 6455, cut
 * off anywhere, with odd masks, and with messages in the smallest pieces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

static struct test_pipe pipe;

/* ------------------------------------------------------------------------
 * The second parser: whole frames, slow and plain. It writes the events that
 * the library must report.
 */

#define MOST 300     /* max_message */
#define SHOWN_MAX 40 /* bytes of a payload that the pipe writes down */

struct reference {
  struct test_bytes trace;
  const uint8_t *in;
  size_t len;
  uint8_t message[2 * MOST];
  size_t message_len;
  int type;  /* of the message that is open, or 0 */
  bool over; /* CLOSE came, or it failed */
};

static void reference_line(struct reference *r, const char *what,
                           const uint8_t *data, size_t len) {
  char line[128];
  int n = snprintf(line, sizeof(line), "%s %zu ", what, len);
  test_bytes_add(&r->trace, line, (size_t)n);
  test_bytes_add(&r->trace, data, len < SHOWN_MAX ? len : SHOWN_MAX);
  test_bytes_add(&r->trace, "\n", 1);
}

static void reference_close(struct reference *r, const char *cls, unsigned code,
                            const uint8_t *reason, size_t len) {
  char line[64];
  int n = snprintf(line, sizeof(line), "close %s %u ", cls, code);
  test_bytes_add(&r->trace, line, (size_t)n);
  test_bytes_add(&r->trace, reason, len);
  test_bytes_add(&r->trace, "\n", 1);
  r->over = true;
}

static void reference_fail(struct reference *r, unsigned code) {
  reference_close(r, "protocol", code, NULL, 0);
}

/* Bytes of the character that begins here, 0 if none can (RFC 3629). */
static size_t character_len(const uint8_t *p) {
  if (p[0] < 0x80) {
    return 1;
  }
  if (p[0] >= 0xc2 && p[0] <= 0xdf) {
    return 2;
  }
  return p[0] >= 0xe0 && p[0] <= 0xef   ? 3
         : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                        : 0;
}

/* The second byte has narrower bounds after some first ones. */
static bool second_fits(uint8_t first, uint8_t second) {
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

/* True if it is valid, or becomes so with more, where that may come. */
static bool reference_utf8(const uint8_t *p, size_t len, bool whole) {
  size_t i = 0;
  while (i < len) {
    size_t want = character_len(p + i);
    size_t k;
    if (want == 0) {
      return false;
    }
    for (k = 1; k < want && i + k < len; k++) {
      if (!second_fits(k == 1 ? p[i] : 0x80, p[i + k])) {
        return false;
      }
    }
    if (k < want) {
      return !whole;
    }
    i += want;
  }
  return true;
}

static void reference_control(struct reference *r, int op, const uint8_t *data,
                              size_t len) {
  unsigned code = len < 2 ? 1005 : (unsigned)data[0] << 8 | data[1];
  if (op != 8) {
    reference_line(r, op == 9 ? "ping" : "pong", data, len);
  } else if (len == 1 || (len > 1 && (code < 1000 || code >= 5000 ||
                                      (code > 1014 && code < 3000) ||
                                      (code >= 1004 && code <= 1006)))) {
    reference_fail(r, 1002);
  } else if (len > 2 && !reference_utf8(data + 2, len - 2, true)) {
    reference_fail(r, 1007);
  } else {
    reference_close(r, "clean", code, data + 2, len < 2 ? 0 : len - 2);
  }
}

/* The payload of a data frame, or as much of it as came. */
static void reference_data(struct reference *r, bool fin, const uint8_t *data,
                           size_t len, bool complete) {
  memcpy(r->message + r->message_len, data, len);
  r->message_len += len;
  fin = fin && complete;
  if (r->type == 1 && !reference_utf8(r->message, r->message_len, fin)) {
    reference_fail(r, 1007);
  } else if (fin) {
    reference_line(r, r->type == 1 ? "text" : "binary", r->message,
                   r->message_len);
    r->type = 0;
  }
}

static bool reference_header_is_wrong(const struct reference *r, int first,
                                      uint64_t len, size_t size) {
  int op = first & 0x0f;
  return (first & 0x70) != 0 || (op > 2 && op < 8) || op > 10 ||
         (size == 2 && len < 126) || (size == 8 && len < 65536) ||
         len >> 63 != 0 || (op >= 8 && ((first & 0x80) == 0 || len > 125)) ||
         (op == 0 && r->type == 0) || (op > 0 && op < 8 && r->type != 0);
}

/* Takes one frame without mask off the front; false if there is none. */
static bool reference_frame(struct reference *r) {
  const uint8_t *p = r->in;
  size_t size = r->len < 2 ? 0 : p[1] == 126 ? 2 : p[1] == 127 ? 8 : 0;
  uint64_t len = r->len < 2 ? 0 : p[1];
  size_t have = r->len < 2 + size ? 0 : r->len - 2 - size;
  size_t i;
  if (r->over || r->len < 2 + size) {
    return false;
  }
  for (i = 0, len = size > 0 ? 0 : len; i < size; i++) {
    len = len << 8 | p[2 + i];
  }
  if (reference_header_is_wrong(r, p[0], len, size)) {
    reference_fail(r, 1002);
    return false;
  }
  if ((p[0] & 0x0f) != 0 && (p[0] & 0x0f) < 8) {
    r->type = p[0] & 0x0f;
    r->message_len = 0;
  }
  if ((p[0] & 0x0f) < 8 && len > MOST - r->message_len) {
    reference_fail(r, 1009);
    return false;
  }
  have = have < len ? have : (size_t)len;
  if ((p[0] & 0x0f) < 8) {
    reference_data(r, (p[0] & 0x80) != 0, p + 2 + size, have, have == len);
  } else if (have == len) {
    reference_control(r, p[0] & 0x0f, p + 2 + size, have);
  }
  r->in += 2 + size + have;
  r->len -= 2 + size + have;
  return have == len;
}

/* ------------------------------------------------------------------------
 * Bytes that are mostly right
 */

static uint64_t seed;

static unsigned pick(unsigned n) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(seed >> 33) % n;
}

static void add_text(struct test_bytes *out, size_t len) {
  static const char *const bits[] = {"a",
                                     "Z",
                                     "\xc3\xa9",
                                     "\xe2\x82\xac",
                                     "\xf0\x9f\x98\x80",
                                     "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80",
                                     "\xff"};
  size_t end = out->len + len;
  while (out->len < end) {
    const char *bit = bits[pick(pick(8) == 0 ? 8 : 5)];
    size_t n = strlen(bit);
    test_bytes_add(out, bit, n < end - out->len ? n : end - out->len);
  }
}

static size_t pick_len(bool control) {
  static const size_t lens[] = {0, 1, 2, 5, 30, 124, 125, 126, 127, 290, 301};
  return lens[pick(control ? 5 : pick(4) == 0 ? 11 : 5)];
}

static void add_random_frame(struct test_bytes *out, bool *open) {
  static const uint8_t controls[] = {0x89, 0x8a, 0x88, 0x09};
  bool control = pick(4) == 0;
  uint8_t first =
    control ? controls[pick(pick(6) == 0 ? 4 : 2)]
            : (uint8_t)((*open ? 0 : 1 + pick(2)) | (pick(2) == 0 ? 0x80 : 0));
  struct test_bytes payload = {0};
  size_t len = pick_len(control);
  if (pick(40) == 0) {
    first ^= (uint8_t)(1U << pick(8));
  }
  if ((first & 0x0f) == 8 && len >= 2) {
    uint16_t code = (uint16_t)(pick(4) == 0 ? pick(6000) : 1000);
    uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    test_bytes_add(&payload, bytes, 2);
    len -= 2;
  }
  if (!control) {
    *open = (first & 0x80) == 0;
  }
  add_text(&payload, len);
  if (pick(50) == 0) { /* not the fewest bytes */
    uint8_t head[4] = {first, 126, 0, (uint8_t)payload.len};
    test_bytes_add(out, head, 4);
    test_bytes_add(out, payload.data, payload.len);
  } else {
    test_bytes_add_frame(out, first, payload.data, payload.len);
  }
  test_bytes_dispose(&payload);
}

static void compare_once(int way) {
  struct reference r = {{0}, NULL, 0, {0}, 0, 0, false};
  struct test_bytes in = {0};
  bool open = false;
  unsigned frames = 1 + pick(12);
  while (frames-- > 0) {
    add_random_frame(&in, &open);
  }
  r.in = in.data;
  r.len = in.len - (pick(3) == 0 ? pick((unsigned)in.len + 1) : 0);
  test_pipe_init(&pipe, way);
  pipe.socket_options.max_message = MOST;
  test_pipe_open(&pipe);
  test_pipe_feed(&pipe, r.in, r.len);
  test_pipe_feed_end(&pipe);
  while (reference_frame(&r)) {
  }
  if (!r.over) {
    reference_close(&r, "lost", 1006, NULL, 0);
  }
  test_bytes_add(&r.trace, "", 1);
  test_pipe_expect_trace(&pipe, (const char *)r.trace.data);
  test_pipe_dispose(&pipe);
  test_bytes_dispose(&r.trace);
  test_bytes_dispose(&in);
}

START_TEST(WS_19_a_second_parser_sees_the_same) {
  int i;
  seed = (uint64_t)_i * 1000003 + 7;
  for (i = 0; i < 300; i++) {
    compare_once(_i);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Ends, masks, pieces
 */

START_TEST(WS_16_an_end_at_each_byte) {
  static const char *const frames[] = {"82 7e 0080",   "82 7f 0000000000010000",
                                       "81 03 616263", "01 01 61 00 02 62",
                                       "88 02 03e8",   "89 03 616263"};
  size_t i;
  for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
    struct test_bytes in = {0};
    size_t len;
    test_bytes_add_hex(&in, frames[i]);
    for (len = 0; len < in.len; len++) {
      test_pipe_begin(&pipe, _i);
      test_pipe_feed(&pipe, in.data, len);
      test_pipe_feed_end(&pipe);
      test_pipe_expect(&pipe, "");
      test_pipe_expect_trace(&pipe, "close lost 1006 \n");
      ck_assert(pipe.was_reset);
      ck_assert_uint_eq(pipe.reset_code, 8);
      test_pipe_dispose(&pipe);
    }
    test_bytes_dispose(&in);
  }
}
END_TEST

START_TEST(WS_15_masks_of_all_zeros_and_ones) {
  static const char *const frames[] = {
    "81 85 00000000 68656c6c6f", "81 85 ffffffff 979a939390",
    "81 85 000000ff 68656c936f", "81 85 ff000000 97656c6c90"};
  size_t i;
  for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
    struct test_bytes in = {0};
    test_bytes_add_hex(&in, frames[i]);
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_raw(&pipe, in.data, in.len);
    test_pipe_expect_trace(&pipe, "text 5 hello\n");
    test_pipe_dispose(&pipe);
    test_bytes_dispose(&in);
  }
}
END_TEST

/* What came before a failure is delivered, what comes after is not. */
START_TEST(WS_14_a_message_before_a_failure_counts) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "81 01 61 82 02 6162 83 00 81 01 62");
  test_pipe_expect_failed(&pipe, 1002);
  test_pipe_expect_trace(&pipe, "text 1 a\nbinary 2 ab\n"
                                "close protocol 1002 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

/*
 * A megabyte in fragments of one byte: twice its size at most, and no
 * allocation for each fragment, which is what makes the cost linear.
 */
START_TEST(WS_10_CVE_2026_65623_a_message_in_fragments_of_one_byte) {
  size_t len;
  struct test_bytes in = {0};
  size_t bytes;
  size_t allocations;
  size_t i;
  test_pipe_init(&pipe, _i);
  len = pipe.chunk > 7 ? 1 << 20 : 1 << 15;
  pipe.socket_options.max_fragments = 1 << 21;
  test_pipe_open(&pipe);
  bytes = pipe.env.bytes;
  pipe.env.peak = bytes;
  allocations = pipe.env.allocations;
  for (i = 0; i < len; i++) {
    uint8_t frame[3] = {i == 0 ? 0x02 : i + 1 == len ? 0x80 : 0x00, 1, 'x'};
    test_bytes_add(&in, frame, sizeof(frame));
  }
  test_pipe_feed(&pipe, in.data, in.len);
  ck_assert_int_eq(pipe.events.messages, 1);
  ck_assert_uint_eq(pipe.events.len, len);
  ck_assert_uint_le(pipe.env.peak, bytes + 2 * len + (size_t)128 * 1024);
  ck_assert_uint_le(pipe.env.allocations, allocations + len / 64);
  test_pipe_dispose(&pipe);
  test_bytes_dispose(&in);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/parser");
  TCase *tc = tcase_create("bytes");
  tcase_add_loop_test(tc, WS_19_a_second_parser_sees_the_same, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, WS_16_an_end_at_each_byte, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, WS_15_masks_of_all_zeros_and_ones, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, WS_14_a_message_before_a_failure_counts, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc,
                      WS_10_CVE_2026_65623_a_message_in_fragments_of_one_byte,
                      0, TEST_PIPE_WAYS);
  suite_add_tcase(suite, tc);
  return suite;
}
