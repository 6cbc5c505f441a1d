#include "ws/close_state.h"

#define S(name) H2WS__CLOSE_##name

/* clang-format off */
static const enum h2ws__close_state
    transitions[H2WS__CLOSE_STATES][H2WS__CLOSE_EVENTS] = {
  /*                  START          LOCAL           PEER
                      END            FAIL            ABORT       GONE */
  [S(CONNECTING)]  = {S(OPEN),       S(ABORTED),     S(CONNECTING),
                      S(CONNECTING), S(ABORTED),     S(ABORTED), S(DONE)},
  [S(OPEN)]        = {S(OPEN),       S(EXPECT_PEER), S(EXPECT_END),
                      S(ABORTED),    S(FAILED),      S(ABORTED), S(DONE)},
  [S(EXPECT_PEER)] = {S(EXPECT_PEER), S(EXPECT_PEER), S(EXPECT_END),
                      S(ABORTED),    S(FAILED),      S(ABORTED), S(DONE)},
  [S(EXPECT_END)]  = {S(EXPECT_END), S(EXPECT_END),  S(EXPECT_END),
                      S(EXPECT_END), S(EXPECT_END),  S(ABORTED), S(DONE)},
  [S(FAILED)]      = {S(FAILED),     S(FAILED),      S(FAILED),
                      S(FAILED),     S(FAILED),      S(ABORTED), S(DONE)},
  [S(ABORTED)]     = {S(ABORTED),    S(ABORTED),     S(ABORTED),
                      S(ABORTED),    S(ABORTED),     S(ABORTED), S(DONE)},
  [S(DONE)]        = {S(DONE),       S(DONE),        S(DONE),
                      S(DONE),       S(DONE),        S(DONE),    S(DONE)},
};
/* clang-format on */

enum h2ws__close_state h2ws__close_next(enum h2ws__close_state state,
                                        enum h2ws__close_event event) {
  return transitions[state][event];
}
