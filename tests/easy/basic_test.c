/* Connect, send, receive, close: messages and bytes. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

static void one_echo(const char *scheme) {
  char url[64];
  h2ws *s;
  h2ws *c;
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:0/echo", scheme);
  s = listen_on(url, echo, NULL);
  c = connect_to(url_of(s, scheme, "/echo"));
  expect_error(h2ws_send_text(c, "hello"), 0);
  expect_text(c, "hello");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}

START_TEST(a_message_comes_back) {
  one_echo("ws");
}
END_TEST

START_TEST(a_message_comes_back_through_tls) {
  one_echo("wss");
}
END_TEST

START_TEST(info_says_what_carries_it) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws_options co;
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws *s;
  h2ws *c;
  serve_options(&o, &so);
  o.subprotocols = "b, a";
  s = h2ws_listen("wss://127.0.0.1:0/echo", echo, NULL, &o);
  ck_assert_ptr_nonnull(s);
  h2ws_options_default(&co, sizeof(co));
  co.insecure = true;
  co.subprotocols = "a";
  c = h2ws_connect(url_of(s, "wss", "/echo?x=1"), &co);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_str_eq(info.http, "HTTP/2");
  ck_assert_int_eq(info.stream, 1);
  ck_assert_str_eq(info.tls, "TLSv1.3");
  ck_assert_ptr_nonnull(info.cipher);
  ck_assert_str_eq(info.subprotocol, "a");
  ck_assert_ptr_null(info.extensions);
  ck_assert_str_eq(info.path, "/echo?x=1");
  ck_assert_ptr_nonnull(strstr(info.peer, "127.0.0.1:"));
  ck_assert_str_eq(h2ws_field(c, "sec-websocket-protocol"), "a");
  ck_assert_ptr_null(h2ws_field(c, "x-none"));
  ck_assert_uint_eq(info.close_code, 0);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* A server of HTTP/1.1 alone: the client falls back by itself. */
static void one_fallback(const char *scheme) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws_options only2;
  h2ws_handle_info info = {.size = sizeof(info)};
  char url[64];
  h2ws *s;
  h2ws *c;
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:0/", scheme);
  serve_options(&o, &so);
  so.conn.http = H2WS_HTTP_1_1;
  s = h2ws_listen(url, echo, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  c = connect_to(url_of(s, scheme, "/"));
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_str_eq(info.http, "HTTP/1.1");
  ck_assert_int_eq(info.stream, 0);
  expect_error(h2ws_send_text(c, "old but good"), 0);
  expect_text(c, "old but good");
  expect_error(h2ws_close(c), 0);
  h2ws_options_default(&only2, sizeof(only2));
  only2.insecure = true;
  only2.http = H2WS_HTTP_2;
  ck_assert_ptr_null(h2ws_connect(url_of(s, scheme, "/"), &only2));
  ck_assert_msg(strstr(h2ws_error(NULL), "HTTP/2") != NULL, "%s",
                h2ws_error(NULL));
  expect_error(h2ws_close(s), 0);
}

START_TEST(a_server_without_http2) {
  one_fallback("ws");
}
END_TEST

START_TEST(a_server_without_http2_under_tls) {
  one_fallback("wss");
}
END_TEST

START_TEST(compression_is_told) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws_options co;
  h2ws_handle_info info = {.size = sizeof(info)};
  char text[5000];
  h2ws *s;
  h2ws *c;
  memset(text, 'z', sizeof(text) - 1);
  text[sizeof(text) - 1] = '\0';
  serve_options(&o, &so);
  o.compress = true;
  s = h2ws_listen("ws://127.0.0.1:0/", echo, NULL, &o);
  h2ws_options_default(&co, sizeof(co));
  co.compress = true;
  c = h2ws_connect(url_of(s, "ws", "/"), &co);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_str_eq(info.extensions, "permessage-deflate");
  expect_error(h2ws_send_text(c, text), 0);
  expect_text(c, text);
  expect_error(h2ws_send(c, H2WS_TEXT_UNCOMPRESSED, text, 10), 0);
  expect_text(c, "zzzzzzzzzz");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(every_size_comes_back) {
  static const size_t sizes[] = {
    0, 1, 125, 126, 65535, 65536, 70000, 1 << 20, (1 << 20) * 5 + 3};
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  char *data = malloc(sizes[8]);
  h2ws_msg m;
  size_t i;
  for (i = 0; i < sizes[8]; i++) {
    data[i] = (char)(i * 7 + i / 251);
  }
  for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
    expect_error(h2ws_send(c, H2WS_BINARY, data, sizes[i]), 0);
    ck_assert_msg(h2ws_recv(c, &m, LONG_MS) == 0, "%s", h2ws_error(c));
    ck_assert_uint_eq(m.len, sizes[i]);
    ck_assert_int_eq(m.type, H2WS_BINARY);
    ck_assert_int_eq(memcmp(m.data, data, m.len), 0);
    ck_assert_int_eq(m.data[m.len], 0);
  }
  free(data);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* Sends back what comes, until the end of the other side, then ends ours. */
