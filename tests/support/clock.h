/* Time, randomness and memory for tests: all of them under control. */
#ifndef H2WS_TESTS_CLOCK_H
#define H2WS_TESTS_CLOCK_H

#include <h2ws/core.h>

/* A clock that moves only when told to, and what depends on it. */
struct test_env {
  h2ws_time now;
  uint64_t random_state;
  bool random_fails;
  size_t live;        /* blocks allocated and not freed */
  size_t bytes;       /* in them */
  size_t peak;        /* the most of that; a resize counts once */
  size_t allocations; /* made so far */
  size_t largest;     /* block asked for so far */
  size_t fail_at;     /* this allocation fails, counted from 1; 0 none */
  bool fail_after;    /* and all that follow */
};

void test_env_init(struct test_env *env);

/* Options with this clock, randomness and memory. */
void test_env_options(struct test_env *env, h2ws_mem *mem,
                      h2ws_conn_options *options);

#endif
