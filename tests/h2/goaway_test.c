/* GOAWAY both ways, draining, and the deadlines of a connection. */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define CODE_1001 "\x03\xe9"
#define CLOSE_1001 "\x88\x02" CODE_1001

/* Last stream id and code of the n-th GOAWAY that came. */
static void expect_nth_goaway(size_t n, uint32_t last, uint32_t code) {
  size_t i;
  for (i = 0; i < w.got_len; i++) {
    if (w.got[i].type == WIRE_GOAWAY && n-- == 0) {
      ck_assert_uint_eq(wire_number(&w.got[i], 0), last);
      ck_assert_uint_eq(wire_number(&w.got[i], 4), code);
      return;
    }
  }
  ck_abort_msg("no such GOAWAY came");
}

/* Answers the PINGs that came, then forgets what came. */
static void answer_pings(void) {
  size_t i;
  for (i = 0; i < w.got_len; i++) {
    if (w.got[i].type == WIRE_PING && w.got[i].flags == 0) {
      wire_ping(&w.in, WIRE_ACK, (const char *)w.got[i].payload);
    }
  }
  wire_clear(&w);
  wire_feed(&w);
}

/* ------------------------------------------------------------------------
 * Received
 */

START_TEST(F_28_streams_above_the_last_one_can_be_retried) {
  struct wire_app *first;
  struct wire_app *second;
  wire_client(&w, test_chunks[_i]);
  first = wire_ask(&w);
  second = wire_ask(&w);
  wire_goaway(&w.in, 1, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(w.goaways, 1);
  ck_assert_int_eq(second->events.closed, 1);
  ck_assert_int_eq(second->events.error, H2WS_ERR_RETRY);
  ck_assert(second->events.retryable);
  ck_assert_int_eq(first->events.closed, 0);
  wire_head(&w.in, 1, WIRE_EH, ":status: 200\n");
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "hi", 2);
  wire_feed(&w);
  ck_assert_int_eq(first->events.opened, 1);
  ck_assert_int_eq(first->events.messages, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_28_a_goaway_while_connecting) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_goaway(&w.in, 0, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(app->events.error, H2WS_ERR_RETRY);
  ck_assert(app->events.retryable);
  ck_assert_int_eq(w.closed, 1); /* nothing is left to wait for */
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* Requests that wait for the peer's limit were certainly not processed. */
START_TEST(F_28_a_request_that_waits_can_be_retried) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  wire_set(&w.in, {3, 1});
  wire_feed(&w);
  (void)wire_ask_open(&w);
  app = wire_ask(&w);
  wire_goaway(&w.in, 1, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.error, H2WS_ERR_GOING_AWAY);
  ck_assert(app->events.retryable);
  wire_end(&w);
}
END_TEST

/* nghttp2 would still give out an id, and then close it. */
START_TEST(LC_14_interop_56_nghttp2_gap_13_nothing_is_asked_after_goaway) {
  h2ws_request request = {0};
  h2ws_stream *stream = NULL;
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  wire_goaway(&w.in, 1, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert(!h2ws_conn_can_open(w.conn));
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/";
  request.protocol = "websocket";
  ck_assert_int_eq(h2ws_stream_open(w.conn, &stream, &request, NULL, NULL),
                   H2WS_ERR_GOING_AWAY);
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(FR_22_the_last_stream_may_not_grow) {
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  (void)wire_ask_open(&w);
  wire_goaway(&w.in, 1, WIRE_NO_ERROR);
  wire_goaway(&w.in, 3, WIRE_NO_ERROR);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_31_a_lost_connection_is_not_retryable) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  ck_assert_int_eq(h2ws_conn_recv_eof(w.conn, H2WS_ERR_IO), 0);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_LOST);
  ck_assert(!app->events.retryable);
  wire_end(&w);
}
END_TEST

START_TEST(F_32_resets_that_tell_what_to_do) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_rst(&w.in, 1, WIRE_REFUSED);
  wire_feed(&w);
  ck_assert_int_eq(app->events.error, H2WS_ERR_RETRY);
  ck_assert(app->events.retryable);
  app = wire_ask(&w);
  wire_rst(&w.in, 3, WIRE_HTTP_1_1);
  wire_feed(&w);
  ck_assert_int_eq(app->events.error, H2WS_ERR_HTTP_1_1);
  app = wire_ask(&w);
  wire_rst(&w.in, 5, WIRE_INTERNAL);
  wire_feed(&w);
  ck_assert_int_eq(app->events.error, H2WS_ERR_RESET);
  ck_assert(!app->events.retryable);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

/* REFUSED_STREAM means "not processed" only before the answer. */
START_TEST(F_32_refused_stream_after_the_answer) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_rst(&w.in, 1, WIRE_REFUSED);
  wire_feed(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(app->events.error, H2WS_ERR_RESET);
  ck_assert(!app->events.retryable);
  ck_assert_int_eq(app->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(HS_26_a_goaway_that_wants_http_1_1) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_goaway(&w.in, 0, WIRE_HTTP_1_1);
  wire_feed(&w);
  ck_assert_int_eq(w.goaways, 1);
  ck_assert_uint_eq(w.goaway_code, WIRE_HTTP_1_1);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.error, H2WS_ERR_HTTP_1_1);
  wire_end(&w);
}
END_TEST

START_TEST(F_44_an_unknown_code_in_goaway) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_goaway(&w.in, 1, 0xdeadbeef);
  wire_feed(&w);
  ck_assert_uint_eq(w.goaway_code, 0xdeadbeef);
  ck_assert_int_eq(h2ws_conn_recv_eof(w.conn, 0), 0);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(app->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(F_45_misdirected) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, ":status: 421\n");
  wire_feed(&w);
  ck_assert_int_eq(app->events.error, H2WS_ERR_MISDIRECTED);
  ck_assert_int_eq(app->events.status, 421);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(FR_19_a_goaway_with_much_to_say) {
  static const uint8_t payload[16384];
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  wire_frame(&w.in, WIRE_GOAWAY, WIRE_NONE, 0, payload, sizeof(payload));
  wire_feed(&w);
  ck_assert_int_eq(w.goaways, 1);
  wire_end(&w);
  wire_client(&w, test_chunks[_i]);
  wire_frame(&w.in, WIRE_GOAWAY, WIRE_NONE, 1, payload, 8);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_28_a_client_that_leaves_is_served_to_the_end) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_goaway(&w.in, 0, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(w.goaways, 1);
  wire_unharmed(&w, 1);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1001, 2);
  wire_feed(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(w.closed, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Draining
 */

START_TEST(F_29_requests_in_flight_are_served) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_take(&w);
  expect_nth_goaway(0, 0x7fffffff, WIRE_NO_ERROR);
  ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT); /* was on its way */
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 3), 200);
  ck_assert_uint_eq(wire_data_len(&w, 1), 0);
  wire_advance(&w, 999);
  ck_assert_uint_eq(wire_count(&w, WIRE_GOAWAY, 0), 1);
  wire_advance(&w, 1);
  expect_nth_goaway(1, 3, WIRE_NO_ERROR);
  wire_expect_data(&w, 1, CLOSE_1001, 4);
  wire_expect_data(&w, 3, CLOSE_1001, 4);
  wire_head(&w.in, 5, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  ck_assert_int_eq(w.requests, 2);
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1001, 2);
  wire_masked(&w.in, 3, WIRE_ES, WIRE_CLOSE, CODE_1001, 2);
  wire_feed(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(w.closed, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_the_answer_to_the_ping_is_enough) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_take(&w);
  answer_pings();
  expect_nth_goaway(0, 1, WIRE_NO_ERROR);
  wire_expect_data(&w, 1, CLOSE_1001, 4);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_a_request_let_in_late_is_closed_too) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_advance(&w, 1000);
  wire_accept(&w, app);
  wire_advance(&w, 30000);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(w.closed, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_interop_52_a_drain_has_an_end) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.raw = true; /* nothing closes a stream of bytes */
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_advance(&w, 29999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_a_drain_without_streams_ends_at_once) {
  wire_server(&w, test_chunks[_i]);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0); /* twice is once */
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_GOAWAY, 0), 1);
  answer_pings();
  ck_assert_int_eq(w.closed, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), H2WS_ERR_CLOSED);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_a_drain_without_memory_for_its_beginning_goes_on) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  w.env.fail_at = w.env.allocations + 1;
  ck_assert_int_eq(h2ws_conn_drain(w.conn), H2WS_ERR_NOMEM);
  w.env.fail_at = 0;
  wire_advance(&w, 1000);
  ck_assert_uint_eq(wire_count(&w, WIRE_GOAWAY, 0), 1);
  wire_expect_data(&w, 1, "\x88\x02\x03\xe9", 4); /* 1001 */
  wire_end(&w);
}
END_TEST

