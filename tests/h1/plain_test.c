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
  ck_assert_int_eq(h2ws_stream_reset(wire.stream, H2WS_H2_CANCEL), 0);
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

/* ------------------------------------------------------------------------
 * Clients
 */

static h2ws_stream *stream;

static void client_close(h2ws_stream *closed, const h2ws_close_info *info,
                         void *user) {
  stream = NULL;
  test_stream_callbacks.on_close(closed, info, user);
}

static void client_open(h2ws_stream *opened, void *user) {
  test_stream_callbacks.on_open(opened, user);
}

static const h2ws_stream_callbacks client = {
  .size = sizeof(client),
  .on_open = client_open,
  .on_readable = answered_readable,
  .on_close = client_close,
};

static h2ws_request request_of(const char *method, bool whole) {
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.method = method;
  request.authority = "h";
  request.path = "/p?q";
  request.end = whole;
  return request;
}

static void request(const h2ws_request *what, int expected) {
  test_events_dispose(&events);
  test_text_forget(&wire);
  ck_assert_int_eq(h2ws_stream_open(wire.conn, &stream, what, &client, &events),
                   expected);
  test_text_collect(&wire);
}

static void get(const char *method) {
  h2ws_request what = request_of(method, true);
  request(&what, 0);
}

static void begin_client(int chunk) {
  memset(&events, 0, sizeof(events));
  test_text_init(&wire, test_chunks[chunk]);
  test_text_connect(&wire);
}

