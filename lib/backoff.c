/* When to connect again (RFC 6455 section 7.2.3). */
#include <h2ws/core.h>

#define FIRST_MS UINT32_C(5000)
#define MAX_MS UINT32_C(60000)

uint32_t h2ws_backoff_ms(unsigned attempt, uint32_t random) {
  uint32_t longest = FIRST_MS;
  uint32_t shortest;
  while (attempt > 0 && longest < MAX_MS) {
    longest *= 2;
    attempt--;
  }
  longest = longest < MAX_MS ? longest : MAX_MS;
  shortest = longest == FIRST_MS ? 0 : longest / 2;
  return shortest + random % (longest - shortest + 1);
}
