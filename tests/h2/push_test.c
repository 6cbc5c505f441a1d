/* Server push, where both sides want it (RFC 9113 section 8.4). */
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define STYLE                                                                  \
  ":method: GET\n:scheme: http\n:path: /style\n:authority: example.com\n"

static h2ws_request request_of(const char *method, const char *path) {
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.method = method;
  request.authority = "example.com";
  request.path = path;
  return request;
}

/* ------------------------------------------------------------------------
 * Clients
 */

/* A client with a page asked for. */
static struct wire_app *begin_client(int chunk, uint32_t max_streams) {
  h2ws_request request = request_of("GET", "/page");
  struct wire_app *app;
  request.end = true;
  wire_init(&w, test_chunks[chunk]);
  w.options.enable_push = true;
  w.options.max_streams = max_streams;
  wire_start_client(&w);
  app = wire_ask_raw(&w, &request);
  wire_greet(&w);
  app->id = 1;
  return app;
}

/* The value of a setting in the first SETTINGS, -1: not there. */
static int64_t setting(uint16_t id) {
  size_t at = wire_find(&w, WIRE_SETTINGS, 0);
  const struct wire_got *got;
  size_t i;
  ck_assert_uint_ne(at, WIRE_NOT_FOUND);
  got = &w.got[at];
  for (i = 0; i + 6 <= got->len; i += 6) {
    if ((got->payload[i] << 8 | got->payload[i + 1]) == id) {
      return wire_number(got, i + 2);
    }
  }
  return -1;
}

START_TEST(push_is_asked_for) {
  wire_init(&w, test_chunks[_i]);
  w.options.enable_push = true;
  w.options.max_streams = 7;
  wire_start_client(&w);
  ck_assert_int_eq(setting(2), 1);
  ck_assert_int_eq(setting(3), 7);
  wire_end(&w);
}
END_TEST

