/* Frame headers: what is built can be read, what is forbidden is refused. */
#include <string.h>

#include "tests/support/clock.h"
#include "tests/support/suite.h"
#include "ws/frame.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct test_env outside;
static struct h2ws__env *env;

static void begin(void) {
  h2ws_mem mem;
  h2ws_conn_options options;
  test_env_init(&outside);
  test_env_options(&outside, &mem, &options);
  env = h2ws__env_new(&mem);
  ck_assert_ptr_nonnull(env);
  env->random = options.random;
  env->user = options.env_user;
}

static void end(void) {
  h2ws__codec_free(env);
  h2ws__env_release(env);
  ck_assert_uint_eq(outside.live, 0);
}

START_TEST(header_lengths) {
  unsigned second;
  for (second = 0; second < 256; second++) {
    uint8_t header[2] = {0x81, 0};
    size_t expected = 2 + (second >= 128 ? 4 : 0);
    header[1] = (uint8_t)second;
    expected += (second & 127) == 127 ? 8 : (second & 127) == 126 ? 2 : 0;
    ck_assert_uint_eq(h2ws__frame_header_len(header), expected);
  }
}
END_TEST

static void round_trip(uint8_t first, uint64_t len, bool masked) {
  uint8_t header[H2WS__FRAME_HEADER_MAX + 1];
  struct h2ws__frame in = {0};
  struct h2ws__frame out = {0};
  size_t extended = len < 126 ? 0 : len < 65536 ? 2 : 8;
  h2ws_ssize n;
  in.fin = (first & 0x80) != 0;
  in.rsv = first >> 4 & 7;
  in.opcode = first & 15;
  in.masked = masked;
  in.len = len;
  memset(header, 0x77, sizeof(header));
  n = h2ws__frame_build(env, header, &in);
  ck_assert_int_eq(n, (h2ws_ssize)(2 + extended + (masked ? 4 : 0)));
  ck_assert_uint_eq(header[0], first);
  ck_assert_uint_eq(header[n], 0x77);
  ck_assert_uint_eq(h2ws__frame_header_len(header), (size_t)n);
  ck_assert_int_eq(h2ws__frame_parse(env, &out, header), 0);
  ck_assert_uint_eq(out.fin, in.fin);
  ck_assert_uint_eq(out.rsv, in.rsv);
  ck_assert_uint_eq(out.opcode, in.opcode);
  ck_assert_uint_eq(out.len, len);
  ck_assert_uint_eq(out.masked, masked);
  if (masked) {
    ck_assert_mem_eq(out.key, in.key, 4);
  }
}

START_TEST(R_09_what_is_built_can_be_read) {
  static const uint8_t firsts[] = {0x80, 0x00, 0x81, 0x01, 0x82, 0x02, 0xc1};
  static const uint64_t lens[] = {
    0,
    1,
    124,
    125,
    126,
    127,
    65534,
    65535,
    65536,
    65537,
    UINT64_C(0x7fffffff),
    UINT64_C(0x80000000),
    UINT64_C(0xffffffff),
    UINT64_C(0x100000000),
    UINT64_C(0x7fffffffffffffff),
  };
  size_t i;
  size_t k;
  begin();
  for (i = 0; i < LEN(firsts); i++) {
    for (k = 0; k < LEN(lens); k++) {
      round_trip(firsts[i], lens[k], true);
      round_trip(firsts[i], lens[k], false);
    }
  }
  for (k = 0; k <= 125; k++) {
    round_trip(0x88, k, true);
    round_trip(0x89, k, false);
    round_trip(0x8a, k, true);
  }
  end();
}
END_TEST

/* What RFC 6455 sections 5.2 and 5.5 say of a header. */
static bool is_allowed(uint8_t first, size_t extended, uint64_t len) {
  if (extended == 2 && len < 126) {
    return false;
  }
  if (extended == 8 && (len < 65536 || len >> 63 != 0)) {
    return false;
  }
  return (first & 8) == 0 || ((first & 0x80) != 0 && len <= 125);
}

