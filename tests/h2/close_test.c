/* How streams and sockets end, and what that does to the others. */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define CODE_1000 "\x03\xe8"
#define CLOSE_1000 "\x88\x02" CODE_1000

/* The flags of the last DATA frame on a stream. */
static int last_data_flags(uint32_t stream) {
  size_t i = w.got_len;
  while (i > 0) {
    i--;
    if (w.got[i].type == WIRE_DATA && w.got[i].stream == stream) {
      return w.got[i].flags;
    }
  }
  return -1;
}

static void expect_closed(const struct wire_app *app, h2ws_close_class cls,
                          int code) {
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, cls);
  ck_assert_int_eq(app->events.code, code);
}

START_TEST(W_35_frame_boundaries_mean_nothing) {
  static const char text[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
  size_t i;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  for (i = 0; i < 11; i++) {
    wire_data(&w.in, 1, WIRE_NONE, text + i, 1);
    wire_data(&w.in, 1, WIRE_NONE, NULL, 0);
  }
  wire_data_padded(&w.in, 1, WIRE_NONE,
                   "\x81\x81\0\0\0\0a"
                   "\x81\x81\0\0\0\0b",
                   14, 9);
  wire_feed(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 3);
  wire_expect_data(&w, 1,
                   "\x81\x05Hello\x81\x01"
                   "a\x81\x01"
                   "b",
                   13);
  wire_end(&w);
}
END_TEST

START_TEST(W_37_an_end_is_the_peers_fin) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.raw = true;
  app = wire_open(&w, 1);
  wire_data(&w.in, 1, WIRE_ES, "abc", 3);
  wire_feed(&w);
  ck_assert_mem_eq(app->events.data, "abc", 3);
  ck_assert_int_eq(app->events.messages, 1); /* EOF */
  ck_assert_int_eq(h2ws_stream_get_state(app->stream), H2WS_STREAM_HALF_REMOTE);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "def", 3), 0);
  wire_take(&w);
  ck_assert(!wire_ended(&w, 1));
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "def", 3);
  ck_assert(wire_ended(&w, 1));
  expect_closed(app, H2WS_CLOSE_CLEAN, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(W_37_an_end_without_close_is_abnormal) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  expect_closed(app, H2WS_CLOSE_LOST, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(W_38_an_abort_is_a_reset_and_nothing_more) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "lost", 4), 0);
  ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
  wire_take(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_uint_eq(w.got_len, 1);
  expect_closed(app, H2WS_CLOSE_ABORTED, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(F_44_any_reset_is_abnormal) {
  static const uint32_t codes[] = {WIRE_NO_ERROR, WIRE_CANCEL, WIRE_INTERNAL,
                                   0xdeadbeef};
  static const char *const words[] = {": NO_ERROR", ": CANCEL",
                                      ": INTERNAL_ERROR", "unknown code"};
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(codes); i++) {
    uint32_t id = (uint32_t)i * 2 + 1;
    struct wire_app *app = wire_open(&w, id);
    wire_rst(&w.in, id, codes[i]);
    wire_feed(&w);
    expect_closed(app, H2WS_CLOSE_LOST, 1006);
    ck_assert_ptr_nonnull(strstr(app->events.detail, words[i]));
    ck_assert_uint_eq(app->events.h2_code, codes[i]);
    ck_assert(app->events.by_peer);
  }
  wire_expect_alive(&w);
  ck_assert_uint_eq(w.got_len, 0); /* F-14: no RST answers a RST */
  wire_end(&w);
}
END_TEST

START_TEST(W_38_a_reset_after_both_closes_is_clean) {
  static const uint32_t codes[] = {WIRE_NO_ERROR, WIRE_CANCEL};
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(codes); i++) {
    uint32_t id = (uint32_t)i * 2 + 1;
    struct wire_app *app = wire_open(&w, id);
    wire_masked(&w.in, id, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
    wire_rst(&w.in, id, codes[i]);
    wire_feed(&w);
    expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  }
  wire_end(&w);
}
END_TEST

START_TEST(W_39_interop_41_the_end_may_ride_on_the_close) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "a", 1);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1000 "bye", 5);
  wire_feed(&w);
  wire_expect_data(&w, 1,
                   "\x81\x01"
                   "a" CLOSE_1000,
                   7);
  ck_assert(wire_ended(&w, 1));
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  ck_assert_str_eq(app->events.reason, "bye");
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_40_a_peer_that_never_ends_is_reaped) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  ck_assert(wire_ended(&w, 1));
  wire_advance(&w, 1999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_NO_ERROR);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_end(&w);
}
END_TEST

