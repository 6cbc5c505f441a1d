/* Requests that a server receives, and those that a client makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define PATH ":path: /echo\n"
#define METHOD ":method: CONNECT\n"
#define SCHEME ":scheme: http\n"
#define AUTHORITY ":authority: example.com\n"
#define PROTOCOL ":protocol: websocket\n"

/* Each head, on a stream of its own, is reset; the first stream lives on. */
static void expect_malformed(int chunk, const char *const *heads, size_t len) {
  size_t i;
  uint32_t id = 1;
  wire_server(&w, test_chunks[chunk]);
  (void)wire_open(&w, id);
  for (i = 0; i < len; i++) {
    id += 2;
    wire_head(&w.in, id, WIRE_EH, heads[i]);
    wire_feed(&w);
    wire_expect_rst(&w, id, WIRE_PROTOCOL);
    ck_assert_ptr_null(wire_app(&w, id));
    ck_assert_uint_eq(h2ws_conn_streams(w.conn), 1);
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}

/* Each head is answered with this status and END_STREAM. */
static void expect_refused(int chunk, const char *const *heads, size_t len,
                           int status) {
  size_t i;
  uint32_t id = 1;
  wire_server(&w, test_chunks[chunk]);
  (void)wire_open(&w, id);
  for (i = 0; i < len; i++) {
    id += 2;
    wire_head(&w.in, id, WIRE_EH, heads[i]);
    wire_feed(&w);
    wire_expect_refusal(&w, id, status);
    wire_rst(&w.in, id, WIRE_CANCEL);
    wire_feed(&w);
    ck_assert_uint_eq(h2ws_conn_streams(w.conn), 1);
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}

START_TEST(W_10_HS_02_a_missing_pseudo_field_is_malformed) {
  static const char *const heads[] = {
    METHOD PROTOCOL PATH AUTHORITY,
    METHOD PROTOCOL SCHEME AUTHORITY,
    METHOD PROTOCOL SCHEME PATH,
    METHOD PROTOCOL SCHEME PATH "host: example.com\n",
    PROTOCOL SCHEME PATH AUTHORITY,
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(W_11_a_path_begins_with_a_slash) {
  static const char *const heads[] = {
    METHOD PROTOCOL SCHEME AUTHORITY ":path: \n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME AUTHORITY ":path: noslash\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME AUTHORITY ":path: /frag#ment\n" WIRE_VERSION,
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(W_12_HS_07_other_schemes_are_refused) {
  static const char *const heads[] = {
    METHOD PROTOCOL PATH AUTHORITY ":scheme: ftp\n" WIRE_VERSION,
    METHOD PROTOCOL PATH AUTHORITY ":scheme: https\n" WIRE_VERSION,
    METHOD PROTOCOL PATH AUTHORITY ":scheme: wss\n" WIRE_VERSION,
  };
  expect_refused(_i, heads, LEN(heads), 400);
}
END_TEST

START_TEST(W_12_HS_07_CVE_2026_39807_http_is_refused_over_tls) {
  wire_init(&w, test_chunks[_i]);
  w.options.secure = true;
  wire_start_server(&w);
  wire_greet(&w);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_head(&w.in, 3, WIRE_EH,
            METHOD PROTOCOL PATH AUTHORITY ":scheme: https\n" WIRE_VERSION);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 400);
  ck_assert_int_eq(wire_status(&w, 3), 200);
  wire_end(&w);
}
END_TEST

START_TEST(W_13_the_protocol_compares_without_case) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH,
            METHOD SCHEME PATH AUTHORITY ":protocol: WEBSOCKET\n" WIRE_VERSION);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

#define OTHER METHOD SCHEME PATH AUTHORITY

START_TEST(W_14_interop_25_other_protocols_get_501) {
  static const char *const heads[] = {
    OTHER ":protocol: mqtt\n",         OTHER ":protocol: connect-udp\n",
    OTHER ":protocol: webtransport\n", OTHER ":protocol: bytestream\n",
    OTHER ":protocol: websocket2\n",
  };
  expect_refused(_i, heads, LEN(heads), 501);
}
END_TEST

START_TEST(W_15_the_protocol_is_one_token) {
  static const char *const heads[] = {
    OTHER PROTOCOL PROTOCOL WIRE_VERSION,
    OTHER ":protocol: \n" WIRE_VERSION,
    OTHER ":protocol: websocket mqtt\n" WIRE_VERSION,
    OTHER ":protocol: web\rsocket\n" WIRE_VERSION,
    OTHER ":protocol: websocket,mqtt\n" WIRE_VERSION,
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(W_15_a_nul_in_the_protocol_is_malformed) {
  struct wire_buf block = {0};
  wire_server(&w, test_chunks[_i]);
  wire_fields(&block, OTHER);
  wire_field(&block, ":protocol", 9, "web\0socket", 10);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, 1, block.data, block.len);
  wire_buf_free(&block);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_16_HS_05_interop_02_only_connect_has_a_protocol) {
  static const char *const heads[] = {
    ":method: GET\n" PROTOCOL SCHEME PATH AUTHORITY WIRE_VERSION,
    ":method: POST\n" PROTOCOL SCHEME PATH AUTHORITY WIRE_VERSION,
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(W_17_HS_01_interop_13_not_offered_means_malformed) {
  wire_init(&w, test_chunks[_i]);
  w.options.enable_connect_protocol = false;
  wire_start_server(&w);
  wire_greet(&w);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_18_classic_connect_gets_501) {
  static const char *const heads[] = {METHOD ":authority: 10.0.0.1:22\n"};
  static const char *const mixed[] = {METHOD SCHEME PATH AUTHORITY};
  expect_refused(_i, heads, LEN(heads), 501);
  expect_malformed(_i, mixed, LEN(mixed));
}
END_TEST

START_TEST(W_19_an_authority_is_a_name_not_a_target) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH,
            METHOD PROTOCOL SCHEME PATH
            ":authority: 10.0.0.1:22\n" WIRE_VERSION);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_str_eq(wire_app(&w, 1)->authority, "10.0.0.1:22");
  wire_end(&w);
}
END_TEST

START_TEST(W_20_fields_of_a_connection_are_malformed) {
  static const char *const heads[] = {
    WIRE_CONNECT "connection: upgrade\n",
    WIRE_CONNECT "upgrade: websocket\n",
    WIRE_CONNECT "keep-alive: 5\n",
    WIRE_CONNECT "proxy-connection: x\n",
    WIRE_CONNECT "transfer-encoding: chunked\n",
    WIRE_CONNECT "te: gzip\n",
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(W_21_a_host_must_agree) {
  static const char *const differ[] = {WIRE_CONNECT "host: other.example\n",
                                       WIRE_CONNECT "host: example.com:81\n"};
  static const char *const agree[] = {
    WIRE_CONNECT "host: example.com\n", WIRE_CONNECT "host: Example.COM\n",
    WIRE_CONNECT "host: example.com:80\n", WIRE_CONNECT "te: trailers\n"};
  size_t i;
  expect_refused(_i, differ, LEN(differ), 400);
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(agree); i++) {
    wire_head(&w.in, (uint32_t)i * 2 + 1, WIRE_EH, agree[i]);
    wire_feed(&w);
    ck_assert_int_eq(wire_status(&w, (uint32_t)i * 2 + 1), 200);
  }
  wire_end(&w);
}
END_TEST

START_TEST(W_22_HS_11_interop_21_keys_and_accepts_take_no_part) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH,
            WIRE_CONNECT "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n"
                         "sec-websocket-accept: nonsense\n");
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_ptr_null(wire_field_of(&w, 1, "sec-websocket-accept"));
  wire_end(&w);
}
END_TEST

START_TEST(W_23_HS_10_another_version_gets_400_and_the_right_one) {
  static const char *const heads[] = {
    WIRE_PSEUDO,
    WIRE_PSEUDO "sec-websocket-version: 12\n",
    WIRE_PSEUDO "sec-websocket-version: 13, 8\n",
    WIRE_PSEUDO WIRE_VERSION WIRE_VERSION,
    WIRE_PSEUDO "sec-websocket-version: 013\n",
  };
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(heads); i++) {
    uint32_t id = (uint32_t)i * 2 + 1;
    wire_head(&w.in, id, WIRE_EH, heads[i]);
    wire_feed(&w);
    ck_assert_int_eq(wire_status(&w, id), 400);
    ck_assert_str_eq(wire_field_of(&w, id, "sec-websocket-version"), "13");
    ck_assert(wire_ended(&w, id));
    ck_assert_ptr_null(wire_app(&w, id)->socket);
  }
  wire_expect_alive(&w);
  wire_end(&w);
}
END_TEST

START_TEST(W_23_interop_22_a_missing_version_can_be_let_pass) {
  wire_server(&w, test_chunks[_i]);
  w.socket_options.allow_missing_version = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_PSEUDO);
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_end(&w);
}
END_TEST

START_TEST(W_26_an_origin_can_be_refused) {
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT "origin: https://evil.example\n");
  wire_feed(&w);
  ck_assert_str_eq(h2ws_stream_header(wire_app(&w, 1)->stream, "origin"),
                   "https://evil.example");
  ck_assert_int_eq(
    h2ws_stream_respond(wire_app(&w, 1)->stream, 403, NULL, 0, NULL, 0), 0);
  wire_take(&w);
  ck_assert_int_eq(wire_status(&w, 1), 403);
  ck_assert(wire_ended(&w, 1));
  wire_end(&w);
}
END_TEST

START_TEST(W_34_HS_06_interop_18_a_request_that_has_ended_cannot_open) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH | WIRE_ES, WIRE_CONNECT);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 400);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_48_a_length_on_the_request_gets_400) {
  static const char *const heads[] = {WIRE_CONNECT "content-length: 0\n",
                                      WIRE_CONNECT "content-length: 7\n"};
  expect_refused(_i, heads, LEN(heads), 400);
}
END_TEST