static void judge(uint8_t first, uint8_t second, uint64_t value) {
  uint8_t header[H2WS__FRAME_HEADER_MAX] = {0};
  struct h2ws__frame frame = {0};
  size_t extended = (second & 127) == 127 ? 8 : (second & 127) == 126 ? 2 : 0;
  uint64_t len = second & 127;
  size_t i;
  int rv;
  header[0] = first;
  header[1] = second;
  for (i = 0; i < extended; i++) {
    header[2 + i] = (uint8_t)(value >> (8 * (extended - 1 - i)));
  }
  if (extended > 0) {
    len = extended == 2 ? value & 0xffff : value;
  }
  rv = h2ws__frame_parse(env, &frame, header);
  ck_assert_msg(rv == (is_allowed(first, extended, len) ? 0 : H2WS_ERR_PROTO),
                "%02x %02x %llx: %d", first, second, (unsigned long long)value,
                rv);
  if (rv == 0) {
    ck_assert_uint_eq(frame.len, len);
    ck_assert_uint_eq(frame.opcode, first & 15);
    ck_assert_uint_eq(frame.rsv, first >> 4 & 7);
    ck_assert_uint_eq(frame.masked, second >> 7);
  }
}

START_TEST(R_08_R_15_every_first_and_second_byte) {
  static const uint64_t values[] = {
    0,
    1,
    125,
    126,
    127,
    65535,
    65536,
    UINT64_C(0x7fffffffffffffff),
    UINT64_C(0x8000000000000000),
    UINT64_MAX,
  };
  unsigned both;
  size_t i;
  begin();
  for (both = 0; both < 65536; both++) {
    uint8_t second = (uint8_t)both;
    size_t n = (second & 127) < 126 ? 1 : LEN(values);
    for (i = 0; i < n; i++) {
      judge((uint8_t)(both >> 8), second, values[i]);
    }
  }
  end();
}
END_TEST

START_TEST(R_03_a_key_is_used_once) {
  enum { FRAMES = 200 }; /* more than one helping of randomness */
  uint8_t keys[FRAMES][4];
  uint8_t header[H2WS__FRAME_HEADER_MAX];
  size_t i;
  size_t k;
  begin();
  for (i = 0; i < FRAMES; i++) {
    struct h2ws__frame frame = {.fin = true, .opcode = 2, .masked = true};
    ck_assert_int_eq(h2ws__frame_build(env, header, &frame), 6);
    memcpy(keys[i], frame.key, 4);
    for (k = 0; k < i; k++) {
      ck_assert_mem_ne(keys[i], keys[k], 4);
    }
  }
  end();
}
END_TEST

START_TEST(R_03_no_randomness_no_frame) {
  uint8_t header[H2WS__FRAME_HEADER_MAX];
  struct h2ws__frame frame = {.fin = true, .opcode = 2, .masked = true};
  int built = 0;
  begin();
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), 6);
  outside.random_fails = true;
  while (h2ws__frame_build(env, header, &frame) > 0) {
    built++; /* from what is left of the first helping */
    ck_assert_int_lt(built, 1000);
  }
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), H2WS_ERR_INTERNAL);
  frame.masked = false;
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), 2);
  outside.random_fails = false;
  frame.masked = true;
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), 6);
  end();
}
END_TEST

START_TEST(without_memory_there_is_no_codec) {
  uint8_t header[H2WS__FRAME_HEADER_MAX] = {0x81, 0x7e, 0, 126};
  struct h2ws__frame frame = {.fin = true, .opcode = 2, .len = 126};
  begin();
  outside.fail_at = outside.allocations + 1;
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), H2WS_ERR_NOMEM);
  ck_assert_int_eq(h2ws__frame_build(env, header, &frame), 4);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/frame");
  TCase *tc = tcase_create("headers");
  tcase_add_test(tc, header_lengths);
  tcase_add_test(tc, R_09_what_is_built_can_be_read);
  tcase_add_test(tc, R_08_R_15_every_first_and_second_byte);
  tcase_add_test(tc, R_03_a_key_is_used_once);
  tcase_add_test(tc, R_03_no_randomness_no_frame);
  tcase_add_test(tc, without_memory_there_is_no_codec);
  suite_add_tcase(suite, tc);
  return suite;
}
