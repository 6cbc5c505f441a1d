/* A program outside the project that uses both libraries. */
#include <h2ws/event.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  h2ws_loop *loop = NULL;

  if (h2ws_loop_new(&loop, NULL) != 0) {
    return 1;
  }
  h2ws_loop_free(loop);
  if (strcmp(h2ws_version(), H2WS_VERSION) != 0) {
    return 1;
  }
  printf("%s\n", h2ws_version());
  return 0;
}