/* nghttp2 would count DATA against it; the request is refused before. */
START_TEST(nghttp2_gap_06_a_length_does_no_harm) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT "content-length: 0\n");
  wire_masked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "x", 1);
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(w.requests, 0);
  ck_assert(wire_status(&w, 1) == 400 ||
            wire_find(&w, WIRE_RST, 1) != WIRE_NOT_FOUND);
  (void)wire_open(&w, 3);
  wire_unharmed(&w, 3);
  wire_end(&w);
}
END_TEST

START_TEST(F_33_FR_16_malformed_fields_are_malformed_requests) {
  static const char *const heads[] = {
    WIRE_CONNECT "Upper: x\n",  WIRE_CONNECT "x:  lead\n",
    WIRE_CONNECT "x: trail \n", WIRE_CONNECT "x: tab\t\n",
    WIRE_CONNECT "x: a\rb\n",   WIRE_CONNECT "sp ace: x\n",
    WIRE_CONNECT "x: \x7f\n",
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

/* nghttp2 would drop these fields and let the request pass. */
START_TEST(nghttp2_gap_04_bad_fields_are_not_dropped) {
  static const struct {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
  } fields[] = {{"x", 1, " lead", 5},
                {"x", 1, "a\nb", 3},
                {"x", 1, "a\0b", 3},
                {"x\0y", 3, "v", 1},
                {"", 0, "v", 1}};
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(fields); i++) {
    struct wire_buf block = {0};
    uint32_t id = (uint32_t)i * 2 + 1;
    wire_fields(&block, WIRE_CONNECT);
    wire_field(&block, fields[i].name, fields[i].name_len, fields[i].value,
               fields[i].value_len);
    wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, id, block.data, block.len);
    wire_buf_free(&block);
    wire_feed(&w);
    wire_expect_rst(&w, id, WIRE_PROTOCOL);
  }
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

START_TEST(F_34_pseudo_fields_have_their_place) {
  static const char *const heads[] = {
    WIRE_CONNECT PATH,         WIRE_PSEUDO METHOD,
    WIRE_PSEUDO PATH,          WIRE_PSEUDO SCHEME,
    WIRE_PSEUDO AUTHORITY,     WIRE_PSEUDO ":status: 200\n",
    WIRE_PSEUDO ":other: x\n",
  };
  expect_malformed(_i, heads, LEN(heads));
}
END_TEST

START_TEST(F_37_cookies_are_joined) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT "cookie: a=1\ncookie: b=2\n");
  wire_feed(&w);
  ck_assert_str_eq(wire_app(&w, 1)->cookie, "a=1; b=2");
  wire_end(&w);
}
END_TEST

