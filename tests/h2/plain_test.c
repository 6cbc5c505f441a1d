/* Ordinary requests and plain tunnels, beside the WebSockets (row W-45). */
#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

static h2ws_request request_of(const char *method, const char *path) {
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.method = method;
  request.authority = "example.com";
  request.path = path;
  return request;
}

START_TEST(W_45_a_client_gets_a_page) {
  h2ws_request request = request_of("GET", "/page");
  struct wire_app *app;
  request.end = true;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_raw(&w, &request);
  ck_assert(wire_ended(&w, 1));
  ck_assert_str_eq(wire_field_of(&w, 1, ":method"), "GET");
  ck_assert_str_eq(wire_field_of(&w, 1, ":path"), "/page");
  ck_assert_ptr_null(wire_field_of(&w, 1, ":protocol"));
  wire_head(&w.in, 1, WIRE_EH, ":status: 200\ncontent-length: 4\n");
  wire_data(&w.in, 1, WIRE_NONE, "page", 4);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x-trailer: y\n");
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 1);
  ck_assert_int_eq(app->events.messages, 1); /* EOF */
  ck_assert_uint_eq(app->events.len, 4);
  ck_assert_mem_eq(app->events.data, "page", 4);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_a_page_that_is_not_there_is_an_answer_too) {
  h2ws_request request = request_of("GET", "/page");
  struct wire_app *app;
  request.end = true;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_raw(&w, &request);
  wire_head(&w.in, 1, WIRE_EH, ":status: 404\n");
  wire_feed(&w);
  ck_assert_int_eq(app->events.opened, 1);
  ck_assert_int_eq(app->events.status, 404);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* A page needs no extended CONNECT. */
START_TEST(W_07_a_page_from_a_server_without_websockets) {
  h2ws_request request = request_of("GET", "/page");
  request.end = true;
  wire_init(&w, test_chunks[_i]);
  wire_start_client(&w);
  (void)wire_ask_raw(&w, &request);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 0);
  wire_settings(&w.in, NULL, 0);
  wire_feed(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_HEADERS, WIRE_ANY), 1);
  wire_end(&w);
}
END_TEST

START_TEST(W_46_a_classic_connect_is_a_tunnel) {
  h2ws_request request = request_of(NULL, NULL);
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_raw(&w, &request);
  ck_assert_uint_eq(w.got[wire_find(&w, WIRE_HEADERS, 1)].fields_len, 2);
  wire_head(&w.in, 1, WIRE_EH, ":status: 200\n");
  wire_data(&w.in, 1, WIRE_NONE, "abc", 3);
  wire_feed(&w);
  ck_assert_mem_eq(app->events.data, "abc", 3);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "def", 3), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "def", 3);
  ck_assert(wire_ended(&w, 1));
  wire_data(&w.in, 1, WIRE_NONE, "ghi", 3); /* F-12 */
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  ck_assert_uint_eq(app->events.len, 6);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(W_18_a_classic_connect_where_it_is_wanted) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.options.allow_connect = true;
  w.wait = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_head(&w.in, 1, WIRE_EH, ":method: CONNECT\n:authority: a:80\n");
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_ptr_nonnull(app);
  ck_assert(!h2ws_stream_is_websocket(app->stream));
  ck_assert_ptr_null(h2ws_stream_path(app->stream));
  wire_end(&w);
}
END_TEST

