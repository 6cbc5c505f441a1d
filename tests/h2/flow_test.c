/* Windows, both ways (RFC 9113 sections 5.2 and 6.9). */
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define WINDOW 65535
static uint8_t much[2000000];

/* Much, or less of it where it would go in byte by byte. */
static size_t scaled(int chunk, size_t n) {
  return test_chunks[chunk] > 7 ? n : n / 20;
}

/* A server whose own stream window is 65535, and whose peer's is `theirs`. */
static void start_with_windows(int chunk, uint32_t theirs) {
  wire_init(&w, test_chunks[chunk]);
  w.options.stream_window = WINDOW;
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_set(&w.in, {4, theirs});
  wire_ack(&w.in);
  wire_feed(&w);
  wire_clear(&w);
}

/* `len` bytes of DATA in frames of up to 16384. */
static void data(uint32_t stream, const void *bytes, size_t len) {
  const uint8_t *p = bytes;
  while (len > 0) {
    size_t n = len < 16384 ? len : 16384;
    wire_data(&w.in, stream, WIRE_NONE, p, n);
    p += n;
    len -= n;
  }
}

START_TEST(F_17_HS_21_a_stream_window_can_be_used_up) {
  start_with_windows(_i, WINDOW);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  data(1, much, WINDOW);
  wire_feed(&w);
  wire_expect_alive(&w);
  data(1, much, 1);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_FLOW);
  ck_assert_int_eq(wire_app(&w, 1)->events.closed, 1);
  wire_end(&w);
}
END_TEST

START_TEST(HS_21_a_whole_window_before_the_answer) {
  struct wire_app *app;
  start_with_windows(_i, WINDOW);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_data(&w.in, 1, WIRE_NONE, "\x82\xfe\xff\xf7\0\0\0\0", 8);
  data(1, much, WINDOW - 8);
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_int_eq(app->events.messages, 0);
  ck_assert_uint_eq(wire_credit(&w, 1), 0);
  wire_accept(&w, app);
  wire_take(&w);
  ck_assert_int_eq(app->events.messages, 1);
  ck_assert_uint_eq(app->events.last_len, WINDOW - 8);
  ck_assert_uint_gt(wire_credit(&w, 1), WINDOW / 2);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(FC_01_the_connections_window_can_be_used_up) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.stream_window = WINDOW;
  w.options.conn_window = 2 * WINDOW;
  wire_start_server(&w);
  wire_greet(&w);
  w.wait = true;
  for (id = 1; id < 7; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
  }
  data(1, much, WINDOW);
  data(3, much, WINDOW);
  wire_feed(&w);
  wire_expect_alive(&w);
  data(5, much, 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_FLOW);
  wire_end(&w);
}
END_TEST

START_TEST(F_18_padding_counts_and_comes_back) {
  size_t frames = scaled(_i, 10000);
  size_t i;
  start_with_windows(_i, WINDOW);
  w.raw = true;
  (void)wire_open(&w, 1);
  for (i = 1; i <= frames; i++) { /* 2.5 MB with padding, 10 KB without */
    wire_data_padded(&w.in, 1, WIRE_NONE, "x", 1, 255);
    if (i % 100 == 0) { /* no peer sends more than its windows */
      wire_feed(&w);
      ck_assert_uint_ge(wire_credit(&w, 1) + WINDOW, (i + 100) * 257);
    }
  }
  wire_expect_alive(&w);
  ck_assert_uint_eq(wire_app(&w, 1)->events.len, frames);
  wire_end(&w);
}
END_TEST

