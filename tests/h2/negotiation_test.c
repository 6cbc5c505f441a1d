/* Prefaces, SETTINGS, and who may ask for a WebSocket (RFC 8441 section 3). */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

static void start_server(int chunk) {
  wire_init(&w, test_chunks[chunk]);
  wire_start_server(&w);
}

static void start_client(int chunk) {
  wire_init(&w, test_chunks[chunk]);
  wire_start_client(&w);
}

/* The value of a setting in the first SETTINGS that came; -1 if absent. */
static int64_t setting(uint16_t id) {
  const struct wire_got *got = &w.got[0];
  size_t i;
  ck_assert_uint_gt(w.got_len, 0);
  ck_assert_int_eq(got->type, WIRE_SETTINGS);
  for (i = 0; i < got->len; i += 6) {
    if ((got->payload[i] << 8 | got->payload[i + 1]) == id) {
      return wire_number(got, i + 2);
    }
  }
  return -1;
}

START_TEST(W_01_interop_15_a_server_offers_it_in_its_first_settings) {
  start_server(_i);
  ck_assert_int_eq(setting(8), 1);
  wire_end(&w);
}
END_TEST

START_TEST(W_01_interop_10_interop_11_a_server_that_cannot_serve_says_nothing) {
  wire_init(&w, test_chunks[_i]);
  w.options.enable_connect_protocol = false;
  wire_start_server(&w);
  ck_assert_int_eq(setting(8), -1);
  wire_end(&w);
}
END_TEST

START_TEST(F_41_interop_63_a_client_switches_push_off) {
  start_client(_i);
  ck_assert_uint_eq(w.preface, 0);
  ck_assert_int_eq(setting(2), 0);
  ck_assert_int_eq(setting(8), -1);
  wire_end(&w);
}
END_TEST

/* Client: settings that end the connection, and what was asked for with it. */
static void expect_settings_fatal(int chunk, uint16_t id, uint32_t value,
                                  uint32_t code) {
  struct wire_app *app;
  start_client(chunk);
  app = wire_ask(&w);
  wire_set(&w.in, {id, value});
  wire_feed(&w);
  wire_expect_goaway(&w, code);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_PROTOCOL);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_end(&w);
}

START_TEST(W_02_ST_11_only_zero_and_one_are_legal) {
  expect_settings_fatal(_i, 8, 2, WIRE_PROTOCOL);
  expect_settings_fatal(_i, 8, 0xffffffff, WIRE_PROTOCOL);
}
END_TEST