START_TEST(F_38_userinfo_gets_400) {
  static const char *const heads[] = {
    METHOD PROTOCOL SCHEME PATH ":authority: u:p@e\n" WIRE_VERSION,
  };
  expect_refused(_i, heads, LEN(heads), 400);
}
END_TEST

START_TEST(HS_08_a_malformed_authority_never_gets_through) {
  static const char *const authorities[] = {
    "",   "a b", "a/b",     "a?b",     "[::1", "[x]:80",
    "[]", "a:b", "a:99999", "a:80:80", ":80",  "a[b]",
  };
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(authorities); i++) {
    struct wire_buf block = {0};
    wire_fields(&block, METHOD PROTOCOL SCHEME PATH);
    wire_field(&block, ":authority", 10, authorities[i],
               strlen(authorities[i]));
    wire_fields(&block, WIRE_VERSION);
    wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, (uint32_t)i * 2 + 1, block.data,
               block.len);
    wire_buf_free(&block);
    wire_feed(&w);
    wire_expect_alive(&w);
    ck_assert_msg(w.requests == 0, "accepted '%s'", authorities[i]);
  }
  wire_end(&w);
}
END_TEST

START_TEST(HS_08_ports_and_addresses_are_fine) {
  static const char *const heads[] = {
    METHOD PROTOCOL SCHEME PATH ":authority: a:65535\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME PATH ":authority: a:\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME PATH ":authority: [::1]\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME PATH ":authority: [2001:db8::1]:80\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME PATH ":authority: 127.0.0.1:8080\n" WIRE_VERSION,
  };
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < LEN(heads); i++) {
    wire_head(&w.in, (uint32_t)i * 2 + 1, WIRE_EH, heads[i]);
    wire_feed(&w);
    ck_assert_int_eq(wire_status(&w, (uint32_t)i * 2 + 1), 200);
  }
  wire_end(&w);
}
END_TEST