START_TEST(FR_06_padding_as_long_as_the_frame) {
  static const uint8_t payload[] = {2, 'x', 0};
  static const uint8_t longer[] = {3, 'x', 0};
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_frame(&w.in, WIRE_DATA, WIRE_PADDED, 1, payload, sizeof(payload));
  wire_feed(&w);
  wire_expect_alive(&w);
  wire_frame(&w.in, WIRE_DATA, WIRE_PADDED, 1, longer, sizeof(longer));
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

/* FC-09 */
START_TEST(F_19_FC_09_interop_34_credit_follows_the_application) {
  struct wire_app *app;
  start_with_windows(_i, 1 << 20);
  w.pause = true;
  app = wire_open(&w, 1);
  w.pause = false;
  (void)wire_open(&w, 3);
  wire_data(&w.in, 1, WIRE_NONE, "\x82\xfe\xea\x60\0\0\0\0", 8);
  data(1, much, 60000);
  wire_feed(&w);
  ck_assert_uint_eq(wire_credit(&w, 1), 0);
  ck_assert_int_eq(app->events.messages, 0);
  wire_unharmed(&w, 3);
  ck_assert_int_eq(h2ws_socket_resume(app->socket), 0);
  wire_take(&w);
  ck_assert_int_eq(app->events.messages, 1);
  ck_assert_uint_eq(app->events.last_len, 60000);
  ck_assert_uint_gt(wire_credit(&w, 1), WINDOW / 2);
  wire_end(&w);
}
END_TEST

START_TEST(FC_11_interop_33_unread_bytes_are_credited_at_the_end) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.stream_window = WINDOW;
  w.options.conn_window = 2 * WINDOW;
  wire_start_server(&w);
  wire_greet(&w);
  w.pause = true;
  for (id = 1; id < 9; id += 2) {
    struct wire_app *app = wire_open(&w, id);
    data(id, much, 60000);
    wire_feed(&w);
    ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
    wire_take(&w);
  }
  wire_expect_alive(&w);
  w.pause = false;
  (void)wire_open(&w, 101);
  wire_unharmed(&w, 101);
  wire_end(&w);
}
END_TEST

/* Refused, and the peer goes on sending. */
START_TEST(W_33_bytes_behind_a_refusal_are_credited) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.stream_window = WINDOW;
  w.options.conn_window = 2 * WINDOW;
  w.refuse = true;
  wire_start_server(&w);
  wire_greet(&w);
  for (id = 1; id < 11; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
    wire_feed(&w);
    ck_assert_int_eq(wire_status(&w, id), 403);
    data(id, much, 60000);
    wire_feed(&w);
    wire_rst(&w.in, id, WIRE_CANCEL);
    wire_feed(&w);
    wire_expect_alive(&w);
  }
  wire_end(&w);
}
END_TEST

/* A client keeps little of a refusal's body, but credits all of it. */
START_TEST(F_19_the_bodies_of_refusals_are_credited) {
  int i;
  wire_init(&w, test_chunks[_i]);
  w.options.conn_window = 2 * WINDOW;
  wire_start_client(&w);
  wire_greet(&w);
  for (i = 0; i < 5; i++) {
    struct wire_app *app = wire_ask(&w);
    wire_head(&w.in, (uint32_t)app->id, WIRE_EH, ":status: 404\n");
    data((uint32_t)app->id, much, 60000);
    wire_feed(&w);
    ck_assert_int_eq(app->events.status, 404);
    wire_expect_alive(&w);
  }
  wire_end(&w);
}
END_TEST

/* What is on its way when we reset, many times. */
START_TEST(F_13_FR_10_bytes_for_a_stream_we_reset) {
  uint32_t last = 3 + (uint32_t)scaled(_i, 200);
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.conn_window = 100000;
  wire_start_server(&w);
  wire_greet(&w);
  (void)wire_open(&w, 1);
  for (id = 3; id < last; id += 2) {
    struct wire_app *app = wire_open(&w, id);
    ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
    wire_take(&w);
    wire_expect_rst(&w, id, WIRE_CANCEL);
    data(id, much, 40000);
    wire_feed(&w);
    wire_expect_rst(&w, id, WIRE_CANCEL);
    wire_clear(&w);
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_19_bytes_there_is_no_memory_for_are_credited) {
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.conn_window = 65535;
  w.wait = true;
  wire_start_server(&w);
  wire_greet(&w);
  for (id = 1; id < 20; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
    wire_feed(&w);
    wire_data(&w.in, id, WIRE_NONE, much, 16384);
    w.env.fail_at = w.env.allocations + 1;
    wire_feed(&w);
    w.env.fail_at = 0;
    wire_expect_rst(&w, id, WIRE_INTERNAL);
    wire_clear(&w);
  }
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(F_21_a_smaller_window_leaves_a_debt) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, 59996), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 60000);
  wire_clear(&w);
  wire_set(&w.in, {4, 16384}); /* 16384 - 60000 = -43616 */
  wire_feed(&w);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "after", 5), 0);
  wire_update(&w.in, 1, 43616);
  wire_feed(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 0);
  wire_update(&w.in, 1, 7);
  wire_feed(&w);
  wire_expect_data(&w, 1,
                   "\x81\x05"
                   "after",
                   7);
  wire_end(&w);
}
END_TEST

