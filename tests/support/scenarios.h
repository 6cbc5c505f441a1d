/* What two endpoints do together, for tests that then break something. */
#ifndef H2WS_TESTS_SCENARIOS_H
#define H2WS_TESTS_SCENARIOS_H

#include "tests/support/world.h"

struct scenario {
  const char *name;
  void (*run)(struct world *w);
  bool chunked;
  bool compressed;
};

extern const struct scenario scenarios[];
extern const int scenarios_len;

/* The scenario between world_start() and world_end(). */
void scenario_run(const struct scenario *scenario, struct world *w);

#endif
