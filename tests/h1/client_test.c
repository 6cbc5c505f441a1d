/* HTTP/1.1 clients: the request, and every way to answer it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h1/key.h"
#include "tests/support/suite.h"
#include "tests/support/text.h"

static struct test_text wire;
static struct test_events events;
static h2ws_socket *sock;

static void open_with(const h2ws_request *request,
                      const h2ws_socket_options *options, int expected) {
  memset(&events, 0, sizeof(events));
  ck_assert_int_eq(h2ws_socket_open(wire.conn, &sock, request, options,
                                    &test_socket_callbacks, &events),
                   expected);
  test_text_collect(&wire);
}

static h2ws_request request_to(const char *path) {
  h2ws_request request = {0};
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = path;
  return request;
}

/* A connection with the request sent, to be answered. */
static void begin(int chunk, const char *offer, bool required) {
  h2ws_request request = request_to("/chat?x=1");
  h2ws_socket_options options;
  test_text_init(&wire, test_chunks[chunk]);
  test_text_connect(&wire);
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = offer;
  options.require_protocol = required;
  open_with(&request, &options, 0);
}

static void end(void) {
  test_text_dispose(&wire);
  ck_assert_int_eq(events.closed, 1);
  test_events_dispose(&events);
}

/* The key that was sent. */
static void sent_key(char key[H2WS__H1_KEY_LEN + 1]) {
  const char *at = strstr(wire.out, "\r\nSec-WebSocket-Key: ");
  ck_assert_ptr_nonnull(at);
  (void)snprintf(key, H2WS__H1_KEY_LEN + 1, "%s", at + 21);
}

/* Answers with these lines; "%s" becomes the right accept value. */
static void answer(const char *head, const char *rest, size_t rest_len) {
  char key[H2WS__H1_KEY_LEN + 1];
  char accept[H2WS__H1_ACCEPT_LEN + 1];
  char text[2048];
  const char *hole = strstr(head, "%s");
  size_t len;
  sent_key(key);
  h2ws__h1_accept(accept, key);
  if (hole == NULL) {
    len = (size_t)snprintf(text, sizeof(text), "%s\r\n", head);
  } else {
    len = (size_t)snprintf(text, sizeof(text), "%.*s%s%s\r\n",
                           (int)(hole - head), head, accept, hole + 2);
  }
  if (rest_len > 0) {
    memcpy(text + len, rest, rest_len);
  }
  test_text_forget(&wire);
  (void)test_text_feed(&wire, text, len + rest_len);
}

#define SWITCH                                                                 \
  "HTTP/1.1 101 Switching Protocols\r\n"                                       \
  "Upgrade: websocket\r\n"                                                     \
  "Connection: Upgrade\r\n"                                                    \
  "Sec-WebSocket-Accept: %s\r\n"

static void expect_failure(int error) {
  ck_assert_int_eq(events.opened, 0);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_msg(events.error == error, "%s: %s", h2ws_error_name(events.error),
                events.detail);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_uint_eq(wire.out_len, 0);
}

/* ------------------------------------------------------------------------
 * The request
 */

START_TEST(H_01_H_02_the_request_is_an_upgrade) {
  char key[H2WS__H1_KEY_LEN + 1];
  char wanted[512];
  begin(_i, NULL, false);
  sent_key(key);
  (void)snprintf(wanted, sizeof(wanted),
                 "GET /chat?x=1 HTTP/1.1\r\n"
                 "Host: example.com\r\n"
                 "Upgrade: websocket\r\n"
                 "Connection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\n"
                 "sec-websocket-version: 13\r\n\r\n",
                 key);
  ck_assert_str_eq(wire.out, wanted);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_1_1);
  end();
}
END_TEST

