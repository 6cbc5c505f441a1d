/* The schedule of reconnecting. */
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

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/backoff");
  TCase *tc = tcase_create("schedule");
  tcase_add_test(tc, H_26_waits_grow_and_are_spread);
  suite_add_tcase(suite, tc);
  return suite;
}
