#include "lib/io/origins.h"

#include <stdlib.h>
#include <string.h>

void h2ws__origins_dispose(struct h2ws__origins *origins) {
  size_t i;
  for (i = 0; i < H2WS__ORIGINS_MAX; i++) {
    free(origins->at[i].name);
    origins->at[i].name = NULL;
  }
}

void h2ws__origins_add(struct h2ws__origins *origins, const char *name,
                       h2ws_time now) {
  size_t i = origins->next;
  if (h2ws__origins_have(origins, name, now)) {
    return;
  }
  free(origins->at[i].name);
  origins->at[i].name = strdup(name);
  origins->at[i].until = now + H2WS__ORIGIN_TTL;
  origins->next = (i + 1) % H2WS__ORIGINS_MAX;
}

bool h2ws__origins_have(const struct h2ws__origins *origins, const char *name,
                        h2ws_time now) {
  size_t i;
  for (i = 0; i < H2WS__ORIGINS_MAX; i++) {
    if (origins->at[i].name != NULL && origins->at[i].until > now &&
        strcmp(origins->at[i].name, name) == 0) {
      return true;
    }
  }
  return false;
}