START_TEST(a_client_asks_and_asks_again) {
  begin_client(_i);
  get("GET");
  ck_assert_str_eq(wire.out, "GET /p?q HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert(!h2ws_conn_can_open(wire.conn));
  test_text_say(&wire, "HTTP/1.1 103 Early Hints\r\n\r\n"
                       "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n"
                       "page");
  ck_assert_int_eq(events.opened, 1);
  ck_assert_mem_eq(events.data, "page", 4);
  ck_assert_int_eq(events.messages, 1); /* EOF */
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_can_open(wire.conn));
  get("DELETE");
  ck_assert_int_eq(h2ws_stream_id(stream), 2);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  ck_assert_mem_eq(events.data, "abcde", 5);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  get("HEAD");
  test_text_say(&wire, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  ck_assert_int_eq(events.status, 0);
  ck_assert_int_eq(events.opened, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  get("GET");
  test_text_say(&wire, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(a_client_that_asks_for_nothing_leaves) {
  begin_client(_i);
  get("GET");
  test_text_say(&wire, "HTTP/1.1 204 No Content\r\n\r\n");
  test_text_advance(&wire, 59000);
  ck_assert(!h2ws_conn_finished(wire.conn));
  test_text_advance(&wire, 1000);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(an_answer_may_last_until_the_end) {
  begin_client(_i);
  get("GET");
  test_text_say(&wire, "HTTP/1.0 200 OK\r\n\r\npa");
  test_text_say(&wire, "ge");
  ck_assert_int_eq(events.closed, 0);
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert_mem_eq(events.data, "page", 4);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(a_body_goes_before_the_answer) {
  h2ws_request what = request_of("POST", false);
  h2ws_header length = {"Content-Length", "4"};
  begin_client(_i);
  request(&what, 0);
  ck_assert_str_eq(wire.out, "POST /p?q HTTP/1.1\r\nHost: h\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n");
  test_text_forget(&wire);
  ck_assert_int_eq(h2ws_stream_write(stream, "abc", 3), 0);
  test_text_collect(&wire);
  test_text_advance(&wire, 9000); /* bytes that move put the deadline off */
  ck_assert_int_eq(h2ws_stream_write(stream, "de", 2), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), 0);
  test_text_collect(&wire);
  ck_assert_str_eq(wire.out, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  test_text_advance(&wire, 9000);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  what.headers = &length;
  what.headers_len = 1;
  request(&what, 0);
  ck_assert_str_eq(wire.out, "POST /p?q HTTP/1.1\r\nHost: h\r\n"
                             "Content-Length: 4\r\n\r\n");
  ck_assert_int_eq(h2ws_stream_write(stream, "12345", 5), H2WS_ERR_TOO_BIG);
  ck_assert_int_eq(h2ws_stream_write(stream, "1234", 4), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), 0);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ck_assert_mem_eq(wire.out + wire.out_len - 4, "1234", 4);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  get("PUT");
  ck_assert_str_eq(wire.out, "PUT /p?q HTTP/1.1\r\nHost: h\r\n"
                             "Content-Length: 0\r\n\r\n");
  end();
}
END_TEST

START_TEST(an_answer_may_come_before_the_body) {
  h2ws_request what = request_of("POST", false);
  begin_client(_i);
  request(&what, 0);
  test_text_say(&wire, "HTTP/1.1 413 \r\nContent-Length: 0\r\n\r\n");
  ck_assert_int_eq(events.opened, 1);
  ck_assert_int_eq(events.messages, 1); /* EOF */
  ck_assert_int_eq(events.closed, 0);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), 0);
  test_text_collect(&wire);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  request(&what, 0); /* or the server ends the connection */
  test_text_say(&wire, "HTTP/1.1 413 \r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n");
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(H1_04_H_12_an_answer_that_cannot_be_read_fails) {
#define OK "HTTP/1.1 200 OK\r\n"
  static const struct {
    const char *answer;
    int error;
  } rows[] = {
    {OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", H2WS_ERR_PROTO},
    {OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     H2WS_ERR_PROTO},
    {OK "Content-Length: +1\r\n\r\nx", H2WS_ERR_PROTO},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", H2WS_ERR_PROTO},
    {OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", H2WS_ERR_PROTO},
    {"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     H2WS_ERR_PROTO},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    begin_client(_i);
    get("GET");
    test_text_say(&wire, rows[i].answer);
    ck_assert_msg(events.error == rows[i].error, "%s", rows[i].answer);
    ck_assert(h2ws_conn_finished(wire.conn));
    end();
  }
  begin_client(_i);
  get("GET");
  test_text_say(&wire, OK "Content-Length: 5\r\n\r\npage");
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert_int_eq(events.error, H2WS_ERR_LOST);
  end();
}
END_TEST

/* Or the next request would get it. */
START_TEST(H1_05_an_answer_too_many_ends_the_connection) {
  begin_client(_i);
  get("GET");
  test_text_say(&wire,
                OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 0\r\n\r\n");
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Deadlines of an exchange that was accepted
 */

#define POST_WAIT                                                              \
  "POST /wait HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static void accept_post(int chunk) {
  ask(chunk, POST_WAIT);
  answer(200, NULL, 0);
  test_text_collect(&wire);
}

static void expect_silence_ends_it(uint64_t after_ms) {
  test_text_advance(&wire, after_ms - 1);
  ck_assert_int_eq(events.closed, 0);
  test_text_advance(&wire, 1);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert_int_eq(events.error, H2WS_ERR_TIMEOUT);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}

/* Row 1: our side ended meanwhile. Bytes that are no content do not count. */
START_TEST(a_body_that_stops_coming_ends_the_exchange) {
  accept_post(_i);
  test_text_advance(&wire, 59999);
  test_text_say(&wire, "5\r\nhel");
  ck_assert_uint_eq(events.len, 3);
  expect_silence_ends_it(60000);
  accept_post(_i);
  say("all of it");
  ck_assert_int_eq(h2ws_stream_shutdown(wire.stream), 0);
  test_text_collect(&wire);
  test_text_advance(&wire, 30000);
  test_text_say(&wire, "5;an=extension");
  expect_silence_ends_it(30000);
}
END_TEST

START_TEST(what_we_send_puts_the_end_off) {
  int i;
  accept_post(_i);
  for (i = 0; i < 5; i++) {
    test_text_advance(&wire, 50000);
    say("news");
  }
  expect_silence_ends_it(60000);
}
END_TEST

static const h2ws_stream_callbacks unread = {
  .size = sizeof(unread),
  .on_close = answered_close,
};

/* The application is slow, not the peer: its time begins with the reading. */
START_TEST(an_unread_body_is_not_the_peers_fault) {
  char got[8];
  ask(_i, POST_WAIT);
  ck_assert_int_eq(
    h2ws_stream_answer(wire.stream, 200, NULL, 0, &unread, &events), 0);
  test_text_collect(&wire);
  test_text_say(&wire, "5\r\nhello");
  test_text_advance(&wire, 600000);
  ck_assert_int_eq(events.closed, 0);
  ck_assert_int_eq(h2ws_stream_read(wire.stream, got, sizeof(got)), 5);
  expect_silence_ends_it(60000);
}
END_TEST

/* A body that is complete, an upgrade, and no deadline at all. */
START_TEST(silence_that_is_allowed) {
  accept_post(_i);
  test_text_say(&wire, "5\r\nhello\r\n0\r\n\r\n");
  test_text_advance(&wire, 600000);
  ck_assert_int_eq(events.closed, 0);
  finish();
  end();
  ask(_i, POST_WAIT);
  ck_assert_int_eq(h2ws_conn_set_idle_timeout(wire.conn, 0), 0);
  answer(200, NULL, 0);
  test_text_collect(&wire);
  test_text_advance(&wire, 600000);
  ck_assert_int_eq(events.closed, 0);
  test_text_say(&wire, "0\r\n\r\n");
  finish();
  end();
  test_text_init(&wire, test_chunks[_i]);
  test_text_serve(&wire);
  test_text_say(&wire, TEST_UPGRADE "\r\n");
  ck_assert_ptr_nonnull(wire.socket);
  ck_assert_int_eq(h2ws_conn_set_idle_timeout(wire.conn, 1000), 0);
  test_text_advance(&wire, 10000); /* less than a ping of the socket takes */
  ck_assert_ptr_nonnull(wire.socket);
  test_text_dispose(&wire);
}
END_TEST

/* FC-06, IO-10: the answer waits for a transport that takes nothing. */
START_TEST(an_answer_that_nobody_reads_ends_the_connection) {
  h2ws_time begun;
  ask(_i, GET_WAIT);
  answer(200, NULL, 0);
  ck_assert_int_eq(h2ws_stream_write(wire.stream, "page", 4), 0);
  begun = wire.env.now;
  wire.env.now = begun + 29999 * H2WS_MS;
  ck_assert_int_eq(h2ws_conn_tick(wire.conn), 0);
  ck_assert_int_eq(events.closed, 0);
  wire.env.now = begun + 30000 * H2WS_MS;
  (void)h2ws_conn_tick(wire.conn);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(HS_18_a_request_without_answer_times_out) {
  begin_client(_i);
  get("GET");
  test_text_advance(&wire, 10000);
  ck_assert_int_eq(events.error, H2WS_ERR_TIMEOUT);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(requests_that_cannot_be_sent) {
  h2ws_header bad = {"content-length", "x"};
  h2ws_request what = request_of("GET", true);
  begin_client(_i);
  what.method = "CONNECT";
  request(&what, H2WS_ERR_STATE);
  what.method = NULL;
  request(&what, H2WS_ERR_STATE);
  what.method = "GE T";
  request(&what, H2WS_ERR_INVALID);
  what.method = "GET";
  what.path = "*";
  request(&what, H2WS_ERR_INVALID);
  what.path = "/p?q";
  what.headers = &bad;
  what.headers_len = 1;
  request(&what, H2WS_ERR_HEADER);
  bad.value = "1";
  request(&what, H2WS_ERR_HEADER);
  ck_assert_uint_eq(wire.out_len, 0);
  get("GET");
  request(&what, H2WS_ERR_EXHAUSTED);
  test_text_dispose(&wire);
  test_events_dispose(&events);
}
END_TEST

/* ------------------------------------------------------------------------
 * Both ends, both protocols
 */

static void pair_streams_bodies(int chunk, h2ws_http http) {
  static struct test_pair pair;
  struct test_events seen = {0};
  h2ws_request what = request_of("POST", false);
  h2ws_stream *request;
  test_pair_init(&pair, test_chunks[chunk]);
  pair.client_options.http = http;
  pair.server_options.http = H2WS_HTTP_ANY;
  pair.server_waits = true;
  test_pair_start(&pair);
  memset(&events, 0, sizeof(events));
  ck_assert_int_eq(
    h2ws_stream_open(pair.client, &stream, &what, &client, &events), 0);
  ck_assert_int_eq(h2ws_stream_write(stream, "question", 8), 0);
  test_pair_pump(&pair);
  request = pair.request;
  ck_assert_ptr_nonnull(request);
  (void)h2ws_stream_set_callbacks(request, &test_stream_callbacks, &seen);
  ck_assert_uint_eq(seen.len, 8);
  ck_assert_int_eq(h2ws_stream_write(stream, "?", 1), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), 0);
  test_pair_pump(&pair);
  ck_assert_mem_eq(seen.data, "question?", 9);
  ck_assert_int_eq(seen.messages, 1); /* EOF */
  ck_assert_int_eq(
    h2ws_stream_answer(request, 200, NULL, 0, &test_stream_callbacks, &seen),
    0);
  ck_assert_int_eq(h2ws_stream_write(request, "ans", 3), 0);
  test_pair_pump(&pair);
  ck_assert_mem_eq(events.data, "ans", 3);
  ck_assert_int_eq(h2ws_stream_write(request, "wer", 3), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(request), 0);
  test_pair_pump(&pair);
  ck_assert_mem_eq(events.data, "answer", 6);
  ck_assert_int_eq(seen.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_can_open(pair.client));
  pair.request = NULL;
  test_pair_dispose(&pair);
  test_events_dispose(&seen);
  test_events_dispose(&events);
}

START_TEST(W_45_bodies_are_streamed_over_HTTP_1_1) {
  pair_streams_bodies(_i, H2WS_HTTP_1_1);
}
END_TEST

START_TEST(W_45_bodies_are_streamed_over_HTTP_2) {
  pair_streams_bodies(_i, H2WS_HTTP_2);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/plain");
  TCase *tc = tcase_create("wire");
#define ADD(test) tcase_add_loop_test(tc, test, 0, TEST_CHUNKS)
  ADD(an_answer_is_streamed_in_chunks);
  ADD(a_body_that_stops_coming_ends_the_exchange);
  ADD(what_we_send_puts_the_end_off);
  ADD(an_unread_body_is_not_the_peers_fault);
  ADD(silence_that_is_allowed);
  ADD(an_answer_that_nobody_reads_ends_the_connection);
  ADD(an_answer_with_a_length_leaves_the_connection);
  ADD(an_answer_that_is_given_up_ends_the_connection);
  ADD(a_body_is_read_before_the_answer);
  ADD(answers_without_content_end_at_once);
  ADD(an_upgrade_is_not_answered_in_pieces);
  ADD(a_connection_is_freed_from_inside);
  ADD(a_client_asks_and_asks_again);
  ADD(a_client_that_asks_for_nothing_leaves);
  ADD(an_answer_may_last_until_the_end);
  ADD(a_body_goes_before_the_answer);
  ADD(an_answer_may_come_before_the_body);
  ADD(H1_04_H_12_an_answer_that_cannot_be_read_fails);
  ADD(H1_05_an_answer_too_many_ends_the_connection);
  ADD(HS_18_a_request_without_answer_times_out);
  ADD(requests_that_cannot_be_sent);
  ADD(W_45_bodies_are_streamed_over_HTTP_1_1);
  ADD(W_45_bodies_are_streamed_over_HTTP_2);
  suite_add_tcase(suite, tc);
  return suite;
}
