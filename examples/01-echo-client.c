/* 1. Connects, says hello, prints the answer. Argument: a URL. */
#include <h2ws/easy.h>
#include <stdio.h>

int main(int argc, char **argv) {
  h2ws_msg m;
  h2ws *c = h2ws_connect(argc > 1 ? argv[1] : "wss://localhost:8443/", NULL);
  if (h2ws_send_text(c, "hello") == 0 && h2ws_recv(c, &m, 5000) == 0) {
    printf("%s\n", m.data);
  } else {
    fprintf(stderr, "%s\n", h2ws_error(c));
  }
  return -h2ws_close(c);
}
