/* The closing handshake (RFC 6455 section 7), on both sides. */
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static struct test_pipe pipe;

static void feed_close(uint16_t code) {
  uint8_t body[2];
  body[0] = (uint8_t)(code >> 8);
  body[1] = (uint8_t)code;
  test_pipe_feed_frame(&pipe, 0x88, body, 2);
}

static void expect_close(uint16_t code) {
  uint8_t frame[4] = {0x88, 2};
  frame[2] = (uint8_t)(code >> 8);
  frame[3] = (uint8_t)code;
  test_pipe_expect_bytes(&pipe, frame, sizeof(frame), "CLOSE");
}

START_TEST(K_01_WS_06_half_a_code_is_refused) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 01 03");
  test_pipe_expect_failed(&pipe, 1002);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_01_a_reason_has_123_bytes_at_most) {
  uint8_t body[126];
  char reason[124];
  memset(body, 'r', sizeof(body));
  memset(reason, 'r', sizeof(reason));
  body[0] = 0x03;
  body[1] = 0xe8;
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, reason, 124),
                   H2WS_ERR_INVALID);
  test_pipe_feed_frame(&pipe, 0x88, body, 125);
  expect_close(1000);
  test_pipe_feed_end(&pipe);
  ck_assert_uint_eq(pipe.events.reason_len, 123);
  ck_assert_mem_eq(pipe.events.reason, reason, 123);
  test_pipe_dispose(&pipe);
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, reason, 123), 0);
  test_pipe_pump(&pipe);
  ck_assert_uint_eq(pipe.out.len, 127);
  ck_assert_mem_eq(pipe.out.data, "\x88\x7d\x03\xe8rrr", 7);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_02_codes_that_may_be_sent_are_echoed) {
  static const uint16_t codes[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                   1010, 1011, 1012, 1013, 1014, 3000, 3001,
                                   3500, 3999, 4000, 4500, 4999};
  size_t i;
  for (i = 0; i < LEN(codes); i++) {
    test_pipe_begin(&pipe, _i);
    feed_close(codes[i]);
    expect_close(codes[i]);
    ck_assert(pipe.ended);
    test_pipe_feed_end(&pipe);
    ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
    ck_assert_int_eq(pipe.events.error, 0);
    ck_assert_uint_eq(pipe.events.code, codes[i]);
    ck_assert(pipe.events.by_peer);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

static const uint16_t forbidden[] = {1,    999,  1004, 1005, 1006, 1015, 1016,
                                     1100, 2000, 2999, 5000, 9999, 65535};

START_TEST(K_03_WS_06_other_codes_are_refused) {
  size_t i;
  for (i = 0; i <= LEN(forbidden); i++) {
    test_pipe_begin(&pipe, _i);
    feed_close(i < LEN(forbidden) ? forbidden[i] : 0);
    test_pipe_expect_failed(&pipe, 1002);
    test_pipe_dispose(&pipe);
  }
}
END_TEST

START_TEST(K_04_other_codes_are_not_sent) {
  size_t i;
  test_pipe_begin(&pipe, _i);
  for (i = 0; i < LEN(forbidden); i++) {
    ck_assert_int_eq(h2ws_socket_close(pipe.socket, forbidden[i], NULL, 0),
                     H2WS_ERR_INVALID);
  }
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 0, "why", 3),
                   H2WS_ERR_INVALID);
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_get_state(pipe.socket), H2WS_SOCKET_OPEN);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_05_no_body_is_1005) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 00");
  test_pipe_expect(&pipe, "88 00");
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 1005 \n");
  test_pipe_dispose(&pipe);
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 0, NULL, 0), 0);
  test_pipe_expect(&pipe, "88 00");
  test_pipe_feed_hex(&pipe, "88 00");
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 1005 \n");
  ck_assert(!pipe.events.by_peer);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_05_no_close_is_1006) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "81 01 61");
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "text 1 a\nclose lost 1006 \n");
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_LOST);
  test_pipe_dispose(&pipe);
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_conn_recv_eof(pipe.conn, 0), 0);
  test_pipe_pump(&pipe);
  test_pipe_expect_trace(&pipe, "close lost 1006 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_06_a_close_is_answered_once) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 02 0fa0 88 02 03e8 88 00");
  test_pipe_expect(&pipe, "88 02 0fa0");
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 4000 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_06_an_answer_is_not_answered) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 3000, "bye", 3), 0);
  test_pipe_expect(&pipe, "88 05 0bb8 627965");
  ck_assert_int_eq(h2ws_socket_get_state(pipe.socket), H2WS_SOCKET_CLOSING);
  ck_assert(!pipe.ended); /* Firefox would not answer (row W-41) */
  test_pipe_feed_hex(&pipe, "88 02 0bb8");
  test_pipe_expect(&pipe, "");
  ck_assert(pipe.ended);
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 3000 \n");
  ck_assert(!pipe.events.by_peer);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_07_what_is_queued_goes_before_the_close) {
  test_pipe_init(&pipe, _i);
  pipe.send_window = 0;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "hello", 5), 0);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_BINARY, "x", 1), 0);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  test_pipe_expect(&pipe, "");
  test_pipe_open_window(&pipe, pipe.server ? 3 : 7); /* a mask is 4 */
  test_pipe_expect(&pipe, "81 05 68");
  test_pipe_open_window(&pipe, 1000);
  test_pipe_expect(&pipe, "656c6c6f 82 01 78 88 02 03e8");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_07_what_is_queued_goes_before_the_answer) {
  test_pipe_init(&pipe, _i);
  pipe.send_window = 0;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "hello", 5), 0);
  feed_close(1001);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "late", 4),
                   H2WS_ERR_STATE);
  test_pipe_open_window(&pipe, 1000);
  test_pipe_expect(&pipe, "81 05 68656c6c6f 88 02 03e9");
  ck_assert(pipe.ended);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_07_a_streamed_message_stops_at_the_close) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "abc", 3), 0);
  feed_close(1000);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "d", 1), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), H2WS_ERR_STATE);
  test_pipe_expect(&pipe, "01 03 616263 88 02 03e8");
  test_pipe_feed_end(&pipe);
  ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_08_both_close_at_once) {
  static struct test_pair pair;
  struct test_events events;
  h2ws_socket *socket;
  test_pair_init(&pair, test_chunks[_i]);
  test_pair_start(&pair);
  socket = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_close(socket, 4001, "client", 6), 0);
  ck_assert_int_eq(h2ws_socket_close(pair.peer, 4002, "server", 6), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(pair.peer_events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_uint_eq(events.code, 4002);
  ck_assert_str_eq(events.reason, "server");
  ck_assert_uint_eq(pair.peer_events.code, 4001);
  ck_assert_str_eq(pair.peer_events.reason, "client");
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}
END_TEST

START_TEST(K_09_the_stream_is_ended_after_both_closes) {
  test_pipe_begin(&pipe, _i);
  feed_close(1000);
  expect_close(1000);
  ck_assert(pipe.ended);
  ck_assert_int_eq(pipe.events.closed, 0); /* the peer has not ended yet */
  test_pipe_advance(&pipe, 1900);
  ck_assert(!pipe.was_reset);
  test_pipe_advance(&pipe, 200);
  ck_assert(pipe.was_reset);
  ck_assert_uint_eq(pipe.reset_code,
                    pipe.server ? H2WS_H2_NO_ERROR : H2WS_H2_CANCEL);
  test_pipe_expect_trace(&pipe, "close clean 1000 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_10_WS_14_after_a_failure_nothing_is_processed) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "83 00 81 01 61 89 00 88 02 03e8 82 01 62");
  test_pipe_expect_failed(&pipe, 1002);
  test_pipe_expect_trace(&pipe, "close protocol 1002 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_10_a_failed_peer_that_does_not_end_is_reset) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "83 00");
  expect_close(1002);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1),
                   H2WS_ERR_STATE);
  test_pipe_advance(&pipe, 2100);
  ck_assert(pipe.was_reset);
  test_pipe_expect_trace(&pipe, "close protocol 1002 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_11_a_close_inside_a_message_is_accepted) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "01 01 61 88 02 03e8 80 01 62");
  expect_close(1000);
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 1000 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_12_a_close_that_nobody_answers) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.close_timeout_ms = 700;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  expect_close(1000);
  test_pipe_advance(&pipe, 699);
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_advance(&pipe, 1);
  ck_assert(pipe.was_reset);
  ck_assert_uint_eq(pipe.reset_code, H2WS_H2_CANCEL);
  test_pipe_expect_trace(&pipe, "close timeout 1006 \n");
  ck_assert_int_eq(pipe.events.error, H2WS_ERR_TIMEOUT);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_13_messages_after_our_close_are_dropped) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "01 01 61");
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  expect_close(1000);
  test_pipe_feed_hex(&pipe, "80 01 62 81 01 63 89 01 64 82 00");
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(pipe.events.messages, 0);
  feed_close(1000);
  test_pipe_feed_end(&pipe);
  ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_13_messages_after_our_close_are_delivered_on_request) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.receive_after_close = true;
  pipe.socket_options.max_message = 10;
  test_pipe_open(&pipe);
  test_pipe_feed_hex(&pipe, "01 01 61");
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  expect_close(1000);
  test_pipe_feed_hex(&pipe, "80 01 62 81 01 63 82 00");
  ck_assert_int_eq(pipe.events.messages, 3);
  ck_assert_int_eq(h2ws_socket_pause(pipe.socket), 0);
  test_pipe_feed_hex(&pipe, "81 01 64 88 02 03e8 81 01 65");
  ck_assert_int_eq(pipe.events.messages, 3);
  ck_assert_int_eq(h2ws_socket_resume(pipe.socket), 0);
  ck_assert_int_eq(pipe.events.messages, 4); /* and none after their CLOSE */
  test_pipe_feed_end(&pipe);
  ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_13_what_is_dropped_is_credited) {
  static uint8_t payload[20000];
  int i;
  test_pipe_init(&pipe, _i);
  pipe.options.stream_window = 65535;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  for (i = 0; i < 4; i++) { /* more than the stream's window */
    test_pipe_feed_frame(&pipe, 0x82, payload, sizeof(payload));
  }
  feed_close(1000);
  expect_close(1000);
  test_pipe_feed_end(&pipe);
  ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(pipe.events.messages, 0);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_13_a_paused_socket_sees_the_answer_to_its_close) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_pause(pipe.socket), 0);
  test_pipe_feed_hex(&pipe, "81 01 61 88 02 0fa0");
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  expect_close(1000);
  test_pipe_feed_end(&pipe);
  test_pipe_expect_trace(&pipe, "close clean 4000 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_13_framing_is_still_judged_after_our_close) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_close(pipe.socket, 1000, NULL, 0), 0);
  expect_close(1000);
  test_pipe_feed_hex(&pipe, "83 00");
  test_pipe_expect(&pipe, ""); /* one CLOSE is enough */
  ck_assert(pipe.ended);
  test_pipe_feed_end(&pipe);
  ck_assert_int_eq(pipe.events.cls, H2WS_CLOSE_PROTOCOL);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(K_14_a_reason_may_hold_nul) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "88 05 03e8 610062");
  expect_close(1000);
  test_pipe_feed_end(&pipe);
  ck_assert_uint_eq(pipe.events.reason_len, 3);
  ck_assert_str_eq(pipe.events.reason, "a");
  test_pipe_dispose(&pipe);
}
END_TEST