static void copy_bytes(h2ws *c, void *user) {
  char buf[1000];
  h2ws_ssize n;
  (void)user;
  while ((n = h2ws_read(c, buf, sizeof(buf), H2WS_FOREVER)) > 0) {
    if (h2ws_write(c, buf, (size_t)n) != 0) {
      return;
    }
  }
  ck_assert_int_eq((int)n, H2WS_ERR_EOF);
}

START_TEST(bytes_come_back_after_half_close) {
  h2ws *s = listen_on("https://127.0.0.1:0/raw", copy_bytes, NULL);
  h2ws *c = connect_to(url_of(s, "https", "/raw"));
  char got[64];
  size_t len = 0;
  h2ws_ssize n;
  expect_error(h2ws_write(c, "abc", 3), 0);
  expect_error(h2ws_write(c, "defg", 4), 0);
  expect_error(h2ws_shutdown(c), 0);
  expect_error(h2ws_shutdown(c), H2WS_ERR_STATE);
  expect_error(h2ws_write(c, "x", 1), H2WS_ERR_STATE);
  while ((n = h2ws_read(c, got + len, 2, LONG_MS)) > 0) {
    len += (size_t)n;
  }
  ck_assert_int_eq((int)n, H2WS_ERR_EOF);
  ck_assert_uint_eq(len, 7);
  ck_assert_mem_eq(got, "abcdefg", 7);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* Both ways at a time, in chunks, on a connection that may carry more. */
START_TEST(bytes_over_http_1_1) {
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws_serve_options so;
  h2ws_server_options server;
  char got[8];
  h2ws *s;
  h2ws *c;
  serve_options(&so, &server);
  server.conn.http = H2WS_HTTP_1_1;
  s = h2ws_listen("http://127.0.0.1:0/raw", copy_bytes, NULL, &so);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  c = connect_to(url_of(s, "http", "/raw"));
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_str_eq(info.http, "HTTP/1.1");
  expect_error(h2ws_write(c, "abc", 3), 0);
  ck_assert_int_eq((int)h2ws_read(c, got, sizeof(got), LONG_MS), 3);
  expect_error(h2ws_write(c, "defg", 4), 0);
  ck_assert_int_eq((int)h2ws_read(c, got, sizeof(got), LONG_MS), 4);
  ck_assert_mem_eq(got, "defg", 4);
  expect_error(h2ws_shutdown(c), 0);
  expect_error(h2ws_read(c, got, sizeof(got), LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(read_takes_messages_apart) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  char buf[4];
  h2ws_msg m;
  expect_error(h2ws_send_text(c, ""), 0);
  expect_error(h2ws_send_text(c, "abcdef"), 0);
  ck_assert_int_eq((int)h2ws_read(c, buf, 4, LONG_MS), 4);
  ck_assert_mem_eq(buf, "abcd", 4);
  expect_error(h2ws_recv(c, &m, 0), 0);
  ck_assert_str_eq(m.data, "ef");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void say_and_leave(h2ws *c, void *user) {
  (void)user;
  expect_error(h2ws_send_text(c, "one"), 0);
  expect_error(h2ws_send_text(c, "two"), 0);
  expect_error(h2ws_close_with(c, 4001, "that was all"), 0);
}

START_TEST(what_was_sent_before_close_arrives) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", say_and_leave, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws_msg m;
  expect_text(c, "one");
  expect_text(c, "two");
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  ck_assert_ptr_nonnull(strstr(h2ws_error(c), "4001: \"that was all\""));
  ck_assert_int_eq(h2ws_error_code(c), H2WS_ERR_EOF);
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_uint_eq(info.close_code, 4001);
  ck_assert_str_eq(info.close_reason, "that was all");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void say_and_listen(h2ws *c, void *user) {
  h2ws_msg m;
  (void)user;
  expect_error(h2ws_send_text(c, "one"), 0);
  expect_error(h2ws_send_text(c, "two"), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
}

START_TEST(half_close_still_receives) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", say_and_listen, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_handle_info info = {.size = sizeof(info)};
  int64_t until = now_ms() + LONG_MS;
  h2ws_msg m;
  expect_text(c, "one");
  while (info.unread == 0 && now_ms() < until) {
    expect_error(h2ws_info(c, &info), 0);
  }
  expect_error(h2ws_shutdown(c), 0);
  expect_error(h2ws_send_text(c, "too late"), H2WS_ERR_STATE);
  expect_text(c, "two");
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(recv_keeps_its_timeouts) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_msg m;
  int64_t began = now_ms();
  expect_error(h2ws_recv(c, &m, 0), H2WS_ERR_TIMEOUT);
  ck_assert_int_lt(now_ms() - began, 100);
  began = now_ms();
  expect_error(h2ws_recv(c, &m, SHORT_MS), H2WS_ERR_TIMEOUT);
  ck_assert_int_ge(now_ms() - began, SHORT_MS - 1);
  expect_error(h2ws_send_text(c, "still there"), 0);
  expect_text(c, "still there");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void tell_what_is_known(h2ws *c, void *user) {
  h2ws_handle_info info = {.size = sizeof(info)};
  char text[256];
  (void)user;
  expect_error(h2ws_info(c, &info), 0);
  (void)snprintf(text, sizeof(text), "%s %s %s %d", info.http, info.path,
                 h2ws_field(c, "x-colour"), info.peer != NULL);
  expect_error(h2ws_send_text(c, text), 0);
}

START_TEST(a_handler_knows_the_request) {
  static const h2ws_header headers[] = {{"X-Colour", "blue"}};
  h2ws *s = listen_on("ws://127.0.0.1:0/", tell_what_is_known, NULL);
  h2ws_options o;
  h2ws *c;
  h2ws_options_default(&o, sizeof(o));
  o.headers = headers;
  o.headers_len = 1;
  c = h2ws_connect(url_of(s, "ws", "/some/path?q"), &o);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  expect_text(c, "HTTP/2 /some/path?q blue 1");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void answer(h2ws *c, const h2ws_msg *m, void *user) {
  (void)user;
  expect_error(h2ws_send(c, m->type, m->data, m->len), 0);
}

START_TEST(an_evented_server_answers) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws *s;
  h2ws *c;
  serve_options(&o, &so);
  s = h2ws_listen_messages("ws://127.0.0.1:0/", answer, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  c = connect_to(url_of(s, "ws", "/"));
  expect_error(h2ws_send_text(c, "hello"), 0);
  expect_text(c, "hello");
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static h2ws *listen_answering(void) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws *s;
  serve_options(&o, &so);
  s = h2ws_listen_messages("ws://127.0.0.1:0/", answer, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  return s;
}

/* The answers to what was said before: more of them than are held at once. */
START_TEST(half_close_waits_for_the_answers) {
  static char text[10000];
  h2ws *s = listen_answering();
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  h2ws_msg m;
  int i;
  memset(text, 'a', sizeof(text) - 1);
  for (i = 0; i < 60; i++) {
    expect_error(h2ws_send_text(c, text), 0);
  }
  expect_error(h2ws_shutdown(c), 0);
  for (i = 0; i < 60; i++) {
    expect_error(h2ws_recv(c, &m, LONG_MS), 0);
    ck_assert_uint_eq(m.len, sizeof(text) - 1);
  }
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* Unread answers hold up nothing: h2ws_close() drops them. */
START_TEST(close_after_half_close_does_not_wait) {
  static char text[10000];
  h2ws *s = listen_answering();
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  int i;
  memset(text, 'a', sizeof(text) - 1);
  for (i = 0; i < 60; i++) {
    expect_error(h2ws_send_text(c, text), 0);
  }
  expect_error(h2ws_shutdown(c), 0);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy basics");
  TCase *tc = tcase_create("basics");
  tcase_add_test(tc, a_message_comes_back);
  tcase_add_test(tc, a_message_comes_back_through_tls);
  tcase_add_test(tc, info_says_what_carries_it);
  tcase_add_test(tc, a_server_without_http2);
  tcase_add_test(tc, a_server_without_http2_under_tls);
  tcase_add_test(tc, a_handler_knows_the_request);
  tcase_add_test(tc, compression_is_told);
  tcase_add_test(tc, every_size_comes_back);
  tcase_add_test(tc, bytes_come_back_after_half_close);
  tcase_add_test(tc, bytes_over_http_1_1);
  tcase_add_test(tc, read_takes_messages_apart);
  tcase_add_test(tc, what_was_sent_before_close_arrives);
  tcase_add_test(tc, half_close_still_receives);
  tcase_add_test(tc, half_close_waits_for_the_answers);
  tcase_add_test(tc, close_after_half_close_does_not_wait);
  tcase_add_test(tc, recv_keeps_its_timeouts);
  tcase_add_test(tc, an_evented_server_answers);
  suite_add_tcase(suite, tc);
  return suite;
}