/* What nghttp2 lets through and the library does not. */
START_TEST(nghttp2_gap_03_requests_that_nghttp2_lets_pass) {
  static const char *const refused[] = {
    METHOD PROTOCOL PATH AUTHORITY ":scheme: ftp\n" WIRE_VERSION,
    METHOD PROTOCOL SCHEME PATH ":authority: u@e\n" WIRE_VERSION,
    WIRE_CONNECT "host: other\n",
  };
  static const char *const reset[] = {OTHER ":protocol: a b\n"};
  expect_refused(_i, refused, LEN(refused), 400);
  expect_malformed(_i, reset, LEN(reset));
}
END_TEST

START_TEST(HS_03_a_long_protocol_is_refused) {
  struct wire_buf block = {0};
  char *name = malloc(10240);
  ck_assert_ptr_nonnull(name);
  memset(name, 'x', 10240);
  wire_server(&w, test_chunks[_i]);
  wire_fields(&block, METHOD SCHEME PATH AUTHORITY);
  wire_field(&block, ":protocol", 9, name, 10240);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, 1, block.data, block.len);
  wire_buf_free(&block);
  free(name);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 501);
  wire_end(&w);
}
END_TEST

START_TEST(HS_12_two_origins_get_400) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT "origin: a\norigin: b\n");
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT "origin: null\n");
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 400);
  ck_assert_int_eq(wire_status(&w, 3), 200);
  wire_end(&w);
}
END_TEST

START_TEST(HS_13_a_bad_list_of_subprotocols_gets_400) {
  static const char *const lists[] = {"a,,b", "a, a", "a b", ",", "", "\"a\""};
  char line[1024];
  char many[400];
  size_t at = 0;
  size_t i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < 65; i++) {
    at += (size_t)snprintf(many + at, sizeof(many) - at, "t%zu,", i);
  }
  many[at - 1] = '\0';
  for (i = 0; i <= LEN(lists); i++) {
    uint32_t id = (uint32_t)i * 2 + 1;
    (void)snprintf(line, sizeof(line),
                   WIRE_CONNECT "sec-websocket-protocol: %s\n",
                   i < LEN(lists) ? lists[i] : many);
    wire_head(&w.in, id, WIRE_EH, line);
    wire_feed(&w);
    ck_assert_msg(wire_status(&w, id) == 400, "accepted list %zu", i);
  }
  wire_end(&w);
}
END_TEST

START_TEST(W_24_one_of_the_subprotocols_offered) {
  static const struct {
    const char *offer;
    const char *chosen;
  } cases[] = {{"chat, superchat", "chat"},
               {"superchat,chat", "chat"},
               {"superchat", "superchat"},
               {"Chat", NULL},
               {"other", NULL}};
  char head[256];
  size_t i;
  wire_init(&w, test_chunks[_i]);
  w.socket_options.protocols = "chat, superchat";
  wire_start_server(&w);
  wire_greet(&w);
  for (i = 0; i < LEN(cases); i++) {
    uint32_t id = (uint32_t)i * 2 + 1;
    const char *chosen;
    (void)snprintf(head, sizeof(head),
                   WIRE_CONNECT "sec-websocket-protocol: %s\n", cases[i].offer);
    wire_head(&w.in, id, WIRE_EH, head);
    wire_feed(&w);
    ck_assert_int_eq(wire_status(&w, id), 200);
    chosen = wire_field_of(&w, id, "sec-websocket-protocol");
    ck_assert_pstr_eq(chosen, cases[i].chosen);
  }
  wire_end(&w);
}
END_TEST