START_TEST(a_promise_is_told_and_kept) {
  struct wire_app *page = begin_client(_i, 10);
  struct wire_app *style;
  wire_push(&w.in, 1, 2, STYLE);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, ":status: 200\n");
  wire_feed(&w);
  ck_assert_int_eq(page->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(w.pushes, 1);
  style = wire_app(&w, 2);
  ck_assert_int_eq(style->parent, 1);
  ck_assert_str_eq(style->authority, "example.com");
  ck_assert_str_eq(h2ws_stream_path(style->stream), "/style");
  ck_assert_int_eq(h2ws_stream_write(style->stream, "x", 1), H2WS_ERR_STATE);
  ck_assert_int_eq(style->events.opened, 0);
  wire_head(&w.in, 2, WIRE_EH, ":status: 203\n");
  wire_data(&w.in, 2, WIRE_NONE, "bo", 2);
  wire_data(&w.in, 2, WIRE_ES, "ld", 2);
  wire_feed(&w);
  ck_assert_int_eq(style->events.opened, 1);
  ck_assert_int_eq(style->events.messages, 1); /* EOF */
  ck_assert_mem_eq(style->events.data, "bold", 4);
  ck_assert_int_eq(style->events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(a_promise_can_be_refused) {
  (void)begin_client(_i, 10);
  w.refuse = true;
  wire_push(&w.in, 1, 2, STYLE);
  wire_head(&w.in, 2, WIRE_EH, ":status: 200\n");
  wire_data(&w.in, 2, WIRE_ES, "bold", 4);
  wire_feed(&w);
  wire_expect_rst(&w, 2, WIRE_CANCEL);
  ck_assert_int_eq(wire_app(&w, 2)->events.cls, H2WS_CLOSE_ABORTED);
  ck_assert_uint_eq(wire_app(&w, 2)->events.len, 0);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(a_promise_that_is_not_kept_times_out) {
  (void)begin_client(_i, 10);
  wire_push(&w.in, 1, 2, STYLE);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, ":status: 200\n");
  wire_feed(&w);
  wire_advance(&w, 10000);
  wire_expect_rst(&w, 2, WIRE_CANCEL);
  ck_assert_int_eq(wire_app(&w, 2)->events.error, H2WS_ERR_TIMEOUT);
  wire_end(&w);
}
END_TEST

START_TEST(F_16_promises_beyond_the_limit_are_refused) {
  (void)begin_client(_i, 2);
  wire_push(&w.in, 1, 2, STYLE);
  wire_push(&w.in, 1, 4, STYLE);
  wire_push(&w.in, 1, 6, STYLE);
  wire_feed(&w);
  ck_assert_int_eq(w.pushes, 2);
  wire_expect_rst(&w, 6, WIRE_REFUSED);
  wire_rst(&w.in, 2, WIRE_CANCEL); /* which makes room */
  wire_push(&w.in, 1, 8, STYLE);
  wire_feed(&w);
  ck_assert_int_eq(w.pushes, 3);
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

static void promise_many(void) {
  uint32_t id;
  for (id = 2; id < 24000; id += 2) {
    wire_push(&w.in, 1, id, STYLE);
  }
}

/* What it has to say piles up meanwhile. */
static void feed_while_blocked(void) {
  w.blocked = true;
  wire_feed(&w);
  w.blocked = false;
  wire_take(&w);
}

/* Those that nghttp2 refuses by itself: each costs a RST_STREAM to be sent. */
START_TEST(FL_08_promises_on_a_stream_we_reset_are_odd_frames) {
  struct wire_app *page = begin_client(_i, 10);
  ck_assert_int_eq(h2ws_stream_reset(page->stream, WIRE_CANCEL), 0);
  wire_take(&w);
  promise_many();
  feed_while_blocked();
  wire_expect_goaway(&w, WIRE_CALM);
  wire_end(&w);
}
END_TEST

START_TEST(FL_08_promises_that_nobody_wants_are_odd_frames) {
  h2ws_request request = request_of("GET", "/page");
  wire_init(&w, test_chunks[_i]); /* enable_push is off, and not acknowledged */
  wire_start_client(&w);
  (void)wire_ask_raw(&w, &request);
  wire_set(&w.in, {3, 100});
  wire_feed(&w);
  promise_many();
  wire_feed(&w);
  wire_expect_goaway(&w, WIRE_CALM);
  wire_end(&w);
}
END_TEST

START_TEST(FL_08_promises_beyond_the_limit_are_odd_frames) {
  (void)begin_client(_i, 2);
  promise_many();
  feed_while_blocked();
  wire_expect_goaway(&w, WIRE_CALM);
  wire_end(&w);
}
END_TEST

START_TEST(promises_that_may_not_be_made) {
  static const char *const bad[] = {
    ":method: POST\n:scheme: http\n:path: /\n:authority: a\n",
    ":method: GET\n:scheme: http\n:path: /\n:authority: u@a\n",
    ":method: GET\n:scheme: http\n:path: /#a\n:authority: a\n",
    STYLE "content-length: 1\n",
  };
  size_t i;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    (void)begin_client(_i, 10);
    wire_push(&w.in, 1, 2, bad[i]);
    wire_feed(&w);
    ck_assert_int_eq(w.pushes, 0);
    wire_expect_rst(&w, 2, WIRE_PROTOCOL);
    wire_end(&w);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Servers
 */

static h2ws_stream *pushed;
static struct test_events events;

static void on_pushed_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  pushed = NULL;
  test_stream_callbacks.on_close(stream, info, user);
}

static const h2ws_stream_callbacks callbacks = {
  .size = sizeof(callbacks),
  .on_close = on_pushed_close,
};

static int push(struct wire_app *app, const char *method) {
  h2ws_request request = request_of(method, "/style");
  return h2ws_stream_push(app->stream, &pushed, &request, &callbacks, &events);
}

/* A server that was asked for a page, by a client with these settings. */
static struct wire_app *begin_server(int chunk, uint32_t max_streams,
                                     uint32_t enable_push) {
  memset(&events, 0, sizeof(events));
  wire_init(&w, test_chunks[chunk]);
  w.wait = true;
  wire_start_server(&w);
  wire_preface(&w.in);
  wire_set(&w.in, {2, enable_push}, {3, max_streams});
  wire_ack(&w.in);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, WIRE_GET);
  wire_feed(&w);
  wire_clear(&w);
  return wire_app(&w, 1);
}

static void end(void) {
  wire_end(&w);
  test_events_dispose(&events);
}

START_TEST(a_server_pushes_and_answers) {
  struct wire_app *app = begin_server(_i, 10, 1);
  const struct wire_got *got;
  ck_assert_int_eq(push(app, NULL), 0);
  ck_assert_int_eq(h2ws_stream_id(pushed), 2);
  ck_assert_int_eq(
    h2ws_stream_answer(pushed, 200, NULL, 0, &callbacks, &events), 0);
  ck_assert_int_eq(h2ws_stream_write(pushed, "bold", 4), 0);
  ck_assert_int_eq(h2ws_stream_respond(app->stream, 200, NULL, 0, "page", 4),
                   0);
  wire_take(&w);
  ck_assert_uint_eq(wire_find(&w, WIRE_PUSH, 1), 0); /* before all answers */
  got = &w.got[0];
  ck_assert_uint_eq(wire_number(got, 0), 2);
  ck_assert_uint_eq(got->fields_len, 4);
  ck_assert_str_eq(got->fields[0].value, "GET");
  ck_assert_str_eq(got->fields[1].value, "http");
  ck_assert_str_eq(got->fields[2].value, "example.com");
  ck_assert_str_eq(got->fields[3].value, "/style");
  wire_expect_data(&w, 1, "page", 4);
  wire_expect_data(&w, 2, "bold", 4);
  ck_assert_int_eq(wire_status(&w, 2), 200);
  ck_assert(!wire_ended(&w, 2)); /* it outlives the page */
  ck_assert_int_eq(h2ws_stream_shutdown(pushed), 0);
  wire_take(&w);
  ck_assert(wire_ended(&w, 2));
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  wire_expect_alive(&w);
  end();
}
END_TEST

START_TEST(a_push_that_is_HEAD_has_no_body) {
  struct wire_app *app = begin_server(_i, 10, 1);
  ck_assert_int_eq(push(app, "HEAD"), 0);
  ck_assert_int_eq(h2ws_stream_respond(pushed, 200, NULL, 0, "bold", 4), 0);
  wire_take(&w);
  ck_assert_str_eq(wire_field_of(&w, 2, "content-length"), "4");
  ck_assert_uint_eq(wire_count(&w, WIRE_DATA, 2), 0);
  ck_assert(wire_ended(&w, 2));
  end();
}
END_TEST

START_TEST(F_41_nothing_is_pushed_to_whom_takes_none) {
  struct wire_app *app = begin_server(_i, 10, 0);
  ck_assert_int_eq(push(app, NULL), H2WS_ERR_UNSUPPORTED);
  wire_take(&w);
  ck_assert_uint_eq(w.got_len, 0);
  end();
}
END_TEST

START_TEST(F_16_pushes_keep_to_the_clients_limit) {
  struct wire_app *app = begin_server(_i, 1, 1);
  ck_assert_int_eq(push(app, NULL), 0);
  ck_assert_int_eq(push(app, NULL), H2WS_ERR_AGAIN);
  ck_assert_int_eq(h2ws_stream_respond(pushed, 204, NULL, 0, NULL, 0), 0);
  wire_take(&w);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(push(app, NULL), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_PUSH, 1), 2);
  end();
}
END_TEST

START_TEST(F_16_a_limit_of_zero_allows_no_push) {
  struct wire_app *app = begin_server(_i, 0, 1);
  ck_assert_int_eq(push(app, NULL), H2WS_ERR_AGAIN);
  end();
}
END_TEST

START_TEST(a_push_comes_before_the_end_of_its_parent) {
  struct wire_app *app = begin_server(_i, 10, 1);
  h2ws_stream *none = NULL;
  h2ws_request request = request_of(NULL, "/more");
  ck_assert_int_eq(push(app, "POST"), H2WS_ERR_INVALID);
  ck_assert_int_eq(push(app, NULL), 0);
  ck_assert_int_eq(h2ws_stream_push(pushed, &none, &request, NULL, NULL),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_stream_respond(app->stream, 200, NULL, 0, "page", 4),
                   0);
  ck_assert_int_eq(h2ws_stream_push(app->stream, &none, &request, NULL, NULL),
                   H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_stream_reset(pushed, WIRE_CANCEL), 0);
  wire_take(&w);
  wire_expect_rst(&w, 2, WIRE_CANCEL);
  ck_assert_int_eq(events.closed, 1);
  end();
}
END_TEST

START_TEST(a_push_that_fails_leaves_nothing) {
  struct wire_app *app = begin_server(_i, 10, 1);
  h2ws_request request = request_of(NULL, "/style");
  static const h2ws_header length = {"content-length", "0"};
  size_t fail;
  int rv = H2WS_ERR_NOMEM;
  request.headers = &length;
  request.headers_len = 1;
  ck_assert_int_eq(
    h2ws_stream_push(app->stream, &pushed, &request, &callbacks, &events),
    H2WS_ERR_HEADER);
  request = request_of(NULL, "/#a");
  ck_assert_int_eq(
    h2ws_stream_push(app->stream, &pushed, &request, &callbacks, &events),
    H2WS_ERR_INVALID);
  for (fail = 1; rv != 0; fail++) {
    ck_assert_int_eq(rv, H2WS_ERR_NOMEM);
    ck_assert_uint_eq(h2ws_conn_streams(w.conn), 1);
    ck_assert_ptr_eq(h2ws_conn_stream(w.conn, 1), app->stream);
    w.env.fail_at = w.env.allocations + fail;
    rv = push(app, NULL);
    w.env.fail_at = 0;
  }
  ck_assert_uint_gt(fail, 3);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 2);
  ck_assert_int_eq(h2ws_stream_respond(pushed, 204, NULL, 0, NULL, 0), 0);
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_PUSH, 1), 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.closed, 1);
  wire_expect_alive(&w);
  end();
}
END_TEST