static void add_codes(TCase *tc) {
  tcase_add_loop_test(tc, K_01_WS_06_half_a_code_is_refused, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_01_a_reason_has_123_bytes_at_most, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_02_codes_that_may_be_sent_are_echoed, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_03_WS_06_other_codes_are_refused, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_04_other_codes_are_not_sent, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_05_no_body_is_1005, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_05_no_close_is_1006, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_14_a_reason_may_hold_nul, 0, TEST_PIPE_WAYS);
}

static void add_order(TCase *tc) {
  tcase_add_loop_test(tc, K_06_a_close_is_answered_once, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_06_an_answer_is_not_answered, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_07_what_is_queued_goes_before_the_close, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_07_what_is_queued_goes_before_the_answer, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_07_a_streamed_message_stops_at_the_close, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_08_both_close_at_once, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, K_09_the_stream_is_ended_after_both_closes, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_10_WS_14_after_a_failure_nothing_is_processed, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_10_a_failed_peer_that_does_not_end_is_reset, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_11_a_close_inside_a_message_is_accepted, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_12_a_close_that_nobody_answers, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc,
                      K_13_messages_after_our_close_are_delivered_on_request, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_13_messages_after_our_close_are_dropped, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_13_what_is_dropped_is_credited, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_13_a_paused_socket_sees_the_answer_to_its_close, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, K_13_framing_is_still_judged_after_our_close, 0,
                      TEST_PIPE_WAYS);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/closing");
  TCase *codes = tcase_create("codes");
  TCase *order = tcase_create("order");
  add_codes(codes);
  add_order(order);
  suite_add_tcase(suite, codes);
  suite_add_tcase(suite, order);
  return suite;
}
