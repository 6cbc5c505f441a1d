/* The main job, in memory: open, send, echo, close. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

static struct test_pair pair;
static struct test_events events;

static void begin(int chunk) {
  test_pair_init(&pair, test_chunks[chunk]);
  test_pair_start(&pair);
}

static void end(void) {
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}

START_TEST(text_and_binary_come_back) {
  h2ws_socket *socket;
  begin(_i);
  socket = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.opened, 1);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "hello", 5), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.messages, 1);
  ck_assert_int_eq(events.type, H2WS_TEXT);
  ck_assert_mem_eq(events.data, "hello", 5);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, "\0\xff", 2), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.messages, 2);
  ck_assert_int_eq(events.type, H2WS_BINARY);
  ck_assert_mem_eq(events.data + 5, "\0\xff", 2);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, "bye", 3), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.code, 1000);
  ck_assert_int_eq(pair.peer_events.code, 1000);
  ck_assert_str_eq(pair.peer_events.reason, "bye");
  ck_assert(pair.peer_events.by_peer);
  ck_assert_uint_eq(h2ws_conn_streams(pair.client), 0);
  ck_assert_uint_eq(h2ws_conn_streams(pair.server), 0);
  end();
}
END_TEST

START_TEST(R_09_sizes_come_back_whole) {
  static const size_t sizes[] = {0,     1,     125,   126,   127,    16383,
                                 16384, 16385, 65535, 65536, 130000, 1100000};
  size_t i;
  h2ws_socket *socket;
  begin(_i);
  socket = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    size_t len = sizes[i];
    uint8_t *data = malloc(len + 1);
    size_t k;
    ck_assert_ptr_nonnull(data);
    if (len > 200000 && test_chunks[_i] < 7) {
      free(data); /* the same paths, a million times */
      break;
    }
    for (k = 0; k < len; k++) {
      data[k] = (uint8_t)(k * 31 + i);
    }
    events.len = 0;
    ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, data, len), 0);
    test_pair_pump(&pair);
    ck_assert_uint_eq(events.last_len, len);
    ck_assert_uint_eq(events.len, len);
    if (len > 0) {
      ck_assert_mem_eq(events.data, data, len);
    }
    free(data);
  }
  end();
}
END_TEST

START_TEST(interop_40_a_hundred_open_at_once) {
  static struct test_events many[100];
  h2ws_socket *sockets[100];
  int i;
  begin(_i);
  for (i = 0; i < 100; i++) {
    sockets[i] = test_pair_open(&pair, "/echo", &many[i]);
  }
  test_pair_pump(&pair);
  for (i = 0; i < 100; i++) {
    ck_assert_int_eq(many[i].opened, 1);
    ck_assert_int_eq(h2ws_socket_send(sockets[i], H2WS_TEXT, "x", 1), 0);
  }
  test_pair_pump(&pair);
  for (i = 0; i < 100; i++) {
    ck_assert_int_eq(many[i].messages, 1);
    ck_assert_int_eq(h2ws_socket_close(sockets[i], 1000, NULL, 0), 0);
  }
  test_pair_pump(&pair);
  for (i = 0; i < 100; i++) {
    ck_assert_int_eq(many[i].cls, H2WS_CLOSE_CLEAN);
    test_events_dispose(&many[i]);
  }
  end();
}
END_TEST

START_TEST(W_31_a_refusal_tells_status_and_body) {
  begin(_i);
  (void)test_pair_open(&pair, "/nowhere", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.opened, 0);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_REFUSED);
  ck_assert_int_eq(events.error, H2WS_ERR_REFUSED);
  ck_assert_int_eq(events.status, 404);
  ck_assert_str_eq(events.body, "not here");
  end();
}
END_TEST

START_TEST(ST_10_a_server_without_the_setting_is_reported) {
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_options.enable_connect_protocol = false;
  test_pair_start(&pair);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_advance(&pair, 1);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.error, H2WS_ERR_UNSUPPORTED);
  ck_assert_int_eq(pair.requests, 0);
  end();
}
END_TEST

START_TEST(HS_22_an_undecided_request_gets_503) {
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_waits = true;
  pair.client_options.open_timeout_ms = 60000;
  test_pair_start(&pair);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_ptr_nonnull(pair.request);
  test_pair_advance(&pair, 14999);
  ck_assert_int_eq(events.closed, 0);
  test_pair_advance(&pair, 1);
  ck_assert_int_eq(events.status, 503);
  end();
}
END_TEST

START_TEST(HS_18_a_request_without_answer_times_out) {
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_waits = true;
  test_pair_start(&pair);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_advance(&pair, 10000);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_ptr_null(pair.request);
  ck_assert_uint_eq(h2ws_conn_streams(pair.server), 0);
  end();
}
END_TEST

START_TEST(K_12_a_close_without_answer_times_out) {
  h2ws_socket *socket;
  begin(_i);
  socket = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  pair.cut = true;
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
  test_pair_advance(&pair, 5000);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(events.code, 1006);
  end();
}
END_TEST

START_TEST(F_29_interop_50_a_drain_closes_with_1001) {
  begin(_i);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_conn_drain(pair.server), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.code, 1001);
  ck_assert(h2ws_conn_finished(pair.server));
  ck_assert(h2ws_conn_finished(pair.client));
  end();
}
END_TEST

START_TEST(IO_12_a_silent_peer_is_found_dead) {
  begin(_i);
  (void)test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  pair.cut = true;
  test_pair_advance(&pair, 40001);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(events.code, 1006);
  ck_assert_int_eq(pair.client_cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/echo");
  TCase *tc = tcase_create("pair");
  tcase_add_loop_test(tc, text_and_binary_come_back, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, R_09_sizes_come_back_whole, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, interop_40_a_hundred_open_at_once, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, W_31_a_refusal_tells_status_and_body, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, ST_10_a_server_without_the_setting_is_reported, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, HS_22_an_undecided_request_gets_503, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, HS_18_a_request_without_answer_times_out, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, K_12_a_close_without_answer_times_out, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, F_29_interop_50_a_drain_closes_with_1001, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, IO_12_a_silent_peer_is_found_dead, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
