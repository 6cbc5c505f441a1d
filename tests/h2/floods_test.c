/* Peers that send too much of something, and header blocks that are bombs. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define BURST 10000 /* max_glitch_burst */

/* What every flood must come to. */
static void expect_calm(void) {
  wire_expect_goaway(&w, WIRE_CALM);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_PROTOCOL);
  ck_assert_int_eq(w.error, H2WS_ERR_LIMIT);
}

static h2ws_conn_stats stats_of(void) {
  h2ws_conn_stats stats = {0};
  stats.size = sizeof(stats);
  ck_assert_int_eq(h2ws_conn_get_stats(w.conn, &stats), 0);
  return stats;
}

/* Repeats the bytes in w.in until there are `n` of them, and feeds. */
static void feed_times(size_t n) {
  struct wire_buf one = {0};
  wire_bytes(&one, w.in.data, w.in.len);
  while (--n > 0) {
    wire_bytes(&w.in, one.data, one.len);
  }
  wire_buf_free(&one);
  wire_feed(&w);
}

START_TEST(FL_01_CVE_2019_9512_pings_while_nothing_can_be_sent) {
  size_t live;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  live = w.env.live;
  w.blocked = true;
  wire_ping(&w.in, WIRE_NONE, "12345678");
  feed_times(5000);
  ck_assert_int_eq(w.recv_rv, H2WS_ERR_LIMIT);
  ck_assert_uint_lt(w.env.live, live + 2100); /* 1000 answers */
  w.blocked = false;
  wire_take(&w);
  expect_calm();
  ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
  ck_assert_uint_eq(stats_of().limits_hit, 1);
  wire_end(&w);
}
END_TEST

START_TEST(FL_01_pings_that_are_answered) {
  int i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < 22; i++) {
    wire_ping(&w.in, WIRE_NONE, "12345678");
    feed_times(500);
    if (i < 19) {
      wire_expect_alive(&w);
      ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 500);
    }
    if (w.closed == 0) {
      wire_clear(&w);
    }
  }
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_02_CVE_2019_9515_settings_while_nothing_can_be_sent) {
  wire_server(&w, test_chunks[_i]);
  w.blocked = true;
  wire_set(&w.in, {4, 65535});
  feed_times(5000);
  ck_assert_int_eq(w.recv_rv, H2WS_ERR_LIMIT);
  w.blocked = false;
  wire_take(&w);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FR_21_settings_that_move_every_window) {
  uint32_t i;
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 1000;
  wire_start_server(&w);
  wire_greet(&w);
  for (i = 0; i < 1000; i++) {
    wire_head(&w.in, i * 2 + 1, WIRE_EH, WIRE_CONNECT);
  }
  wire_feed(&w);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 1000);
  wire_set(&w.in, {4, 0});
  wire_set(&w.in, {4, 65535});
  feed_times(BURST / 2 + 10);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_03_CVE_2019_9518_empty_data) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_data(&w.in, 1, WIRE_NONE, NULL, 0);
  feed_times(100);
  wire_unharmed(&w, 1);
  wire_data(&w.in, 1, WIRE_NONE, NULL, 0);
  feed_times(101);
  expect_calm();
  ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(FL_03_data_that_is_all_padding) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_data_padded(&w.in, 1, WIRE_NONE, NULL, 0, 3);
  feed_times(BURST - 100);
  wire_unharmed(&w, 1);
  wire_data_padded(&w.in, 1, WIRE_NONE, NULL, 0, 3);
  feed_times(200);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_12_goaways_without_end) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_goaway(&w.in, 0, WIRE_NO_ERROR);
  feed_times(BURST + 10);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_05_CVE_2019_9513_priority_frames) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_priority(&w.in, 3, 1);
  feed_times(BURST + 10);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_12_frames_of_unknown_types) {
  wire_server(&w, test_chunks[_i]);
  wire_frame(&w.in, 0x77, 0xff, 0, "x", 1);
  feed_times(BURST + 10);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(FL_11_tiny_window_updates) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_update(&w.in, 1, 1);
  feed_times(BURST + 100);
  expect_calm();
  wire_end(&w);
}
END_TEST

