/* Frames that are wrong, odd, or out of place (RFC 9113 sections 4 to 6). */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t zeros[16385];

/* A frame that ends the connection, with a WebSocket open on stream 1. */
struct fatal {
  int type;
  int flags;
  uint32_t stream;
  size_t len;
};

static void expect_fatal(int chunk, const struct fatal *frames, size_t len,
                         uint32_t code) {
  size_t i;
  for (i = 0; i < len; i++) {
    struct wire_app *app;
    wire_server(&w, test_chunks[chunk]);
    app = wire_open(&w, 1);
    wire_frame(&w.in, frames[i].type, frames[i].flags, frames[i].stream, zeros,
               frames[i].len);
    wire_feed(&w);
    wire_expect_goaway(&w, code);
    ck_assert_int_eq(w.cls, H2WS_CLOSE_PROTOCOL);
    ck_assert_int_eq(app->events.closed, 1);
    ck_assert_int_eq(app->events.code, 1006);
    wire_end(&w);
  }
}

START_TEST(F_04_FR_14_what_is_not_known_is_ignored) {
  int type;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_set(&w.in, {0x1a2a, 7}, {0xffff, 0xffffffff});
  for (type = 0x0b; type <= 0xff; type++) {
    wire_frame(&w.in, type, 0xff, 0, "abc", 3);
    wire_frame(&w.in, type, 0xff, 1, "abc", 3);
    wire_frame(&w.in, type, 0xff, 99, "abc", 3); /* idle */
  }
  wire_feed(&w);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_04_unknown_flags_and_the_reserved_bit) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1 | 0x80000000, WIRE_EH | 0x40, WIRE_CONNECT);
  wire_ping(&w.in, 0xfe, "12345678");
  wire_update(&w.in, 0x80000001, 0x80000001);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_04_an_unknown_frame_inside_a_header_block) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_NONE, WIRE_CONNECT);
  wire_frame(&w.in, 0x42, 0, 1, NULL, 0);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_05_a_frame_that_is_too_long) {
  static const struct fatal frames[] = {
    {WIRE_DATA, 0, 1, 16385},
    {WIRE_HEADERS, WIRE_EH, 3, 16385},
    {0x42, 0, 0, 16385},
  };
  expect_fatal(_i, frames, LEN(frames), WIRE_FRAME_SIZE);
}
END_TEST

START_TEST(FR_05_CVE_2026_42788_an_announced_size_allocates_nothing) {
  size_t live;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  live = w.env.live;
  w.blocked = true;
  wire_frame_head(&w.in, WIRE_DATA, WIRE_NONE, 1, 0xffffff);
  wire_bytes(&w.in, "abc", 3);
  wire_feed(&w);
  ck_assert_uint_le(w.env.live, live + 4);
  w.blocked = false;
  wire_take(&w);
  wire_expect_goaway(&w, WIRE_FRAME_SIZE);
  ck_assert_int_eq(h2ws_conn_recv_eof(w.conn, 0), H2WS_ERR_CLOSED);
  wire_end(&w);
}
END_TEST

START_TEST(F_06_FR_01_frames_of_fixed_size) {
  static const struct fatal frames[] = {
    {WIRE_PING, 0, 0, 7},     {WIRE_PING, 0, 0, 9},
    {WIRE_UPDATE, 0, 1, 3},   {WIRE_UPDATE, 0, 1, 5},
    {WIRE_UPDATE, 0, 0, 3},   {WIRE_RST, 0, 1, 3},
    {WIRE_RST, 0, 1, 5},      {WIRE_SETTINGS, 0, 0, 5},
    {WIRE_SETTINGS, 0, 0, 7}, {WIRE_SETTINGS, WIRE_ACK, 0, 6},
    {WIRE_GOAWAY, 0, 0, 7},   {WIRE_PRIORITY, 0, 1, 4},
    {WIRE_PRIORITY, 0, 1, 6},
  };
  expect_fatal(_i, frames, LEN(frames), WIRE_FRAME_SIZE);
}
END_TEST

START_TEST(F_07_FR_02_streams_and_the_connection) {
  static const struct fatal frames[] = {
    {WIRE_DATA, 0, 0, 1},     {WIRE_HEADERS, WIRE_EH, 0, 1},
    {WIRE_RST, 0, 0, 4},      {WIRE_CONTINUATION, WIRE_EH, 0, 0},
    {WIRE_PRIORITY, 0, 0, 5}, {WIRE_SETTINGS, 0, 1, 0},
    {WIRE_PING, 0, 1, 8},     {WIRE_GOAWAY, 0, 1, 8},
  };
  expect_fatal(_i, frames, LEN(frames), WIRE_PROTOCOL);
}
END_TEST

