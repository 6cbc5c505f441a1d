/* A program outside the project that uses the core. */
#include <h2ws/core.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  if (strcmp(h2ws_version(), H2WS_VERSION) != 0) {
    return 1;
  }
  printf("%s\n", h2ws_version());
  return 0;
}
