/* Stream ids: those that were skipped, and the last one. */
#include "h2/ids.h"

#include <check.h>
#include <string.h>

#include "h2/session.h"
#include "tests/support/clock.h"
#include "tests/support/suite.h"

START_TEST(F_08_skipped_ids_are_closed) {
  struct h2ws__ids ids = {0};
  ck_assert(h2ws__ids_see(&ids, 1));
  ck_assert(h2ws__ids_see(&ids, 3));
  ck_assert(h2ws__ids_see(&ids, 9));
  ck_assert(h2ws__ids_see(&ids, 3)); /* was in use */
  ck_assert(!h2ws__ids_see(&ids, 5));
  ck_assert(!h2ws__ids_see(&ids, 7));
  ck_assert(h2ws__ids_see(&ids, 11));
}
END_TEST

START_TEST(F_08_the_first_id_may_skip_too) {
  struct h2ws__ids ids = {0};
  ck_assert(h2ws__ids_see(&ids, 5));
  ck_assert(!h2ws__ids_see(&ids, 1));
  ck_assert(!h2ws__ids_see(&ids, 3));
  ck_assert(h2ws__ids_see(&ids, 0x7fffffff));
  ck_assert(!h2ws__ids_see(&ids, 0x7ffffffd));
}
END_TEST

START_TEST(F_08_the_newest_gaps_are_remembered) {
  struct h2ws__ids ids = {0};
  int32_t id;
  for (id = 1; id < 401; id += 4) {
    ck_assert(h2ws__ids_see(&ids, id));
  }
  ck_assert(!h2ws__ids_see(&ids, 395));
  ck_assert(!h2ws__ids_see(&ids, 395 - 4 * (H2WS__ID_GAPS - 1)));
}
END_TEST

/* ------------------------------------------------------------------------
 * A client that uses the last one
 */

static int ended;

static void on_ready(void *owner, bool extended_connect) {
  (void)owner;
  (void)extended_connect;
}

static void on_want_send(void *owner) {
  (void)owner;
}

static void on_over(void *owner, const h2ws_close_info *info) {
  (void)owner;
  (void)info;
}

static const struct h2ws__session_events events = {
  .ready = on_ready,
  .want_send = on_want_send,
  .over = on_over,
};

static void on_close(h2ws_stream *stream, const h2ws_close_info *info,
                     void *user) {
  (void)stream;
  *(h2ws_close_info *)user = *info;
  ended++;
}

static const h2ws_stream_callbacks callbacks = {
  .size = sizeof(callbacks),
  .on_close = on_close,
};

START_TEST(F_09_LC_14_interop_57_a_client_runs_out_of_ids) {
  static uint8_t settings[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1};
  struct test_env env;
  h2ws_mem mem;
  h2ws_conn_options options;
  h2ws_request request = {.size = sizeof(request),
                          .protocol = "websocket",
                          .authority = "example.com",
                          .path = "/"};
  h2ws_close_info infos[2];
  h2ws_stream *streams[2];
  struct h2ws__env *inner;
  struct h2ws__h2 *h2;
  ended = 0;
  test_env_init(&env);
  test_env_options(&env, &mem, &options);
  inner = h2ws__env_new(&mem);
  inner->now = options.now;
  inner->user = options.env_user;
  ck_assert_int_eq(h2ws__h2_new(&h2, inner, &options, false, &events, NULL), 0);
  ck_assert_int_eq(nghttp2_session_set_next_stream_id(h2->session, INT32_MAX),
                   0);
  ck_assert_int_eq(
    h2ws__h2_open(h2, &streams[0], &request, &callbacks, &infos[0]), 0);
  ck_assert_int_eq(
    h2ws__h2_open(h2, &streams[1], &request, &callbacks, &infos[1]), 0);
  ck_assert_int_eq(h2ws__h2_recv(h2, settings, sizeof(settings)), 0);
  ck_assert_int_eq(h2ws_stream_id(streams[0]), INT32_MAX);
  ck_assert_int_eq(ended, 1);
  ck_assert_int_eq(infos[1].error, H2WS_ERR_EXHAUSTED);
  ck_assert(infos[1].retryable);
  ck_assert(!h2ws__h2_can_open(h2));
  ck_assert_int_eq(
    h2ws__h2_open(h2, &streams[1], &request, &callbacks, &infos[1]),
    H2WS_ERR_EXHAUSTED);
  h2ws__h2_abandon(h2);
  ck_assert_int_eq(ended, 2);
  h2ws__h2_free(h2);
  h2ws__chunk_pool_trim(&inner->chunks);
  h2ws__env_release(inner);
  ck_assert_uint_eq(env.live, 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h2/ids");
  TCase *tc = tcase_create("ids");
  tcase_add_test(tc, F_08_skipped_ids_are_closed);
  tcase_add_test(tc, F_08_the_first_id_may_skip_too);
  tcase_add_test(tc, F_08_the_newest_gaps_are_remembered);
  tcase_add_test(tc, F_09_LC_14_interop_57_a_client_runs_out_of_ids);
  suite_add_tcase(suite, tc);
  return suite;
}
