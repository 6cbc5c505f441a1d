/* Many threads on one handle, and on many. */
#include <pthread.h>
#include <stdlib.h>

#include "tests/easy/echo.h"
#include "tests/support/suite.h"

#define SENDERS 8
#define MESSAGES 300
#define CLIENTS 8

struct sender {
  h2ws *c;
  int number;
};

/* Messages of many sizes, each filled with what names its sender. */
static size_t fill(char *buf, int sender, int i) {
  size_t len = 8 + (size_t)(i * 37 % 3000);
  int digit;
  memset(buf, 'a' + sender, len);
  buf[0] = (char)('A' + sender);
  for (digit = 7; digit > 0; digit--, i /= 10) {
    buf[digit] = (char)('0' + i % 10);
  }
  return len;
}

static void *send_all(void *arg) {
  const struct sender *s = arg;
  char buf[4096];
  int i;
  for (i = 0; i < MESSAGES; i++) {
    size_t len = fill(buf, s->number, i);
    int rv = h2ws_send(s->c, H2WS_TEXT, buf, len);
    ck_assert_msg(rv == 0, "%s", h2ws_error(s->c));
  }
  return NULL;
}

static void expect_all(h2ws *c, int senders) {
  int next[SENDERS] = {0};
  char buf[4096];
  int i;
  for (i = 0; i < senders * MESSAGES; i++) {
    h2ws_msg m;
    int sender;
    ck_assert_msg(h2ws_recv(c, &m, LONG_MS) == 0, "%s", h2ws_error(c));
    sender = m.data[0] - 'A';
    ck_assert_int_ge(sender, 0);
    ck_assert_int_lt(sender, senders);
    ck_assert_uint_eq(m.len, fill(buf, sender, next[sender]++));
    ck_assert_mem_eq(m.data, buf, m.len);
  }
}

START_TEST(messages_of_many_senders_do_not_mix) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  struct sender senders[SENDERS];
  pthread_t threads[SENDERS];
  int i;
  for (i = 0; i < SENDERS; i++) {
    senders[i] = (struct sender){c, i};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, &senders[i]),
                     0);
  }
  expect_all(c, SENDERS);
  for (i = 0; i < SENDERS; i++) {
    (void)pthread_join(threads[i], NULL);
  }
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void *be_a_client(void *arg) {
  int i;
  for (i = 0; i < 5; i++) {
    h2ws *c = connect_to(arg);
    struct sender one = {c, 0};
    (void)send_all(&one);
    expect_all(c, 1);
    expect_error(h2ws_close(c), 0);
  }
  return NULL;
}

START_TEST(many_handles_at_once) {
  h2ws *s = listen_on("wss://127.0.0.1:0/", echo, NULL);
  pthread_t threads[CLIENTS];
  char url[256];
  int i;
  (void)snprintf(url, sizeof(url), "%s", url_of(s, "wss", "/"));
  for (i = 0; i < CLIENTS; i++) {
    ck_assert_int_eq(pthread_create(&threads[i], NULL, be_a_client, url), 0);
  }
  for (i = 0; i < CLIENTS; i++) {
    (void)pthread_join(threads[i], NULL);
  }
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void *send_until_closed(void *arg) {
  h2ws *c = arg;
  int rv;
  do {
    rv = h2ws_send_text(c, "more");
  } while (rv == 0);
  ck_assert_int_eq(rv, H2WS_ERR_CLOSED);
  return NULL;
}

static void *recv_until_closed(void *arg) {
  h2ws *c = arg;
  h2ws_msg m;
  int rv;
  do {
    rv = h2ws_recv(c, &m, H2WS_FOREVER);
  } while (rv == 0);
  ck_assert_int_eq(rv, H2WS_ERR_CLOSED);
  return NULL;
}

START_TEST(close_ends_what_other_threads_do) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  int round;
  for (round = 0; round < 20; round++) {
    h2ws *c = connect_to(url_of(s, "ws", "/"));
    h2ws_handle_info info = {.size = sizeof(info)};
    pthread_t threads[4];
    int i;
    for (i = 0; i < 4; i++) {
      ck_assert_int_eq(
        pthread_create(&threads[i], NULL,
                       i == 0 ? recv_until_closed : send_until_closed, c),
        0);
    }
    while (round % 2 == 0 && info.unsent == 0) {
      expect_error(h2ws_info(c, &info), 0);
    }
    expect_error(h2ws_close(c), 0);
    for (i = 0; i < 4; i++) {
      (void)pthread_join(threads[i], NULL);
    }
  }
  expect_error(h2ws_close(s), 0);
}
END_TEST

static void *recv_one(void *arg) {
  h2ws_msg m;
  expect_error(h2ws_recv(arg, &m, LONG_MS), 0);
  return NULL;
}

START_TEST(only_one_thread_receives) {
  h2ws *s = listen_on("ws://127.0.0.1:0/", echo, NULL);
  h2ws *c = connect_to(url_of(s, "ws", "/"));
  int64_t until = now_ms() + LONG_MS;
  pthread_t thread;
  h2ws_msg m;
  int rv;
  ck_assert_int_eq(pthread_create(&thread, NULL, recv_one, c), 0);
  do { /* until the other one is there */
    rv = h2ws_recv(c, &m, 0);
  } while (rv == H2WS_ERR_TIMEOUT && now_ms() < until);
  ck_assert_int_eq(rv, H2WS_ERR_STATE);
  expect_error(h2ws_send_text(c, "for the other"), 0);
  (void)pthread_join(thread, NULL);
  expect_error(h2ws_close(c), 0);
  expect_error(h2ws_close(s), 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("easy threads");
  TCase *tc = tcase_create("threads");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, messages_of_many_senders_do_not_mix);
  tcase_add_test(tc, many_handles_at_once);
  tcase_add_test(tc, close_ends_what_other_threads_do);
  tcase_add_test(tc, only_one_thread_receives);
  suite_add_tcase(suite, tc);
  return suite;
}
