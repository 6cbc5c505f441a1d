/* HTTP/1.1 servers, byte by byte: Upgrade, ordinary requests, bad ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/text.h"

static struct test_text wire;

static void begin(int chunk) {
  test_text_init(&wire, test_chunks[chunk]);
  test_text_serve(&wire);
}

static void end(void) {
  test_text_dispose(&wire);
}

/* One connection, one request, one answer that ends it. */
static void expect_refusal(int chunk, const char *request, int status) {
  begin(chunk);
  test_text_say(&wire, request);
  ck_assert_msg(test_text_status(&wire) == status, "%d for:\n%s",
                test_text_status(&wire), request);
  ck_assert(test_text_has(&wire, "Connection: close") ||
            test_text_has(&wire, "Connection: close, Upgrade"));
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.requests, 0);
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_PROTOCOL);
  end();
}

/* "hi" as a masked text frame, key 0. */
static const uint8_t frame_hi[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
#define FRAME_HI_LEN sizeof(frame_hi)

/* ------------------------------------------------------------------------
 * Upgrade
 */

START_TEST(H_09_an_upgrade_is_answered_101) {
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: " TEST_ACCEPT "\r\n\r\n";
  begin(_i);
  test_text_say(&wire, TEST_UPGRADE "\r\n");
  ck_assert_str_eq(wire.out, answer);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_1_1);
  test_text_forget(&wire);
  (void)test_text_feed(&wire, frame_hi, FRAME_HI_LEN);
  ck_assert_uint_eq(wire.out_len, 4);
  ck_assert_mem_eq(wire.out, "\x81\x02hi", 4);
  test_text_forget(&wire);
  (void)test_text_feed(&wire, "\x88\x82\0\0\0\0\x03\xe8", 8);
  ck_assert_uint_eq(wire.out_len, 4);
  ck_assert_mem_eq(wire.out, "\x88\x02\x03\xe8", 4);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(wire.events.code, 1000);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(H_08_a_wrong_upgrade_is_refused) {
#define HEAD "GET /echo HTTP/1.1\r\nHost: h\r\n"
#define UP "Upgrade: websocket\r\n"
#define CON "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: " TEST_KEY "\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
  static const struct {
    const char *request;
    int status;
  } rows[] = {
    {"POST /echo HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13 "\r\n", 405},
    {"GET /echo HTTP/1.0\r\nHost: h\r\n" UP CON KEY V13 "\r\n", 400},
    {"GET /echo HTTP/1.1\r\n" UP CON KEY V13 "\r\n", 400},
    {HEAD CON KEY V13 "\r\n", 400},
    {HEAD "Upgrade: h2c\r\n" CON KEY V13 "\r\n", 400},
    {HEAD UP KEY V13 "\r\n", 400},
    {HEAD UP "Connection: keep-alive\r\n" KEY V13 "\r\n", 400},
    {HEAD UP CON V13 "\r\n", 400},
    {HEAD UP CON KEY "\r\n", 426},
    {HEAD UP CON KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
    {HEAD UP CON KEY V13 V13 "\r\n", 426},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    expect_refusal(_i, rows[i].request, rows[i].status);
  }
  begin(_i);
  test_text_say(&wire, HEAD UP CON KEY "Sec-WebSocket-Version: 8\r\n\r\n");
  ck_assert(test_text_has(&wire, "Sec-WebSocket-Version: 13"));
  ck_assert(test_text_has(&wire, "Upgrade: websocket"));
  end();
}
END_TEST

START_TEST(H1_06_a_wrong_key_is_refused) {
  expect_refusal(_i, HEAD UP CON V13 KEY KEY "\r\n", 400);
  expect_refusal(_i, HEAD UP CON V13 "Sec-WebSocket-Key:\r\n\r\n", 400);
  expect_refusal(
    _i, HEAD UP CON V13 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA\r\n\r\n", 400);
  expect_refusal(
    _i, HEAD UP CON V13 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    400);
  expect_refusal(
    _i, HEAD UP CON V13 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAA*AAAA==\r\n\r\n",
    400);
}
END_TEST

START_TEST(H_10_lists_are_read_as_lists) {
  static const char *const requests[] = {
    HEAD UP KEY V13 "Connection: keep-alive, Upgrade\r\n\r\n",
    HEAD UP KEY V13 "Connection: keep-alive\r\nConnection: upgrade\r\n\r\n",
    HEAD UP KEY V13 "Connection:\t ,keep-alive ,\tUPGRADE ,\r\n\r\n",
    HEAD CON KEY V13 "Upgrade: WebSocket\r\n\r\n",
    HEAD CON KEY V13 "Upgrade: h2c, websocket\r\n\r\n",
    HEAD CON KEY V13 "upgrade:h2c\r\nUPGRADE:websocket   \r\n\r\n",
    "\r\n\r\n" HEAD UP CON KEY V13 "\r\n",
  };
  size_t i;
  for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
    begin(_i);
    test_text_say(&wire, requests[i]);
    ck_assert_msg(test_text_status(&wire) == 101, "%s", requests[i]);
    end();
  }
}
END_TEST

START_TEST(H_11_bytes_after_the_request_are_kept) {
  char both[1024];
  size_t len;
  begin(_i);
  test_text_say(&wire,
                "GET /wait HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13 "\r\n");
  ck_assert_ptr_nonnull(wire.stream);
  (void)test_text_feed(&wire, frame_hi, FRAME_HI_LEN);
  ck_assert_uint_eq(wire.out_len, 0);
  (void)h2ws_stream_respond(wire.stream, 401, NULL, 0, NULL, 0);
  test_text_collect(&wire);
  ck_assert_int_eq(test_text_status(&wire), 401);
  end();

  begin(_i);
  len = strlen(TEST_UPGRADE "\r\n");
  (void)snprintf(both, sizeof(both), "%s\r\n", TEST_UPGRADE);
  memcpy(both + len, frame_hi, FRAME_HI_LEN);
  (void)test_text_feed(&wire, both, len + FRAME_HI_LEN);
  ck_assert_int_eq(wire.events.messages, 1);
  end();
}
END_TEST

START_TEST(H1_04_an_upgrade_with_a_body_is_refused) {
  expect_refusal(_i, TEST_UPGRADE "Content-Length: 0\r\n\r\n", 400);
  expect_refusal(_i, TEST_UPGRADE "Content-Length: 3\r\n\r\nabc", 400);
  expect_refusal(_i, TEST_UPGRADE "Transfer-Encoding: chunked\r\n\r\n", 400);
  expect_refusal(
    _i, TEST_UPGRADE "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    400);
}
END_TEST

START_TEST(H1_05_a_request_behind_an_upgrade_is_no_request) {
  begin(_i);
  test_text_say(&wire, TEST_UPGRADE "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 101);
  ck_assert_int_eq(wire.requests, 1);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_PROTOCOL);
  ck_assert_int_eq(wire.events.code, 1002);
  ck_assert_mem_eq(wire.out + wire.out_len - 4, "\x88\x02\x03\xea", 4);
  end();

  begin(_i); /* nor if the upgrade is refused */
  test_text_say(&wire, "GET /forbidden HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13
                       "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 403);
  ck_assert_int_eq(wire.requests, 1);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(H1_11_h2c_is_not_switched_to) {
  begin(_i);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n"
                       "Connection: Upgrade, HTTP2-Settings\r\n"
                       "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_1_1);
  end();
}
END_TEST

START_TEST(H_13_a_refused_upgrade_ends_the_connection) {
  begin(_i);
  test_text_say(&wire,
                "GET /forbidden HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13 "\r\n");
  ck_assert_int_eq(test_text_status(&wire), 403);
  ck_assert(test_text_has(&wire, "Connection: close"));
  ck_assert(test_text_has(&wire, "Content-Length: 2"));
  ck_assert_str_eq(wire.out + wire.out_len - 6, "\r\n\r\nno");
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(H_20_one_subprotocol_is_chosen) {
  static const struct {
    const char *offer;
    const char *line; /* NULL: none */
  } rows[] = {
    {"Sec-WebSocket-Protocol: a, b\r\n", "sec-websocket-protocol: b"},
    {"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: c,b\r\n",
     "sec-websocket-protocol: b"},
    {"Sec-WebSocket-Protocol: B\r\n", NULL},
    {"", NULL},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char request[1024];
    test_text_init(&wire, test_chunks[_i]);
    wire.socket_options.protocols = "b";
    test_text_serve(&wire);
    (void)snprintf(request, sizeof(request), "%s%s\r\n", TEST_UPGRADE,
                   rows[i].offer);
    test_text_say(&wire, request);
    ck_assert_int_eq(test_text_status(&wire), 101);
    if (rows[i].line != NULL) {
      ck_assert(test_text_has(&wire, rows[i].line));
    } else {
      ck_assert_ptr_null(strstr(wire.out, "rotocol:"));
    }
    end();
  }
}
END_TEST

START_TEST(H_23_a_malformed_offer_is_refused) {
  static const char *const offers[] = {"a b", "a,,b", "a, a", ""};
  size_t i;
  for (i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
    char request[1024];
    begin(_i);
    (void)snprintf(request, sizeof(request),
                   "%sSec-WebSocket-Protocol: %s\r\n\r\n", TEST_UPGRADE,
                   offers[i]);
    test_text_say(&wire, request);
    ck_assert_int_eq(test_text_status(&wire), 400);
    ck_assert_int_eq(wire.accept_result, H2WS_ERR_HANDSHAKE);
    ck_assert(h2ws_conn_finished(wire.conn));
    end();
  }
}
END_TEST

START_TEST(H_24_what_was_not_offered_cannot_be_selected) {
  static const h2ws_header mine = {"Sec-WebSocket-Protocol", "c"};
  static const h2ws_socket_callbacks none = {.size = sizeof(none)};
  h2ws_socket *socket = NULL;
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13
                       "Sec-WebSocket-Protocol: a\r\n\r\n");
  ck_assert_int_eq(
    h2ws_socket_accept(wire.stream, &socket, &mine, 1, NULL, &none, NULL),
    H2WS_ERR_HEADER);
  test_text_collect(&wire);
  ck_assert_uint_eq(wire.out_len, 0);
  end();
}
END_TEST

START_TEST(H_25_the_origin_is_seen_and_refused) {
  begin(_i);
  test_text_say(&wire, "GET /forbidden HTTP/1.1\r\nHost: h\r\n" UP CON KEY V13
                       "ORIGIN: https://evil.example\r\n\r\n");
  ck_assert_str_eq(wire.origin, "https://evil.example");
  ck_assert_int_eq(test_text_status(&wire), 403);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Heads
 */

START_TEST(H_12_a_malformed_head_is_refused) {
  static const struct {
    const char *request;
    int status;
  } rows[] = {
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: h\n\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\n: c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a@h\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: h i\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 505},
    {"GET /\t HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
    {"NONSENSE / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
    {"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501},
    {"POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", 417},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    expect_refusal(_i, rows[i].request, rows[i].status);
  }
  begin(_i);
  (void)test_text_feed(&wire, "GET / HTTP/1.1\r\nHost: \0\r\n\r\n", 28);
  ck_assert_int_eq(test_text_status(&wire), 400);
  end();
}
END_TEST

/* RFC 9112 section 6.1 and 11.2: what two readers would read in two ways. */
START_TEST(H1_04_ambiguous_lengths_are_refused) {
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
#define BOTH "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
  static const struct {
    const char *request;
    int status;
  } rows[] = {
    {POST BOTH "\r\n0\r\n\r\n", 400},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", 400},
    {POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400},
    {POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {POST "Content-Length: 4, 4\r\n\r\nabcd", 400},
    {POST "Content-Length: +4\r\n\r\nabcd", 400},
    {POST "Content-Length: -1\r\n\r\nabcd", 400},
    {POST "Content-Length: 0x4\r\n\r\nabcd", 400},
    {POST "Content-Length: 4 4\r\n\r\nabcd", 400},
    {POST "Content-Length:\r\n\r\nabcd", 400},
    {POST "Content-Length: 99999999999999999999\r\n\r\nabcd", 400},
    {POST "Content-Length : 4\r\n\r\nabcd", 400},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400},
  };
  static const char *const codings[] = {
    "gzip",     "gzip, chunked", "chunked, gzip", "chunked, chunked",
    "xchunked", "identity",      "\"chunked\"",   "chunked;a=b",
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    expect_refusal(_i, rows[i].request, rows[i].status);
  }
  for (i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
    char request[256];
    begin(_i);
    (void)snprintf(request, sizeof(request),
                   POST "Transfer-Encoding: %s\r\n\r\n", codings[i]);
    test_text_say(&wire, request);
    ck_assert_msg(test_text_status(&wire) == 501 ||
                    test_text_status(&wire) == 400,
                  "%s", request);
    ck_assert_int_eq(wire.requests, 0);
    ck_assert(h2ws_conn_finished(wire.conn));
    end();
  }
  expect_refusal(_i,
                 "POST / HTTP/1.0\r\nHost: h\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n",
                 400);
}
END_TEST

START_TEST(H1_04_malformed_chunks_are_refused) {
  static const char *const bodies[] = {
    "\r\n",           "g\r\n",         "-1\r\n",
    "0x3\r\nabc\r\n", "3 \r\nabc\r\n", "3\nabc\r\n",
    "3\r\nabcd\r\n",  "3\r\nabc\n",    "1000000000000000\r\n",
    "0\r\nA: b\n",    "0\r\n\rx",      "3\rXabc\r\n",
  };
  size_t i;
  for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    begin(_i);
    test_text_say(&wire, "POST /wait HTTP/1.1\r\nHost: h\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n");
    test_text_say(&wire, bodies[i]);
    ck_assert_msg(test_text_status(&wire) == 400, "%s", bodies[i]);
    ck_assert(h2ws_conn_finished(wire.conn));
    ck_assert_int_eq(wire.events.closed, 1);
    end();
  }
}
END_TEST

/* One field or line of `len` bytes inside of a request. */
static void say_long(const char *before, size_t len, const char *after) {
  char *text = malloc(len + 1);
  ck_assert_ptr_nonnull(text);
  memset(text, 'a', len);
  text[len] = '\0';
  test_text_say(&wire, before);
  test_text_say(&wire, text);
  test_text_say(&wire, after);
  free(text);
}

START_TEST(H1_02_an_oversize_head_is_refused) {
  int i;
  begin(_i);
  say_long("GET /", 8192, " HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 414);
  end();
  begin(_i);
  say_long("GET / HTTP/1.1\r\nHost: h\r\nA: ", 8192, "\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 431);
  ck_assert_int_eq(wire.error, H2WS_ERR_LIMIT);
  end();

  begin(_i); /* 101 fields */
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (i = 0; i < 100; i++) {
    test_text_say(&wire, "A: b\r\n");
  }
  test_text_say(&wire, "\r\n");
  ck_assert_int_eq(test_text_status(&wire), 431);
  ck_assert_int_eq(wire.requests, 0);
  end();

  begin(_i); /* 100 fields */
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (i = 0; i < 99; i++) {
    test_text_say(&wire, "A: b\r\n");
  }
  test_text_say(&wire, "\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  end();
}
END_TEST

START_TEST(H1_02_CVE_2023_43669_a_head_without_end_is_refused) {
  const char *line = "A: 345678901234567890123456789\r\n"; /* 32 bytes */
  int i;
  begin(_i);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: 456789\r\n"); /* 32 */
  for (i = 1; i < 511; i++) {
    test_text_say(&wire, line);
  }
  test_text_say(&wire, "A: 345678901234567890123456\r\n\r\n"); /* 16383 */
  ck_assert_int_eq(test_text_status(&wire), 431); /* that many fields */
  end();

  test_text_init(&wire, test_chunks[_i]);
  wire.options.max_header_fields = 1000;
  test_text_serve(&wire);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: 456789\r\n");
  for (i = 1; i < 511; i++) {
    test_text_say(&wire, line);
  }
  ck_assert_uint_eq(wire.out_len, 0);
  ck_assert_uint_le(wire.env.live, 12);
  test_text_say(&wire, "A: 3456789012345678901234567\r\n\r\n"); /* 16384 */
  ck_assert_int_eq(test_text_status(&wire), 200);
  test_text_forget(&wire);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: 456789\r\n");
  for (i = 1; i < 513; i++) {
    test_text_say(&wire, line);
  }
  ck_assert_int_eq(test_text_status(&wire), 431);
  ck_assert_int_eq(wire.error, H2WS_ERR_LIMIT);
  end();
}
END_TEST

START_TEST(H1_01_a_slow_head_is_answered_408) {
  const char *head = "GET / HTTP/1.1\r\n";
  int i;
  begin(_i);
  for (i = 0; i < 10; i++) {
    char byte[2] = {head[i], '\0'};
    test_text_say(&wire, byte);
    ck_assert_uint_eq(wire.out_len, 0);
    test_text_advance(&wire, i < 9 ? 1000 : 999);
  }
  ck_assert_uint_eq(wire.out_len, 0);
  test_text_advance(&wire, 1);
  ck_assert_int_eq(test_text_status(&wire), 408);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

START_TEST(H1_01_a_silent_client_is_closed) {
  begin(_i);
  test_text_advance(&wire, 9999);
  ck_assert(!h2ws_conn_finished(wire.conn));
  test_text_advance(&wire, 1);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_uint_eq(wire.out_len, 0);
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Which protocol it is
 */

START_TEST(W_01_the_first_bytes_tell_the_protocol) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                "\0\0\0\x04\0\0\0\0";
  test_text_init(&wire, test_chunks[_i]);
  wire.options.http = H2WS_HTTP_ANY;
  test_text_serve(&wire);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_ANY);
  (void)test_text_feed(&wire, preface, 23);
  ck_assert_uint_eq(wire.out_len, 0);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_ANY);
  ck_assert_int_eq(test_text_feed(&wire, preface + 23, sizeof(preface) - 23),
                   0);
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_2);
  ck_assert_uint_gt(wire.out_len, 9);
  ck_assert_int_eq(wire.out[3], 4); /* SETTINGS */
  ck_assert(h2ws_conn_is_ready(wire.conn));
  end();

  test_text_init(&wire, test_chunks[_i]);
  wire.options.http = H2WS_HTTP_ANY;
  test_text_serve(&wire);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(h2ws_conn_http(wire.conn), H2WS_HTTP_1_1);
  ck_assert_int_eq(test_text_status(&wire), 200);
  end();

  test_text_init(&wire, test_chunks[_i]);
  wire.options.http = H2WS_HTTP_ANY;
  test_text_serve(&wire);
  test_text_say(&wire, "PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  end();
}
END_TEST

START_TEST(H1_12_a_preface_for_HTTP_1_1_only_is_refused) {
  begin(_i);
  test_text_say(&wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  ck_assert_int_ge(test_text_status(&wire), 400);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.requests, 0);
  end();
}
END_TEST

START_TEST(H1_01_half_a_preface_is_not_waited_for) {
  test_text_init(&wire, test_chunks[_i]);
  wire.options.http = H2WS_HTTP_ANY;
  test_text_serve(&wire);
  test_text_say(&wire, "PRI * HTTP/2.0\r\n\r\nSM");
  test_text_advance(&wire, 10000);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_TIMEOUT);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Ordinary requests
 */

START_TEST(requests_follow_each_other) {
  begin(_i);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                       "GET /none HTTP/1.1\r\nHost: h\r\n\r\n"
                       "\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
                       "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"
                       "GET http://a.example/ HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_str_eq(wire.out,
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"
                   "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnot here"
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
                   "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnot here"
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
  ck_assert_int_eq(wire.requests, 5);
  ck_assert(!h2ws_conn_finished(wire.conn));
  test_text_advance(&wire, 60000);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(close_is_kept_to) {
  begin(_i);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                       "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_str_eq(wire.out, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                             "Connection: close\r\n\r\npage");
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.requests, 1);
  end();
  begin(_i);
  test_text_say(&wire, "GET / HTTP/1.0\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(a_client_that_ends_its_side_is_still_answered) {
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert(!h2ws_conn_finished(wire.conn));
  (void)h2ws_stream_respond(wire.stream, 200, NULL, 0, "late", 4);
  test_text_collect(&wire);
  ck_assert_int_eq(test_text_status(&wire), 200);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(bytes_travel_both_ways_in_chunks) {
  begin(_i);
  test_text_say(&wire, "POST /raw HTTP/1.1\r\nHost: h\r\n"
                       "Transfer-Encoding: Chunked\r\n\r\n");
  ck_assert_str_eq(wire.out,
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  test_text_forget(&wire);
  wire.chunk = 65536;
  test_text_say(&wire, "5;ext=\"x\"\r\nhello\r\n");
  ck_assert_str_eq(wire.out, "5\r\nhello\r\n");
  wire.chunk = test_chunks[_i];
  test_text_say(&wire, "00B\r\n and so on.\r\n0\r\nTrailer: x\r\n\r\n");
  ck_assert_mem_eq(wire.out + wire.out_len - 5, "0\r\n\r\n", 5);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_CLEAN);
  test_text_forget(&wire);
  test_text_say(&wire, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  end();
}
END_TEST

START_TEST(bytes_travel_both_ways_with_a_length) {
  begin(_i);
  test_text_say(&wire, "PUT /raw HTTP/1.0\r\nHost: h\r\n"
                       "Content-Length: 5\r\n\r\nhelloGET /");
  ck_assert_str_eq(wire.out,
                   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(a_body_nobody_reads_is_skipped) {
  begin(_i);
  test_text_say(&wire, "POST / HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 24\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  test_text_say(&wire, "654321");
  test_text_forget(&wire);
  test_text_say(&wire, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 404);
  ck_assert_int_eq(wire.requests, 2);
  end();

  begin(_i); /* or the connection ends */
  test_text_say(&wire, "POST / HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 24\r\n\r\n");
  ck_assert_int_eq(test_text_status(&wire), 200);
  test_text_advance(&wire, 2000);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();

  begin(_i);
  test_text_say(&wire, "POST / HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 1000000\r\n\r\n");
  ck_assert(test_text_has(&wire, "Connection: close"));
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(a_client_that_expects_100_gets_it) {
  begin(_i);
  test_text_say(&wire, "POST /raw HTTP/1.1\r\nHost: h\r\n"
                       "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
  ck_assert_str_eq(wire.out, "HTTP/1.1 100 Continue\r\n\r\n"
                             "HTTP/1.1 200 OK\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n");
  end();
}
END_TEST

START_TEST(HS_22_an_undecided_request_gets_503) {
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  test_text_advance(&wire, 14999);
  ck_assert_uint_eq(wire.out_len, 0);
  test_text_advance(&wire, 1);
  ck_assert_int_eq(test_text_status(&wire), 503);
  end();
}
END_TEST

START_TEST(a_wrong_content_length_is_not_sent) {
  static const h2ws_header wrong = {"Content-Length", "5"};
  static const h2ws_header right = {"Content-Length", "4"};
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(h2ws_stream_respond(wire.stream, 200, &wrong, 1, "four", 4),
                   H2WS_ERR_HEADER);
  ck_assert_int_eq(h2ws_stream_respond(wire.stream, 200, &right, 1, "four", 4),
                   0);
  test_text_collect(&wire);
  ck_assert_str_eq(wire.out,
                   "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
  end();
}
END_TEST

START_TEST(H1_10_an_answer_cannot_be_split) {
  static const h2ws_header bad[] = {
    {"X", "a\r\nSet-Cookie: b"},
    {"X\r\nY", "a"},
    {"X", "a\n"},
    {"Connection", "close"},
    {"Upgrade", "h2c"},
    {"", "a"},
    {"X Y", "a"},
    {"Keep-Alive", "a"},
    {"X:", "a"},
    {"Transfer-Encoding", "a"},
    {"Host", "elsewhere"},
  };
  size_t i;
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    ck_assert_int_eq(h2ws_stream_respond(wire.stream, 200, &bad[i], 1, "x", 1),
                     H2WS_ERR_HEADER);
  }
  test_text_collect(&wire);
  ck_assert_uint_eq(wire.out_len, 0);
  end();
}
END_TEST

/* ------------------------------------------------------------------------
 * Holding back, and ending
 */

START_TEST(unread_bytes_pause_the_transport) {
  static uint8_t bytes[65536];
  int i;
  test_text_init(&wire, 65536);
  wire.keep_unread = true;
  test_text_serve(&wire);
  test_text_say(&wire, "POST /raw HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 100000000\r\n\r\n");
  for (i = 0; i < 3; i++) {
    ck_assert_int_eq(test_text_feed(&wire, bytes, sizeof(bytes)), 0);
    ck_assert(h2ws_conn_wants_recv(wire.conn));
  }
  ck_assert_int_eq(test_text_feed(&wire, bytes, sizeof(bytes)), 0);
  ck_assert(!h2ws_conn_wants_recv(wire.conn));
  ck_assert_int_eq(wire.want_recv, 0);
  ck_assert_int_eq(h2ws_stream_consume(wire.stream, 1000), 0);
  ck_assert_int_eq(wire.want_recv, 1);
  ck_assert(h2ws_conn_wants_recv(wire.conn));
  for (i = 0; i < 20 && !h2ws_conn_finished(wire.conn); i++) {
    (void)test_text_feed(&wire, bytes, sizeof(bytes));
  }
  ck_assert(h2ws_conn_finished(wire.conn)); /* it never listened */
  ck_assert_int_eq(wire.error, H2WS_ERR_LIMIT);
  end();
}
END_TEST

START_TEST(requests_ahead_pause_the_transport) {
  static char many[40961];
  size_t i;
  test_text_init(&wire, 65536);
  test_text_serve(&wire);
  for (i = 0; i + 40 < sizeof(many); i += 40) {
    (void)snprintf(many + i, sizeof(many) - i, "%s",
                   "GET / HTTP/1.1\r\nHost: h\r\nA: 34567890\r\n\r\n");
  }
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  (void)test_text_feed(&wire, many, sizeof(many) - 1);
  ck_assert(!h2ws_conn_wants_recv(wire.conn));
  ck_assert_int_eq(wire.requests, 1);
  (void)h2ws_stream_respond(wire.stream, 200, NULL, 0, NULL, 0);
  test_text_collect(&wire);
  ck_assert_int_eq(wire.requests, 1 + 1024);
  ck_assert(h2ws_conn_wants_recv(wire.conn));
  ck_assert_int_eq(wire.want_recv, 1);
  end();
}
END_TEST

START_TEST(F_29_a_drain_ends_what_is_open) {
  begin(_i);
  ck_assert_int_eq(h2ws_conn_drain(wire.conn), 0);
  test_text_advance(&wire, 0);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.cls, H2WS_CLOSE_CLEAN);
  end();

  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(h2ws_conn_drain(wire.conn), 0);
  test_text_advance(&wire, 0);
  ck_assert(!h2ws_conn_finished(wire.conn));
  (void)h2ws_stream_respond(wire.stream, 200, NULL, 0, NULL, 0);
  test_text_collect(&wire);
  ck_assert(test_text_has(&wire, "Connection: close"));
  ck_assert(h2ws_conn_finished(wire.conn));
  end();

  begin(_i);
  test_text_say(&wire, TEST_UPGRADE "\r\n");
  test_text_forget(&wire);
  ck_assert_int_eq(h2ws_conn_drain(wire.conn), 0);
  test_text_collect(&wire);
  ck_assert_mem_eq(wire.out, "\x88\x02\x03\xe9", 4);
  (void)test_text_feed(&wire, "\x88\x82\0\0\0\0\x03\xe9", 8);
  ck_assert(h2ws_conn_finished(wire.conn));
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_CLEAN);
  end();
}
END_TEST

START_TEST(IO_12_a_silent_peer_is_found_dead) {
  begin(_i);
  test_text_say(&wire, TEST_UPGRADE "\r\n");
  test_text_forget(&wire);
  test_text_advance(&wire, 20000);
  ck_assert_uint_eq(wire.out_len, 2);
  ck_assert_mem_eq(wire.out, "\x89\0", 2);
  test_text_advance(&wire, 20000);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_TIMEOUT);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
}
END_TEST

START_TEST(LC_a_lost_transport_ends_everything) {
  begin(_i);
  test_text_say(&wire, TEST_UPGRADE "\r\n");
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_LOST);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
  begin(_i);
  test_text_say(&wire, "POST /wait HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 9\r\n\r\nabc");
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, 0), 0);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_LOST);
  ck_assert(h2ws_conn_finished(wire.conn));
  end();
  begin(_i);
  test_text_say(&wire, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert_int_eq(h2ws_conn_recv_eof(wire.conn, H2WS_ERR_LOST), 0);
  ck_assert_int_eq(wire.events.cls, H2WS_CLOSE_LOST);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/server");
  TCase *tc = tcase_create("wire");
#define ADD(test) tcase_add_loop_test(tc, test, 0, TEST_CHUNKS)
  ADD(H_09_an_upgrade_is_answered_101);
  ADD(H_08_a_wrong_upgrade_is_refused);
  ADD(H1_06_a_wrong_key_is_refused);
  ADD(H_10_lists_are_read_as_lists);
  ADD(H_11_bytes_after_the_request_are_kept);
  ADD(H1_04_an_upgrade_with_a_body_is_refused);
  ADD(H1_05_a_request_behind_an_upgrade_is_no_request);
  ADD(H1_11_h2c_is_not_switched_to);
  ADD(H_13_a_refused_upgrade_ends_the_connection);
  ADD(H_20_one_subprotocol_is_chosen);
  ADD(H_23_a_malformed_offer_is_refused);
  ADD(H_24_what_was_not_offered_cannot_be_selected);
  ADD(H_25_the_origin_is_seen_and_refused);
  ADD(H_12_a_malformed_head_is_refused);
  ADD(H1_04_ambiguous_lengths_are_refused);
  ADD(H1_04_malformed_chunks_are_refused);
  ADD(H1_02_an_oversize_head_is_refused);
  ADD(H1_02_CVE_2023_43669_a_head_without_end_is_refused);
  ADD(H1_01_a_slow_head_is_answered_408);
  ADD(H1_01_a_silent_client_is_closed);
  ADD(W_01_the_first_bytes_tell_the_protocol);
  ADD(H1_12_a_preface_for_HTTP_1_1_only_is_refused);
  ADD(H1_01_half_a_preface_is_not_waited_for);
  ADD(requests_follow_each_other);
  ADD(close_is_kept_to);
  ADD(a_client_that_ends_its_side_is_still_answered);
  ADD(bytes_travel_both_ways_in_chunks);
  ADD(bytes_travel_both_ways_with_a_length);
  ADD(a_body_nobody_reads_is_skipped);
  ADD(a_client_that_expects_100_gets_it);
  ADD(HS_22_an_undecided_request_gets_503);
  ADD(a_wrong_content_length_is_not_sent);
  ADD(H1_10_an_answer_cannot_be_split);
  tcase_add_test(tc, unread_bytes_pause_the_transport);
  tcase_add_test(tc, requests_ahead_pause_the_transport);
  ADD(F_29_a_drain_ends_what_is_open);
  ADD(IO_12_a_silent_peer_is_found_dead);
  ADD(LC_a_lost_transport_ends_everything);
  suite_add_tcase(suite, tc);
  return suite;
}
