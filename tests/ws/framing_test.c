/* Frames (RFC 6455 section 5), on both sides. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct test_pipe pipe;

/* These bytes make the socket fail with `code` and deliver nothing. */
static void expect_failure(int way, const char *hex, uint16_t code) {
  test_pipe_begin(&pipe, way);
  test_pipe_feed_hex(&pipe, hex);
  test_pipe_expect_failed(&pipe, code);
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}

START_TEST(R_01_WS_02_a_server_refuses_unmasked_frames) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_raw(&pipe, "\x82\x01\x01", 3);
  test_pipe_expect_failed(&pipe, 1002);
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_02_a_client_refuses_masked_frames) {
  test_pipe_begin(&pipe, TEST_CHUNKS + _i);
  test_pipe_feed_raw(&pipe, "\x82\x81\0\0\0\0\x01", 7);
  test_pipe_expect_failed(&pipe, 1002);
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

static int compare_keys(const void *a, const void *b) {
  return memcmp(a, b, 4);
}

START_TEST(R_03_each_frame_has_a_key_of_its_own) {
  enum { FRAMES = 10000 };
  int twice = 0;
  size_t i;
  test_pipe_begin(&pipe, TEST_CHUNKS + _i);
  for (i = 0; i < FRAMES; i++) {
    ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, "x", 1), 0);
    test_pipe_expect(&pipe, "82 01 78");
  }
  ck_assert_uint_eq(pipe.keys.len, (size_t)FRAMES * 4);
  qsort(pipe.keys.data, FRAMES, 4, compare_keys);
  for (i = 1; i < FRAMES; i++) {
    const uint8_t *key = pipe.keys.data + 4 * i;
    twice += memcmp(key, key - 4, 4) == 0;
  }
  ck_assert_int_le(twice, 3); /* one in a hundred runs has one by chance */
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_03_without_randomness_nothing_is_sent) {
  test_pipe_begin(&pipe, TEST_CHUNKS + _i);
  pipe.env.random_fails = true;
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "secret", 6),
                   H2WS_ERR_INTERNAL);
  test_pipe_expect(&pipe, "");
  ck_assert(pipe.was_reset);
  ck_assert_int_eq(pipe.events.closed, 1);
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_INTERNAL);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_04_what_is_sent_is_frozen_by_the_call) {
  char text[] = "before";
  test_pipe_init(&pipe, _i);
  pipe.send_window = 0;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, text, 6), 0);
  memset(text, 'x', 6);
  test_pipe_expect(&pipe, "");
  test_pipe_open_window(&pipe, 1000);
  test_pipe_expect(&pipe, "81 06 62 65 66 6f 72 65");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_05_the_key_keeps_its_phase_at_every_split) {
  static const char text[] = "thirteen byte";
  struct test_bytes frame = {0};
  size_t split;
  test_pipe_begin(&pipe, _i);
  test_bytes_add_frame(&frame, 0x81, text, 13);
  for (split = 1; split < frame.len; split++) {
    pipe.events.len = 0;
    test_pipe_feed(&pipe, frame.data, split);
    test_pipe_feed(&pipe, frame.data + split, frame.len - split);
    ck_assert_uint_eq(pipe.events.len, 13);
    ck_assert_mem_eq(pipe.events.data, text, 13);
  }
  test_bytes_dispose(&frame);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_06_WS_01_reserved_bits_are_refused) {
  static const char *const frames[] = {
    "c1 00",    "a1 00", "91 00",    "f1 00",       "c1 01 61",
    "c2 00",    "c9 00", "a9 00",    "98 02 03 e8", "9a 00",
    "41 01 61", "b8 00", "e2 01 61", "ca 00",       "01 01 61 c0 00",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    expect_failure(_i, frames[i], 1002);
  }
}
END_TEST

START_TEST(R_07_WS_01_reserved_opcodes_are_refused) {
  static const char *const frames[] = {
    "83 01 01", "84 00", "85 00", "86 00",       "87 00",
    "8b 00",    "8c 00", "8d 00", "8e 00",       "8f 01 01",
    "03 01 01", "07 00", "0b 00", "01 00 83 00",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    expect_failure(_i, frames[i], 1002);
  }
}
END_TEST

START_TEST(R_08_WS_01_lengths_take_the_fewest_bytes) {
  static const char *const frames[] = {
    "82 7e 0005 01 02 03 04 05",
    "82 7e 0000",
    "82 7e 007d",
    "82 7f 0000000000000005 01 02 03 04 05",
    "82 7f 000000000000007e",
    "82 7f 000000000000ffff",
    "82 7f 8000000000000000",
    "82 7f ffffffffffffffff",
    "89 7e 0001 61",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    expect_failure(_i, frames[i], 1002);
  }
}
END_TEST

