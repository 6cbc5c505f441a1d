/* Handles that share a connection, and handles that come back. */
#include <semaphore.h>
#include <stdlib.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define MANY 65 /* one more than share a connection */
#define FLOOD 8
#define CHUNK ((size_t)64 * 1024)
#define CHUNKS 16

static int64_t stream_of(h2ws *c) {
  h2ws_handle_info info = {.size = sizeof(info)};
  ck_assert_int_eq(h2ws_info(c, &info), 0);
  return info.stream;
}

static void evented_echo(h2ws *h, const h2ws_msg *msg, void *user) {
  (void)user;
  (void)h2ws_send(h, msg->type, msg->data, msg->len);
}

static h2ws *serve_many(const char *url) {
  h2ws_serve_options o;
  h2ws_server_options server;
  h2ws *s;
  serve_options(&o, &server);
  s = h2ws_listen_messages(url, evented_echo, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  return s;
}

/* ------------------------------------------------------------------------
 * Sharing
 */

START_TEST(handles_share_a_connection) {
  static const char *const schemes[] = {"ws", "wss"};
  h2ws *c[MANY];
  char url[64];
  int i;
  h2ws *s;
  (void)snprintf(url, sizeof(url), "%s://localhost:0/", schemes[_i]);
  s = serve_many(url);
  for (i = 0; i < MANY; i++) {
    c[i] = connect_to(url_of(s, schemes[_i], "/"));
    /* The last one is the first of another connection. */
    ck_assert_int_eq(stream_of(c[i]), i % (MANY - 1) * 2 + 1);
  }
  for (i = 0; i < MANY; i++) {
    expect_error(h2ws_send_text(c[i], "hello"), 0);
    expect_text(c[i], "hello");
  }
  for (i = 0; i < MANY; i++) {
    expect_error(h2ws_close(c[i]), 0);
  }
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_closed_one_leaves_the_connection_to_the_next) {
  h2ws *s = serve_many("ws://localhost:0/");
  int i;
  for (i = 0; i < 3; i++) {
    h2ws *c = connect_to(url_of(s, "ws", "/"));
    ck_assert_int_eq(stream_of(c), i * 2 + 1);
    expect_error(h2ws_close(c), 0);
  }
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(one_may_have_its_own) {
  h2ws *s = serve_many("ws://localhost:0/");
  h2ws_options o;
  h2ws *c[3];
  int i;
  h2ws_options_default(&o, sizeof(o));
  for (i = 0; i < 3; i++) {
    o.own_connection = i == 1;
    c[i] = h2ws_connect(url_of(s, "ws", "/"), &o);
    ck_assert_ptr_nonnull(c[i]);
  }
  ck_assert_int_eq(stream_of(c[0]), 1);
  ck_assert_int_eq(stream_of(c[1]), 1);
  ck_assert_int_eq(stream_of(c[2]), 3);
  for (i = 0; i < 3; i++) {
    expect_error(h2ws_close(c[i]), 0);
  }
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void flood(h2ws *c, void *user) {
  char *chunk = calloc(1, CHUNK);
  h2ws_msg m;
  int i;
  (void)user;
  ck_assert_ptr_nonnull(chunk);
  while (h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
    for (i = 0; i < CHUNKS && m.data[0] == 'f'; i++) {
      (void)h2ws_send(c, H2WS_BINARY, chunk, CHUNK);
    }
    if (m.data[0] != 'f') {
      (void)h2ws_send(c, m.type, m.data, m.len);
    }
  }
  free(chunk);
}

/* They fill their windows, which together are more than HTTP/2's default. */
START_TEST(the_unread_do_not_hold_up_the_others) {
  h2ws *s = listen_on("ws://localhost:0/", flood, NULL);
  h2ws *unread[FLOOD];
  h2ws *c;
  h2ws_msg m;
  int i;
  int n;
  for (i = 0; i < FLOOD; i++) {
    unread[i] = connect_to(url_of(s, "ws", "/"));
    expect_error(h2ws_send_text(unread[i], "flood"), 0);
  }
  c = connect_to(url_of(s, "ws", "/"));
  ck_assert_int_eq(stream_of(c), FLOOD * 2 + 1);
  for (i = 0; i < 100; i++) {
    expect_error(h2ws_send_text(c, "hello"), 0);
    expect_text(c, "hello");
  }
  for (i = 0; i < FLOOD; i++) {
    for (n = 0; n < CHUNKS; n++) {
      expect_error(h2ws_recv(unread[i], &m, LONG_MS), 0);
      ck_assert_uint_eq(m.len, CHUNK);
    }
    expect_error(h2ws_close(unread[i]), 0);
  }
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* ------------------------------------------------------------------------
 * Coming back
 */

static sem_t back;

static void on_reconnect(h2ws *h, void *user) {
  ck_assert_ptr_eq(user, &back);
  expect_error(h2ws_send_text(h, "subscribe"), 0);
  (void)sem_post(&back);
}

static h2ws *connect_lasting(const char *url, h2ws_backoff *backoff) {
  h2ws_options o;
  h2ws_options_default(&o, sizeof(o));
  ck_assert_ptr_null(o.reconnect);
  o.insecure = true;
  o.reconnect = backoff;
  o.on_reconnect = on_reconnect;
  o.user = &back;
  return h2ws_connect(url, &o);
}

static h2ws_backoff quick(void) {
  h2ws_backoff backoff;
  h2ws_backoff_default(&backoff, sizeof(backoff));
  backoff.first_ms = 5;
  backoff.max_ms = 50;
  return backoff;
}

START_TEST(H_26_a_handle_comes_back) {
  static const char *const schemes[] = {"ws", "wss"};
  h2ws_backoff backoff = quick();
  char url[256];
  h2ws *s;
  h2ws *c;
  int i;
  ck_assert_int_eq(sem_init(&back, 0, 0), 0);
  (void)snprintf(url, sizeof(url), "%s://localhost:0/", schemes[_i]);
  s = serve_many(url);
  (void)snprintf(url, sizeof(url), "%s", url_of(s, schemes[_i], "/"));
  c = connect_lasting(url, &backoff);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  expect_error(h2ws_send_text(c, "before"), 0);
  expect_text(c, "before");
  for (i = 0; i < 3; i++) {
    expect_error(h2ws_close(s), 0);
    expect_error(h2ws_send_text(c, "meanwhile"), 0);
    s = serve_many(url);
    ck_assert_int_eq(sem_wait(&back), 0);
    expect_text(c, "subscribe");
    expect_text(c, "meanwhile");
    expect_error(h2ws_send_text(c, "after"), 0);
    expect_text(c, "after");
  }
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
  ck_assert_int_eq(sem_destroy(&back), 0);
}
END_TEST

START_TEST(H_26_not_unless_asked_to) {
  h2ws *s = serve_many("ws://localhost:0/");
  h2ws *c = connect_lasting(url_of(s, "ws", "/"), NULL);
  h2ws_msg m;
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
}
END_TEST

START_TEST(H_26_it_gives_up_where_it_is_told_to) {
  h2ws_backoff backoff = quick();
  h2ws *s = serve_many("ws://localhost:0/");
  h2ws *c;
  h2ws_msg m;
  backoff.tries = 2;
  c = connect_lasting(url_of(s, "ws", "/"), &backoff);
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_CONNECT);
  expect_error(h2ws_close(c), H2WS_ERR_CONNECT);
}
END_TEST

START_TEST(H_26_the_first_connection_is_tried_once) {
  h2ws_backoff backoff = quick();
  h2ws *s = serve_many("ws://localhost:0/");
  char url[256];
  (void)snprintf(url, sizeof(url), "%s", url_of(s, "ws", "/"));
  expect_error(h2ws_close(s), 0);
  ck_assert_ptr_null(connect_lasting(url, &backoff));
  expect_error(h2ws_error_code(NULL), H2WS_ERR_CONNECT);
}
END_TEST

/* Row 0: closed while it is away; row 1: cancelled. */
START_TEST(H_26_the_end_does_not_wait_for_it) {
  h2ws_backoff backoff = quick();
  h2ws *s = serve_many("ws://localhost:0/");
  h2ws *c;
  h2ws_msg m;
  int64_t began;
  backoff.first_ms = 60000;
  c = connect_lasting(url_of(s, "ws", "/"), &backoff);
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_recv(c, &m, SHORT_MS), H2WS_ERR_TIMEOUT);
  began = now_ms();
  if (_i == 1) {
    expect_error(h2ws_cancel(c), 0);
    expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_CANCELLED);
  }
  expect_error(h2ws_close(c), H2WS_ERR_CANCELLED);
  ck_assert_int_lt(now_ms() - began, 4000); /* close_timeout_ms is 5 s */
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy/share");
  TCase *sharing = tcase_create("sharing");
  TCase *again = tcase_create("back");
  tcase_set_timeout(sharing, 60);
  tcase_set_timeout(again, 60);
  tcase_add_loop_test(sharing, handles_share_a_connection, 0, 2);
  tcase_add_test(sharing, a_closed_one_leaves_the_connection_to_the_next);
  tcase_add_test(sharing, one_may_have_its_own);
  tcase_add_test(sharing, the_unread_do_not_hold_up_the_others);
  tcase_add_loop_test(again, H_26_a_handle_comes_back, 0, 2);
  tcase_add_test(again, H_26_not_unless_asked_to);
  tcase_add_test(again, H_26_it_gives_up_where_it_is_told_to);
  tcase_add_test(again, H_26_the_first_connection_is_tried_once);
  tcase_add_loop_test(again, H_26_the_end_does_not_wait_for_it, 0, 2);
  suite_add_tcase(suite, sharing);
  suite_add_tcase(suite, again);
  return suite;
}