START_TEST(H_01_a_fragment_is_refused) {
  static const char *const paths[] = {"/p#f", "p", "", "/a b", "/a\r\nX: y"};
  size_t i;
  test_text_init(&wire, test_chunks[_i]);
  test_text_connect(&wire);
  for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
    h2ws_request request = request_to(paths[i]);
    open_with(&request, NULL, H2WS_ERR_INVALID);
  }
  ck_assert_uint_eq(wire.out_len, 0);
  test_text_dispose(&wire);
}
END_TEST

START_TEST(H1_10_a_request_cannot_be_split) {
  static const h2ws_header bad[] = {
    {"X", "a\r\nY: b"},
    {"X\r\nY", "b"},
    {"X", "\n"},
    {"X Y", "b"},
    {"Host", "other"},
    {"Upgrade", "h2c"},
    {"Connection", "close"},
    {"Content-Length", "1"},
    {"X", "a "},
    {"Transfer-Encoding", "x"},
    {"Sec-WebSocket-Key", "x"},
  };
  static const char *const hosts[] = {"h\r\nX: y", "h h", "u@h", "h/", ""};
  h2ws_request request = request_to("/");
  h2ws_socket_options options;
  size_t i;
  test_text_init(&wire, test_chunks[_i]);
  test_text_connect(&wire);
  request.headers_len = 1;
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    request.headers = &bad[i];
    open_with(&request, NULL, H2WS_ERR_HEADER);
  }
  request.headers_len = 0;
  for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
    request.authority = hosts[i];
    open_with(&request, NULL, H2WS_ERR_INVALID);
  }
  request.authority = "h";
  h2ws_socket_options_default(&options, sizeof(options));
  options.protocols = "a\r\nb";
  open_with(&request, &options, H2WS_ERR_INVALID);
  ck_assert_uint_eq(wire.out_len, 0);
  test_text_dispose(&wire);
}
END_TEST

START_TEST(H_03_each_key_is_fresh) {
  char first[H2WS__H1_KEY_LEN + 1];
  char second[H2WS__H1_KEY_LEN + 1];
  uint64_t state;
  begin(_i, NULL, false);
  sent_key(first);
  state = wire.env.random_state;
  end();
  test_text_init(&wire, test_chunks[_i]);
  wire.env.random_state = state;
  test_text_connect(&wire);
  {
    h2ws_request request = request_to("/");
    open_with(&request, NULL, 0);
  }
  sent_key(second);
  end();
  ck_assert(h2ws__h1_key_is_valid(first));
  ck_assert(h2ws__h1_key_is_valid(second));
  ck_assert_str_ne(first, second);
}
END_TEST

START_TEST(H_03_no_key_without_randomness) {
  h2ws_request request = request_to("/");
  test_text_init(&wire, test_chunks[_i]);
  wire.env.random_fails = true;
  test_text_connect(&wire);
  open_with(&request, NULL, H2WS_ERR_INTERNAL);
  ck_assert_uint_eq(wire.out_len, 0);
  test_text_dispose(&wire);
}
END_TEST

START_TEST(H_06_nothing_is_sent_before_the_101) {
  size_t sent;
  begin(_i, NULL, false);
  sent = wire.out_len;
  ck_assert_int_eq(h2ws_socket_send(sock, H2WS_TEXT, "x", 1), H2WS_ERR_STATE);
  test_text_advance(&wire, 5000);
  test_text_say(&wire, "HTTP/1.1 100 Continue\r\n\r\n");
  ck_assert_uint_eq(wire.out_len, sent);
  answer(SWITCH, NULL, 0);
  ck_assert_int_eq(events.opened, 1);
  ck_assert_uint_eq(wire.out_len, 0);
  ck_assert_int_eq(h2ws_socket_send(sock, H2WS_TEXT, "x", 1), 0);
  test_text_collect(&wire);
  ck_assert_uint_eq(wire.out_len, 7);
  end();
}
END_TEST