/* Like Firefox, ten at a time under a limit of ten. */
START_TEST(LC_04_ten_thousand_that_never_end) {
  uint32_t id = 1;
  int n = test_chunks[_i] > 7 ? 10000 : 500;
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 10;
  wire_start_server(&w);
  wire_greet(&w);
  while (n-- > 0) {
    (void)wire_open(&w, id);
    wire_masked(&w.in, id, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
    wire_feed(&w);
    id += 2;
    if (n % 10 == 0) {
      wire_advance(&w, 2000);
      ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
    }
  }
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

/* Like Firefox, without a pause: one beyond the limit would be fatal. */
START_TEST(W_40_five_hundred_that_never_end_in_a_moment) {
  uint32_t id;
  wire_server(&w, test_chunks[_i]);
  for (id = 1; id < 1000; id += 2) {
    (void)wire_open(&w, id);
    wire_masked(&w.in, id, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
    wire_feed(&w);
    ck_assert_uint_le(h2ws_conn_streams(w.conn), 10);
  }
  wire_expect_alive(&w);
  wire_advance(&w, 2000);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  /* One gave way to the last one, ten have waited in vain. */
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, WIRE_ANY), 11);
  wire_end(&w);
}
END_TEST

START_TEST(W_41_a_servers_close_does_not_end_the_stream) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, CLOSE_1000, 4);
  ck_assert(!wire_ended(&w, 1));
  wire_clear(&w);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  wire_expect_data(&w, 1, NULL, 0);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(W_42_interop_42_a_client_ends_after_the_servers_close) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 8);
  ck_assert(!wire_ended(&w, 1));
  wire_clear(&w);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  ck_assert_uint_eq(wire_data_len(&w, 1), 0);
  wire_advance(&w, 1999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(W_43_interop_46_a_reset_is_sent_without_other_traffic) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  app = wire_open(&w, 3);
  ck_assert(!h2ws_conn_wants_send(w.conn));
  ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
  ck_assert(h2ws_conn_wants_send(w.conn));
  wire_take(&w);
  wire_expect_rst(&w, 3, WIRE_CANCEL);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(nghttp2_gap_05_trailers_on_a_tunnel_are_an_error) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x: y\n");
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  expect_closed(app, H2WS_CLOSE_PROTOCOL, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(W_44_trailers_from_a_server_too) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x: y\n");
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  expect_closed(app, H2WS_CLOSE_PROTOCOL, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(FR_12_headers_without_end_on_a_tunnel) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_head(&w.in, 1, WIRE_EH, "x: y\n");
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  expect_closed(wire_app(&w, 1), H2WS_CLOSE_PROTOCOL, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_interop_44_other_streams_do_not_notice) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  (void)wire_open(&w, 3);
  wire_rst(&w.in, 3, WIRE_CANCEL);
  wire_head(&w.in, 5, WIRE_EH | WIRE_ES, WIRE_GET);
  wire_head(&w.in, 7, WIRE_EH, WIRE_CONNECT "connection: x\n");
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "a", 1);
  wire_feed(&w);
  wire_expect_data(&w, 1,
                   "\x81\x01"
                   "a",
                   3);
  ck_assert_int_eq(wire_status(&w, 5), 200);
  wire_expect_data(&w, 5, "page", 4);
  ck_assert(wire_ended(&w, 5));
  wire_expect_rst(&w, 7, WIRE_PROTOCOL);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(W_33_HS_21_early_bytes_wait_for_the_answer) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "early", 5);
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_int_eq(app->events.messages, 0);
  wire_accept(&w, app);
  wire_take(&w);
  ck_assert_int_eq(app->events.messages, 1);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_expect_data(&w, 1,
                   "\x81\x05"
                   "early",
                   7);
  wire_end(&w);
}
END_TEST

