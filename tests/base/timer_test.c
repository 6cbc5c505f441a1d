/* Timers, beside an array that is searched. */
#include "lib/base/timer.h"

#include <string.h>

#include "lib/base/list.h"
#include "tests/support/suite.h"

#define TIMERS 64

struct entry {
  struct h2ws__timer timer;
  h2ws_time at; /* as the model has it */
  int fired;
  bool set;
};

static struct h2ws__timers timers;
static struct entry entries[TIMERS];
static struct entry *order[TIMERS];
static size_t order_len;
static int moves;

static void on_moved(struct h2ws__timers *t) {
  ck_assert_ptr_eq(t, &timers);
  moves++;
}

static void on_fire(struct h2ws__timer *timer) {
  struct entry *entry = H2WS__OWNER(timer, struct entry, timer);
  ck_assert(!h2ws__timer_is_set(timer));
  ck_assert_uint_lt(order_len, TIMERS);
  entry->fired++;
  entry->set = false;
  order[order_len++] = entry;
}

static void begin(void) {
  size_t i;
  memset(&timers, 0, sizeof(timers));
  memset(entries, 0, sizeof(entries));
  timers.moved = on_moved;
  for (i = 0; i < TIMERS; i++) {
    entries[i].timer.fire = on_fire;
  }
  order_len = 0;
  moves = 0;
}

static void set(size_t i, h2ws_time at) {
  entries[i].set = at != H2WS_NEVER;
  entries[i].at = at;
  h2ws__timer_set(&timers, &entries[i].timer, at);
}

static void stop(size_t i) {
  h2ws__timer_stop(&timers, &entries[i].timer);
  entries[i].set = false;
}

static h2ws_time earliest(void) {
  h2ws_time at = H2WS_NEVER;
  size_t i;
  for (i = 0; i < TIMERS; i++) {
    if (h2ws__timer_is_set(&entries[i].timer) != entries[i].set) {
      ck_abort_msg("timer %zu", i);
    }
    if (entries[i].set && entries[i].at < at) {
      at = entries[i].at;
    }
  }
  return at;
}

START_TEST(no_timer_no_deadline) {
  begin();
  ck_assert(h2ws__timers_next(&timers) == H2WS_NEVER);
  h2ws__timers_run(&timers, 1000);
  stop(0); /* a zeroed timer is stopped */
  set(0, H2WS_NEVER);
  ck_assert(!h2ws__timer_is_set(&entries[0].timer));
  ck_assert(h2ws__timers_next(&timers) == H2WS_NEVER);
}
END_TEST

START_TEST(the_earliest_fires_first_and_once) {
  begin();
  set(0, 30);
  set(1, 10);
  set(2, 20);
  set(3, 40);
  ck_assert_uint_eq(h2ws__timers_next(&timers), 10);
  h2ws__timers_run(&timers, 9);
  ck_assert_uint_eq(order_len, 0);
  h2ws__timers_run(&timers, 30);
  ck_assert_uint_eq(order_len, 3);
  ck_assert_ptr_eq(order[0], &entries[1]);
  ck_assert_ptr_eq(order[1], &entries[2]);
  ck_assert_ptr_eq(order[2], &entries[0]);
  h2ws__timers_run(&timers, 30);
  ck_assert_uint_eq(order_len, 3);
  ck_assert_uint_eq(h2ws__timers_next(&timers), 40);
}
END_TEST

START_TEST(a_move_is_told_only_when_it_is_to_earlier) {
  begin();
  set(0, 100);
  ck_assert_int_eq(moves, 1);
  set(1, 200);
  ck_assert_int_eq(moves, 1);
  set(2, 50);
  ck_assert_int_eq(moves, 2);
  stop(2);
  ck_assert_int_eq(moves, 2);
  set(0, 300);
  ck_assert_int_eq(moves, 2);
  ck_assert_uint_eq(h2ws__timers_next(&timers), 200);
}
END_TEST

static void fire_again(struct h2ws__timer *timer) {
  on_fire(timer);
  h2ws__timer_set(&timers, timer, 10);
}

START_TEST(a_timer_armed_for_now_waits_for_the_next_turn) {
  begin();
  entries[0].timer.fire = fire_again;
  set(0, 10);
  h2ws__timers_run(&timers, 1000);
  ck_assert_int_eq(entries[0].fired, 1);
  ck_assert_uint_eq(h2ws__timers_next(&timers), 10);
  h2ws__timers_run(&timers, 1000);
  ck_assert_int_eq(entries[0].fired, 2);
  stop(0);
}
END_TEST