START_TEST(only_one_socket_fits_on_a_connection) {
  h2ws_request request = request_to("/");
  h2ws_socket *other = NULL;
  h2ws_stream *stream = NULL;
  begin(_i, NULL, false);
  ck_assert(!h2ws_conn_can_open(wire.conn));
  ck_assert_int_eq(h2ws_socket_open(wire.conn, &other, &request, NULL,
                                    &test_socket_callbacks, &events),
                   H2WS_ERR_EXHAUSTED);
  request.method = "GET";
  ck_assert_int_eq(h2ws_stream_open(wire.conn, &stream, &request,
                                    &test_stream_callbacks, &events),
                   H2WS_ERR_EXHAUSTED);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * 101
 */

START_TEST(H_04_H1_07_only_a_right_101_opens) {
#define SWITCH_LINE "HTTP/1.1 101 Switching Protocols\r\n"
#define SWITCH_ACCEPT "Sec-WebSocket-Accept: %s\r\n"
  static const char *const good[] = {
    SWITCH,
    SWITCH_LINE "upgrade:WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
                "sec-websocket-accept:%s   \r\n",
    "HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: x\r\n"
    "Connection: Upgrade\r\n" SWITCH_ACCEPT,
    "HTTP/1.1 101 \r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\n" SWITCH_ACCEPT,
  };
  static const char *const bad[] = {
    SWITCH_LINE "Connection: Upgrade\r\n" SWITCH_ACCEPT,
    SWITCH_LINE "Upgrade: websocket\r\n" SWITCH_ACCEPT,
    SWITCH_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    SWITCH_LINE "Upgrade: h2c\r\nConnection: Upgrade\r\n" SWITCH_ACCEPT,
    SWITCH_LINE
    "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" SWITCH_ACCEPT,
    SWITCH_LINE "Upgrade: websocket\r\nConnection: close\r\n" SWITCH_ACCEPT,
    SWITCH_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: " TEST_ACCEPT "\r\n",
    SWITCH_LINE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: \r\n",
    SWITCH SWITCH_ACCEPT,
    SWITCH "Sec-WebSocket-Extensions: permessage-deflate\r\n",
  };
  size_t i;
  for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    begin(_i, NULL, false);
    answer(good[i], NULL, 0);
    ck_assert_msg(events.opened == 1, "%s", good[i]);
    ck_assert_int_eq(events.closed, 0);
    end();
  }
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    begin(_i, NULL, false);
    answer(bad[i], "\x81\x01x", 3);
    expect_failure(H2WS_ERR_HANDSHAKE);
    ck_assert_int_eq(events.messages, 0);
    ck_assert_int_eq(events.cls, H2WS_CLOSE_PROTOCOL);
    end();
  }
}
END_TEST

START_TEST(H_07_bytes_after_the_101_are_messages) {
  begin(_i, NULL, false);
  answer(SWITCH, "\x81\x02hi", 4);
  ck_assert_int_eq(events.opened, 1);
  ck_assert_int_eq(events.messages, 1);
  ck_assert_uint_eq(events.len, 2);
  ck_assert_mem_eq(events.data, "hi", 2);
  end();
}
END_TEST

START_TEST(H_21_H_22_the_subprotocol_is_judged) {
  static const struct {
    const char *offer;
    bool required;
    const char *line;
    const char *agreed; /* "" none; NULL: the open fails */
  } rows[] = {
    {"a, b", false, "Sec-WebSocket-Protocol: b\r\n", "b"},
    {"a, b", false, "Sec-WebSocket-Protocol: c\r\n", NULL},
    {"a, b", false, "Sec-WebSocket-Protocol: B\r\n", NULL},
    {"a, b", false, "Sec-WebSocket-Protocol: a, b\r\n", NULL},
    {"a, b", false,
     "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", NULL},
    {NULL, false, "Sec-WebSocket-Protocol: a\r\n", NULL},
    {"a, b", false, "", ""},
    {"a, b", true, "", NULL},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char head[512];
    begin(_i, rows[i].offer, rows[i].required);
    (void)snprintf(head, sizeof(head), "%s%s", SWITCH, rows[i].line);
    answer(head, NULL, 0);
    if (rows[i].agreed == NULL) {
      expect_failure(H2WS_ERR_HANDSHAKE);
    } else {
      const char *agreed = h2ws_socket_protocol(sock);
      ck_assert_int_eq(events.opened, 1);
      ck_assert_str_eq(agreed == NULL ? "" : agreed, rows[i].agreed);
    }
    end();
  }
}
END_TEST

