/* Ordinary requests over HTTP/1.1: bodies in pieces, both ways. */
#include <check.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/text.h"

static struct test_text wire;
static struct test_events events;

static void answered_close(h2ws_stream *stream, const h2ws_close_info *info,
                           void *user) {
  wire.stream = NULL;
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

/* A server with a request that waits for its answer. */
static void ask(int chunk, const char *head) {
  memset(&events, 0, sizeof(events));
  test_text_init(&wire, test_chunks[chunk]);
  test_text_serve(&wire);
  test_text_say(&wire, head);
  ck_assert_ptr_nonnull(wire.stream);
  (void)h2ws_stream_set_callbacks(wire.stream, &answered, &events);
}

static void answer(int status, const h2ws_header *headers, size_t len) {
  ck_assert_int_eq(
    h2ws_stream_answer(wire.stream, status, headers, len, &answered, &events),
    0);
}

static void say(const char *text) {
  ck_assert_int_eq(h2ws_stream_write(wire.stream, text, strlen(text)), 0);
  test_text_collect(&wire);
}

static void finish(void) {
  ck_assert_int_eq(h2ws_stream_shutdown(wire.stream), 0);
  test_text_collect(&wire);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
}

static void end(void) {
  test_text_dispose(&wire);
  test_events_dispose(&events);
}

/* The exchange has left the connection for another. */
static void expect_another(void) {
  test_text_forget(&wire);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
}

#define GET_WAIT "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"

START_TEST(an_answer_is_streamed_in_chunks) {
  h2ws_header type = {"Content-Type", "text/plain"};
  ask(_i, GET_WAIT);
  answer(404, &type, 1);
  test_text_collect(&wire);
  ck_assert_str_eq(wire.out, "HTTP/1.1 404 Not Found\r\n"
                             "Content-Type: text/plain\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n");
  test_text_forget(&wire);
  say("not ");
  say("here");
  finish();
  ck_assert_str_eq(wire.out, "4\r\nnot \r\n4\r\nhere\r\n0\r\n\r\n");
  expect_another();
  end();
}
END_TEST

START_TEST(an_answer_with_a_length_leaves_the_connection) {
  h2ws_header length = {"content-length", "4"};
  ask(_i, GET_WAIT);
  answer(200, &length, 1);
  ck_assert_int_eq(h2ws_stream_write(wire.stream, "page!", 5),
                   H2WS_ERR_TOO_BIG);
  say("pa");
  ck_assert_int_eq(h2ws_stream_shutdown(wire.stream), H2WS_ERR_STATE);
  say("ge");
  finish();
  ck_assert_str_eq(wire.out,
                   "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage");
  expect_another();
  end();
}
END_TEST

/* Nobody may take half of a page for the whole. */
START_TEST(an_answer_that_is_given_up_ends_the_connection) {
  ask(_i, GET_WAIT);
  answer(200, NULL, 0);
  say("pa");
  ck_assert_int_eq(h2ws_stream_reset(wire.stream, 8), 0);
  (void)h2ws_conn_tick(wire.conn);
  test_text_collect(&wire);
  ck_assert_int_eq(events.closed, 1);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_ptr_null(strstr(wire.out, "0\r\n\r\n"));
  end();
}
END_TEST

START_TEST(a_body_is_read_before_the_answer) {
  ask(_i, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  test_text_say(&wire, "body");
  ck_assert_uint_eq(events.len, 4);
  test_text_advance(&wire, 14000);
  test_text_say(&wire, " parts");
  ck_assert_mem_eq(events.data, "body parts", 10);
  ck_assert_int_eq(events.messages, 1); /* EOF */
  test_text_advance(&wire, 14000);
  ck_assert_uint_eq(wire.out_len, 0);
  answer(201, NULL, 0);
  ck_assert_int_eq(events.messages, 1);
  finish();
  expect_another();
  end();
}
END_TEST

START_TEST(answers_without_content_end_at_once) {
  static const struct {
    const char *request;
    int status;
    const char *answer;
  } rows[] = {
    {"HEAD /wait HTTP/1.1\r\nHost: h\r\n\r\n", 200, "HTTP/1.1 200 OK\r\n\r\n"},
    {GET_WAIT, 204, "HTTP/1.1 204 No Content\r\n\r\n"},
    {GET_WAIT, 304, "HTTP/1.1 304 Not Modified\r\n\r\n"},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ask(_i, rows[i].request);
    answer(rows[i].status, NULL, 0);
    ck_assert_int_eq(h2ws_stream_write(wire.stream, "x", 1), H2WS_ERR_STATE);
    test_text_collect(&wire);
    ck_assert_str_eq(wire.out, rows[i].answer);
    ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
    expect_another();
    end();
  }
}
END_TEST

START_TEST(an_upgrade_is_not_answered_in_pieces) {
  ask(_i, "GET /wait HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\nSec-WebSocket-Key: " TEST_KEY "\r\n"
          "Sec-WebSocket-Version: 13\r\n\r\n");
  ck_assert_int_eq(
    h2ws_stream_answer(wire.stream, 200, NULL, 0, &answered, &events),
    H2WS_ERR_STATE);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Freeing from inside
 */

static void free_readable(h2ws_stream *stream, void *user) {
  (void)user;
  h2ws_conn_free(h2ws_stream_conn(stream));
}

START_TEST(a_connection_is_freed_from_inside) {
  static const h2ws_stream_callbacks callbacks = {
    .size = sizeof(callbacks),
    .on_readable = free_readable,
    .on_close = answered_close,
  };
  uint8_t body[] = {'b', 'o', 'd', 'y'};
  ask(_i, "POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
  (void)h2ws_stream_set_callbacks(wire.stream, &callbacks, &events);
  (void)h2ws_conn_recv(wire.conn, body, sizeof(body));
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_ABORTED);
  ck_assert_int_eq(wire.closed, 1);
  ck_assert_uint_eq(wire.env.live, 0);
  wire.conn = NULL;
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/plain");
  TCase *tc = tcase_create("wire");
#define ADD(test) tcase_add_loop_test(tc, test, 0, TEST_CHUNKS)
  ADD(an_answer_is_streamed_in_chunks);
  ADD(an_answer_with_a_length_leaves_the_connection);
  ADD(an_answer_that_is_given_up_ends_the_connection);
  ADD(a_body_is_read_before_the_answer);
  ADD(answers_without_content_end_at_once);
  ADD(an_upgrade_is_not_answered_in_pieces);
  ADD(a_connection_is_freed_from_inside);
  suite_add_tcase(suite, tc);
  return suite;
}