START_TEST(F_08_a_client_uses_odd_ids) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 2, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

/* nghttp2 would ignore the HEADERS. */
START_TEST(nghttp2_gap_10_ids_do_not_decrease) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 5);
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_08_an_id_that_was_used) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
  wire_feed(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.closed, 1);
  wire_clear(&w);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_STREAM_CLOSED);
  ck_assert_int_eq(w.requests, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_09_the_last_id_of_all) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 0x7fffffff);
  wire_unharmed(&w, 0x7fffffff);
  wire_end(&w);
}
END_TEST

START_TEST(F_10_FR_04_idle_streams) {
  static const struct fatal frames[] = {
    {WIRE_DATA, 0, 3, 1},
    {WIRE_RST, 0, 3, 4},
    {WIRE_UPDATE, 0, 3, 4},
    {WIRE_CONTINUATION, WIRE_EH, 3, 0},
  };
  static const uint8_t one[4] = {0, 0, 0, 1};
  expect_fatal(_i, frames, LEN(frames), WIRE_PROTOCOL);
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  wire_frame(&w.in, WIRE_UPDATE, 0, 5, one, sizeof(one));
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_11_data_after_the_end) {
  wire_server(&w, test_chunks[_i]);
  w.raw = true;
  (void)wire_open(&w, 1);
  wire_data(&w.in, 1, WIRE_ES, "a", 1);
  wire_data(&w.in, 1, WIRE_NONE, "b", 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_STREAM_CLOSED);
  ck_assert_uint_eq(wire_app(&w, 1)->events.len, 1);
  wire_end(&w);
}
END_TEST

START_TEST(FR_09_data_after_the_peers_own_reset) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "x", 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_STREAM_CLOSED);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 0);
  wire_end(&w);
}
END_TEST

START_TEST(F_15_half_closed_streams_count) {
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 1;
  w.raw = true;
  wire_start_server(&w);
  wire_greet(&w);
  (void)wire_open(&w, 1);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 1);
  wire_end(&w);
}
END_TEST

START_TEST(FR_07_nothing_may_come_between) {
  static const int types[] = {WIRE_DATA, WIRE_HEADERS, WIRE_PING, WIRE_SETTINGS,
                              WIRE_RST};
  size_t i;
  for (i = 0; i < LEN(types); i++) {
    wire_server(&w, test_chunks[_i]);
    (void)wire_open(&w, 1);
    wire_head(&w.in, 3, WIRE_NONE, WIRE_PSEUDO);
    wire_frame(&w.in, types[i], WIRE_NONE, 1, zeros, 8);
    wire_feed(&w);
    wire_expect_goaway(&w, WIRE_PROTOCOL);
    wire_end(&w);
  }
}
END_TEST

START_TEST(FR_07_a_continuation_of_another_stream) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_NONE, WIRE_CONNECT);
  wire_frame(&w.in, WIRE_CONTINUATION, WIRE_EH, 3, NULL, 0);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(FR_15_broken_header_compression) {
  static const struct {
    const char *bytes;
    size_t len;
  } blocks[] = {
    {"\x80", 1},         /* index 0 */
    {"\xff\x80\x01", 3}, /* an index past the table */
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* too large */
    {"\x3f\xe2\x1f", 3},                                  /* table size 4097 */
    {"\x82\x20", 2},                      /* a size update behind a field */
    {"\x00\x81\x00\x01x", 5},             /* Huffman: padding of zeros */
    {"\x00\x84\xff\xff\xff\xff\x01x", 8}, /* Huffman: EOS */
    {"\x00\x05"
     "ab",
     4}, /* a name that is cut off */
  };
  size_t i;
  for (i = 0; i < LEN(blocks); i++) {
    wire_server(&w, test_chunks[_i]);
    (void)wire_open(&w, 1);
    wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, 3, blocks[i].bytes, blocks[i].len);
    wire_feed(&w);
    wire_expect_goaway(&w, WIRE_COMPRESSION);
    ck_assert_int_eq(w.requests, 1);
    wire_end(&w);
  }
}
END_TEST

