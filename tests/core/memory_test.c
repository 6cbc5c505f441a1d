/* Memory that is short, given back, or asked for too deep (rows RS-*). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

/* A cap on memory is an allocator that says no: old work goes on. */
START_TEST(RS_05_a_cap_refuses_new_work_only) {
  int at;
  int refused = 0;
  for (at = 1; at < 60; at++) {
    struct wire_app *app;
    wire_server(&w, test_chunks[_i]);
    app = wire_open(&w, 1);
    w.env.fail_at = w.env.allocations + (size_t)at;
    w.env.fail_after = true;
    wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
    wire_feed(&w);
    w.env.fail_at = 0;
    wire_take(&w);
    if (w.closed == 0) { /* the cap took the stream alone, or nothing */
      refused += wire_status(&w, 3) != 200;
      ck_assert_int_eq(app->events.closed, 0);
      wire_unharmed(&w, 1);
    } else {
      ck_assert_int_eq(w.error, H2WS_ERR_NOMEM);
    }
    wire_end(&w);
  }
  ck_assert_int_gt(refused, 0);
}
END_TEST

/* Where memory ends inside nghttp2, the session ends once and says so. */
START_TEST(RS_07_the_end_of_memory_is_told_once) {
  int at;
  int ended = 0;
  for (at = 1; at < 60; at++) {
    wire_server(&w, test_chunks[_i]);
    (void)wire_open(&w, 1);
    w.env.fail_at = w.env.allocations + (size_t)at;
    wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
    wire_feed(&w);
    w.env.fail_at = 0;
    wire_take(&w);
    if (w.closed > 0) {
      ended++;
      ck_assert_int_eq(w.closed, 1);
      ck_assert_int_eq(w.error, H2WS_ERR_NOMEM);
      ck_assert_int_eq(wire_app(&w, 1)->events.code, 1006);
      ck_assert_uint_le(wire_count(&w, WIRE_GOAWAY, 0), 1);
      if (wire_count(&w, WIRE_GOAWAY, 0) == 1) {
        wire_expect_goaway(&w, WIRE_INTERNAL);
      }
    }
    wire_end(&w);
  }
  ck_assert_int_gt(ended, 0);
}
END_TEST

static uint8_t much[1000000];

START_TEST(RS_06_an_idle_connection_gives_memory_back) {
  struct wire_app *app;
  size_t len = test_chunks[_i] > 7 ? sizeof(much) : 30000;
  wire_init(&w, test_chunks[_i]);
  w.mute = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_set(&w.in, {4, 0x7fffffff});
  wire_update(&w.in, 0, 0x7fff0000);
  wire_feed(&w);
  app = wire_open(&w, 1);
  w.blocked = true;
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_BINARY, much, len), 0);
  ck_assert_uint_ge(w.env.bytes, len);
  w.blocked = false;
  wire_take(&w);
  ck_assert_uint_gt(wire_data_len(&w, 1), len);
  wire_advance(&w, 1000);
  ck_assert_uint_lt(w.env.bytes, (size_t)64 * 1024);
  w.mute = false;
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* 64 KiB of stack, many frames in one read, and an answer to each. */
static void *shallow(void *arg) {
  static uint8_t frames[5000 * 24];
  struct wire_app *app = wire_app(&w, 1);
  (void)arg;
  memcpy(frames, w.in.data, w.in.len);
  (void)h2ws_conn_recv(w.conn, frames, w.in.len);
  w.in.len = 0;
  return app;
}

START_TEST(RS_10_the_stack_stays_flat) {
  pthread_t thread;
  pthread_attr_t attr;
  int i;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  for (i = 0; i < 5000; i++) {
    wire_masked(&w.in, 1, WIRE_NONE, i % 7 == 0 ? WIRE_TEXT : 0x82, "abcd", 4);
  }
  ck_assert_int_eq(pthread_attr_init(&attr), 0);
  ck_assert_int_eq(pthread_attr_setstacksize(&attr, (size_t)64 * 1024), 0);
  ck_assert_int_eq(pthread_create(&thread, &attr, shallow, NULL), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  ck_assert_int_eq(pthread_attr_destroy(&attr), 0);
  wire_take(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 5000);
  ck_assert_uint_eq(wire_data_len(&w, 1), (size_t)5000 * 6);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    RS_05_a_cap_refuses_new_work_only,
    RS_06_an_idle_connection_gives_memory_back,
    RS_07_the_end_of_memory_is_told_once,
    RS_10_the_stack_stays_flat,
  };
  return wire_suite("core/memory", tests, sizeof(tests) / sizeof(tests[0]));
}