START_TEST(W_25_an_extension_not_spoken_is_left_out) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH,
            WIRE_CONNECT "sec-websocket-extensions: x-unknown; a=1\n");
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  ck_assert_ptr_null(wire_field_of(&w, 1, "sec-websocket-extensions"));
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(W_47_interop_01_no_other_field_is_needed) {
  wire_server(&w, test_chunks[_i]);
  wire_head(&w.in, 1, WIRE_EH,
            WIRE_CONNECT "via: 2 proxy\nx-forwarded-for: 10.0.0.1\n"
                         "sec-websocket-key: x\nforwarded: for=a\n");
  wire_feed(&w);
  ck_assert_int_eq(wire_status(&w, 1), 200);
  wire_end(&w);
}
END_TEST

START_TEST(HS_23_ten_thousand_at_once) {
  uint32_t last = test_chunks[_i] > 7 ? 20000 : 2000;
  uint32_t id;
  wire_init(&w, test_chunks[_i]);
  w.options.max_streams = 10000;
  wire_start_server(&w);
  wire_greet(&w);
  for (id = 1; id < last; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), last / 2);
  for (id = 1; id < last; id += 2) {
    wire_masked(&w.in, id, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  wire_end(&w);
}
END_TEST

START_TEST(FL_16_RS_03_CVE_2023_26964_requests_that_nobody_answers) {
  uint32_t id;
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  for (id = 1; id < 200; id += 2) {
    wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
  }
  wire_feed(&w);
  ck_assert_int_eq(w.requests, 100);
  wire_advance(&w, 14999);
  ck_assert_uint_eq(w.got_len, 0);
  wire_advance(&w, 1);
  for (id = 1; id < 200; id += 2) {
    ck_assert_int_eq(wire_status(&w, id), 503);
    ck_assert(wire_ended(&w, id));
  }
  wire_advance(&w, 2000);
  ck_assert_uint_eq(h2ws_conn_streams(w.conn), 0);
  w.wait = false;
  wire_clear(&w);
  (void)wire_open(&w, 201);
  wire_unharmed(&w, 201);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * What a client asks
 */

START_TEST(W_09_interop_18_interop_20_exactly_these_pseudo_fields_first) {
  const struct wire_got *head;
  size_t i;
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask(&w);
  head = &w.got[wire_find(&w, WIRE_HEADERS, 1)];
  ck_assert_int_eq(head->flags & WIRE_ES, 0);
  ck_assert_str_eq(wire_field_of(&w, 1, ":method"), "CONNECT");
  ck_assert_str_eq(wire_field_of(&w, 1, ":protocol"), "websocket");
  ck_assert_str_eq(wire_field_of(&w, 1, ":scheme"), "http");
  ck_assert_str_eq(wire_field_of(&w, 1, ":path"), "/echo");
  ck_assert_str_eq(wire_field_of(&w, 1, ":authority"), "example.com");
  ck_assert_uint_eq(head->fields_len, 6);
  for (i = 0; i < head->fields_len; i++) {
    ck_assert_int_eq(head->fields[i].name[0] == ':', i < 5);
  }
  ck_assert_str_eq(head->fields[5].name, "sec-websocket-version");
  ck_assert_str_eq(head->fields[5].value, "13");
  wire_end(&w);
}
END_TEST

START_TEST(W_12_a_client_over_tls_says_https) {
  wire_init(&w, test_chunks[_i]);
  w.options.secure = true;
  wire_start_client(&w);
  wire_greet(&w);
  (void)wire_ask(&w);
  ck_assert_str_eq(wire_field_of(&w, 1, ":scheme"), "https");
  wire_end(&w);
}
END_TEST

static int ask_with(const char *name, const char *value) {
  static const h2ws_socket_callbacks none = {.size = sizeof(none)};
  h2ws_header header = {name, value};
  h2ws_request request = {0};
  h2ws_socket *socket = NULL;
  request.size = sizeof(request);
  request.authority = "example.com";
  request.path = "/";
  request.headers = &header;
  request.headers_len = 1;
  return h2ws_socket_open(w.conn, &socket, &request, NULL, &none, NULL);
}

START_TEST(W_20_a_client_cannot_send_forbidden_fields) {
  static const char *const names[] = {"connection",
                                      "Upgrade",
                                      "keep-alive",
                                      "proxy-connection",
                                      "host",
                                      "transfer-encoding",
                                      "content-length",
                                      ":path",
                                      "sec-websocket-key",
                                      "a b",
                                      "sec-websocket-version"};
  size_t i;
  wire_client(&w, test_chunks[_i]);
  for (i = 0; i < LEN(names); i++) {
    ck_assert_int_eq(ask_with(names[i], "x"), H2WS_ERR_HEADER);
  }
  ck_assert_int_eq(ask_with("te", "gzip"), H2WS_ERR_HEADER);
  ck_assert_int_eq(ask_with("x", "a\r\nb: c"), H2WS_ERR_HEADER);
  wire_take(&w);
  ck_assert_uint_eq(w.got_len, 0);
  wire_end(&w);
}
END_TEST

START_TEST(W_26_field_names_go_out_in_lower_case) {
  wire_client(&w, test_chunks[_i]);
  ck_assert_int_eq(ask_with("Origin", "https://a.example"), 0);
  wire_take(&w);
  ck_assert_str_eq(wire_field_of(&w, 1, "origin"), "https://a.example");
  ck_assert_ptr_null(wire_field_of(&w, 1, "Origin"));
  wire_end(&w);
}
END_TEST

START_TEST(F_38_a_client_never_sends_userinfo) {
  h2ws_request request = {0};
  h2ws_stream *stream = NULL;
  wire_client(&w, test_chunks[_i]);
  request.size = sizeof(request);
  request.authority = "user:pass@example.com";
  request.path = "/";
  ck_assert_int_eq(h2ws_stream_open(w.conn, &stream, &request, NULL, NULL),
                   H2WS_ERR_INVALID);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    W_09_interop_18_interop_20_exactly_these_pseudo_fields_first,
    W_10_HS_02_a_missing_pseudo_field_is_malformed,
    W_11_a_path_begins_with_a_slash,
    W_12_HS_07_other_schemes_are_refused,
    W_12_HS_07_CVE_2026_39807_http_is_refused_over_tls,
    W_12_a_client_over_tls_says_https,
    W_13_the_protocol_compares_without_case,
    W_14_interop_25_other_protocols_get_501,
    W_15_the_protocol_is_one_token,
    W_15_a_nul_in_the_protocol_is_malformed,
    W_16_HS_05_interop_02_only_connect_has_a_protocol,
    W_17_HS_01_interop_13_not_offered_means_malformed,
    W_18_classic_connect_gets_501,
    W_19_an_authority_is_a_name_not_a_target,
    W_20_fields_of_a_connection_are_malformed,
    W_20_a_client_cannot_send_forbidden_fields,
    W_21_a_host_must_agree,
    W_22_HS_11_interop_21_keys_and_accepts_take_no_part,
    W_23_HS_10_another_version_gets_400_and_the_right_one,
    W_23_interop_22_a_missing_version_can_be_let_pass,
    W_24_one_of_the_subprotocols_offered,
    W_25_an_extension_not_spoken_is_left_out,
    W_26_an_origin_can_be_refused,
    W_26_field_names_go_out_in_lower_case,
    W_34_HS_06_interop_18_a_request_that_has_ended_cannot_open,
    W_47_interop_01_no_other_field_is_needed,
    W_48_a_length_on_the_request_gets_400,
    nghttp2_gap_06_a_length_does_no_harm,
    F_33_FR_16_malformed_fields_are_malformed_requests,
    nghttp2_gap_04_bad_fields_are_not_dropped,
    F_34_pseudo_fields_have_their_place,
    F_37_cookies_are_joined,
    F_38_userinfo_gets_400,
    F_38_a_client_never_sends_userinfo,
    HS_08_a_malformed_authority_never_gets_through,
    HS_08_ports_and_addresses_are_fine,
    nghttp2_gap_03_requests_that_nghttp2_lets_pass,
    HS_03_a_long_protocol_is_refused,
    HS_12_two_origins_get_400,
    HS_13_a_bad_list_of_subprotocols_gets_400,
    HS_23_ten_thousand_at_once,
    FL_16_RS_03_CVE_2023_26964_requests_that_nobody_answers,
  };
  return wire_suite("h2/request", tests, sizeof(tests) / sizeof(tests[0]));
}
