/*
 * What wslay 1.1.1's event layer does wrong. We stand on its frame layer
 * only; these tests keep us from inheriting the rest.
 */
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct test_pipe pipe;

/* It skips two bytes of every chunk of a CLOSE, not of its payload. */
START_TEST(wslay_defect_01_a_reason_in_two_chunks) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 08 03e8 c3");
  test_pipe_feed_hex(&pipe, "a9 e282ac 61");
  test_pipe_expect(&pipe, "88 02 03e8");
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 1000 \xc3\xa9\xe2\x82\xac"
                                "a\n");
  test_pipe_dispose(&pipe);
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 06 03e8 6162");
  test_pipe_feed_hex(&pipe, "ffff");
  test_pipe_expect_failed(&pipe, 1007);
  test_pipe_dispose(&pipe);
}
END_TEST

/* It takes half a code for none. */
START_TEST(wslay_defect_02_half_a_code) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 01 03");
  test_pipe_expect_failed(&pipe, 1002);
  test_pipe_dispose(&pipe);
}
END_TEST

/* It refuses the codes that IANA added. */
START_TEST(wslay_defect_03_codes_of_the_registry) {
  static const char *const closes[] = {"88 02 03f4", "88 02 03f5",
                                       "88 02 03f6"};
  size_t i;
  for (i = 0; i < LEN(closes); i++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_hex(&pipe, closes[i]);
    test_pipe_expect(&pipe, closes[i]);
    test_pipe_feed_end(&pipe);
    ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
    ck_assert_uint_eq(pipe.events.code, 1012 + i);
    test_pipe_dispose(&pipe);
    test_pipe_begin(&pipe, _i);
    ck_assert_int_eq(
      h2ws_socket_close(pipe.socket, (uint16_t)(1012 + i), NULL, 0), 0);
    test_pipe_expect(&pipe, closes[i]);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

/* It answers a bad header with a CLOSE that has no code. */
START_TEST(wslay_defect_04_a_bad_header_is_told_by_code) {
  static const char *const frames[] = {
    "82 7e 0005",             /* not the fewest bytes */
    "82 7f 000000000000ffff", /* neither */
    "82 7f 8000000000000000", /* the top bit */
    "89 7e 007e",             /* a long control frame */
    "09 00",                  /* one in fragments */
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed_hex(&pipe, frames[i]);
    test_pipe_expect_failed(&pipe, 1002);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

/* Its CLOSE overtakes what was queued before. */
START_TEST(wslay_defect_05_a_close_keeps_its_place) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "hello", 5), 0);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  test_pipe_expect(&pipe, "81 05 68656c6c6f 88 02 03e8");
  test_pipe_dispose(&pipe);
}
END_TEST

/* It looks at the limit after the first byte, and allocates all at once. */
START_TEST(wslay_defect_06_a_size_is_judged_by_the_header) {
  test_pipe_begin(&pipe, _i);
  pipe.env.largest = 0;
  test_pipe_feed_hex(&pipe, "82 7f 000000007fffffff");
  test_pipe_expect_failed(&pipe, 1009);
  ck_assert_uint_lt(pipe.env.largest, 4096);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(wslay_defect_06_memory_follows_what_came) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "82 7f 0000000000ffffff 00");
  pipe.env.largest = 0;
  test_pipe_feed_hex(&pipe, "00010203");
  ck_assert_uint_lt(pipe.env.largest, 16384);
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

/* Its queue of PONGs has no bound. */
START_TEST(wslay_defect_07_pings_to_a_peer_that_does_not_read) {
  static const uint8_t ping[] = {0x89, 0x00};
  struct test_bytes pings = {0};
  size_t i;
  for (i = 0; i < 1000; i++) {
    test_bytes_add(&pings, ping, sizeof(ping));
  }
  test_pipe_init(&pipe, 3 + TEST_CHUNKS * _i);
  pipe.send_window = 0;
  pipe.options.high_water = 1000;
  pipe.options.low_water = 0;
  pipe.socket_options.max_controls = 0; /* off */
  test_pipe_open(&pipe);
  for (i = 0; i < 100; i++) {
    test_pipe_feed(&pipe, pings.data, pings.len);
    ck_assert_uint_le(h2ws_socket_queued(pipe.socket), 1000 + 6);
  }
  test_bytes_dispose(&pings);
  ck_assert_int_eq(pipe.events.pings, 100000);
  ck_assert_uint_lt(pipe.env.live, 100);
  test_pipe_open_window(&pipe, 10000);
  ck_assert_uint_eq(pipe.out.len % 2, 0);
  ck_assert_uint_lt(pipe.out.len, 1100);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(wslay_defect_07_a_flood_of_pings_is_ended) {
  int i;
  test_pipe_init(&pipe, _i);
  pipe.socket_options.max_controls = 50;
  test_pipe_open(&pipe);
  for (i = 0; i < 50; i++) {
    test_pipe_feed_hex(&pipe, i % 2 == 0 ? "89 00" : "8a 00");
  }
  test_pipe_advance(&pipe, 1000); /* a new second */
  for (i = 0; i < 50; i++) {
    test_pipe_feed_hex(&pipe, "8a 00");
  }
  ck_assert_int_eq(pipe.events.closed, 0);
  pipe.out.len = 0;
  test_pipe_feed_hex(&pipe, "8a 00");
  test_pipe_expect_failed(&pipe, 1008);
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_LIMIT);
  test_pipe_dispose(&pipe);
}
END_TEST

/* Each fragment costs it a block of memory; empty ones come without end. */
static void feed_fragments(const char *fragment_hex) {
  struct test_bytes fragments = {0};
  size_t i;
  test_pipe_init(&pipe, TEST_CHUNKS - 1);
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "02 00");
  for (i = 0; i < 1000; i++) {
    test_bytes_add_hex(&fragments, fragment_hex);
  }
  pipe.env.largest = 0;
  for (i = 0; i < 16; i++) {
    test_pipe_feed(&pipe, fragments.data, fragments.len);
  }
  ck_assert_uint_lt(pipe.env.live, 100);
  ck_assert_uint_lt(pipe.env.largest, 65536);
  test_pipe_expect(&pipe, "");
  test_pipe_feed(&pipe, fragments.data, fragments.len);
  test_pipe_expect_failed(&pipe, 1008);
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_LIMIT);
  test_pipe_dispose(&pipe);
  test_bytes_dispose(&fragments);
}