START_TEST(F_29_a_drain_before_the_clients_settings) {
  wire_init(&w, test_chunks[_i]);
  wire_start_server(&w);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_advance(&w, 30000);
  ck_assert_int_eq(w.closed, 1);
  wire_end(&w);
}
END_TEST

START_TEST(F_29_a_client_drains_too) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  ck_assert_int_eq(h2ws_conn_drain(w.conn), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 8); /* CLOSE, masked */
  ck_assert(!h2ws_conn_can_open(w.conn));
  wire_unmasked(&w.in, 1, WIRE_ES, WIRE_CLOSE, CODE_1001, 2);
  wire_feed(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(w.closed, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(F_30_a_shutdown_says_why) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_conn_shutdown(w.conn, WIRE_INTERNAL), 0);
  wire_take(&w);
  wire_expect_goaway(&w, WIRE_INTERNAL);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_ABORTED);
  ck_assert_int_eq(h2ws_conn_shutdown(w.conn, WIRE_INTERNAL), H2WS_ERR_CLOSED);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Deadlines
 */

static void start_with_keepalive(int chunk) {
  wire_init(&w, test_chunks[chunk]);
  w.options.ping_interval_ms = 20000;
  wire_start_server(&w);
  wire_greet(&w);
}

START_TEST(keepalive_pings_a_silent_peer) {
  int i;
  start_with_keepalive(_i);
  (void)wire_open(&w, 1);
  for (i = 0; i < 5; i++) {
    wire_advance(&w, 19999);
    ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 0);
    wire_advance(&w, 1);
    ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
    answer_pings();
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(keepalive_finds_a_dead_peer) {
  struct wire_app *app;
  start_with_keepalive(_i);
  app = wire_open(&w, 1);
  wire_advance(&w, 39999);
  ck_assert_int_eq(w.closed, 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(app->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(interop_55_keepalive_takes_any_bytes_for_life) {
  int i;
  start_with_keepalive(_i);
  (void)wire_open(&w, 1);
  for (i = 0; i < 10; i++) {
    wire_advance(&w, 15000);
    wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "x", 1);
    wire_feed(&w);
  }
  wire_expect_alive(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 0);
  wire_end(&w);
}
END_TEST

START_TEST(keepalive_measures_the_round_trip) {
  h2ws_conn_stats stats = {0};
  start_with_keepalive(_i);
  (void)wire_open(&w, 1);
  wire_advance(&w, 20000);
  w.env.now += 30 * H2WS_MS;
  answer_pings();
  stats.size = sizeof(stats);
  ck_assert_int_eq(h2ws_conn_get_stats(w.conn, &stats), 0);
  ck_assert_uint_eq(stats.ping_rtt, 30 * H2WS_MS);
  wire_end(&w);
}
END_TEST

START_TEST(idle_connections_end_in_order) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  wire_advance(&w, 100000);
  wire_expect_alive(&w);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  wire_advance(&w, 59999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_goaway(&w, WIRE_NO_ERROR);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(a_connection_with_a_request_under_way_is_not_idle) {
  wire_init(&w, test_chunks[_i]);
  w.options.open_timeout_ms = 0;
  wire_start_client(&w);
  wire_greet(&w);
  wire_advance(&w, 50000);
  (void)wire_ask(&w);
  wire_advance(&w, 100000);
  wire_expect_alive(&w);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  wire_advance(&w, 60000);
  wire_expect_goaway(&w, WIRE_NO_ERROR);
  wire_end(&w);
}
END_TEST

START_TEST(a_stalled_transport_ends_the_connection) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  w.blocked = true;
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "x", 1), 0);
  wire_advance(&w, 29999);
  ck_assert_int_eq(w.closed, 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(HS_18_a_late_answer_is_ignored) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  app = wire_ask(&w);
  wire_advance(&w, 9999);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 3, WIRE_CANCEL);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  wire_head(&w.in, 3, WIRE_EH, ":status: 200\n");
  wire_unmasked(&w.in, 3, WIRE_NONE, WIRE_TEXT, "late", 4);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "ok", 2);
  wire_feed(&w);
  wire_expect_rst(&w, 3, WIRE_CANCEL);
  ck_assert_int_eq(app->events.messages, 0);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 1);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    F_28_streams_above_the_last_one_can_be_retried,
    F_28_a_goaway_while_connecting,
    F_28_a_request_that_waits_can_be_retried,
    LC_14_interop_56_nghttp2_gap_13_nothing_is_asked_after_goaway,
    FR_22_the_last_stream_may_not_grow,
    F_31_a_lost_connection_is_not_retryable,
    F_32_resets_that_tell_what_to_do,
    F_32_refused_stream_after_the_answer,
    HS_26_a_goaway_that_wants_http_1_1,
    F_44_an_unknown_code_in_goaway,
    F_45_misdirected,
    FR_19_a_goaway_with_much_to_say,
    F_28_a_client_that_leaves_is_served_to_the_end,
    F_29_requests_in_flight_are_served,
    F_29_the_answer_to_the_ping_is_enough,
    F_29_a_request_let_in_late_is_closed_too,
    F_29_interop_52_a_drain_has_an_end,
    F_29_a_drain_without_streams_ends_at_once,
    F_29_a_drain_without_memory_for_its_beginning_goes_on,
    F_29_a_drain_before_the_clients_settings,
    F_29_a_client_drains_too,
    F_30_a_shutdown_says_why,
    keepalive_pings_a_silent_peer,
    keepalive_finds_a_dead_peer,
    interop_55_keepalive_takes_any_bytes_for_life,
    keepalive_measures_the_round_trip,
    idle_connections_end_in_order,
    a_connection_with_a_request_under_way_is_not_idle,
    a_stalled_transport_ends_the_connection,
    HS_18_a_late_answer_is_ignored,
  };
  return wire_suite("h2/goaway", tests, sizeof(tests) / sizeof(tests[0]));
}
