/* Every counter of h2ws_conn_stats, on both sides. */
#include <check.h>
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

static struct test_pair pair;
static struct test_events events[4];

static h2ws_conn_stats stats_of(const h2ws_conn *conn) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  ck_assert_int_eq(h2ws_conn_get_stats(conn, &stats), 0);
  return stats;
}

/* Two sockets that talk, of which one is aborted, and one that is refused. */
static void talk(void) {
  h2ws_socket *sockets[2];
  int i;
  for (i = 0; i < 2; i++) {
    sockets[i] = test_pair_open(&pair, "/echo", &events[i]);
    test_pair_pump(&pair);
    ck_assert_int_eq(h2ws_socket_send(sockets[i], H2WS_TEXT, "hello", 5), 0);
    test_pair_pump(&pair);
  }
  ck_assert_int_eq(h2ws_socket_send(sockets[0], H2WS_BINARY, "x", 1), 0);
  (void)test_pair_open(&pair, "/nowhere", &events[2]);
  test_pair_pump(&pair);
  ck_assert_int_eq(h2ws_socket_abort(sockets[1]), 0);
  test_pair_pump(&pair);
}

START_TEST(each_counter_counts) {
  h2ws_conn_stats client;
  h2ws_conn_stats server;
  int i;
  test_pair_init(&pair, test_chunks[_i]);
  test_pair_start(&pair);
  talk();
  client = stats_of(pair.client);
  server = stats_of(pair.server);
  ck_assert_uint_gt(client.bytes_sent, 100);
  ck_assert_uint_eq(client.bytes_sent, server.bytes_received);
  ck_assert_uint_eq(server.bytes_sent, client.bytes_received);
  ck_assert_uint_eq(client.streams_opened, 3);
  ck_assert_uint_eq(server.streams_opened, 3);
  ck_assert_uint_eq(server.streams_refused, 1);
  ck_assert_uint_eq(client.messages_sent, 3);
  ck_assert_uint_eq(client.messages_received, 3);
  ck_assert_uint_eq(server.messages_sent, 3);
  ck_assert_uint_eq(server.messages_received, 3);
  ck_assert_uint_ge(client.resets_sent, 1);
  ck_assert_uint_eq(server.resets_received, client.resets_sent);
  ck_assert_uint_eq(client.resets_received, server.resets_sent);
  ck_assert_uint_eq(server.limits_hit, 0);
  ck_assert_uint_gt(server.glitches, 0); /* SETTINGS and their ACK are some */
  for (i = 0; i < 3; i++) {
    ck_assert_int_eq(events[i].closed, i > 0);
  }
  test_pair_dispose(&pair);
  for (i = 0; i < 3; i++) {
    test_events_dispose(&events[i]);
  }
}
END_TEST

/* Callers that were built with an older, shorter struct get what fits. */
START_TEST(a_shorter_struct_is_filled_as_far_as_it_goes) {
  h2ws_conn_stats stats;
  memset(&stats, 0xff, sizeof(stats));
  stats.size = offsetof(h2ws_conn_stats, bytes_sent);
  test_pair_init(&pair, test_chunks[_i]);
  test_pair_start(&pair);
  ck_assert_int_eq(h2ws_conn_get_stats(pair.client, &stats), 0);
  ck_assert_uint_eq(stats.size, offsetof(h2ws_conn_stats, bytes_sent));
  ck_assert_uint_gt(stats.bytes_received, 0);
  ck_assert_uint_lt(stats.bytes_received, 10000);
  ck_assert_uint_eq(stats.bytes_sent, UINT64_MAX);
  ck_assert_int_eq(h2ws_conn_get_stats(NULL, &stats), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_conn_get_stats(pair.client, NULL), H2WS_ERR_INVALID);
  test_pair_dispose(&pair);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/stats");
  TCase *tc = tcase_create("counters");
  tcase_add_loop_test(tc, each_counter_counts, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, a_shorter_struct_is_filled_as_far_as_it_goes, 0,
                      TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