START_TEST(nothing_is_pushed_into_a_tunnel) {
  struct wire_app *app;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  app = wire_app(&w, 1);
  ck_assert_int_eq(push(app, NULL), H2WS_ERR_STATE);
  end();
}
END_TEST

START_TEST(a_client_may_reset_what_is_pushed) {
  struct wire_app *app = begin_server(_i, 10, 1);
  ck_assert_int_eq(push(app, NULL), 0);
  wire_take(&w);
  wire_rst(&w.in, 2, WIRE_CANCEL);
  wire_feed(&w);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_LOST);
  ck_assert_ptr_nonnull(app->stream);
  wire_expect_alive(&w);
  end();
}
END_TEST

/* The parent is gone before the promise could be sent. */
START_TEST(a_push_that_cannot_be_sent_ends) {
  struct wire_app *app = begin_server(_i, 10, 1);
  w.blocked = true;
  ck_assert_int_eq(push(app, NULL), 0);
  wire_rst(&w.in, 1, WIRE_CANCEL);
  wire_feed(&w);
  ck_assert_ptr_null(app->stream);
  w.blocked = false;
  wire_take(&w);
  ck_assert_uint_eq(wire_count(&w, WIRE_PUSH, 1), 0);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_expect_alive(&w);
  end();
}
END_TEST

