/* Backpressure: what is not taken is not sent, and nothing is lost. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define PIECE 10000

/* A handler that begins to receive when it is told. */
struct gate {
  sem_t open;
  sem_t done;
  int expected;
};

static void gate_init(struct gate *gate) {
  (void)sem_init(&gate->open, 0, 0);
  (void)sem_init(&gate->done, 0, 0);
  gate->expected = 0;
}

static void number(char *data, int i) {
  memset(data, 'x', PIECE);
  memcpy(data, &i, sizeof(i));
}

static void receive_late(h2ws *c, void *user) {
  struct gate *gate = user;
  char data[PIECE];
  h2ws_msg m;
  (void)sem_wait(&gate->open);
  while (h2ws_recv(c, &m, LONG_MS) == 0) {
    number(data, gate->expected++);
    ck_assert_uint_eq(m.len, PIECE);
    ck_assert_mem_eq(m.data, data, PIECE);
  }
  (void)sem_post(&gate->done);
}

/* Sends until nothing goes; how many went. */
static int fill_up(h2ws *c, int error) {
  char data[PIECE];
  int sent = 0;
  int rv;
  for (;;) {
    number(data, sent);
    rv = h2ws_send(c, H2WS_BINARY, data, PIECE);
    if (rv != 0) {
      break;
    }
    sent++;
    ck_assert_int_lt(sent, 1000);
  }
  ck_assert_int_eq(rv, error);
  return sent;
}

static h2ws *connect_small(const char *url, uint32_t send_timeout_ms) {
  h2ws_options o;
  h2ws *c;
  h2ws_options_default(&o, sizeof(o));
  o.send_queue = 200000;
  o.send_timeout_ms = send_timeout_ms;
  c = h2ws_connect(url, &o);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  return c;
}