/* The bucket refills: what comes slowly is no flood. */
START_TEST(FL_05_the_same_frames_over_an_hour) {
  int i;
  wire_init(&w, test_chunks[_i]);
  w.options.max_glitch_burst = 100;
  w.options.max_glitch_rate = 10;
  wire_start_server(&w);
  wire_greet(&w);
  (void)wire_open(&w, 1);
  for (i = 0; i < 360; i++) {
    wire_priority(&w.in, 3, 1);
    feed_times(90);
    wire_advance(&w, 10000);
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* Streams `from` on, each opened and reset at once. */
static void open_and_reset(uint32_t from, int n) {
  uint32_t id = from;
  while (n-- > 0) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
    wire_rst(&w.in, id, WIRE_CANCEL);
    id += 2;
  }
  wire_feed(&w);
}

/* nghttp2 by itself would say INTERNAL_ERROR. */
START_TEST(nghttp2_gap_11_rapid_reset) {
  wire_server(&w, test_chunks[_i]);
  open_and_reset(1, 5000);
  expect_calm();
  ck_assert_uint_le(stats_of().resets_received, 1001);
  wire_end(&w);
}
END_TEST

START_TEST(FL_06_CVE_2023_44487_what_was_reset_at_once_is_not_handed_up) {
  wire_server(&w, test_chunks[_i]);
  open_and_reset(1, 900);
  wire_expect_alive(&w);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  if (test_chunks[_i] > 7) { /* one at the end of each turn, at most */
    ck_assert_int_le(w.requests, 3);
  }
  wire_advance(&w, 60000 - 1);
  open_and_reset(1801, 900);
  wire_expect_alive(&w);
  (void)wire_open(&w, 4001);
  wire_unharmed(&w, 4001);
  wire_end(&w);
}
END_TEST

/* 5000 requests with this head, at once. */
static void reset_flood(int chunk, const char *head) {
  uint32_t id;
  wire_init(&w, test_chunks[chunk]);
  w.options.max_streams = 5000;
  wire_start_server(&w);
  wire_greet(&w);
  for (id = 1; id < 10000; id += 2) {
    wire_head(&w.in, id, WIRE_EH, head);
  }
  wire_feed(&w);
  expect_calm();
  ck_assert_uint_le(wire_count(&w, WIRE_RST, WIRE_ANY), 201);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}

START_TEST(FL_07_CVE_2019_9514_requests_that_we_must_reset) {
  reset_flood(_i, WIRE_CONNECT "connection: x\n"); /* nghttp2 finds it */
  reset_flood(_i, ":method: CONNECT\n:scheme: http\n:path: /\n"
                  ":authority: a\n:protocol: a b\n"); /* we do */
}
END_TEST

/* "MadeYouReset" */
START_TEST(FL_07_CVE_2025_8671_windows_made_to_overflow) {
  uint32_t id = 1;
  int n = 5000;
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 5000;
  wire_start_server(&w);
  wire_greet(&w);
  while (n-- > 0) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
    wire_update(&w.in, id, 0x7fffffff);
    id += 2;
  }
  wire_feed(&w);
  expect_calm();
  ck_assert_uint_le(wire_count(&w, WIRE_RST, WIRE_ANY), 201);
  wire_end(&w);
}
END_TEST

/* `head` on one stream after the other, each ended by the client. */
static void refused_flood(const char *head, int n) {
  uint32_t id = 1;
  while (n-- > 0) {
    wire_head(&w.in, id, WIRE_EH, head);
    wire_data(&w.in, id, WIRE_ES, NULL, 0);
    id += 2;
    if (n % 16 == 0) {
      wire_feed(&w);
      wire_clear(&w);
    }
    if (w.recv_rv != 0) {
      return;
    }
  }
}

START_TEST(FL_08_requests_that_the_library_refuses) {
  wire_init(&w, test_chunks[_i]);
  w.options.max_glitch_burst = 1000;
  wire_start_server(&w);
  wire_greet(&w);
  refused_flood(WIRE_PSEUDO "content-length: 1\n", 2000);
  ck_assert_int_eq(w.error, H2WS_ERR_LIMIT);
  ck_assert_uint_eq(w.h2_code, WIRE_CALM);
  wire_end(&w);
}
END_TEST

