/* What a client makes of the answers it gets. */
#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define OK ":status: 200\n"

/* Asks and gets this head for an answer. */
static struct wire_app *answered(int flags, const char *head) {
  struct wire_app *app = wire_ask(&w);
  wire_head(&w.in, (uint32_t)app->id, WIRE_EH | flags, head);
  wire_feed(&w);
  return app;
}

/* Each answer fails the open with RST_STREAM(code) and this error. */
static void expect_failures(int chunk, const char *const *heads, size_t len,
                            uint32_t code, int error) {
  size_t i;
  wire_client(&w, test_chunks[chunk]);
  (void)wire_ask_open(&w);
  for (i = 0; i < len; i++) {
    struct wire_app *app = answered(WIRE_NONE, heads[i]);
    wire_expect_rst(&w, (uint32_t)app->id, code);
    ck_assert_int_eq(app->events.opened, 0);
    ck_assert_int_eq(app->events.closed, 1);
    ck_assert_int_eq(app->events.error, error);
    ck_assert(!app->events.retryable);
  }
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "on", 2);
  wire_feed(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 1);
  wire_end(&w);
}

START_TEST(W_27_interop_23_any_2xx_opens_but_two) {
  static const char *const good[] = {OK, ":status: 201\n", ":status: 202\n",
                                     ":status: 206\n", ":status: 299\n"};
  static const char *const bad[] = {":status: 204\n", ":status: 205\n"};
  size_t i;
  wire_client(&w, test_chunks[_i]);
  for (i = 0; i < LEN(good); i++) {
    ck_assert_int_eq(answered(WIRE_NONE, good[i])->events.opened, 1);
  }
  wire_expect_alive(&w);
  wire_end(&w);
  expect_failures(_i, bad, LEN(bad), WIRE_CANCEL, H2WS_ERR_HANDSHAKE);
}
END_TEST

START_TEST(W_27_interop_19_a_server_sends_200_alone) {
  const struct wire_got *head;
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  head = &w.got[wire_find(&w, WIRE_HEADERS, 1)];
  ck_assert_int_eq(head->flags & WIRE_ES, 0);
  ck_assert_uint_eq(head->fields_len, 1);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_end(&w);
}
END_TEST

/* nghttp2 would take 204 for an answer without content, and reset later. */
START_TEST(nghttp2_gap_07_no_tunnel_on_204) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, ":status: 204\n");
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "x", 1);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.error, H2WS_ERR_HANDSHAKE);
  wire_end(&w);
}
END_TEST

START_TEST(W_28_no_101_on_http_2) {
  static const char *const heads[] = {":status: 101\n"};
  expect_failures(_i, heads, 1, WIRE_PROTOCOL, H2WS_ERR_PROTO);
}
END_TEST

START_TEST(W_29_interim_answers_are_waited_out) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, ":status: 103\nlink: x\n");
  wire_head(&w.in, 1, WIRE_EH, ":status: 100\n");
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 0);
  wire_head(&w.in, 1, WIRE_EH, OK);
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 1);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(W_29_nothing_but_interim_answers) {
  wire_client(&w, test_chunks[_i]);
  (void)answered(WIRE_ES, ":status: 103\n");
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(wire_app(&w, 1)->events.error, H2WS_ERR_PROTO);
  (void)answered(WIRE_NONE, ":status: 103\n");
  wire_unmasked(&w.in, 3, WIRE_NONE, WIRE_TEXT, "x", 1);
  wire_feed(&w);
  wire_expect_rst(&w, 3, WIRE_PROTOCOL);
  ck_assert_int_eq(wire_app(&w, 3)->events.error, H2WS_ERR_PROTO);
  wire_end(&w);
}
END_TEST

START_TEST(W_30_accepted_and_ended_at_once) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = answered(WIRE_ES, OK);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.opened, 0);
  ck_assert_int_eq(app->events.error, H2WS_ERR_HANDSHAKE);
  wire_end(&w);
}
END_TEST

