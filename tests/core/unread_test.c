/* A stream that ends while its application is slow to read. */
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define LEN 20000

struct reader {
  size_t read_at_the_end;
  h2ws_ssize last;
  int closed;
};

static void on_close(h2ws_stream *stream, const h2ws_close_info *info,
                     void *user) {
  struct reader *r = user;
  uint8_t buf[777];
  h2ws_ssize n;
  ck_assert_int_eq(info->cls, H2WS_CLOSE_CLEAN);
  while ((n = h2ws_stream_read(stream, buf, sizeof(buf))) > 0) {
    ck_assert_int_eq(buf[0], 'x');
    r->read_at_the_end += (size_t)n;
  }
  r->last = n;
  r->closed++;
}

static const h2ws_stream_callbacks slow = {
  .size = sizeof(slow),
  .on_close = on_close,
};

START_TEST(what_is_unread_can_be_read_in_on_close) {
  static char data[LEN];
  struct test_pair pair;
  struct reader r = {0};
  h2ws_request request = {.size = sizeof(request)};
  h2ws_stream *stream = NULL;
  char first[100];
  test_pair_init(&pair, test_chunks[_i]);
  pair.server_waits = true;
  test_pair_start(&pair);
  memset(data, 'x', sizeof(data));
  request.method = "POST";
  request.authority = "localhost";
  request.path = "/";
  ck_assert_int_eq(h2ws_stream_open(pair.client, &stream, &request, &slow, &r),
                   0);
  test_pair_pump(&pair);
  ck_assert_ptr_nonnull(pair.request);
  ck_assert_int_eq(h2ws_stream_accept(pair.request, NULL, 0,
                                      &test_stream_callbacks,
                                      &pair.peer_events),
                   0);
  ck_assert_int_eq(h2ws_stream_write(pair.request, data, sizeof(data)), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq((int)h2ws_stream_read(stream, first, sizeof(first)), 100);
  ck_assert_int_eq(h2ws_stream_shutdown(pair.request), 0);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), 0);
  test_pair_pump(&pair);
  ck_assert_int_eq(r.closed, 1);
  ck_assert_uint_eq(r.read_at_the_end, LEN - 100);
  ck_assert_int_eq((int)r.last, H2WS_ERR_CLOSED);
  ck_assert_uint_eq(h2ws_conn_streams(pair.client), 0);
  test_pair_dispose(&pair);
  test_events_dispose(&pair.peer_events);
}
END_TEST

/* ------------------------------------------------------------------------
 * Many that are not read, and one that is
 */

#define UNREAD 99 /* with the one: as many as may be open */
#define FLOOD ((size_t)600 * 1024)
#define PART 100000

static uint8_t flood[FLOOD];

/* Row 0: the server does not read; row 1: the client, echoes of the same. */
static void leave_unread(struct test_pair *pair, struct test_events *events,
                         bool by_client) {
  h2ws_socket *socket = test_pair_open(pair, "/echo", events);
  test_pair_pump(pair);
  ck_assert_int_eq(events->opened, 1);
  ck_assert_int_eq(h2ws_socket_pause(by_client ? socket : pair->peer), 0);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, flood, FLOOD), 0);
  test_pair_pump(pair);
  ck_assert_int_eq(events->messages, 0);
}

static void echo_parts(struct test_pair *pair, h2ws_socket *socket,
                       const struct test_events *events, int parts) {
  int i;
  for (i = 0; i < parts; i++) {
    ck_assert_int_eq(h2ws_socket_send(socket, H2WS_BINARY, flood, PART), 0);
    test_pair_pump(pair);
    ck_assert_int_eq(events->messages, i + 1);
  }
}

START_TEST(F_19_FC_09_the_unread_do_not_hold_up_one) {
  static struct test_events all[UNREAD + 1];
  struct test_pair pair;
  h2ws_socket *socket;
  int i;
  test_pair_init(&pair, 65536);
  test_pair_start(&pair);
  memset(all, 0, sizeof(all));
  for (i = 0; i < UNREAD; i++) {
    leave_unread(&pair, &all[i], _i == 1);
  }
  socket = test_pair_open(&pair, "/echo", &all[UNREAD]);
  test_pair_pump(&pair);
  echo_parts(&pair, socket, &all[UNREAD], 400); /* more than all windows */
  test_pair_dispose(&pair);
  for (i = 0; i <= UNREAD; i++) {
    test_events_dispose(&all[i]);
  }
  test_events_dispose(&pair.peer_events);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("unread bytes");
  TCase *tc = tcase_create("unread");
  tcase_add_loop_test(tc, what_is_unread_can_be_read_in_on_close, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, F_19_FC_09_the_unread_do_not_hold_up_one, 0, 2);
  suite_add_tcase(suite, tc);
  return suite;
}
