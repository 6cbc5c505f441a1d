/* What a socket sends, and when it refuses to. */
#include <string.h>

#include "tests/support/pipe.h"
#include "tests/support/suite.h"

static struct test_pipe pipe;

START_TEST(a_message_is_sent_in_pieces) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.fragment_size = 3;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_BINARY), 0);
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "abcdefg", 7), 0);
  test_pipe_expect(&pipe, "02 03 616263 00 03 646566 00 01 67");
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, "p", 1), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, NULL, 0), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "h", 1), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "89 01 70 00 01 68 80 00");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(an_empty_message_in_no_pieces) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  test_pipe_expect(&pipe, "81 00");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(pieces_out_of_order_are_refused) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send_piece(pipe.socket, "a", 1), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, H2WS_TEXT),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_socket_send_end(pipe.socket), 0);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1), 0);
  test_pipe_expect(&pipe, "81 00 81 01 61");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(arguments_that_make_no_sense_are_refused) {
  static const char long_ping[126];
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_send(NULL, H2WS_TEXT, "a", 1), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, (h2ws_type)3, "a", 1),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, NULL, 1),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_send_begin(pipe.socket, (h2ws_type)0),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, long_ping, 126),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, NULL, 1), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_close(NULL, 1000, NULL, 0), H2WS_ERR_INVALID);
  test_pipe_expect(&pipe, "");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(interop_35_a_full_queue_says_again_and_then_writable) {
  test_pipe_init(&pipe, _i);
  pipe.send_window = 0;
  pipe.options.high_water = 10;
  pipe.options.low_water = 4;
  test_pipe_open(&pipe);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "01234567", 8), 0);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1),
                   H2WS_ERR_AGAIN);
  ck_assert_int_eq(h2ws_socket_ping(pipe.socket, NULL, 0), H2WS_ERR_AGAIN);
  ck_assert_uint_eq(h2ws_socket_queued(pipe.socket), pipe.server ? 10 : 14);
  test_pipe_open_window(&pipe, 5);
  ck_assert_int_eq(pipe.events.writable, 0);
  test_pipe_open_window(&pipe, 100);
  ck_assert_int_eq(pipe.events.writable, 1);
  ck_assert_int_eq(h2ws_socket_send(pipe.socket, H2WS_TEXT, "a", 1), 0);
  test_pipe_expect(&pipe, "81 08 3031323334353637 81 01 61");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(nothing_works_after_the_end) {
  h2ws_socket *socket;
  test_pipe_begin(&pipe, _i);
  socket = h2ws_socket_retain(pipe.socket);
  ck_assert_int_eq(h2ws_socket_send_begin(socket, H2WS_TEXT), 0);
  ck_assert_int_eq(h2ws_socket_abort(socket), 0);
  test_pipe_pump(&pipe);
  ck_assert(pipe.was_reset);
  test_pipe_expect_trace(&pipe, "close aborted 1006 \n");
  ck_assert_int_eq(h2ws_socket_get_state(socket), H2WS_SOCKET_CLOSED);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "a", 1),
                   H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_send_piece(socket, "a", 1), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_send_end(socket), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_ping(socket, NULL, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_abort(socket), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_pause(socket), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_resume(socket), H2WS_ERR_CLOSED);
  ck_assert_uint_eq(h2ws_socket_queued(socket), 0);
  ck_assert_ptr_null(h2ws_socket_stream(socket));
  h2ws_socket_release(socket);
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(a_paused_socket_keeps_what_came) {
  test_pipe_begin(&pipe, _i);
  ck_assert_int_eq(h2ws_socket_pause(pipe.socket), 0);
  test_pipe_feed_hex(&pipe, "81 01 61 89 01 70 82 01 62");
  test_pipe_expect_trace(&pipe, "");
  test_pipe_expect(&pipe, "");
  ck_assert_int_eq(h2ws_socket_resume(pipe.socket), 0);
  test_pipe_expect_trace(&pipe, "text 1 a\nping 1 p\nbinary 1 b\n");
  test_pipe_expect(&pipe, "8a 01 70");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(interop_49_a_silent_peer_is_pinged_and_given_up) {
  test_pipe_init(&pipe, _i);
  pipe.socket_options.ping_interval_ms = 1000;
  pipe.socket_options.ping_timeout_ms = 500;
  test_pipe_open(&pipe);
  test_pipe_advance(&pipe, 999);
  test_pipe_expect(&pipe, "");
  test_pipe_advance(&pipe, 1);
  test_pipe_expect(&pipe, "89 00");
  test_pipe_feed_hex(&pipe, "8a 00");
  test_pipe_advance(&pipe, 1499);
  test_pipe_expect(&pipe, "");
  test_pipe_advance(&pipe, 1);
  test_pipe_expect(&pipe, "89 00");
  test_pipe_advance(&pipe, 499);
  ck_assert_int_eq(pipe.events.closed, 0);
  test_pipe_advance(&pipe, 1);
  ck_assert(pipe.was_reset);
  test_pipe_expect_trace(&pipe, "pong 0 \nclose timeout 1006 \n");
  test_pipe_dispose(&pipe);
}
END_TEST

START_TEST(a_close_and_then_the_end_is_orderly) {
  test_pipe_begin(&pipe, _i);
  test_pipe_feed_hex(&pipe, "81 01 61 88 02 03e8");
  test_pipe_feed_end(&pipe);
  test_pipe_expect(&pipe, "88 02 03e8");
  test_pipe_expect_trace(&pipe, "text 1 a\nclose clean 1000 \n");
  ck_assert(!pipe.was_reset);
  test_pipe_dispose(&pipe);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/sending");
  TCase *tc = tcase_create("both");
  tcase_add_loop_test(tc, a_message_is_sent_in_pieces, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, an_empty_message_in_no_pieces, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, pieces_out_of_order_are_refused, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, arguments_that_make_no_sense_are_refused, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, interop_35_a_full_queue_says_again_and_then_writable,
                      0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, nothing_works_after_the_end, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, a_paused_socket_keeps_what_came, 0, TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, interop_49_a_silent_peer_is_pinged_and_given_up, 0,
                      TEST_PIPE_WAYS);
  tcase_add_loop_test(tc, a_close_and_then_the_end_is_orderly, 0,
                      TEST_PIPE_WAYS);
  suite_add_tcase(suite, tc);
  return suite;
}