/* W-03: nghttp2 would send 8=0 after 8=1; nothing of ours asks it to. */
START_TEST(W_03_nghttp2_gap_02_the_offer_is_not_taken_back) {
  wire_server(&w, test_chunks[_i]);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_advance(&w, 40000);
  ck_assert_uint_eq(wire_count(&w, WIRE_SETTINGS, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_04_ST_11_interop_16_one_then_zero_ends_the_connection) {
  wire_client(&w, test_chunks[_i]);
  wire_set(&w.in, {8, 0});
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(W_04_within_one_frame_the_last_value_counts) {
  struct wire_app *app;
  start_client(_i);
  app = wire_ask(&w);
  wire_set(&w.in, {8, 1}, {8, 0});
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(w.ready, 1);
  ck_assert(!w.ready_extended);
  ck_assert_int_eq(app->events.error, H2WS_ERR_UNSUPPORTED);
  wire_end(&w);
}
END_TEST

START_TEST(W_05_settings_without_it_leave_it_as_it_was) {
  wire_client(&w, test_chunks[_i]);
  wire_settings(&w.in, NULL, 0);
  wire_feed(&w);
  ck_assert(h2ws_conn_has_extended_connect(w.conn));
  ck_assert_int_eq(wire_ask_open(&w)->events.closed, 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_06_a_client_that_waits_takes_a_later_offer) {
  wire_init(&w, test_chunks[_i]);
  w.options.wait_for_connect_protocol = true;
  wire_start_client(&w);
  (void)wire_ask(&w);
  wire_set(&w.in, {8, 0});
  wire_feed(&w);
  (void)wire_ask(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_set(&w.in, {8, 1});
  wire_feed(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 2);
  wire_end(&w);
}
END_TEST

START_TEST(W_06_a_client_that_waits_does_not_wait_for_ever) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.options.wait_for_connect_protocol = true;
  wire_start_client(&w);
  app = wire_ask(&w);
  wire_settings(&w.in, NULL, 0);
  wire_ack(&w.in);
  wire_feed(&w);
  wire_advance(&w, 9999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(app->events.error, H2WS_ERR_TIMEOUT);
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_07_interop_14_nothing_is_asked_before_the_offer) {
  struct wire_app *app;
  start_client(_i);
  app = wire_ask(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  ck_assert_int_eq(app->id, -1);
  wire_set(&w.in, {8, 1});
  wire_feed(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, 1), 1);
  ck_assert_int_eq(h2ws_stream_id(app->stream), 1);
  wire_end(&w);
}
END_TEST

START_TEST(interop_03_nghttp2_gap_01_without_the_offer_nothing_is_asked) {
  static const struct wire_setting zero = {8, 0}; /* as Node sends it */
  size_t n;
  for (n = 0; n < 2; n++) {
    struct wire_app *app;
    start_client(_i);
    app = wire_ask(&w);
    wire_settings(&w.in, &zero, n);
    wire_ack(&w.in);
    wire_feed(&w);
    wire_expect_alive(&w);
    ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
    ck_assert_int_eq(app->events.cls, H2WS_CLOSE_REFUSED);
    ck_assert_int_eq(app->events.error, H2WS_ERR_UNSUPPORTED);
    app = wire_ask(&w);
    wire_advance(&w, 0);
    ck_assert_int_eq(app->events.error, H2WS_ERR_UNSUPPORTED);
    ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
    wire_end(&w);
  }
}
END_TEST

START_TEST(W_08_interop_12_a_clients_own_setting_changes_nothing) {
  start_server(_i);
  wire_preface(&w.in);
  wire_set(&w.in, {8, 1});
  wire_set(&w.in, {8, 0});
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(wire_open(&w, 1)->events.closed, 0);
  wire_end(&w);
}
END_TEST

START_TEST(ST_04_a_bad_preface_is_answered_and_ends) {
  static const char http[] = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
  start_server(_i);
  wire_bytes(&w.in, http, strlen(http));
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.error, H2WS_ERR_NOT_HTTP2);
  wire_end(&w);
}
END_TEST

/* nghttp2 returns an error there and has nothing to send by itself. */
START_TEST(nghttp2_gap_09_an_error_of_nghttp2_still_sends_goaway) {
  start_server(_i);
  wire_bytes(&w.in, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 24);
  wire_feed(&w);
  ck_assert_int_eq(w.recv_rv, H2WS_ERR_NOT_HTTP2);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_01_a_server_needs_settings_first) {
  start_server(_i);
  wire_preface(&w.in);
  wire_ping(&w.in, WIRE_NONE, "12345678");
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(ST_05_no_other_frame_may_come_first) {
  start_server(_i);
  wire_preface(&w.in);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
  start_client(_i);
  wire_update(&w.in, 0, 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_01_a_client_hears_when_it_is_not_http_2) {
  static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
  struct wire_app *app;
  start_client(_i);
  app = wire_ask(&w);
  wire_bytes(&w.in, http, strlen(http));
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(w.error, H2WS_ERR_NOT_HTTP2);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.error, H2WS_ERR_NOT_HTTP2);
  wire_end(&w);
}
END_TEST

START_TEST(F_02_every_settings_is_acknowledged) {
  size_t i;
  size_t acks = 0;
  wire_server(&w, test_chunks[_i]);
  wire_set(&w.in, {4, 70000});
  wire_set(&w.in, {4, 60000});
  wire_feed(&w);
  for (i = 0; i < w.got_len; i++) {
    acks += w.got[i].type == WIRE_SETTINGS && w.got[i].flags == WIRE_ACK &&
            w.got[i].len == 0;
  }
  ck_assert_uint_eq(acks, 2);
  ck_assert_uint_eq(w.got_len, 2);
  wire_end(&w);
}
END_TEST

START_TEST(ST_07_a_missing_acknowledgement_ends_it) {
  start_server(_i);
  wire_advance(&w, 5000);
  wire_preface(&w.in);
  wire_settings(&w.in, NULL, 0);
  wire_feed(&w);
  wire_advance(&w, 9999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_goaway(&w, WIRE_SETTINGS_TIMEOUT);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(ST_01_a_client_that_says_nothing_is_dropped) {
  start_server(_i);
  wire_preface(&w.in);
  wire_feed(&w);
  wire_advance(&w, 9999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_goaway(&w, WIRE_SETTINGS_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(ST_09_a_server_that_says_nothing_fails_the_open) {
  struct wire_app *app;
  start_client(_i);
  app = wire_ask(&w);
  wire_advance(&w, 10000);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(F_03_settings_out_of_range_end_the_connection) {
  expect_settings_fatal(_i, 2, 2, WIRE_PROTOCOL);
  expect_settings_fatal(_i, 2, 1, WIRE_PROTOCOL); /* from a server */
  expect_settings_fatal(_i, 4, 0x80000000, WIRE_FLOW);
  expect_settings_fatal(_i, 5, 16383, WIRE_PROTOCOL);
  expect_settings_fatal(_i, 5, 16777216, WIRE_PROTOCOL);
}
END_TEST

START_TEST(ST_06_CVE_2020_11080_too_many_settings_in_one_frame) {
  static const size_t counts[] = {33, 2730};
  static const struct wire_setting many[2730];
  size_t i;
  for (i = 0; i < 2; i++) {
    start_server(_i);
    wire_preface(&w.in);
    wire_settings(&w.in, many, counts[i]);
    wire_feed(&w);
    wire_expect_goaway(&w, WIRE_CALM);
    ck_assert_int_eq(w.error, H2WS_ERR_LIMIT);
    wire_end(&w);
  }
}
END_TEST

START_TEST(LM_05_a_compression_table_that_shrinks_and_grows) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_set(&w.in, {1, 0}, {1, 4096});
  wire_feed(&w);
  (void)nghttp2_hd_inflate_change_table_size(w.inflater, 0);
  (void)nghttp2_hd_inflate_change_table_size(w.inflater, 4096);
  (void)wire_open(&w, 3);
  (void)wire_open(&w, 5);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(LM_05_a_compression_table_as_large_as_can_be) {
  uint32_t id;
  wire_server(&w, test_chunks[_i]);
  wire_set(&w.in, {1, 0xffffffff});
  wire_feed(&w);
  for (id = 1; id < 100; id += 2) {
    (void)wire_open(&w, id);
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    W_01_interop_15_a_server_offers_it_in_its_first_settings,
    W_01_interop_10_interop_11_a_server_that_cannot_serve_says_nothing,
    F_41_interop_63_a_client_switches_push_off,
    W_02_ST_11_only_zero_and_one_are_legal,
    W_03_nghttp2_gap_02_the_offer_is_not_taken_back,
    W_04_ST_11_interop_16_one_then_zero_ends_the_connection,
    W_04_within_one_frame_the_last_value_counts,
    W_05_settings_without_it_leave_it_as_it_was,
    W_06_a_client_that_waits_takes_a_later_offer,
    W_06_a_client_that_waits_does_not_wait_for_ever,
    W_07_interop_14_nothing_is_asked_before_the_offer,
    interop_03_nghttp2_gap_01_without_the_offer_nothing_is_asked,
    W_08_interop_12_a_clients_own_setting_changes_nothing,
    ST_04_a_bad_preface_is_answered_and_ends,
    nghttp2_gap_09_an_error_of_nghttp2_still_sends_goaway,
    F_01_a_server_needs_settings_first,
    ST_05_no_other_frame_may_come_first,
    F_01_a_client_hears_when_it_is_not_http_2,
    F_02_every_settings_is_acknowledged,
    ST_07_a_missing_acknowledgement_ends_it,
    ST_01_a_client_that_says_nothing_is_dropped,
    ST_09_a_server_that_says_nothing_fails_the_open,
    F_03_settings_out_of_range_end_the_connection,
    ST_06_CVE_2020_11080_too_many_settings_in_one_frame,
    LM_05_a_compression_table_that_shrinks_and_grows,
    LM_05_a_compression_table_as_large_as_can_be,
  };
  return wire_suite("h2/negotiation", tests, sizeof(tests) / sizeof(tests[0]));
}
