/* Prepared messages: encoded once, shared by many, blocked by none. */
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define MANY 100

static struct test_pair pair;
static struct test_events events[MANY];
static h2ws_socket *client[MANY];
static h2ws_socket *server[MANY];

/* Opens `count` sockets and finds the server's side of each. */
static void begin(size_t chunk, int count) {
  int i;
  test_pair_init(&pair, chunk);
  pair.server_echoes = false;
  test_pair_start(&pair);
  for (i = 0; i < count; i++) {
    client[i] = test_pair_open(&pair, "/echo", &events[i]);
    test_pair_pump(&pair);
    server[i] = pair.peer;
    ck_assert_ptr_nonnull(server[i]);
  }
}

static void end(int count) {
  int i;
  test_pair_dispose(&pair);
  for (i = 0; i < count; i++) {
    test_events_dispose(&events[i]);
  }
}

static h2ws_message *prepare(h2ws_type type, const void *data, size_t len) {
  h2ws_message *message = NULL;
  ck_assert_int_eq(h2ws_message_new(&message, &pair.mem, type, data, len), 0);
  return message;
}

START_TEST(a_message_reaches_everybody) {
  static const size_t sizes[] = {5, 0, 200, 70000};
  static char text[70000];
  size_t s;
  int i;
  begin(test_chunks[_i], 10);
  memset(text, 'm', sizeof(text));
  for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
    h2ws_message *message = prepare(H2WS_TEXT, text, sizes[s]);
    int results[10];
    ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 10, results), 10);
    h2ws_message_release(message); /* the queues keep it */
    test_pair_pump(&pair);
    for (i = 0; i < 10; i++) {
      ck_assert_int_eq(results[i], 0);
      ck_assert_int_eq(events[i].messages, (int)s + 1);
      ck_assert_uint_eq(events[i].last_len, sizes[s]);
      ck_assert_mem_eq(events[i].data + events[i].len - sizes[s], text,
                       sizes[s]);
    }
  }
  end(10);
}
END_TEST

START_TEST(a_client_may_send_one_too) {
  h2ws_message *message;
  begin(test_chunks[_i], 1);
  message = prepare(H2WS_BINARY, "\1\2\3", 3);
  ck_assert_int_eq(h2ws_socket_send_message(client[0], message), 0);
  ck_assert_int_eq(h2ws_socket_send_message(client[0], message), 0);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_int_eq(pair.peer_events.messages, 2);
  ck_assert_mem_eq(pair.peer_events.data, "\1\2\3\1\2\3", 6);
  end(1);
}
END_TEST

/* 100 sockets hold one copy: what grows is a small piece for each. */
START_TEST(the_bytes_are_shared) {
  static uint8_t data[50000];
  h2ws_message *message;
  size_t before;
  size_t blocks;
  begin(65536, MANY);
  message = prepare(H2WS_BINARY, data, sizeof(data));
  before = pair.env.bytes;
  blocks = pair.env.live;
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, MANY, NULL), MANY);
  ck_assert_uint_eq(pair.env.live - blocks, MANY);
  ck_assert_uint_lt(pair.env.bytes - before, (size_t)MANY * 200);
  h2ws_message_release(message);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[MANY - 1].messages, 1);
  end(MANY);
}
END_TEST

START_TEST(the_slow_one_is_skipped_and_named) {
  static uint8_t data[600000];
  h2ws_message *message;
  int results[4];
  begin(65536, 3);
  message = prepare(H2WS_BINARY, data, sizeof(data));
  ck_assert_int_eq(h2ws_socket_pause(client[1]), 0);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 3, results), 3);
  test_pair_pump(&pair);
  server[3] = NULL;
  ck_assert_uint_eq(h2ws_socket_broadcast(message, server, 4, results), 2);
  ck_assert_int_eq(results[0], 0);
  ck_assert_int_eq(results[1], H2WS_ERR_AGAIN);
  ck_assert_int_eq(results[2], 0);
  ck_assert_int_eq(results[3], H2WS_ERR_INVALID);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[0].messages, 4);
  ck_assert_int_eq(h2ws_socket_resume(client[1]), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[1].messages, 3);
  ck_assert_int_gt(pair.peer_events.writable, 0);
  h2ws_message_release(message);
  end(3);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused) {
  h2ws_message *message = NULL;
  begin(65536, 1);
  ck_assert_int_eq(h2ws_message_new(&message, NULL, H2WS_TEXT, "\xff", 1),
                   H2WS_ERR_UTF8);
  ck_assert_int_eq(h2ws_message_new(&message, NULL, 3, "x", 1),
                   H2WS_ERR_INVALID);
  ck_assert_int_eq(
    h2ws_message_new(&message, NULL, H2WS_BINARY, "x", H2WS_MESSAGE_MAX + 1),
    H2WS_ERR_TOO_BIG);
  ck_assert_ptr_null(message);
  message = prepare(H2WS_TEXT, "x", 1);
  ck_assert_int_eq(h2ws_socket_send_message(NULL, message), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_send_message(server[0], NULL), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_close(server[0], 1000, NULL, 0), 0);
  ck_assert_int_lt(h2ws_socket_send_message(server[0], message), 0);
  h2ws_message_release(message);
  h2ws_message_release(NULL);
  end(1);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/broadcast");
  TCase *tc = tcase_create("pair");
  tcase_add_loop_test(tc, a_message_reaches_everybody, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, a_client_may_send_one_too, 0, TEST_CHUNKS);
  tcase_add_test(tc, the_bytes_are_shared);
  tcase_add_test(tc, the_slow_one_is_skipped_and_named);
  tcase_add_test(tc, what_cannot_be_sent_is_refused);
  suite_add_tcase(suite, tc);
  return suite;
}