START_TEST(WS_09_CVE_2026_42786_wslay_defect_08_fragments_have_a_limit) {
  feed_fragments("00 01 61");
  feed_fragments("00 00");
}
END_TEST

START_TEST(interop_62_wslay_defect_08_the_limit_is_exact) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.max_fragments = 3;
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "01 01 61 00 01 62 80 01 63 01 00 00 00 80 00");
  ck_assert_int_eq(pipe.events.messages, 2);
  test_pipe_feed_hex(&pipe, "01 01 61 00 01 62 00 01 63 80 00");
  test_pipe_expect_failed(&pipe, 1008);
  ck_assert_int_eq(pipe.events.messages, 2);
  test_pipe_dispose(&pipe);
}
END_TEST

/* It stops where a read was short, though more is there. */
START_TEST(wslay_defect_09_all_input_is_taken) {
  static const uint8_t frames[] = {0x81, 1, 'a', 0x81, 1, 'b', 0x82, 0,
                                   0x81, 1, 'c', 0x89, 1, 'p', 0x81, 1};
  size_t split;
  for (split = 0; split <= sizeof(frames); split++) {
    test_pipe_begin(&pipe, _i);
    test_pipe_feed(&pipe, frames, split);
    test_pipe_feed(&pipe, frames + split, sizeof(frames) - split);
    test_pipe_expect_trace(&pipe, "text 1 a\ntext 1 b\nbinary 0 \n"
                                  "text 1 c\nping 1 p\n");
    test_pipe_feed(&pipe, "d", 1);
    ck_assert_int_eq(pipe.events.messages, 5);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

/* It does not look at text that has RSV1 set. */
START_TEST(wslay_defect_10_text_with_rsv1_is_no_way_around) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "c1 01 ff");
  test_pipe_expect_failed(&pipe, 1002); /* nothing was negotiated */
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

/* It calls malloc: here each allocation of a scenario fails in turn. */
static size_t run_without(size_t which, int way) {
  size_t before;
  size_t made;
  test_pipe_init(&pipe, way);
  pipe.socket_options.fragment_size = 100;
  test_pipe_open(&pipe);
  before = pipe.env.allocations;
  pipe.env.fail_at = which == 0 ? 0 : before + which;
  test_pipe_feed_hex(&pipe, "01 01 61 89 02 70");
  test_pipe_feed_hex(&pipe, "71 00 01 62 80 01 63");
  if (pipe.socket != NULL &&
      h2ws_socket_send_begin(pipe.socket, H2WS_TEXT) == 0) {
    static char text[4000];
    memset(text, 't', sizeof(text));
    (void)h2ws_socket_send_piece(pipe.socket, text, sizeof(text));
    (void)h2ws_socket_send_end(pipe.socket);
  }
  test_pipe_pump(&pipe);
  test_pipe_feed_hex(&pipe, "88 05 03e8 627965");
  made = pipe.env.allocations - before;
  if (which == 0) {
    test_pipe_feed_end(&pipe);
    ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
  }
  test_pipe_dispose(&pipe);
  return made;
}

START_TEST(wslay_defect_11_every_allocation_may_fail) {
  size_t made = run_without(0, _i);
  size_t i;
  ck_assert_uint_gt(made, 2);
  for (i = 1; i <= made; i++) {
    (void)run_without(i, _i);
  }
}
END_TEST

static void add_protocol(TCase *tc) {
  tcase_add_loop_test(tc, wslay_defect_01_a_reason_in_two_chunks, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_02_half_a_code, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_03_codes_of_the_registry, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_04_a_bad_header_is_told_by_code, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_05_a_close_keeps_its_place, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_09_all_input_is_taken, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_10_text_with_rsv1_is_no_way_around, 0,
                      TEST_PIPE_WAYS);
}

static void add_memory(TCase *tc) {
  tcase_add_loop_test(tc, wslay_defect_06_a_size_is_judged_by_the_header, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_06_memory_follows_what_came, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_07_pings_to_a_peer_that_does_not_read, 0,
                      2); /* a server, a client */
  tcase_add_loop_test(tc, wslay_defect_07_a_flood_of_pings_is_ended, 0,
                      TEST_PIPE_WAYS);
  tcase_add_test(tc,
                 WS_09_CVE_2026_42786_wslay_defect_08_fragments_have_a_limit);
  tcase_add_loop_test(tc, interop_62_wslay_defect_08_the_limit_is_exact, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, wslay_defect_11_every_allocation_may_fail, 0,
                      TEST_PIPE_WAYS);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/wslay");
  TCase *protocol = tcase_create("protocol");
  TCase *memory = tcase_create("memory");
  add_protocol(protocol);
  add_memory(memory);
  suite_add_tcase(suite, protocol);
  suite_add_tcase(suite, memory);
  return suite;
}
