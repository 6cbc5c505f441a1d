/* Bytes that are long under way, in each direction for another time. */
#include <string.h>

#include "tests/support/scenarios.h"
#include "tests/support/suite.h"

#define STEP_MS 500
#define STEPS 13 /* delays of 0 to 6 s */
#define OPEN_MS 9000
#define CLOSE_MS 5000 /* the default of sockets */
#define PING_MS 5000
#define LONG_MS 60000
#define SEEDS 40

static struct world world;

/* ------------------------------------------------------------------------
 * Delays that do not change: what ends how, and when, can be computed
 */

/* Only what the test is about has a deadline. */
static void set_up(uint32_t there_ms, uint32_t back_ms) {
  int side;
  world_init(&world, 65536);
  world.delay[WORLD_CLIENT] = (struct world_delay){there_ms, there_ms};
  world.delay[WORLD_SERVER] = (struct world_delay){back_ms, back_ms};
  for (side = 0; side < 2; side++) {
    world.options[side].ping_interval_ms = 0;
    world.options[side].settings_timeout_ms = LONG_MS;
    world.options[side].ack_timeout_ms = LONG_MS;
    world.options[side].open_timeout_ms = LONG_MS;
  }
}

static struct world_handle *open_now(void) {
  struct world_handle *h;
  ck_assert(world_start(&world));
  h = world_open(&world, "/echo");
  ck_assert_ptr_nonnull(h);
  world_pump(&world);
  return h;
}

/* The server's side of the only WebSocket. */
static const struct world_handle *server_handle(void) {
  ck_assert_uint_eq(world.handles_len, 2);
  return &world.handles[1];
}

static uint64_t ms_between(h2ws_time from, h2ws_time to) {
  return (to - from) / H2WS_MS;
}

/* SETTINGS come, the request goes, the answer comes. */
static void try_open(uint32_t there_ms, uint32_t back_ms) {
  uint32_t takes_ms = back_ms + there_ms + back_ms;
  struct world_handle *h;
  set_up(there_ms, back_ms);
  world.options[WORLD_CLIENT].open_timeout_ms = OPEN_MS;
  h = open_now();
  world_advance(&world, LONG_MS / 2);
  if (takes_ms <= OPEN_MS) {
    ck_assert(h->opened && !h->closed);
    ck_assert_uint_eq(ms_between(h->asked_at, h->opened_at), takes_ms);
  } else {
    ck_assert(!h->opened && h->closed);
    ck_assert_uint_eq(ms_between(h->asked_at, h->closed_at), OPEN_MS);
    ck_assert_int_eq(h->cls, H2WS_CLOSE_TIMEOUT);
    if (world.handles_len > 1) { /* it was asked in time, answered too late */
      ck_assert_int_eq(server_handle()->cls, H2WS_CLOSE_LOST);
    }
  }
  world_end(&world);
}

START_TEST(TM_an_open_ends_at_its_deadline) {
  uint32_t back;
  for (back = 0; back < STEPS; back++) {
    try_open((uint32_t)_i * STEP_MS, back * STEP_MS);
  }
}
END_TEST

static void try_close(uint32_t there_ms, uint32_t back_ms) {
  struct world_handle *h;
  set_up(there_ms, back_ms);
  h = open_now();
  world_advance(&world, LONG_MS / 2);
  ck_assert(h->opened);
  world_close(h, 1000);
  world_pump(&world);
  world_advance(&world, LONG_MS);
  ck_assert(h->closed);
  if (there_ms + back_ms <= CLOSE_MS) {
    ck_assert_int_eq(h->cls, H2WS_CLOSE_CLEAN);
    ck_assert_int_eq(server_handle()->cls, H2WS_CLOSE_CLEAN);
    ck_assert_uint_ge(ms_between(h->closing_at, h->closed_at),
                      there_ms + back_ms);
  } else {
    ck_assert_int_eq(h->cls, H2WS_CLOSE_TIMEOUT);
    ck_assert_uint_eq(ms_between(h->closing_at, h->closed_at), CLOSE_MS);
  }
  ck_assert(server_handle()->closed);
  world_end(&world);
}

START_TEST(TM_a_close_ends_at_its_deadline) {
  uint32_t back;
  for (back = 0; back < STEPS; back++) {
    try_close((uint32_t)_i * STEP_MS, back * STEP_MS);
  }
}
END_TEST

static void try_ping(uint32_t there_ms, uint32_t back_ms) {
  struct world_handle *h;
  set_up(there_ms, back_ms);
  /* So long that no answer to an earlier PING comes in for that to a later. */
  world.options[WORLD_CLIENT].ping_interval_ms = 15000;
  world.options[WORLD_CLIENT].ping_timeout_ms = PING_MS;
  h = open_now();
  world_advance(&world, (uint64_t)2 * LONG_MS);
  if (there_ms + back_ms <= PING_MS) {
    ck_assert(h->opened && !h->closed);
  } else {
    ck_assert(h->closed);
    ck_assert_int_eq(h->cls, H2WS_CLOSE_TIMEOUT);
    ck_assert_int_eq(world.conn_error[WORLD_CLIENT], H2WS_ERR_TIMEOUT);
    ck_assert(world.conn_closed[WORLD_SERVER]);
  }
  world_end(&world);
}