START_TEST(F_21_a_window_of_zero_from_the_start) {
  struct wire_app *app;
  start_with_windows(_i, 0); /* as libwebsockets has it */
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "hello", 5), 0);
  wire_take(&w);
  ck_assert_uint_eq(w.got_len, 0);
  wire_update(&w.in, 1, 3);
  wire_feed(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 3);
  wire_update(&w.in, 1, 100);
  wire_feed(&w);
  wire_expect_data(&w, 1, "\x81\x05hello", 7);
  wire_end(&w);
}
END_TEST

START_TEST(F_22_windows_that_overflow) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  (void)wire_open(&w, 3);
  wire_update(&w.in, 3, 0x7fffffff);
  wire_feed(&w);
  wire_expect_rst(&w, 3, WIRE_FLOW);
  ck_assert_int_eq(wire_app(&w, 3)->events.code, 1006);
  wire_unharmed(&w, 1);
  wire_update(&w.in, 0, 0x7fffffff);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_FLOW);
  wire_end(&w);
}
END_TEST

START_TEST(FC_08_a_setting_that_overflows_a_window) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_update(&w.in, 1, 100);
  wire_set(&w.in, {4, 0x7fffffff});
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_FLOW);
  ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(F_23_an_update_of_nothing) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_update(&w.in, 1, 0);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_25_interop_36_credit_comes_in_batches) {
  size_t frames = scaled(_i, 1 << 20);
  size_t i;
  wire_server(&w, test_chunks[_i]);
  w.raw = true;
  (void)wire_open(&w, 1);
  for (i = 1; i <= frames; i++) {
    wire_data(&w.in, 1, WIRE_NONE, "x", 1);
    if (i % 8192 == 0) {
      wire_feed(&w);
    }
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_uint_eq(wire_app(&w, 1)->events.len, frames);
  ck_assert_uint_lt(wire_count(&w, WIRE_UPDATE, WIRE_ANY), 100);
  wire_end(&w);
}
END_TEST

/* FC-10 */
START_TEST(F_26_FC_10_pings_are_answered_though_all_pause) {
  wire_init(&w, test_chunks[_i]);
  w.options.stream_window = WINDOW;
  w.options.conn_window = WINDOW;
  wire_start_server(&w);
  wire_greet(&w);
  w.pause = true;
  (void)wire_open(&w, 1);
  data(1, much, WINDOW);
  wire_feed(&w);
  wire_clear(&w);
  wire_ping(&w.in, WIRE_NONE, "12345678");
  wire_feed(&w);
  ck_assert_uint_eq(w.got_len, 1);
  ck_assert_int_eq(w.got[0].type, WIRE_PING);
  ck_assert_int_eq(w.got[0].flags, WIRE_ACK);
  ck_assert_mem_eq(w.got[0].payload, "12345678", 8);
  wire_end(&w);
}
END_TEST

START_TEST(F_27_a_ping_is_answered_before_queued_data) {
  struct wire_app *app;
  start_with_windows(_i, 1 << 30);
  app = wire_open(&w, 1);
  wire_update(&w.in, 0, 1 << 30);
  wire_feed(&w);
  w.blocked = true;
  ck_assert_int_eq(
    h2ws_socket_send(app->socket, H2WS_BINARY, much, sizeof(much)), 0);
  wire_ping(&w.in, WIRE_NONE, "12345678");
  wire_feed(&w);
  w.blocked = false;
  wire_take(&w);
  ck_assert_uint_eq(wire_find(&w, WIRE_PING, 0), 0);
  ck_assert_uint_eq(wire_data_len(&w, 1), sizeof(much) + 10);
  wire_end(&w);
}
END_TEST

START_TEST(F_12_interop_45_half_closed_still_receives) {
  struct wire_app *app;
  size_t total = 0;
  size_t all = scaled(_i, 10000000);
  start_with_windows(_i, WINDOW);
  w.raw = true;
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert(wire_ended(&w, 1));
  while (total < all) {
    size_t n = WINDOW + (size_t)wire_credit(&w, 1) - total;
    ck_assert_uint_gt(n, 0);
    data(1, much, n);
    total += n;
    wire_feed(&w);
  }
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  ck_assert_uint_eq(app->events.len, total);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(FC_03_interop_29_a_window_that_never_opens) {
  struct wire_app *app;
  struct wire_app *other;
  int rv = 0;
  start_with_windows(_i, 100);
  app = wire_open(&w, 1);
  other = wire_open(&w, 3);
  while (rv == 0) {
    rv = h2ws_socket_send(app->socket, H2WS_BINARY, much, 100000);
  }
  ck_assert_int_eq(rv, H2WS_ERR_AGAIN);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 100);
  ck_assert_uint_lt(h2ws_socket_queued(app->socket), 1200000);
  wire_advance(&w, 59999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(other->events.closed, 0);
  wire_unharmed(&w, 3);
  wire_end(&w);
}
END_TEST

START_TEST(FC_04_interop_31_a_window_of_one) {
  struct wire_app *app;
  size_t len = scaled(_i, 200000);
  size_t i;
  start_with_windows(_i, 1);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, len), 0);
  wire_take(&w);
  for (i = 1; h2ws_socket_queued(app->socket) > 0; i++) {
    ck_assert_uint_lt(i, len + 20);
    wire_update(&w.in, 1, 1);
    wire_update(&w.in, 0, 1);
    wire_feed(&w);
  }
  ck_assert_uint_ge(wire_data_len(&w, 1), len + 4);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(FC_05_a_hundred_streams_share_the_connections_window) {
  uint32_t id;
  start_with_windows(_i, 1 << 20);
  for (id = 1; id < 200; id += 2) {
    struct wire_app *app = wire_open(&w, id);
    ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, 20000),
                     0);
  }
  wire_take(&w);
  wire_clear(&w);
  wire_update(&w.in, 0, 100 * 20004 - WINDOW);
  wire_feed(&w);
  for (id = 1; id < 200; id += 2) {
    ck_assert_uint_eq(h2ws_socket_queued(wire_app(&w, id)->socket), 0);
  }
  wire_end(&w);
}
END_TEST