START_TEST(R_09_lengths_at_the_borders) {
  static const struct {
    size_t len;
    const char *header;
  } rows[] = {
    {0, "82 00"},
    {1, "82 01"},
    {125, "82 7d"},
    {126, "82 7e 007e"},
    {127, "82 7e 007f"},
    {65535, "82 7e ffff"},
    {65536, "82 7f 0000000000010000"},
    {65537, "82 7f 0000000000010001"},
  };
  static uint8_t payload[65537];
  size_t i;
  memset(payload, 0xa5, sizeof(payload));
  test_pipe_init(&pipe, _i);
  pipe.echoes = true;
  test_pipe_open(&pipe);
  for (i = 0; i < LEN(rows); i++) {
    struct test_bytes frame = {0};
    test_bytes_add_hex(&frame, rows[i].header);
    test_bytes_add(&frame, payload, rows[i].len);
    test_pipe_feed(&pipe, frame.data, frame.len);
    ck_assert_uint_eq(pipe.events.last_len, rows[i].len);
    test_pipe_expect_bytes(&pipe, frame.data, frame.len, rows[i].header);
    test_bytes_dispose(&frame);
  }
  ck_assert_int_eq(pipe.events.messages, (int)LEN(rows));
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_10_nothing_follows_our_close) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, NULL, 0), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0),
                   H2WS_ERR_STATE);
  test_pipe_expect(&pipe, "88 02 03 e8");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_10_nothing_after_the_peers_close_is_processed) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 02 03 e8 81 01 61 89 00 88 00");
  test_pipe_expect(&pipe, "88 02 03 e8");
  ck_assert(pipe.ended);
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 1000 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_11_WS_04_fragments_begin_go_on_and_end) {
  static const char *const frames[] = {
    "80 00",
    "00 00",
    "80 01 61",
    "01 01 61 81 01 62",
    "01 01 61 02 01 62",
    "02 00 82 00",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    expect_failure(_i, frames[i], 1002);
  }
}
END_TEST

START_TEST(R_11_after_a_message_nothing_is_open) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "01 01 61 80 01 62 80 01 63");
  test_pipe_expect_failed(&pipe, 1002);
  test_pipe_expect_trace(&pipe, "text 2 ab\nclose protocol 1002 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_12_fragments_may_be_empty) {
  static const struct {
    const char *frames;
    const char *trace;
  } rows[] = {
    {"01 00 00 00 80 00", "text 0 \n"},
    {"02 00 80 00", "binary 0 \n"},
    {"82 00", "binary 0 \n"},
    {"01 00 00 01 61 80 00", "text 1 a\n"},
    {"01 01 61 00 00 80 01 62", "text 2 ab\n"},
    {"01 01 61 00 01 62 80 00", "text 2 ab\n"},
    {"01 00 00 00 80 01 61", "text 1 a\n"},
  };
  size_t i;
  test_pipe_begin(&pipe, _i);
  for (i = 0; i < LEN(rows); i++) {
    pipe.trace.len = 0;
    test_pipe_feed_hex(&pipe, rows[i].frames);
    test_pipe_expect_trace(&pipe, rows[i].trace);
  }
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_13_WS_12_control_frames_between_fragments) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "01 01 61 89 01 70");
  test_pipe_expect(&pipe, "8a 01 70");
  test_pipe_expect_trace(&pipe, "ping 1 p\n");
  test_pipe_feed_hex(&pipe, "8a 01 71 80 01 62");
  test_pipe_expect_trace(&pipe, "ping 1 p\npong 1 q\ntext 2 ab\n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_14_chunks_know_the_message_not_the_fragments) {
  test_pipe_init(&pipe, _i);
  pipe.by_chunk = true;
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "01 02 61 62 89 00 00 00");
  ck_assert_int_eq(pipe.events.messages, 0);
  ck_assert_int_ge(pipe.events.chunks, 1);
  ck_assert_int_le(pipe.events.chunks, 2);
  ck_assert_mem_eq(pipe.events.data, "ab", 2);
  test_pipe_feed_hex(&pipe, "80 01 63");
  ck_assert_int_eq(pipe.events.messages, 1);
  ck_assert_uint_eq(pipe.events.flags, H2WS_CHUNK_LAST);
  ck_assert_mem_eq(pipe.events.data, "abc", 3);
  test_pipe_feed_hex(&pipe, "81 01 64");
  ck_assert_uint_eq(pipe.events.flags, H2WS_CHUNK_FIRST | H2WS_CHUNK_LAST);
  pipe.events.chunks = 0;
  test_pipe_feed_hex(&pipe, "01 00 00 00 80 00");
  ck_assert_int_eq(pipe.events.chunks, 1);
  ck_assert_uint_eq(pipe.events.flags, H2WS_CHUNK_FIRST | H2WS_CHUNK_LAST);
  ck_assert_int_eq(pipe.events.messages, 3);
  ck_assert_uint_eq(pipe.events.len, 4);
  test_pipe_dispose(&pipe);
}
END_TEST

