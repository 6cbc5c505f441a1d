/* On the hidden thread: what does not wait there still ends in time. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define BIG ((size_t)8 << 20)

static sem_t closed;
static char *big;

static void on_close(h2ws *h, void *user) {
  (void)h;
  (void)user;
  (void)sem_post(&closed);
}

static void close_at_once(h2ws *h, const h2ws_msg *msg, void *user) {
  (void)msg;
  (void)user;
  expect_error(h2ws_close(h), 0);
}

/* More than the peer takes: the last one waits behind the others. */
static void send_and_close(h2ws *h, const h2ws_msg *msg, void *user) {
  (void)user;
  expect_error(h2ws_try_send(h, H2WS_BINARY, big, BIG), 0);
  if (msg->len == 0) {
    expect_error(h2ws_close(h), 0);
  }
}

static h2ws *serve(const char *url, h2ws_on_message *on_message) {
  h2ws_serve_options o;
  h2ws_server_options server;
  h2ws *s;
  serve_options(&o, &server);
  o.close_timeout_ms = SHORT_MS;
  o.send_queue = BIG * 2;
  o.on_close = on_close;
  server.conn.stall_timeout_ms = 0;
  (void)sem_init(&closed, 0, 0);
  s = h2ws_listen_messages(url, on_message, NULL, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  return s;
}

static void expect_closed(void) {
  struct timespec until;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 3;
  ck_assert_int_eq(sem_timedwait(&closed, &until), 0);
}

START_TEST(a_closed_stream_does_not_wait_for_the_peer_for_ever) {
  h2ws *s = serve("http://127.0.0.1:0/", close_at_once);
  h2ws *c = connect_to(url_of(s, "http", "/"));
  expect_error(h2ws_write(c, "hello", 5), 0);
  expect_closed();
  (void)h2ws_close(c);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(a_closed_socket_does_not_wait_for_room_for_ever) {
  h2ws *s;
  h2ws *c;
  big = calloc(1, BIG);
  s = serve("ws://127.0.0.1:0/", send_and_close);
  c = connect_to(url_of(s, "ws", "/"));
  expect_error(h2ws_write(c, "one", 3), 0);
  expect_error(h2ws_write(c, "two", 3), 0);
  expect_error(h2ws_write(c, "", 0), 0);
  expect_closed();
  (void)h2ws_close(c);
  expect_error(h2ws_close(s), 0);
  free(big);
}
END_TEST

static void *close_server(void *server) {
  int rv = h2ws_close(server);
  ck_assert(rv == 0 || rv == H2WS_ERR_CLOSED);
  return NULL;
}

START_TEST(a_server_may_be_closed_by_several) {
  pthread_t threads[4];
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  int i;
  for (i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_create(&threads[i], NULL, close_server, s), 0);
  }
  for (i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy/inside");
  TCase *tc = tcase_create("inside");
  tcase_add_test(tc, a_closed_stream_does_not_wait_for_the_peer_for_ever);
  tcase_add_test(tc, a_closed_socket_does_not_wait_for_room_for_ever);
  tcase_add_loop_test(tc, a_server_may_be_closed_by_several, 0, 20);
  suite_add_tcase(suite, tc);
  return suite;
}
