/* Time that stands still, jumps, or is late (hostile rows TM-*). */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define HOUR (UINT64_C(3600) * 1000)
#define DAY (24 * HOUR)

/* Lets time pass at one go, as a process does that was stopped. */
static void jump(uint64_t ms) {
  w.env.now += ms * H2WS_MS;
  (void)h2ws_conn_tick(w.conn);
  wire_take(&w);
}

static void answer_pings(void) {
  size_t n = wire_count(&w, WIRE_PING, 0);
  wire_clear(&w);
  while (n-- > 0) {
    wire_ping(&w.in, WIRE_ACK, "h2wsping");
  }
  wire_feed(&w);
}

START_TEST(TM_03_a_jump_of_the_clock_fires_each_timer_once) {
  struct wire_app *app;
  size_t pings = 0;
  size_t frames;
  int i;
  wire_init(&w, test_chunks[_i]);
  w.options.ping_interval_ms = 20000;
  w.socket_options.ping_interval_ms = 5000;
  w.mute = true;
  wire_start_server(&w);
  wire_greet(&w);
  app = wire_open(&w, 1);
  for (i = 0; i < 4; i++) {
    jump(HOUR);
    wire_expect_alive(&w);
    ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
    ck_assert_uint_le(wire_data_len(&w, 1), 2);
    pings += wire_data_len(&w, 1) / 2;
    frames = w.got_len;
    (void)h2ws_conn_tick(w.conn); /* the same moment: nothing more */
    wire_take(&w);
    ck_assert_uint_eq(w.got_len, frames);
    ck_assert(h2ws_conn_deadline(w.conn) > w.env.now);
    wire_masked(&w.in, 1, WIRE_NONE, 0x8a, "", 0);
    answer_pings();
  }
  ck_assert_uint_ge(pings, 1); /* the answers are signs of life */
  ck_assert_int_eq(app->events.closed, 0);
  wire_end(&w);
}
END_TEST

/* The time before bytes came to wait is not theirs. */
START_TEST(FC_03_a_stall_begins_when_bytes_begin_to_wait) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.mute = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_set(&w.in, {4, 3});
  wire_feed(&w);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "a", 1), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "\x81\1a", 3); /* the window is used up */
  wire_advance(&w, 59990);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "b", 1), 0);
  wire_advance(&w, 59990);
  wire_expect_alive(&w);
  ck_assert_int_eq(app->events.closed, 0);
  wire_advance(&w, 60010);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(IO_10_a_transport_has_its_full_time) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_advance(&w, 29999);
  w.blocked = true;
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "x", 1), 0);
  wire_advance(&w, 29999);
  ck_assert_int_eq(w.closed, 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(w.cls, H2WS_CLOSE_TIMEOUT);
  wire_end(&w);
}
END_TEST

/* Moves the clock to where the next deadline is, and does not tick. */
static void reach_deadline(void) {
  ck_assert(h2ws_conn_deadline(w.conn) != H2WS_NEVER);
  w.env.now = h2ws_conn_deadline(w.conn);
}

/* Feeds what was awaited; only then is the deadline looked at. */
static void feed_and_tick(void) {
  wire_feed(&w);
  (void)h2ws_conn_tick(w.conn);
  wire_take(&w);
  ck_assert_int_ne(w.cls, H2WS_CLOSE_TIMEOUT);
}

START_TEST(TM_05_an_answer_in_the_turn_of_its_deadline) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  reach_deadline();
  wire_head(&w.in, 1, WIRE_EH, ":status: 200\n");
  feed_and_tick();
  ck_assert_int_eq(app->events.opened, 1);
  ck_assert_int_eq(app->events.closed, 0);
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(TM_05_settings_in_the_turn_of_their_deadline) {
  wire_init(&w, test_chunks[_i]);
  wire_start_server(&w);
  reach_deadline();
  wire_preface(&w.in);
  wire_settings(&w.in, NULL, 0);
  feed_and_tick();
  wire_expect_alive(&w);
  reach_deadline();
  wire_ack(&w.in);
  feed_and_tick();
  wire_expect_alive(&w);
  (void)wire_open(&w, 1);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(TM_05_pongs_in_the_turn_of_their_deadline) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.options.ping_interval_ms = 20000;
  w.options.ping_timeout_ms = 20000;
  w.socket_options.ping_interval_ms = 20000;
  wire_start_server(&w);
  wire_greet(&w);
  app = wire_open(&w, 1);
  wire_advance(&w, 20000);
  ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
  wire_expect_data(&w, 1, "\x89\0", 2);
  reach_deadline();
  wire_masked(&w.in, 1, WIRE_NONE, 0x8a, "", 0);
  wire_ping(&w.in, WIRE_ACK, "h2wsping");
  feed_and_tick();
  wire_expect_alive(&w);
  ck_assert_int_eq(app->events.closed, 0);
  wire_end(&w);
}
END_TEST

START_TEST(TM_05_a_close_in_the_turn_of_its_deadline) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  reach_deadline();
  wire_masked(&w.in, 1, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
  feed_and_tick();
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(app->events.code, 1000);
  wire_end(&w);
}
END_TEST