START_TEST(H_23_an_offer_is_distinct_tokens) {
  static const char *const offers[] = {"a b", "a,,b", "a, a", "", "a,"};
  h2ws_request request = request_to("/");
  h2ws_socket_options options;
  size_t i;
  test_text_init(&wire, test_chunks[_i]);
  test_text_connect(&wire);
  h2ws_socket_options_default(&options, sizeof(options));
  for (i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
    options.protocols = offers[i];
    open_with(&request, &options, H2WS_ERR_INVALID);
  }
  test_text_dispose(&wire);
}
END_TEST

/* ------------------------------------------------------------------------
 * Other answers
 */

START_TEST(H_05_a_refusal_is_passed_up) {
  static const struct {
    const char *answer;
    int status;
    const char *body;
  } rows[] = {
    {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 401, "no"},
    {"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, ""},
    {"HTTP/1.0 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3\r\nno,\r\n5\r\n sir!\r\n0\r\n\r\n",
     503, "no, sir!"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage", 200, "page"},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
     "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
     404, ""},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    begin(_i, NULL, false);
    test_text_forget(&wire);
    test_text_say(&wire, rows[i].answer);
    expect_failure(H2WS_ERR_REFUSED);
    ck_assert_int_eq(events.cls, H2WS_CLOSE_REFUSED);
    ck_assert_int_eq(events.status, rows[i].status);
    ck_assert_str_eq(events.body, rows[i].body);
    end();
  }
}
END_TEST

START_TEST(H_05_a_refusal_may_last_until_the_end) {
  begin(_i, NULL, false);
  test_text_forget(&wire);
  test_text_say(&wire, "HTTP/1.1 403 Forbidden\r\n\r\nno");
  ck_assert_int_eq(events.closed, 0);
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  expect_failure(H2WS_ERR_REFUSED);
  ck_assert_str_eq(events.body, "no");
  end();
}
END_TEST

START_TEST(H1_09_a_refusal_is_bounded) {
  static const char *const heads[] = {
    "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "HTTP/1.1 400 Bad\r\nContent-Length: 1844674407370955161\r\n\r\n",
    "HTTP/1.1 400 Bad\r\n\r\n",
  };
  size_t i;
  for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
    int n = 0;
    begin(_i, NULL, false);
    test_text_forget(&wire);
    test_text_say(&wire, heads[i]);
    while (n < 2000 && !h2ws_conn_finished(wire.conn)) {
      test_text_say(&wire, "x");
      n++;
    }
    ck_assert_int_eq(n, 1025);
    expect_failure(H2WS_ERR_REFUSED);
    end();

    begin(_i, NULL, false); /* slow: what there is, at the deadline */
    test_text_forget(&wire);
    test_text_say(&wire, heads[i]);
    test_text_say(&wire, "so");
    test_text_advance(&wire, 9999);
    ck_assert_int_eq(events.closed, 0);
    test_text_advance(&wire, 1);
    expect_failure(H2WS_ERR_REFUSED);
    ck_assert_str_eq(events.body, "so");
    end();
  }
  begin(_i, NULL, false);
  test_text_forget(&wire);
  test_text_say(&wire, "HTTP/1.1 400 Bad\r\n"
                       "Content-Length: 18446744073709551616\r\n\r\n");
  expect_failure(H2WS_ERR_PROTO);
  end();
}
END_TEST