START_TEST(FL_08_requests_that_the_application_refuses) {
  wire_init(&w, test_chunks[_i]);
  w.options.max_glitch_burst = 1000;
  w.refuse = true;
  wire_start_server(&w);
  wire_greet(&w);
  refused_flood(WIRE_CONNECT, 2000);
  ck_assert_int_eq(w.error, H2WS_ERR_LIMIT);
  ck_assert_uint_eq(w.h2_code, WIRE_CALM);
  ck_assert_int_le(w.requests, 1001);
  wire_end(&w);
}
END_TEST

START_TEST(FL_13_interim_answers_without_end) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, ":status: 103\n");
  feed_times(16);
  ck_assert_int_eq(app->events.closed, 0);
  wire_head(&w.in, 1, WIRE_EH, ":status: 103\n");
  feed_times(100);
  wire_expect_rst(&w, 1, WIRE_CALM);
  ck_assert_int_eq(app->events.error, H2WS_ERR_LIMIT);
  wire_end(&w);
}
END_TEST

/* nghttp2 has none of these limits. */
START_TEST(F_43_nghttp2_gap_12_no_flood_goes_unnoticed) {
  static const int types[] = {WIRE_PRIORITY, 0x0b, 0xff, WIRE_UPDATE};
  size_t i;
  for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
    wire_init(&w, test_chunks[_i]);
    w.options.max_glitch_burst = 100;
    wire_start_server(&w);
    wire_greet(&w);
    (void)wire_open(&w, 1);
    if (types[i] == WIRE_UPDATE) {
      wire_update(&w.in, 0, 1);
    } else {
      wire_priority(&w.in, 1, 0);
      w.in.data[3] = (uint8_t)types[i];
    }
    feed_times(200);
    expect_calm();
    wire_end(&w);
  }
}
END_TEST

START_TEST(FL_01_answers_to_pings_never_sent) {
  wire_server(&w, test_chunks[_i]);
  wire_ping(&w.in, WIRE_ACK, "12345678");
  feed_times(BURST + 10);
  expect_calm();
  wire_end(&w);
}
END_TEST

/* nghttp2 has forgotten the oldest closed streams, and ignores them. */
START_TEST(FL_07_headers_on_streams_long_closed) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.max_glitch_burst = 1000;
  wire_start_server(&w);
  wire_greet(&w);
  for (id = 1; id < 600; id += 2) {
    (void)wire_open(&w, id);
    wire_masked(&w.in, id, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
    wire_feed(&w);
  }
  wire_clear(&w);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x: y\n");
  feed_times(100);
  wire_expect_alive(&w);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x: y\n");
  feed_times(2000);
  expect_calm();
  ck_assert_int_eq(w.requests, 300);
  wire_end(&w);
}
END_TEST

/* A client has the same limits. */
START_TEST(FL_03_a_server_that_floods) {
  static const struct {
    int type;
    int flags;
    uint32_t stream;
    size_t len;
  } frames[] = {
    {WIRE_DATA, 0, 1, 0},     {WIRE_PING, 0, 0, 8}, {WIRE_SETTINGS, 0, 0, 0},
    {WIRE_PRIORITY, 0, 1, 5}, {0x0c, 0, 0, 0},
  };
  size_t i;
  for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
    wire_init(&w, test_chunks[_i]);
    w.options.max_glitch_burst = 300;
    wire_start_client(&w);
    wire_greet(&w);
    (void)wire_ask_open(&w);
    wire_frame(&w.in, frames[i].type, frames[i].flags, frames[i].stream,
               "\0\0\0\0\0\0\0", frames[i].len);
    feed_times(400);
    expect_calm();
    ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
    wire_end(&w);
  }
}
END_TEST

START_TEST(FL_15_streams_beyond_the_limit) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 2;
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_settings(&w.in, NULL, 0);
  for (id = 1; id < 8; id += 2) { /* our limit is not known to them yet */
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
  }
  wire_feed(&w);
  wire_expect_rst(&w, 5, WIRE_REFUSED);
  wire_expect_rst(&w, 7, WIRE_REFUSED);
  ck_assert_int_eq(w.requests, 2);
  wire_unharmed(&w, 1);
  wire_ack(&w.in);
  wire_head(&w.in, 9, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 2);
  wire_end(&w);
}
END_TEST

