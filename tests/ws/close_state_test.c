/* The table of the closing handshake, and the codes. */
#include "tests/support/suite.h"
#include "ws/socket.h"

#define ST(name) H2WS__CLOSE_##name
#define EV(name) H2WS__CLOSE_EV_##name

static enum h2ws__close_state next(int state, int event) {
  return h2ws__close_next((enum h2ws__close_state)state,
                          (enum h2ws__close_event)event);
}

/* How far along the way a state is: there is no way back. */
static int rank(enum h2ws__close_state state) {
  static const int ranks[H2WS__CLOSE_STATES] = {
    [ST(CONNECTING)] = 0, [ST(OPEN)] = 1,   [ST(EXPECT_PEER)] = 2,
    [ST(EXPECT_END)] = 3, [ST(FAILED)] = 3, [ST(ABORTED)] = 4,
    [ST(DONE)] = 5,
  };
  return ranks[state];
}

START_TEST(there_is_no_way_back) {
  int state;
  int event;
  for (state = 0; state < H2WS__CLOSE_STATES; state++) {
    for (event = 0; event < H2WS__CLOSE_EVENTS; event++) {
      enum h2ws__close_state then = next(state, event);
      ck_assert_int_lt(then, H2WS__CLOSE_STATES);
      ck_assert_msg((int)then == state ||
                      rank(then) > rank((enum h2ws__close_state)state),
                    "state %d, event %d", state, event);
    }
  }
}
END_TEST

START_TEST(the_end_of_the_stream_ends_all) {
  int i;
  for (i = 0; i < H2WS__CLOSE_STATES; i++) {
    ck_assert_int_eq(next(i, EV(GONE)), ST(DONE));
    ck_assert_int_eq(next(i, EV(ABORT)),
                     i == ST(DONE) ? ST(DONE) : ST(ABORTED));
  }
  for (i = 0; i < H2WS__CLOSE_EVENTS; i++) {
    ck_assert_int_eq(next(ST(DONE), i), ST(DONE));
    ck_assert_int_eq(next(ST(ABORTED), i),
                     i == EV(GONE) ? ST(DONE) : ST(ABORTED));
  }
}
END_TEST

/* A state is entered from these states by this event, and in no other way. */
static void expect_entered(int entered, int by, unsigned from) {
  int state;
  int event;
  for (state = 0; state < H2WS__CLOSE_STATES; state++) {
    for (event = 0; event < H2WS__CLOSE_EVENTS; event++) {
      bool expected = event == by && (from >> state & 1U) != 0;
      if (state != entered) {
        ck_assert_msg(((int)next(state, event) == entered) == expected,
                      "state %d, event %d", state, event);
      }
    }
  }
}

START_TEST(each_state_has_its_door) {
  unsigned connecting = 1U << ST(CONNECTING);
  unsigned open = 1U << ST(OPEN);
  unsigned expect_peer = 1U << ST(EXPECT_PEER);
  expect_entered(ST(CONNECTING), -1, 0);
  expect_entered(ST(OPEN), EV(START), connecting);
  expect_entered(ST(EXPECT_PEER), EV(LOCAL), open);
  expect_entered(ST(EXPECT_END), EV(PEER), open | expect_peer);
  expect_entered(ST(FAILED), EV(FAIL), open | expect_peer);
}
END_TEST

START_TEST(an_end_before_both_closes_is_an_abort) {
  ck_assert_int_eq(next(ST(OPEN), EV(END)), ST(ABORTED));
  ck_assert_int_eq(next(ST(EXPECT_PEER), EV(END)), ST(ABORTED));
  ck_assert_int_eq(next(ST(EXPECT_END), EV(END)), ST(EXPECT_END));
  ck_assert_int_eq(next(ST(FAILED), EV(END)), ST(FAILED));
}
END_TEST

START_TEST(before_the_handshake_a_close_is_an_abort) {
  ck_assert_int_eq(next(ST(CONNECTING), EV(LOCAL)), ST(ABORTED));
  ck_assert_int_eq(next(ST(CONNECTING), EV(FAIL)), ST(ABORTED));
}
END_TEST

START_TEST(K_02_K_03_every_code) {
  unsigned code;
  for (code = 0; code <= 65535; code++) {
    bool valid;
    switch (code) {
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
      valid = true;
      break;
    default:
      valid = code >= 3000 && code < 5000;
      break;
    }
    ck_assert_msg(h2ws__close_code_is_valid((uint16_t)code) == valid, "%u",
                  code);
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("ws/close_state");
  TCase *tc = tcase_create("table");
  tcase_add_test(tc, there_is_no_way_back);
  tcase_add_test(tc, the_end_of_the_stream_ends_all);
  tcase_add_test(tc, each_state_has_its_door);
  tcase_add_test(tc, an_end_before_both_closes_is_an_abort);
  tcase_add_test(tc, before_the_handshake_a_close_is_an_abort);
  tcase_add_test(tc, K_02_K_03_every_code);
  suite_add_tcase(suite, tc);
  return suite;
}
