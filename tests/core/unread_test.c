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

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("unread bytes");
  TCase *tc = tcase_create("unread");
  tcase_add_loop_test(tc, what_is_unread_can_be_read_in_on_close, 0,
                      TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
