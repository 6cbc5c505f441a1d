/*
 * FI: over HTTP/1.1, every allocation fails, once or for good, and the
 * transport dies after every byte. What must hold is checked by world.c.
 */
#include <string.h>

#include "tests/support/scenarios.h"
#include "tests/support/suite.h"

static struct world world;

/* Those with one socket. */
static const char *const names[] = {
  "echo",       "echo in chunks", "large", "streamed", "echo compressed",
  "compressed", "drained",
};
#define NAMES ((int)(sizeof(names) / sizeof(names[0])))

static void play(int i) {
  int k = 0;
  while (strcmp(scenarios[k].name, names[i]) != 0) {
    k++;
    ck_assert_int_lt(k, scenarios_len);
  }
  scenario_run(&scenarios[k], &world);
  world_advance(&world, 60000);
}

static void prepare(size_t split) {
  world_init(&world, split);
  world.options[WORLD_CLIENT].http = H2WS_HTTP_1_1;
  world.options[WORLD_SERVER].http = H2WS_HTTP_ANY;
}

/* Returns the number of allocations that were asked for. */
static size_t run_short(int i, size_t fail_at, bool and_after) {
  size_t asked;
  prepare(65536);
  world.env.fail_at = fail_at;
  world.env.fail_after = and_after;
  if (world_start(&world)) {
    play(i);
  }
  asked = world.env.allocations;
  world_end(&world);
  return asked;
}

START_TEST(each_allocation_fails) {
  int and_after;
  for (and_after = 0; and_after < 2; and_after++) {
    size_t at = 1;
    while (run_short(_i, at, and_after == 1) >= at) {
      at++;
    }
    ck_assert_uint_gt(at, 10);
  }
}
END_TEST

/* Returns the bytes that `side` sent. */
static size_t run_cut(int i, size_t split, int side, size_t cut_at) {
  size_t carried;
  prepare(split);
  world.cut_at[side] = cut_at;
  ck_assert(world_start(&world));
  play(i);
  carried = world.pipe[side].carried;
  world_end(&world);
  return carried;
}

START_TEST(IO_08_interop_48_a_cut_at_each_byte_is_reported_once) {
  int side;
  for (side = 0; side < 2; side++) {
    size_t total = run_cut(_i, 65536, side, WORLD_NO_CUT);
    size_t step = total > 8000 ? total / 61 : 1; /* the long one */
    size_t at;
    ck_assert_uint_gt(total, 40);
    ck_assert_uint_gt(run_cut(_i, 7, side, WORLD_NO_CUT), 40);
    for (at = 0; at < total; at += step) {
      (void)run_cut(_i, 65536, side, at);
    }
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/faults");
  TCase *tc = tcase_create("scenarios");
  tcase_add_loop_test(tc, each_allocation_fails, 0, NAMES);
  tcase_add_loop_test(tc, IO_08_interop_48_a_cut_at_each_byte_is_reported_once,
                      0, NAMES);
  suite_add_tcase(suite, tc);
  return suite;
}