START_TEST(W_31_a_refusal_with_a_body) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = answered(WIRE_NONE, ":status: 403\ncontent-length: 3\n");
  wire_data(&w.in, 1, WIRE_ES, "no!", 3);
  wire_feed(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_REFUSED);
  ck_assert_int_eq(app->events.error, H2WS_ERR_REFUSED);
  ck_assert_int_eq(app->events.status, 403);
  ck_assert_str_eq(app->events.body, "no!");
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(HS_16_interop_24_every_refusal_is_reported_and_none_followed) {
  static const int statuses[] = {300, 301, 302, 304, 307, 400,
                                 401, 403, 404, 407, 500, 503};
  char head[64];
  size_t i;
  wire_client(&w, test_chunks[_i]);
  for (i = 0; i < LEN(statuses); i++) {
    struct wire_app *app;
    (void)snprintf(head, sizeof(head), ":status: %d\nlocation: /x\n",
                   statuses[i]);
    app = answered(WIRE_ES, head);
    ck_assert_int_eq(app->events.status, statuses[i]);
    ck_assert_int_eq(app->events.error, H2WS_ERR_REFUSED);
  }
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), LEN(statuses));
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(HS_16_a_refusal_with_a_long_body) {
  static const uint8_t body[16000];
  struct wire_app *app;
  int i;
  wire_client(&w, test_chunks[_i]);
  app = answered(WIRE_NONE, ":status: 503\nretry-after: 5\n");
  for (i = 0; i < 4; i++) {
    wire_data(&w.in, 1, WIRE_NONE, body, sizeof(body));
  }
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL); /* enough of it */
  ck_assert_int_eq(app->events.status, 503);
  ck_assert_int_eq(app->events.error, H2WS_ERR_REFUSED);
  wire_end(&w);
}
END_TEST

START_TEST(W_31_a_refusal_whose_body_never_ends) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = answered(WIRE_NONE, ":status: 403\n");
  wire_data(&w.in, 1, WIRE_NONE, "part", 4);
  wire_feed(&w);
  wire_advance(&w, 10000);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_int_eq(app->events.status, 403);
  ck_assert_str_eq(app->events.body, "part");
  wire_end(&w);
}
END_TEST

START_TEST(W_32_nothing_is_sent_before_the_answer) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  ck_assert_int_eq(h2ws_socket_send(app->socket, H2WS_TEXT, "x", 1),
                   H2WS_ERR_STATE);
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_DATA, WIRE_ANY), 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_36_open_as_soon_as_the_answer_is_read) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, OK);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "hi", 2);
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 1);
  ck_assert_int_eq(app->events.messages, 1);
  ck_assert_mem_eq(app->events.data, "hi", 2);
  wire_end(&w);
}
END_TEST

START_TEST(HS_17_a_pause_in_on_open_holds) {
  struct wire_app *app;
  int i;
  wire_client(&w, test_chunks[_i]);
  w.pause = true;
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, OK);
  for (i = 0; i < 100; i++) {
    wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "hi", 2);
  }
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 1);
  ck_assert_int_eq(app->events.messages, 0);
  ck_assert_int_eq(h2ws_socket_resume(app->socket), 0);
  ck_assert_int_eq(app->events.messages, 100);
  wire_end(&w);
}
END_TEST

START_TEST(W_20_HS_27_answers_with_fields_of_a_connection) {
  static const char *const heads[] = {
    OK "connection: upgrade\n",
    OK "upgrade: websocket\n",
    OK "transfer-encoding: chunked\n",
  };
  expect_failures(_i, heads, LEN(heads), WIRE_PROTOCOL, H2WS_ERR_PROTO);
}
END_TEST

START_TEST(W_22_a_stray_accept_is_ignored) {
  wire_client(&w, test_chunks[_i]);
  ck_assert_int_eq(answered(WIRE_NONE,
                            OK "sec-websocket-accept: x\ncontent-length: 0\n"
                               "server: a\nvia: b\n")
                     ->events.opened,
                   1);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "hi", 2);
  wire_feed(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 1);
  wire_end(&w);
}
END_TEST

START_TEST(HS_15_extensions_and_subprotocols_not_asked_for) {
  static const char *const heads[] = {
    OK "sec-websocket-extensions: permessage-foo\n",
    OK "sec-websocket-protocol: chat\n",
    OK "sec-websocket-protocol: \n",
  };
  expect_failures(_i, heads, LEN(heads), WIRE_CANCEL, H2WS_ERR_HANDSHAKE);
}
END_TEST

START_TEST(F_33_malformed_answers) {
  static const char *const heads[] = {
    OK "Upper: x\n",
    OK "x:  lead\n",
    OK "x: trail \n",
    OK "x: a\rb\n",
  };
  expect_failures(_i, heads, LEN(heads), WIRE_PROTOCOL, H2WS_ERR_PROTO);
}
END_TEST

START_TEST(F_34_pseudo_fields_of_requests_in_an_answer) {
  static const char *const heads[] = {
    OK ":path: /\n",
    "x: y\n" OK,
    OK ":protocol: websocket\n",
    OK OK,
  };
  expect_failures(_i, heads, LEN(heads), WIRE_PROTOCOL, H2WS_ERR_PROTO);
}
END_TEST

START_TEST(F_35_FR_17_an_answer_has_one_status) {
  static const char *const heads[] = {
    "x: y\n",        ":status: 2xx\n",  ":status: abc\n", ":status: \n",
    ":status: 20\n", ":status: 2000\n", ":status: 099\n", ":status: 000\n",
  };
  expect_failures(_i, heads, LEN(heads), WIRE_PROTOCOL, H2WS_ERR_PROTO);
}
END_TEST

