/* Messages that are not whole yet: how much all of a connection may hold. */
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define SOCKETS 3
#define PIECE 40000
#define MAX_MESSAGE 100000
#define MAX_ASSEMBLY 100000 /* room for two pieces */

static uint8_t piece[PIECE];
static struct test_pair pair;
static struct test_events events[SOCKETS + 1];
static h2ws_socket *sockets[SOCKETS + 1];

static void begin(size_t chunk) {
  memset(events, 0, sizeof(events));
  test_pair_init(&pair, chunk);
  pair.server_options.max_assembly = MAX_ASSEMBLY;
  pair.server_socket_options.max_message = MAX_MESSAGE;
  test_pair_start(&pair);
}

static void end(void) {
  int i;
  test_pair_dispose(&pair);
  for (i = 0; i <= SOCKETS; i++) {
    test_events_dispose(&events[i]);
  }
  test_events_dispose(&pair.peer_events);
}

static void begin_message(int i) {
  sockets[i] = test_pair_open(&pair, "/echo", &events[i]);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_send_begin(sockets[i], H2WS_BINARY), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(sockets[i], piece, PIECE), 0);
  test_pair_pump(&pair);
}

static void finish_message(int i) {
  ck_assert_int_eq(h2ws_socket_send_end(sockets[i]), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(events[i].messages, 1);
  ck_assert_uint_eq(events[i].len, PIECE);
}

START_TEST(WS_10_unfinished_messages_have_a_limit_together) {
  int i;
  begin(test_chunks[_i]);
  for (i = 0; i < SOCKETS; i++) {
    begin_message(i);
  }
  ck_assert_int_eq(events[0].closed + events[1].closed, 0);
  ck_assert_int_eq(events[2].closed, 1);
  ck_assert_uint_eq(events[2].code, 1009);
  ck_assert_ptr_nonnull(
    strstr(pair.peer_events.detail, "exceed max_assembly 100000"));
  ck_assert_int_eq(pair.peer_events.error, H2WS_ERR_LIMIT);
  pair.peer_events.closed = 0; /* it tells of all sockets */
  finish_message(0);
  begin_message(3); /* in its place */
  finish_message(1);
  finish_message(3);
  ck_assert_uint_eq(h2ws_conn_streams(pair.client), SOCKETS);
  end();
}
END_TEST

START_TEST(a_message_alone_may_have_its_max_message) {
  begin(65536);
  pair.server_socket_options.max_message = (uint64_t)PIECE * 4;
  begin_message(0);
  ck_assert_int_eq(h2ws_socket_send_piece(sockets[0], piece, PIECE), 0);
  ck_assert_int_eq(h2ws_socket_send_piece(sockets[0], piece, PIECE), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_send_end(sockets[0]), 0);
  test_pair_pump(&pair);
  ck_assert_uint_eq(events[0].len, (size_t)3 * PIECE);
  end();
}
END_TEST

/* What sockets that are gone had assembled does not count. */
START_TEST(what_was_dropped_leaves_room) {
  int i;
  begin(65536);
  for (i = 0; i < 10; i++) {
    begin_message(0);
    ck_assert_int_eq(events[0].closed, 0);
    ck_assert_int_eq(h2ws_socket_abort(sockets[0]), 0);
    test_pair_pump(&pair);
    ck_assert_int_eq(events[0].closed, 1);
    ck_assert_int_eq(pair.peer_events.error, H2WS_ERR_RESET);
    events[0].closed = 0;
  }
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/assembly");
  TCase *tc = tcase_create("assembly");
  tcase_add_loop_test(tc, WS_10_unfinished_messages_have_a_limit_together, 0,
                      TEST_CHUNKS);
  tcase_add_test(tc, a_message_alone_may_have_its_max_message);
  tcase_add_test(tc, what_was_dropped_leaves_room);
  suite_add_tcase(suite, tc);
  return suite;
}