START_TEST(FL_20_closes_after_the_first) {
  struct wire_app *app;
  int i;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  for (i = 0; i < 1000; i++) {
    wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, "\x03\xe8", 2);
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  wire_expect_data(&w, 1, "\x88\x02\x03\xe8", 4);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(FL_18_websocket_pings_while_nothing_can_be_sent) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.socket_options.max_controls = 0;
  w.options.low_water = 1000;
  w.options.high_water = 4000;
  wire_start_server(&w);
  wire_greet(&w);
  app = wire_open(&w, 1);
  w.blocked = true;
  wire_masked(&w.in, 1, WIRE_NONE, 0x89, "0123456789", 10);
  feed_times(9000);
  ck_assert_int_eq(app->events.pings, 9000);
  ck_assert_uint_lt(h2ws_socket_queued(app->socket), 4012);
  w.blocked = false;
  wire_take(&w);
  ck_assert_uint_lt(wire_data_len(&w, 1), 4100);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Header blocks
 */

/* HEADERS without END_HEADERS, then `n` CONTINUATIONs of one field each. */
static void block_in_pieces(uint32_t stream, int n) {
  struct wire_buf block = {0};
  wire_head(&w.in, stream, WIRE_NONE, WIRE_CONNECT);
  wire_fields(&block, "a: b\n");
  while (n-- > 0) {
    wire_frame(&w.in, WIRE_CONTINUATION, n == 0 ? WIRE_EH : WIRE_NONE, stream,
               block.data, block.len);
  }
  wire_buf_free(&block);
}

START_TEST(F_40_eight_continuations_are_enough) {
  wire_server(&w, test_chunks[_i]);
  block_in_pieces(1, 8);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  block_in_pieces(3, 9);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(w.requests, 1);
  wire_end(&w);
}
END_TEST

START_TEST(FL_09_CVE_2026_33871_empty_continuations) {
  int i;
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_NONE, WIRE_CONNECT);
  for (i = 0; i < 1000; i++) {
    wire_frame(&w.in, WIRE_CONTINUATION, WIRE_NONE, 1, NULL, 0);
  }
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(FL_09_a_block_that_never_ends) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_NONE, WIRE_CONNECT);
  wire_feed(&w);
  wire_advance(&w, 5000);
  wire_frame(&w.in, WIRE_CONTINUATION, WIRE_NONE, 1, NULL, 0);
  wire_feed(&w);
  wire_advance(&w, 4999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_goaway(&w, WIRE_CALM);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

/* END_HEADERS is in its first nine octets; the rest comes in drops. */
START_TEST(FL_09_one_frame_of_headers_that_never_ends) {
  struct wire_buf whole = {0};
  wire_server(&w, test_chunks[_i]);
  wire_head(&whole, 1, WIRE_EH, WIRE_CONNECT);
  wire_bytes(&w.in, whole.data, 12);
  wire_feed(&w);
  wire_advance(&w, 5000);
  wire_bytes(&w.in, whole.data + 12, 1);
  wire_feed(&w);
  wire_advance(&w, 4999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_goaway(&w, WIRE_CALM);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  wire_buf_free(&whole);
  wire_end(&w);
}
END_TEST

#define BOMB_VALUE 4000

/* CONNECT, an entry of 4000 bytes, and `n` references of one byte to it. */
static void bomb(uint32_t stream, const char *name, size_t n) {
  /* RFC 7541 section 6.2.1: literal with incremental indexing, new name;
   * the length 4000 is 127 + 33 + 30 * 128 */
  static const uint8_t len[] = {0x7f, 0xa1, 0x1e};
  struct wire_buf block = {0};
  uint8_t name_len = (uint8_t)strlen(name);
  char *value = malloc(BOMB_VALUE);
  ck_assert_ptr_nonnull(value);
  memset(value, 'v', BOMB_VALUE);
  wire_fields(&block, WIRE_CONNECT);
  wire_bytes(&block, "\x40", 1);
  wire_bytes(&block, &name_len, 1);
  wire_bytes(&block, name, name_len);
  wire_bytes(&block, len, sizeof(len));
  wire_bytes(&block, value, BOMB_VALUE);
  while (n-- > 0) {
    wire_bytes(&block, "\xbe", 1); /* section 6.1: index 62 */
  }
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, stream, block.data, block.len);
  wire_buf_free(&block);
  free(value);
}

START_TEST(LM_01_CVE_2016_6581_a_small_bomb_gets_431) {
  static const char *const names[] = {"bomb", "cookie"};
  size_t i;
  for (i = 0; i < 2; i++) {
    size_t live;
    wire_server(&w, test_chunks[_i]);
    (void)wire_open(&w, 1);
    live = w.env.live;
    bomb(3, names[i], 60);
    wire_data(&w.in, 3, WIRE_ES, NULL, 0);
    wire_feed(&w);
    wire_expect_refusal(&w, 3, 431);
    ck_assert_uint_le(w.env.live, live + 10); /* nothing was kept */
    wire_unharmed(&w, 1);
    wire_end(&w);
  }
}
END_TEST

/* The compression state is right after a block that was too big. */
START_TEST(nghttp2_gap_08_a_big_block_keeps_the_table) {
  struct wire_buf block = {0};
  wire_server(&w, test_chunks[_i]);
  bomb(1, "bomb", 10);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 431);
  w.wait = true;
  wire_fields(&block, WIRE_CONNECT);
  wire_bytes(&block, "\xbe", 1);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, 3, block.data, block.len);
  wire_buf_free(&block);
  wire_feed(&w);
  ck_assert_uint_eq(strlen(h2ws_stream_header(wire_app(&w, 3)->stream, "bomb")),
                    BOMB_VALUE);
  wire_end(&w);
}
END_TEST