START_TEST(F_35_a_second_answer) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_open(&w);
  wire_head(&w.in, 1, WIRE_EH, OK);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(app->events.code, 1006);
  wire_end(&w);
}
END_TEST

START_TEST(F_36_data_before_the_answer) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "x", 1);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.opened, 0);
  wire_end(&w);
}
END_TEST

START_TEST(HS_25_an_answer_on_a_stream_never_opened) {
  static const uint32_t ids[] = {2, 99};
  size_t i;
  for (i = 0; i < 2; i++) {
    wire_client(&w, test_chunks[_i]);
    (void)wire_ask(&w);
    wire_head(&w.in, ids[i], WIRE_EH, OK);
    wire_feed(&w);
    wire_expect_goaway(&w, WIRE_PROTOCOL);
    wire_end(&w);
  }
}
END_TEST

START_TEST(F_41_a_push_is_an_error) {
  struct wire_buf block = {0};
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  wire_bytes(&block, "\0\0\0\x02", 4);
  wire_fields(&block, WIRE_GET);
  wire_frame(&w.in, WIRE_PUSH, WIRE_EH, 1, block.data, block.len);
  wire_buf_free(&block);
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_PROTOCOL);
  wire_end(&w);
}
END_TEST

START_TEST(F_16_interop_38_the_servers_limit_is_kept) {
  struct wire_app *first;
  wire_client(&w, test_chunks[_i]);
  wire_set(&w.in, {3, 1});
  wire_feed(&w);
  first = wire_ask_open(&w);
  (void)wire_ask(&w);
  (void)wire_ask(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  ck_assert_int_eq(first->events.closed, 1);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 1);
  wire_set(&w.in, {3, 2});
  wire_feed(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 2);
  wire_end(&w);
}
END_TEST

START_TEST(F_16_a_limit_of_zero_and_a_lower_one) {
  struct wire_app *open;
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  open = wire_ask_open(&w);
  wire_set(&w.in, {3, 0});
  wire_feed(&w);
  app = wire_ask(&w);
  wire_advance(&w, 10000);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  ck_assert_int_eq(app->events.error, H2WS_ERR_TIMEOUT);
  ck_assert_int_eq(open->events.closed, 0);
  wire_end(&w);
}
END_TEST

/* The limit fell between the request's leaving us and its going out. */
START_TEST(F_16_a_limit_that_falls_before_the_request_is_sent) {
  struct wire_app *late;
  struct wire_app *given_up;
  wire_client(&w, test_chunks[_i]);
  w.blocked = true;
  late = wire_ask(&w);
  given_up = wire_ask(&w);
  wire_set(&w.in, {3, 0});
  wire_feed(&w);
  w.blocked = false;
  wire_take(&w);
  ck_assert_int_eq(h2ws_socket_abort(given_up->socket), 0);
  wire_advance(&w, 1);
  ck_assert_int_eq(given_up->events.closed, 1);
  ck_assert_int_eq(given_up->events.error, H2WS_ERR_ABORTED);
  wire_advance(&w, 10000);
  ck_assert_int_eq(late->events.closed, 1);
  ck_assert_int_eq(late->events.error, H2WS_ERR_TIMEOUT);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_set(&w.in, {3, 100});
  wire_feed(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, WIRE_ANY), 0);
  (void)wire_ask(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 1);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    W_20_HS_27_answers_with_fields_of_a_connection,
    W_22_a_stray_accept_is_ignored,
    W_27_interop_23_any_2xx_opens_but_two,
    W_27_interop_19_a_server_sends_200_alone,
    nghttp2_gap_07_no_tunnel_on_204,
    W_28_no_101_on_http_2,
    W_29_interim_answers_are_waited_out,
    W_29_nothing_but_interim_answers,
    W_30_accepted_and_ended_at_once,
    W_31_a_refusal_with_a_body,
    W_31_a_refusal_whose_body_never_ends,
    HS_16_interop_24_every_refusal_is_reported_and_none_followed,
    HS_16_a_refusal_with_a_long_body,
    W_32_nothing_is_sent_before_the_answer,
    W_36_open_as_soon_as_the_answer_is_read,
    HS_15_extensions_and_subprotocols_not_asked_for,
    HS_17_a_pause_in_on_open_holds,
    HS_25_an_answer_on_a_stream_never_opened,
    F_16_interop_38_the_servers_limit_is_kept,
    F_16_a_limit_of_zero_and_a_lower_one,
    F_16_a_limit_that_falls_before_the_request_is_sent,
    F_33_malformed_answers,
    F_34_pseudo_fields_of_requests_in_an_answer,
    F_35_FR_17_an_answer_has_one_status,
    F_35_a_second_answer,
    F_36_data_before_the_answer,
    F_41_a_push_is_an_error,
  };
  return wire_suite("h2/response", tests, sizeof(tests) / sizeof(tests[0]));
}