START_TEST(F_41_a_push_from_a_client) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_frame(&w.in, WIRE_PUSH, WIRE_EH, 1, "\0\0\0\x02", 4);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_42_priorities_are_tolerated) {
  wire_server(&w, test_chunks[_i]);
  wire_priority(&w.in, 3, 0);
  wire_priority(&w.in, 5, 3);
  wire_head(&w.in, 1, WIRE_EH | WIRE_PRIO,
            WIRE_CONNECT "priority: u=0, i\n"); /* as browsers do */
  wire_priority(&w.in, 1, 5);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_42_a_stream_that_depends_on_itself) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_priority(&w.in, 1, 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(headers_may_be_padded) {
  struct wire_buf block = {0};
  wire_server(&w, test_chunks[_i]);
  wire_bytes(&block, "\x05", 1);
  wire_fields(&block, WIRE_CONNECT);
  wire_bytes(&block, zeros, 5);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH | WIRE_PADDED, 1, block.data,
             block.len);
  wire_buf_free(&block);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_end(&w);
}
END_TEST

START_TEST(stray_acknowledgements_are_harmless) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_ping(&w.in, WIRE_ACK, "neversent"); /* eight of them */
  wire_feed(&w);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* A session with something of everything. */
static void record_session(struct wire_buf *b) {
  wire_set(b, {4, 70000}, {3, 10});
  wire_head(b, 1, WIRE_EH | WIRE_PRIO, WIRE_CONNECT "origin: null\n");
  wire_masked(b, 1, WIRE_NONE, WIRE_TEXT, "hello", 5);
  wire_ping(b, WIRE_NONE, "12345678");
  wire_head(b, 3, WIRE_NONE, WIRE_CONNECT);
  wire_frame(b, WIRE_CONTINUATION, WIRE_EH, 3, NULL, 0);
  wire_data_padded(b, 3, WIRE_NONE, "\x82\x81\0\0\0\0x", 7, 20);
  wire_head(b, 5, WIRE_EH | WIRE_ES, WIRE_GET);
  wire_update(b, 0, 5000);
  wire_update(b, 1, 5000);
  wire_set(b, {4, 0}, {1, 0});
  wire_masked(b, 1, WIRE_ES, WIRE_CLOSE,
              "\x03\xe8"
              "bye",
              5);
  wire_rst(b, 3, WIRE_CANCEL);
  wire_head(b, 7, WIRE_EH, WIRE_CONNECT "connection: x\n");
  wire_head(b, 9, WIRE_EH, WIRE_CONNECT);
  wire_masked(b, 9, WIRE_NONE, WIRE_CLOSE, "", 0);
  wire_goaway(b, 0, WIRE_NO_ERROR);
}

/* Whatever is wrong with it: what comes out is HTTP/2, and nothing leaks. */
START_TEST(FR_24_random_changes_to_a_session) {
  struct wire_buf session = {0};
  struct test_env dice;
  int round;
  test_env_init(&dice);
  dice.random_state += (uint64_t)_i;
  record_session(&session);
  for (round = 0; round < 500; round++) {
    int changes = round % 4 + 1;
    wire_server(&w, test_chunks[_i]);
    wire_bytes(&w.in, session.data, session.len);
    while (changes-- > 0) {
      size_t at;
      dice.random_state = dice.random_state * UINT64_C(6364136223846793005) + 1;
      at = (size_t)(dice.random_state >> 33) % session.len;
      w.in.data[at] = (uint8_t)(dice.random_state >> 25);
    }
    wire_feed(&w);
    wire_advance(&w, 20000);
    wire_end(&w);
  }
  wire_buf_free(&session);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    F_04_FR_14_what_is_not_known_is_ignored,
    F_04_unknown_flags_and_the_reserved_bit,
    F_04_an_unknown_frame_inside_a_header_block,
    F_05_a_frame_that_is_too_long,
    FR_05_CVE_2026_42788_an_announced_size_allocates_nothing,
    F_06_FR_01_frames_of_fixed_size,
    F_07_FR_02_streams_and_the_connection,
    F_08_a_client_uses_odd_ids,
    nghttp2_gap_10_ids_do_not_decrease,
    F_08_an_id_that_was_used,
    F_09_the_last_id_of_all,
    F_10_FR_04_idle_streams,
    F_11_data_after_the_end,
    FR_09_data_after_the_peers_own_reset,
    F_15_half_closed_streams_count,
    FR_07_nothing_may_come_between,
    FR_07_a_continuation_of_another_stream,
    FR_15_broken_header_compression,
    F_41_a_push_from_a_client,
    F_42_priorities_are_tolerated,
    F_42_a_stream_that_depends_on_itself,
    FR_24_random_changes_to_a_session,
    headers_may_be_padded,
    stray_acknowledgements_are_harmless,
  };
  return wire_suite("h2/frames", tests, sizeof(tests) / sizeof(tests[0]));
}
