/* Ordinary requests and plain tunnels, beside the WebSockets (row W-45). */
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
  };
  return wire_suite("h2/plain", tests, sizeof(tests) / sizeof(tests[0]));
}