static void fire_and_disturb(struct h2ws__timer *timer) {
  on_fire(timer);
  stop(1);
  stop(3);
  set(2, 500);
}

START_TEST(a_firing_timer_may_stop_and_move_others) {
  begin();
  entries[0].timer.fire = fire_and_disturb;
  set(0, 10);
  set(1, 11); /* due too, and stopped */
  set(2, 12); /* due too, and moved */
  set(3, 900);
  set(4, 13);
  h2ws__timers_run(&timers, 20);
  ck_assert_int_eq(entries[0].fired, 1);
  ck_assert_int_eq(entries[1].fired, 0);
  ck_assert_int_eq(entries[2].fired, 0);
  ck_assert_int_eq(entries[4].fired, 1);
  ck_assert_uint_eq(h2ws__timers_next(&timers), 500);
  h2ws__timers_run(&timers, 1000);
  ck_assert_int_eq(entries[2].fired, 1);
  ck_assert_int_eq(entries[3].fired, 0);
}
END_TEST

static uint32_t random_state;

static size_t random_below(size_t limit) {
  random_state = random_state * 1664525 + 1013904223;
  return (random_state >> 8) % limit;
}

/* All that is due fires, in order, and nothing else. */
static void run_and_check(h2ws_time now) {
  size_t due = 0;
  size_t i;
  for (i = 0; i < TIMERS; i++) {
    due += entries[i].set && entries[i].at <= now;
  }
  order_len = 0;
  h2ws__timers_run(&timers, now);
  ck_assert_uint_eq(order_len, due);
  for (i = 0; i < order_len; i++) {
    ck_assert_uint_le(order[i]->at, now);
    ck_assert(i == 0 || order[i - 1]->at <= order[i]->at);
  }
}

static void fire_and_stop_one(struct h2ws__timer *timer) {
  on_fire(timer);
  stop(random_below(TIMERS));
}

/* Those that were due and not stopped have fired, all in this turn. */
START_TEST(stopped_timers_do_not_hold_up_others) {
  size_t i;
  begin();
  random_state = (uint32_t)_i + 99;
  for (i = 0; i < TIMERS; i++) {
    entries[i].timer.fire = fire_and_stop_one;
    set(i, 1 + random_below(100));
  }
  h2ws__timers_run(&timers, 100);
  ck_assert(earliest() == H2WS_NEVER);
  ck_assert(h2ws__timers_next(&timers) == H2WS_NEVER);
  for (i = 1; i < order_len; i++) {
    ck_assert_uint_le(order[i - 1]->at, order[i]->at);
  }
}
END_TEST

START_TEST(ten_thousand_random_steps) {
  h2ws_time now = 0;
  int i;
  begin();
  random_state = (uint32_t)_i + 7;
  for (i = 0; i < 10000; i++) {
    size_t which = random_below(TIMERS);
    switch (random_below(6)) {
    case 0:
      stop(which);
      break;
    case 1:
      now += random_below(40);
      run_and_check(now);
      break;
    default:
      set(which, now + random_below(300));
      break;
    }
    if (h2ws__timers_next(&timers) != earliest()) {
      ck_abort_msg("step %d", i);
    }
  }
}
END_TEST

START_TEST(milliseconds_become_a_deadline) {
  ck_assert(h2ws__deadline_after(5, 0) == H2WS_NEVER);
  ck_assert_uint_eq(h2ws__deadline_after(5, 1), 5 + H2WS_MS);
  ck_assert_uint_eq(h2ws__deadline_after(0, UINT32_MAX),
                    (h2ws_time)UINT32_MAX * H2WS_MS);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/timer");
  TCase *tc = tcase_create("timer");
  tcase_add_test(tc, no_timer_no_deadline);
  tcase_add_test(tc, the_earliest_fires_first_and_once);
  tcase_add_test(tc, a_move_is_told_only_when_it_is_to_earlier);
  tcase_add_test(tc, a_timer_armed_for_now_waits_for_the_next_turn);
  tcase_add_test(tc, a_firing_timer_may_stop_and_move_others);
  tcase_add_loop_test(tc, stopped_timers_do_not_hold_up_others, 0, 32);
  tcase_add_loop_test(tc, ten_thousand_random_steps, 0, 4);
  tcase_add_test(tc, milliseconds_become_a_deadline);
  suite_add_tcase(suite, tc);
  return suite;
}
