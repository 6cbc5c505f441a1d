/* What a connection's peer does not read must not pile up: max_queue. */
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define SOCKETS 100
#define PART ((size_t)16 * 1024)
#define FRAME (PART + 4)            /* with its header */
#define CROWDED ((size_t)64 * 1024) /* a sixteenth of high_water */
#define MAX_QUEUE ((size_t)4 * 1024 * 1024)
#define HIGH_WATER ((size_t)1024 * 1024)

static uint8_t part[PART];
static struct test_pair pair;
static struct test_events events[SOCKETS];
static h2ws_socket *sockets[SOCKETS]; /* of the client */
static h2ws_socket *peers[SOCKETS];   /* of the server */
static int sent[SOCKETS];
static int writables;

static void on_writable(h2ws_socket *socket, void *user) {
  (void)socket;
  (void)user;
  writables++;
}

static void begin(void) {
  int i;
  memset(events, 0, sizeof(events));
  memset(sent, 0, sizeof(sent));
  writables = 0;
  test_pair_init(&pair, 65536);
  pair.server_writable = on_writable;
  test_pair_start(&pair);
  for (i = 0; i < SOCKETS; i++) {
    sockets[i] = test_pair_open(&pair, "/echo", &events[i]);
    test_pair_pump(&pair);
    ck_assert_int_eq(h2ws_socket_pause(sockets[i]), 0);
    peers[i] = pair.peer;
  }
}

static void end(void) {
  int i;
  test_pair_dispose(&pair);
  for (i = 0; i < SOCKETS; i++) {
    test_events_dispose(&events[i]);
  }
  test_events_dispose(&pair.peer_events);
}

/* What the peer's window takes leaves at once, so until nothing leaves. */
static void fill(int i) {
  int before = 0;
  do {
    before = sent[i];
    while (h2ws_socket_send(peers[i], H2WS_BINARY, part, PART) == 0) {
      sent[i]++;
    }
    test_pair_pump(&pair);
  } while (sent[i] > before);
}

START_TEST(FC_03_what_is_not_read_is_bounded_in_all) {
  size_t total = 0;
  int i;
  begin();
  for (i = 0; i < SOCKETS; i++) {
    fill(i);
    total += h2ws_socket_queued(peers[i]);
    ck_assert_uint_ge(h2ws_socket_queued(peers[i]), CROWDED);
  }
  ck_assert_uint_ge(h2ws_socket_queued(peers[0]), HIGH_WATER);
  ck_assert_uint_le(h2ws_socket_queued(peers[SOCKETS - 1]), CROWDED + FRAME);
  ck_assert_uint_ge(total, MAX_QUEUE);
  ck_assert_uint_le(total,
                    MAX_QUEUE + HIGH_WATER + SOCKETS * (CROWDED + FRAME));
  end();
}
END_TEST

START_TEST(all_are_writable_again_once_it_is_read) {
  int i;
  begin();
  for (i = 0; i < SOCKETS; i++) {
    fill(i);
  }
  for (i = SOCKETS - 1; i >= 0; i--) { /* those with the small share first */
    writables = 0;
    ck_assert_int_eq(h2ws_socket_resume(sockets[i]), 0);
    test_pair_pump(&pair);
    ck_assert_int_eq(writables, 1);
    ck_assert_uint_eq(h2ws_socket_queued(peers[i]), 0);
    ck_assert_int_eq(events[i].messages, sent[i]);
  }
  /* Nothing is counted any more: each has the whole of its queue. */
  ck_assert_int_eq(h2ws_socket_pause(sockets[0]), 0);
  fill(0);
  ck_assert_uint_ge(h2ws_socket_queued(peers[0]), HIGH_WATER);
  end();
}
END_TEST

/* Streams that end take what they had queued out of the count. */
START_TEST(what_is_dropped_does_not_count) {
  int i;
  begin();
  for (i = 0; i < 8; i++) {
    fill(i);
  }
  ck_assert_uint_lt(h2ws_socket_queued(peers[7]), HIGH_WATER);
  for (i = 0; i < 7; i++) {
    ck_assert_int_eq(h2ws_socket_abort(peers[i]), 0);
    test_pair_pump(&pair);
  }
  fill(8);
  ck_assert_uint_ge(h2ws_socket_queued(peers[8]), HIGH_WATER);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/queue");
  TCase *tc = tcase_create("queue");
  tcase_add_test(tc, FC_03_what_is_not_read_is_bounded_in_all);
  tcase_add_test(tc, all_are_writable_again_once_it_is_read);
  tcase_add_test(tc, what_is_dropped_does_not_count);
  suite_add_tcase(suite, tc);
  return suite;
}