START_TEST(TM_a_ping_that_is_not_answered_in_time_ends_all) {
  uint32_t back;
  for (back = 0; back < STEPS; back++) {
    try_ping((uint32_t)_i * STEP_MS, back * STEP_MS);
  }
}
END_TEST

/* ------------------------------------------------------------------------
 * Random delays, while an application does not wait for them either
 */

/* Which deadlines have passed, in all runs. */
static struct {
  unsigned clean;
  unsigned open;
  unsigned close;
  unsigned ping;
} seen;

static bool ended_with_its_connection(const struct world_handle *h) {
  int side = h->by_client ? WORLD_CLIENT : WORLD_SERVER;
  return world.conn_closed[side] &&
         world.conn_error[side] == H2WS_ERR_TIMEOUT &&
         world.conn_closed_at[side] == h->closed_at;
}

/* A server waits for the CLOSE of clients only where it drains. */
static void judge_served(const struct world_handle *h, bool drains) {
  bool late = h->closed && h->cls == H2WS_CLOSE_TIMEOUT;
  bool ping_late = late && ended_with_its_connection(h);
  ck_assert(!late || ping_late || drains);
  seen.ping += ping_late;
}

/* No WebSocket is kept beyond a deadline, and none ends as late without one. */
static void judge(const struct world_handle *h, uint32_t open_ms) {
  h2ws_time open_by = h->asked_at + open_ms * H2WS_MS;
  h2ws_time close_by = h->closing_at == H2WS_NEVER
                         ? H2WS_NEVER
                         : h->closing_at + CLOSE_MS * H2WS_MS;
  h2ws_time linger = 2000 * H2WS_MS;
  bool late = h->closed && h->cls == H2WS_CLOSE_TIMEOUT;
  bool open_late = late && !h->opened && h->closed_at == open_by;
  bool close_late = late && h->closed_at == close_by;
  bool ping_late = late && ended_with_its_connection(h);
  ck_assert(!h->opened || h->opened_at <= open_by);
  ck_assert(h->opened || (h->closed && h->closed_at <= open_by));
  if (close_by != H2WS_NEVER) {
    ck_assert(h->closed && h->closed_at <= close_by + linger);
  }
  ck_assert(!late || open_late || close_late || ping_late);
  seen.clean += h->closed && h->cls == H2WS_CLOSE_CLEAN;
  seen.open += open_late;
  seen.close += close_late && h->opened;
  seen.ping += ping_late;
}

static void run_random(const struct scenario *scenario, unsigned seed) {
  static const struct world_delay slow = {0, 5000};
  static const struct world_delay fast = {0, 1500};
  static const struct world_delay none = {0, 1};
  const struct world_delay *slower = seed % 4 < 2 ? &slow : &fast;
  size_t i;
  int side;
  world_init(&world, 4096);
  world.delay[seed % 2] = *slower;
  world.delay[1 - seed % 2] = slower == &slow ? fast : none;
  world.pause = slow;
  world.delay_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
  for (side = 0; side < 2; side++) {
    world.options[side].open_timeout_ms = 6000;
    world.options[side].ping_interval_ms = 2000;
    world.options[side].ping_timeout_ms = 2500;
  }
  ck_assert(world_start(&world));
  scenario_run(scenario, &world);
  world_advance(&world, LONG_MS);
  for (i = 0; i < world.handles_len; i++) {
    const struct world_handle *h = &world.handles[i];
    if (h->is_socket && h->by_client) {
      judge(h, 6000);
    } else if (h->is_socket) {
      judge_served(h, strcmp(scenario->name, "drained") == 0);
    }
  }
  world_end(&world);
}

START_TEST(IO_any_delay_ends_each_socket_once_and_in_time) {
  int s;
  unsigned seed;
  for (s = 0; s < scenarios_len; s++) {
    for (seed = 0; seed < SEEDS; seed++) {
      run_random(&scenarios[s], seed);
    }
  }
  ck_assert_uint_gt(seen.clean, 0);
  ck_assert_uint_gt(seen.open, 0);
  ck_assert_uint_gt(seen.close, 0);
  ck_assert_uint_gt(seen.ping, 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("faults/delay");
  TCase *tc = tcase_create("fixed");
  tcase_add_loop_test(tc, TM_an_open_ends_at_its_deadline, 0, STEPS);
  tcase_add_loop_test(tc, TM_a_close_ends_at_its_deadline, 0, STEPS);
  tcase_add_loop_test(tc, TM_a_ping_that_is_not_answered_in_time_ends_all, 0,
                      STEPS);
  suite_add_tcase(suite, tc);
  tc = tcase_create("random");
  tcase_add_test(tc, IO_any_delay_ends_each_socket_once_and_in_time);
  suite_add_tcase(suite, tc);
  return suite;
}
