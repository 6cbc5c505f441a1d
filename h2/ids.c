#include "h2/ids.h"

bool h2ws__ids_see(struct h2ws__ids *ids, int32_t id) {
  size_t i;
  if (id > ids->last) {
    int32_t expected = ids->last == 0 ? 1 : ids->last + 2;
    if (id > expected) {
      ids->gaps[ids->next_gap].first = expected;
      ids->gaps[ids->next_gap].last = id - 2;
      ids->next_gap = (ids->next_gap + 1) % H2WS__ID_GAPS;
    }
    ids->last = id;
    return true;
  }
  for (i = 0; i < H2WS__ID_GAPS; i++) {
    if (id >= ids->gaps[i].first && id <= ids->gaps[i].last) {
      return false;
    }
  }
  return true;
}