START_TEST(W_33_early_bytes_of_a_refusal_are_credited) {
  static const uint8_t zeros[16000];
  size_t i;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  for (i = 0; i < 16; i++) {
    wire_data(&w.in, 1, WIRE_NONE, zeros, sizeof(zeros));
  }
  wire_feed(&w);
  ck_assert_uint_eq(wire_credit(&w, 0), 0);
  ck_assert_int_eq(
    h2ws_stream_respond(wire_app(&w, 1)->stream, 403, NULL, 0, NULL, 0), 0);
  wire_take(&w);
  ck_assert(wire_ended(&w, 1));
  wire_advance(&w, 2000);
  wire_expect_rst(&w, 1, WIRE_NO_ERROR);
  w.wait = false;
  for (i = 1; i <= 4; i++) { /* 1 MiB and some more, in all */
    size_t k;
    (void)wire_open(&w, (uint32_t)i * 2 + 1);
    for (k = 0; k < 16; k++) {
      wire_data(&w.in, (uint32_t)i * 2 + 1, WIRE_NONE, zeros, sizeof(zeros));
    }
    wire_feed(&w);
    wire_rst(&w.in, (uint32_t)i * 2 + 1, WIRE_CANCEL);
    wire_feed(&w);
    wire_expect_alive(&w);
  }
  wire_end(&w);
}
END_TEST

START_TEST(HS_20_a_reset_before_the_answer) {
  struct wire_app *app;
  h2ws_stream *stream;
  h2ws_socket *socket = NULL;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  app = wire_app(&w, 1);
  stream = h2ws_stream_retain(app->stream);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(h2ws_socket_accept(stream, &socket, NULL, 0, NULL,
                                      &test_socket_callbacks, NULL),
                   H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_stream_respond(stream, 403, NULL, 0, NULL, 0),
                   H2WS_ERR_CLOSED);
  h2ws_stream_release(stream);
  wire_take(&w);
  wire_expect_alive(&w);
  ck_assert_uint_eq(w.got_len, 0);
  wire_end(&w);
}
END_TEST

START_TEST(LC_10_CVE_2026_23918_headers_and_reset_in_one_buffer) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "a", 1);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  (void)wire_open(&w, 3);
  wire_unharmed(&w, 3);
  wire_end(&w);
}
END_TEST

START_TEST(F_14_crossing_resets_are_no_error) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
  wire_take(&w);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  wire_end(&w);
}
END_TEST

START_TEST(F_24_FR_11_interop_47_updates_and_resets_may_come_late) {
  static const uint8_t nothing[4];
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  wire_update(&w.in, 1, 100);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_rst(&w.in, 1, WIRE_CANCEL); /* FR-11: twice */
  wire_update(&w.in, 1, 100);
  wire_priority(&w.in, 1, 0);
  wire_frame(&w.in, 0x42, 0xff, 1, nothing, sizeof(nothing));
  wire_feed(&w);
  (void)wire_open(&w, 3);
  wire_unharmed(&w, 3);
  wire_end(&w);
}
END_TEST

/* Server whose peer gives each stream a window of `window`. */
static struct wire_app *open_with_window(int chunk, uint32_t window) {
  wire_init(&w, test_chunks[chunk]);
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_set(&w.in, {4, window});
  wire_ack(&w.in);
  wire_feed(&w);
  wire_clear(&w);
  return wire_open(&w, 1);
}