/* Nothing that is consumed stays uncredited for long. */
START_TEST(FC_14_no_stall_at_the_tail) {
  struct wire_app *app;
  size_t total = 0;
  start_with_windows(_i, WINDOW);
  w.mute = true;
  app = wire_open(&w, 1);
  while (total < 300000) {
    uint64_t left = WINDOW + wire_credit(&w, 1) - total;
    ck_assert_uint_gt(left, WINDOW / 2 - 200);
    wire_masked(&w.in, 1, WIRE_NONE, 0x82, much, 125);
    total += 131;
    wire_feed(&w);
  }
  ck_assert_int_eq(app->events.messages, (int)(total / 131));
  wire_end(&w);
}
END_TEST

START_TEST(FR_20_settings_in_mid_stream) {
  struct wire_app *app;
  size_t i;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_set(&w.in, {5, 16777215}, {4, 0});
  wire_set(&w.in, {4, 1 << 20});
  wire_update(&w.in, 0, 1 << 20);
  wire_feed(&w);
  wire_clear(&w);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, 500000), 0);
  wire_take(&w);
  for (i = 0; i < w.got_len; i++) {
    ck_assert_uint_le(w.got[i].len, 16384);
  }
  ck_assert_uint_eq(wire_data_len(&w, 1), 500010);
  wire_end(&w);
}
END_TEST

/* Each byte in a frame of its own: no more is kept than the message is. */
START_TEST(WS_11_a_message_in_frames_of_one_byte) {
  size_t len = test_chunks[_i] > 7 ? 400000 : 66000;
  size_t bytes;
  size_t i;
  uint8_t head[14] = {0x82, 0xff};
  wire_init(&w, test_chunks[_i]);
  w.mute = true;
  wire_start_server(&w);
  wire_greet(&w);
  (void)wire_open(&w, 1);
  bytes = w.env.bytes;
  w.env.peak = bytes;
  head[7] = (uint8_t)(len >> 16);
  head[8] = (uint8_t)(len >> 8);
  head[9] = (uint8_t)len;
  wire_data(&w.in, 1, WIRE_NONE, head, sizeof(head));
  for (i = 1; i <= len; i++) {
    wire_data(&w.in, 1, WIRE_NONE, "x", 1);
    if (i % 8192 == 0 || i == len) {
      wire_feed(&w);
    }
  }
  wire_expect_alive(&w);
  ck_assert_uint_eq(wire_app(&w, 1)->events.last_len, len);
  ck_assert_uint_le(w.env.peak, bytes + 2 * len + 65536);
  wire_end(&w);
}
END_TEST