START_TEST(W_14_other_protocols_where_they_are_wanted) {
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  w.options.protocols = "mqtt, connect-ip";
  w.wait = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_head(&w.in, 1, WIRE_EH,
            ":method: CONNECT\n:scheme: http\n:path: /\n"
            ":authority: a\n:protocol: connect-ip\n");
  wire_head(&w.in, 3, WIRE_EH,
            ":method: CONNECT\n:scheme: http\n:path: /\n"
            ":authority: a\n:protocol: connect\n");
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_str_eq(h2ws_stream_protocol(app->stream), "connect-ip");
  ck_assert(!h2ws_stream_is_websocket(app->stream));
  wire_expect_refusal(&w, 3, 501);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_a_post_with_body_and_trailers) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH,
            ":method: POST\n:scheme: http\n:path: /\n:authority: a\n");
  wire_data(&w.in, 1, WIRE_NONE, "body", 4);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, "x-trailer: y\n");
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_int_eq(h2ws_stream_respond(app->stream, 200, NULL, 0, "thanks", 6),
                   0);
  wire_take(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_str_eq(wire_field_of(&w, 1, "content-length"), "6");
  wire_expect_data(&w, 1, "thanks", 6);
  ck_assert(wire_ended(&w, 1));
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_a_body_that_is_not_as_long_as_it_says) {
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  w.wait = true;
  wire_head(&w.in, 3, WIRE_EH,
            ":method: POST\n:scheme: http\n:path: /\n:authority: a\n"
            "content-length: 3\n");
  wire_data(&w.in, 3, WIRE_ES, "body", 4);
  wire_feed(&w);
  wire_expect_rst(&w, 3, WIRE_PROTOCOL);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Streamed answers
 */

static void answered_close(h2ws_stream *stream, const h2ws_close_info *info,
                           void *user) {
  struct wire_app *app = user;
  app->stream = NULL;
  test_stream_callbacks.on_close(stream, info, user);
}

static void answered_readable(h2ws_stream *stream, void *user) {
  test_stream_callbacks.on_readable(stream, user);
}

static const h2ws_stream_callbacks answered = {
  .size = sizeof(answered),
  .on_readable = answered_readable,
  .on_close = answered_close,
};

static const h2ws_header length_4 = {"content-length", "4"};

/* A server with a request that waits for its answer. */
static struct wire_app *ask(int chunk, const char *method, int flags) {
  char lines[128];
  (void)snprintf(lines, sizeof(lines),
                 ":method: %s\n:scheme: http\n:path: /\n:authority: a\n",
                 method);
  wire_server(&w, test_chunks[chunk]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH | flags, lines);
  wire_feed(&w);
  return wire_app(&w, 1);
}

START_TEST(W_45_an_answer_is_streamed) {
  h2ws_header type = {"content-type", "text/plain"};
  struct wire_app *app = ask(_i, "GET", WIRE_ES);
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 404, &type, 1, &answered, app), 0);
  wire_take(&w);
  ck_assert_int_eq(wire_status(&w, 1), 404);
  ck_assert_str_eq(wire_field_of(&w, 1, "content-type"), "text/plain");
  ck_assert_ptr_null(wire_field_of(&w, 1, "content-length"));
  ck_assert(!wire_ended(&w, 1));
  ck_assert_int_eq(h2ws_stream_write(app->stream, "not ", 4), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "not ", 4);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "here", 4), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "not here", 8);
  ck_assert(wire_ended(&w, 1));
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_a_body_is_read_before_the_answer) {
  struct wire_app *app = ask(_i, "POST", WIRE_NONE);
  wire_data(&w.in, 1, WIRE_NONE, "body", 4);
  wire_feed(&w);
  ck_assert_uint_eq(app->events.len, 4);
  ck_assert_int_eq(app->events.messages, 0);
  wire_data(&w.in, 1, WIRE_ES, " parts", 6);
  wire_feed(&w);
  ck_assert_mem_eq(app->events.data, "body parts", 10);
  ck_assert_int_eq(app->events.messages, 1); /* EOF */
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 201, NULL, 0, &answered, app), 0);
  ck_assert_int_eq(app->events.messages, 1); /* not told again */
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(wire_status(&w, 1), 201);
  ck_assert(wire_ended(&w, 1));
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* A slow upload is no slow application. */
START_TEST(HS_22_reading_puts_the_answer_off) {
  struct wire_app *app = ask(_i, "POST", WIRE_NONE);
  wire_advance(&w, 14000);
  wire_data(&w.in, 1, WIRE_NONE, "body", 4);
  wire_feed(&w);
  wire_advance(&w, 14000);
  ck_assert_ptr_nonnull(app->stream);
  ck_assert_int_eq(wire_status(&w, 1), 0);
  wire_advance(&w, 1000);
  ck_assert_int_eq(wire_status(&w, 1), 503);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_an_answer_keeps_to_its_length) {
  struct wire_app *app = ask(_i, "GET", WIRE_ES);
  uint8_t *room = NULL;
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 200, &length_4, 1, &answered, app), 0);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "page!", 5),
                   H2WS_ERR_TOO_BIG);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "pa", 2), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_stream_reserve(app->stream, &room, 3), 0);
  ck_assert_int_eq(h2ws_stream_commit(app->stream, 3), H2WS_ERR_TOO_BIG);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "ge", 2), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "page", 4);
  ck_assert_str_eq(wire_field_of(&w, 1, "content-length"), "4");
  wire_end(&w);
}
END_TEST