static h2ws *listen_small(struct gate *gate) {
  h2ws_serve_options o;
  h2ws_server_options so;
  h2ws *s;
  serve_options(&o, &so);
  o.recv_queue = 100000;
  so.conn.stream_window = 100000;
  s = h2ws_listen("ws://127.0.0.1:0/", receive_late, gate, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  return s;
}

START_TEST(a_full_queue_times_out_and_loses_nothing) {
  struct gate gate;
  h2ws_handle_info info = {.size = sizeof(info)};
  char data[PIECE];
  int64_t began;
  int sent;
  h2ws *s;
  h2ws *c;
  gate_init(&gate);
  s = listen_small(&gate);
  c = connect_small(url_of(s, "ws", "/"), SHORT_MS);
  began = now_ms();
  sent = fill_up(c, H2WS_ERR_TIMEOUT);
  ck_assert_int_ge(now_ms() - began, SHORT_MS - 1);
  /* Two queues of the sender, the window, the receiver's queue: no more. */
  ck_assert_int_ge(sent, 200000 / PIECE);
  ck_assert_int_le(sent, (200000 + 100000 + 100000) / PIECE + 6);
  expect_error(h2ws_info(c, &info), 0);
  ck_assert_uint_ge(info.unsent, 100000);
  expect_error(h2ws_try_send(c, H2WS_BINARY, data, PIECE), H2WS_ERR_AGAIN);
  (void)sem_post(&gate.open);
  number(data, sent);
  while (h2ws_send(c, H2WS_BINARY, data, PIECE) == H2WS_ERR_TIMEOUT) {
  }
  expect_error(h2ws_close(c), 0);
  (void)sem_wait(&gate.done);
  ck_assert_int_eq(gate.expected, sent + 1);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void *cancel_later(void *arg) {
  h2ws_handle_info info = {.size = sizeof(info)};
  do {
    expect_error(h2ws_info(arg, &info), 0);
  } while (info.unsent < 100000);
  expect_error(h2ws_cancel(arg), 0);
  return NULL;
}

START_TEST(cancel_wakes_a_sender) {
  struct gate gate;
  pthread_t thread;
  h2ws *s;
  h2ws *c;
  gate_init(&gate);
  s = listen_small(&gate);
  c = connect_small(url_of(s, "ws", "/"), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, cancel_later, c), 0);
  (void)fill_up(c, H2WS_ERR_CANCELLED);
  (void)pthread_join(thread, NULL);
  (void)sem_post(&gate.open);
  expect_error(h2ws_close(c), 0);
  (void)sem_wait(&gate.done);
  expect_error(h2ws_close(s), 0);
}
END_TEST

START_TEST(the_slow_are_skipped) {
  struct gate gate;
  int results[2];
  h2ws *both[2];
  h2ws *s;
  h2ws *quick;
  gate_init(&gate);
  s = listen_small(&gate);
  quick = listen_on("ws://127.0.0.1:0/", echo, NULL);
  both[0] = connect_small(url_of(s, "ws", "/"), SHORT_MS);
  both[1] = connect_small(url_of(quick, "ws", "/"), SHORT_MS);
  (void)fill_up(both[0], H2WS_ERR_TIMEOUT);
  ck_assert_uint_eq(h2ws_send_many(both, 2, H2WS_TEXT, "all", 3, results), 1);
  ck_assert_int_eq(results[0], H2WS_ERR_AGAIN);
  ck_assert_int_eq(results[1], 0);
  expect_text(both[1], "all");
  (void)sem_post(&gate.open);
  expect_error(h2ws_close(both[0]), 0);
  expect_error(h2ws_close(both[1]), 0);
  expect_error(h2ws_close(s), 0);
  expect_error(h2ws_close(quick), 0);
}
END_TEST

/* Echoes at once; the peer does not read, and then reads all. */
static void answer(h2ws *c, const h2ws_msg *m, void *user) {
  int *refused = user;
  if (h2ws_send(c, m->type, m->data, m->len) != 0) {
    (*refused)++;
  }
}

START_TEST(an_evented_server_loses_nothing_either) {
  h2ws_serve_options o;
  h2ws_server_options so;
  char data[PIECE];
  int refused = 0;
  int sent;
  int i;
  h2ws *s;
  h2ws *c;
  serve_options(&o, &so);
  o.send_queue = 100000;
  s = h2ws_listen_messages("ws://127.0.0.1:0/", answer, &refused, &o);
  c = connect_small(url_of(s, "ws", "/"), SHORT_MS);
  sent = fill_up(c, H2WS_ERR_TIMEOUT);
  for (i = 0; i < sent; i++) {
    h2ws_msg m;
    ck_assert_msg(h2ws_recv(c, &m, LONG_MS) == 0, "%s", h2ws_error(c));
    number(data, i);
    ck_assert_mem_eq(m.data, data, PIECE);
  }
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
  ck_assert_int_eq(refused, 0);
}
END_TEST

/* ------------------------------------------------------------------------
 * Bytes
 */

#define BYTES ((size_t)8 << 20)

static uint8_t byte_at(size_t i) {
  return (uint8_t)(i * 31 + i / 256 + i / 65521);
}

static void copy_bytes(h2ws *c, void *user) {
  char buf[30000];
  h2ws_ssize n;
  (void)user;
  while ((n = h2ws_read(c, buf, sizeof(buf), LONG_MS)) > 0) {
    if (h2ws_write(c, buf, (size_t)n) != 0) {
      return;
    }
  }
}

static void *write_all(void *arg) {
  uint8_t buf[10007];
  size_t done = 0;
  while (done < BYTES) {
    size_t len = BYTES - done < sizeof(buf) ? BYTES - done : sizeof(buf);
    size_t i;
    for (i = 0; i < len; i++) {
      buf[i] = byte_at(done + i);
    }
    ck_assert_msg(h2ws_write(arg, buf, len) == 0, "%s", h2ws_error(arg));
    done += len;
  }
  expect_error(h2ws_shutdown(arg), 0);
  return NULL;
}

START_TEST(bytes_of_any_amount) {
  h2ws *s = listen_on("http://127.0.0.1:0/", copy_bytes, NULL);
  h2ws *c = connect_to(url_of(s, "http", "/"));
  uint8_t buf[50000];
  size_t done = 0;
  pthread_t writer;
  h2ws_ssize n;
  ck_assert_int_eq(pthread_create(&writer, NULL, write_all, c), 0);
  while ((n = h2ws_read(c, buf, sizeof(buf), LONG_MS)) > 0) {
    size_t i;
    for (i = 0; i < (size_t)n && buf[i] == byte_at(done + i); i++) {
    }
    ck_assert_uint_eq(i, (size_t)n);
    done += (size_t)n;
  }
  ck_assert_int_eq((int)n, H2WS_ERR_EOF);
  ck_assert_uint_eq(done, BYTES);
  (void)pthread_join(writer, NULL);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

/* ------------------------------------------------------------------------
 * The pool
 */

static void *echo_once(void *arg) {
  h2ws *c = connect_to(arg);
  expect_error(h2ws_send_text(c, "here"), 0);
  expect_text(c, "here");
  expect_error(h2ws_close(c), 0);
  return NULL;
}

START_TEST(requests_wait_for_a_thread) {
  h2ws_serve_options o;
  h2ws_server_options so;
  pthread_t third;
  char url[256];
  h2ws_options quick;
  h2ws *s;
  h2ws *c[2];
  serve_options(&o, &so);
  o.threads = 2;
  s = h2ws_listen("ws://127.0.0.1:0/", echo, NULL, &o);
  (void)snprintf(url, sizeof(url), "%s", url_of(s, "ws", "/"));
  c[0] = connect_to(url);
  c[1] = connect_to(url);
  h2ws_options_default(&quick, sizeof(quick));
  quick.open_timeout_ms = SHORT_MS;
  ck_assert_ptr_null(h2ws_connect(url, &quick)); /* gives up waiting */
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_TIMEOUT);
  ck_assert_int_eq(pthread_create(&third, NULL, echo_once, url), 0);
  expect_error(h2ws_close(c[0]), 0);
  (void)pthread_join(third, NULL);
  expect_error(h2ws_close(c[1]), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void *connect_refused(void *arg) {
  ck_assert_ptr_null(h2ws_connect(arg, NULL));
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_REFUSED);
  ck_assert_ptr_nonnull(strstr(h2ws_error(NULL), "stopping"));
  return NULL;
}

static int count_request(const h2ws_stream *request, void *user) {
  (void)request;
  (void)sem_post(user);
  return 0;
}

START_TEST(stop_refuses_those_who_wait) {
  h2ws_serve_options o;
  h2ws_server_options so;
  pthread_t waiting;
  sem_t came;
  char url[256];
  h2ws_msg m;
  h2ws *s;
  h2ws *c;
  (void)sem_init(&came, 0, 0);
  serve_options(&o, &so);
  o.threads = 1;
  o.allow = count_request;
  s = h2ws_listen("ws://127.0.0.1:0/", echo, &came, &o);
  (void)snprintf(url, sizeof(url), "%s", url_of(s, "ws", "/"));
  c = connect_to(url);
  (void)sem_wait(&came);
  ck_assert_int_eq(pthread_create(&waiting, NULL, connect_refused, url), 0);
  (void)sem_wait(&came);
  expect_error(h2ws_stop(s), 0);
  (void)pthread_join(waiting, NULL);
  expect_error(h2ws_recv(c, &m, LONG_MS), H2WS_ERR_EOF);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy limits");
  TCase *tc = tcase_create("limits");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_full_queue_times_out_and_loses_nothing);
  tcase_add_test(tc, cancel_wakes_a_sender);
  tcase_add_test(tc, the_slow_are_skipped);
  tcase_add_test(tc, an_evented_server_loses_nothing_either);
  tcase_add_test(tc, bytes_of_any_amount);
  tcase_add_test(tc, requests_wait_for_a_thread);
  tcase_add_test(tc, stop_refuses_those_who_wait);
  suite_add_tcase(suite, tc);
  return suite;
}
