/* The schedule of reconnecting, and whether it helps. */
#include <h2ws/core.h>

#include "tests/support/suite.h"

START_TEST(H_26_waits_grow_and_are_spread) {
  static const struct {
    unsigned attempt;
    uint32_t shortest;
    uint32_t longest;
  } rows[] = {
    {0, 0, 5000},       {1, 5000, 10000},    {2, 10000, 20000},
    {3, 20000, 40000},  {4, 30000, 60000},   {5, 30000, 60000},
    {99, 30000, 60000}, {~0u, 30000, 60000},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    uint32_t spread = rows[i].longest - rows[i].shortest + 1;
    uint32_t random = 12345;
    int n;
    ck_assert_uint_eq(h2ws_backoff_ms(rows[i].attempt, 0), rows[i].shortest);
    ck_assert_uint_eq(h2ws_backoff_ms(rows[i].attempt, spread - 1),
                      rows[i].longest);
    for (n = 0; n < 1000; n++) {
      uint32_t ms;
      random = random * 1664525u + 1013904223u;
      ms = h2ws_backoff_ms(rows[i].attempt, random);
      ck_assert_uint_ge(ms, rows[i].shortest);
      ck_assert_uint_le(ms, rows[i].longest);
    }
  }
}
END_TEST

START_TEST(H_26_any_limits_will_do) {
  static const uint32_t values[] = {0, 1, 7, UINT32_MAX};
  h2ws_backoff backoff;
  unsigned attempt;
  int i;
  h2ws_backoff_default(&backoff, sizeof(backoff));
  ck_assert_uint_eq(backoff.first_ms, 5000);
  ck_assert_uint_eq(backoff.max_ms, 60000);
  for (i = 0; i < 16; i++) {
    backoff.first_ms = values[i % 4];
    backoff.max_ms = values[i / 4];
    for (attempt = 0; attempt < 70; attempt++) {
      uint32_t low = h2ws_backoff_wait(&backoff, attempt, 0);
      uint32_t some = h2ws_backoff_wait(&backoff, attempt, 0x9e3779b9);
      ck_assert_uint_le(low, some);
      ck_assert_uint_le(some, backoff.max_ms);
      ck_assert(attempt > 0 || low == 0);
      ck_assert(attempt < 40 || backoff.first_ms == 0 ||
                low == backoff.max_ms / 2);
    }
  }
  ck_assert_uint_eq(h2ws_backoff_wait(NULL, 0, 1), 0);
}
END_TEST

START_TEST(H_26_it_does_not_help_against_all) {
  static const struct {
    h2ws_close_info info;
    bool helps;
  } rows[] = {
    {{.cls = H2WS_CLOSE_LOST, .error = H2WS_ERR_LOST}, true},
    {{.cls = H2WS_CLOSE_LOST, .error = H2WS_ERR_RESET}, true},
    {{.cls = H2WS_CLOSE_TIMEOUT, .error = H2WS_ERR_TIMEOUT}, true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_CONNECT}, true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_RESOLVE}, true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_RETRY}, true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 429},
     true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 500},
     true},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 503},
     true},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1001}, true},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1012}, true},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1013}, true},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1000}, false},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1005}, false},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 1008}, false},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = true, .code = 4000}, false},
    {{.cls = H2WS_CLOSE_CLEAN, .by_peer = false, .code = 1001}, false},
    {{.cls = H2WS_CLOSE_ABORTED, .error = H2WS_ERR_ABORTED}, false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_CERTIFICATE}, false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_ALPN}, false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_UNSUPPORTED}, false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_HEADER}, false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 302},
     false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 401},
     false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 404},
     false},
    {{.cls = H2WS_CLOSE_REFUSED, .error = H2WS_ERR_REFUSED, .status = 501},
     false},
    {{.cls = H2WS_CLOSE_PROTOCOL, .error = H2WS_ERR_PROTO}, false},
    {{.cls = H2WS_CLOSE_PROTOCOL, .error = H2WS_ERR_HANDSHAKE}, false},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    ck_assert_msg(h2ws_backoff_helps(&rows[i].info) == rows[i].helps, "row %zu",
                  i);
  }
  ck_assert(!h2ws_backoff_helps(NULL));
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/backoff");
  TCase *tc = tcase_create("schedule");
  tcase_add_test(tc, H_26_waits_grow_and_are_spread);
  tcase_add_test(tc, H_26_any_limits_will_do);
  tcase_add_test(tc, H_26_it_does_not_help_against_all);
  suite_add_tcase(suite, tc);
  return suite;
}