START_TEST(nghttp2_gap_14_a_large_bomb_ends_the_connection) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  bomb(3, "bomb", 12000);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
  wire_end(&w);
}
END_TEST

/* HEADERS and CONTINUATIONs for a block of any length. */
static void frame_block(uint32_t stream, const struct wire_buf *block) {
  size_t at = 0;
  while (at < block->len) {
    size_t n = block->len - at < 16384 ? block->len - at : 16384;
    wire_frame(&w.in, at == 0 ? WIRE_HEADERS : WIRE_CONTINUATION,
               at + n == block->len ? WIRE_EH : WIRE_NONE, stream,
               block->data + at, n);
    at += n;
  }
}

/* Each reference costs the peer a byte, and us a look at all of the value. */
START_TEST(LM_01_few_fields_that_are_large_end_the_connection) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  bomb(3, "bomb", 70);
  wire_feed(&w);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(F_39_CVE_2016_1544_many_fields_get_431) {
  struct wire_buf block = {0};
  char value[720];
  int i;
  memset(value, 'v', sizeof(value));
  wire_server(&w, test_chunks[_i]);
  wire_fields(&block, WIRE_CONNECT);
  for (i = 0; i < 100; i++) { /* 72 KB */
    wire_field(&block, "x", 1, value, sizeof(value));
  }
  frame_block(1, &block);
  block.len = 0;
  wire_fields(&block, WIRE_CONNECT);
  for (i = 0; i < 96; i++) { /* small, but more than 100 */
    wire_field(&block, "x", 1, "", 0);
  }
  frame_block(3, &block);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 431);
  wire_expect_refusal(&w, 3, 431);
  wire_buf_free(&block);
  (void)wire_open(&w, 5);
  wire_unharmed(&w, 5);
  wire_end(&w);
}
END_TEST

START_TEST(LM_02_one_field_that_nghttp2_does_not_take) {
  struct wire_buf block = {0};
  char *value = malloc(70000);
  ck_assert_ptr_nonnull(value);
  memset(value, 'v', 70000);
  wire_server(&w, test_chunks[_i]);
  wire_fields(&block, WIRE_CONNECT);
  wire_field(&block, "x", 1, value, 70000);
  frame_block(1, &block);
  wire_buf_free(&block);
  free(value);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_COMPRESSION);
  wire_end(&w);
}
END_TEST

START_TEST(LM_01_a_client_resets_an_answer_that_is_too_big) {
  struct wire_app *app;
  struct wire_buf block = {0};
  int i;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_fields(&block, ":status: 200\n");
  for (i = 0; i < 101; i++) {
    wire_fields(&block, "x: y\n");
  }
  frame_block(1, &block);
  wire_buf_free(&block);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.error, H2WS_ERR_LIMIT);
  ck_assert_int_eq(app->events.opened, 0);
  wire_end(&w);
}
END_TEST