START_TEST(H_12_a_malformed_answer_fails) {
  static const char *const answers[] = {
    "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n folded\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade : websocket\r\n\r\n",
    "HTTP/1.1 1010 Switching\r\n\r\n",
    "HTTP/1.1 10 Switching\r\n\r\n",
    "HTTP/1.1 099 Switching\r\n\r\n",
    "HTTP/1.1  101 Switching\r\n\r\n",
    "HTTP/2.0 101 Switching\r\n\r\n",
    "HTTP/0.9 200 OK\r\n\r\n",
    "ICY 200 OK\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "\x01",
  };
  size_t i;
  for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
    begin(_i, NULL, false);
    test_text_forget(&wire);
    test_text_say(&wire, answers[i]);
    expect_failure(H2WS_ERR_PROTO);
    end();
  }
}
END_TEST

START_TEST(H1_02_an_oversize_answer_fails) {
  int n = 0;
  begin(_i, NULL, false);
  test_text_forget(&wire);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\n");
  while (n < 2000 && !h2ws_conn_finished(wire.conn)) {
    test_text_say(&wire, "A: 345678901234567890123456789\r\n");
    n++;
  }
  ck_assert_int_eq(n, 512); /* 16 KiB */
  expect_failure(H2WS_ERR_LIMIT);
  end();

  begin(_i, NULL, false);
  test_text_forget(&wire);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\n");
  for (n = 0; n < 101; n++) {
    test_text_say(&wire, "A: b\r\n");
  }
  test_text_say(&wire, "\r\n");
  expect_failure(H2WS_ERR_LIMIT);
  end();
}
END_TEST

START_TEST(interim_answers_are_bounded) {
  int n = 0;
  begin(_i, NULL, false);
  test_text_forget(&wire);
  while (n < 100 && !h2ws_conn_finished(wire.conn)) {
    test_text_say(&wire, "HTTP/1.1 103 Early Hints\r\n\r\n");
    n++;
  }
  ck_assert_int_eq(n, 17);
  expect_failure(H2WS_ERR_LIMIT);
  end();
}
END_TEST

START_TEST(HS_18_a_request_without_answer_times_out) {
  begin(_i, NULL, false);
  test_text_forget(&wire);
  test_text_say(&wire, "HTTP/1.1 101 Switch");
  test_text_advance(&wire, 9999);
  ck_assert_int_eq(events.closed, 0);
  test_text_advance(&wire, 1);
  expect_failure(H2WS_ERR_TIMEOUT);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

START_TEST(LC_a_server_that_leaves_is_lost) {
  begin(_i, NULL, false);
  test_text_forget(&wire);
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  expect_failure(H2WS_ERR_LOST);
  end();
  begin(_i, NULL, false);
  answer(SWITCH, NULL, 0);
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_LOST);
  ck_assert_int_eq(events.code, 1006);
  end();
}
END_TEST

START_TEST(what_comes_unasked_is_refused) {
  test_text_init(&wire, test_chunks[_i]);
  test_text_connect(&wire);
  test_text_say(&wire, "HTTP/1.1 200 OK\r\n\r\n");
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.error, H2WS_ERR_PROTO);
  test_text_dispose(&wire);
}
END_TEST

/* ------------------------------------------------------------------------
 * Both sides
 */

static struct test_pair pair;

static void begin_pair(int chunk) {
  test_pair_init(&pair, test_chunks[chunk]);
  pair.client_options.http = H2WS_HTTP_1_1;
  pair.server_options.http = H2WS_HTTP_ANY;
  test_pair_start(&pair);
}

static void end_pair(void) {
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}