START_TEST(interop_30_idle_streams_reserve_nothing) {
  uint32_t id;
  start_with_windows(_i, 1 << 20);
  for (id = 1; id < 200; id += 2) {
    (void)wire_open(&w, id);
  }
  ck_assert_int_eq(
    h2ws_socket_send(wire_app(&w, 99)->socket, H2WS_BINARY, much, WINDOW - 4),
    0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 99), WINDOW); /* the connection's */
  wire_end(&w);
}
END_TEST

START_TEST(interop_32_no_frame_is_larger_than_the_peer_takes) {
  static const size_t sizes[] = {16383, 16384, 16385, 130000};
  struct wire_app *app;
  size_t i;
  size_t k;
  start_with_windows(_i, 1 << 20);
  wire_update(&w.in, 0, 1 << 20);
  wire_feed(&w);
  app = wire_open(&w, 1);
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, sizes[i]),
                     0);
    wire_take(&w);
    ck_assert_uint_eq(wire_data_len(&w, 1),
                      sizes[i] + (sizes[i] > 65535 ? 10 : 4));
    for (k = 0; k < w.got_len; k++) {
      ck_assert_uint_le(w.got[k].len, 16384);
    }
    wire_clear(&w);
  }
  wire_end(&w);
}
END_TEST

START_TEST(interop_37_windows_are_large_by_default) {
  const struct wire_got *settings;
  h2ws_conn_options defaults;
  size_t i;
  uint32_t window = 0;
  wire_init(&w, test_chunks[_i]);
  h2ws_conn_options_default(&defaults, sizeof(defaults));
  w.options.conn_window = defaults.conn_window;
  wire_start_client(&w);
  settings = &w.got[wire_find(&w, WIRE_SETTINGS, 0)];
  for (i = 0; i < settings->len; i += 6) {
    if (settings->payload[i + 1] == 4) {
      window = wire_number(settings, i + 2);
    }
  }
  ck_assert_uint_eq(window, 262144);
  ck_assert_uint_eq(wire_credit(&w, 0), UINT64_C(2) * 100 * 262144 - WINDOW);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    F_12_interop_45_half_closed_still_receives,
    F_13_FR_10_bytes_for_a_stream_we_reset,
    W_33_bytes_behind_a_refusal_are_credited,
    F_19_the_bodies_of_refusals_are_credited,
    F_17_HS_21_a_stream_window_can_be_used_up,
    HS_21_a_whole_window_before_the_answer,
    FC_01_the_connections_window_can_be_used_up,
    F_18_padding_counts_and_comes_back,
    FR_06_padding_as_long_as_the_frame,
    F_19_FC_09_interop_34_credit_follows_the_application,
    FC_11_interop_33_unread_bytes_are_credited_at_the_end,
    F_19_bytes_there_is_no_memory_for_are_credited,
    F_21_a_smaller_window_leaves_a_debt,
    F_21_a_window_of_zero_from_the_start,
    F_22_windows_that_overflow,
    FC_08_a_setting_that_overflows_a_window,
    F_23_an_update_of_nothing,
    F_25_interop_36_credit_comes_in_batches,
    F_26_FC_10_pings_are_answered_though_all_pause,
    F_27_a_ping_is_answered_before_queued_data,
    FC_03_interop_29_a_window_that_never_opens,
    FC_04_interop_31_a_window_of_one,
    FC_05_a_hundred_streams_share_the_connections_window,
    FC_14_no_stall_at_the_tail,
    FR_20_settings_in_mid_stream,
    WS_11_a_message_in_frames_of_one_byte,
    interop_30_idle_streams_reserve_nothing,
    interop_32_no_frame_is_larger_than_the_peer_takes,
    interop_37_windows_are_large_by_default,
  };
  return wire_suite("h2/flow", tests, sizeof(tests) / sizeof(tests[0]));
}
