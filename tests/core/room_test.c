/* What a pool asks of a connection: room, idling, callbacks that change. */
#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define STREAMS 3

static struct test_pair pair;
static struct test_events events[STREAMS + 1];

static void begin(int chunk) {
  test_pair_init(&pair, test_chunks[chunk]);
  pair.server_options.max_streams = STREAMS;
  pair.client_options.idle_timeout_ms = 0;
}

static void end(void) {
  int i;
  test_pair_dispose(&pair);
  for (i = 0; i <= STREAMS; i++) {
    test_events_dispose(&events[i]);
  }
}

START_TEST(room_is_what_the_peer_leaves) {
  h2ws_socket *sockets[STREAMS + 1];
  int i;
  static const h2ws_conn_callbacks none = {.size = sizeof(none)};
  h2ws_conn *early;
  begin(_i);
  test_pair_start(&pair);
  ck_assert_int_eq(
    h2ws_conn_client_new(&early, &pair.client_options, &none, NULL), 0);
  ck_assert_uint_eq(h2ws_conn_room(early), 0); /* nobody knows */
  h2ws_conn_free(early);
  for (i = 0; i < STREAMS; i++) {
    ck_assert_uint_eq(h2ws_conn_room(pair.client), (size_t)(STREAMS - i));
    sockets[i] = test_pair_open(&pair, "/echo", &events[i]);
  }
  ck_assert_uint_eq(h2ws_conn_room(pair.client), 0);
  sockets[STREAMS] = test_pair_open(&pair, "/echo", &events[STREAMS]);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[STREAMS].opened, 0);
  ck_assert_int_eq(h2ws_socket_close(sockets[0], 1000, NULL, 0), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[STREAMS].opened, 1);
  ck_assert_uint_eq(h2ws_conn_room(pair.client), 0);
  ck_assert_int_eq(h2ws_socket_close(sockets[1], 1000, NULL, 0), 0);
  test_pair_pump(&pair);
  ck_assert_uint_eq(h2ws_conn_room(pair.client), 1);
  ck_assert_int_eq(h2ws_conn_drain(pair.client), 0);
  ck_assert_uint_eq(h2ws_conn_room(pair.client), 0);
  ck_assert_uint_eq(h2ws_conn_room(pair.server), 0);
  ck_assert_uint_eq(h2ws_conn_room(NULL), 0);
  end();
}
END_TEST

START_TEST(a_waiting_one_that_is_lost_can_be_tried_again) {
  int i;
  begin(_i);
  test_pair_start(&pair);
  for (i = 0; i <= STREAMS; i++) {
    (void)test_pair_open(&pair, "/echo", &events[i]);
  }
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_conn_recv_eof(pair.client, H2WS_ERR_LOST), 0);
  for (i = 0; i <= STREAMS; i++) {
    ck_assert_int_eq(events[i].closed, 1);
    ck_assert_int_eq(events[i].error, H2WS_ERR_LOST);
    ck_assert_int_eq(events[i].retryable, i == STREAMS);
  }
  end();
}
END_TEST

/* Row 0: while nothing is open; row 1: before that, and it counts from then. */
START_TEST(the_idle_timeout_can_change) {
  h2ws_socket *socket;
  begin(_i % TEST_CHUNKS);
  test_pair_start(&pair);
  if (_i >= TEST_CHUNKS) {
    socket = test_pair_open(&pair, "/echo", &events[0]);
    test_pair_pump(&pair);
    ck_assert_int_eq(h2ws_conn_set_idle_timeout(pair.client, 500), 0);
    test_pair_advance(&pair, 2000);
    ck_assert_int_eq(pair.client_closed, 0);
    ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
    test_pair_pump(&pair);
  } else {
    test_pair_advance(&pair, 30000);
    ck_assert_int_eq(h2ws_conn_set_idle_timeout(pair.client, 500), 0);
  }
  test_pair_advance(&pair, 400);
  ck_assert_int_eq(pair.client_closed, 0);
  test_pair_advance(&pair, 200);
  ck_assert_int_eq(pair.client_closed, 1);
  ck_assert_int_eq(pair.client_cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(h2ws_conn_set_idle_timeout(pair.client, 1), 0);
  ck_assert_int_eq(h2ws_conn_set_idle_timeout(NULL, 1), H2WS_ERR_INVALID);
  end();
}
END_TEST

START_TEST(callbacks_of_a_socket_can_change) {
  h2ws_socket *socket;
  begin(_i);
  test_pair_start(&pair);
  socket = test_pair_open(&pair, "/echo", &events[0]);
  test_pair_pump(&pair);
  ck_assert_int_eq(
    h2ws_socket_set_callbacks(socket, &test_socket_callbacks, &events[1]), 0);
  ck_assert_ptr_eq(h2ws_socket_user(socket), &events[1]);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "hello", 5), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[0].opened, 1);
  ck_assert_int_eq(events[0].messages, 0);
  ck_assert_int_eq(events[0].closed, 0);
  ck_assert_int_eq(events[1].opened, 0);
  ck_assert_int_eq(events[1].messages, 1);
  ck_assert_int_eq(events[1].closed, 1);
  ck_assert_int_eq(
    h2ws_socket_set_callbacks(NULL, &test_socket_callbacks, NULL),
    H2WS_ERR_INVALID);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/room");
  TCase *tc = tcase_create("room");
  tcase_add_loop_test(tc, room_is_what_the_peer_leaves, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, a_waiting_one_that_is_lost_can_be_tried_again, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, the_idle_timeout_can_change, 0, 2 * TEST_CHUNKS);
  tcase_add_loop_test(tc, callbacks_of_a_socket_can_change, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