START_TEST(W_45_lengths_that_cannot_be_are_refused) {
  const h2ws_header bad[] = {{"content-length", "4x"}, {"Content-Length", "4"}};
  struct wire_app *app = ask(_i, "GET", WIRE_ES);
  ck_assert_int_eq(h2ws_stream_answer(app->stream, 200, bad, 1, NULL, NULL),
                   H2WS_ERR_HEADER);
  ck_assert_int_eq(h2ws_stream_answer(app->stream, 200, bad, 2, NULL, NULL),
                   H2WS_ERR_HEADER);
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 204, &length_4, 1, NULL, NULL),
    H2WS_ERR_HEADER);
  ck_assert_int_eq(
    h2ws_stream_respond(app->stream, 200, &length_4, 1, "page!", 5),
    H2WS_ERR_HEADER);
  ck_assert_int_eq(h2ws_stream_answer(app->stream, 199, NULL, 0, NULL, NULL),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(
    h2ws_stream_respond(app->stream, 200, &length_4, 1, "page", 4), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "page", 4);
  wire_end(&w);
}
END_TEST

/* Row FC-03 for a page: its reader opens no window. */
START_TEST(FC_03_a_page_that_nobody_reads) {
  static char page[70000];
  struct wire_app *app = ask(_i, "GET", WIRE_ES);
  ck_assert_int_eq(
    h2ws_stream_respond(app->stream, 200, NULL, 0, page, sizeof(page)), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_data_len(&w, 1), 65535);
  wire_advance(&w, 59999);
  wire_expect_alive(&w);
  wire_advance(&w, 1);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  wire_end(&w);
}
END_TEST

/* PING tells who is there: a silent upload is as good as a silent socket. */
START_TEST(W_45_a_body_may_be_silent) {
  struct wire_app *app = ask(_i, "POST", WIRE_NONE);
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 200, NULL, 0, &answered, app), 0);
  wire_take(&w);
  wire_advance(&w, 600000);
  ck_assert_int_eq(app->events.closed, 0);
  wire_data(&w.in, 1, WIRE_ES, "late", 4);
  wire_feed(&w);
  ck_assert_uint_eq(app->events.len, 4);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

/* RFC 9110 section 6.4.1 */
START_TEST(W_45_answers_without_content_end_at_once) {
  static const struct {
    const char *method;
    int status;
    bool whole;
  } rows[] = {
    {"HEAD", 200, false}, {"HEAD", 200, true}, {"GET", 204, false},
    {"GET", 204, true},   {"GET", 304, false}, {"GET", 304, true},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct wire_app *app = ask(_i, rows[i].method, WIRE_ES);
    const char *length = NULL;
    if (rows[i].whole) {
      ck_assert_int_eq(
        h2ws_stream_respond(app->stream, rows[i].status, NULL, 0, "page", 4),
        0);
      length = rows[i].status == 200 ? "4" : NULL;
    } else {
      ck_assert_int_eq(h2ws_stream_answer(app->stream, rows[i].status, NULL, 0,
                                          &answered, app),
                       0);
      ck_assert_int_eq(h2ws_stream_write(app->stream, "x", 1), H2WS_ERR_STATE);
    }
    wire_take(&w);
    ck_assert_int_eq(wire_status(&w, 1), rows[i].status);
    ck_assert_uint_eq(wire_count(&w, WIRE_DATA, 1), 0);
    ck_assert(wire_ended(&w, 1));
    ck_assert_pstr_eq(wire_field_of(&w, 1, "content-length"), length);
    ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
    wire_end(&w);
  }
}
END_TEST

START_TEST(W_45_a_tunnel_is_not_answered_in_pieces) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_data(&w.in, 1, WIRE_NONE, "early", 5);
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_uint_eq(app->events.len, 0);
  ck_assert_int_eq(
    h2ws_stream_answer(app->stream, 200, NULL, 0, &answered, app),
    H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_stream_respond(app->stream, 403, NULL, 0, NULL, 0), 0);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Clients: bodies before the answer
 */