START_TEST(LM_03_heads_are_freed_though_nothing_drains) {
  size_t live;
  wire_init(&w, test_chunks[_i]);
  w.refuse = true;
  wire_start_server(&w);
  wire_greet(&w);
  w.blocked = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  live = w.env.live;
  wire_head(&w.in, 3, WIRE_EH,
            WIRE_CONNECT "a: b\nc: d\ne: f\ng: h\ni: j\nk: l\nm: n\n");
  wire_feed(&w);
  ck_assert_uint_le(w.env.live, live + 16);
  w.blocked = false;
  wire_take(&w);
  wire_end(&w);
}
END_TEST

START_TEST(FL_10_CVE_2019_9516_fields_without_names) {
  struct wire_buf block = {0};
  int i;
  wire_server(&w, test_chunks[_i]);
  wire_fields(&block, WIRE_CONNECT);
  for (i = 0; i < 3000; i++) {
    wire_field(&block, "", 0, "", 0);
  }
  frame_block(1, &block);
  wire_buf_free(&block);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(LC_11_CVE_2023_35945_resets_above_the_last_stream) {
  uint32_t id;
  size_t live;
  wire_init(&w, test_chunks[_i]);
  w.options.max_resets_burst = 0;
  wire_start_server(&w);
  wire_greet(&w);
  (void)wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_advance(&w, 1000);
  ck_assert_uint_eq(wire_count(&w, WIRE_GOAWAY, 0), 2);
  wire_clear(&w);
  live = w.env.live;
  for (id = 3; id < 4003; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
    wire_rst(&w.in, id, WIRE_CANCEL);
  }
  wire_feed(&w);
  ck_assert_int_eq(w.requests, 1);
  ck_assert_uint_le(w.env.live, live + 4);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 1);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    FL_01_CVE_2019_9512_pings_while_nothing_can_be_sent,
    FL_01_pings_that_are_answered,
    FL_02_CVE_2019_9515_settings_while_nothing_can_be_sent,
    FR_21_settings_that_move_every_window,
    FL_03_CVE_2019_9518_empty_data,
    FL_03_data_that_is_all_padding,
    FL_12_goaways_without_end,
    FL_05_CVE_2019_9513_priority_frames,
    FL_05_the_same_frames_over_an_hour,
    FL_11_tiny_window_updates,
    FL_12_frames_of_unknown_types,
    nghttp2_gap_11_rapid_reset,
    FL_06_CVE_2023_44487_what_was_reset_at_once_is_not_handed_up,
    FL_07_CVE_2019_9514_requests_that_we_must_reset,
    FL_07_CVE_2025_8671_windows_made_to_overflow,
    FL_08_requests_that_the_library_refuses,
    FL_08_requests_that_the_application_refuses,
    FL_13_interim_answers_without_end,
    F_43_nghttp2_gap_12_no_flood_goes_unnoticed,
    FL_01_answers_to_pings_never_sent,
    FL_07_headers_on_streams_long_closed,
    FL_03_a_server_that_floods,
    FL_15_streams_beyond_the_limit,
    FL_18_websocket_pings_while_nothing_can_be_sent,
    FL_20_closes_after_the_first,
    F_40_eight_continuations_are_enough,
    FL_09_CVE_2026_33871_empty_continuations,
    FL_09_a_block_that_never_ends,
    FL_09_one_frame_of_headers_that_never_ends,
    LM_01_CVE_2016_6581_a_small_bomb_gets_431,
    nghttp2_gap_08_a_big_block_keeps_the_table,
    nghttp2_gap_14_a_large_bomb_ends_the_connection,
    LM_01_few_fields_that_are_large_end_the_connection,
    F_39_CVE_2016_1544_many_fields_get_431,
    LM_02_one_field_that_nghttp2_does_not_take,
    LM_01_a_client_resets_an_answer_that_is_too_big,
    LM_03_heads_are_freed_though_nothing_drains,
    FL_10_CVE_2019_9516_fields_without_names,
    LC_11_CVE_2023_35945_resets_above_the_last_stream,
  };
  return wire_suite("h2/floods", tests, sizeof(tests) / sizeof(tests[0]));
}
