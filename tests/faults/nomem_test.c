/*
 * FI: every allocation of every scenario fails once, or it and all after it:
 * ours, nghttp2's, zlib's (all through the hook) and wslay's (by standing in
 * for the function that makes it).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <wslay/wslay.h>

#include "tests/support/scenarios.h"
#include "tests/support/suite.h"

static struct world world;

/* wslay has no allocator hook: its constructor counts as one allocation. */
int wslay_frame_context_init(wslay_frame_context_ptr *ctx,
                             const struct wslay_frame_callbacks *callbacks,
                             void *user_data) {
  int (*real)(wslay_frame_context_ptr *, const struct wslay_frame_callbacks *,
              void *);
  void *block = world.mem.alloc(1, world.mem.user);
  if (block == NULL) {
    return WSLAY_ERR_NOMEM;
  }
  world.mem.release(block, world.mem.user);
  *(void **)&real = dlsym(RTLD_NEXT, "wslay_frame_context_init");
  return real(ctx, callbacks, user_data);
}

/* Returns the number of allocations that were asked for. */
static size_t run(const struct scenario *scenario, size_t fail_at,
                  bool and_after) {
  size_t asked;
  world_init(&world, 65536);
  world.env.fail_at = fail_at;
  world.env.fail_after = and_after;
  if (world_start(&world)) {
    scenario_run(scenario, &world);
    world_advance(&world, 60000);
  }
  asked = world.env.allocations;
  world_end(&world);
  return asked;
}

START_TEST(without_a_failure_all_ends_well) {
  size_t asked = run(&scenarios[_i], 0, false);
  ck_assert_uint_gt(asked, 10);
  ck_assert_int_eq(world.conn_error[WORLD_SERVER] == H2WS_ERR_NOMEM, 0);
}
END_TEST

START_TEST(RS_02_each_allocation_fails_once) {
  size_t at = 1;
  while (run(&scenarios[_i], at, false) >= at) {
    at++;
  }
  ck_assert_uint_gt(at, 10);
}
END_TEST

START_TEST(RS_01_memory_runs_out_for_good) {
  size_t at = 1;
  while (run(&scenarios[_i], at, true) >= at) {
    at++;
  }
  ck_assert_uint_gt(at, 10);
}
END_TEST

/*
 * A failure while one socket works must leave its neighbour alone, unless it
 * took the connection with it, which then says so.
 */
START_TEST(a_neighbour_is_unharmed) {
  size_t at;
  size_t opened = 0;
  for (at = 1;; at++) {
    struct world_handle *quiet;
    struct world_handle *busy;
    bool over;
    world_init(&world, 65536);
    ck_assert(world_start(&world));
    quiet = world_open(&world, "/echo");
    busy = world_open(&world, "/echo");
    world_pump(&world);
    opened = world.env.allocations;
    world.env.fail_at = opened + at;
    world_stream(busy, 50000);
    world_send(busy, H2WS_TEXT, 400);
    world_pump(&world);
    over = world.env.allocations < opened + at;
    world.env.fail_at = 0;
    world_send(quiet, H2WS_TEXT, 100);
    world_pump(&world);
    if (world.conn_closed[WORLD_CLIENT] || world.conn_closed[WORLD_SERVER]) {
      ck_assert(world.conn_error[WORLD_CLIENT] == H2WS_ERR_NOMEM ||
                world.conn_error[WORLD_SERVER] == H2WS_ERR_NOMEM);
    } else {
      ck_assert_uint_eq(quiet->messages, 1);
    }
    world_end(&world);
    if (over) {
      break;
    }
  }
  ck_assert_uint_gt(at, 1);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("faults/nomem");
  TCase *tc = tcase_create("scenarios");
  tcase_add_loop_test(tc, without_a_failure_all_ends_well, 0, scenarios_len);
  tcase_add_loop_test(tc, RS_02_each_allocation_fails_once, 0, scenarios_len);
  tcase_add_loop_test(tc, RS_01_memory_runs_out_for_good, 0, scenarios_len);
  tcase_add_test(tc, a_neighbour_is_unharmed);
  suite_add_tcase(suite, tc);
  return suite;
}