START_TEST(W_45_a_body_goes_before_the_answer) {
  h2ws_request request = request_of("POST", "/form");
  struct wire_app *app;
  wire_init(&w, test_chunks[_i]);
  wire_start_client(&w);
  app = wire_ask_raw(&w, &request);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "a=", 2), 0); /* waiting */
  wire_greet(&w);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "1", 1), 0);
  wire_take(&w);
  wire_advance(&w, 9000); /* bytes that move put the deadline off */
  ck_assert_int_eq(h2ws_stream_write(app->stream, "2", 1), 0);
  wire_take(&w);
  wire_advance(&w, 9000);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  ck_assert(wire_ended(&w, 1));
  ck_assert_int_eq(app->events.closed, 0);
  wire_head(&w.in, 1, WIRE_EH, ":status: 201\n");
  wire_feed(&w);
  ck_assert_int_eq(app->events.status, 201);
  ck_assert_int_eq(h2ws_stream_get_state(app->stream), H2WS_STREAM_HALF_LOCAL);
  wire_data(&w.in, 1, WIRE_ES, "done", 4);
  wire_feed(&w);
  ck_assert_mem_eq(app->events.data, "done", 4);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  wire_end(&w);
}
END_TEST

START_TEST(HS_18_a_request_without_a_body_times_out_too) {
  h2ws_request request = request_of("GET", "/page");
  struct wire_app *app;
  request.end = true;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_raw(&w, &request);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "x", 1), H2WS_ERR_STATE);
  wire_advance(&w, 10000);
  ck_assert_int_eq(app->events.error, H2WS_ERR_TIMEOUT);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  wire_end(&w);
}
END_TEST

/* RFC 9113 section 8.1 */
START_TEST(W_45_an_answer_stands_though_the_rest_is_not_wanted) {
  h2ws_request request = request_of("POST", "/form");
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask_raw(&w, &request);
  wire_head(&w.in, 1, WIRE_EH, ":status: 413\n");
  wire_data(&w.in, 1, WIRE_ES, "no", 2);
  wire_rst(&w.in, 1, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(app->events.status, 0); /* none of a refusal */
  ck_assert_mem_eq(app->events.data, "no", 2);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(app->events.error, 0);
  wire_end(&w);
}
END_TEST

/* That rule is for answers: here there is none yet. */
START_TEST(W_45_a_client_that_goes_before_the_answer_is_lost) {
  struct wire_app *app = ask(_i, "GET", WIRE_ES);
  wire_rst(&w.in, 1, WIRE_NO_ERROR);
  wire_feed(&w);
  ck_assert_int_eq(app->events.closed, 1);
  ck_assert_int_eq(app->events.cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(app->events.error, H2WS_ERR_RESET);
  wire_end(&w);
}
END_TEST

START_TEST(W_45_a_request_keeps_to_its_length) {
  h2ws_request request = request_of("POST", "/form");
  h2ws_stream *stream = NULL;
  struct wire_app *app;
  request.headers = &length_4;
  request.headers_len = 1;
  wire_client(&w, test_chunks[_i]);
  request.end = true;
  ck_assert_int_eq(h2ws_stream_open(w.conn, &stream, &request, &answered, NULL),
                   H2WS_ERR_HEADER);
  request.end = false;
  app = wire_ask_raw(&w, &request);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "12345", 5),
                   H2WS_ERR_TOO_BIG);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_stream_write(app->stream, "1234", 4), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(app->stream), 0);
  wire_take(&w);
  wire_expect_data(&w, 1, "1234", 4);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    W_45_a_client_gets_a_page,
    W_45_a_page_that_is_not_there_is_an_answer_too,
    W_07_a_page_from_a_server_without_websockets,
    W_46_a_classic_connect_is_a_tunnel,
    W_18_a_classic_connect_where_it_is_wanted,
    W_14_other_protocols_where_they_are_wanted,
    W_45_a_post_with_body_and_trailers,
    W_45_a_body_that_is_not_as_long_as_it_says,
    W_45_an_answer_is_streamed,
    W_45_a_body_is_read_before_the_answer,
    HS_22_reading_puts_the_answer_off,
    W_45_an_answer_keeps_to_its_length,
    W_45_lengths_that_cannot_be_are_refused,
    FC_03_a_page_that_nobody_reads,
    W_45_a_body_may_be_silent,
    W_45_answers_without_content_end_at_once,
    W_45_a_tunnel_is_not_answered_in_pieces,
    W_45_a_body_goes_before_the_answer,
    HS_18_a_request_without_a_body_times_out_too,
    W_45_an_answer_stands_though_the_rest_is_not_wanted,
    W_45_a_client_that_goes_before_the_answer_is_lost,
    W_45_a_request_keeps_to_its_length,
  };
  return wire_suite("h2/plain", tests, sizeof(tests) / sizeof(tests[0]));
}