/* New callbacks in the middle of a message take the rest in their own way. */
START_TEST(R_14_callbacks_change_in_the_middle_of_a_message) {
  struct test_events seen = {0};
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "01 02 61 62");
  ck_assert_int_eq(
    h2ws_socket_set_callbacks(pipe.socket, &test_chunk_callbacks, &seen), 0);
  test_pipe_feed_hex(&pipe, "00 01 63");
  ck_assert_mem_eq(seen.data, "abc", 3);
  ck_assert_int_eq(seen.messages, 0);
  ck_assert_int_eq(
    h2ws_socket_set_callbacks(pipe.socket, &test_socket_callbacks, &seen), 0);
  test_pipe_feed_hex(&pipe, "80 01 64"); /* its beginning is gone */
  ck_assert_int_eq(seen.messages, 0);
  test_pipe_feed_hex(&pipe, "81 01 65");
  ck_assert_int_eq(seen.messages, 1);
  ck_assert_uint_eq(seen.last_len, 1);
  ck_assert_uint_eq(seen.len, 4);
  ck_assert_mem_eq(seen.data, "abce", 4);
  pipe.events.closed = 1; /* will be told to `seen` */
  test_pipe_dispose(&pipe);
  ck_assert_int_eq(seen.closed, 1);
  test_events_dispose(&seen);
}
END_TEST

START_TEST(R_15_control_frames_are_short_and_whole) {
  static const char *const frames[] = {
    "89 7e 007e", "88 7e 007e", "8a 7e 007e", "89 7f 0000000000010000",
    "09 00",      "08 00",      "0a 00",      "09 01 61",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    expect_failure(_i, frames[i], 1002);
  }
}
END_TEST