START_TEST(messages_come_back) {
  static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536, 200000};
  size_t i;
  begin_pair(_i);
  sock = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.opened, 1);
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    uint8_t *data = calloc(1, sizes[i] + 1);
    size_t k;
    ck_assert_ptr_nonnull(data);
    for (k = 0; k < sizes[i]; k++) {
      data[k] = (uint8_t)(k * 31 + i);
    }
    events.len = 0;
    ck_assert_int_eq(h2ws_socket_send(sock, H2WS_BINARY, data, sizes[i]), 0);
    test_pair_pump(&pair);
    ck_assert_uint_eq(events.last_len, sizes[i]);
    if (sizes[i] > 0) {
      ck_assert_mem_eq(events.data, data, sizes[i]);
    }
    free(data);
  }
  ck_assert_int_eq(h2ws_socket_close(sock, 1000, "bye", 3), 0);
  test_pair_pump(&pair);
  /* The server ends the connection (RFC 6455 section 7.1.1). */
  ck_assert(h2ws_conn_finished(pair.server));
  ck_assert_str_eq(pair.peer_events.reason, "bye");
  ck_assert_int_eq(h2ws_conn_recv_eof(pair.client, 0), 0);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.code, 1000);
  ck_assert_int_eq(pair.client_cls, H2WS_CLOSE_CLEAN);
  end_pair();
}
END_TEST

START_TEST(K_a_server_that_closes_first) {
  begin_pair(_i);
  sock = test_pair_open(&pair, "/echo", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_close(pair.peer, 1001, NULL, 0), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(pair.peer_events.cls, H2WS_CLOSE_CLEAN);
  ck_assert(h2ws_conn_finished(pair.server));
  /* A server that never ends the connection is not waited for. */
  test_pair_advance(&pair, 2000);
  ck_assert_int_eq(events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(events.code, 1001);
  ck_assert(h2ws_conn_finished(pair.client));
  end_pair();
}
END_TEST

START_TEST(W_31_a_refusal_tells_status_and_body) {
  begin_pair(_i);
  (void)test_pair_open(&pair, "/nowhere", &events);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.status, 404);
  ck_assert_str_eq(events.body, "not here");
  ck_assert_int_eq(events.error, H2WS_ERR_REFUSED);
  end_pair();
}
END_TEST

START_TEST(an_HTTP_2_client_knows_HTTP_1_1_when_it_sees_it) {
  test_text_init(&wire, test_chunks[_i]);
  wire.options.http = H2WS_HTTP_2;
  test_text_connect(&wire);
  test_text_say(&wire, "HTTP/1.1 400 Bad Request\r\n\r\n");
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.error, H2WS_ERR_NOT_HTTP2);
  test_text_dispose(&wire);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/client");
  TCase *tc = tcase_create("wire");
#define ADD(test) tcase_add_loop_test(tc, test, 0, TEST_CHUNKS)
  ADD(H_01_H_02_the_request_is_an_upgrade);
  ADD(H_01_a_fragment_is_refused);
  ADD(H1_10_a_request_cannot_be_split);
  ADD(H_03_each_key_is_fresh);
  ADD(H_03_no_key_without_randomness);
  ADD(H_06_nothing_is_sent_before_the_101);
  ADD(only_one_socket_fits_on_a_connection);
  ADD(H_04_H1_07_only_a_right_101_opens);
  ADD(H_07_bytes_after_the_101_are_messages);
  ADD(H_21_H_22_the_subprotocol_is_judged);
  ADD(H_23_an_offer_is_distinct_tokens);
  ADD(H_05_a_refusal_is_passed_up);
  ADD(H_05_a_refusal_may_last_until_the_end);
  ADD(H1_09_a_refusal_is_bounded);
  ADD(H_12_a_malformed_answer_fails);
  ADD(H1_02_an_oversize_answer_fails);
  ADD(interim_answers_are_bounded);
  ADD(HS_18_a_request_without_answer_times_out);
  ADD(LC_a_server_that_leaves_is_lost);
  ADD(what_comes_unasked_is_refused);
  ADD(messages_come_back);
  ADD(K_a_server_that_closes_first);
  ADD(W_31_a_refusal_tells_status_and_body);
  ADD(an_HTTP_2_client_knows_HTTP_1_1_when_it_sees_it);
  suite_add_tcase(suite, tc);
  return suite;
}