/* RFC 9113 section 5.1: no RST_STREAM on a stream that is idle. */
START_TEST(F_12_a_push_that_was_not_sent_is_not_reset) {
  struct wire_app *app = begin_server(_i, 10, 1);
  ck_assert_int_eq(push(app, NULL), 0);
  ck_assert_int_eq(h2ws_stream_reset(app->stream, WIRE_CANCEL), 0);
  ck_assert_int_eq(h2ws_stream_reset(pushed, WIRE_CANCEL), 0);
  wire_take(&w);
  wire_expect_rst(&w, 1, WIRE_CANCEL);
  ck_assert_uint_eq(wire_count(&w, WIRE_PUSH, 1), 0);
  ck_assert_uint_eq(wire_count(&w, WIRE_RST, 2), 0);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_ABORTED);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_expect_alive(&w);
  end();
}
END_TEST

START_TEST(HS_22_an_undecided_push_gets_503) {
  struct wire_app *app = begin_server(_i, 10, 1);
  ck_assert_int_eq(push(app, NULL), 0);
  wire_advance(&w, 15000);
  ck_assert_int_eq(wire_status(&w, 2), 503);
  ck_assert_int_eq(events.closed, 1);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    push_is_asked_for,
    a_promise_is_told_and_kept,
    a_promise_can_be_refused,
    a_promise_that_is_not_kept_times_out,
    F_16_promises_beyond_the_limit_are_refused,
    FL_08_promises_on_a_stream_we_reset_are_odd_frames,
    FL_08_promises_that_nobody_wants_are_odd_frames,
    FL_08_promises_beyond_the_limit_are_odd_frames,
    promises_that_may_not_be_made,
    a_server_pushes_and_answers,
    a_push_that_is_HEAD_has_no_body,
    F_41_nothing_is_pushed_to_whom_takes_none,
    F_16_pushes_keep_to_the_clients_limit,
    F_16_a_limit_of_zero_allows_no_push,
    a_push_comes_before_the_end_of_its_parent,
    a_push_that_fails_leaves_nothing,
    nothing_is_pushed_into_a_tunnel,
    a_client_may_reset_what_is_pushed,
    a_push_that_cannot_be_sent_ends,
    F_12_a_push_that_was_not_sent_is_not_reset,
    HS_22_an_undecided_push_gets_503,
  };
  return wire_suite("h2/push", tests, sizeof(tests) / sizeof(tests[0]));
}