START_TEST(R_16_a_ping_is_answered_with_its_bytes) {
  uint8_t payload[125];
  struct test_bytes pong = {0};
  memset(payload, 0xfe, sizeof(payload));
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "89 00");
  test_pipe_expect(&pipe, "8a 00");
  test_pipe_feed_frame(&pipe, 0x89, payload, sizeof(payload));
  test_bytes_add_frame(&pong, 0x8a, payload, sizeof(payload));
  test_pipe_expect_bytes(&pipe, pong.data, pong.len, "pong of 125 bytes");
  test_bytes_dispose(&pong);
  ck_assert_int_eq(pipe.events.pings, 2);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_16_only_the_latest_ping_needs_an_answer) {
  test_pipe_init(&pipe, _i);
  pipe.send_window = 0;
  pipe.options.high_water = 10;
  pipe.options.low_water = 0;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "0123456789", 10),
                   0);
  test_pipe_feed_hex(&pipe, "89 01 61 89 01 62 89 03 636465");
  test_pipe_expect(&pipe, "");
  test_pipe_open_window(&pipe, 1000);
  test_pipe_expect(&pipe, "81 0a 30313233343536373839 8a 03 636465");
  ck_assert_int_eq(pipe.events.pings, 3);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_17_an_unasked_pong_changes_nothing) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "8a 03 010203 8a 00");
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(pipe.events.pongs, 2);
  test_pipe_feed_hex(&pipe, "81 01 61");
  ck_assert_int_eq(pipe.events.messages, 1);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_18_WS_07_a_huge_frame_is_refused_by_its_header) {
  static const char *const frames[] = {
    "82 7f 0000000080000000", /* 2^31 */
    "82 7f 7fffffffffffffff", /* 2^63 - 1 */
    "81 7f 0000000001000001", /* max_message + 1 */
    "02 7f 7fffffffffffffff",
  };
  size_t i;
  for (i = 0; i < LEN(frames); i++) {
    test_pipe_begin(&pipe, _i);
    pipe.env.largest = 0;
    test_pipe_feed_hex(&pipe, frames[i]);
    ck_assert_uint_lt(pipe.env.largest, 4096);
    test_pipe_expect_failed(&pipe, 1009);
    ck_assert_int_eq(pipe.events.error, H2WS_ERR_LIMIT);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(R_19_all_fragments_together_have_a_limit) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.max_message = 10;
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "82 0a 00010203040506070809");
  ck_assert_int_eq(pipe.events.messages, 1);
  test_pipe_feed_hex(&pipe, "02 06 000102030405");
  test_pipe_expect(&pipe, "");
  test_pipe_feed_hex(&pipe, "00 06"); /* the header is enough */
  test_pipe_expect_failed(&pipe, 1009);
  ck_assert_int_eq(pipe.events.messages, 1);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_19_lengths_do_not_wrap_around) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.max_message = 0; /* off */
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "02 01 61 02 7f 7fffffffffffffff");
  test_pipe_expect_failed(&pipe, 1002); /* the second beginning */
  test_pipe_dispose(&pipe);
  test_pipe_init(&pipe, _i);
  pipe.socket_options.max_message = UINT64_MAX - 1;
  test_pipe_open(&pipe);
  pipe.env.largest = 0;
  test_pipe_feed_hex(&pipe, "02 01 61 80 7f 7fffffffffffffff 62");
  ck_assert_uint_lt(pipe.env.largest, 65536);
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(R_20_the_cut_of_the_bytes_changes_nothing) {
  struct test_bytes in = {0};
  uint8_t big[300];
  memset(big, 'B', sizeof(big));
  test_bytes_add_hex(&in, "81 02 6869 01 01 61 89 02 7031 00 00 80 02 6263"
                          "82 00 8a 01 7a 02 01 62 8a 00 89 00 80 00");
  test_bytes_add_frame(&in, 0x82, big, sizeof(big));
  test_bytes_add_hex(&in, "88 05 0bb8 627965 81 01 78");
  test_pipe_begin(&pipe, _i);
  test_pipe_feed(&pipe, in.data, in.len);
  test_pipe_feed_end(&pipe);
  test_pipe_expect(&pipe, "8a 02 7031 8a 00 88 02 0bb8");
  test_pipe_expect_trace(
    &pipe, "text 2 hi\nping 2 p1\ntext 3 abc\nbinary 0 \npong 1 z\npong 0 \n"
           "ping 0 \nbinary 1 b\n"
           "binary 300 BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB\n"
           "close clean 3000 bye\n");
  test_bytes_dispose(&in);
  test_pipe_dispose(&pipe);
}
END_TEST

static void add_refusals(TCase *tc) {
  tcase_add_loop_test(tc, R_01_WS_02_a_server_refuses_unmasked_frames, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, R_02_a_client_refuses_masked_frames, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, R_06_WS_01_reserved_bits_are_refused, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_07_WS_01_reserved_opcodes_are_refused, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_08_WS_01_lengths_take_the_fewest_bytes, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_11_WS_04_fragments_begin_go_on_and_end, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_11_after_a_message_nothing_is_open, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_15_control_frames_are_short_and_whole, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_18_WS_07_a_huge_frame_is_refused_by_its_header, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_19_all_fragments_together_have_a_limit, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_19_lengths_do_not_wrap_around, 0, TEST_PIPE_WAYS);
}

static void add_frames(TCase *tc) {
  tcase_add_loop_test(tc, R_03_each_frame_has_a_key_of_its_own, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, R_03_without_randomness_nothing_is_sent, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, R_04_what_is_sent_is_frozen_by_the_call, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_05_the_key_keeps_its_phase_at_every_split, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_09_lengths_at_the_borders, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_10_nothing_follows_our_close, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_10_nothing_after_the_peers_close_is_processed, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_12_fragments_may_be_empty, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_13_WS_12_control_frames_between_fragments, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_14_chunks_know_the_message_not_the_fragments, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_14_callbacks_change_in_the_middle_of_a_message, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_16_a_ping_is_answered_with_its_bytes, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_16_only_the_latest_ping_needs_an_answer, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_17_an_unasked_pong_changes_nothing, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, R_20_the_cut_of_the_bytes_changes_nothing, 0,
                      TEST_PIPE_WAYS);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/framing");
  TCase *refusals = tcase_create("refusals");
  TCase *frames = tcase_create("frames");
  add_refusals(refusals);
  add_frames(frames);
  suite_add_tcase(suite, refusals);
  suite_add_tcase(suite, frames);
  return suite;
}