START_TEST(TM_05_a_request_in_the_turn_of_the_idle_deadline) {
  wire_server(&w, test_chunks[_i]);
  reach_deadline();
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  feed_and_tick();
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* Every duration there is, at this value. */
static void set_times(uint32_t ms) {
  w.options.settings_timeout_ms = ms;
  w.options.ack_timeout_ms = ms;
  w.options.header_timeout_ms = ms;
  w.options.open_timeout_ms = ms;
  w.options.answer_timeout_ms = ms;
  w.options.ping_interval_ms = ms;
  w.options.ping_timeout_ms = ms;
  w.options.idle_timeout_ms = ms;
  w.options.stall_timeout_ms = ms;
  w.options.stream_stall_timeout_ms = ms;
  w.options.linger_timeout_ms = ms;
  w.options.goaway_delay_ms = ms;
  w.options.drain_timeout_ms = ms;
  w.socket_options.ping_interval_ms = ms;
  w.socket_options.ping_timeout_ms = ms;
  w.socket_options.close_timeout_ms = ms;
}

START_TEST(TM_06_interop_53_zero_is_off) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  set_times(0);
  wire_start_server(&w);
  wire_advance(&w, 1000 * DAY);
  wire_greet(&w);
  wire_advance(&w, 1000 * DAY);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  w.wait = false;
  app = wire_open(&w, 3);
  ck_assert(h2ws_conn_deadline(w.conn) == H2WS_NEVER);
  jump(1000 * DAY);
  ck_assert_uint_eq(w.got_len, 0);
  ck_assert_int_eq(h2ws_socket_close(app->socket, 1000, NULL, 0), 0);
  wire_take(&w);
  jump(1000 * DAY);
  ck_assert_int_eq(app->events.closed, 0);
  wire_masked(&w.in, 3, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
  wire_feed(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* 2^31 and 2^32 - 1 ms are weeks, and neither nothing nor at once. */
START_TEST(TM_06_large_times_are_long) {
  static const uint32_t times[] = {UINT32_C(0x7fffffff), UINT32_C(0x80000000),
                                   UINT32_MAX};
  size_t i;
  for (i = 0; i < 3; i++) {
    struct wire_app *app;
    wire_init(&w, test_chunks[_i]);
    set_times(times[i]);
    wire_start_server(&w);
    wire_greet(&w);
    app = wire_open(&w, 1);
    w.wait = true;
    wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
    wire_feed(&w);
    jump(UINT64_C(0x7fffffff) - 1);
    ck_assert_uint_eq(w.got_len, 0);
    wire_advance(&w, times[i] - UINT64_C(0x7fffffff) + 1);
    ck_assert_int_eq(wire_status(&w, 3), 503);
    ck_assert_int_eq(app->events.closed, 0);
    ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
    wire_end(&w);
  }
}
END_TEST

START_TEST(TM_06_the_shortest_time) {
  wire_init(&w, test_chunks[_i]);
  w.options.answer_timeout_ms = 1;
  w.options.idle_timeout_ms = 1;
  w.options.goaway_delay_ms = 1;
  w.options.drain_timeout_ms = 1;
  w.socket_options.close_timeout_ms = 1;
  wire_start_server(&w);
  wire_greet(&w);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  ck_assert_uint_eq(w.got_len, 0);
  w.env.now += 1 * H2WS_MS - 1;
  (void)h2ws_conn_tick(w.conn);
  ck_assert(!h2ws_conn_wants_send(w.conn));
  wire_advance(&w, 1);
  ck_assert_int_eq(wire_status(&w, 1), 503);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  wire_advance(&w, 2);
  wire_expect_goaway(&w, WIRE_NO_ERROR);
  wire_end(&w);
}
END_TEST

/* No timer of the handshake or of idling is armed on an open WebSocket. */
START_TEST(interop_53_interop_54_an_open_socket_outlives_all_timers) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  app = wire_open(&w, 1);
  wire_advance(&w, 365 * DAY);
  ck_assert_uint_eq(w.got_len, 0);
  ck_assert_int_eq(app->events.closed, 0);
  wire_unharmed(&w, 1);
  wire_end(&w);
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_advance(&w, 365 * DAY);
  ck_assert_uint_eq(w.got_len, 0);
  ck_assert_int_eq(app->events.closed, 0);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

/* A day of nothing but keepalive, from both sides. */
START_TEST(interop_51_a_day_of_idling_with_pings) {
  struct wire_app *app;
  uint64_t at;
  wire_init(&w, test_chunks[_i]);
  w.options.ping_interval_ms = 20000;
  wire_start_server(&w);
  wire_greet(&w);
  app = wire_open(&w, 1);
  for (at = 0; at < DAY; at += 60000) {
    wire_ping(&w.in, WIRE_NONE, "12345678");
    wire_feed(&w);
    ck_assert_uint_eq(wire_count(&w, WIRE_PING, 0), 1);
    ck_assert_int_eq(w.got[0].flags, WIRE_ACK);
    wire_clear(&w);
    wire_advance(&w, 30000);
    answer_pings();
    wire_masked(&w.in, 1, WIRE_NONE, 0x89, "p", 1);
    wire_feed(&w);
    wire_expect_data(&w, 1, "\x8a\1p", 3);
    wire_clear(&w);
    wire_advance(&w, 30000);
    answer_pings();
  }
  ck_assert_int_eq(app->events.pings, (int)(DAY / 60000));
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    TM_03_a_jump_of_the_clock_fires_each_timer_once,
    FC_03_a_stall_begins_when_bytes_begin_to_wait,
    IO_10_a_transport_has_its_full_time,
    TM_05_an_answer_in_the_turn_of_its_deadline,
    TM_05_settings_in_the_turn_of_their_deadline,
    TM_05_pongs_in_the_turn_of_their_deadline,
    TM_05_a_close_in_the_turn_of_its_deadline,
    TM_05_a_request_in_the_turn_of_the_idle_deadline,
    TM_06_interop_53_zero_is_off,
    TM_06_large_times_are_long,
    TM_06_the_shortest_time,
    interop_53_interop_54_an_open_socket_outlives_all_timers,
    interop_51_a_day_of_idling_with_pings,
  };
  return wire_suite("core/time", tests, sizeof(tests) / sizeof(tests[0]));
}
