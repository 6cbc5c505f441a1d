/* FI: the transport dies after every byte, in both directions. */
#include "tests/support/scenarios.h"
#include "tests/support/suite.h"

static struct world world;

static const size_t splits[] = {1, 7, 65536};

/* Returns the bytes that `side` sent. */
static size_t run(const struct scenario *scenario, size_t split, int side,
                  size_t cut_at) {
  size_t carried;
  world_init(&world, split);
  world.cut_at[side] = cut_at;
  ck_assert(world_start(&world));
  scenario_run(scenario, &world);
  world_advance(&world, 60000);
  carried = world.pipe[side].carried;
  world_end(&world);
  return carried;
}

START_TEST(any_split_gives_the_same) {
  const struct scenario *scenario = &scenarios[_i];
  size_t i;
  for (i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
    size_t client = run(scenario, splits[i], WORLD_CLIENT, WORLD_NO_CUT);
    ck_assert_uint_gt(client, 100);
  }
}
END_TEST

START_TEST(IO_08_interop_48_a_cut_at_each_byte_is_reported_once) {
  const struct scenario *scenario = &scenarios[_i];
  int side;
  for (side = 0; side < 2; side++) {
    size_t total = run(scenario, 65536, side, WORLD_NO_CUT);
    size_t step = total > 8000 ? total / 61 : 1; /* the long one */
    size_t at;
    for (at = 0; at < total; at += step) {
      (void)run(scenario, 65536, side, at);
    }
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("faults/cut");
  TCase *tc = tcase_create("scenarios");
  tcase_add_loop_test(tc, any_split_gives_the_same, 0, scenarios_len);
  tcase_add_loop_test(tc, IO_08_interop_48_a_cut_at_each_byte_is_reported_once,
                      0, scenarios_len);
  suite_add_tcase(suite, tc);
  return suite;
}