START_TEST(F_20_an_end_needs_no_window) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.raw = true;
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_set(&w.in, {4, 0});
  wire_ack(&w.in);
  wire_feed(&w);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  wire_expect_data(&w, 1, NULL, 0);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(F_20_an_end_needs_no_window_though_it_is_negative) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.raw = true;
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "abcdefgh", 8), 0);
  wire_take(&w);
  wire_set(&w.in, {4, 3});
  wire_feed(&w);
  wire_clear(&w);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  wire_end(&w);
}
END_TEST

/* Two streams, one of which uses up the window of the connection. */
static void use_up_the_window(int chunk, struct wire_app *apps[2],
                              bool take_first) {
  static const uint8_t many[70000];
  wire_init(&w, test_chunks[chunk]);
  w.raw = true;
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_set(&w.in, {4, 1 << 20});
  wire_ack(&w.in);
  wire_feed(&w);
  apps[0] = wire_open(&w, 1);
  apps[1] = wire_open(&w, 3);
  ck_assert_int_eq(h2ws_stream_write(apps[1]->stream, many, sizeof(many)), 0);
  if (take_first) {
    wire_take(&w);
    ck_assert_uint_eq(wire_data_len(&w, 3), 65535);
  }
}

START_TEST(F_20_an_end_needs_no_window_of_the_connection) {
  struct wire_app *apps[2];
  use_up_the_window(_i, apps, true);
  ck_assert_int_eq(h2ws_stream_shutdown(apps[0]->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  wire_expect_data(&w, 1, NULL, 0);
  ck_assert_int_eq(h2ws_stream_shutdown(apps[1]->stream), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 3), 65535); /* and not one byte more */
  wire_update(&w.in, 0, 1);
  wire_feed(&w);
  ck_assert_uint_eq(wire_data_len(&w, 3), 65536);
  wire_update(&w.in, 0, 5000);
  wire_feed(&w);
  ck_assert_uint_eq(wire_data_len(&w, 3), 70000);
  ck_assert(wire_ended(&w, 3));
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  expect_closed(apps[0], H2WS_CLOSE_CLEAN, 1006);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(F_20_an_end_that_waited_while_others_used_the_window) {
  struct wire_app *apps[2];
  use_up_the_window(_i, apps, false);
  ck_assert_int_eq(h2ws_stream_shutdown(apps[0]->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  ck_assert_uint_eq(wire_data_len(&w, 3), 65535);
  wire_end(&w);
}
END_TEST

/* The end waits for the rest of a frame that has begun to arrive. */
START_TEST(F_20_an_end_between_two_halves_of_a_frame) {
  struct wire_app *app;
  app = open_with_window(_i, 4);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, CLOSE_1000, 4);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_frame_head(&w.in, WIRE_PING, WIRE_NONE, 0, 8);
  wire_bytes(&w.in, "1234", 4);
  wire_feed(&w);
  wire_bytes(&w.in, "5678", 4);
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(last_data_flags(1), WIRE_ES);
  ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_20_an_end_inside_a_header_block) {
  struct wire_app *app = open_with_window(_i, 4);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_head(&w.in, 3, WIRE_NONE, WIRE_PSEUDO);
  wire_feed(&w);
  wire_frame(&w.in, WIRE_CONTINUATION, WIRE_EH, 3, NULL, 0);
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert(wire_ended(&w, 1));
  ck_assert_int_eq(wire_status(&w, 3), 400);
  wire_end(&w);
}
END_TEST

START_TEST(F_13_bytes_before_our_reset_went_out) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.raw = true;
  app = wire_open(&w, 1);
  w.blocked = true;
  ck_assert_int_eq(h2ws_stream_reset(app->stream, WIRE_CANCEL), 0);
  wire_data(&w.in, 1, WIRE_ES, "abc", 3);
  wire_feed(&w);
  ck_assert_uint_eq(app->events.len, 0);
  ck_assert_int_eq(app->events.messages, 0); /* nor EOF */
  w.blocked = false;
  wire_take(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  expect_closed(app, H2WS_CLOSE_ABORTED, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(LC_06_a_reply_behind_queued_bytes_gets_more_time) {
  static const uint8_t some[1000];
  struct wire_app *app = open_with_window(_i, 100);
  ck_assert_int_eq(
    h2ws_socket_send(app->socket, H2WS_BINARY, some, sizeof(some)), 0);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  wire_advance(&w, 6999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_NO_ERROR);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(FC_13_the_window_ends_with_the_close) {
  struct wire_app *app = open_with_window(_i, 4);
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  wire_expect_data(&w, 1, CLOSE_1000, 4);
  ck_assert(wire_ended(&w, 1));
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(LC_01_a_close_without_answer) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_advance(&w, 4999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  expect_closed(app, H2WS_CLOSE_TIMEOUT, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(LC_05_crossing_closes) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, "\x0f\xa0", 2);
  wire_feed(&w);
  wire_expect_data(&w, 1, CLOSE_1000, 4);
  ck_assert(wire_ended(&w, 1));
  expect_closed(app, H2WS_CLOSE_CLEAN, 4000);
  wire_end(&w);
}
END_TEST

START_TEST(LC_06_interop_43_what_is_queued_goes_before_the_close) {
  static const uint8_t much[1000000];
  struct wire_app *app;
  const struct wire_got *last;
  size_t i;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(
    h2ws_socket_send(app->socket, H2WS_BINARY, much, sizeof(much)), 0);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 65535); /* the windows */
  for (i = 0; i < 10; i++) {
    wire_update(&w.in, 1, 100000);
    wire_update(&w.in, 0, 100000);
  }
  wire_feed(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), sizeof(much) + 10 + 4);
  last = &w.got[w.got_len - 1];
  ck_assert_int_eq(last->type, WIRE_DATA);
  ck_assert_mem_eq(last->payload + last->len - 4, CLOSE_1000, 4);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1000, 2);
  wire_feed(&w);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(LC_07_an_abort_drops_what_is_queued) {
  static const uint8_t much[1000000];
  struct wire_app *app;
  size_t live;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  live = w.env.live;
  w.blocked = true;
  ck_assert_int_eq(
    h2ws_socket_send(app->socket, H2WS_BINARY, much, sizeof(much)), 0);
  ck_assert_uint_gt(w.env.live, live);
  ck_assert_int_eq(h2ws_socket_abort(app->socket), 0);
  w.blocked = false;
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 0);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  wire_end(&w);
}
END_TEST

START_TEST(LC_12_CVE_2026_27135_nothing_is_read_after_the_end) {
  uint8_t byte = 0;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_ping(&w.in, WIRE_NONE, "12345678");
  w.in.data[2] = 7; /* not a PING any more */
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_FRAME_SIZE);
  expect_closed(wire_app(&w, 1), H2WS_CLOSE_PROTOCOL, 1006);
  ck_assert_int_eq(h2ws_conn_recv(w.conn, &byte, 1), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_conn_recv_eof(w.conn, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_conn_tick(w.conn), H2WS_ERR_CLOSED);
  ck_assert_uint_eq(h2ws_conn_deadline(w.conn), H2WS_NEVER);
  wire_end(&w);
}
END_TEST

START_TEST(LC_17_calls_after_the_end) {
  struct wire_app *app;
  h2ws_socket *socket;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  socket = h2ws_socket_retain(app->socket);
  ck_assert_int_eq(h2ws_socket_abort(socket), 0);
  ck_assert_int_eq(h2ws_socket_abort(socket), H2WS_ERR_CLOSED);
  wire_take(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "x", 1),
                   H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_pause(socket), H2WS_ERR_CLOSED);
  ck_assert_ptr_null(h2ws_socket_stream(socket));
  h2ws_socket_release(socket);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  wire_end(&w);
}
END_TEST

/* nghttp2_session_del() would tell nobody. */
START_TEST(nghttp2_gap_15_every_stream_hears_of_the_end) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  w.wait = true;
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  w.wait = false;
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "half", 4);
  w.in.len -= 2;
  wire_feed(&w);
  h2ws_conn_free(w.conn);
  w.conn = NULL;
  expect_closed(wire_app(&w, 1), H2WS_CLOSE_ABORTED, 1006);
  expect_closed(wire_app(&w, 3), H2WS_CLOSE_ABORTED, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(LC_02_a_lost_connection_is_abnormal) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_recv_eof(w.conn, 0), 0);
  expect_closed(app, H2WS_CLOSE_LOST, 1006);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_LOST);
  ck_assert(w.by_peer);
  wire_end(&w);
}
END_TEST

START_TEST(LC_15_an_error_goaway_lets_lower_streams_finish) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_goaway(&w.in, 1, WIRE_INTERNAL);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "last", 4);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_CLOSE, CODE_1000, 2);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  ck_assert_int_eq(app->events.messages, 1);
  expect_closed(app, H2WS_CLOSE_CLEAN, 1000);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    W_33_HS_21_early_bytes_wait_for_the_answer,
    W_33_early_bytes_of_a_refusal_are_credited,
    W_35_frame_boundaries_mean_nothing,
    W_37_an_end_is_the_peers_fin,
    W_37_an_end_without_close_is_abnormal,
    W_38_an_abort_is_a_reset_and_nothing_more,
    W_38_a_reset_after_both_closes_is_clean,
    W_39_interop_41_the_end_may_ride_on_the_close,
    W_40_a_peer_that_never_ends_is_reaped,
    LC_04_ten_thousand_that_never_end,
    W_40_five_hundred_that_never_end_in_a_moment,
    W_41_a_servers_close_does_not_end_the_stream,
    W_42_interop_42_a_client_ends_after_the_servers_close,
    W_43_interop_46_a_reset_is_sent_without_other_traffic,
    W_44_trailers_from_a_server_too,
    nghttp2_gap_05_trailers_on_a_tunnel_are_an_error,
    FR_12_headers_without_end_on_a_tunnel,
    W_45_interop_44_other_streams_do_not_notice,
    HS_20_a_reset_before_the_answer,
    LC_10_CVE_2026_23918_headers_and_reset_in_one_buffer,
    F_14_crossing_resets_are_no_error,
    F_20_an_end_needs_no_window,
    F_20_an_end_needs_no_window_though_it_is_negative,
    F_20_an_end_needs_no_window_of_the_connection,
    F_20_an_end_that_waited_while_others_used_the_window,
    F_20_an_end_between_two_halves_of_a_frame,
    F_20_an_end_inside_a_header_block,
    F_13_bytes_before_our_reset_went_out,
    LC_06_a_reply_behind_queued_bytes_gets_more_time,
    FC_13_the_window_ends_with_the_close,
    F_24_FR_11_interop_47_updates_and_resets_may_come_late,
    F_44_any_reset_is_abnormal,
    LC_01_a_close_without_answer,
    LC_02_a_lost_connection_is_abnormal,
    LC_05_crossing_closes,
    LC_06_interop_43_what_is_queued_goes_before_the_close,
    LC_07_an_abort_drops_what_is_queued,
    LC_12_CVE_2026_27135_nothing_is_read_after_the_end,
    LC_15_an_error_goaway_lets_lower_streams_finish,
    LC_17_calls_after_the_end,
    nghttp2_gap_15_every_stream_hears_of_the_end,
  };
  return wire_suite("h2/close", tests, sizeof(tests) / sizeof(tests[0]));
}
